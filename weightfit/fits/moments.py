"""Moments, quantiles and the Gini coefficient of weights, each with its standard error."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from weightfit.counts.histogram import Histogram
from weightfit.counts.kernels import compiled
from weightfit.errors import DegenerateHistogram
from weightfit.fits.probability_plot import Magnitudes, magnitudes

Values = NDArray[np.float32] | NDArray[np.float64]

QUANTILES = {"q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99, "q999": 0.999}


@dataclass(frozen=True)
class Moments:
    """Statistics of one distribution of weights, or their standard errors.

    All statistics are of the weights w as stored, without centring; the magnitude is abs(w). Standard deviations
    divide by n. A kurtosis is the excess kurtosis: the fourth central moment over the squared variance, minus 3.
    Quantiles of magnitudes follow numpy's default (linear interpolation between order statistics).

    Attributes
    ----------
    mean, standard_deviation, root_mean_square
        Mean, standard deviation and root mean square of w, in units of the weights.
    mean_magnitude, standard_deviation_magnitude
        Mean and standard deviation of abs(w).
    kurtosis, kurtosis_magnitude
        Excess kurtosis of w and of abs(w).
    maximum, q10, q50, q90, q99, q999
        Largest magnitude, and quantiles of the magnitude.
    gini
        Gini coefficient of the magnitude.
    zeros
        Share of weights that are exactly zero.
    """

    mean: float
    standard_deviation: float
    mean_magnitude: float
    standard_deviation_magnitude: float
    root_mean_square: float
    kurtosis: float
    kurtosis_magnitude: float
    maximum: float
    q10: float
    q50: float
    q90: float
    q99: float
    q999: float
    gini: float
    zeros: float


def moments(
    histogram: Histogram, name: str = "matrix", folded: Magnitudes | None = None
) -> tuple[Moments, Moments]:
    """Compute the moments of a histogram and their standard errors.

    Standard errors are those of the delta method for independent weights. Those of moments come from their
    influence functions, those of quantiles from Woodruff's interval (the quantiles one standard error of F away).
    That of the maximum comes from the spacing of the two largest magnitudes: in an exponential tail the mean
    spacing is 1/rate, and the standard deviation of the maximum is pi/sqrt(6) times that (Gumbel's law).

    Parameters
    ----------
    histogram
        Histogram of the signed weights.
    name
        Name of the matrix in error messages.
    folded
        The magnitudes without centring, if they are at hand.

    Returns
    -------
    tuple of Moments
        The values, and their standard errors.

    Raises
    ------
    DegenerateHistogram
        If all magnitudes are equal.
    """
    folded = magnitudes(histogram) if folded is None else folded
    if folded.value.size < 2:
        raise DegenerateHistogram(
            f"{name}: all {histogram.n} magnitudes equal {float(folded.value[0])!r}; "
            "a constant matrix has no shape: exclude the matrix"
        )
    n = histogram.n
    signed = _central(histogram.value, histogram.count, histogram.mean, histogram.standard_deviation)
    root = math.sqrt(histogram.sum_of_squares / n)
    mean_magnitude = _sum(folded.value, folded.count) / n
    deviation_magnitude = math.sqrt(max(root**2 - mean_magnitude**2, 0.0))
    magnitude = _central(folded.value, folded.count, mean_magnitude, deviation_magnitude)
    gini, gini_error = _gini(folded.value, folded.count, n)
    quantile = {key: _quantile(folded, level) for key, level in QUANTILES.items()}
    zeros = folded.zeros / n
    largest = max(abs(histogram.minimum), abs(histogram.maximum))
    second = float(folded.value[-2]) if folded.count[-1] == 1 else float(folded.value[-1])
    return (
        Moments(
            mean=histogram.mean,
            standard_deviation=histogram.standard_deviation,
            mean_magnitude=mean_magnitude,
            standard_deviation_magnitude=deviation_magnitude,
            root_mean_square=root,
            kurtosis=signed.kurtosis,
            kurtosis_magnitude=magnitude.kurtosis,
            maximum=largest,
            gini=gini,
            zeros=zeros,
            **{key: result[0] for key, result in quantile.items()},
        ),
        Moments(
            mean=histogram.standard_deviation / math.sqrt(n),
            standard_deviation=signed.deviation_error,
            mean_magnitude=deviation_magnitude / math.sqrt(n),
            standard_deviation_magnitude=magnitude.deviation_error,
            root_mean_square=_central(histogram.value, histogram.count, 0.0, root).deviation_error,
            kurtosis=signed.kurtosis_error,
            kurtosis_magnitude=magnitude.kurtosis_error,
            maximum=math.pi / math.sqrt(6) * max(largest - second, 0.0),
            gini=gini_error,
            zeros=math.sqrt(zeros * (1 - zeros) / n),
            **{key: result[1] for key, result in quantile.items()},
        ),
    )


class _Central(NamedTuple):
    """Statistics of the distances from a mean."""

    kurtosis: float
    kurtosis_error: float
    deviation_error: float


def _central(value: Values, count: NDArray[np.int64], mean: float, deviation: float) -> _Central:
    return _Central(*_central_sums(value, count, mean, deviation))


@compiled
def _sum(value: Values, count: NDArray[np.int64]) -> float:
    total = 0.0
    for i in range(value.size):
        total += count[i] * value[i]
    return total


@compiled
def _central_sums(
    value: Values, count: NDArray[np.int64], mean: float, deviation: float
) -> tuple[float, float, float]:
    """Return the excess kurtosis, its standard error and that of the standard deviation, from two passes."""
    n = second = third = fourth = 0.0
    for i in range(value.size):
        centred = np.float64(value[i]) - mean
        square = centred * centred
        n += count[i]
        second += count[i] * square
        third += count[i] * (square * centred)
        fourth += count[i] * (square * square)
    second, third, fourth = second / n, third / n, fourth / n
    ratio = fourth / second**2
    on_kurtosis = on_variance = 0.0
    for i in range(value.size):
        centred = np.float64(value[i]) - mean
        square = centred * centred
        influence = (square * square - fourth - 4 * third * centred) / second**2 - 2 * ratio * (
            square / second - 1
        )
        on_kurtosis += count[i] * (influence * influence)
        influence = square - deviation * deviation
        on_variance += count[i] * (influence * influence)
    return ratio - 3, math.sqrt(on_kurtosis) / n, math.sqrt(on_variance) / n / (2 * deviation)


@compiled
def _gini(value: NDArray[np.float64], count: NDArray[np.int64], n: int) -> tuple[float, float]:
    """Return the Gini coefficient of magnitudes and its standard error, from two passes."""
    through = mean = ranked = 0.0
    for i in range(value.size):
        share = count[i] / n
        ranked += share * (through + share / 2) * value[i]
        through += share
        mean += share * value[i]
    gini = 2 * ranked / mean - 1
    through = weighted = square = 0.0
    for i in range(value.size):
        share = count[i] / n
        # The influence of one weight has three terms: its rank, the weights above it, and its part in the mean.
        middle = through + share / 2
        above = mean - (weighted + share * value[i] / 2)
        influence = 2 * (middle * value[i] + above) / mean - (gini + 1) * (1 + value[i] / mean)
        square += share * (influence * influence)
        through += share
        weighted += share * value[i]
    return gini, math.sqrt(square / n)


def _quantile(sample: Magnitudes, level: float) -> tuple[float, float]:
    spread = math.sqrt(level * (1 - level) / sample.n)
    low, value, high = (
        _order_statistic(sample, min(max(at, 0.0), 1.0)) for at in (level - spread, level, level + spread)
    )
    return value, (high - low) / 2


def _order_statistic(sample: Magnitudes, level: float) -> float:
    position = level * (sample.n - 1)
    rank = math.floor(position)
    low, high = sample.value[
        np.searchsorted(sample.edges[1:], [rank, min(rank + 1, sample.n - 1)], side="right")
    ]
    return float(low + (high - low) * (position - rank))
