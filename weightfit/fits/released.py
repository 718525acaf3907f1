"""The estimator of npm-weibull-py 0.4.0, which counts magnitudes in 1024 bins of their log10 without centring."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from weightfit.counts.histogram import Histogram
from weightfit.errors import DegenerateHistogram
from weightfit.fits.line import Line, line_through, weibull_cdf
from weightfit.fits.probability_plot import Fit

EDGES = np.linspace(-12.0, 2.0, 1025)
"""Bin edges in log10 of the magnitude, as in npm_weibull/utils/histogram.py."""

_SMALLEST = np.float32(1e-13)
_MINIMUM_COUNT = 100
_MINIMUM_BINS = 5


def binned(histogram: Histogram) -> NDArray[np.int64]:
    """Count magnitudes in the released library's bins.

    Parameters
    ----------
    histogram
        Histogram of the signed weights.

    Returns
    -------
    ndarray of int64 ``(1024,)``
        Counts, which equal ``npm_weibull.extract_to_histogram(w)["hist"]`` for exact histograms. As in the library,
        magnitudes below 1e-12 are dropped, zeros included.
    """
    at_edges = _first_magnitudes()
    below = np.zeros(histogram.count.size + 1, np.int64)
    np.cumsum(histogram.count, out=below[1:])
    positive = below[np.searchsorted(histogram.value, at_edges)]
    negative = below[np.searchsorted(histogram.value, -at_edges, side="right")]
    return np.diff(positive) - np.diff(negative)


@lru_cache(maxsize=1)
def _first_magnitudes() -> NDArray[np.float32]:
    """Return the smallest float32 whose log10 in float32 reaches each edge, or exceeds the last one."""
    low = np.zeros(EDGES.size, np.uint32)
    high = np.full(EDGES.size, np.float32(np.inf).view(np.uint32))
    while np.any(high - low > 1):
        middle = low + (high - low) // 2
        logarithm = np.log10(np.maximum(middle.view(np.float32), _SMALLEST)).astype(np.float64)
        reached = logarithm >= EDGES
        reached[-1] = logarithm[-1] > EDGES[-1]  # the last bin includes its upper edge
        low, high = np.where(reached, low, middle), np.where(reached, middle, high)
    return high.view(np.float32)


@dataclass(frozen=True)
class BinnedLine:
    """A fit of the released estimator to binned magnitudes.

    Attributes
    ----------
    line
        Line fitted to the bins inside the trim.
    x
        Natural logarithm of the centre of every bin, in units of the weights.
    y
        Ordinates ln(-ln(1 - F + 1e-12)) of the bins inside the trim.
    lower, upper
        Shares of the magnitudes below the start and below the end of every bin.
    inside
        Whether each bin is inside the trim.
    """

    line: Line
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    inside: NDArray[np.bool_]

    @property
    def distances(self) -> NDArray[np.float64]:
        """Distance between the share at each bin's upper edge and the law at its centre, as in the library."""
        return np.abs(self.upper - weibull_cdf(self.x, self.line))


def binned_line(edges: NDArray[np.float64], count: NDArray[np.float64], trim: float) -> BinnedLine:
    """Fit a line to the probability plot of binned magnitudes as ``npm_weibull.weibull_fit`` does.

    A bin is one point of the plot, at its centre and at the middle of its range of F, and is weighted by its count. The
    trim keeps the bins whose F lies inside it.

    Parameters
    ----------
    edges
        Edges of the bins in log10 of the magnitude ``(m + 1,)``.
    count
        Number of magnitudes in each bin ``(m,)``.
    trim
        Kept fraction of the plot.

    Raises
    ------
    DegenerateHistogram
        If there are fewer than 100 magnitudes, or fewer than 5 bins inside the trim.
    """
    total = float(count.sum())
    if total < _MINIMUM_COUNT:
        raise DegenerateHistogram(
            f"there are {total:.0f} magnitudes, but at least {_MINIMUM_COUNT} are needed"
        )
    upper = np.cumsum(count) / total
    lower = (np.cumsum(count) - count) / total
    middle = (upper + lower) / 2
    margin = (1 - trim) / 2
    inside = (count > 0) & (middle >= margin) & (middle <= 1 - margin) & (middle > 0) & (middle < 1)
    if int(inside.sum()) < _MINIMUM_BINS:
        raise DegenerateHistogram(
            f"there are {int(inside.sum())} bins inside the trim, but at least {_MINIMUM_BINS} are needed"
        )
    x = (edges[:-1] + edges[1:]) / 2 * math.log(10.0)
    y = np.log(-np.log(1 - middle[inside] + 1e-12))
    above = total - float(np.cumsum(count)[inside][-1])
    line = line_through(x[inside], y * count[inside], count[inside], above, round(total))
    return BinnedLine(line, x, y, lower, upper, inside)


def released_fit(counts: NDArray[np.float64] | NDArray[np.int64], trim: float, name: str = "matrix") -> Fit:
    """Fit a Weibull law with standard errors to magnitudes in the released library's bins (see `binned_line`).

    Parameters
    ----------
    counts
        Counts from `binned`, or the expected counts of a law, ``(1024,)``.
    trim
        Kept fraction of the plot.
    name
        Name of the matrix in error messages.

    Returns
    -------
    Fit
        The fit. Its ``zeros`` is 0, because dropped magnitudes do not count towards ``n``.

    Raises
    ------
    DegenerateHistogram
        If there are fewer than 100 magnitudes, or fewer than 5 bins inside the trim; the library returns
        not-a-number there.
    """
    count = np.asarray(counts, np.float64)
    total = float(count.sum())
    try:
        found = binned_line(EDGES, count, trim)
    except DegenerateHistogram as error:
        raise DegenerateHistogram(
            f"{name}: the released estimator, which counts magnitudes from 1e-12 on, fails at trim {trim:.2f}: "
            f"{error}: exclude the matrix"
        ) from None
    line, inside = found.line, found.inside
    return Fit(
        n=round(total),
        zeros=0,
        shape=line.shape,
        scale=line.scale,
        shape_se=line.shape_se,
        scale_se=line.scale * line.log_scale_se,
        r_squared=line.r_squared,
        ks_distance=float(found.distances.max()),
        ks_distance_trimmed=float(found.distances[inside].max()),
    )
