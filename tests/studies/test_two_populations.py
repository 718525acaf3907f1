"""The small population against planted truth: estimates, their errors, and when there is none."""

import math

import numpy as np
import pytest
from scipy import stats

from weightfit.studies.two_populations import LOG_EDGES, small_population, valley

EDGES = np.concatenate([[0.0], 10 ** LOG_EDGES[1:-1], [np.inf]])
SIGMA = 0.02


def probabilities(share, centre, spread, exponent=2.0):
    """Return the cells' probabilities for a generalised normal body, from scipy's laws."""
    body = stats.gennorm(exponent, scale=SIGMA * math.sqrt(2))
    cdf = (1 - share) * (1 - 2 * body.sf(EDGES))
    if share:
        cdf += share * stats.lognorm(spread * math.log(10), scale=10**centre).cdf(EDGES)
    return np.diff(cdf)


@pytest.mark.parametrize(
    ("share", "centre", "spread", "exponent", "n"),
    [
        (0.3, -4.5, 0.6, 2.0, 4096),
        (0.3, -4.5, 0.6, 2.0, 1_000_000),
        (0.1, -3.7, 0.3, 1.6, 1_000_000),
        (0.01, -5.0, 0.3, 2.0, 4_000_000),
        (0.6, -5.0, 1.0, 2.4, 100_000),
    ],
)
def test_planted_populations_come_back_within_their_errors(share, centre, spread, exponent, n):
    repeats = 120
    random = np.random.default_rng(109)
    samples = random.multinomial(n, probabilities(share, centre, spread, exponent), repeats)
    found = [small_population(sample.astype(float)) for sample in samples]
    for name, truth in (("share", share), ("centre", centre), ("spread", spread)):
        error = np.array([getattr(one, f"{name}_se") for one in found])
        deviation = (np.array([getattr(one, name) for one in found]) - truth) / error
        assert (
            abs(deviation.mean()) < 4 / math.sqrt(repeats) + 0.15
        )  # likelihood estimates are biased at first order
        assert deviation.std() == pytest.approx(1, abs=4 / math.sqrt(2 * repeats))


def test_outliers_do_not_shape_the_body():
    counts = 1e6 * probabilities(0.2, -4.5, 0.5)
    far = counts.copy()
    far[-20] += 300  # 300 weights above 100
    plain, outlying = small_population(counts), small_population(far)
    assert plain.share == pytest.approx(0.2, abs=1e-5)
    assert outlying.share == pytest.approx(plain.share, abs=2e-4)
    assert outlying.centre == pytest.approx(plain.centre, abs=1e-3)


def test_the_valley_lies_between_the_modes():
    place = valley(1e6 * probabilities(0.2, -5.0, 0.3))
    assert -4.2 < LOG_EDGES[place] < -2.5


def test_no_population_is_found_where_nothing_lies_below_a_valley():
    counts = np.zeros(LOG_EDGES.size - 1)
    counts[150:200] = np.arange(50)
    assert small_population(counts) is None


def test_weights_that_are_all_zero_are_no_log_normal_population():
    counts = 1e6 * probabilities(0.0, 0, 1)
    counts[0] += 2e5  # exact zeros: how far apart they are nobody can tell
    assert small_population(counts) is None
