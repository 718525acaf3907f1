"""Results that need no weights: the noise of the plot, and fits to Gaussian and to heavier-tailed laws."""

import math

import numpy as np
from scipy.optimize import brentq, minimize_scalar

from weightfit.fits.population import (
    half_normal_log_quantile,
    population_fit,
    positions_fit,
    student_t_log_quantile,
)

TRIMS = (0.80, 0.90, 1.00)

DEGREES = (3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 70, 100)
"""Degrees of freedom of Student's t, about evenly spaced in their logarithm; up to 2 its variance is infinite."""

SAMPLES = (1_000, 10_000, 100_000, 1_000_000)
"""Numbers of weights for which the fit to exactly Gaussian weights is given."""


def ordinate_variance(probability: float) -> float:
    """Return n times the sampling variance of y = ln(-ln(1 - F)) at a cumulative probability.

    Parameters
    ----------
    probability
        Cumulative probability F in (0, 1).

    Returns
    -------
    float
        F / ((1 - F) ln(1 - F)^2), by the delta method for a binomial F (the paper, section 2.1).
    """
    return probability / ((1 - probability) * math.log1p(-probability) ** 2)


def least_noisy_probability() -> float:
    """Return the cumulative probability at which the variance of the ordinate is least."""
    found = minimize_scalar(ordinate_variance, bounds=(0.5, 0.95), method="bounded", options={"xatol": 1e-12})
    return float(found.x)


def equalising_edges(trim: float) -> tuple[float, float]:
    """Return the edges of the trim of a given width whose two edges are equally noisy.

    Parameters
    ----------
    trim
        Kept fraction of the plot.

    Returns
    -------
    tuple of float
        Cumulative probability at the lower and at the upper edge.
    """
    low = brentq(
        lambda edge: ordinate_variance(edge) - ordinate_variance(edge + trim), 1e-9, 1 - trim - 1e-12
    )
    return float(low), float(low + trim)


def theory() -> list[dict[str, object]]:
    """Return every computed quantity as a row of the contract ``theory``."""
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
    """Return the shape of n exactly Gaussian weights; the ends of the plot raise it at trim 1.00."""
    return [
        _row("finite_half_normal_shape", positions_fit(half_normal_log_quantile, n, trim)["shape"], trim, n=n)
        for n in SAMPLES
        for trim in TRIMS
    ]


def _gaps() -> list[dict[str, object]]:
    """Return the shape at each trim, and the gap between the first and the last trim, for tails of each heaviness."""
    gaussian = [population_fit(half_normal_log_quantile, trim)["shape"] for trim in TRIMS]
    rows = [_row("half_normal_gap", gaussian[0] - gaussian[-1])]
    for degrees in DEGREES:
        law = student_t_log_quantile(degrees)
        shapes = [population_fit(law, trim)["shape"] for trim in TRIMS]
        for trim, shape in zip(TRIMS, shapes, strict=True):
            rows.append(_row("student_t_shape", shape, trim, degrees=degrees))
        rows.append(_row("student_t_gap", shapes[0] - shapes[-1], degrees=degrees))
    return rows
