"""Counts in bins against every weight; shares of two laws against 80-digit arithmetic, far into both tails."""

from itertools import pairwise

import mpmath
import numpy as np
import pytest

from weightfit.counts.histogram import histogram_of
from weightfit.fits.null import GaussianMixture
from weightfit.fits.probability_plot import magnitudes
from weightfit.studies.bins import counts_in, gaussian_shares, weibull_shares

FAR = np.array([0.0, 1e-14, 1e-9, 1e-4, 0.3, 0.4999, 0.5001, 1.0, 1.001, 3.0, 8.0, 8.001, 20.0, 36.0])


def test_every_weight_is_in_one_bin_and_edges_belong_to_the_bin_above():
    weights = np.random.default_rng(201).integers(-40, 41, 5000).astype(np.float32) / 8
    sample = magnitudes(histogram_of(weights))
    edges = np.array([0.0, 0.125, 0.5, 0.51, 0.52, 2.0, 5.0, 7.0])
    found = counts_in(sample, edges)
    size = np.abs(weights)
    expected = [np.count_nonzero((size >= low) & (size < high)) for low, high in pairwise(edges)]
    assert found.tolist() == expected
    assert found.sum() == 5000
    assert np.count_nonzero(size == 5.0) == found[-1] > 0


@pytest.mark.parametrize("sigma", [[1.0], [0.02, 0.05, 7.0]])
def test_gaussian_shares_keep_their_digits_in_both_tails(sigma):
    law = GaussianMixture.of(sigma, [3, 2, 1][: len(sigma)])
    edges = FAR * sigma[0]
    with mpmath.workdps(80):
        roots = [mpmath.mpf(float(one)) * mpmath.sqrt(2) for one in law.sigma]
        above = [
            sum(
                float(p) * mpmath.erfc(mpmath.mpf(float(edge)) / root)
                for p, root in zip(law.share, roots, strict=True)
            )
            for edge in edges
        ]
        expected = [float(one - other) for one, other in pairwise(above)]
    assert gaussian_shares(law, edges) == pytest.approx(expected, rel=1e-11, abs=0)


@pytest.mark.parametrize("shape", [0.4, 1.2, 3.0])
def test_weibull_shares_keep_their_digits_in_both_tails(shape):
    edges = 0.02 * np.minimum(FAR, 600 ** (1 / shape))
    with mpmath.workdps(80):
        above = [mpmath.exp(-((mpmath.mpf(float(edge)) / 0.02) ** shape)) for edge in edges]
        expected = [float(one - other) for one, other in pairwise(above)]
    assert weibull_shares(shape, 0.02, edges) == pytest.approx(expected, rel=1e-11, abs=0)
