"""Hartigan's dip: how far a distribution is from having a single mode."""

import math

import numpy as np
from numpy.typing import NDArray

from weightfit.counts.kernels import compiled

Values = NDArray[np.float64]

UNIFORM_QUANTILE = 0.739
"""99.9 % quantile of sqrt(n) dip for n uniform values and large n (Maechler, R package diptest, table qDiptab)."""


def dip(edges: Values, counts: Values) -> float:
    """Return the dip of a distribution that is uniform within each cell.

    The dip is the least, over all unimodal distribution functions G, of the largest distance between G and the
    distribution function F (Hartigan and Hartigan, Annals of Statistics 13, 1985). It is 0 where F is unimodal, and at
    least half of the mass by which a second mode stands above the valley before it.

    Parameters
    ----------
    edges
        Edges of the cells in rising order, ``(m + 1,)``.
    counts
        Counts in the cells, ``(m,)``; not all are zero.

    Returns
    -------
    float
        The dip, from 0 to 1/4.

    Notes
    -----
    The algorithm is Hartigan's (Applied Statistics 34, 1985): the modal interval shrinks until the greatest convex
    minorant and the least concave majorant of F within it are no farther apart than those outside of it are from F.
    """
    through = np.concatenate([[0.0], np.cumsum(counts)]) / counts.sum()
    return float(_dip(edges, through))


def critical_dip(n: int) -> float:
    """Return the dip that n weights of any unimodal law exceed in at most about one of 1000 samples.

    In large samples the uniform law has the largest dips of all unimodal laws (Hartigan and Hartigan, 1985). The log
    magnitudes of Gaussian weights exceed this dip far less often.
    """
    return UNIFORM_QUANTILE / math.sqrt(n)


@compiled
def _hull(x: Values, y: Values, low: int, high: int, sign: float) -> NDArray[np.int64]:
    """Return the vertices of the greatest convex minorant (sign 1) or least concave majorant (-1)."""
    vertex = np.empty(high - low + 1, np.int64)
    size = 0
    for i in range(low, high + 1):
        while size > 1:
            a, b = vertex[size - 2], vertex[size - 1]
            if sign * ((y[b] - y[a]) * (x[i] - x[b]) - (y[i] - y[b]) * (x[b] - x[a])) < 0:
                break
            size -= 1
        vertex[size] = i
        size += 1
    return vertex[:size]


@compiled
def _line(x: Values, y: Values, vertex: NDArray[np.int64], at: float) -> float:
    """Return the ordinate of a hull at an abscissa within its range."""
    right = 1
    while right < vertex.size - 1 and x[vertex[right]] < at:
        right += 1
    a, b = vertex[right - 1], vertex[right]
    return float(y[a] + (y[b] - y[a]) * (at - x[a]) / (x[b] - x[a]))


@compiled
def _farthest(x: Values, y: Values, vertex: NDArray[np.int64], low: int, high: int) -> float:
    """Return the largest distance between a hull and F from point ``low`` to point ``high``."""
    largest = 0.0
    for i in range(low, high + 1):
        largest = max(largest, abs(y[i] - _line(x, y, vertex, x[i])))
    return largest


@compiled
def _dip(x: Values, y: Values) -> float:
    low, high = 0, x.size - 1
    twice = 0.0
    while low < high:
        minorant = _hull(x, y, low, high, 1.0)
        majorant = _hull(x, y, low, high, -1.0)
        widest = 0.0
        next_low, next_high = low, high
        # The mode lies where the two are farthest apart, which is at a vertex of one of them.
        for i in range(minorant.size):
            gap = _line(x, y, majorant, x[minorant[i]]) - y[minorant[i]]
            if gap > widest:
                widest, next_low = gap, minorant[i]
                next_high = majorant[np.searchsorted(majorant, next_low)]
        for i in range(majorant.size):
            gap = y[majorant[i]] - _line(x, y, minorant, x[majorant[i]])
            if gap > widest:
                widest, next_high = gap, majorant[i]
                next_low = minorant[np.searchsorted(minorant, next_high, side="right") - 1]
        if widest <= twice:
            break
        twice = max(
            twice,
            _farthest(x, y, minorant, low, next_low),
            _farthest(x, y, majorant, next_high, high),
        )
        if (next_low, next_high) == (low, high):
            break
        low, high = next_low, next_high
    return twice / 2
