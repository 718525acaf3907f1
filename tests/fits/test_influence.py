"""The influence of single weights against the errors of the fit, and against what taking one weight away does."""

import math

import numpy as np
import pytest

from weightfit.counts.histogram import histogram_of
from weightfit.fits.influence import fit_influence, ranks_kept
from weightfit.fits.plotting_positions import ranks_inside
from weightfit.fits.probability_plot import fit, magnitudes

TRIM = 0.80
LAWS = {
    "gaussian": lambda random, n: random.standard_normal(n),
    "laplace": lambda random, n: random.laplace(size=n),
    # Ties straddle both edges of the trim, and a tenth are zeros.
    "coarse": lambda random, n: np.round(8 * random.standard_normal(n)) / 8 * (random.random(n) > 0.1),
}


def sample_of(law, n):
    return magnitudes(histogram_of(LAWS[law](np.random.default_rng(171), n).astype(np.float32)))


@pytest.mark.parametrize("trim", [0.80, 1.00])
@pytest.mark.parametrize("law", LAWS)
def test_the_ranks_kept_are_those_of_the_sorted_weights(law, trim):
    sample = sample_of(law, 777)
    first, last = ranks_inside(sample.n, trim)
    inside = np.repeat(sample.value, sample.count)[first - 1 : last]
    assert ranks_kept(sample, trim).tolist() == [int((inside == value).sum()) for value in sample.value]


@pytest.mark.parametrize("law", LAWS)
def test_the_spread_of_the_influence_is_the_error_of_the_fit(law):
    sample = sample_of(law, 5000)
    (found,) = fit(sample, [TRIM])
    share = sample.count / sample.n
    for influence, expected in zip(
        fit_influence(sample, TRIM), (found.shape_se, found.scale_se / found.scale), strict=True
    ):
        spread = math.sqrt(share @ (influence - share @ influence) ** 2)
        assert spread / math.sqrt(sample.n) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("law", ["gaussian", "laplace"])
def test_the_influence_is_what_a_weight_more_does(law):
    """Adding one weight moves each estimate by its influence over n, up to a constant common to all weights."""
    sample = sample_of(law, 20_000)
    added = np.quantile(sample.value, [0.02, 0.15, 0.3, 0.5, 0.7, 0.85, 0.98])
    at = np.searchsorted(sample.value, added)
    estimates = []
    for place in at:
        count = sample.count.copy()
        count[place] += 1
        (found,) = fit(type(sample)(sample.value, count, sample.n + 1), [TRIM])
        estimates.append((found.shape, math.log(found.scale)))
    for column, influence in enumerate(fit_influence(sample, TRIM)):
        moved = sample.n * np.array(estimates)[:, column]
        expected = influence[at]
        scale = np.ptp(expected)
        assert (moved - moved[3]) / scale == pytest.approx((expected - expected[3]) / scale, abs=0.02)
