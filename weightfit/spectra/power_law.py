"""The exponent of a power law that is fitted to the tail of a spectrum."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weightfit.counts.kernels import compiled
from weightfit.errors import DegenerateSpectrum

MINIMUM_EIGENVALUES = 50
"""Least number of distinct eigenvalues: estimates from fewer are not reliable (Clauset et al., 2009, section 3.1)."""

RESOLUTION = float(np.finfo(np.float64).eps)
"""An eigenvalue is taken as zero if it is less than this times their number times the largest of them."""


@dataclass(frozen=True)
class PowerLaw:
    """A density proportional to x^-alpha from some start on.

    Attributes
    ----------
    alpha, alpha_se
        Exponent, and its standard error for independent values from a start that was known beforehand:
        (alpha - 1) / sqrt(tail). Eigenvalues are not independent, and the start is chosen, so that only the spread
        over matrices from one law tells the real error.
    start
        Where the tail begins, in the units of the values.
    tail
        Number of values from the start on.
    ks_distance
        Largest distance between the law and the share of values below each value of the tail.
    """

    alpha: float
    alpha_se: float
    start: float
    tail: int
    ks_distance: float


def tail_exponent(eigenvalues: NDArray[np.float64], name: str = "matrix") -> PowerLaw:
    """Fit a power law to the largest eigenvalues, from the start at which it is nearest to them.

    Every distinct eigenvalue but the two largest is tried as a start. The exponent is the most likely one there, which
    is Hill's: 1 + n / sum of ln(x / start) over the n values from the start on. The start with the least
    Kolmogorov-Smirnov distance is taken (Clauset, Shalizi and Newman, SIAM Review 51, 2009). The distance is measured
    as in the package powerlaw, to the share of values below each value and not to the share up to it.

    Parameters
    ----------
    eigenvalues
        Squares of singular values, in any order and units; a factor changes nothing but the start. Those that float64
        does not tell from zero are left out.
    name
        What the matrix is called in messages.

    Raises
    ------
    DegenerateSpectrum
        If fewer than `MINIMUM_EIGENVALUES` distinct eigenvalues are left.

    Notes
    -----
    WeightWatcher 0.7.7 does the same with a loop of its own by default (``pl_package="ww"``), for the eigenvalues of
    W^T W, which it does not divide by a number of rows. It leaves out eigenvalues up to 1e-5 in the units of the
    weights, below which no tail begins in practice, tries the second largest value too, which never wins, and takes
    another estimate for fewer than 20 eigenvalues, which are refused here. The package powerlaw does it too up to
    version 1.5; from 2.0.0 on it discards starts with an exponent of 3 or more, unless it is called with
    ``parameter_ranges={"alpha": [1, None]}``.
    """
    values = np.sort(np.asarray(eigenvalues, np.float64))
    resolved = values[values > RESOLUTION * values.size * values[-1]] if values.size else values
    value, below = np.unique(resolved, return_index=True)
    if value.size < MINIMUM_EIGENVALUES:
        raise DegenerateSpectrum(
            f"{name}: {value.size} of {values.size} eigenvalues are distinct and not zero, but a tail needs at least "
            f"{MINIMUM_EIGENVALUES}: exclude the matrix"
        )
    edges = np.append(below, resolved.size)
    start, alpha, distance = _nearest(np.log(value / value[-1]), edges)
    tail = resolved.size - int(edges[start])
    return PowerLaw(alpha, (alpha - 1) / math.sqrt(tail), float(value[start]), tail, distance)


@compiled
def _nearest(log_value: NDArray[np.float64], edges: NDArray[np.int64]) -> tuple[int, float, float]:
    """Return the index of the best start with its exponent and its distance; the first of several that are equal.

    Parameters
    ----------
    log_value
        Logs of distinct values in rising order ``(m,)``.
    edges
        Number of values below each of them, and at last the number of all values ``(m + 1,)``.
    """
    last = log_value.size - 1
    total = np.zeros(log_value.size)
    total[last] = (edges[last + 1] - edges[last]) * log_value[last]
    for index in range(last - 1, -1, -1):
        total[index] = total[index + 1] + (edges[index + 1] - edges[index]) * log_value[index]
    best, best_alpha, least = 0, 0.0, np.inf
    for start in range(last - 1):
        n = edges[last + 1] - edges[start]
        slope = n / (total[start] - n * log_value[start])
        distance = _distance(log_value, edges, start, slope, least)
        if distance < least:
            best, best_alpha, least = start, 1 + slope, distance
    return best, best_alpha, least


@compiled
def _distance(
    log_value: NDArray[np.float64], edges: NDArray[np.int64], start: int, slope: float, enough: float
) -> float:
    """Return the largest distance from a start on, or the first one found that is not below ``enough``.

    Both the law and the share of values below rise, so that what they are at two values bounds their distance at all
    values in between. A stretch is halved as long as this bound exceeds the largest distance found so far.
    """
    end = log_value.size - 1
    n = edges[end + 1] - edges[start]
    law = 1 - math.exp(-slope * (log_value[end] - log_value[start]))
    largest: float = abs(law - (edges[end] - edges[start]) / n)
    # The stretches that are still to be looked at; halving makes at most one more of them for each power of two.
    begins, ends = np.empty(64, np.int64), np.empty(64, np.int64)
    begin_laws, end_laws = np.empty(64), np.empty(64)
    begins[0], ends[0], begin_laws[0], end_laws[0] = start, end, 0.0, law
    waiting = 1
    while waiting > 0 and largest < enough:
        waiting -= 1
        begin, end, low, high = begins[waiting], ends[waiting], begin_laws[waiting], end_laws[waiting]
        share_low, share_high = (edges[begin + 1] - edges[start]) / n, (edges[end - 1] - edges[start]) / n
        if end - begin < 2 or max(share_high - low, high - share_low) <= largest:
            continue
        middle = (begin + end) // 2
        law = 1 - math.exp(-slope * (log_value[middle] - log_value[start]))
        largest = max(largest, abs(law - (edges[middle] - edges[start]) / n))
        begins[waiting], ends[waiting], begin_laws[waiting], end_laws[waiting] = begin, middle, low, law
        waiting += 1
        begins[waiting], ends[waiting], begin_laws[waiting], end_laws[waiting] = middle, end, law, high
        waiting += 1
    return largest
