"""Quantiles read from bins against exact ones of known laws and of every single weight."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from folded import folded
from scipy import optimize
from scipy.special import erf

from weightfit.fits.null import GaussianMixture
from weightfit.studies.bins import gaussian_shares
from weightfit.studies.log_bins import BINS_PER_DECADE, log10_quantiles
from weightfit.weights.planted_laws import HalfNormal, StudentT, TwoPopulation, Weibull

LEVELS = np.unique(np.concatenate([np.geomspace(1e-3, 0.5, 100), 1 - np.geomspace(1e-3, 0.5, 100)]))


def rows(cdf, lowest=-90, highest=10):
    """Return the rows of a law: their numbers and shares, the first open below."""
    number = np.arange(lowest - 1, highest)
    through = cdf(10.0 ** (np.arange(lowest, highest + 1) / BINS_PER_DECADE))
    return number, np.diff(through, prepend=0.0)


@pytest.mark.parametrize(
    ("law", "error"),
    [
        (HalfNormal(0.02), 1e-9),
        (Weibull(1.2, 0.02), 0.001),
        (StudentT(2.0, 0.02), 0.002),
        (TwoPopulation(0.02, 0.05, -5.0, 0.5), 0.003),
        (TwoPopulation(0.02, 0.20, -5.0, 0.2), 0.010),
    ],
)
def test_quantiles_of_a_law_read_from_its_bins(law, error):
    number, share = rows(folded(law).cdf)
    assert log10_quantiles(number, share, LEVELS) == pytest.approx(
        np.log10(folded(law).ppf(LEVELS)), abs=error
    )


def test_quantiles_of_a_mixture_of_gaussian_weights():
    law = GaussianMixture.of([0.004, 0.02], [1, 2])
    number = np.arange(-81, 3)
    share = gaussian_shares(law, np.append(0.0, 10.0 ** ((number + 1) / BINS_PER_DECADE)))

    def excess(logarithm, level):
        return float(erf(10**logarithm / (law.sigma * np.sqrt(2))) @ law.share) - level

    exact = [optimize.brentq(excess, -8, 0, args=(level,), xtol=1e-12) for level in LEVELS]
    assert log10_quantiles(number, share, LEVELS) == pytest.approx(exact, abs=0.002)


@pytest.mark.parametrize("n", [10, 300, 100_000])
def test_quantiles_of_weights_lie_in_the_bin_of_the_sorted_weight(n):
    size = np.abs(np.random.default_rng([202, n]).laplace(0, 0.02, n))
    edges = np.append(0.0, 10.0 ** (np.arange(-100, 11) / BINS_PER_DECADE))
    number, share = np.arange(-101, 10), np.histogram(size, edges)[0] / n
    # No level is a whole number of weights, at which the edge of an empty bin would do as well.
    levels = np.array([0.00123, 0.0203, 0.5003, 0.9003, 0.99877])
    found = np.array(log10_quantiles(number, share, levels))
    exact = np.log10(np.sort(size)[np.ceil(levels * n).astype(int) - 1])
    assert np.floor(found * BINS_PER_DECADE).tolist() == np.floor(exact * BINS_PER_DECADE).tolist()
    assert np.abs(found - exact).max() < (0.02 if n == 100_000 else 0.1)


def test_where_a_bin_is_the_outermost_with_weights_they_are_evenly_spread_and_what_is_open_has_no_quantile():
    number = np.array([-31, -30, -29])
    evenly = log10_quantiles(number, np.array([0.0, 0.25, 0.25]), [0.0, 0.125, 0.25, 0.6])
    assert evenly == [None, pytest.approx(-2.95), pytest.approx(-2.9), None]
    closed = log10_quantiles(number, np.array([0.5, 0.25, 0.25]), [0.4, 0.5, 0.75, 0.875, 1.0])
    assert closed == [None, None, *(pytest.approx(value) for value in (-2.9, -2.85, -2.8))]


def test_exhibits_can_read_them_without_a_compiler_or_scipy():
    code = "import sys, weightfit.studies.log_bins; print({'numba', 'scipy'} & set(sys.modules))"
    here = Path(__file__).resolve().parents[2]
    made = subprocess.run([sys.executable, "-c", code], cwd=here, capture_output=True, text=True, check=True)
    assert made.stdout == "set()\n"
