"""How the paper's headline statistics change when an analyst's choices are changed one at a time."""

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from weightfit import table
from weightfit.components import POOLED, POOLS
from weightfit.counts.histogram import Histogram
from weightfit.fits.null import GaussianMixture
from weightfit.fits.probability_plot import Magnitudes, fit, magnitudes
from weightfit.fits.released import EDGES, binned
from weightfit.studies.plot_variants import (
    OF_MAGNITUDES,
    counted_bins,
    equal_bins,
    equal_bins_null,
    gaussian_magnitudes,
    log_bins,
)
from weightfit.studies.selection import median_error, protocol
from weightfit.studies.stage import read_stages, stages

Array = NDArray[np.float64]
Sample = TypeVar("Sample")

TRIMS = (0.80, 1.00)
"""Trim of the shape, and trim of the shape that is subtracted from it in the gap."""

KINDS: Mapping[str, tuple[str, ...]] = {
    "ffn": POOLS["ffn"],
    "ffn_without_gate": tuple(name for name in POOLS["ffn"] if name != "gate"),
    "transmission": POOLS["transmission"],
}

PLOT = ("baseline", "baseline")
UNCENTRED, RELEASED = ("centring", "none"), ("binning_and_centring", "released")
BINNED, COUNTED_ONCE = ("binning", "1024_bins"), ("binning", "1024_bins_counted_once")


@dataclass(frozen=True)
class Way:
    """One way through the analysis; choices that it does not name are as the paper describes them.

    Attributes
    ----------
    choice, level
        The choice that differs from the baseline, and the alternative that is taken.
    estimator
        Key of the estimator that gives the shapes of single matrices.
    unit
        Weights that are fitted together: a ``matrix``, all matrices of a ``block``, or all of an ``entry``.
    kinds
        Key of `KINDS`, the kinds of matrices that are used.
    over_matrices
        ``median``, ``mean``, or ``mean_of_kinds``, which is the mean of the medians of the kinds.
    over_entries
        ``median`` or ``mean``.
    ddof
        Number that is subtracted from the number of entries in the divisor of the standard deviation.
    """

    choice: str
    level: str
    estimator: tuple[str, str] = PLOT
    unit: str = "matrix"
    kinds: str = "ffn"
    over_matrices: str = "median"
    over_entries: str = "median"
    ddof: int = 1


BASELINE = Way(*PLOT)

WAYS = (
    BASELINE,
    *(Way(*key, estimator=key) for key in (*OF_MAGNITUDES, BINNED, COUNTED_ONCE, UNCENTRED, RELEASED)),
    Way("unit", "block", unit="block"),
    Way("unit", "entry", unit="entry"),
    Way("kinds", "ffn_without_gate", kinds="ffn_without_gate"),
    Way("kinds", "transmission", kinds="transmission"),
    Way("unit_and_kinds", "block_transmission", unit="block", kinds="transmission"),
    Way("unit_and_kinds", "entry_transmission", unit="entry", kinds="transmission"),
    Way("over_matrices", "mean", over_matrices="mean"),
    Way("over_matrices", "mean_of_kinds", over_matrices="mean_of_kinds"),
    Way("over_entries", "mean", over_entries="mean"),
    Way("ddof", "0", ddof=0),
)


@dataclass(frozen=True)
class Shapes:
    """The shapes of one matrix or pool at both trims, and those of Gaussian weights in its place."""

    entry: str
    component: str
    estimator: tuple[str, str]
    unit: str
    value: tuple[float, float]
    null: tuple[float, float]


def multiverse(
    fits: pa.Table, parts: Iterable[Path], entries: Collection[str], band: tuple[float, float]
) -> pa.Table:
    """Compute the headline statistics under every way of analysis.

    Parameters
    ----------
    fits
        Table of contract ``fits``.
    parts
        Parquet files of contract ``histograms`` from which ``fits`` was made.
    entries
        Entries over which the statistics are computed, at their last steps.
    band
        Ends of the band of shapes within which entries are counted.

    Returns
    -------
    pyarrow.Table
        Table of contract ``multiverse``, empty if there are no entries. Statistics over entries need at least two.
    """
    own = fits.filter(
        pc.field("terminal") & pc.is_in(pc.field("entry"), pa.array(list(entries), pa.string()))
    )
    known = [*_of_fits(own), *_of_histograms(own, parts)]
    chosen = list(dict.fromkeys(own["entry"].to_pylist()))
    found = {way: _statistics(way, known, chosen, band) for way in WAYS} if chosen else {}
    rows = []
    for way, statistics in found.items():
        for key, (value, null, error) in statistics.items():
            base, base_null, _ = found[BASELINE][key]
            rows.append(
                {"choice": way.choice, "level": way.level, "statistic": key[0], "entry": key[1]}
                | {"entries": len(chosen), "value": value, "value_se": error, "value_null": null}
                | {"difference": value - base, "difference_null": null - base_null}
            )
    return table.of_rows("multiverse", rows)


def _of_fits(own: pa.Table) -> Iterator[Shapes]:
    """Yield the shapes that ``fits`` already has: those of single matrices and pools under the paper's protocol."""
    centred = own.filter(protocol(None))
    columns = ["entry", "block", "component", "shape", "shape_null"]
    body, full = (centred.filter(pc.field("trim") == trim).select(columns).to_pylist() for trim in TRIMS)
    at_full = {(row["entry"], row["block"], row["component"]): row for row in full}
    for row in body:
        entry, block, component = row["entry"], row["block"], row["component"]
        if component in KINDS:
            unit = "entry" if block == POOLED else "block"
        elif component in POOLS["transmission"] and block != POOLED:
            unit = "matrix"
        else:
            continue
        other = at_full[entry, block, component]
        shapes, nulls = ((row[name], other[name]) for name in ("shape", "shape_null"))
        yield Shapes(entry, component, PLOT, unit, shapes, nulls)


