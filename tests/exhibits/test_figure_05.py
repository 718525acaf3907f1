"""Figure 5: which numbers stand behind it."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from exhibit_maker import make
from planted_fits import request, write
from scipy.stats import halfnorm, t

from weightfit.exhibits.figures import figure_05
from weightfit.studies.theory import theory

TRIMS = (0.80, 0.90, 1.00)


def summary(entry, stage, kind, trim, shape, error):
    return {
        "entry": entry,
        "stage": stage,
        "step": 0 if stage == "initial" else 9,
        "kind": kind,
        "trim": trim,
        "matrices": 12,
        "shape_median": shape,
        "shape_median_se": error,
        "shape_mean": shape,
        "shape_low": shape,
        "shape_high": shape,
        "shape_null": 1.25 - trim / 10,
        "r_squared_low": 0.99,
    }


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Return the rows for one entry with two steps, and one that has a last step of one matrix only."""
    folder = tmp_path_factory.mktemp("figure")
    write(
        folder,
        "ablation",
        [
            summary(f"own-{key}", stage, kind, trim, shape, error)
            for key, stage, error in (
                ("pythia-70m", "initial", 0.03),
                ("pythia-70m", "terminal", 0.03),
                ("olmo-1-7b", "terminal", None),
            )
            for kind in ("ffn", "transmission")
            for trim, shape in zip(TRIMS, (1.19, 1.18, 1.15), strict=True)
        ],
    )
    write(folder, "theory", theory())
    asked = request(folder, "figure_05", ["pythia-70m", "olmo-1-7b"])
    make(asked)
    with Path(asked.paths["csv"]).open(encoding="utf-8") as stream:
        written = list(csv.DictReader(stream))
    found = figure_05.rows(asked)
    assert len(written) == len(found)
    return found


def test_a_gap_is_the_shape_at_the_narrowest_trim_less_that_at_the_widest(rows):
    gaps = [row for row in rows if row["panel"] == "gap"]
    assert len(gaps) == 6
    for row in gaps:
        assert row["value"] == pytest.approx(0.04)
        assert row["value_null"] == pytest.approx(0.02)
    assert {row["value_se"] for row in gaps if row["entry"] == "own-olmo-1-7b"} == {None}
    (error,) = {row["value_se"] for row in gaps if row["entry"] == "own-pythia-70m"}
    assert error == pytest.approx(math.sqrt(2) * 0.03)


def test_an_entry_of_one_step_has_no_first_one(rows):
    stages = {(row["entry"], row["stage"], row["step"]) for row in rows if row["panel"] == "ffn"}
    assert stages == {
        ("own-pythia-70m", "initial", 0),
        ("own-pythia-70m", "terminal", 9),
        ("own-olmo-1-7b", "terminal", 9),
    }


def shape_of(law):
    """Fit a straight line through fine quantiles of a law's magnitudes, at trim 0.80."""
    places = 0.1 + 0.8 * (np.arange(4000) + 0.5) / 4000
    return np.polyfit(np.log(law(places)), np.log(-np.log1p(-places)), 1)[0]


def test_the_curve_of_student_t_starts_at_gaussian_weights(rows):
    curve = {
        row["degrees"]: row["value"] for row in rows if (row["panel"], row["series"]) == ("student_t", "0.80")
    }
    assert max(curve) == math.inf
    assert curve[math.inf] == pytest.approx(shape_of(halfnorm.ppf), abs=1e-4)
    assert curve[5] == pytest.approx(shape_of(lambda place: t(5).ppf(0.5 + place / 2)), abs=1e-4)


def test_the_gap_of_student_t_is_the_difference_of_its_shapes(rows):
    curves = {}
    for row in rows:
        if row["panel"] == "student_t":
            curves.setdefault(row["degrees"], {})[row["series"]] = row["value"]
    for found in curves.values():
        assert found["student_t gap"] == pytest.approx(found["0.80"] - found["1.00"])
