"""A straight line through points of a probability plot, its standard errors, and its distance from the data.

All that a line needs is a few sums over its points. They are taken once over each piece of a plot, and added for the
trims, which share most pieces.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weightfit.counts.kernels import compiled

Counts = NDArray[np.int64] | NDArray[np.float64]

_BLOCK = 512
_CENTRE_Y = math.log(math.log(2))
"""Ordinate of the median, from which ordinates are measured while they are summed."""

_W, _X, _XX, _XXX, _XXXX, _Y, _XY, _YY, _A, _AA, _AX, _AXX = range(12)
"""Columns of the sums over the points of a piece, each with the number of ranks as weight: powers of x and y, and a."""

_FIRST_X, _FIRST_Y, _LAST_X, _LAST_Y, _LAST_A = range(12, 17)
"""Columns of the coordinates of a piece's first and last point."""


@dataclass(frozen=True)
class Line:
    """A weighted least-squares line y = shape (x - ln scale).

    Attributes
    ----------
    shape, scale
        Slope, and exp(x) where the line crosses y = 0.
    shape_se, log_scale_se
        Standard errors of the shape and of ln scale, for independent weights.
    r_squared
        Squared correlation of the points.
    mean_x, mean_y, sum_xx, weight
        Weighted means, the sum of squares of x about its mean, and the sum of all weights.
    """

    shape: float
    scale: float
    shape_se: float
    log_scale_se: float
    r_squared: float
    mean_x: float
    mean_y: float
    sum_xx: float
    weight: float


@compiled
def piece_sums(
    x: NDArray[np.float64],
    y_sum: NDArray[np.float64],
    count: Counts,
    cuts: NDArray[np.int64],
    centre: float,
) -> NDArray[np.float64]:
    """Return what `fitted_line` needs of each piece of a probability plot.

    Parameters
    ----------
    x
        Abscissae in rising order ``(m,)``.
    y_sum
        Sum of y over the ranks at each x ``(m,)``.
    count
        Number of ranks at each x ``(m,)``, the weight of the point.
    cuts
        Rising indices ``(p + 1,)``; piece j has the points from cuts[j] to before cuts[j + 1], one at the least.
    centre
        Value near the middle of x, from which x is measured so that sums keep their digits.

    Returns
    -------
    ndarray of float64 ``(p, 17)``
        Sums and ends of each piece. The sums include those of a, the integral of y over x from the first point of the
        piece by the trapezoidal rule, from which standard errors follow.
    """
    pieces = np.zeros((cuts.size - 1, 17))
    xs, ys, areas = np.empty(_BLOCK), np.empty(_BLOCK), np.empty(_BLOCK)
    for piece in range(cuts.size - 1):
        row = pieces[piece]
        area = 0.0
        last_x = x[cuts[piece]] - centre
        last_y = y_sum[cuts[piece]] / count[cuts[piece]] - _CENTRE_Y
        row[_FIRST_X], row[_FIRST_Y] = last_x, last_y
        for begin in range(cuts[piece], cuts[piece + 1], _BLOCK):
            size = min(_BLOCK, cuts[piece + 1] - begin)
            for i in range(size):
                xs[i] = x[begin + i] - centre
                ys[i] = y_sum[begin + i] / count[begin + i] - _CENTRE_Y
            for i in range(size):
                area += (xs[i] - last_x) * (ys[i] + last_y) / 2
                areas[i] = area
                last_x, last_y = xs[i], ys[i]
            w = wx = wxx = wxxx = wxxxx = wy = wxy = wyy = wa = waa = wax = waxx = 0.0
            for i in range(size):
                weight = np.float64(count[begin + i])
                w += weight
                wx += weight * xs[i]
                wxx += weight * (xs[i] * xs[i])
                wxxx += weight * (xs[i] * xs[i]) * xs[i]
                wxxxx += weight * (xs[i] * xs[i]) * (xs[i] * xs[i])
                wy += weight * ys[i]
                wxy += weight * (xs[i] * ys[i])
                wyy += weight * (ys[i] * ys[i])
                wa += weight * areas[i]
                waa += weight * (areas[i] * areas[i])
                wax += weight * (areas[i] * xs[i])
                waxx += weight * (areas[i] * (xs[i] * xs[i]))
            sums = (w, wx, wxx, wxxx, wxxxx, wy, wxy, wyy, wa, waa, wax, waxx)
            for column, total in enumerate(sums):  # in the order of the columns
                row[column] += total
        row[_LAST_X], row[_LAST_Y], row[_LAST_A] = last_x, last_y, area
    return pieces


