"""The eight diagnostic functions that the paper lists in its Table 6, under the paper's names.

The paper describes each in one line (Table 6, appendix B.1) and publishes no signature; npm-weibull-py 0.4.0 has none
of the eight names (study `library`). Their arguments and results are therefore chosen here: they take arrays or
histograms and return numbers, labels or small frozen dataclasses, under the names of this project (`shape` is k,
`scale` is lambda).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from weightfit.counts.histogram import Histogram, histogram_of
from weightfit.errors import ContractError
from weightfit.fits.probability_plot import Fit, fit, magnitudes
from weightfit.studies.closure import READINGS, implied, measured
from weightfit.studies.origin_line import OriginLine, through_origin
from weightfit.weights.families import attention_kind
from weightfit.weights.layer import read_layer


@dataclass(frozen=True)
class GammaClosure:
    """A quantity as the fitted law implies it and as it is measured.

    Attributes
    ----------
    implied
        Value for the fitted Weibull law, in units of the weights.
    measured
        Value for the weights themselves, about their mean.
    error
        Relative error, ``implied / measured - 1``.
    """

    implied: float
    measured: float
    error: float


@dataclass(frozen=True)
class Band:
    """The spread of the shapes over several entries.

    Attributes
    ----------
    medians
        Median shape of each entry.
    low, high
        Smallest and largest median.
    mean, standard_deviation
        Mean and standard deviation of the medians over the n entries, the latter with the divisor n - 1.
    coefficient_of_variation
        ``standard_deviation / mean``.
    """

    medians: dict[str, float]
    low: float
    high: float
    mean: float
    standard_deviation: float
    coefficient_of_variation: float


def F1_extract_weights(  # noqa: N802 (the paper's name)
    source: Path | str, layer: int, stack: str | None = None
) -> dict[str, NDArray[Any]]:
    """Extract all weight matrices of one layer of a checkpoint.

    Parameters
    ----------
    source
        A folder with all weight files of one checkpoint and its config.json, or one such file.
    layer
        Number of the block, from 0.
    stack
        ``encoder`` or ``decoder``, if the model has both.

    Returns
    -------
    dict
        Matrices ``(outputs, inputs)`` by component (`weightfit.components.COMPONENTS`), in float16 or float32 as they
        are stored; BF16 becomes float32, which holds it exactly. Fused tensors are split.

    Raises
    ------
    ContractError
        If the checkpoint has no such layer.
    WeightfitError
        If `weightfit.weights.layer.read_layer` finds any other fault.
    """
    return read_layer(Path(source), layer, stack)


def F2_fit_weibull(weights: NDArray[Any] | Histogram, trim: float = 0.80) -> Fit:  # noqa: N802 (the paper's name)
    """Fit a Weibull law to the magnitudes of weights by least squares on the probability plot.

    Parameters
    ----------
    weights
        Float16 or float32 array of any shape, or a histogram of signed weights. Their mean is subtracted first (the
        paper, appendix A.1).
    trim
        Fraction of the probability plot that is kept.

    Returns
    -------
    Fit
        ``shape``, ``scale`` (units of the weights), their standard errors, ``r_squared`` and the KS distances, see
        `weightfit.fits.probability_plot.fit`. A float32 array of more than 2^22 weights that fits no 16-bit format is
        counted by its top 19 bits.

    Raises
    ------
    DegenerateHistogram
        If the array has another type or the estimator is not defined on it.
    NonFiniteWeight
        If a weight is infinite or not a number.
    """
    histogram = weights if isinstance(weights, Histogram) else histogram_of(weights)
    (found,) = fit(magnitudes(histogram, histogram.mean), [trim])
    return found


def F3_gamma_closure(  # noqa: N802 (the paper's name)
    weights: NDArray[Any] | Histogram, trim: float = 0.80
) -> dict[str, GammaClosure]:
    """Compare the standard deviation that the fitted Weibull law implies with the measured one.

    Parameters
    ----------
    weights, trim
        As `F2_fit_weibull` takes them.

    Returns
    -------
    dict
        One comparison for each reading in `weightfit.studies.closure.READINGS`, because the paper does not say of what
        its "empirical sample standard deviation" is taken (appendix A.1). The first reading is the literal one, the
        standard deviation of the magnitude.

    Raises
    ------
    DegenerateHistogram, NonFiniteWeight
        As `F2_fit_weibull`.
    """
    histogram = weights if isinstance(weights, Histogram) else histogram_of(weights)
    law = F2_fit_weibull(histogram, trim)
    with np.errstate(divide="ignore"):  # at trim 1.00 the upper edge is infinite, as it should be
        expected = implied(law.shape, law.scale, trim)
    found = measured(magnitudes(histogram, histogram.mean), trim)
    return {
        name: GammaClosure(expected[name], found[name], expected[name] / found[name] - 1) for name in READINGS
    }


def F4_cross_family_band(shapes: Mapping[str, ArrayLike]) -> Band:  # noqa: N802 (the paper's name)
    """Return the band that the median shapes of several entries span.

    Parameters
    ----------
    shapes
        Shapes of the matrices of each entry, for example of all FFN matrices at the last step.

    Returns
    -------
    Band
        The band from the smallest to the largest median, and the coefficient of variation over the entries (the
        paper, section 3.1).

    Raises
    ------
    ContractError
        If there are fewer than two entries or one has no shapes.
    """
    empty = [entry for entry, members in shapes.items() if not np.size(members)]
    if len(shapes) < 2 or empty:
        raise ContractError(
            f"{len(shapes)} entries, without shapes {empty}; a band needs two entries or more, each with a shape"
        )
    medians = {entry: float(np.median(np.asarray(members))) for entry, members in shapes.items()}
    values = np.array(list(medians.values()))
    # ASSUME band-deviation: the standard deviation over n entries has the divisor n - 1.
    mean, deviation = float(values.mean()), float(values.std(ddof=1))
    return Band(medians, float(values.min()), float(values.max()), mean, deviation, deviation / mean)


def F5_lambda_scaling(  # noqa: N802 (the paper's name)
    scales: ArrayLike, learning_rates: ArrayLike, weight_decays: ArrayLike
) -> OriginLine:
    """Fit scale = slope sqrt(learning rate / weight decay) through the origin.

    Parameters
    ----------
    scales
        Weibull scale of each model, for example its mean over the transmission matrices at the last step.
    learning_rates, weight_decays
        Learning rate and weight decay of each model, in the same order; all positive.

    Returns
    -------
    OriginLine
        The fitted line; see `weightfit.studies.origin_line.through_origin`.

    Raises
    ------
    ContractError
        If there are fewer than two models, the three differ in length, or a value is not positive.
    """
    rate, decay = np.asarray(learning_rates, np.float64), np.asarray(weight_decays, np.float64)
    if rate.shape != decay.shape or min(rate.min(), decay.min()) <= 0:
        raise ContractError(
            f"{rate.size} learning rates and {decay.size} weight decays; give one of each per model, all positive"
        )
    return through_origin(np.sqrt(rate / decay), np.asarray(scales, np.float64))


def F6_k_drift(initial: float, terminal: float) -> float:  # noqa: N802 (the paper's name)
    """Return the drift of the shape: its terminal value less its initial value (the paper, Table 6).

    Parameters
    ----------
    initial, terminal
        Weibull shapes.

    Returns
    -------
    float
        Negative where the shape fell.
    """
    return terminal - initial


def F7_attention_arch_classify(heads: int, key_heads: int) -> str:  # noqa: N802 (the paper's name)
    """Classify attention by how many query heads share one key head.

    Parameters
    ----------
    heads, key_heads
        Numbers of query heads and of key heads.

    Returns
    -------
    str
        ``MQA`` if there is one key head, ``MHA`` if there are as many as query heads, otherwise ``GQA``. A single query
        head with its key head is ``MQA``, as in npm-weibull-py.

    Raises
    ------
    ContractError
        If a number is not positive or the key heads cannot share the query heads evenly.

    Examples
    --------
    >>> F7_attention_arch_classify(32, 8)
    'GQA'
    """
    return attention_kind(heads, key_heads)


def F8_lambda_paired_correlation(  # noqa: N802 (the paper's name)
    scale_o: ArrayLike, scale_ffn_out: ArrayLike
) -> float:
    """Return Pearson's correlation of the logarithms of two scales.

    Parameters
    ----------
    scale_o, scale_ffn_out
        Weibull scales of the attention output projection (o) and of the second feed-forward matrix (ffn_out) at the
        same points: two or more of each, not all equal.

    Returns
    -------
    float
        Correlation of the logarithms, as in the paper (section 5.3). The study `coupling` covers the readings of the
        paper's choice of points.

    Raises
    ------
    ContractError
        If the two differ in length, or either has fewer than two values, is constant, or is not positive.
    """
    one, other = np.asarray(scale_o, np.float64), np.asarray(scale_ffn_out, np.float64)
    if one.shape != other.shape or one.size < 2:
        raise ContractError(
            f"{one.size} and {other.size} scales; a correlation needs equally many of each, at least two"
        )
    if min(one.min(), other.min()) <= 0 or one.min() == one.max() or other.min() == other.max():
        raise ContractError(
            "a scale is not positive, or all of one kind are equal; a correlation needs positive scales that vary"
        )
    return float(np.corrcoef(np.log(one), np.log(other))[0, 1])
