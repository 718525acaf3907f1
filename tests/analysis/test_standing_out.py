"""What stands out: planted faults are named in the first lines, and Gaussian models give no alarm."""

import numpy as np
import pytest

import weightfit
from weightfit.analysis import text
from weightfit.analysis.standing_out import FAR, RULES, greatest_ratio, least_r_squared, standing_out

BLOCKS, SIDE = 12, 96
KINDS = {"q": "attn_q", "k": "attn_k", "v": "attn_v", "o": "attn_output", "gate": "ffn_gate", "up": "ffn_up"}
KINDS |= {"down": "ffn_down"}


def model(seed: int = 3, blocks: int = BLOCKS) -> dict[str, np.ndarray]:
    """Gaussian weights under the names of a GGUF file; every kind has a scale of its own."""
    random = np.random.default_rng(seed)
    return {
        f"blk.{block}.{name}.weight": random.normal(0, 0.02 + 0.01 * number, (SIDE, SIDE)).astype(np.float32)
        for block in range(blocks)
        for number, name in enumerate(KINDS.values())
    }


def named(arrays: dict[str, np.ndarray]) -> list[tuple[str, str, int]]:
    return [(one.rule, one.component, one.block) for one in weightfit.analyze(arrays).standing_out]


def test_gaussian_models_give_no_alarm():
    alarms = [named(model(seed)) for seed in range(5)]
    assert alarms == [[]] * 5  # 420 matrices, each asked in four ways
    found = weightfit.analyze(model())
    assert found.headline == f"Nothing stands out among the {BLOCKS * len(KINDS)} matrices."
    assert found.outliers.empty


def laplace(random: np.random.Generator) -> np.ndarray:
    return random.laplace(0, 0.02, (SIDE, SIDE))


def with_outlier(random: np.random.Generator) -> np.ndarray:
    found = random.normal(0, 0.04, (SIDE, SIDE))
    found[5, 7] = 30 * np.quantile(np.abs(found), 0.99)
    return found


def of_two_populations(random: np.random.Generator) -> np.ndarray:
    found = random.normal(0, 0.04, (SIDE, SIDE))
    found[:30] *= 1e-4
    return found


def of_few_values(random: np.random.Generator) -> np.ndarray:
    return np.sign(random.normal(size=(SIDE, SIDE))) * (0.04 + 1e-4 * random.random((SIDE, SIDE)))


def pruned(random: np.random.Generator) -> np.ndarray:
    return random.normal(0, 0.04, (SIDE, SIDE)) * (random.random((SIDE, SIDE)) > 0.05)


@pytest.mark.parametrize(
    ("planted", "rule", "told"),
    [
        (laplace, "shape", "the shape differs from the other blocks in o of block 4"),
        (lambda random: random.normal(0, 0.4, (SIDE, SIDE)), "scale", "the scale differs"),
        (with_outlier, "tail", "the largest weight lies far outside in o of block 4"),
        (of_two_populations, "second population", "the magnitudes have a second mode in o of block 4"),
        (of_few_values, "no law", "no Weibull law fits in o of block 4"),
        (pruned, "zeros", "many weights are exactly zero in o of block 4"),
    ],
)
def test_a_planted_fault_is_named_in_the_first_lines(planted, rule, told):
    arrays = model()
    arrays["blk.4.attn_output.weight"] = planted(np.random.default_rng(8)).astype(np.float32)
    found = weightfit.analyze(arrays)
    assert {(one.component, one.block) for one in found.standing_out} == {("o", 4)}
    assert rule in {one.rule for one in found.standing_out}
    assert told in found.headline
    lines = list(text.lines(found))
    assert lines[1] == found.headline
    assert any("blk.4.attn_output.weight  o of block 4: " in line for line in lines[: len(KINDS) + 12])
    assert found.outliers["tensor"].unique().tolist() == ["blk.4.attn_output.weight"]


def row(block: int, shape: float, error: float = 0.001, **other: object) -> dict[str, object]:
    return {
        **{"component": "q", "block": block, "tensor": f"t{block}", "shape": shape, "shape_se": error},
        **{"scale": 1.0, "scale_se": 0.001, "r_squared": 0.999, "ratio": 2.0, "ratio_se": 0.1},
        **{"ratio_null": 2.0, "bimodal": False, "small_share": None, "zeros": 0.0, "dip": 0.0},
        **other,
    }


def test_a_shape_is_judged_by_the_scatter_of_its_kind_and_its_own_error():
    scattered = [1.0, 1.01, 0.99, 1.02, 0.98, 1.03, 0.97, 1.0]
    deviation = 1.4826 * 0.02  # the median of 0, 0, 0.01, 0.01, 0.02, 0.02, 0.03, 0.03 and the far one
    for far, error, expected in (
        (1 + 0.98 * FAR * deviation, 1e-6, False),
        (1 + 1.12 * FAR * deviation, 1e-6, True),
        (1 + 1.12 * FAR * deviation, deviation, False),
    ):
        rows = [row(block, shape, 1e-6) for block, shape in enumerate(scattered)] + [row(8, far, error)]
        assert [one.block for one in standing_out(rows)] == ([8] if expected else []), far


def test_few_blocks_borrow_the_scatter_of_all_kinds():
    kinds = [row(block, 1.1 + 0.01 * block, component=kind) for kind in "qkv" for block in range(4)]
    kinds += [row(block, shape, component="o") for block, shape in enumerate((1.0, 0.4, 1.01, 1.02))]
    assert [(one.component, one.block) for one in standing_out(kinds)] == [("o", 1)]
    assert standing_out(kinds[-4:]) == []  # four blocks of one kind do not tell what is usual


def test_where_no_law_fits_the_shape_is_not_read():
    rows = [row(block, 1.1 + 0.001 * (block % 3)) for block in range(9)]
    rows[4] |= {"shape": 0.4, "r_squared": least_r_squared() - 1e-6}
    (found,) = standing_out(rows)
    assert (found.rule, found.block, found.low) == ("no law", 4, least_r_squared())
    assert found.sentence == "no Weibull law fits, R² 0.9900; the others 0.9990 to 0.9990"


def test_a_tail_is_told_beyond_the_printed_ratios_or_where_it_has_grown():
    rows = [row(block, 1.1, ratio=2.0 + 0.1 * (block % 3)) for block in range(9)]
    assert standing_out(rows) == []
    rows[2]["ratio"] = 3.9  # far from the others, but not twice their median
    assert standing_out(rows) == []
    rows[2]["ratio"] = 4.5
    rows[3]["ratio"] = greatest_ratio() + 0.1
    assert [(one.rule, one.block) for one in standing_out(rows)] == [("tail", 2), ("tail", 3)]


def test_a_quantised_format_has_levels_and_zeros_of_its_own():
    assert standing_out([row(block, 1.1, dip=None, bimodal=None, zeros=0.2) for block in range(9)]) == []


def test_every_rule_is_in_the_published_schema():
    import yaml

    from weightfit.documents import schema

    law = yaml.safe_load(schema("analysis").read_text(encoding="utf-8"))
    rules = law["properties"]["standing_out"]["items"]["properties"]["rule"]["enum"]
    assert rules == list(RULES)
