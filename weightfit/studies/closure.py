"""Gamma closure: the spread that the fitted Weibull law implies for a matrix, and the measured one (appendix A.1).

The paper equates sqrt(E[W^2] - E[W]^2) of a Weibull variable W with "the empirical sample standard deviation". The law
is fitted to magnitudes, so the literal reading takes the standard deviation of the magnitudes. Elsewhere the paper's
sigma is the standard deviation of the weights, and the second raw moment with which the derivation begins is that of
the root mean square. All these readings are computed here.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.special import gamma, gammainc, ndtri

from weightfit import table
from weightfit.components import COMPONENTS
from weightfit.counts.part import read_part
from weightfit.errors import ContractError
from weightfit.fits.influence import fit_influence, ranks_kept
from weightfit.fits.population import half_normal_log_quantile, population_fit
from weightfit.fits.probability_plot import Magnitudes, magnitudes
from weightfit.studies.selection import TRIM, in_blocks, of_components, protocol

READINGS = (
    "standard_deviation_magnitude",
    "standard_deviation",
    "root_mean_square",
    "mean_magnitude",
    "standard_deviation_trimmed",
    "root_mean_square_trimmed",
    "mean_magnitude_trimmed",
)
"""The possible meanings of "the standard deviation", the literal one first."""

_NUDGE = 1e-4
"""Relative step of the central difference over the shape; it makes an error of about 1e-8."""


def closure(fits: pa.Table, parts: Iterable[Path]) -> pa.Table:
    """Compare the fitted law with the weights, for every single matrix at the last step of each entry.

    Parameters
    ----------
    fits
        Table of contract ``fits``.
    parts
        Parquet files of contract ``histograms`` that hold the matrices of ``fits``; they are read one at a time.

    Returns
    -------
    pyarrow.Table
        Table of contract ``closure``, from centred fits at trim 0.80: one row per matrix and reading.

    Raises
    ------
    ContractError
        If a fitted matrix is in none of the parts.
    """
    matrices = fits.filter(pc.field("terminal") & in_blocks() & of_components(COMPONENTS) & protocol())
    wanted: dict[str, dict[tuple[int, str], dict[str, Any]]] = {}
    for row in matrices.to_pylist():
        wanted.setdefault(row["entry"], {})[row["block"], row["component"]] = row
    rows = [row for part in parts for row in _rows_of_part(part, wanted)]
    for entry, left in wanted.items():
        for block, component in left:
            raise ContractError(
                f"{entry}: block {block}, {component} is fitted, but no histogram of it was given; give the "
                "histograms that the fits were made from"
            )
    return table.of_rows("closure", rows)


def _rows_of_part(
    part: Path, wanted: Mapping[str, dict[tuple[int, str], dict[str, Any]]]
) -> Iterator[dict[str, object]]:
    """Yield the rows of a part's matrices, and remove these matrices from the wanted ones."""
    own = wanted.get(table.read_provenance(part)["entry"], {})
    for _, block, found in read_part(part, steps={row["step"] for row in own.values()}):
        for component, histogram in found.items():
            fit = own.pop((block, component), None)
            if fit is not None:  # otherwise the cohort file excludes the matrix
                yield from _rows(fit, magnitudes(histogram, histogram.mean))


def _rows(fit: Mapping[str, Any], sample: Magnitudes) -> Iterator[dict[str, object]]:
    standard_error = relative_errors(sample, fit["shape"], TRIM)
    for row in compared(fit, sample):
        ratio = row["implied"] / row["measured"]
        yield {
            **{key: fit[key] for key in ("entry", "step", "terminal", "block", "component")},
            **row,
            "error_se": ratio * standard_error[row["reading"]],
        }


def compared(fit: Mapping[str, Any], sample: Magnitudes) -> Iterator[dict[str, Any]]:
    """Compare the fitted law with a matrix, without the standard errors, which take longer.

    Parameters
    ----------
    fit
        Centred fit at trim 0.80: ``shape`` and ``scale``, and those of Gaussian weights as ``shape_null`` and
        ``scale_null``.
    sample
        Magnitudes of the weights about their mean.

    Yields
    ------
    dict
        Columns ``reading``, ``implied``, ``measured``, ``error`` and ``error_null`` of contract ``closure``, for each
        of `READINGS`.
    """
    law, observed = implied(fit["shape"], fit["scale"], TRIM), measured(sample, TRIM)
    law_null = implied(fit["shape_null"], fit["scale_null"], TRIM)
    observed_null = half_normal(observed["standard_deviation"], TRIM)
    for reading in READINGS:
        yield {
            "reading": reading,
            "implied": law[reading],
            "measured": observed[reading],
            "error": law[reading] / observed[reading] - 1,
            "error_null": law_null[reading] / observed_null[reading] - 1,
        }


