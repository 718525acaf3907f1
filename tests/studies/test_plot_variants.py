"""Other lines through the same magnitudes, against numpy on every single weight and against the paper's estimator."""

from fractions import Fraction

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import halfnorm

from weightfit.fits.line import line_through
from weightfit.fits.null import GaussianMixture, released_null
from weightfit.fits.population import half_normal_log_quantile, population_fit
from weightfit.fits.probability_plot import Magnitudes, fit
from weightfit.fits.released import EDGES
from weightfit.studies.plot_variants import (
    EXACT,
    HAZEN,
    POSITIONS,
    at_position,
    counted_bins,
    equal_bins,
    equal_bins_null,
    gaussian_magnitudes,
    inverse_variance,
    log_bins,
    points,
    x_on_y,
)

FORMULAS = {
    "i/n": lambda i, n: i / n,
    "i/(n + 1)": lambda i, n: i / (n + 1),
    "(i - 0.3)/(n + 0.4)": lambda i, n: (i - 0.3) / (n + 0.4),
    "(i - 0.375)/(n + 0.25)": lambda i, n: (i - 0.375) / (n + 0.25),
}
TRIMS = (0.80, 0.90, 1.00)


def tied(seed, n=5000):
    """Draw weights with many ties and zeros, folded; return each and the distinct ones with counts."""
    weights = np.abs(np.random.default_rng([310, seed]).standard_t(6, n).round(2))
    value, count = np.unique(weights, return_counts=True)
    return np.sort(weights), Magnitudes(value, count.astype(np.int64), n)


def every_point(weights, formula, trim):
    """Return ln w, ln(-ln(1 - F)) and F of every single weight inside the trim."""
    n = weights.size
    probability = formula(np.arange(1, n + 1), n)
    margin = (1 - trim) / 2
    inside = (probability >= margin) & (probability <= 1 - margin) & (probability < 1) & (weights > 0)
    return np.log(weights[inside]), np.log(-np.log1p(-probability[inside])), probability[inside]


@pytest.mark.parametrize("trim", TRIMS)
def test_the_plot_is_that_of_the_papers_estimator(trim):
    _, sample = tied(1)
    plot = points(sample, trim)
    line = line_through(plot.x, plot.y * plot.count, plot.count)
    (expected,) = fit(sample, [trim])
    assert line.shape == pytest.approx(expected.shape, rel=1e-12)
    assert line.scale == pytest.approx(expected.scale, rel=1e-12)
    assert line.r_squared == pytest.approx(expected.r_squared, rel=1e-12)


@pytest.mark.parametrize("name", POSITIONS)
@pytest.mark.parametrize("trim", TRIMS)
def test_another_position_is_a_regression_over_every_single_weight(name, trim):
    weights, sample = tied(2)
    x, y, _ = every_point(weights, FORMULAS[name], trim)
    assert at_position(POSITIONS[name])(sample, trim) == pytest.approx(np.polyfit(x, y, 1)[0], rel=1e-9)


@pytest.mark.parametrize("trim", TRIMS)
def test_other_weights_of_the_regression_are_those_of_numpy(trim):
    weights = np.abs(np.random.default_rng(311).standard_normal(4000))
    sample = Magnitudes(np.sort(weights), np.ones(4000, np.int64), 4000)
    x, y, probability = every_point(np.sort(weights), lambda i, n: (i - 0.5) / n, trim)
    noise = probability / ((1 - probability) * np.log1p(-probability) ** 2)
    expected = np.polyfit(x, y, 1, w=1 / np.sqrt(noise))[0]
    assert inverse_variance(sample, trim) == pytest.approx(expected, rel=1e-9)
    assert x_on_y(sample, trim) == pytest.approx(1 / np.polyfit(y, x, 1)[0], rel=1e-9)


