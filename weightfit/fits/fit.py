"""Fits every matrix and pool of a part and computes its moments, each with its null and its standard error."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa

from weightfit import table
from weightfit.components import POOLED, POOLS
from weightfit.counts.histogram import Histogram, pool
from weightfit.counts.part import read_part
from weightfit.errors import CohortError, DegenerateHistogram
from weightfit.fits.moments import Moments, moments
from weightfit.fits.null import GaussianMixture, NullFit, null_fits, null_moments, released_null
from weightfit.fits.probability_plot import Fit, Magnitudes, Sign, fit, magnitudes
from weightfit.fits.released import binned, released_fit
from weightfit.task import Progress


@dataclass(frozen=True)
class Protocol:
    """One way of fitting, from ``fits`` in config.yaml.

    Attributes
    ----------
    protocol
        ``centred``, ``uncentred`` or ``released``.
    sign
        Sign of the weights that are fitted: ``both``, ``positive`` or ``negative``.
    trims
        Kept fractions of the plot.
    pools
        Whether pools are fitted as well as single matrices.
    steps
        ``all`` for every step of an entry, ``ends`` for its first and last step only.
    """

    protocol: str
    sign: Sign
    trims: tuple[float, ...]
    pools: bool
    steps: str

    def applies(self, unit: "Unit") -> bool:
        """Tell whether a unit is fitted under this protocol."""
        return (self.pools or not unit.is_pool) and (self.steps == "all" or unit.at_an_end)


@dataclass(frozen=True)
class Unit:
    """One matrix, or a pool of several, at one step."""

    step: int | None
    block: int
    component: str
    histogram: Histogram
    law: GaussianMixture
    excluded: int
    at_an_end: bool

    @property
    def is_pool(self) -> bool:
        """Whether the unit is a pool of several matrices."""
        return self.block == POOLED or self.component in POOLS

    @cached_property
    def uncentred(self) -> Magnitudes:
        """The magnitudes of the weights as stored."""
        return magnitudes(self.histogram)

    @property
    def name(self) -> str:
        """Name of the unit in error messages."""
        step = "" if self.step is None else f"step {self.step}, "
        return f"{step}block {self.block}, {self.component}"


def fit_part(
    histograms: Path, protocols: Sequence[Protocol], excluded: Mapping[str, str]
) -> tuple[pa.Table, pa.Table]:
    """Fit every matrix and pool of a part under every protocol.

    Parameters
    ----------
    histograms
        Parquet file of contract ``histograms``.
    protocols
        Ways of fitting to apply.
    excluded
        Matrices (``block.component``) that the cohort file leaves out, with the reason. The pools leave them out
        too, and each row of a pool states how many matrices it lacks.

    Returns
    -------
    fits, moments
        Tables of the contracts ``fits`` and ``moments``.

    Raises
    ------
    DegenerateHistogram
        If the estimator is not defined for a matrix or a pool; one error lists all of them.
    """
    provenance = table.read_provenance(histograms)
    entry = provenance["entry"]
    last = max((file["step"] for file in provenance["files"] if file["step"] is not None), default=None)
    fit_rows: list[dict[str, object]] = []
    moment_rows: list[dict[str, object]] = []
    refusals = _refused_when_counted(entry, provenance, excluded)
    progress = Progress(len(provenance["matrices"]), "matrices")
    for unit in units(histograms, excluded):
        key = {
            "entry": entry,
            "step": unit.step,
            "terminal": unit.step == last,
            "block": unit.block,
            "component": unit.component,
            "excluded": unit.excluded,
            "exactness": unit.histogram.exactness,
        }
        try:
            fit_rows.extend(key | row for row in fits_of_unit(unit, protocols))
            moment_rows.append(key | moments_of_unit(unit))
        except DegenerateHistogram as refusal:
            refusals.append(str(refusal))
        progress.add(0 if unit.is_pool else 1)
    if refusals:
        raise DegenerateHistogram(
            f"{entry}: {len(refusals)} matrices or pools cannot be fitted; name each with its reason under 'exclude' "
            "in the cohort file:\n  " + "\n  ".join(refusals)
        )
    return table.of_rows("fits", fit_rows), table.of_rows("moments", moment_rows)


def _refused_when_counted(
    entry: str, provenance: Mapping[str, Any], excluded: Mapping[str, str]
) -> list[str]:
    """Return why matrices that are not excluded were not counted; every exclusion must name a matrix."""
    present = {f"{matrix['block']}.{matrix['component']}" for matrix in provenance["matrices"]}
    refused = [
        (f"{one['block']}.{one['component']}", one["step"], one["reason"]) for one in provenance["refused"]
    ]
    known = present | {name for name, _, _ in refused}
    strange = sorted(set(excluded) - known)
    if strange:
        raise CohortError(
            f"{entry}: exclude: there is no matrix {strange[0]!r}; name one as block.component, such as "
            f"{min(known)}, or remove the exclusion"
        )
    return [
        f"{'' if step is None else f'step {step}, '}{name}: {reason}"
        for name, step, reason in refused
        if name not in excluded
    ]


def units(histograms: Path, excluded: Mapping[str, str]) -> Iterator[Unit]:
    """Yield every matrix, every pool within a block and every pool over blocks, step by step."""
    files = table.read_provenance(histograms)["files"]
    ends = {file["step"] for file in (*files[:1], *files[-1:])}
    for step, blocks in groupby(read_part(histograms), key=lambda part: part[0]):
        kept = (
            (block, {name: one for name, one in found.items() if f"{block}.{name}" not in excluded})
            for _, block, found in blocks
        )
        yield from units_of_step(step, kept, excluded, step in ends)


def units_of_step(
    step: int | None,
    blocks: Iterable[tuple[int, Mapping[str, Histogram]]],
    excluded: Mapping[str, str],
    at_an_end: bool,
) -> Iterator[Unit]:
    """Yield every matrix, every pool within a block and every pool over blocks of one step.

    Parameters
    ----------
    step
        The training step, or None where none is published.
    blocks
        The number of each block and its histograms by component, in any order.
    excluded
        Matrices (``block.component``) that are missing from ``blocks``, with the reason.
    at_an_end
        Whether the step is the first or the last of its entry.

    Yields
    ------
    Unit
        A matrix or pool, as soon as its matrices have been read: block by block, then the pools over blocks.
    """
    left_out = [name.split(".")[1] for name in excluded]
    whole: dict[str, list[Histogram]] = {}
    for block, found in blocks:
        for component, histogram in found.items():
            yield _unit(step, block, component, [histogram], 0, at_an_end)
            whole.setdefault(component, []).append(histogram)
        for component, members in POOLS.items():
            parts = [found[member] for member in members if member in found]
            if len(parts) > 1:
                missing = sum(f"{block}.{member}" in excluded for member in members)
                yield _unit(step, block, component, parts, missing, at_an_end)
    for component, parts in whole.items():
        yield _unit(step, POOLED, component, parts, left_out.count(component), at_an_end)
    for component, members in POOLS.items():
        present = [member for member in members if member in whole]
        if len(present) > 1:
            parts = [part for member in present for part in whole[member]]
            missing = sum(left_out.count(member) for member in members)
            yield _unit(step, POOLED, component, parts, missing, at_an_end)


def _unit(
    step: int | None, block: int, component: str, parts: list[Histogram], excluded: int, at_an_end: bool
) -> Unit:
    # ASSUME pool-centre: a pool is centred by its own mean, not matrix by matrix.
    law = GaussianMixture.of([part.standard_deviation for part in parts], [part.n for part in parts])
    return Unit(step, block, component, pool(parts), law, excluded, at_an_end)


def fits_of_unit(unit: Unit, protocols: Sequence[Protocol]) -> Iterator[dict[str, object]]:
    """Yield each fit with its null, as columns of ``fits``: one row per trim of every protocol that applies."""
    for protocol in protocols:
        if not protocol.applies(unit):
            continue
        if protocol.protocol == "released":
            counts = binned(unit.histogram)
            found = [released_fit(counts, trim, unit.name) for trim in protocol.trims]
            nulls = [released_null(unit.law, unit.histogram.n, trim) for trim in protocol.trims]
        else:
            found = fit(_sample(unit, protocol), protocol.trims, unit.name)
            # Half of all Gaussian weights are positive, so the null of one sign is that of half the number.
            n = unit.histogram.n if protocol.sign == "both" else unit.histogram.n // 2
            nulls = null_fits(unit.law, n, protocol.trims)
        for trim, one, null in zip(protocol.trims, found, nulls, strict=True):
            yield _row(one, null) | {"protocol": protocol.protocol, "trim": trim, "sign": protocol.sign}


def _sample(unit: Unit, protocol: Protocol) -> Magnitudes:
    if protocol.protocol == "centred":
        return magnitudes(unit.histogram, unit.histogram.mean, protocol.sign)
    return unit.uncentred if protocol.sign == "both" else magnitudes(unit.histogram, 0.0, protocol.sign)


def _row(one: Fit, null: NullFit) -> dict[str, object]:
    return vars(one) | {f"{name}_null": value for name, value in vars(null).items()}


def moments_of_unit(unit: Unit) -> dict[str, object]:
    """Return the moments of a unit with their errors and nulls, as columns of ``moments``."""
    values, errors = moments(unit.histogram, unit.name, unit.uncentred)
    null = null_moments(unit.law, unit.histogram.n)
    row: dict[str, object] = {"n": unit.histogram.n}
    for field in fields(Moments):
        row[field.name] = getattr(values, field.name)
        row[f"{field.name}_se"] = getattr(errors, field.name)
        row[f"{field.name}_null"] = getattr(null, field.name)
    return row
