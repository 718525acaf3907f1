"""The paper's estimator: a straight line through the middle of a Weibull probability plot."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from weightfit.counts.histogram import Histogram
from weightfit.counts.kernels import fold
from weightfit.errors import DegenerateHistogram
from weightfit.fits.line import fitted_line, largest_distance, piece_sums
from weightfit.fits.plotting_positions import ranks_inside, y_sums

Sign = Literal["both", "positive", "negative"]

MINIMUM_DISTINCT = 8
"""Least number of distinct magnitudes inside the trim; a line through fewer is refused, because it means nothing."""


CHUNK = 1 << 16
"""Number of points whose coordinates are in memory at once."""


@dataclass(frozen=True)
class Magnitudes:
    """Distinct magnitudes with their counts.

    Attributes
    ----------
    value
        Distinct magnitudes in rising order, non-negative, float64 ``(m,)``, in units of the weights.
    count
        Number of weights of each magnitude, int64 ``(m,)``.
    n
        Sum of ``count``. Zeros are included and keep their ranks.
    """

    value: NDArray[np.float64]
    count: NDArray[np.int64]
    n: int

    @cached_property
    def edges(self) -> NDArray[np.int64]:
        """Ranks below each magnitude, and at last all ranks, int64 ``(m + 1,)``."""
        edges = np.zeros(self.count.size + 1, np.int64)
        np.cumsum(self.count, out=edges[1:])
        return edges

    @property
    def zeros(self) -> int:
        """Number of magnitudes that are exactly zero."""
        return int(self.count[0]) if self.value.size and self.value[0] == 0 else 0


@dataclass(frozen=True)
class Fit:
    """A Weibull law fitted to magnitudes.

    Attributes
    ----------
    n, zeros
        Number of magnitudes, and of zeros among them.
    shape, scale
        k (dimensionless) and lambda (units of the weights).
    shape_se, scale_se
        Standard errors by the delta method, for independent weights.
    r_squared
        Squared correlation of the tie-averaged plot within the trim.
    ks_distance, ks_distance_trimmed
        Largest distance between the empirical and the fitted distribution function, over both sides of
        each step, over all magnitudes and within the trim.
    """

    n: int
    zeros: int
    shape: float
    scale: float
    shape_se: float
    scale_se: float
    r_squared: float
    ks_distance: float
    ks_distance_trimmed: float


def magnitudes(histogram: Histogram, centre: float = 0.0, sign: Sign = "both") -> Magnitudes:
    """Fold a histogram of weights about a centre.

    Parameters
    ----------
    histogram
        Histogram of the signed weights.
    centre
        Value that is subtracted, in float64, before the absolute value is taken.
    sign
        ``both`` for all weights, ``positive`` or ``negative`` for those above or below the centre only.
    """
    stored, count = histogram.value, histogram.count
    first_above = bisect_left(stored, centre, key=float)
    if sign == "positive":
        first = bisect_right(stored, centre, key=float)
        value, count = fold(stored[first:], count[first:], centre, 0)
    elif sign == "negative":
        value, count = fold(stored[:first_above], count[:first_above], centre, first_above)
    else:
        value, count = fold(stored, count, centre, first_above)
    return Magnitudes(value, count, int(count.sum()))


def fit(sample: Magnitudes, trims: Sequence[float], name: str = "matrix") -> list[Fit]:
    """Fit a Weibull law by least squares on the probability plot at each trim.

    x is ln of the magnitude and y = ln(-ln(1 - F)) with F = (i - 1/2)/n at rank i. Tied magnitudes share the mean
    of their y, and a tie that straddles an edge of the trim contributes the ranks inside. y is regressed on x with
    the number of ranks as weight: shape = slope, scale = exp(mean x - mean y / shape). Zeros keep their ranks and
    are left out of the regression. The method is that of section 2.1 and appendix A.1 of the paper; the rule for
    ties makes it equal to a regression over every single weight.

    Parameters
    ----------
    sample
        Magnitudes, as `magnitudes` gives them.
    trims
        Kept fractions, e.g. ``(0.80, 0.90, 1.00)``.
    name
        Name of the matrix in error messages.

    Returns
    -------
    list of Fit
        One fit per trim, in the order of ``trims``.

    Raises
    ------
    DegenerateHistogram
        If all magnitudes are zero or fewer than `MINIMUM_DISTINCT` distinct non-zero ones lie in a trim.
    """
    zero = int(sample.zeros > 0)
    _require_distinct(sample, sample.value.size - zero, 1.0, name)
    plot = _Plot(sample.value[zero:], sample.count[zero:], sample.edges[zero:], sample.n)
    kept = [_Kept.of(plot, trim) for trim in trims]
    for trim, one in zip(trims, kept, strict=True):
        _require_distinct(sample, one.end - one.begin, trim, name)
    pieces = _Pieces(plot, kept)
    return [_fit_one(plot, pieces, one) for one in kept]


@dataclass(frozen=True)
class _Plot:
    """The positive magnitudes of a sample, with their counts and the ranks below and through each."""

    value: NDArray[np.float64]
    count: NDArray[np.int64]
    edges: NDArray[np.int64]
    n: int

    @property
    def zeros(self) -> int:
        return int(self.edges[0])


@dataclass(frozen=True)
class _Kept:
    """What a trim keeps: the points from ``begin`` to before ``end``, and the ranks from above ``low`` to ``high``."""

    begin: int
    end: int
    low: int
    high: int

    @classmethod
    def of(cls, plot: _Plot, trim: float) -> "_Kept":
        # ASSUME plotting-position: F = (i - 1/2)/n; under the paper's i/N the largest weight has no ordinate.
        first, last = ranks_inside(plot.n, trim)
        begin, final = np.searchsorted(plot.edges[1:], [first, last]).tolist()
        return cls(begin, final + 1, max(first - 1, plot.zeros), last)


class _Pieces:
    """The sums over a plot, piece by piece between the points at which a trim begins or ends."""

    def __init__(self, plot: _Plot, kept: Sequence[_Kept]):
        self._plot = plot
        # Of a tie at an edge of a trim, the trim keeps the ranks inside. Each such point is a piece.
        ends = {point for one in kept for point in (one.begin, one.begin + 1, one.end - 1, one.end)}
        steps = range(min(ends), max(ends), CHUNK)
        self._cuts = np.array(sorted({*ends, *steps}))
        middle = int(np.searchsorted(plot.edges[1:], plot.n // 2))
        self.centre = math.log(plot.value[min(middle, plot.value.size - 1)])
        chunks = np.unique(np.searchsorted(self._cuts, [*steps, max(ends)]))
        self._sums = np.vstack([self._sums_of(self._cuts[a : b + 1]) for a, b in pairwise(chunks.tolist())])

    def _sums_of(self, cuts: NDArray[np.int64]) -> NDArray[np.float64]:
        begin, end = cuts[0], cuts[-1]
        return piece_sums(
            np.log(self._plot.value[begin:end]),
            y_sums(self._plot.n, self._plot.edges[begin : end + 1]),
            self._plot.count[begin:end],
            cuts - begin,
            self.centre,
        )

    def of(self, one: _Kept) -> list[NDArray[np.float64]]:
        """Return the sums of the pieces that a trim keeps."""
        first, last = np.searchsorted(self._cuts, [one.begin + 1, one.end - 1])
        edges = self._plot.edges
        return [
            self._part(one.begin, one.low, int(edges[one.begin + 1])),
            self._sums[first:last],
            self._part(one.end - 1, int(edges[one.end - 1]), one.high),
        ]

    def _part(self, point: int, low: int, high: int) -> NDArray[np.float64]:
        """Return the sums of one point of which the ranks above ``low`` to ``high`` count."""
        x = np.log(self._plot.value[point : point + 1])
        y_sum = y_sums(self._plot.n, np.array([low, high]))
        return piece_sums(x, y_sum, np.array([high - low]), np.array([0, 1]), self.centre)


def _fit_one(plot: _Plot, pieces: _Pieces, kept: _Kept) -> Fit:
    n, zeros = plot.n, plot.zeros
    line = fitted_line(pieces.of(kept), pieces.centre, n - kept.high, n)
    law = line.shape, math.log(line.scale)
    value, edges = plot.value[kept.begin : kept.end], plot.edges[kept.begin : kept.end + 1]
    return Fit(
        n=n,
        zeros=zeros,
        shape=line.shape,
        scale=line.scale,
        shape_se=line.shape_se,
        scale_se=line.scale * line.log_scale_se,
        r_squared=line.r_squared,
        ks_distance=max(largest_distance(plot.value, plot.edges, zeros, n, n, *law), zeros / n),
        ks_distance_trimmed=largest_distance(value, edges, kept.low, kept.high, n, *law),
    )


def _require_distinct(sample: Magnitudes, distinct: int, trim: float, name: str) -> None:
    if sample.zeros == sample.n:
        raise DegenerateHistogram(
            f"{name}: all {sample.n} magnitudes are zero, after centring where the protocol centres; a Weibull law "
            "needs positive ones: exclude the matrix"
        )
    if distinct < MINIMUM_DISTINCT:
        raise DegenerateHistogram(
            f"{name}: {distinct} distinct non-zero magnitudes inside trim {trim:.2f}, but a line needs at least "
            f"{MINIMUM_DISTINCT}: exclude the matrix, with the reason"
        )
