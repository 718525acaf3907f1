"""The paper's estimator applied to a law itself instead of to samples from it, by quadrature."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, erfinv, ndtri

from weightfit.fits.plotting_positions import ranks_inside

Array = NDArray[np.float64]

LogQuantile = Callable[[Array, Array], Array]
"""Function that gives ln of the quantile of a magnitude from F and 1 - F; each of these resolves one end of (0, 1)."""

_NODES = np.polynomial.legendre.leggauss(400)
_REACH = 45.0


def half_normal_log_quantile(below: Array, above: Array) -> Array:
    """Return ln of the half-normal quantile.

    Parameters
    ----------
    below, above
        F and 1 - F in (0, 1), float64 ``(m,)``.

    Returns
    -------
    ndarray of float64 ``(m,)``
        ln of the quantile, in units of sigma.
    """
    low, high = np.minimum(below, 0.5), np.minimum(above, 0.5)
    return np.log(np.where(below < 0.5, math.sqrt(2) * erfinv(low), -ndtri(high / 2)))


def student_t_log_quantile(degrees: float) -> LogQuantile:
    """Return the function that gives ln of the quantile of the magnitude of Student's t.

    Parameters
    ----------
    degrees
        Degrees of freedom, positive; infinity gives the half-normal law.

    Returns
    -------
    callable
        ln of the quantile in units of the law's scale parameter. It uses that t^2 / (degrees + t^2) follows a beta
        law with parameters 1/2 and degrees / 2.
    """

    def log_quantile(below: Array, above: Array) -> Array:
        low = betaincinv(0.5, degrees / 2, np.minimum(below, 0.5))
        high = betaincinv(degrees / 2, 0.5, np.minimum(above, 0.5))
        odds = np.where(below < 0.5, np.log(low) - np.log1p(-low), np.log1p(-high) - np.log(high))
        answer: Array = (math.log(degrees) + odds) / 2
        return answer

    return log_quantile


def population_fit(log_quantile: LogQuantile, trim: float) -> dict[str, float]:
    """Fit a Weibull law to another law by least squares over its whole probability plot (the paper, equation 1).

    The integrals over F are taken over its log odds u, where the integrands are smooth and fall like exp(-abs(u)) times
    a power of u. At trim 1.00, where the integrals are improper, they therefore converge for every law whose quantiles
    grow no faster than powers of F and of 1 - F at the two ends. Student's t with any degrees of freedom is such a law.

    Parameters
    ----------
    log_quantile
        Function that gives ln of the quantile of the law's magnitudes.
    trim
        Kept fraction of the plot, 0 < trim <= 1.

    Returns
    -------
    dict
        ``shape``, ``scale`` (in the units of the quantile) and ``r_squared``, to about 1e-12.
    """
    # A share of 3e-20 of the law lies beyond log odds of 45.
    reach = _REACH if trim == 1 else math.log((1 + trim) / (1 - trim))
    log_odds = reach * _NODES[0]
    below, above = 1 / (1 + np.exp(-log_odds)), 1 / (1 + np.exp(log_odds))
    weight = _NODES[1] * below * above
    return _line(log_quantile(below, above), np.log(np.logaddexp(0, log_odds)), weight / weight.sum())


def positions_fit(log_quantile: LogQuantile, n: int, trim: float) -> dict[str, float]:
    """Fit a Weibull law to the exact quantiles of another law at the plotting positions of n order statistics.

    Parameters
    ----------
    log_quantile
        Function that gives ln of the quantile of the law's magnitudes.
    n
        Number of order statistics; all of them are held in memory.
    trim
        Kept fraction of the plot.

    Returns
    -------
    dict
        Same keys as from `population_fit`, to whose values these converge for large n.
    """
    first, last = ranks_inside(n, trim)
    rank = np.arange(first, last + 1)
    below, above = (rank - 0.5) / n, (n - rank + 0.5) / n
    weight = np.full(rank.size, 1 / rank.size)
    return _line(log_quantile(below, above), np.log(-np.log(above)), weight)


def _line(x: Array, y: Array, weight: Array) -> dict[str, float]:
    mean_x, mean_y = float(weight @ x), float(weight @ y)
    dx, dy = x - mean_x, y - mean_y
    xx, xy, yy = float(weight @ dx**2), float(weight @ (dx * dy)), float(weight @ dy**2)
    shape = xy / xx
    return {"shape": shape, "scale": math.exp(mean_x - mean_y / shape), "r_squared": xy**2 / (xx * yy)}
