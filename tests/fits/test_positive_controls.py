"""What the instrument can see: the smallest planted effect that each statistic tells from Gaussian weights.

Matrices of 2^18 weights in F16; an effect counts as seen where each of five seeded matrices lies at least 3
standard errors from its Gaussian null. Measured here, and asserted below to a factor of 2:

=============  ======================  ========================  =====================
statistic      Student-t: degrees of   two populations: share    3 outliers: multiple
               freedom, at most        of small weights, least   of sigma, least
=============  ======================  ========================  =====================
shape          14                      0.45 %                    none up to 160
scale          56                      1.8 %                     40
r_squared      20                      0.9 %                     none up to 160
ks_distance    56                      0.9 %                     none up to 160
kurtosis       113                     1.25 %                    8
maximum / q99  20                      none up to 20 %           5.5
gini           56                      0.45 %                    none up to 160
=============  ======================  ========================  =====================

The scale sees tails because its null takes the standard deviation of the same weights, which they raise.
"""

import math
from functools import cache

import numpy as np
import pytest

from weightfit.counts.histogram import histogram_of
from weightfit.fits.moments import moments
from weightfit.fits.null import GaussianMixture, null_fits, null_moments
from weightfit.fits.probability_plot import fit, magnitudes
from weightfit.weights.planted_laws import HalfNormal, Law, Outliers, StudentT, TwoPopulation

N = 1 << 18
SIGMA = 0.02
SEEDS = 5

# Standard deviation over Gaussian matrices of this size where the package gives no standard error; that of
# the ratio is relative to it. The first test measures them again.
SPREAD = {"r_squared": 1.2e-4, "ks_distance": 5.5e-4, "maximum / q99": 0.052}


@cache
def measured(law: Law, seed: int) -> tuple[dict[str, float], dict[str, float]]:
    """Return each statistic of one planted matrix, and its deviation from the null in standard errors."""
    weights = law.draw(np.random.default_rng([41, seed]), N).astype(np.float16)
    made = histogram_of(weights)
    (found,) = fit(magnitudes(made, made.mean), [0.80])
    values, errors = moments(made)
    gaussian = GaussianMixture.of([made.standard_deviation], [N])
    (expected,) = null_fits(gaussian, N, [0.80])
    normal = null_moments(gaussian, N)
    ratio, normal_ratio = values.maximum / values.q99, normal.maximum / normal.q99
    statistics = {
        "shape": (found.shape, expected.shape, found.shape_se),
        "scale": (found.scale, expected.scale, found.scale_se),
        "r_squared": (found.r_squared, expected.r_squared, SPREAD["r_squared"]),
        "ks_distance": (found.ks_distance, expected.ks_distance, SPREAD["ks_distance"]),
        # Under the null: the kurtosis's own error is itself ruled by the tail that is to be seen.
        "kurtosis": (values.kurtosis, normal.kurtosis, math.sqrt(24 / N)),
        "maximum / q99": (ratio, normal_ratio, SPREAD["maximum / q99"] * normal_ratio),
        "gini": (values.gini, normal.gini, errors.gini),
    }
    return (
        {name: value for name, (value, _, _) in statistics.items()},
        {name: (value - null) / error for name, (value, null, error) in statistics.items()},
    )


def least_deviation(law: Law, statistic: str) -> float:
    return min(abs(measured(law, seed)[1][statistic]) for seed in range(SEEDS))


def student(degrees: float) -> Law:
    return StudentT(degrees, SIGMA)


def two_populations(share: float) -> Law:
    return TwoPopulation(SIGMA, share, -4.5, 0.6)


def outliers(multiple: float) -> Law:
    return Outliers(SIGMA, 3, multiple, N)


STUDENT = {
    "shape": 14,
    "scale": 56,
    "r_squared": 20,
    "ks_distance": 56,
    "kurtosis": 113,
    "maximum / q99": 20,
    "gini": 56,
}
TWO_POPULATIONS = {
    "shape": 0.0045,
    "scale": 0.018,
    "r_squared": 0.009,
    "ks_distance": 0.009,
    "kurtosis": 0.0125,
    "gini": 0.0045,
}
OUTLIERS = {"scale": (40, 20), "kurtosis": (8, 6.7), "maximum / q99": (5.5, 5)}


def test_gaussian_matrices_lie_at_their_null_and_spread_as_their_errors_say():
    deviations = [measured(HalfNormal(SIGMA), seed)[1] for seed in range(100)]
    for name in deviations[0]:
        values = np.array([one[name] for one in deviations])
        assert abs(values.mean()) < 4 * values.std() / 10, name
        # The scale's null takes the matrix's own standard deviation, so the two move together.
        low, high = (0.45, 0.75) if name == "scale" else (0.75, 1.25)
        assert low < values.std(ddof=1) < high, name


@pytest.mark.parametrize(("statistic", "degrees"), STUDENT.items())
def test_the_lightest_tail_that_is_seen(statistic, degrees):
    assert least_deviation(student(degrees), statistic) >= 3
    assert least_deviation(student(2 * degrees), statistic) < 3  # the table does not understate


@pytest.mark.parametrize(("statistic", "share"), TWO_POPULATIONS.items())
def test_the_smallest_population_that_is_seen(statistic, share):
    assert least_deviation(two_populations(share), statistic) >= 3
    assert least_deviation(two_populations(share / 2), statistic) < 3


@pytest.mark.parametrize(("statistic", "multiples"), OUTLIERS.items())
def test_the_smallest_outliers_that_are_seen(statistic, multiples):
    seen, missed = multiples
    assert least_deviation(outliers(seen), statistic) >= 3
    assert least_deviation(outliers(missed), statistic) < 3


def test_what_is_blind_to_outliers_and_to_small_weights_is_said_to_be():
    for statistic in set(STUDENT) - set(OUTLIERS):
        assert least_deviation(outliers(160), statistic) < 3, statistic
    for statistic in set(STUDENT) - set(TWO_POPULATIONS):
        assert least_deviation(two_populations(0.2), statistic) < 3, statistic


def test_the_table_above_is_the_one_that_is_tested():
    rows = [line for line in __doc__.splitlines() if line.startswith(tuple(STUDENT))]
    columns = [15, 39, 65]
    for line in rows:
        name = line[:15].strip()
        cells = [line[a:b].strip() for a, b in zip(columns, [*columns[1:], None], strict=True)]
        assert float(cells[0]) == STUDENT[name]
        for cell, tested in ((cells[1], TWO_POPULATIONS), (cells[2], OUTLIERS)):
            assert cell.startswith("none") == (name not in tested)
        if name in TWO_POPULATIONS:
            assert float(cells[1].removesuffix(" %")) == pytest.approx(100 * TWO_POPULATIONS[name])
        if name in OUTLIERS:
            assert float(cells[2]) == OUTLIERS[name][0]
    assert len(rows) == len(STUDENT)
