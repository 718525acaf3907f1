"""Bins of magnitudes: the number of weights in each, and the shares expected of Gaussian weights and a Weibull law."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, erfc

from weightfit.fits.null import GaussianMixture
from weightfit.fits.probability_plot import Magnitudes

Values = NDArray[np.float64]


def counts_in(sample: Magnitudes, edges: Values) -> NDArray[np.int64]:
    """Return how many magnitudes lie from each edge, included, to the next, excluded.

    Parameters
    ----------
    sample
        Magnitudes with their counts.
    edges
        Edges of the bins in rising order ``(m,)``, in units of the weights.
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
        Edges of the bins, non-negative and in rising order ``(m,)``, in units of the weights.

    Returns
    -------
    ndarray of float64 ``(m - 1,)``
        Share in each bin, to full relative precision at both ends: it is a difference of distribution functions
        near zero, and of survival functions elsewhere.
    """
    z = edges[:, None] / (law.sigma * np.sqrt(2))
    low, high = z[:-1], z[1:]
    shares: Values = np.where(low < 0.5, erf(high) - erf(low), erfc(low) - erfc(high)) @ law.share
    return shares


def weibull_shares(shape: float, scale: float, edges: Values) -> Values:
    """Return the probability that a Weibull law gives to magnitudes between neighbouring edges.

    Parameters
    ----------
    shape, scale
        Shape and scale of the law; the scale is in units of the weights.
    edges
        Edges of the bins, non-negative and in rising order ``(m,)``, in units of the weights.

    Returns
    -------
    ndarray of float64 ``(m - 1,)``
        Probability of each bin: exp(-a) (1 - exp(a - b)), where a and b are (w / scale)^shape at its two edges. It
        is precise at both ends.
    """
    hazard = (edges / scale) ** shape
    shares: Values = np.exp(-hazard[:-1]) * -np.expm1(-np.diff(hazard))
    return shares
