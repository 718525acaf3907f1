"""Moments against numpy, scipy and the sorted formula; their standard errors against simulation."""

import math
from dataclasses import astuple, fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from weightfit.counts import histogram
from weightfit.counts.histogram import histogram_of
from weightfit.errors import DegenerateHistogram
from weightfit.fits.moments import QUANTILES, Moments, moments
from weightfit.weights.planted_laws import StudentT

NAMES = [field.name for field in fields(Moments)]


def by_numpy(weights: np.ndarray) -> dict[str, float]:
    """Compute every moment weight by weight."""
    wide = weights.reshape(-1).astype(np.float64)
    magnitude = np.abs(wide)
    n = wide.size
    return {
        "mean": wide.mean(),
        "standard_deviation": wide.std(),
        "mean_magnitude": magnitude.mean(),
        "standard_deviation_magnitude": magnitude.std(),
        "root_mean_square": math.sqrt(np.mean(wide**2)),
        "kurtosis": stats.kurtosis(wide),
        "kurtosis_magnitude": stats.kurtosis(magnitude),
        "maximum": magnitude.max(),
        **{name: np.quantile(magnitude, level) for name, level in QUANTILES.items()},
        "gini": (2 * np.arange(1, n + 1) - n - 1) @ np.sort(magnitude) / (n * magnitude.sum()),
        "zeros": np.mean(wide == 0),
    }


SAMPLES = {
    "gaussian": lambda random: 0.02 * random.standard_normal(5001),
    "student": lambda random: StudentT(4, 0.02).draw(random, 5001),
    "off centre": lambda random: random.standard_normal(2000) + 3,
    "exponential": lambda random: random.exponential(size=777),
    "with zeros": lambda random: random.standard_normal(3000) * (random.random(3000) < 0.7),
    "two": lambda random: np.array([1.0, -2.0]),
    "ties": lambda random: np.rint(3 * random.standard_normal(400)) + 0.5,
}


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_moments_are_those_of_every_weight(name, dtype):
    weights = SAMPLES[name](np.random.default_rng(31)).astype(dtype)
    values, errors = moments(histogram_of(weights))
    for key, expected in by_numpy(weights).items():
        assert getattr(values, key) == pytest.approx(expected, rel=1e-10, abs=1e-10), key
    assert all(error >= 0 and math.isfinite(error) for error in astuple(errors))


@given(hnp.arrays(np.int8, st.integers(2, 60)), st.floats(-30, 30).map(lambda power: 2.0**power))
def test_moments_of_small_matrices_with_any_ties(steps, unit):
    weights = (steps * unit).astype(np.float32)
    if np.unique(np.abs(weights)).size < 2:
        with pytest.raises(DegenerateHistogram):
            moments(histogram_of(weights))
        return
    values, _ = moments(histogram_of(weights))
    for key, expected in by_numpy(weights).items():
        power = 0 if key in ("kurtosis", "kurtosis_magnitude", "gini", "zeros") else 1
        scale = float(np.abs(weights).max()) ** power
        assert getattr(values, key) == pytest.approx(expected, rel=1e-8, abs=1e-8 * scale), key


def test_19_bit_bins_cost_little(monkeypatch):
    weights = StudentT(4, 0.02).draw(np.random.default_rng(32), 50_000).astype(np.float32)
    monkeypatch.setattr(histogram, "DISTINCT_LIMIT", 100)
    made = histogram_of(weights)
    assert made.exactness == "19bit"
    values, _ = moments(made)
    for key, expected in by_numpy(weights).items():
        exact = key in ("mean", "standard_deviation", "root_mean_square", "maximum", "zeros")
        tolerance = 1e-12 if exact else 2.0**-10
        assert getattr(values, key) == pytest.approx(expected, rel=tolerance, abs=1e-15), key


def test_a_weibull_law_and_a_half_normal_law_have_their_closed_forms(certified):
    n = 2_000_000
    probability = (np.arange(n) + 0.5) / n
    half, _ = moments(histogram_of(stats.halfnorm.ppf(probability).astype(np.float32)))
    assert half.gini == pytest.approx(math.sqrt(2) - 1, abs=1e-6)
    for name in ("mean_magnitude", "standard_deviation_magnitude", "q10", "q50", "q90", "q99", "q999"):
        assert getattr(half, name) == pytest.approx(certified["half_normal"][name], rel=3e-5), name
    assert half.kurtosis_magnitude == pytest.approx(certified["half_normal"]["kurtosis_magnitude"], abs=1e-3)
    weibull, _ = moments(histogram_of(stats.weibull_min(1.5, scale=0.02).ppf(probability).astype(np.float32)))
    assert weibull.gini == pytest.approx(1 - 2 ** (-1 / 1.5), abs=1e-6)
    assert weibull.mean_magnitude == pytest.approx(0.02 * math.gamma(1 + 1 / 1.5), rel=1e-6)


@pytest.mark.parametrize("name", ["gaussian", "exponential"])
def test_standard_errors_are_the_spread_of_simulated_moments(name):
    found, errors = [], []
    for replicate in range(800):
        random = np.random.default_rng([33, replicate])
        weights = random.standard_normal(4000) if name == "gaussian" else random.exponential(size=4000)
        weights[random.random(4000) < 0.03] = 0.0
        value, error = moments(histogram_of(weights.astype(np.float32)))
        found.append(astuple(value))
        errors.append(astuple(error))
    ratio = dict(zip(NAMES, np.mean(errors, axis=0) / np.std(found, axis=0, ddof=1), strict=True))
    off = {key: round(float(value), 3) for key, value in ratio.items() if abs(value - 1) > 0.12}
    # A kurtosis needs more weights than these before its error is known to a tenth.
    heavy = {"kurtosis", "kurtosis_magnitude"} if name == "exponential" else set()
    assert off.keys() <= heavy, off
    assert all(0.6 < value < 1.4 for value in ratio.values())


def test_the_errors_of_smooth_statistics_hold_with_heavy_ties():
    names = ("mean_magnitude", "root_mean_square", "kurtosis", "kurtosis_magnitude", "gini", "zeros")
    found, errors = [], []
    for replicate in range(800):
        weights = np.rint(1.2 * np.random.default_rng([35, replicate]).standard_normal(2000))
        value, error = moments(histogram_of(weights.astype(np.float32)))
        found.append([getattr(value, name) for name in names])
        errors.append([getattr(error, name) for name in names])
    np.testing.assert_allclose(np.mean(errors, axis=0) / np.std(found, axis=0, ddof=1), 1, atol=0.08)


@pytest.mark.parametrize("values", [[0.0], [0.1], [0.0, -0.0], [1.0, -1.0], [-3.0]])
def test_magnitudes_that_are_all_equal_are_refused(values):
    with pytest.raises(DegenerateHistogram, match=r"block 1, o: .*exclude the matrix"):
        moments(histogram_of(np.array(values * 50, np.float32)), "block 1, o")
