"""The registry of readings: that it is whole, sound and free of circles, and that a broken one is refused."""

import re
from pathlib import Path

import pytest

from weightfit import documents, paper
from weightfit.audit import registry
from weightfit.audit.references.sources import NAMES
from weightfit.audit.registry import decided_by, owner
from weightfit.errors import ContractError
from weightfit.formula.evaluation import leaves

ROOT = documents.ROOT
OTHER_FORM = {"S2.1.trim_each", "F2.p_low", "F2.p_high", "A1.F_lo", "A1.F_hi", "S3.4.n_A"}
"""Restatements that tell the trim by its edges, and one that says "in-band" where its original says "clean"."""

WEIGHTS = ("pythia-weights", "pythia-trajectory", "cohort-weights", "qwen-weights")


def add(table: Path, *cells: str) -> None:
    table.write_text(table.read_text(encoding="utf-8") + "\t".join(cells) + "\n", encoding="utf-8")


def test_every_number_that_needs_no_weights_has_readings():
    rows = paper.reported()
    found = registry.read()
    assert list(found) == [key for key in rows if key in found]
    for row in rows.values():
        if row.restates is None and row.needs not in WEIGHTS:
            assert row.id in found, f"{row.id}: {row.definition}"


def test_a_restatement_has_the_readings_of_its_original():
    found = registry.read()
    rows = paper.reported()
    assert {key for key in found if rows[key].restates} == OTHER_FORM
    for row in rows.values():
        expected = row.id if row.id in OTHER_FORM or row.restates is None else row.restates
        assert owner(found, row.id) == expected


def test_readings_are_named_once_and_evaluated_or_explained():
    for readings in registry.read().values():
        for row in readings:
            assert (row.value is None) == (row.evidence is None)
            assert re.search(r"[.\])]$", row.note), row


def test_nothing_decides_itself():
    for key, readings in registry.read().items():
        assert key not in decided_by(readings), key


def test_nothing_that_the_paper_prints_is_typed_into_a_formula():
    """A printed number of several digits is referred to, not copied: numbers in formulas are small integers."""
    for readings in registry.read().values():
        for row in readings:
            bare = re.sub(r'"[^"]*"', "", row.value or "")
            bare = re.sub(r"(trim|probability|step|printed_step|series|row|block)=[0-9.]+", "", bare)
            assert set(re.findall(r"(?<![\w.])\d+(?:\.\d+)?", bare)) <= {"0", "1", "2", "3", "4", "10"}, row


def squeezed(text: str) -> str:
    return re.sub(r"[\s*]", "", text).casefold()


def test_what_is_listed_stands_in_the_paper(shared):
    text = squeezed((shared / "paper/paper.md").read_text(encoding="utf-8"))
    for readings in registry.read().values():
        for row in readings:
            for leaf in leaves(row.value, NAMES) if row.value else ():
                for item in leaf.arguments if leaf.name == "listed" else ():
                    assert squeezed(str(item)) in text, (row.id, item)


def test_the_headings_of_the_limitations_are_all_there_are(shared):
    text = (shared / "paper/paper.md").read_text(encoding="utf-8")
    section = text[text.index("6 Limitations and Future Work") : text.index("A Theory Details")]
    (row,) = registry.read()["S6.n_limits"]
    (leaf,) = leaves(row.value, NAMES)
    assert tuple(re.findall(r"^([^.\n|$]{5,40})\. [A-Z]", section, re.MULTILINE)) == leaf.arguments


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (("Z9.none", "literal", "arithmetic", "1", "", "Note."), r"id Z9\.none, reading literal: .* no such id"),
        (("T1.k80.median", "literal", "arithmetic", "", "", "Note."), "evidence and value go together"),
        (("T1.k80.median", "literal", "", "1", "", "Note."), "evidence and value go together"),
        (("T1.k80.median", "literal", "", "", "1", "Note."), "evidence and value go together"),
        (("T1.k80.median", "literal", "rumour", "1", "", "Note."), "'rumour' is not one of"),
        (("T1.k80.median", "Not A Slug", "arithmetic", "1", "", "Note."), "'Not A Slug' does not match"),
        (("T1.k80.median", "literal", "arithmetic", "1 +", "", "Note."), "reading literal: formula '1 \\+'"),
        (("T1.k80.median", "literal", "arithmetic", 'prinnted("A1.k0")', "", "Note."), "there is no 'prinnted'"),
        (("T1.k80.median", "literal", "arithmetic", "1", "open(1)", "Note."), "there is no 'open'"),
        (("A1.k0", "quadrature", "arithmetic", "1", "", "Note."), "already stands in line"),
    ],
)  # fmt: skip
def test_a_broken_row_is_refused(copied_paper, cells, message):
    add(copied_paper / "readings.tsv", *cells)
    with pytest.raises(ContractError, match=message):
        registry.read()


def test_a_circle_is_refused(copied_paper):
    table = copied_paper / "readings.tsv"
    add(table, "T1.k80.median", "by-the-gap", "arithmetic", 'printed("F5.gap_mean") + 1', "", "Note.")
    assert registry.read()
    # A restatement of its original is the same number, and a pattern names all that fit it.
    add(
        table, "S3.2.gap_mean", "by-the-medians", "arithmetic", 'sum(printed_all("T1.*.median"))', "", "Note."
    )
    registry._read.cache_clear()
    with pytest.raises(ContractError, match=r"S3\.2\.gap_mean, .*T1\.k80\.median are decided by one another"):
        registry.read()
