"""The paper's estimator: a straight line through the middle of a Weibull probability plot."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from weightfit.counts.histogram import Histogram
from weightfit.counts.kernels import compiled, merge_counts
from weightfit.errors import DegenerateHistogram
from weightfit.fits.plotting_positions import ranks_inside, y_sums

Sign = Literal["both", "positive", "negative"]

MINIMUM_DISTINCT = 8
"""Least number of distinct magnitudes inside the trim; a line through fewer is refused, because it means nothing."""


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
    shifted = histogram.value.astype(np.float64) - centre
    first_zero, first_positive = np.searchsorted(shifted, [0.0, np.nextafter(0.0, 1.0)])
    below, above = slice(0, first_zero), slice(first_positive, None)
    if sign == "positive":
        value, count = shifted[above], histogram.count[above]
    elif sign == "negative":
        value, count = -shifted[below][::-1], histogram.count[below][::-1]
    else:
        value, count = merge_counts(
            -shifted[:first_zero][::-1],
            histogram.count[:first_zero][::-1],
            shifted[first_zero:],
            histogram.count[first_zero:],
        )
    # Different weights that are far smaller than the centre can round to the same distance from it.
    first = np.flatnonzero(np.diff(value, prepend=-1.0))
    if first.size < value.size:
        value, count = value[first], np.add.reduceat(count, first)
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
    _require_distinct(sample, int((sample.value > 0).sum()), 1.0, name)
    through = np.cumsum(sample.count)
    before = through - sample.count
    positive = sample.value > 0
    log_value = np.full(sample.value.size, -np.inf)
    log_value[positive] = np.log(sample.value[positive])
    y_sum = y_sums(sample.n, before, through)
    return [_fit_one(sample, trim, name, log_value, before, through, y_sum) for trim in trims]


def _fit_one(
    sample: Magnitudes,
    trim: float,
    name: str,
    log_value: NDArray[np.float64],
    before: NDArray[np.int64],
    through: NDArray[np.int64],
    y_sum: NDArray[np.float64],
) -> Fit:
    # ASSUME plotting-position: F = (i - 1/2)/n; under the paper's i/N the largest weight has no ordinate.
    first, last = ranks_inside(sample.n, trim)
    begin = max(int(np.searchsorted(through, first)), int(sample.zeros > 0))
    end = int(np.searchsorted(before, last))
    _require_distinct(sample, end - begin, trim, name)
    low = np.maximum(before[begin:end], first - 1)
    high = np.minimum(through[begin:end], last)
    x = log_value[begin:end]
    weight = (high - low).astype(np.float64)
    y_inside = y_sum[begin:end].copy()
    edges = np.array([0, -1])
    y_inside[edges] = y_sums(sample.n, low[edges], high[edges])
    line = weighted_line(x, y_inside, weight)
    shape_se, log_scale_se = standard_errors(x, y_inside, weight, low, sample.n, line)
    first_step = int(sample.zeros > 0)
    law = weibull_cdf(log_value[first_step:], line)
    return Fit(
        n=sample.n,
        zeros=sample.zeros,
        shape=line.shape,
        scale=line.scale,
        shape_se=shape_se,
        scale_se=line.scale * log_scale_se,
        r_squared=line.r_squared,
        ks_distance=max(
            _largest_distance(law, before[first_step:], through[first_step:], sample.n),
            sample.zeros / sample.n,
        ),
        ks_distance_trimmed=_largest_distance(
            law[begin - first_step : end - first_step], low, high, sample.n
        ),
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


@dataclass(frozen=True)
class Line:
    """A weighted least-squares line y = shape (x - ln scale), with the sums that its standard errors need."""

    shape: float
    scale: float
    r_squared: float
    mean_x: float
    mean_y: float
    sum_xx: float
    weight: float


def weighted_line(x: NDArray[np.float64], y_sum: NDArray[np.float64], weight: NDArray[np.float64]) -> Line:
    """Regress y on x with the number of ranks as weight.

    Parameters
    ----------
    x
        Abscissae ``(m,)``.
    y_sum
        Sum of y over the ranks at each x ``(m,)``.
    weight
        Number of ranks at each x ``(m,)``.
    """
    total, mean_x, mean_y, sum_xx, sum_xy, sum_yy = _weighted_sums(x, y_sum, weight)
    shape = sum_xy / sum_xx
    return Line(
        shape=shape,
        scale=math.exp(mean_x - mean_y / shape),
        r_squared=sum_xy**2 / (sum_xx * sum_yy),
        mean_x=mean_x,
        mean_y=mean_y,
        sum_xx=sum_xx,
        weight=total,
    )


@compiled
def _weighted_sums(
    x: NDArray[np.float64], y_sum: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[float, float, float, float, float, float]:
    total = mean_x = mean_y = 0.0
    for i in range(x.size):
        total += weight[i]
        mean_x += weight[i] * x[i]
        mean_y += y_sum[i]
    mean_x /= total
    mean_y /= total
    sum_xx = sum_xy = sum_yy = 0.0
    for i in range(x.size):
        dx = x[i] - mean_x
        dy = y_sum[i] / weight[i] - mean_y
        sum_xx += weight[i] * dx * dx
        sum_xy += weight[i] * dx * dy
        sum_yy += weight[i] * dy * dy
    return total, mean_x, mean_y, sum_xx, sum_xy, sum_yy


def standard_errors(
    x: NDArray[np.float64],
    y_sum: NDArray[np.float64],
    weight: NDArray[np.float64],
    before: NDArray[np.int64],
    n: int,
    line: Line,
) -> tuple[float, float]:
    """Return the standard errors of shape and ln scale by the delta method on the counts.

    To first order, both estimates are linear in the order statistics: each is a sum of c_i x_(i), with
    c_i = ((y_i - mean y) - 2 shape (x_i - mean x)) / S_xx for the shape. Their variance is therefore that of an
    L-statistic, which is the variance of its influence function. The slope of this function between neighbouring
    values is n c at their rank (Serfling, Approximation Theorems of Mathematical Statistics, 1980, section 8.1).

    Parameters
    ----------
    x, y_sum, weight
        The points of the plot inside the trim ``(m,)``, as for `weighted_line`.
    before
        Number of order statistics below the first rank of each point ``(m,)``.
    n
        Number of order statistics of the whole sample.
    line
        Line fitted to these points.

    Returns
    -------
    tuple of float
        Standard error of the shape, and of ln scale.
    """
    # The ranks above the trim share the last influence value; those below share the first, which is 0.
    above = float(n - before[-1]) - float(weight[-1])
    moments = _influence_moments(
        x, y_sum, weight, above, n, line.shape, line.mean_x, line.mean_y, line.sum_xx, line.weight
    )
    shape_mean, shape_square, scale_mean, scale_square = moments
    shape_se = math.sqrt(max(shape_square - shape_mean**2, 0.0) / n)
    return shape_se, math.sqrt(max(scale_square - scale_mean**2, 0.0) / n)


@compiled
def _influence_moments(
    x: NDArray[np.float64],
    y_sum: NDArray[np.float64],
    weight: NDArray[np.float64],
    above: float,
    n: int,
    shape: float,
    mean_x: float,
    mean_y: float,
    sum_xx: float,
    total: float,
) -> tuple[float, float, float, float]:
    """Return the mean and the mean square of the influence of one weight on shape and on ln scale."""
    sums = np.zeros(4)
    on_shape = on_scale = last_for_shape = last_for_scale = 0.0
    for i in range(x.size):
        for_shape = ((y_sum[i] / weight[i] - mean_y) - 2 * shape * (x[i] - mean_x)) / sum_xx
        for_scale = 1 / total + mean_y / shape**2 * for_shape
        if i > 0:
            half_gap = n * (x[i] - x[i - 1]) / 2
            on_shape += half_gap * (for_shape + last_for_shape)
            on_scale += half_gap * (for_scale + last_for_scale)
        share = weight[i] + (above if i == x.size - 1 else 0.0)
        sums[0] += share * on_shape
        sums[1] += share * on_shape * on_shape
        sums[2] += share * on_scale
        sums[3] += share * on_scale * on_scale
        last_for_shape, last_for_scale = for_shape, for_scale
    return sums[0] / n, sums[1] / n, sums[2] / n, sums[3] / n


@compiled
def _largest_distance(
    law: NDArray[np.float64], before: NDArray[np.int64], through: NDArray[np.int64], n: int
) -> float:
    """Return the largest distance between a law and either side of a step of the empirical distribution."""
    largest = 0.0
    for i in range(law.size):
        largest = max(largest, through[i] / n - law[i], law[i] - before[i] / n)
    return largest


def weibull_cdf(log_value: NDArray[np.float64], line: Line) -> NDArray[np.float64]:
    """Return 1 - exp(-(w / scale)^shape) from ln w; the exponent is capped where the law is 1 to the last bit."""
    return 1 - np.exp(-np.exp(np.minimum(line.shape * (log_value - math.log(line.scale)), 6.0)))