def _of_histograms(own: pa.Table, parts: Iterable[Path]) -> Iterator[Shapes]:
    """Yield the shapes of single matrices under every other estimator."""
    last = [stage for stage in stages(own, ()) if stage.terminal]
    for stage, _, found in read_stages(parts, last):
        for component in POOLS["transmission"]:
            if component in found:
                for key, value, null in _variants(found[component]):
                    yield Shapes(stage.entry, component, key, "matrix", value, null)


def _variants(
    histogram: Histogram,
) -> Iterator[tuple[tuple[str, str], tuple[float, float], tuple[float, float]]]:
    centred = magnitudes(histogram, histogram.mean)
    for key, estimate in OF_MAGNITUDES.items():
        yield key, _both(estimate, centred), _gaussian(key, histogram.n)
    yield UNCENTRED, _fitted(magnitudes(histogram)), _fitted_gaussian(histogram.n)
    law = GaussianMixture.of([histogram.standard_deviation], [histogram.n])
    # Counts are rounded, so that bins with far less than one expected weight stay empty as in data.
    expected = np.diff(np.rint(law.cdf(10.0**EDGES) * histogram.n))
    counts, released_null = log_bins(centred), _both(counted_bins, expected)
    yield BINNED, _both(counted_bins, counts), released_null
    yield RELEASED, _both(counted_bins, binned(histogram).astype(np.float64)), released_null
    body, full = equal_bins_null(law, histogram.n, TRIMS)
    yield COUNTED_ONCE, _both(equal_bins, counts), (body, full)


def _both(estimate: Callable[[Sample, float], float], sample: Sample) -> tuple[float, float]:
    return estimate(sample, TRIMS[0]), estimate(sample, TRIMS[1])


def _fitted(sample: Magnitudes) -> tuple[float, float]:
    body, full = fit(sample, TRIMS)
    return body.shape, full.shape


@lru_cache(maxsize=512)
def _fitted_gaussian(n: int) -> tuple[float, float]:
    return _fitted(gaussian_magnitudes(n))


@lru_cache(maxsize=512)
def _gaussian(key: tuple[str, str], n: int) -> tuple[float, float]:
    return _both(OF_MAGNITUDES[key], gaussian_magnitudes(n))


Statistics = Mapping[tuple[str, str | None], tuple[float, float, float | None]]
"""Value, null and standard error by statistic and entry; the entry is None for a statistic over entries."""


def _statistics(
    way: Way, known: Collection[Shapes], entries: Collection[str], band: tuple[float, float]
) -> Statistics:
    members: dict[str, list[Shapes]] = {entry: [] for entry in entries}
    for one in known:
        if (one.estimator, one.unit) == (way.estimator, way.unit) and _belongs(way, one.component):
            members[one.entry].append(one)
    found: dict[tuple[str, str | None], tuple[float, float, float | None]] = {}
    shapes, gaps = [], []
    for entry, own in members.items():
        body, full, body_null, full_null = (
            _over_matrices(way, own, values)
            for values in (
                [one.value[0] for one in own],
                [one.value[1] for one in own],
                [one.null[0] for one in own],
                [one.null[1] for one in own],
            )
        )
        shapes.append((body, body_null))
        gaps.append((body - full, body_null - full_null))
        found["shape", entry] = body, body_null, _error(way.over_matrices, [one.value[0] for one in own])
    if len(entries) > 1:
        for name, function in _over_entries(way, band).items():
            value, null = (function(np.array(column)) for column in zip(*shapes, strict=True))
            error = _error(way.over_entries, [one for one, _ in shapes]) if name == "centre" else None
            found[name, None] = value, null, error
        gap, gap_null = (float(np.mean(column)) for column in zip(*gaps, strict=True))
        found["gap", None] = gap, gap_null, _error("mean", [one for one, _ in gaps])
    return found


def _belongs(way: Way, component: str) -> bool:
    return component in KINDS[way.kinds] if way.unit == "matrix" else component == way.kinds


def _over_matrices(way: Way, own: Collection[Shapes], values: list[float]) -> float:
    if way.over_matrices == "mean":
        return float(np.mean(values))
    if way.over_matrices == "median":
        return float(np.median(values))
    kinds: dict[str, list[float]] = {}
    for one, value in zip(own, values, strict=True):
        kinds.setdefault(one.component, []).append(value)
    return float(np.mean([np.median(each) for each in kinds.values()]))


def _over_entries(way: Way, band: tuple[float, float]) -> dict[str, Callable[[Array], float]]:
    centre = np.median if way.over_entries == "median" else np.mean
    return {
        "centre": lambda shapes: float(centre(shapes)),
        "band_low": lambda shapes: float(shapes.min()),
        "band_high": lambda shapes: float(shapes.max()),
        "variation": lambda shapes: float(shapes.std(ddof=way.ddof) / shapes.mean()),
        "in_band": lambda shapes: float(((shapes >= band[0]) & (shapes <= band[1])).sum()),
    }


def _error(statistic: str, values: Collection[float]) -> float | None:
    """Return the standard error of a mean or median of independent Gaussian values with the observed spread."""
    if len(values) < 2 or statistic not in ("median", "mean"):
        return None
    deviation = float(np.std(np.array(list(values)), ddof=1))
    return (
        median_error(deviation, len(values)) if statistic == "median" else deviation / math.sqrt(len(values))
    )
