"""Gaussian nulls against certified values, scipy's quadrature, and simulation of whole samples."""

import itertools
import math

import numpy as np
import pytest
from scipy import integrate, optimize, special, stats

from weightfit.counts.histogram import histogram_of, pool
from weightfit.fits import null
from weightfit.fits.moments import Moments, moments
from weightfit.fits.null import GaussianMixture, null_fits, null_moments, released_null
from weightfit.fits.probability_plot import Magnitudes, fit
from weightfit.fits.released import binned, released_fit

TRIMS = (0.80, 0.90, 1.00)
STANDARD = GaussianMixture.of([1.0], [1])
STATISTICS = ("shape", "scale", "r_squared", "ks_distance", "ks_distance_trimmed")
MIXTURES = {
    "one": ([0.02], [1600]),
    "two": ([1.0, 0.25], [600, 1000]),
    "three": ([1.0, 0.3, 0.5], [400, 800, 400]),
    "far apart": ([1.0, 0.001], [1200, 400]),
}


def draw(random, sigmas, numbers):
    return np.concatenate([s * random.standard_normal(n) for s, n in zip(sigmas, numbers, strict=True)])


# Mixtures.


def test_a_mixture_of_equal_parts_is_one_gaussian_of_their_shares():
    law = GaussianMixture.of([0.5, 2.0, 0.5], [100, 300, 200])
    assert sorted(zip(law.sigma, law.share, strict=True))[-1] == (2.0, 0.5)
    assert law.share.sum() == pytest.approx(1)
    assert law.sigma @ law.share == pytest.approx(0.5 * 0.5 + 2.0 * 0.5)
    assert GaussianMixture.of([0.0, 2.0], [100, 300]).single
    assert GaussianMixture.of([2.0], [7]).single


def test_equal_standard_deviations_are_one_component():
    law = GaussianMixture.of([0.5, 0.5], [100, 300])
    assert law.single
    assert (law.sigma.tolist(), law.share.tolist()) == ([0.5], [1.0])


def test_the_distribution_function_is_that_of_scipy():
    law = GaussianMixture.of([1.0, 0.1], [1, 3])
    x = np.geomspace(1e-6, 10, 50)
    expected = 0.25 * stats.halfnorm.cdf(x) + 0.75 * stats.halfnorm.cdf(x, scale=0.1)
    np.testing.assert_allclose(law.cdf(x), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("sigmas", "tolerance"),
    [([1.0], 1e-14), ([1.0, 0.3, 0.5], 3e-6), ([1.0, 0.001], 3e-5), ([3.0, 1.0, 1e-4], 3e-5)],
)
def test_quantiles_of_mixtures_invert_the_distribution_function(sigmas, tolerance):
    law = GaussianMixture.of(sigmas, [1] * len(sigmas))

    def excess(log_x, score):
        ratio = math.exp(log_x) / (law.sigma * math.sqrt(2))
        if score < 0.67:
            return float(special.erf(ratio) @ law.share) / math.erf(score / math.sqrt(2)) - 1
        return float(special.erfc(ratio) @ law.share) / math.erfc(score / math.sqrt(2)) - 1

    scores = np.geomspace(1e-7, 6, 60)
    exact = [optimize.brentq(excess, -40, 5, args=(score,), xtol=1e-14) for score in scores]
    np.testing.assert_allclose(law.log_quantile(np.log(scores)), exact, rtol=0, atol=tolerance)


# Fits.


@pytest.mark.parametrize("trim", TRIMS)
def test_the_null_of_a_large_matrix_is_the_certified_half_normal(trim, certified):
    values = certified["half_normal"]
    (found,) = null_fits(GaussianMixture.of([0.02], [1]), 50_000_000, [trim])
    tolerance = 1e-5 if trim == 1 else 1e-6
    assert found.shape == pytest.approx(values[f"shape_{trim:.2f}"], rel=tolerance)
    assert found.scale == pytest.approx(0.02 * values[f"scale_{trim:.2f}"], rel=tolerance)
    assert found.r_squared == pytest.approx(values[f"r_squared_{trim:.2f}"], rel=1e-4)


