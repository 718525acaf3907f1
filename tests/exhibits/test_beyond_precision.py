"""The exhibits of number formats: medians and ranges over blocks, and the matrices that a format alone moves."""

import pytest
from exhibit_maker import make, request
from full_cohort import COHORT

from weightfit import paper, table
from weightfit.exhibits.figures import beyond_precision
from weightfit.exhibits.stored import made_regime_b
from weightfit.exhibits.tables import beyond_precision_table

SHAPES = {"F32": (1.2, 1.1, 0.6), "Q4_0": (0.5, 1.0, 0.4)}


def row(form, block, trim, protocol, **changes):
    return {
        "entry": "minilm",
        "step": None,
        "block": block,
        "component": "q",
        "law": None,
        "degrees": None,
        "format": form,
        "protocol": protocol,
        "trim": trim,
        "n": 1024,
        "zeros": 0.1 * block if form == "Q4_0" else 0.0,
        "mean": 1e-3,
        "shape": SHAPES[form][block] + (0.2 if protocol == "uncentred" else 0),
        "shape_se": 0.01,
        "shape_null": 1.2,
        "shape_law": None,
    } | changes


def rows(**changes):
    return [
        row(form, block, trim, protocol, **changes)
        for form in SHAPES
        for protocol in ("centred", "uncentred")
        for trim in (0.8, 0.9, 1.0)
        for block in range(3)
    ]


@pytest.fixture
def asked(tmp_path):
    table.write(tmp_path / "precision.parquet", "precision", table.of_rows("precision", rows()), {})
    return {
        label: request(label, tmp_path, tmp_path / "out", {}, COHORT)
        for label in ("beyond_precision", "beyond_precision_table")
    }


def test_a_matrix_is_counted_if_the_format_alone_makes_regime_b():
    found = [one for one in rows() if one["trim"] == 0.8 and one["protocol"] == "centred"]
    stored = [one for one in found if one["format"] == "Q4_0"]
    # Block 0 falls from above the threshold; block 1 stays above; block 2 was below before.
    assert made_regime_b(stored, found, 0.7) == 1
    assert made_regime_b(stored, found, 0.5) == 2
    assert made_regime_b(stored, found, 0.49) == 1


def test_the_figure_shows_medians_and_ranges(asked):
    found = beyond_precision.rows(asked["beyond_precision"])
    (one,) = [
        one
        for one in found
        if (one["panel"], one["format"], one["protocol"]) == ("model 0.80", "Q4_0", "centred")
    ]
    assert (one["value"], one["low"], one["high"], one["matrices"]) == (0.5, 0.4, 1.0, 3)
    assert one["printed"] == paper.printed("C2.thr_B")
    (zeros,) = [one for one in found if one["panel"] == "model zeros" and one["format"] == "Q4_0"]
    assert (zeros["value"], zeros["low"], zeros["high"]) == pytest.approx((0.1, 0.0, 0.2))


def test_the_table_says_what_it_counts(asked):
    _, other = beyond_precision_table.rows(asked["beyond_precision_table"])
    assert (other["shape_80"], other["uncentred_80"], other["made_regime_b_80"]) == pytest.approx(
        (0.5, 0.7, 1)
    )
    shown = beyond_precision_table.display(other)
    assert shown["shape_80"] == "0.5000 [0.4000, 1.0000]"
    assert shown["made_regime_b"] == "1 / 1 / 1 of 3"
    assert shown["law"] == "–"


def test_a_cohort_without_the_model_says_so(tmp_path):
    law = {"entry": None, "block": None, "component": None, "law": "gaussian", "shape_law": 1.2}
    drawn = [one | law | {"step": None} for one in rows() if one["block"] == 0]
    table.write(tmp_path / "precision.parquet", "precision", table.of_rows("precision", drawn), {})
    told = make(request("beyond_precision_table", tmp_path, tmp_path, {}, COHORT))
    assert "This cohort stores no matrix of minilm in other formats." in told
    make(request("beyond_precision", tmp_path, tmp_path, {}, COHORT))
    shown = (tmp_path / "beyond_precision.svg").read_text(encoding="utf-8")
    assert "This cohort stores no matrix of it in other formats." in shown
