"""Join the histograms of the weight files of one entry into one table, as if they had been counted together."""

import heapq
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from weightfit import table
from weightfit.components import CROSS_ATTENTION, by_name
from weightfit.counts.histogram import HISTOGRAM_CONTRACT
from weightfit.counts.part import GROUP_ROWS
from weightfit.errors import ContractError

KEY = ("component", "value")


def join(parts: Sequence[Path], output: Path, made: dict[str, object]) -> None:
    """Write one table of all parts of an entry, row group by row group so that memory is bounded.

    Parameters
    ----------
    parts
        Parquet files of one entry, of contract ``histograms``; a block may be spread over several.
    output
        Parquet file to write, of the same contract.
    made
        Provenance of the table.

    Raises
    ------
    ContractError
        If a matrix is in two parts.
    """
    described = [table.read_provenance(part) for part in parts]
    matrices = sorted((one for part in described for one in part["matrices"]), key=_place)
    for one, other in pairwise(matrices):
        if _matrix(one) == _matrix(other):
            raise ContractError(
                f"{output.name}: {_matrix(one)} is in two parts; count the entry's files again"
            )
    with table.writer(output, "histograms") as stream, ExitStack() as opened:
        sources = [opened.enter_context(pq.ParquetFile(part)) for part in parts]
        groups = heapq.merge(*map(_groups, sources), key=lambda group: group[0])
        for _, same in groupby(groups, key=lambda group: group[0]):
            pieces = [rows for _, rows in same]
            whole = pieces[0] if len(pieces) == 1 else _in_order(pa.concat_tables(pieces))
            for first in range(0, whole.num_rows, GROUP_ROWS):
                stream.add(whole.slice(first, GROUP_ROWS))
        stream.describe(
            made
            | {
                "contract": HISTOGRAM_CONTRACT,
                "entry": described[0]["entry"],
                "files": sorted(
                    (one for part in described for one in part["files"]),
                    key=lambda one: (_order(one["step"]), one["path"]),
                ),
                "matrices": matrices,
                "refused": sorted((one for part in described for one in part["refused"]), key=_place),
                "unavailable": [
                    {key: part[key] for key in ("reason", "remedy")} for part in described if "reason" in part
                ],
            }
        )


def _order(step: int | None) -> int:
    return -1 if step is None else step


def _matrix(one: dict[str, Any]) -> tuple[int, int, str]:
    return _order(one["step"]), one["block"], one["component"]


def _place(one: dict[str, Any]) -> tuple[int, int, tuple[bool, str]]:
    step, block, component = _matrix(one)
    return step, block, by_name(component)


def _in_order(rows: pa.Table) -> pa.Table:
    last = pc.is_in(rows["component"], pa.array(CROSS_ATTENTION))
    return (
        rows.append_column("last", last)
        .sort_by([(name, "ascending") for name in ("last", *KEY)])
        .drop("last")
    )


def _groups(source: pq.ParquetFile) -> Iterator[tuple[tuple[int, int], pa.Table]]:
    for number in range(source.num_row_groups):
        rows = source.read_row_group(number)
        yield (_order(rows["step"][0].as_py()), rows["block"][0].as_py()), rows
