"""The spectra of all matrices of an entry, each beside its null."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa

from weightfit import table
from weightfit.components import by_name
from weightfit.errors import DegenerateSpectrum
from weightfit.spectra.null import null
from weightfit.spectra.statistics import statistics_of_matrix
from weightfit.task import Progress
from weightfit.weights.declared import Architecture
from weightfit.weights.decoding import read_matrix
from weightfit.weights.formats import read_header
from weightfit.weights.header import Header
from weightfit.weights.layer import matrix_of
from weightfit.weights.plan import Plan, plan, read_config

SEED = 20260718
"""Seed of the null of every entry, so that matrices of one size have the same null."""

NULLS = (
    "alpha",
    "tail_share",
    "ks_distance",
    "stable_rank",
    "outliers",
    "outlier_share",
    "largest_over_edge",
)
"""The statistics that stand beside their null: all but the standard error of one of them."""


def spectrum(
    manifest: Mapping[str, Any],
    folder: Path,
    exclude: Collection[str] = (),
    names: Architecture | None = None,
    stack: str | None = None,
) -> pa.Table:
    """Compute the statistics of the spectrum of every matrix of an entry; one matrix at a time is in memory.

    Parameters
    ----------
    manifest
        Manifest as the source rules write it, with ``entry`` and ``files`` (path, step). The digests of the files are
        not checked here: they are where the same files are counted.
    folder
        Folder that holds the files and their config.json.
    exclude
        Matrices (``block.component``) that are left out.
    names
        Names of the tensors, if the cohort file declares them.
    stack
        Which stack is meant, if the model has two; see `weightfit.weights.plan.plan`.

    Returns
    -------
    pyarrow.Table
        Table of contract ``spectra``, in ascending order of step, block and component.

    Raises
    ------
    DegenerateSpectrum
        If a matrix has too few singular values for a tail.
    NonFiniteWeight
        If a weight is infinite or not a number.
    WeightfitError
        If the checkpoint has any other fault; see `weightfit.weights.formats.read_header` and
        `weightfit.weights.plan.plan`.
    """
    config = read_config(folder)
    planned = []
    steps = sorted(manifest["files"], key=lambda file: (_order(file["step"]), file["path"]))
    for step, group in groupby(steps, key=lambda file: file["step"]):
        headers = [read_header(folder / file["path"]) for file in group]
        planned.append((step, headers, plan(headers, config, None, names, stack)))
    progress = Progress(
        sum(len(held) for _, _, layout in planned for held in layout.pieces.values()), "matrices"
    )
    rows: list[dict[str, Any]] = []
    for step, headers, layout in planned:
        for row in _of_step(headers, layout, exclude, progress):
            rows.append({"entry": manifest["entry"], "step": step} | row)
    rows.sort(key=lambda row: (_order(row["step"]), row["block"], by_name(row["component"])))
    return table.of_rows("spectra", rows)


def _order(step: int | None) -> int:
    return -1 if step is None else step


def _of_step(
    headers: Sequence[Header], layout: Plan, exclude: Collection[str], progress: Progress
) -> Iterator[dict[str, object]]:
    for header in headers:
        for tensor in header.tensors:
            held = [
                piece
                for piece in layout.pieces.get(tensor.name, ())
                if f"{piece.block}.{piece.component}" not in exclude
            ]
            progress.add(len(layout.pieces.get(tensor.name, ())) - len(held))
            whole = read_matrix(header.path, tensor) if held else None
            for piece in held:
                assert whole is not None
                matrix = matrix_of(whole, piece)
                name = f"{header.path.name}: {piece.component} of block {piece.block}"
                try:
                    found = asdict(statistics_of_matrix(matrix, name))
                except DegenerateSpectrum as error:
                    raise DegenerateSpectrum(f"{error}, or remove spectra from its entry") from None
                rows, columns = matrix.shape
                row: dict[str, object] = {
                    "block": piece.block,
                    "component": piece.component,
                    "rows": rows,
                    "columns": columns,
                }
                row |= found
                for statistic, law in null(rows, columns, SEED).items():
                    if statistic in NULLS:
                        row |= {f"{statistic}_null": law.median, f"{statistic}_null_deviation": law.deviation}
                yield row
                progress.add()
