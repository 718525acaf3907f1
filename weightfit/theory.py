"""What can be computed without weights: the noise of the plot, and the fit of exactly half-normal magnitudes."""

import math
from collections.abc import Callable

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq, minimize_scalar
from scipy.special import erfinv

TRIMS = (0.80, 0.90, 1.00)


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


def half_normal_fit(trim: float) -> dict[str, float]:
    """Fit a Weibull law to the half-normal law itself, by quadrature (the paper, equation 1).

    Parameters
    ----------
    trim
        Kept fraction of the probability plot.

    Returns
    -------
    dict
        ``shape``, ``scale`` (in units of sigma) and ``r_squared``.
    """
    low, high = (1 - trim) / 2, (1 + trim) / 2

    def x(probability: float) -> float:
        return math.log(math.sqrt(2) * float(erfinv(probability)))

    def y(probability: float) -> float:
        return math.log(-math.log1p(-probability))

    def mean(function: Callable[[float], float]) -> float:
        value, _ = quad(function, low, high, limit=500, epsabs=1e-13, epsrel=1e-12)
        return float(value) / trim

    mean_x, mean_y = mean(x), mean(y)
    xx = mean(lambda p: (x(p) - mean_x) ** 2)
    xy = mean(lambda p: (x(p) - mean_x) * (y(p) - mean_y))
    yy = mean(lambda p: (y(p) - mean_y) ** 2)
    shape = xy / xx
    return {"shape": shape, "scale": math.exp(mean_x - mean_y / shape), "r_squared": xy**2 / (xx * yy)}


def theory() -> list[dict[str, object]]:
    """Return every computed quantity as rows of the contract ``theory``."""
    rows: list[dict[str, object]] = []

    def add(quantity: str, value: float, trim: float | None = None, probability: float | None = None) -> None:
        rows.append({"quantity": quantity, "trim": trim, "probability": probability, "value": value})

    best = least_noisy_probability()
    least = ordinate_variance(best)
    add("least_noisy_probability", best)
    for probability in np.linspace(0.005, 0.995, 397):
        add("relative_variance", ordinate_variance(float(probability)) / least, None, float(probability))
    for trim in TRIMS:
        for name, value in half_normal_fit(trim).items():
            add(f"half_normal_{name}", value, trim)
        if trim < 1:
            edges = ((1 - trim) / 2, (1 + trim) / 2)
            even = equalising_edges(trim)
            for side, edge, equal in zip(("lower", "upper"), edges, even, strict=True):
                add(f"{side}_edge_variance", ordinate_variance(edge) / least, trim, edge)
                add(f"{side}_equalising_edge", ordinate_variance(equal) / least, trim, equal)
    return rows