def fitted_line(pieces: Sequence[NDArray[np.float64]], centre: float, above: float, n: int) -> Line:
    """Fit a line to neighbouring pieces of a probability plot by least squares with the number of ranks as weight.

    The standard errors are those of the delta method on the counts. To first order, both estimates are linear in the
    order statistics: each is a sum of c_i x_(i), with c_i = ((y_i - mean y) - 2 shape (x_i - mean x)) / S_xx for the
    shape. Their variance is therefore that of an L-statistic, which is the variance of its influence function. The
    slope of this function between neighbouring values is n c at their rank (Serfling, Approximation Theorems of
    Mathematical Statistics, 1980, section 8.1). Its trapezoidal integral is linear in x, in x^2 and in the integral
    of y over x, so that its mean square follows from the sums of their products.

    Parameters
    ----------
    pieces
        Rows from `piece_sums`, in the order of x; two points at the least.
    centre
        The centre with which they were made.
    above
        Number of order statistics above the last point.
    n
        Number of order statistics of the whole sample.
    """
    return Line(*_line(np.vstack(pieces), centre, float(above), n))


def line_through(
    x: NDArray[np.float64],
    y_sum: NDArray[np.float64],
    count: Counts,
    above: float = 0.0,
    n: int | None = None,
) -> Line:
    """Fit a line to points of which every rank counts.

    Parameters
    ----------
    x, y_sum, count
        The points, as `piece_sums` takes them; two at the least.
    above, n
        As `fitted_line` takes them. By default, the points are the whole sample.
    """
    centre = float(x[x.size // 2])
    pieces = piece_sums(x, y_sum, count, np.array([0, x.size]), centre)
    return fitted_line([pieces], centre, above, int(count.sum()) if n is None else n)


@compiled
def _line(
    pieces: NDArray[np.float64], centre: float, above: float, n: int
) -> tuple[float, float, float, float, float, float, float, float, float]:
    sums = np.zeros(12)
    # The integral of y over x goes on from piece to piece.
    offset = 0.0
    for piece in range(pieces.shape[0]):
        row = pieces[piece]
        if piece > 0:
            before = pieces[piece - 1]
            offset += (row[_FIRST_X] - before[_LAST_X]) * (row[_FIRST_Y] + before[_LAST_Y]) / 2
        for column in range(12):
            sums[column] += row[column]
        sums[_A] += offset * row[_W]
        sums[_AA] += 2 * offset * row[_A] + offset * offset * row[_W]
        sums[_AX] += offset * row[_X]
        sums[_AXX] += offset * row[_XX]
        offset += row[_LAST_A]
    total = sums[_W]
    mean_x, mean_y = sums[_X] / total, sums[_Y] / total
    sum_xx = sums[_XX] - sums[_X] * mean_x
    sum_xy = sums[_XY] - sums[_X] * mean_y
    sum_yy = sums[_YY] - sums[_Y] * mean_y
    shape = sum_xy / sum_xx
    first_x, last_x = pieces[0, _FIRST_X], pieces[-1, _LAST_X]
    # The influence on the shape at a point is p a + q x^2 + r x + s, which is 0 at the first point.
    p = n / sum_xx
    q = -shape * p
    r = (2 * shape * mean_x - mean_y) * p
    s = -(q * first_x + r) * first_x
    shape_variance = _variance(sums, p, q, r, s, offset, last_x, above, n)
    ratio = (mean_y + _CENTRE_Y) / shape**2
    p, q, r, s = p * ratio, q * ratio, r * ratio + n / total, s * ratio - n / total * first_x
    scale_variance = _variance(sums, p, q, r, s, offset, last_x, above, n)
    return (
        shape,
        math.exp(mean_x + centre - (mean_y + _CENTRE_Y) / shape),
        math.sqrt(max(shape_variance, 0.0) / n),
        math.sqrt(max(scale_variance, 0.0) / n),
        sum_xy**2 / (sum_xx * sum_yy),
        mean_x + centre,
        mean_y + _CENTRE_Y,
        sum_xx,
        total,
    )


@compiled
def _variance(
    sums: NDArray[np.float64],
    p: float,
    q: float,
    r: float,
    s: float,
    last_a: float,
    last_x: float,
    above: float,
    n: int,
) -> float:
    """Return the variance of p a + q x^2 + r x + s over all ranks.

    It is 0 at the ranks below the first point. Those above the last point share its value.
    """
    last = p * last_a + (q * last_x + r) * last_x + s
    mean = (p * sums[_A] + q * sums[_XX] + r * sums[_X] + s * sums[_W] + above * last) / n
    square = p * p * sums[_AA] + q * q * sums[_XXXX] + r * r * sums[_XX] + s * s * sums[_W]
    square += 2 * (p * q * sums[_AXX] + p * r * sums[_AX] + p * s * sums[_A])
    square += 2 * (q * r * sums[_XXX] + q * s * sums[_XX] + r * s * sums[_X])
    variance: float = (square + above * last * last) / n - mean * mean
    return variance


@compiled
def largest_distance(
    value: NDArray[np.float64],
    edges: NDArray[np.int64],
    below: int,
    through: int,
    n: int,
    shape: float,
    log_scale: float,
) -> float:
    """Return the largest distance between a Weibull law and either side of a step of the empirical distribution.

    Parameters
    ----------
    value
        Positive magnitudes in rising order ``(m,)``, two at the least.
    edges
        Ranks below each of them, and at last the ranks through the last of them ``(m + 1,)``.
    below, through
        Ranks that take the place of the first and of the last edge, where a trim cuts a tie.
    n
        Number of magnitudes of the whole sample.
    shape, log_scale
        Parameters of the law, k and ln lambda.

    Notes
    -----
    Both distribution functions rise, so that their values at two points bound the distance at all points in between.
    A stretch is halved as long as this bound exceeds the largest distance found so far.
    """
    end = value.size - 1
    first_law, last_law = _weibull(value[0], shape, log_scale), _weibull(value[end], shape, log_scale)
    largest: float = max(edges[1] / n - first_law, first_law - below / n)
    largest = max(largest, through / n - last_law, last_law - edges[end] / n)
    # The stretches that are still to be looked at; halving makes at most one more of them for each power of two.
    begins, ends = np.empty(64, np.int64), np.empty(64, np.int64)
    begin_laws, end_laws = np.empty(64), np.empty(64)
    begins[0], ends[0], begin_laws[0], end_laws[0] = 0, end, first_law, last_law
    waiting = 1
    while waiting > 0:
        waiting -= 1
        begin, end, low, high = begins[waiting], ends[waiting], begin_laws[waiting], end_laws[waiting]
        if end - begin < 2 or max(edges[end] / n - low, high - edges[begin + 1] / n) <= largest:
            continue
        middle = (begin + end) // 2
        law = _weibull(value[middle], shape, log_scale)
        largest = max(largest, edges[middle + 1] / n - law, law - edges[middle] / n)
        begins[waiting], ends[waiting], begin_laws[waiting], end_laws[waiting] = begin, middle, low, law
        waiting += 1
        begins[waiting], ends[waiting], begin_laws[waiting], end_laws[waiting] = middle, end, law, high
        waiting += 1
    return largest


@compiled
def _weibull(value: float, shape: float, log_scale: float) -> float:
    return 1 - math.exp(-math.exp(min(shape * (math.log(value) - log_scale), 6.0)))


def weibull_cdf(log_value: NDArray[np.float64], line: Line) -> NDArray[np.float64]:
    """Return 1 - exp(-(w / scale)^shape) from ln w; the exponent is capped where the law is 1 to the last bit."""
    return 1 - np.exp(-np.exp(np.minimum(line.shape * (log_value - math.log(line.scale)), 6.0)))
