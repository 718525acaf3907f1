"""Variants of the fit to the same magnitudes: other plotting positions, regression weights and bins."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from weightfit.fits.line import Line, line_through
from weightfit.fits.null import SEED, GaussianMixture
from weightfit.fits.plotting_positions import weibull_y, y_sums
from weightfit.fits.population import half_normal_log_quantile
from weightfit.fits.probability_plot import Magnitudes
from weightfit.fits.released import EDGES, released_fit

Array = NDArray[np.float64]
Ranks = NDArray[np.int64]

REPLICATES = 32
"""Number of simulated samples over which a null is averaged that depends on which single bins are occupied."""

EXACT = 1 << 20
"""Number of weights up to which every rank is computed; for more weights, ties are narrow in comparison."""


@dataclass(frozen=True)
class Position:
    """A plotting position: F = (i - offset)/(n + extra) at rank i."""

    offset: Fraction
    extra: Fraction

    def last(self, n: int) -> int:
        """Return the greatest rank with F below 1."""
        return n if self.extra > -self.offset else n - 1

    def probability(self, rank: Array | Ranks, n: int) -> Array:
        """Return F at ranks, which need not be whole numbers."""
        found: Array = np.asarray(rank - float(self.offset), np.float64) / (n + float(self.extra))
        return found

    def inside(self, n: int, trim: float) -> tuple[int, int]:
        """Return the first and the last rank that a trim keeps, computed in exact arithmetic."""
        low = (1 - Fraction(repr(float(trim)))) / 2
        first = math.ceil(low * (n + self.extra) + self.offset)
        last = math.floor((1 - low) * (n + self.extra) + self.offset)
        return max(first, 1), min(last, self.last(n))


HAZEN = Position(Fraction(1, 2), Fraction(0))
"""The plotting position of `weightfit.fits.probability_plot`."""

POSITIONS: Mapping[str, Position] = {
    "i/n": Position(Fraction(0), Fraction(0)),
    "i/(n + 1)": Position(Fraction(0), Fraction(1)),
    "(i - 0.3)/(n + 0.4)": Position(Fraction(3, 10), Fraction(2, 5)),
    "(i - 0.375)/(n + 0.25)": Position(Fraction(3, 8), Fraction(1, 4)),
}
"""Other plotting positions in use. Under the first, the largest weight has no ordinate and is left out."""


@dataclass(frozen=True)
class Points:
    """The points of a probability plot inside a trim.

    Attributes
    ----------
    x
        ln of the magnitude ``(m,)``.
    before, through
        Ends of the ranks i at each magnitude, before < i <= through.
    y
        Mean of ln(-ln(1 - F)) over these ranks.
    probability
        F at the middle of these ranks.
    """

    x: Array
    before: Ranks
    through: Ranks
    y: Array
    probability: Array

    @property
    def count(self) -> Array:
        """Number of ranks at each point."""
        return (self.through - self.before).astype(np.float64)


def points(sample: Magnitudes, trim: float, position: Position = HAZEN) -> Points:
    """Return the points of the probability plot inside a trim; zeros keep their ranks but give no point."""
    before, through = sample.edges[:-1], sample.edges[1:]
    first, last = position.inside(sample.n, trim)
    inside = (sample.value > 0) & (through >= first) & (before < last)
    low, high = np.maximum(before[inside], first - 1), np.minimum(through[inside], last)
    y = position_sums(sample.n, np.concatenate([low[:1], high]), position) / (high - low)
    return Points(
        np.log(sample.value[inside]), low, high, y, position.probability((low + high + 1) / 2, sample.n)
    )


def position_sums(n: int, edges: Ranks, position: Position) -> Array:
    """Sum ln(-ln(1 - F)) over the runs of ranks between neighbouring edges.

    Parameters
    ----------
    n
        Number of order statistics.
    edges
        Rising ranks ``(m + 1,)``, the last at most ``position.last(n)``; run j has the ranks from above edges[j] to
        edges[j + 1].
    position
        Plotting position, which gives F at a rank.

    Returns
    -------
    ndarray of float64 ``(m,)``
        Sums, exact up to `EXACT` order statistics. For more, the difference from the position (i - 1/2)/n is taken at
        the middle of each run. It is of the order of 1/n, and shapes of a million weights are right to about 3e-6.
    """
    if position == HAZEN:
        return y_sums(n, edges)
    if n <= EXACT:
        return np.diff(_cumulative(n, position)[edges])
    middle = (edges[:-1] + edges[1:] + 1) / 2
    change = weibull_y(position.probability(middle, n)) - weibull_y(HAZEN.probability(middle, n))
    return y_sums(n, edges) + np.diff(edges) * change


@lru_cache(maxsize=16)
def _cumulative(n: int, position: Position) -> Array:
    rank = np.arange(1, position.last(n) + 1)
    table = np.concatenate([[0.0], np.cumsum(weibull_y(position.probability(rank, n)))])
    table.flags.writeable = False
    return table


def at_position(position: Position) -> Callable[[Magnitudes, float], float]:
    """Return the estimator with another plotting position, as a function of magnitudes and trim."""

    def shape(sample: Magnitudes, trim: float) -> float:
        return _line(points(sample, trim, position)).shape

    return shape


def inverse_variance(sample: Magnitudes, trim: float) -> float:
    """Return the shape from a regression with the inverse sampling variance of each ordinate as weight.

    The variance is F / ((1 - F) ln(1 - F)^2) / n (the paper, section 2.1).
    """
    plot = points(sample, trim)
    precision = (1 - plot.probability) * np.log1p(-plot.probability) ** 2 / plot.probability
    return _line(plot, plot.count * precision).shape


def x_on_y(sample: Magnitudes, trim: float) -> float:
    """Return the shape from the regression of x on y instead of y on x, which is the slope over R²."""
    line = _line(points(sample, trim))
    return line.shape / line.r_squared


def _line(plot: Points, weight: Array | None = None) -> Line:
    weight = plot.count if weight is None else weight
    return line_through(plot.x, plot.y * weight, weight)


def log_bins(sample: Magnitudes) -> Array:
    """Count magnitudes in the released library's bins of log10; as there, those below 1e-12 are left out."""
    positive = sample.value > 0
    counts, _ = np.histogram(np.log10(sample.value[positive]), EDGES, weights=sample.count[positive])
    return counts.astype(np.float64)


