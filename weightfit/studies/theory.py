"""What can be computed without weights: the noise of the plot, and the fits of Gaussian and of heavier-tailed laws."""

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import cumulative_trapezoid
from scipy.optimize import brentq, minimize_scalar

from weightfit.errors import ContractError
from weightfit.fits.null import GaussianMixture
from weightfit.fits.population import (
    half_normal_log_quantile,
    population_fit,
    positions_fit,
    student_t_log_quantile,
)

TRIMS = (0.80, 0.90, 1.00)

DEGREES = (3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 70, 100)
"""Degrees of freedom of Student's t, about evenly spread in their logarithm; below 3 its variance is infinite."""

SAMPLES = (1_000, 10_000, 100_000, 1_000_000)
"""Numbers of weights at which the fit of finitely many Gaussian ones is given."""


def ordinate_variance(probability: float) -> float:
    """Return n times the sampling variance of y = ln(-ln(1 - F)) at the rank of a probability.

    Parameters
    ----------
    probability
        F in (0, 1).

    Returns
    -------
    float
        F / ((1 - F) ln(1 - F)^2), the delta method on a binomial F (the paper, section 2.1).
    """
    return probability / ((1 - probability) * math.log1p(-probability) ** 2)


def least_noisy_probability() -> float:
    """Return the probability at which the ordinate's variance is least."""
    found = minimize_scalar(ordinate_variance, bounds=(0.5, 0.95), method="bounded", options={"xatol": 1e-12})
    return float(found.x)


def equalising_edges(trim: float) -> tuple[float, float]:
    """Return the edges of the trim of this width whose two edges are equally noisy.

    Parameters
    ----------
    trim
        Kept fraction.

    Returns
    -------
    tuple of float
        Lower and upper probability.
    """
    low = brentq(
        lambda edge: ordinate_variance(edge) - ordinate_variance(edge + trim), 1e-9, 1 - trim - 1e-12
    )
    return float(low), float(low + trim)


def theory() -> list[dict[str, object]]:
    """Return every computed quantity as rows of the contract ``theory``."""
    best = least_noisy_probability()
    least = ordinate_variance(best)
    rows = [_row("least_noisy_probability", best)]
    for probability in np.linspace(0.005, 0.995, 397):
        variance = ordinate_variance(float(probability)) / least
        rows.append(_row("relative_variance", variance, probability=float(probability)))
    for trim in TRIMS:
        for name, value in population_fit(half_normal_log_quantile, trim).items():
            rows.append(_row(f"half_normal_{name}", value, trim=trim))
        if trim < 1:
            rows.extend(_edges(trim, least))
    return [*rows, *_finite(), *_gaps()]


def _row(
    quantity: str,
    value: float,
    trim: float | None = None,
    probability: float | None = None,
    degrees: int | None = None,
    n: int | None = None,
) -> dict[str, object]:
    return {
        "quantity": quantity,
        "trim": trim,
        "probability": probability,
        "degrees": degrees,
        "n": n,
        "value": value,
    }


def _edges(trim: float, least: float) -> list[dict[str, object]]:
    edges, even = ((1 - trim) / 2, (1 + trim) / 2), equalising_edges(trim)
    rows = []
    for side, edge, equal in zip(("lower", "upper"), edges, even, strict=True):
        rows.append(_row(f"{side}_edge_variance", ordinate_variance(edge) / least, trim, edge))
        rows.append(_row(f"{side}_equalising_edge", ordinate_variance(equal) / least, trim, equal))
    return rows


def _finite() -> list[dict[str, object]]:
    """Return the shape of n exactly Gaussian weights, which the ends of the plot raise at trim 1.00."""
    return [
        _row("finite_half_normal_shape", positions_fit(half_normal_log_quantile, n, trim)["shape"], trim, n=n)
        for n in SAMPLES
        for trim in TRIMS
    ]


def _gaps() -> list[dict[str, object]]:
    """Return how the shape at each trim, and the gap between the first and the last trim, follow the tail."""
    gaussian = [population_fit(half_normal_log_quantile, trim)["shape"] for trim in TRIMS]
    rows = [_row("half_normal_gap", gaussian[0] - gaussian[-1])]
    for degrees in DEGREES:
        law = student_t_log_quantile(degrees)
        shapes = [population_fit(law, trim)["shape"] for trim in TRIMS]
        for trim, shape in zip(TRIMS, shapes, strict=True):
            rows.append(_row("student_t_shape", shape, trim, degrees=degrees))
        rows.append(_row("student_t_gap", shapes[0] - shapes[-1], degrees=degrees))
    return rows


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
    `weightfit.fits.probability_plot.standard_errors`, of which it is the limit.

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
