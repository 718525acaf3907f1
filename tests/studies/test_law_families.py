"""Densities against scipy.stats, their derivatives against finite differences."""

import math

import mpmath
import numpy as np
import pytest
from scipy import stats

from weightfit.studies.law_families import FAMILIES, STUDENT_LIMIT, Sketch, _gamma_ratio

BY_NAME = {family.name: family for family in FAMILIES}
T = np.linspace(-9, 1.5, 43)[None, :]
SECOND = (-0.9, 0.4, 1.7)

# Law of the magnitude, of scale 1, with the second parameter.
SCIPY = {
    "half_normal": lambda _: stats.halfnorm(),
    "student_t": stats.t,
    "generalised_normal": stats.gennorm,
    "lognormal": stats.lognorm,
    "gamma": stats.gamma,
    "weibull": stats.weibull_min,
}
FOLDED = {"student_t", "generalised_normal"}


def terms(family, t, a):
    return [np.broadcast_to(term, t.shape) for term in family.terms(t, np.array([[a]]))]


@pytest.mark.parametrize("a", SECOND)
@pytest.mark.parametrize("name", BY_NAME)
def test_the_density_is_scipys(name, a):
    x = np.exp(T)
    log_density = SCIPY[name](math.exp(a)).logpdf(x) + (math.log(2) if name in FOLDED else 0)
    np.testing.assert_allclose(terms(BY_NAME[name], T, a)[0], log_density + T, rtol=1e-10, atol=1e-10)


MANY = [("student_t", math.log(degrees)) for degrees in (199.9, 200.1, 8000)]


@pytest.mark.parametrize(("name", "a"), [*((name, a) for name in BY_NAME for a in SECOND), *MANY])
def test_derivatives_are_slopes(name, a):
    family, d = BY_NAME[name], 1e-4
    _, by_t, by_tt, by_a, by_ta, by_aa = terms(family, T, a)

    def slope(term, t_step, a_step):
        high = terms(family, T + t_step, a + a_step)[term]
        return (high - terms(family, T - t_step, a - a_step)[term]) / (2 * d)

    for found, expected in (
        (by_t, slope(0, d, 0)),
        (by_tt, slope(1, d, 0)),
        (by_a, slope(0, 0, d)),
        (by_ta, slope(1, 0, d)),
        (by_aa, slope(3, 0, d)),
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("z", [0.3, 2.0, 50.0, 99.999, 100.001, 4000.0, 1e5])
def test_ratios_of_gamma_functions_keep_their_digits(z):
    with mpmath.workdps(60):
        exact = [
            mpmath.loggamma(mpmath.mpf(z) + 0.5) - mpmath.loggamma(z) - mpmath.log(z) / 2,
            z * (mpmath.digamma(mpmath.mpf(z) + 0.5) - mpmath.digamma(z)) - 0.5,
        ]
        by_z = [mpmath.psi(n, mpmath.mpf(z) + 0.5) - mpmath.psi(n, z) for n in (0, 1)]
        exact.append(z * by_z[0] + mpmath.mpf(z) ** 2 * by_z[1])
        expected = [float(value) for value in exact]
    found = [float(value[0]) for value in _gamma_ratio(np.array([z]))]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-13)


def test_the_limit_of_students_law_has_its_slope_in_one_over_degrees():
    many = 1e5
    limit = terms(STUDENT_LIMIT, T, 0.0)
    student = terms(BY_NAME["student_t"], T, math.log(many))
    np.testing.assert_allclose((student[0] - limit[0]) * many, limit[3], rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("a", SECOND)
@pytest.mark.parametrize("name", ["lognormal", "gamma", "weibull"])
def test_guesses_from_log_moments_recover_their_own_law(name, a):
    log = np.log(SCIPY[name](math.exp(a), scale=0.7).rvs(200_000, random_state=102))
    sketch = Sketch(np.array([log.mean()]), np.array([log.std()]), np.zeros(1))
    scale, second = BY_NAME[name].guess(sketch)
    assert scale[0] == pytest.approx(math.log(0.7), abs=0.6)
    assert second[0] == pytest.approx(a, abs=0.3)


def test_only_weights_without_excess_kurtosis_are_at_students_limit():
    sketch = Sketch(np.zeros(3), np.ones(3), np.array([-0.5, 0.0, 0.2]))
    assert BY_NAME["student_t"].at_limit(sketch).tolist() == [True, True, False]
    assert not any(BY_NAME[name].at_limit(sketch).any() for name in BY_NAME if name != "student_t")
