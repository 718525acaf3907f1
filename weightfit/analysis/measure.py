"""The statistics of one matrix: its fit, its tail, and whether its magnitudes have a second mode."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightfit.analysis.evidence import Evidence
from weightfit.analysis.model import Model
from weightfit.components import COMPONENTS
from weightfit.counts.histogram import Histogram
from weightfit.counts.spread import counts_between
from weightfit.errors import DegenerateHistogram, NonFiniteWeight
from weightfit.fits.null import GaussianMixture
from weightfit.fits.units import Protocol, Unit, fits_of_unit, moments_of_unit
from weightfit.studies.bimodality import second_mode
from weightfit.studies.format_null import QUANTISERS, TRIMS, movement
from weightfit.studies.super_weights import ratio
from weightfit.weights.encodings import ENCODINGS

Counts = NDArray[np.float64]

FIT = (
    *("shape", "shape_se", "shape_null", "scale", "scale_se", "scale_null", "r_squared", "r_squared_null"),
    *("ks_distance", "ks_distance_null", "ks_distance_trimmed", "ks_distance_trimmed_null"),
)
"""Columns of ``fits`` that a row has."""

MOMENTS = (
    *("mean", "standard_deviation", "zeros", "q50", "q99", "maximum", "maximum_se", "maximum_null"),
    *("kurtosis", "kurtosis_se", "kurtosis_null", "gini", "gini_se", "gini_null"),
    *("ratio", "ratio_se", "ratio_null"),
)
"""Columns of ``moments`` that a row has, and the largest magnitude over the 99 % quantile."""

MODES = ("dip", "dip_critical", "bimodal", "small_share", "small_centre")
"""Columns of ``bimodality`` that a row has; all are None where the format is quantised."""

COLUMNS = (
    "block",
    "component",
    "tensor",
    "stored",
    "exactness",
    "n",
    *FIT,
    "shape_format_null",
    *MOMENTS,
    *MODES,
)
"""Columns of a row, in their order."""

LOG_EDGES: Counts = np.linspace(-6.0, 2.0, 161)
"""Edges of the cells of log10(abs(w) / root mean square) in which the densities of kinds are counted."""


@dataclass
class Measured:
    """What was measured of a model.

    Attributes
    ----------
    rows
        One row per matrix, in the columns of ``matrices`` in the contract ``analysis``, sorted by kind and block.
    refused
        Matrices that cannot be measured: block, component, tensor and reason.
    densities
        Counts of all matrices of a kind in the cells between `LOG_EDGES`, by kind.
    evidence
        What the paper's claims ask further, if it was collected.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)
    densities: dict[str, Counts] = field(default_factory=dict)
    evidence: Evidence | None = None


def measure(model: Model, protocol: Protocol, claims: bool = False) -> Measured:
    """Count and measure every matrix of a model; a histogram is dropped as soon as it is measured.

    Parameters
    ----------
    model
        The model, whose matrices are counted here.
    protocol
        How matrices are fitted, with a single trim.
    claims
        Whether to collect what the paper's claims ask.
    """
    found = Measured(evidence=Evidence(model.tensors) if claims else None)
    for block, component, histogram in model.count():
        what = {"block": block, "component": component, "tensor": model.tensor(block, component)}
        if isinstance(histogram, NonFiniteWeight):
            found.refused.append(what | {"reason": str(histogram)})
            if found.evidence:
                found.evidence.refuse(block, component)
            continue
        try:
            unit = alone(block, component, histogram)
            fits = fits_at_trims(unit, protocol)
            found.rows.append(what | measure_matrix(unit, fits, protocol))
        except DegenerateHistogram as refusal:
            found.refused.append(what | {"reason": str(refusal)})
            if found.evidence:
                found.evidence.refuse(block, component)
            continue
        if found.evidence:
            found.evidence.add(unit, fits if protocol.protocol == "centred" else None)
        _add_density(found.densities, component, histogram)
        del histogram, unit  # they may be large, and the next ones are made while these names would hold them
    for rows in (found.rows, found.refused):
        rows.sort(key=lambda one: (COMPONENTS.index(one["component"]), one["block"]))
    return found


def alone(block: int, component: str, histogram: Histogram) -> Unit:
    """Return a matrix as what is fitted, with the law of Gaussian weights of its deviation."""
    law = GaussianMixture.of([histogram.standard_deviation], [histogram.n])
    return Unit(None, block, component, histogram, law, 0, True)


def fits_at_trims(unit: Unit, protocol: Protocol) -> list[dict[str, Any]]:
    """Return the fits of a matrix at the trims of the workflow, with its digits.

    The sums of a plot, and the draws of its null, depend in their last digits on all trims that are fitted together.

    Raises
    ------
    DegenerateHistogram
        If the estimator is not defined, as for a constant matrix.
    """
    return list(fits_of_unit(unit, [replace(protocol, trims=TRIMS)]))


def at_trim(fits: Sequence[dict[str, Any]], protocol: Protocol) -> dict[str, Any]:
    """Return the fit at the only trim of a protocol."""
    (trim,) = protocol.trims
    (found,) = (one for one in fits if one["trim"] == trim)
    return found


def measure_matrix(unit: Unit, fits: Sequence[dict[str, Any]], protocol: Protocol) -> dict[str, Any]:
    """Return the statistics of one matrix.

    Parameters
    ----------
    unit
        The matrix.
    fits
        Its fits, from `fits_at_trims`.
    protocol
        How it is fitted, with a single trim.

    Raises
    ------
    DegenerateHistogram
        If a moment is not defined.
    """
    histogram = unit.histogram
    fit = at_trim(fits, protocol)
    moments = moments_of_unit(unit)
    # The few levels of a quantised format are modes of its own.
    modes = dict.fromkeys(MODES) if is_quantised(histogram.dtype) else second_mode(histogram)
    known = {**fit, **moments, **ratio(moments), **modes}
    return {
        "stored": histogram.dtype.lower(),
        "exactness": histogram.exactness,
        "n": histogram.n,
        **{name: known[name] for name in FIT},
        "shape_format_null": _format_null(fit, histogram, protocol),
        **{name: known[name] for name in (*MOMENTS, *MODES)},
    }


def is_quantised(stored: str) -> bool:
    """Tell whether a format stores other values than the numbers that are counted."""
    return stored in ENCODINGS and ENCODINGS[stored].decode is not None


def _format_null(fit: Mapping[str, Any], histogram: Histogram, protocol: Protocol) -> float | None:
    """Return the shape of Gaussian weights that are stored as the matrix is, if a quantiser of the format is known."""
    if histogram.dtype not in QUANTISERS or protocol.protocol != "centred":
        return None
    moved, _, _ = movement(histogram.dtype, histogram.n)[TRIMS.index(protocol.trims[0])]
    return float(fit["shape_null"]) + moved


def _add_density(densities: dict[str, Counts], component: str, histogram: Histogram) -> None:
    # ASSUME density-scale: matrices of a kind are put together in units of the root mean square of each.
    root = math.sqrt(histogram.sum_of_squares / histogram.n)
    counts = counts_between(histogram, 0.0, root * 10.0**LOG_EDGES)
    densities[component] = densities.get(component, np.zeros_like(counts)) + counts
