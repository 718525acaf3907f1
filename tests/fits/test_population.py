"""The fit of a law itself: against mpmath, closed forms of the quantiles, and the estimator on samples."""

import math
from itertools import pairwise

import numpy as np
import pytest
from mpmath import atan, log, log1p, mp, mpf, pi, quad, sqrt
from scipy import stats

from weightfit.fits.null import GaussianMixture, null_fits
from weightfit.fits.population import (
    half_normal_log_quantile,
    population_fit,
    positions_fit,
    student_t_log_quantile,
)
from weightfit.fits.probability_plot import Magnitudes, fit

TRIMS = (0.80, 0.90, 1.00)
ENDS = np.array([1e-12, 1e-6, 0.01, 0.3, 0.49, 0.5, 0.51, 0.7, 0.99, 1 - 1e-6])


@pytest.mark.parametrize("trim", TRIMS)
def test_the_fit_of_the_half_normal_law(trim, certified):
    values = certified["half_normal"]
    for name, value in population_fit(half_normal_log_quantile, trim).items():
        assert value == pytest.approx(values[f"{name}_{trim:.2f}"], rel=1e-12), name


@pytest.mark.parametrize("trim", TRIMS)
def test_a_weibull_law_is_its_own_fit(trim):
    def log_quantile(below, above):
        hazard = np.where(below < 0.5, -np.log1p(-np.minimum(below, 0.5)), -np.log(above))
        return math.log(0.02) + np.log(hazard) / 1.7

    fitted = population_fit(log_quantile, trim)
    assert fitted == pytest.approx({"shape": 1.7, "scale": 0.02, "r_squared": 1}, rel=1e-12)


def test_quantiles_that_have_closed_forms():
    """Student's t with one degree of freedom is the Cauchy law; with two, F = t / sqrt(2 + t^2)."""
    one = student_t_log_quantile(1)(ENDS, 1 - ENDS)
    assert one == pytest.approx(np.log(np.tan(np.pi / 2 * ENDS)), rel=1e-9, abs=1e-12)
    two = student_t_log_quantile(2)(ENDS, 1 - ENDS)
    assert two == pytest.approx(np.log(ENDS) + 0.5 * np.log(2 / (1 - ENDS**2)), rel=1e-9, abs=1e-12)
    # SciPy's own quantile takes (1 + F) / 2, which resolves F no better than 1e-16.
    inner = ENDS[1:]
    half_normal = half_normal_log_quantile(inner, 1 - inner)
    assert half_normal == pytest.approx(np.log(stats.halfnorm.ppf(inner)), rel=1e-9)


@pytest.mark.parametrize("degrees", [3, 12.5, 100])
def test_quantiles_far_out_on_both_sides(degrees):
    far = np.array([1e-100, 1e-30, 1e-9])
    law = student_t_log_quantile(degrees)
    assert law(1 - far, far) == pytest.approx(np.log(stats.t.isf(far / 2, degrees)), rel=1e-10)
    # Near zero the density is that at zero.
    assert law(far, 1 - far) == pytest.approx(np.log(far / 2 / stats.t.pdf(0, degrees)), rel=1e-12)


def mpmath_shape(trim):
    """Regress over the law of t with three degrees of freedom, integrated over t instead of over F."""

    def below(t):
        z = t / sqrt(3)
        return 2 / pi * (atan(z) + z / (1 + z * z))

    def above(t):
        z = sqrt(3) / t
        # The difference cancels for small z; its power series does not.
        series = 2 * z**3 / 3 - 4 * z**5 / 5 + 6 * z**7 / 7 - 8 * z**9 / 9
        return 2 / pi * (atan(z) - z / (1 + z * z) if z > 0.001 else series)

    def y(t):
        return log(-log1p(-below(t))) if t < 1 else log(-log(above(t)))

    def density(t):
        return 4 / (pi * sqrt(3) * (1 + t * t / 3) ** 2)

    edges = {0.80: ("0.1", "0.9"), 0.90: ("0.05", "0.95")}
    begin, end = mpf(0), mpf(10) ** 12
    if trim < 1:
        begin, end = (mp.findroot(lambda t, p=p: below(t) - mpf(p), 1) for p in edges[trim])
    cuts = [mpf(10) ** k for k in (-20, -12, -8, -4, -2, -1, 0, 1, 2, 4, 8, 12)]
    cuts = [begin, *(cut for cut in cuts if begin < cut < end), end]

    def mean(function):
        return quad(lambda t: function(t) * density(t), cuts) / mpf(trim)

    mean_x, mean_y = mean(log), mean(y)
    xy = mean(lambda t: (log(t) - mean_x) * (y(t) - mean_y))
    return float(xy / mean(lambda t: (log(t) - mean_x) ** 2))


@pytest.mark.parametrize("trim", TRIMS)
def test_the_fit_of_student_t_by_another_integral(trim):
    with mp.workdps(20):
        expected = mpmath_shape(trim)
    assert population_fit(student_t_log_quantile(3), trim)["shape"] == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("degrees", [3, 20])
def test_at_trim_one_the_improper_integral_is_the_limit_of_many_weights(degrees):
    law = student_t_log_quantile(degrees)
    limit = population_fit(law, 1.00)["shape"]
    errors = [positions_fit(law, n, 1.00)["shape"] - limit for n in (10**3, 10**4, 10**5, 10**6)]
    # The ends that n positions leave out weigh about ln(n)^2 / n.
    for before, after in pairwise(errors):
        assert 4 < before / after < 12
    assert abs(errors[-1]) < 1e-5


@pytest.mark.parametrize("degrees", [1, 3, 7, 100])
@pytest.mark.parametrize("trim", TRIMS)
def test_the_estimator_on_exact_quantiles_agrees(degrees, trim):
    n = 200_001
    value = np.sort(stats.t.isf((n - np.arange(1, n + 1) + 0.5) / n / 2, degrees))
    (one,) = fit(Magnitudes(value, np.ones(n, np.int64), n), [trim])
    found = positions_fit(student_t_log_quantile(degrees), n, trim)
    assert found == pytest.approx(
        {"shape": one.shape, "scale": one.scale, "r_squared": one.r_squared}, rel=1e-9
    )


@pytest.mark.parametrize("degrees", [3, 12])
def test_samples_scatter_about_the_fit_of_their_law(degrees):
    random = np.random.default_rng(64)
    for trim in TRIMS:
        expected = population_fit(student_t_log_quantile(degrees), trim)["shape"]
        shapes = []
        for _ in range(40):
            value = np.sort(np.abs(random.standard_t(degrees, 20_000)))
            (one,) = fit(Magnitudes(value, np.ones(value.size, np.int64), value.size), [trim])
            shapes.append(one.shape)
        error = np.std(shapes, ddof=1) / math.sqrt(len(shapes))
        # At trim 1.00 the most extreme of 20,000 order statistics are biased as well as noisy.
        assert abs(np.mean(shapes) - expected) < 4 * error + (0.002 if trim == 1 else 0)
        assert error < 0.002


@pytest.mark.parametrize("n", [1000, 30_000])
def test_finitely_many_gaussian_weights_give_the_null_of_the_fits(n):
    law = GaussianMixture(np.ones(1), np.ones(1))
    for trim, null in zip(TRIMS, null_fits(law, n, TRIMS), strict=True):
        found = positions_fit(half_normal_log_quantile, n, trim)
        assert null.shape == pytest.approx(found["shape"], rel=2e-5)
        assert null.scale == pytest.approx(found["scale"], rel=2e-5)
