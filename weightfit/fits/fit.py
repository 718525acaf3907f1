"""Fits every matrix and pool of a part and computes its moments, each with its null and its standard error."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa

from weightfit import table
from weightfit.counts.part import read_part
from weightfit.errors import CohortError, DegenerateHistogram
from weightfit.fits.units import Protocol, Unit, fits_of_unit, moments_of_unit, units_of_step
from weightfit.task import Progress


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
        del unit  # it is large, and the next one is made while this name would hold it
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
