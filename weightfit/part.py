"""Counts one part of a cohort: all weight files of a small entry, into one table of histograms."""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from weightfit import table
from weightfit.architecture import plan, read_config
from weightfit.checkpoint import read_header
from weightfit.errors import CohortError, DigestMismatch, NonFiniteWeight
from weightfit.histogram import HISTOGRAM_CONTRACT, Histogram, Scan
from weightfit.provenance import provenance
from weightfit.task import logged

SPOOL_ROWS = 1 << 23
"""Rows of finished histograms kept in memory before they are moved to disk."""

_DESCRIBED = ("dtype", "exactness", "n", "sum", "sum_of_squares", "minimum", "maximum")


@dataclass(frozen=True)
class Matrix:
    """One matrix of a part, and its histogram."""

    step: int | None
    block: int
    component: str
    histogram: Histogram


def count_part(manifest: Mapping[str, Any], folder: Path, output: Path) -> None:
    """Count every weight file of a manifest and write the part's histograms.

    Parameters
    ----------
    manifest
        As the source rules write it: ``entry`` and ``files`` (path, step, bytes, sha256).
    folder
        Where the files and their config.json are.
    output
        The Parquet file, contract ``histograms``.

    Raises
    ------
    DigestMismatch
        If a file's bytes are not those of the manifest. Nothing is written then.

    Notes
    -----
    A matrix that is not finite has no rows; the file's metadata list it under ``refused``, and who fits the
    part must refuse it or be told to exclude it. So an exclusion never makes weights be counted again.
    """
    config = read_config(folder)
    described: list[dict[str, object]] = []
    refused: list[dict[str, object]] = []
    with table.writer(output, "histograms") as stream:
        steps = sorted(manifest["files"], key=lambda file: (_order(file["step"]), file["path"]))
        for step, files in groupby(steps, key=lambda file: file["step"]):
            spool = _Spool(output, manifest["entry"])
            try:
                for number, component, histogram in _count_step(list(files), folder, config):
                    if isinstance(histogram, NonFiniteWeight):
                        key = {"step": step, "block": number, "component": component}
                        refused.append(key | {"reason": str(histogram)})
                    else:
                        spool.add(Matrix(step, number, component, histogram))
                for block in spool.blocks():
                    stream.add(block)
                described.extend(spool.described())
            finally:
                spool.close()
            print(f"{manifest['entry']}: step {step}: {len(spool.described())} matrices counted")
        stream.describe(
            {
                **provenance("histogram", "weightfit/part.py", {}),
                "contract": HISTOGRAM_CONTRACT,
                "entry": manifest["entry"],
                "files": steps,
                "matrices": described,
                "refused": refused,
            }
        )


def _order(step: int | None) -> int:
    return -1 if step is None else step


def _count_step(
    files: Iterable[Mapping[str, Any]],
    folder: Path,
    config: Mapping[str, object] | None,
) -> Iterator[tuple[int, str, Histogram | NonFiniteWeight]]:
    known = {folder / file["path"]: file for file in files}
    headers = [read_header(path) for path in known]
    layout = plan(headers, config)
    for header in headers:
        scan = Scan(header, layout)
        yield from scan
        stated = known[header.path]["sha256"]
        if scan.sha256 != stated:
            raise DigestMismatch(
                f"{header.path.name}: sha256 is {scan.sha256}, its manifest says {stated}; "
                "delete the entry's weights and let the workflow make them again"
            )


