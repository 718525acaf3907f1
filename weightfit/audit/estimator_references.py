"""What references to the estimator stand for in a formula: its noise, and what outliers and rounding do to it."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.integrate import cumulative_trapezoid
from scipy.optimize import minimize_scalar

from weightfit.closure import READINGS, half_normal, implied
from weightfit.errors import ContractError
from weightfit.null import GaussianMixture
from weightfit.population import half_normal_log_quantile, population_fit, positions_fit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

RANKS = 100_000
"""Exact quantiles by which the shift of rounding is computed."""

NODES = 100_001
"""Points of F, evenly spread in its log odds, by which the noise is computed."""

REACH = 45.0
"""Log odds beyond which lies 3e-20 of a law."""


@cache
def shape_noise(trim: float) -> float:
    """Return the standard error of the shape of n Gaussian weights times the root of n, for large n.

    It is the root of the variance of the influence function, whose slope in x = ln of the magnitude is
    ((y - mean y) - 2 shape (x - mean x)) / (trim var x) within the trim and 0 outside; see
    `weightfit.probability_plot.standard_errors`, of which it is the limit.

    Parameters
    ----------
    trim
        Kept fraction.
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
    # The weights on either side of the trim have the influence of its edge.
    share[0] += below[0]
    share[-1] += above[-1]
    return math.sqrt(float(share @ influence**2 - (share @ influence) ** 2))


@cache
def least_noisy_trim() -> float:
    """Return the trim with the least `shape_noise`, to three digits: ``least_noisy_trim()``."""
    found = minimize_scalar(shape_noise, bounds=(0.5, 1.0), method="bounded", options={"xatol": 1e-4})
    return round(float(found.x), 3)


def relative_shape_variance(trim: float) -> float:
    """Return the variance of the shape over that at the best trim: ``relative_shape_variance(trim=...)``.

    Of independent Gaussian weights, infinitely many.

    Parameters
    ----------
    trim
        Kept fraction.
    """
    return (shape_noise(trim) / shape_noise(least_noisy_trim())) ** 2


@cache
def shape_with_outliers(share: float, factor: float, trim: float) -> float:
    """Return the shape of Gaussian weights of which some have a larger deviation: ``shape_with_outliers(...)``.

    Parameters
    ----------
    share
        Of the outliers among all weights.
    factor
        Standard deviation of the outliers over that of the others.
    trim
        Kept fraction.
    """
    if not 0 < share < 1 or factor <= 1:
        raise ContractError(f"a share of {share:g} and a factor of {factor:g}: take 0 < share < 1 < factor")
    law = GaussianMixture(np.array([1.0, factor]), np.array([1 - share, share]))
    return population_fit(lambda *at: law.log_quantile(half_normal_log_quantile(*at)), trim)["shape"]


@cache
def rounding_shift(bits: int, trim: float) -> float:
    """Return by how much rounding Gaussian weights moves their shape: ``rounding_shift(bits=8, trim=...)``.

    Parameters
    ----------
    bits
        Significant binary digits that are kept: 8 for BF16, 11 for F16 of normal numbers.
    trim
        Kept fraction.
    """

    def rounded(below: NDArray[np.float64], above: NDArray[np.float64]) -> NDArray[np.float64]:
        fraction, exponent = np.frexp(np.exp(half_normal_log_quantile(below, above)))
        answer: NDArray[np.float64] = np.log(np.ldexp(np.rint(fraction * 2.0**bits) / 2.0**bits, exponent))
        return answer

    shapes = [positions_fit(law, RANKS, trim)["shape"] for law in (rounded, half_normal_log_quantile)]
    return shapes[0] - shapes[1]


def shape_error(count: float, trim: float) -> float:
    """Return the standard error of the shape of so many Gaussian weights: ``shape_error(count=1000, trim=...)``.

    Parameters
    ----------
    count
        Of independent weights; the error is that of many.
    trim
        Kept fraction.
    """
    if count < 1:
        raise ContractError(f"{count:g} weights have no standard error; take one or more")
    return shape_noise(trim) / math.sqrt(count)


def closure_error(reading: str, trim: float) -> float:
    """Return how far the law fitted to Gaussian weights is from their moments: ``closure_error(reading, trim=...)``.

    Parameters
    ----------
    reading
        One of `weightfit.closure.READINGS`.
    trim
        Kept fraction, of the fit and of the readings that are trimmed.
    """
    if reading not in READINGS:
        raise ContractError(f"the closure check has no reading {reading!r}; take one of {list(READINGS)}")
    law = population_fit(half_normal_log_quantile, trim)
    return implied(law["shape"], law["scale"], trim)[reading] / half_normal(1.0, trim)[reading] - 1


REFERENCES: Mapping[str, Callable[..., object]] = {
    "least_noisy_trim": least_noisy_trim,
    "relative_shape_variance": relative_shape_variance,
    "shape_with_outliers": shape_with_outliers,
    "rounding_shift": rounding_shift,
    "shape_error": shape_error,
    "closure_error": closure_error,
}
"""Name in a formula to what says what it stands for."""
