"""Moments, quantiles and the Gini coefficient of weights, each with its standard error."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weightfit.counts.histogram import Histogram
from weightfit.errors import DegenerateHistogram
from weightfit.fits.probability_plot import Magnitudes, magnitudes

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


def moments(histogram: Histogram, name: str = "matrix") -> tuple[Moments, Moments]:
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

    Returns
    -------
    tuple of Moments
        The values, and their standard errors.

    Raises
    ------
    DegenerateHistogram
        If all magnitudes are equal.
    """
    folded = magnitudes(histogram)
    if folded.value.size < 2:
        raise DegenerateHistogram(
            f"{name}: all {histogram.n} magnitudes equal {float(folded.value[0])!r}; "
            "a constant matrix has no shape: exclude the matrix"
        )
    n = histogram.n
    value = histogram.value.astype(np.float64)
    share = histogram.count / n
    folded_share = folded.count / n
    mean, deviation = histogram.mean, histogram.standard_deviation
    root = math.sqrt(histogram.sum_of_squares / n)
    mean_magnitude = float(folded_share @ folded.value)
    deviation_magnitude = math.sqrt(max(root**2 - mean_magnitude**2, 0.0))
    kurtosis, kurtosis_error = _kurtosis(value - mean, share, n)
    magnitude_kurtosis, magnitude_kurtosis_error = _kurtosis(folded.value - mean_magnitude, folded_share, n)
    gini, gini_error = _gini(folded)
    quantile = {key: _quantile(folded, level) for key, level in QUANTILES.items()}
    zeros = folded.zeros / n
    largest = max(abs(histogram.minimum), abs(histogram.maximum))
    second = float(folded.value[-2]) if folded.count[-1] == 1 else float(folded.value[-1])
    squared = _standard_error(value**2 - root**2, share, n)
    return (
        Moments(
            mean=mean,
            standard_deviation=deviation,
            mean_magnitude=mean_magnitude,
            standard_deviation_magnitude=deviation_magnitude,
            root_mean_square=root,
            kurtosis=kurtosis,
            kurtosis_magnitude=magnitude_kurtosis,
            maximum=largest,
            gini=gini,
            zeros=zeros,
            **{key: result[0] for key, result in quantile.items()},
        ),
        Moments(
            mean=deviation / math.sqrt(n),
            standard_deviation=_standard_error((value - mean) ** 2 - deviation**2, share, n)
            / (2 * deviation),
            mean_magnitude=deviation_magnitude / math.sqrt(n),
            standard_deviation_magnitude=_standard_error(
                (folded.value - mean_magnitude) ** 2 - deviation_magnitude**2, folded_share, n
            )
            / (2 * deviation_magnitude),
            root_mean_square=squared / (2 * root),
            kurtosis=kurtosis_error,
            kurtosis_magnitude=magnitude_kurtosis_error,
            maximum=math.pi / math.sqrt(6) * max(largest - second, 0.0),
            gini=gini_error,
            zeros=math.sqrt(zeros * (1 - zeros) / n),
            **{key: result[1] for key, result in quantile.items()},
        ),
    )


def _standard_error(influence: NDArray[np.float64], share: NDArray[np.float64], n: int) -> float:
    return math.sqrt(float(share @ influence**2) / n)


def _kurtosis(centred: NDArray[np.float64], share: NDArray[np.float64], n: int) -> tuple[float, float]:
    squares = centred * centred
    fourths = squares * squares
    second, third, fourth = (float(share @ power) for power in (squares, squares * centred, fourths))
    ratio = fourth / second**2
    influence = (fourths - fourth - 4 * third * centred) / second**2 - 2 * ratio * (squares / second - 1)
    return ratio - 3, _standard_error(influence, share, n)


def _gini(sample: Magnitudes) -> tuple[float, float]:
    share = sample.count / sample.n
    through = np.cumsum(share)
    middle = through - share / 2
    weighted = np.cumsum(share * sample.value)
    mean = float(weighted[-1])
    gini = 2 * float(share @ (middle * sample.value)) / mean - 1
    # The influence of one weight has three terms: its rank, the weights above it, and its part in the mean.
    above = mean - (weighted - share * sample.value / 2)
    influence = 2 * (middle * sample.value + above) / mean - (gini + 1) * (1 + sample.value / mean)
    return gini, _standard_error(influence, share, sample.n)


def _quantile(sample: Magnitudes, level: float) -> tuple[float, float]:
    through = np.cumsum(sample.count)
    spread = math.sqrt(level * (1 - level) / sample.n)
    low, value, high = (
        _order_statistic(sample, through, min(max(at, 0.0), 1.0))
        for at in (level - spread, level, level + spread)
    )
    return value, (high - low) / 2


def _order_statistic(sample: Magnitudes, through: NDArray[np.int64], level: float) -> float:
    position = level * (sample.n - 1)
    rank = math.floor(position)
    low, high = sample.value[np.searchsorted(through, [rank, min(rank + 1, sample.n - 1)], side="right")]
    return float(low + (high - low) * (position - rank))
