"""Which steps and matrices are read: ends and milestones, without what is excluded, nothing twice, nothing lost."""

import numpy as np
import pytest
from counted_entries import count, fits_of, shapes

from weightfit.errors import ContractError
from weightfit.studies.stage import read_stages, stages

STEPS = {"b": [0, 3, 5, 9], "a": [2, 9], "none": [None]}
EXCLUDED = {"b": {"1.v": "for a test"}}
MILESTONES = [9, 3, 100]


def draw(*seed):
    random = np.random.default_rng([210, *seed])
    return {
        (block, name): random.standard_normal(shape).astype(np.float16)
        for block in range(2)
        for name, shape in shapes(8, 12).items()
    }


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stage")
    parts = [
        count(folder, entry, {step: draw(i, step or 0) for step in steps})
        for i, (entry, steps) in enumerate(STEPS.items())
    ]
    return fits_of(parts, EXCLUDED), parts


def test_the_ends_and_the_milestones_of_each_entry(cohort):
    fits, _ = cohort
    found = stages(fits, MILESTONES)
    assert [(one.entry, one.step, one.terminal) for one in found] == [
        ("b", 0, False),
        ("b", 3, False),
        ("b", 9, True),
        ("a", 2, False),
        ("a", 9, True),
        ("none", None, True),
    ]
    everything = {(block, name) for block in range(2) for name in shapes(8, 12)}
    assert all(one.matrices == everything - {(1, "v")} for one in found if one.entry == "b")
    assert all(one.matrices == everything for one in found if one.entry != "b")
    assert [one.step for one in stages(fits, [])] == [0, 9, 2, 9, None]


def test_stages_are_read_block_by_block_in_the_order_of_the_parts(cohort):
    fits, parts = cohort
    chosen = stages(fits, MILESTONES)
    read = list(read_stages(parts[::-1], chosen))
    assert [(stage.entry, stage.step, block) for stage, block, _ in read] == [
        (entry, step, block)
        for entry, steps in (("none", [None]), ("a", [2, 9]), ("b", [0, 3, 9]))
        for step in steps
        for block in range(2)
    ]
    for stage, block, found in read:
        assert {(block, name) for name in found} == {key for key in stage.matrices if key[0] == block}
    only = [stage for stage in chosen if stage.entry == "a" and stage.terminal]
    assert [(stage, block) for stage, block, _ in read_stages(parts, only)] == [(only[0], 0), (only[0], 1)]


def test_a_fitted_matrix_without_its_histogram_is_named(cohort):
    fits, parts = cohort
    with pytest.raises(ContractError, match="a: step 2, block 0, down is fitted, but no histogram"):
        list(read_stages([parts[0], parts[2]], stages(fits, [])))