def implied(shape: float, scale: float, trim: float) -> dict[str, float]:
    """Return the value that a Weibull law implies under each reading.

    Parameters
    ----------
    shape, scale
        Shape and scale of the law; the scale is in units of the weights.
    trim
        Kept fraction of the plot: the trimmed readings take the law between its (1 - trim)/2 and (1 + trim)/2
        quantiles.

    Returns
    -------
    dict
        Implied value by reading. The r-th raw moment is scale^r Gamma(1 + r/shape). Over [0, x] it is this times the
        regularised lower incomplete gamma function of 1 + r/shape at (x/scale)^shape = -ln(1 - F).
    """
    with np.errstate(divide="ignore"):  # at trim 1.00 the upper edge is infinite, as it must be
        edge = -np.log1p(-np.array([(1 - trim) / 2, (1 + trim) / 2]))
    first, second = (float(gamma(1 + r / shape)) for r in (1, 2))
    inside = [float(np.diff(gammainc(1 + r / shape, edge))[0]) / trim for r in (1, 2)]
    first_inside, second_inside = first * inside[0], second * inside[1]
    deviation = scale * math.sqrt(second - first**2)
    return {
        "standard_deviation_magnitude": deviation,
        "standard_deviation": deviation,
        "root_mean_square": scale * math.sqrt(second),
        "mean_magnitude": scale * first,
        "standard_deviation_trimmed": scale * math.sqrt(second_inside - first_inside**2),
        "root_mean_square_trimmed": scale * math.sqrt(second_inside),
        "mean_magnitude_trimmed": scale * first_inside,
    }


def half_normal(sigma: float, trim: float) -> dict[str, float]:
    """Return the measured value of each reading for exactly Gaussian weights of mean zero.

    Parameters
    ----------
    sigma
        Standard deviation of the weights.
    trim
        Kept fraction of the plot.

    Returns
    -------
    dict
        Measured value by reading. Between the quantiles a and b of the magnitude (in units of sigma) the raw moments
        are 2 (phi(a) - phi(b)) and trim + 2 (a phi(a) - b phi(b)), each divided by trim; phi is the standard Gaussian
        density.
    """
    quantile = ndtri(0.5 + np.array([(1 - trim) / 4, (1 + trim) / 4]))
    density = np.exp(-(quantile**2) / 2) / math.sqrt(2 * math.pi)
    first = 2 * float(density[0] - density[1]) / trim
    second = 1 + 2 * float(quantile[0] * density[0] - quantile[1] * density[1]) / trim
    return {
        "standard_deviation_magnitude": sigma * math.sqrt(1 - 2 / math.pi),
        "standard_deviation": sigma,
        "root_mean_square": sigma,
        "mean_magnitude": sigma * math.sqrt(2 / math.pi),
        "standard_deviation_trimmed": sigma * math.sqrt(second - first**2),
        "root_mean_square_trimmed": sigma * math.sqrt(second),
        "mean_magnitude_trimmed": sigma * first,
    }


def measured(sample: Magnitudes, trim: float) -> dict[str, float]:
    """Return the measured value of each reading.

    Parameters
    ----------
    sample
        Magnitudes of the weights about their mean.
    trim
        Kept fraction of the plot: the trimmed readings take the order statistics that the plot keeps. A tie that
        straddles an edge contributes the ranks inside, and zeros keep their ranks.

    Returns
    -------
    dict
        Measured value by reading, in units of the weights; standard deviations divide by the number of weights.
    """
    mean, deviation = _mean_and_deviation(sample.value, sample.count)
    inside, trimmed = _mean_and_deviation(sample.value, ranks_kept(sample, trim))
    # The root mean square of magnitudes about the mean is the standard deviation of the weights.
    root = math.hypot(mean, deviation)
    return {
        "standard_deviation_magnitude": deviation,
        "standard_deviation": root,
        "root_mean_square": root,
        "mean_magnitude": mean,
        "standard_deviation_trimmed": trimmed,
        "root_mean_square_trimmed": math.hypot(inside, trimmed),
        "mean_magnitude_trimmed": inside,
    }


def _mean_and_deviation(value: NDArray[np.float64], count: NDArray[np.int64]) -> tuple[float, float]:
    share = count / count.sum()
    mean = float(share @ value)
    return mean, math.sqrt(float(share @ (value - mean) ** 2))


