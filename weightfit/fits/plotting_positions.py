"""Weibull plotting positions: y = ln(-ln(1 - F)) of order statistics, summed over runs of tied ranks."""

import math
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from weightfit.counts.kernels import compiled

_TABLE_LIMIT = 1 << 20
_MANY, _FEW = np.polynomial.legendre.leggauss(12), np.polynomial.legendre.leggauss(3)
_DIRECT = 64
_FEW_RANKS = 4


def weibull_y(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the ordinate of the Weibull probability plot.

    Parameters
    ----------
    probability
        Cumulative fractions F in (0, 1), any shape.

    Returns
    -------
    ndarray of float64
        ln(-ln(1 - F)), dimensionless.
    """
    return np.log(-np.log1p(-probability))


@lru_cache(maxsize=64)
def ranks_inside(n: int, trim: float) -> tuple[int, int]:
    """Return the first and last rank (counted from 1) that a trim keeps.

    A rank i is kept if F = (i - 1/2)/n lies in [(1 - trim)/2, (1 + trim)/2], decided in exact
    arithmetic.

    Parameters
    ----------
    n
        Number of order statistics.
    trim
        Kept fraction of the plot, 0 < trim <= 1, read as a decimal.

    Returns
    -------
    tuple of int
        ``(first, last)``; no rank is kept if first > last.

    Examples
    --------
    >>> ranks_inside(10, 0.80)
    (2, 9)
    >>> ranks_inside(10, 1.00)
    (1, 10)
    """
    low = (1 - Fraction(repr(float(trim)))) / 2
    first = -((-(2 * n * low + 1)) // 2)
    last = (2 * n * (1 - low) + 1) // 2
    return max(int(first), 1), min(int(last), n)


def y_sums(n: int, edges: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sum y over the runs of ranks between neighbouring edges, with F = (i - 1/2)/n.

    Up to about a million order statistics, or where there are few ranks a run, the ranks are summed one by one. Beyond
    that, the sums are integrals: the sum of a smooth function at mid-points is its integral less a twenty-fourth of the
    change of its derivative (Euler-Maclaurin). The integral is taken by Gauss-Legendre quadrature (12 points, or 3 for
    narrow runs) over panels that at most double the distance to either end of (0, 1). The 64 ranks at each end are
    summed one by one.

    Parameters
    ----------
    n
        Number of order statistics.
    edges
        Rising numbers from 0 to n, int64 ``(m + 1,)``; run j has the ranks edges[j] < i <= edges[j + 1].

    Returns
    -------
    ndarray of float64 ``(m,)``
    """
    if n <= _TABLE_LIMIT:
        return _sums_of_runs(_ordinates(n), edges)
    if edges[-1] - edges[0] <= _FEW_RANKS * edges.size:
        return _sums_by_rank(n, edges)
    before, through = edges[:-1], edges[1:]
    length = through - before
    distance = np.minimum(before, n - through)
    single = length == 1
    narrow = ~single & (distance >= _DIRECT) & (16 * length < distance)
    smooth = ~single & ~narrow & (distance >= _DIRECT) & (length <= distance)
    sums = np.zeros(before.size)
    sums[single] = weibull_y((through[single] - 0.5) / n)
    sums[narrow] = _panels(n, before[narrow], through[narrow], *_FEW)
    sums[smooth] = _panels(n, before[smooth], through[smooth], *_MANY)
    for index in np.flatnonzero(~single & ~narrow & ~smooth):
        sums[index] = _run(n, int(before[index]), int(through[index]))
    return sums


@lru_cache(maxsize=4)
def _ordinates(n: int) -> NDArray[np.float64]:
    ordinates = _sums_by_rank(n, np.arange(n + 1))
    ordinates.flags.writeable = False
    return ordinates


@compiled
def _sums_of_runs(values: NDArray[np.float64], edges: NDArray[np.int64]) -> NDArray[np.float64]:
    sums = np.empty(edges.size - 1)
    for run in range(sums.size):
        total = 0.0
        for index in range(edges[run], edges[run + 1]):
            total += values[index]
        sums[run] = total
    return sums


@compiled
def _sums_by_rank(n: int, edges: NDArray[np.int64]) -> NDArray[np.float64]:
    sums = np.empty(edges.size - 1)
    for run in range(sums.size):
        total = 0.0
        for index in range(edges[run], edges[run + 1]):
            below, above = (index + 0.5) / n, (n - index - 0.5) / n
            total += math.log(-math.log(above) if below > 0.1 else -math.log1p(-below))
        sums[run] = total
    return sums


def _run(n: int, before: int, through: int) -> float:
    # y is singular at the ends of (0, 1), so the ranks nearest to them are summed one by one.
    low = min(max(before, _DIRECT), through)
    high = max(min(through, n - _DIRECT), low)
    direct = np.concatenate([np.arange(before + 1, low + 1), np.arange(high + 1, through + 1)])
    cuts = [low]
    while cuts[-1] < high:
        cuts.append(min(high, 2 * cuts[-1], cuts[-1] + (n - cuts[-1]) // 2))
    panels = _panels(n, np.array(cuts[:-1], np.int64), np.array(cuts[1:], np.int64), *_MANY)
    return float(weibull_y((direct - 0.5) / n).sum() + panels.sum())


def _panels(
    n: int,
    begin: NDArray[np.int64],
    end: NDArray[np.int64],
    nodes: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    low, high = begin / n, end / n
    middle, half = (low + high) / 2, (high - low) / 2
    integral = half * (weibull_y(middle[:, None] + half[:, None] * nodes) @ weights) * n
    return integral - (_y_slope(high) - _y_slope(low)) / (24 * n)


def _y_slope(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    return -1 / ((1 - probability) * np.log1p(-probability))