@pytest.mark.parametrize("n", [30, 1600, 40_000, 1_048_577])
def test_shape_and_scale_are_those_of_the_quantiles_at_every_plotting_position(n):
    half = stats.halfnorm.ppf((np.arange(1, n + 1) - 0.5) / n)
    exact = fit(Magnitudes(half, np.ones(n, np.int64), n), TRIMS)
    for one, other in zip(null_fits(STANDARD, n, TRIMS), exact, strict=True):
        assert one.shape == pytest.approx(other.shape, rel=2e-6)
        assert one.scale == pytest.approx(other.scale, rel=2e-6)


@pytest.mark.parametrize("name", MIXTURES)
def test_nulls_are_the_means_of_simulated_fits(name):
    sigmas, numbers = MIXTURES[name]
    n, replicates = sum(numbers), 400
    law = GaussianMixture.of(sigmas, numbers)
    simulated = []
    for replicate in range(replicates):
        magnitude = np.sort(np.abs(draw(np.random.default_rng([21, replicate]), sigmas, numbers)))
        simulated.append(
            [
                [getattr(one, s) for s in STATISTICS]
                for one in fit(Magnitudes(magnitude, np.ones(n, np.int64), n), TRIMS)
            ]
        )
    mean, spread = np.mean(simulated, axis=0), np.std(simulated, axis=0, ddof=1)
    made = np.array([[getattr(one, s) for s in STATISTICS] for one in null_fits(law, n, TRIMS)])
    sampled = math.sqrt(1 / replicates + 1 / null.REPLICATES)  # both sides of R² and KS are simulated
    for column, statistic in enumerate(STATISTICS):
        # Quantiles and sample means differ by less than the noise of one sample divided by its root.
        error = 1 / math.sqrt(replicates) if column < 2 else sampled
        deviation = (made - mean)[:, column] / spread[:, column]
        allowed = 4 * error * np.ones(3)
        if statistic.startswith("ks"):
            allowed += 0.15  # "low by a few per cent of their noise"
        assert (np.abs(deviation) < allowed).all(), (statistic, deviation / error)


def test_the_null_scales_with_sigma_and_is_the_same_in_every_run():
    one, other = (null_fits(GaussianMixture.of([s], [9]), 1600, TRIMS) for s in (1.0, 0.5))
    null._standard_null_fits.cache_clear()
    null._sampled_log_scores.cache_clear()
    again = null_fits(STANDARD, 1600, TRIMS)
    assert one == again
    for left, right in zip(one, other, strict=True):
        assert right.scale == pytest.approx(left.scale / 2, rel=1e-14)
        for name in STATISTICS[0], *STATISTICS[2:]:
            assert getattr(left, name) == getattr(right, name)


@pytest.mark.parametrize("name", MIXTURES)
def test_the_null_of_the_released_estimator_is_that_of_a_big_sample(name):
    sigmas, numbers = MIXTURES[name]
    numbers = [1000 * n for n in numbers]
    n = sum(numbers)
    weights = draw(np.random.default_rng(22), sigmas, numbers).astype(np.float32)
    counts, law = binned(histogram_of(weights)), GaussianMixture.of(sigmas, numbers)
    for trim in TRIMS:
        one, found = released_null(law, n, trim), released_fit(counts, trim)
        assert abs(found.shape - one.shape) < 4 * found.shape_se
        assert abs(found.scale - one.scale) < 4 * found.scale_se
        assert found.r_squared == pytest.approx(one.r_squared, abs=1e-3)
        assert found.ks_distance == pytest.approx(one.ks_distance, abs=4 / math.sqrt(n))
        assert found.ks_distance_trimmed == pytest.approx(one.ks_distance_trimmed, abs=4 / math.sqrt(n))


# Moments.