def relative_errors(sample: Magnitudes, shape: float, trim: float) -> dict[str, float]:
    """Return the standard error of ln(implied / measured) by the delta method.

    Parameters
    ----------
    sample
        Magnitudes of the weights about their mean.
    shape
        Shape that was fitted to them at this trim.
    trim
        Kept fraction of the plot.

    Returns
    -------
    dict
        Standard error by reading, for independent weights. It uses the influence of one weight on the implied and
        the measured value together, because the weight moves both.
    """
    on_shape, on_log_scale = fit_influence(sample, trim)
    above, below = (implied(shape + step, 1.0, trim) for step in (_NUDGE * shape, -_NUDGE * shape))
    share = sample.count / sample.n
    errors = {}
    for reading, on_measured in measured_influence(sample, trim).items():
        per_shape = math.log(above[reading] / below[reading]) / (2 * _NUDGE * shape)
        influence = on_log_scale + per_shape * on_shape - on_measured
        errors[reading] = math.sqrt(float(share @ (influence - share @ influence) ** 2) / sample.n)
    return errors


def measured_influence(sample: Magnitudes, trim: float) -> dict[str, NDArray[np.float64]]:
    """Return the influence of one weight, at each magnitude, on the logarithm of the measured value.

    Parameters
    ----------
    sample
        Magnitudes of the weights about their mean.
    trim
        Kept fraction of the plot.

    Returns
    -------
    dict
        Influence by reading, each ``(m,)`` and up to a constant. The influence of a trimmed moment is that of a
        moment of values that are moved to the nearer edge (Huber, Robust Statistics, 1981, section 3.3).
    """
    value, kept = sample.value, ranks_kept(sample, trim)
    mean, deviation = _mean_and_deviation(value, sample.count)
    mean_inside, deviation_inside = _mean_and_deviation(value, kept)
    edges = value[np.flatnonzero(kept)[[0, -1]]]
    squares = value**2 / (mean**2 + deviation**2) / 2
    clipped = np.clip(value, *edges)
    square_inside = mean_inside**2 + deviation_inside**2
    return {
        "standard_deviation_magnitude": ((value - mean) / deviation) ** 2 / 2,
        "standard_deviation": squares,
        "root_mean_square": squares,
        "mean_magnitude": value / mean,
        "standard_deviation_trimmed": ((clipped - mean_inside) / deviation_inside) ** 2 / 2 / trim,
        "root_mean_square_trimmed": clipped**2 / square_inside / 2 / trim,
        "mean_magnitude_trimmed": clipped / mean_inside / trim,
    }


def closure_error(reading: str, trim: float) -> float:
    """Return how far the law fitted to Gaussian weights is from their moments, as ``closure_error(reading, trim=...)``.

    Parameters
    ----------
    reading
        One of `weightfit.studies.closure.READINGS`.
    trim
        Kept fraction of the plot, for the fit and for the trimmed readings.
    """
    if reading not in READINGS:
        raise ContractError(f"the closure check has no reading {reading!r}; take one of {list(READINGS)}")
    law = population_fit(half_normal_log_quantile, trim)
    return implied(law["shape"], law["scale"], trim)[reading] / half_normal(1.0, trim)[reading] - 1


def closure_error_between_quantiles(trim: float) -> float:
    """Return how far the law fitted to Gaussian weights is from them in the spread over one interval of magnitudes.

    The trimmed readings take each law between its own quantiles. Here both laws are taken between the quantiles of the
    Gaussian magnitudes.

    Parameters
    ----------
    trim
        Kept fraction of the plot, for the fit; the interval reaches from the (1 - trim)/2 to the (1 + trim)/2 quantile.

    Returns
    -------
    float
        Standard deviation of the fitted law over that of the Gaussian magnitudes, less one.
    """
    law = population_fit(half_normal_log_quantile, trim)
    edge = ndtri(0.5 + np.array([(1 - trim) / 4, (1 + trim) / 4]))
    at = (edge / law["scale"]) ** law["shape"]
    mass = float(np.diff(-np.exp(-at))[0])
    first, second = (
        law["scale"] ** r
        * float(gamma(1 + r / law["shape"]) * np.diff(gammainc(1 + r / law["shape"], at))[0])
        / mass
        for r in (1, 2)
    )
    return math.sqrt(second - first**2) / half_normal(1.0, trim)["standard_deviation_trimmed"] - 1
