"""The standard error of the shape of many Gaussian weights, and how outliers and rounding move that shape."""

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import cumulative_trapezoid
from scipy.optimize import minimize_scalar
from scipy.special import ndtr, ndtri

from weightfit.errors import ContractError
from weightfit.fits.null import GaussianMixture
from weightfit.fits.population import half_normal_log_quantile, population_fit, positions_fit

RANKS = 100_000
"""Number of exact quantiles from which the shift by rounding is computed."""

NODES = 100_001
"""Number of values of F, evenly spaced in log odds, from which the noise is computed."""

REACH = 45.0
"""Log odds beyond which a share of 3e-20 of a law lies."""


@cache
def shape_noise(trim: float) -> float:
    """Return sqrt(n) times the standard error of the shape of n Gaussian weights, for large n.

    It is the standard deviation of the influence function, whose slope in x = ln of the magnitude is
    ((y - mean y) - 2 shape (x - mean x)) / (trim var x) within the trim and 0 outside. It is the limit of
    `weightfit.fits.line.fitted_line` for many weights.

    Parameters
    ----------
    trim
        Kept fraction of the plot.
    """
    reach = REACH if trim == 1 else math.log((1 + trim) / (1 - trim))
    log_odds = np.linspace(-reach, reach, NODES)
    below, above = 1 / (1 + np.exp(-log_odds)), 1 / (1 + np.exp(log_odds))
    x, y = half_normal_log_quantile(below, above), np.log(np.logaddexp(0, log_odds))
    share = below * above * np.gradient(log_odds)
    share[[0, -1]] /= 2
    inside = share / share.sum()
    dx, dy = x - inside @ x, y - inside @ y
    variance = inside @ dx**2
    slope = (dy - 2 * (inside @ (dx * dy) / variance) * dx) / (trim * variance)
    influence = cumulative_trapezoid(slope, x, initial=0)
    # Weights on either side of the trim have the influence at its nearer edge.
    share[0] += below[0]
    share[-1] += above[-1]
    return math.sqrt(float(share @ influence**2 - (share @ influence) ** 2))


@cache
def least_noisy_trim() -> float:
    """Return the trim with the least `shape_noise`, to three digits, as ``least_noisy_trim()``."""
    found = minimize_scalar(shape_noise, bounds=(0.5, 1.0), method="bounded", options={"xatol": 1e-4})
    return round(float(found.x), 3)


def relative_shape_variance(trim: float) -> float:
    """Return the variance of the shape over that at the best trim, as ``relative_shape_variance(trim=...)``.

    The weights are Gaussian and independent, and infinitely many.

    Parameters
    ----------
    trim
        Kept fraction of the plot.
    """
    return (shape_noise(trim) / shape_noise(least_noisy_trim())) ** 2


@cache
def shape_with_outliers(share: float, factor: float, trim: float) -> float:
    """Return the shape of Gaussian weights with Gaussian outliers among them, as ``shape_with_outliers(...)``.

    Parameters
    ----------
    share
        Share of outliers among all weights.
    factor
        Standard deviation of the outliers over that of the other weights.
    trim
        Kept fraction of the plot.
    """
    if not 0 < share < 1 or factor <= 1:
        raise ContractError(
            f"share {share:g} and factor {factor:g} are out of range; take 0 < share < 1 < factor"
        )
    law = GaussianMixture(np.array([1.0, factor]), np.array([1 - share, share]))
    return population_fit(lambda *at: law.log_quantile(half_normal_log_quantile(*at)), trim)["shape"]


@cache
def truncated_normal_shape(cutoff: float, trim: float) -> float:
    """Return the shape of weights from a truncated Gaussian law, as ``truncated_normal_shape(cutoff=3, trim=...)``.

    Parameters
    ----------
    cutoff
        Magnitude beyond which no weight is drawn, in standard deviations of the law before it was cut.
    trim
        Kept fraction of the plot.
    """
    if cutoff <= 0:
        raise ContractError(f"a law cut at {cutoff:g} has no weights; take a cutoff above 0")
    kept = 2 * ndtr(cutoff) - 1
    law = population_fit(
        lambda below, above: np.log(
            np.where(below < 0.5, ndtri((1 + np.minimum(below, 0.5) * kept) / 2), -ndtri(_tail(above, kept)))
        ),
        trim,
    )
    return law["shape"]


def _tail(above: NDArray[np.float64], kept: float) -> NDArray[np.float64]:
    """Return the share of an uncut Gaussian law above the quantile of its cut magnitudes."""
    return (1 - kept + np.minimum(above, 0.5) * kept) / 2


@cache
def uniform_shape(trim: float) -> float:
    """Return the shape of uniformly distributed weights, as ``uniform_shape(trim=...)``.

    Parameters
    ----------
    trim
        Kept fraction of the plot.
    """

    def log_quantile(below: NDArray[np.float64], above: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(below < 0.5, np.log(below), np.log1p(-np.minimum(above, 0.5)))

    return population_fit(log_quantile, trim)["shape"]


@cache
def rounding_shift(bits: int, trim: float) -> float:
    """Return the change of the shape of Gaussian weights by rounding, as ``rounding_shift(bits=8, trim=...)``.

    Parameters
    ----------
    bits
        Number of significant binary digits that are kept: 8 for BF16, 11 for normal numbers of F16.
    trim
        Kept fraction of the plot.
    """

    def rounded(below: NDArray[np.float64], above: NDArray[np.float64]) -> NDArray[np.float64]:
        fraction, exponent = np.frexp(np.exp(half_normal_log_quantile(below, above)))
        answer: NDArray[np.float64] = np.log(np.ldexp(np.rint(fraction * 2.0**bits) / 2.0**bits, exponent))
        return answer

    shapes = [positions_fit(law, RANKS, trim)["shape"] for law in (rounded, half_normal_log_quantile)]
    return shapes[0] - shapes[1]


def shape_error(count: float, trim: float) -> float:
    """Return the standard error of the shape of Gaussian weights, as ``shape_error(count=1000, trim=...)``.

    Parameters
    ----------
    count
        Number of independent weights; the error is that for large numbers.
    trim
        Kept fraction of the plot.
    """
    if count < 1:
        raise ContractError(f"{count:g} weights have no standard error; take one or more")
    return shape_noise(trim) / math.sqrt(count)