@pytest.mark.parametrize("name", POSITIONS)
@pytest.mark.parametrize("trim", (0.80, 1.00))
def test_beyond_a_million_weights_a_shape_is_that_of_every_single_weight(name, trim):
    n = EXACT + 4321
    weights = np.sort(np.abs(np.random.default_rng(313).standard_normal(n)).astype(np.float16).astype(float))
    value, count = np.unique(weights, return_counts=True)
    assert count.max() > 100
    x, y, _ = every_point(weights, FORMULAS[name], trim)
    found = at_position(POSITIONS[name])(Magnitudes(value, count.astype(np.int64), n), trim)
    assert found == pytest.approx(np.polyfit(x, y, 1)[0], abs=5e-6)
    assert found != at_position(HAZEN)(Magnitudes(value, count.astype(np.int64), n), trim)


def test_edges_of_a_trim_are_decided_in_exact_arithmetic():
    assert HAZEN.inside(10, 0.80) == (2, 9)
    assert POSITIONS["i/n"].inside(10, 0.80) == (1, 9)
    assert POSITIONS["i/n"].inside(10, 1.00) == (1, 9)
    assert POSITIONS["i/(n + 1)"].inside(9, 0.80) == (1, 9)
    assert POSITIONS["(i - 0.3)/(n + 0.4)"].offset == Fraction(3, 10)


def test_bins_counted_once_are_a_regression_over_bins():
    weights = np.abs(np.random.default_rng(312).standard_normal(20000))
    sample = Magnitudes(np.sort(weights), np.ones(weights.size, np.int64), weights.size)
    counts, _ = np.histogram(np.log10(weights), EDGES)
    assert log_bins(sample).tolist() == counts.tolist()
    middle = (np.cumsum(counts) - counts / 2) / weights.size
    for trim in (0.80, 1.00):
        inside = (counts > 0) & (middle >= (1 - trim) / 2) & (middle <= (1 + trim) / 2)
        x = ((EDGES[:-1] + EDGES[1:]) / 2 * np.log(10))[inside]
        y = np.log(-np.log1p(-middle[inside]))
        assert equal_bins(counts.astype(float), trim) == pytest.approx(np.polyfit(x, y, 1)[0], rel=1e-9)


@pytest.mark.parametrize("trim", (0.80, 1.00))
def test_the_null_of_bins_counted_once_is_the_mean_over_gaussian_samples(trim):
    random, n = np.random.default_rng(314), 10_000
    samples = [np.histogram(np.log10(np.abs(0.02 * random.standard_normal(n))), EDGES)[0] for _ in range(200)]
    shapes = np.array([equal_bins(one.astype(float), trim) for one in samples])
    (null,) = equal_bins_null(GaussianMixture.of([0.02], [n]), n, [trim])
    error = shapes.std(ddof=1) * np.sqrt(1 / 200 + 1 / 32)
    assert null == pytest.approx(shapes.mean(), abs=3.5 * error)
    assert error < 0.01


def test_gaussian_weights_in_bins_are_the_null_of_the_released_estimator():
    law = GaussianMixture.of([0.02], [10**6])
    expected = np.diff(np.rint(law.cdf(10.0**EDGES) * 10**6))
    assert counted_bins(expected, 0.80) == released_null(law, 10**6, 0.80).shape


def test_gaussian_magnitudes_give_the_population_values():
    sample = gaussian_magnitudes(10**7)
    assert sample.n == EXACT
    assert fit(sample, [0.80])[0].shape == pytest.approx(
        population_fit(half_normal_log_quantile, 0.80)["shape"], abs=1e-6
    )
    assert gaussian_magnitudes(7).value == pytest.approx(halfnorm.ppf((np.arange(1, 8) - 0.5) / 7), rel=1e-12)


def test_the_inverse_variance_shape_of_gaussian_weights_is_an_integral():
    def weight(p):
        return (1 - p) * np.log1p(-p) ** 2 / p

    def mean(function):
        return quad(lambda p: weight(p) * function(p), 0.1, 0.9, epsabs=1e-12)[0]

    total = mean(lambda _: 1.0)
    x, y = (lambda p: np.log(halfnorm.ppf(p))), (lambda p: np.log(-np.log1p(-p)))
    mean_x, mean_y = mean(x) / total, mean(y) / total
    expected = mean(lambda p: (x(p) - mean_x) * (y(p) - mean_y)) / mean(lambda p: (x(p) - mean_x) ** 2)
    assert inverse_variance(gaussian_magnitudes(200_000), 0.80) == pytest.approx(expected, abs=2e-6)