def test_moments_of_one_gaussian_are_the_certified_ones(certified):
    found, values = null_moments(GaussianMixture.of([0.02], [1]), 1000), certified["half_normal"]
    assert (found.mean, found.kurtosis, found.zeros) == (0.0, pytest.approx(0, abs=1e-14), 0.0)
    assert found.standard_deviation == found.root_mean_square == pytest.approx(0.02, rel=1e-14)
    for name in ("mean_magnitude", "standard_deviation_magnitude", "q10", "q50", "q90", "q99", "q999"):
        assert getattr(found, name) == pytest.approx(0.02 * values[name], rel=1e-12), name
    assert found.kurtosis_magnitude == pytest.approx(values["kurtosis_magnitude"], rel=1e-12)
    assert found.gini == pytest.approx(values["gini"], rel=1e-14)


@pytest.mark.parametrize("n", [1_000, 1_000_000])
def test_the_expected_maximum_is_the_certified_one(n, certified):
    expected = certified["half_normal"][f"maximum_of_{n}"]
    assert null_moments(STANDARD, n).maximum == pytest.approx(expected, rel=3e-4)


@pytest.mark.parametrize("name", MIXTURES)
def test_moments_of_mixtures_are_those_of_quadrature(name):
    sigmas, numbers = MIXTURES[name]
    law = GaussianMixture.of(sigmas, numbers)
    found = null_moments(law, sum(numbers))

    def density(x):
        return float(2 * np.sum(law.share * stats.norm.pdf(x, scale=law.sigma)))

    def above(x):
        return float(law.share @ special.erfc(x / (law.sigma * math.sqrt(2))))

    cuts = sorted({0.0, *(float(k * s) for s in law.sigma for k in (1e-3, 1, 4, 9, 15))})

    def integral(function):
        return sum(
            integrate.quad(function, a, b, epsabs=1e-14, epsrel=1e-11, limit=200)[0]
            for a, b in itertools.pairwise(cuts)
        )

    first = integral(lambda x: x * density(x))
    central = {p: integral(lambda x, p=p: (x - first) ** p * density(x)) for p in (2, 4)}
    raw = {p: integral(lambda x, p=p: x**p * density(x)) for p in (2, 4)}
    assert found.mean_magnitude == pytest.approx(first, rel=1e-8)
    assert found.standard_deviation_magnitude == pytest.approx(math.sqrt(central[2]), rel=1e-8)
    assert found.kurtosis_magnitude == pytest.approx(central[4] / central[2] ** 2 - 3, rel=1e-7)
    assert found.standard_deviation == pytest.approx(math.sqrt(raw[2]), rel=1e-8)
    assert found.kurtosis == pytest.approx(raw[4] / raw[2] ** 2 - 3, abs=1e-7)
    # Gini = 1 - integral of (1 - F)^2 over the mean; E max = integral of 1 - F^n.
    assert found.gini == pytest.approx(1 - integral(lambda x: above(x) ** 2) / first, rel=1e-8)
    largest = integral(lambda x: 1 - math.exp(sum(numbers) * math.log1p(-min(above(x), 1 - 1e-16))))
    assert found.maximum == pytest.approx(largest, rel=5e-4)
    for level, quantile in {
        0.1: found.q10,
        0.5: found.q50,
        0.9: found.q90,
        0.99: found.q99,
        0.999: found.q999,
    }.items():
        assert 1 - above(quantile) == pytest.approx(level, abs=1e-5)


def test_moments_of_a_pool_are_those_of_a_sample_of_each_matrix():
    sigmas, numbers = [1.0, 0.3, 0.5], [200_000, 400_000, 200_000]
    random = np.random.default_rng(23)
    parts = [
        histogram_of((s * random.standard_normal(n)).astype(np.float32))
        for s, n in zip(sigmas, numbers, strict=True)
    ]
    values, errors = moments(pool(parts))
    law = GaussianMixture.of([part.standard_deviation for part in parts], numbers)
    expected = null_moments(law, sum(numbers))
    for name in Moments.__dataclass_fields__:
        allowed = 4 * getattr(errors, name) if name != "maximum" else 0.8
        assert abs(getattr(values, name) - getattr(expected, name)) <= allowed, name