class _Spool:
    """Holds the histograms of one step until all are there, so that they can be written in sorted order."""

    def __init__(self, output: Path, entry: str):
        self._entry = entry
        self._path = output.with_name(f".{output.name}.spool")
        self._matrices: dict[tuple[int, str], dict[str, object]] = {}
        self._kept: dict[tuple[int, str], pa.Table] = {}
        self._moved: dict[tuple[int, str], int] = {}
        self._rows = 0
        self._writer: pq.ParquetWriter | None = None

    def add(self, matrix: Matrix) -> None:
        key = (matrix.block, matrix.component)
        self._matrices[key] = describe(matrix)
        self._kept[key] = _rows(self._entry, matrix)
        self._rows += self._kept[key].num_rows
        if self._rows > SPOOL_ROWS:
            self._move()

    def _move(self) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, table.arrow_schema("histograms"), compression="none")
        for key, rows in self._kept.items():
            self._moved[key] = len(self._moved)
            self._writer.write_table(rows, row_group_size=rows.num_rows)
        self._kept.clear()
        self._rows = 0

    def blocks(self) -> Iterator[pa.Table]:
        """Yield one table per block, sorted by component and value."""
        if self._writer is not None:
            self._move()
            self._writer.close()
        source = pq.ParquetFile(self._path) if self._writer is not None else None
        for _, keys in groupby(sorted(self._matrices), key=lambda key: key[0]):
            yield pa.concat_tables(
                [source.read_row_group(self._moved[key]) if source else self._kept[key] for key in keys]
            )
        if source is not None:
            source.close()

    def described(self) -> list[dict[str, object]]:
        return [self._matrices[key] for key in sorted(self._matrices)]

    def close(self) -> None:
        self._path.unlink(missing_ok=True)


def describe(matrix: Matrix) -> dict[str, object]:
    """Return what the file's metadata say of a matrix: everything but its values and counts."""
    histogram = matrix.histogram
    return {
        "step": matrix.step,
        "block": matrix.block,
        "component": matrix.component,
        **{name: getattr(histogram, name) for name in _DESCRIBED},
    }


def _rows(entry: str, matrix: Matrix) -> pa.Table:
    schema = table.arrow_schema("histograms")
    size = matrix.histogram.value.size
    return pa.table(
        [
            pa.repeat(entry, size),
            pa.repeat(pa.scalar(matrix.step, pa.int64()), size),
            pa.repeat(pa.scalar(matrix.block, pa.int32()), size),
            pa.repeat(pa.scalar(matrix.component, pa.string()), size),
            pa.array(matrix.histogram.value),
            pa.array(matrix.histogram.count),
        ],
        schema=schema,
    )


def read_part(path: Path) -> Iterator[tuple[int | None, int, dict[str, Histogram]]]:
    """Read the histograms of a part, block by block.

    Parameters
    ----------
    path
        A Parquet file of contract ``histograms``.

    Yields
    ------
    step, block, histograms
        In rising order; ``histograms`` by component.
    """
    described: dict[tuple[int | None, int, str], dict[str, Any]] = {
        (matrix["step"], matrix["block"], matrix["component"]): matrix
        for matrix in table.read_provenance(path)["matrices"]
    }
    columns = ["step", "block", "component", "value", "count"]
    with pq.ParquetFile(path, read_dictionary=["component"]) as source:
        for group in range(source.num_row_groups):
            rows = source.read_row_group(group, columns=columns).combine_chunks()
            step, block = rows["step"][0].as_py(), rows["block"][0].as_py()
            coded = rows["component"].chunk(0)
            code = coded.indices.to_numpy()
            components = coded.dictionary.to_pylist()
            values, counts = rows["value"].to_numpy(), rows["count"].to_numpy()
            starts = [0, *(np.flatnonzero(np.diff(code)) + 1).tolist(), code.size]
            found: dict[str, Histogram] = {}
            for begin, end in pairwise(starts):
                component = components[code[begin]]
                known = described[step, block, component]
                found[component] = Histogram(
                    values[begin:end],
                    counts[begin:end],
                    **{name: known[name] for name in _DESCRIBED},
                )
            yield step, block, found


def main(arguments: Sequence[str]) -> None:
    """Run as a command, see ``python -m weightfit.part --help``."""
    parser = argparse.ArgumentParser(prog="python -m weightfit.part", description=__doc__)
    for name in ("manifest", "folder", "output", "log"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    options = parser.parse_args(arguments)
    with logged(options.log):
        manifest = json.loads(options.manifest.read_text(encoding="utf-8"))
        if not manifest["files"]:
            raise CohortError(f"{options.manifest.name}: no weight file is listed; run its source rule again")
        count_part(manifest, options.folder, options.output)


if __name__ == "__main__":
    main(sys.argv[1:])
