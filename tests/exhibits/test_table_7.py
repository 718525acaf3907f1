"""Table 7: which blocks are shallow, what the thresholds make of them, and whose second mode is told."""

from dataclasses import replace

import pytest
from exhibit_maker import make
from planted_fits import FACTS, request, write

from weightfit import table
from weightfit.exhibits.tables import table_7

KEY = "qwen2-7b"
MATRIX = {
    "step": 1,
    "n": 100,
    "shape": 1.1,
    "shape_se": 0.01,
    "shape_null": 1.2054,
    "shape_uncentred": None,
    "shape_uncentred_se": None,
    "dip": 0.001,
    "dip_null": 0.0005,
    "dip_critical": 0.01,
    "bimodal": False,
    "small_share": None,
    "small_share_se": None,
    "small_centre": None,
    "small_centre_se": None,
    "small_spread": None,
    "small_spread_se": None,
}


def matrix(block, component, **changes):
    return {"entry": f"own-{KEY}", "block": block, "component": component} | MATRIX | changes


def blocks(last, changes):
    """Return gate, up and down of blocks 0 to ``last``; the shapes of gate are 1.00, 1.01, 1.02, ..."""
    rows = [
        matrix(block, component, **({"shape": 1 + block / 100} if component == "gate" else {}))
        for block in range(last + 1)
        for component in ("gate", "up", "down")
    ]
    return [row | changes.get((row["block"], row["component"]), {}) for row in rows]


@pytest.fixture
def told(tmp_path):
    """Return a function that makes the table of one entry; it returns the rows by reading, and what is said."""
    planted = [
        (fraction, -3.0, spread, 1.2 - 2 * fraction, 10 / fraction)
        for spread in (0.3, 0.6, 1.0)
        for fraction in (0.05, 0.1, 0.2, 0.3)
    ]
    names = ("fraction", "centre", "spread", "shape", "weights_needed")
    rows = [dict(zip(names, row, strict=True)) for row in (*planted, (0.5, -1.0, 0.3, 0.63, None))]
    write(tmp_path, "calibration", [row | {"shape_null": 1.2, "dip": 0} for row in rows])

    def run(matrices, own=None, exclude=None):
        write(tmp_path, "bimodality", matrices)
        asked = request(tmp_path, "table_7", [KEY], stand_in=True)
        entries = {f"own-{KEY}": FACTS | {"paper_entry": KEY, "stand_in": True, "exclude": exclude or {}}}
        asked = replace(asked, entries=entries, cohort=dict(asked.cohort) | {"blocks": own or {}})
        return {row["shallow"]: row for row in table_7.rows(asked)}, make(asked)

    return run


def test_a_low_first_block_makes_a_regime_under_one_reading_only(told):
    found, _ = told(blocks(27, {(0, "up"): {"shape": 0.5, "shape_se": 0.002}}))
    literal, other = found["0-5"], found["1-6"]
    assert (literal["shallow_min"], literal["shallow_min_se"]) == (0.5, 0.002)
    assert (literal["shallow_min_matrix"], literal["regime"]) == ("up of block 0", "B")
    assert (other["shallow_min"], other["regime"]) == (1.01, "A")
    # Gates of blocks 0-5, 1-6 and 10-27.
    assert [row["shallow_median"] for row in found.values()] == pytest.approx([1.025, 1.035])
    assert literal["deep_median"] == pytest.approx(1.185)
    assert (literal["shallow_matrices"], literal["deep_matrices"], literal["blocks"]) == (18, 54, 28)
    assert literal["regime_null"] == other["regime_null"] == "A"


@pytest.mark.parametrize(
    ("least", "regime"), [(1.0, "A"), (0.9999, "between"), (0.7001, "between"), (0.7, "B")]
)
def test_the_printed_thresholds_belong_to_their_regimes(told, least, regime):
    found, _ = told(blocks(11, {(3, "down"): {"shape": least}}))
    assert {row["regime"] for row in found.values()} == {regime}


def test_the_cohort_says_which_of_its_blocks_are_meant(told):
    found, said = told(blocks(4, {(3, "gate"): {"shape": 0.4}}), own={0: 0, 1: 1, 5: 2, 6: 2, 10: 3})
    assert [row["shallow_matrices"] for row in found.values()] == [9, 6]
    assert found["0-5"]["regime"] == "A"
    assert found["0-5"]["deep_median"] == pytest.approx((0.4 + 1.04) / 2)
    assert "0-2 for 0-5, 1-2 for 1-6; deep: from 3 on" in said


def test_the_second_mode_is_that_of_the_matrix_with_the_largest_dip(told):
    second = {"dip": 0.05, "bimodal": True, "small_share": 0.1, "small_share_se": 0.001}
    larger = second | {"dip": 0.06, "small_share": 0.12}
    found, _ = told(blocks(11, {(1, "up"): second, (2, "gate"): larger, (11, "up"): second}))
    row = found["0-5"]
    assert (row["shallow_dip"], row["shallow_small_share"], row["shallow_bimodal"]) == (0.06, 0.12, 2)
    assert row["deep_bimodal"] == 1
    (shown,) = table_7.displayed(list(found.values()))
    assert shown["small_share"].startswith("0.1200 ± 0.0010 / ")
    assert shown["bimodal"].startswith("2 of 18 / ")
    assert shown["row"] == "Qwen2-7B"


def test_what_is_left_out_leaves_empty_cells(told):
    gates_gone = [row for row in blocks(4, {}) if row["component"] != "gate"]
    found, said = told(gates_gone, exclude={"gate": "merged elsewhere"})
    row = found["0-5"]
    assert (row["shallow_median"], row["shallow_median_null"], row["shallow_min"]) == (None, None, 1.1)
    assert (row["deep_median"], row["deep_matrices"]) == (None, 0)
    assert "merged elsewhere" in said
    found, _ = told([matrix(11, "gate")])
    row = found["0-5"]
    assert (row["shallow_min"], row["regime"], row["shallow_dip"]) == (None, None, None)
    assert (row["shallow_bimodal"], row["deep_median"]) == (0, 1.1)
    assert table_7.displayed([row])[0]["shallow_min"] == "–"


def test_the_calibration_is_read_at_the_printed_thresholds(told):
    # Planted shapes fall by 2 per unit of share from 1.2: 1.0 at 0.1, 0.7 at 0.25.
    _, said = told(blocks(11, {}))
    assert "to 1.0 with 10.0 to 10.0 % of all weights, and to 0.7 with 25.0 to 25.0 %" in said
    assert "the lowest shape is 0.63" in said


def test_the_tables_are_those_of_the_contracts():
    assert set(MATRIX) | {"entry", "block", "component"} == set(table.arrow_schema("bimodality").names)