def equal_bins(counts: Array, trim: float) -> float:
    """Return the shape of the released estimator if each occupied bin has equal weight instead of its count."""
    middle = (np.cumsum(counts) - counts / 2) / counts.sum()
    margin = (1 - trim) / 2
    inside = (counts > 0) & (middle >= margin) & (middle <= 1 - margin)
    centre = (EDGES[:-1] + EDGES[1:]) / 2 * math.log(10)
    return line_through(centre[inside], weibull_y(middle[inside]), np.ones(int(inside.sum()))).shape


def equal_bins_null(law: GaussianMixture, n: int, trims: Sequence[float]) -> list[float]:
    """Return the mean of `equal_bins` over `REPLICATES` seeded samples of Gaussian weights at each trim.

    Chance decides which of the sparse bins at the ends are occupied, and here each of them counts as much as any other.
    """
    # In practice no weight lies outside the edges, but the shares must still add up to one.
    share = np.diff(law.cdf(10.0**EDGES))
    samples = np.random.default_rng([SEED, n]).multinomial(n, share / share.sum(), REPLICATES)
    return [float(np.mean([equal_bins(one.astype(np.float64), trim) for one in samples])) for trim in trims]


def counted_bins(counts: Array, trim: float) -> float:
    """Return the shape of the released estimator."""
    return released_fit(counts, trim).shape


OF_MAGNITUDES: Mapping[tuple[str, str], Callable[[Magnitudes, float], float]] = {
    ("regression_weights", "inverse_variance"): inverse_variance,
    ("regression_weights", "x_on_y"): x_on_y,
    **{("plotting_position", name): at_position(position) for name, position in POSITIONS.items()},
}
"""Functions that give the shape from magnitudes and trim, by choice and level."""


@lru_cache(maxsize=16)
def gaussian_magnitudes(n: int) -> Magnitudes:
    """Return n magnitudes at the exact quantiles of the standard half-normal law, at most `EXACT` of them.

    Using more of them changes a shape by less than 1e-5; see ``finite_half_normal_shape`` in the table ``theory``.
    """
    size = min(n, EXACT)
    rank = np.arange(1, size + 1)
    value = np.exp(half_normal_log_quantile((rank - 0.5) / size, (size - rank + 0.5) / size))
    return Magnitudes(value, np.ones(size, np.int64), size)
