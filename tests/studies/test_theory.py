"""What needs no weights: against values that mpmath certifies, and the laws of their table."""

import numpy as np
import pytest
from scipy import stats

from weightfit import table
from weightfit.fits.probability_plot import Magnitudes, fit
from weightfit.studies.theory import (
    DEGREES,
    SAMPLES,
    TRIMS,
    equalising_edges,
    least_noisy_probability,
    ordinate_variance,
    theory,
)


def test_the_noise_of_the_ordinate(certified):
    values = certified["ordinate_noise"]
    # A minimum is flat: its place is known to the root of the precision only.
    assert least_noisy_probability() == pytest.approx(values["least_noisy_probability"], abs=1e-7)
    assert ordinate_variance(least_noisy_probability()) == pytest.approx(values["least_variance"], rel=1e-13)
    for trim in ("0.80", "0.90"):
        low, high = equalising_edges(float(trim))
        assert low == pytest.approx(values[f"lower_equalising_edge_{trim}"], rel=1e-10)
        assert high == pytest.approx(values[f"upper_equalising_edge_{trim}"], rel=1e-10)
        assert ordinate_variance(low) == pytest.approx(ordinate_variance(high), rel=1e-8)


def test_the_variance_of_the_ordinate_is_that_of_simulated_ranks():
    n = 4_001
    sorted_uniform = np.sort(np.random.default_rng(61).random((800, n)), axis=1)
    for probability in (0.1, 0.5, 0.9):
        y = np.log(-np.log1p(-sorted_uniform[:, round(probability * n)]))
        assert n * y.var() == pytest.approx(ordinate_variance(probability), rel=0.15)


@pytest.fixture(scope="module")
def made():
    rows = theory()
    return table.of_rows("theory", rows).to_pylist()


def test_the_table_of_theory(made, certified):
    values = certified["ordinate_noise"] | certified["half_normal"]
    keyed = {
        (row["quantity"], row["trim"]): row
        for row in made
        if row["quantity"] != "relative_variance" and row["degrees"] is None and row["n"] is None
    }
    for trim in TRIMS:
        for name in ("shape", "scale", "r_squared"):
            found = keyed[f"half_normal_{name}", trim]["value"]
            assert found == pytest.approx(values[f"{name}_{trim:.2f}"], rel=1e-12)
    gap = values["shape_0.80"] - values["shape_1.00"]
    assert keyed["half_normal_gap", None]["value"] == pytest.approx(gap, rel=1e-11)
    for trim in TRIMS[:2]:
        for side in ("lower", "upper"):
            row = keyed[f"{side}_edge_variance", trim]
            assert row["value"] == pytest.approx(values[f"{side}_edge_variance_{trim:.2f}"], rel=1e-10)
            assert row["probability"] == pytest.approx((1 - trim) / 2 if side == "lower" else (1 + trim) / 2)
            row = keyed[f"{side}_equalising_edge", trim]
            assert row["probability"] == pytest.approx(
                values[f"{side}_equalising_edge_{trim:.2f}"], rel=1e-10
            )
        edges = [keyed[f"{side}_equalising_edge", trim]["value"] for side in ("lower", "upper")]
        assert edges[0] == pytest.approx(edges[1], rel=1e-8)
    assert len(keyed) == 1 + 3 * len(TRIMS) + 4 * 2 + 1
    curve = {row["probability"]: row["value"] for row in made if row["quantity"] == "relative_variance"}
    assert min(curve.values()) >= 1
    assert min(curve, key=curve.__getitem__) == pytest.approx(values["least_noisy_probability"], abs=0.003)


def test_every_row_says_where_it_holds_and_nothing_else(made):
    places = {"student_t_shape": {"trim", "degrees"}, "student_t_gap": {"degrees"},
              "finite_half_normal_shape": {"trim", "n"}}  # fmt: skip
    for row in made:
        given = {name for name in ("trim", "probability", "degrees", "n") if row[name] is not None}
        if row["quantity"] in places:
            assert given == places[row["quantity"]], row
        else:
            assert not given & {"degrees", "n"}, row
    assert {row["degrees"] for row in made} == {None, *DEGREES}
    assert {row["n"] for row in made} == {None, *SAMPLES}


def test_shapes_and_gaps_of_student_t_are_those_of_the_estimator(made):
    """Half a million exact quantiles under the estimator of the fits, not under an integral."""
    n = 500_000
    above = (n - np.arange(1, n + 1) + 0.5) / n
    for degrees in (DEGREES[0], DEGREES[5], DEGREES[-1]):
        value = np.sort(stats.t.isf(above / 2, degrees))
        shapes = [one.shape for one in fit(Magnitudes(value, np.ones(n, np.int64), n), TRIMS)]
        own = {(row["quantity"], row["trim"]): row["value"] for row in made if row["degrees"] == degrees}
        for trim, shape in zip(TRIMS, shapes, strict=True):
            assert own["student_t_shape", trim] == pytest.approx(shape, abs=2e-5 if trim == 1 else 1e-7)
        assert own["student_t_gap", None] == pytest.approx(shapes[0] - shapes[-1], abs=2e-5)


def test_lighter_tails_raise_the_shape_towards_that_of_gaussian_weights(made):
    gaussian = {row["trim"]: row["value"] for row in made if row["quantity"] == "half_normal_shape"}
    for trim in TRIMS:
        shapes = [
            row["value"] for row in made if row["quantity"] == "student_t_shape" and row["trim"] == trim
        ]
        assert shapes == sorted(shapes)
        assert len(shapes) == len(DEGREES)
        # The shape falls short of its limit by about a constant over the degrees of freedom.
        short = gaussian[trim] - np.array(shapes[-2:])
        assert short[0] / short[1] == pytest.approx(DEGREES[-1] / DEGREES[-2], rel=0.02)


def test_a_heavier_tail_does_not_widen_the_gap_between_trims(made):
    """The gap is widest for Gaussian weights, so that a gap as such is no measure of a heavy tail."""
    (gaussian,) = (row["value"] for row in made if row["quantity"] == "half_normal_gap")
    gaps = {row["degrees"]: row["value"] for row in made if row["quantity"] == "student_t_gap"}
    assert max(gaps.values()) < gaussian
    assert min(gaps, key=gaps.__getitem__) == 4


def test_finitely_many_gaussian_weights_differ_at_trim_one_alone(made):
    limit = {row["trim"]: row["value"] for row in made if row["quantity"] == "half_normal_shape"}
    finite = {
        (row["n"], row["trim"]): row["value"] for row in made if row["quantity"] == "finite_half_normal_shape"
    }
    assert len(finite) == len(SAMPLES) * len(TRIMS)
    for (n, trim), shape in finite.items():
        if trim < 1:
            assert shape == pytest.approx(limit[trim], abs=1 / n**2 + 1e-13)
        else:
            assert 0.5 / n < shape - limit[trim] < 1.3 / n
    value = stats.halfnorm.ppf((np.arange(1, 1001) - 0.5) / 1000)
    (one,) = fit(Magnitudes(value, np.ones(1000, np.int64), 1000), [1.00])
    assert finite[1000, 1.00] == pytest.approx(one.shape, rel=1e-12)
