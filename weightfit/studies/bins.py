"""Bins of magnitudes: the weights in each, and the shares that Gaussian weights and a Weibull law give."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, erfc

from weightfit.fits.null import GaussianMixture
from weightfit.fits.probability_plot import Magnitudes

Values = NDArray[np.float64]


def counts_in(sample: Magnitudes, edges: Values) -> NDArray[np.int64]:
    """Return how many magnitudes lie from each edge up to, but not at, the next.

    Parameters
    ----------
    sample
        Magnitudes.
    edges
        Rising ``(m,)``, in units of the weights.
    """
    below = np.concatenate([[0], np.cumsum(sample.count)])
    counts: NDArray[np.int64] = np.diff(below[np.searchsorted(sample.value, edges)])
    return counts


def gaussian_shares(law: GaussianMixture, edges: Values) -> Values:
    """Return the share of Gaussian weights whose magnitude lies between neighbouring edges.

    Parameters
    ----------
    law
        The Gaussian mixture.
    edges
        Rising, non-negative ``(m,)``, in units of the weights.

    Returns
    -------
    ndarray of float64 ``(m - 1,)``
        To full relative precision at both ends: differences of distribution functions near zero, of survival
        functions elsewhere.
    """
    z = edges[:, None] / (law.sigma * np.sqrt(2))
    low, high = z[:-1], z[1:]
    shares: Values = np.where(low < 0.5, erf(high) - erf(low), erfc(low) - erfc(high)) @ law.share
    return shares


def weibull_shares(shape: float, scale: float, edges: Values) -> Values:
    """Return the probability that a Weibull law gives to what lies between neighbouring edges.

    Parameters
    ----------
    shape, scale
        Of the law; the scale in units of the weights.
    edges
        Rising, non-negative ``(m,)``, in units of the weights.

    Returns
    -------
    ndarray of float64 ``(m - 1,)``
        exp(-a) (1 - exp(a - b)) with a and b the two edges' (w / scale)^shape, precise at both ends.
    """
    hazard = (edges / scale) ** shape
    shares: Values = np.exp(-hazard[:-1]) * -np.expm1(-np.diff(hazard))
    return shares
