"""Count a part of a cohort and read it back; a part is all weight files of a small entry or one file of a large one."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from weightfit import table
from weightfit.components import by_name
from weightfit.counts.histogram import HISTOGRAM_CONTRACT, Histogram
from weightfit.counts.scan import Scan
from weightfit.errors import DigestMismatch, NonFiniteWeight
from weightfit.provenance import provenance
from weightfit.task import Progress
from weightfit.weights.declared import Architecture
from weightfit.weights.encodings import ENCODINGS
from weightfit.weights.formats import read_header
from weightfit.weights.index import FORMS, weight_map
from weightfit.weights.plan import plan, read_config

SPOOL_ROWS = 1 << 22
"""Number of rows of finished histograms that are kept in memory before they are moved to disk, 12 bytes each."""

GROUP_ROWS = 1 << 17
"""Largest number of rows of a row group, which is held in memory as a table with some 60 bytes a row."""

_DESCRIBED = ("dtype", "exactness", "n", "sum", "sum_of_squares", "minimum", "maximum")


@dataclass(frozen=True)
class Matrix:
    """One matrix of a part, with its histogram."""

    step: int | None
    block: int
    component: str
    histogram: Histogram


def count_part(
    manifest: Mapping[str, Any],
    folder: Path,
    output: Path,
    names: Architecture | None = None,
    stack: str | None = None,
) -> None:
    """Count every weight file of a manifest and write the part's histograms.

    Parameters
    ----------
    manifest
        Manifest as the source rules write it, with ``entry`` and ``files`` (path, step, bytes, sha256).
    folder
        Folder that holds the files and their config.json.
    output
        Parquet file to write, of contract ``histograms``.
    names
        Names of the tensors, if the cohort file declares them.
    stack
        Which stack is counted, if the model has two; see `weightfit.weights.plan.plan`.

    Raises
    ------
    DigestMismatch
        If a file does not have the sha256 of the manifest. Nothing is written in that case.

    Notes
    -----
    A matrix with a value that is not finite has no rows. The metadata of the table list it under ``refused``, and
    the fit of the part refuses it unless told to exclude it. An exclusion therefore never requires a new count.
    """
    config = read_config(folder)
    described: list[dict[str, object]] = []
    refused: list[dict[str, object]] = []
    index = index_of_tensors(folder)
    size = {file["path"]: (folder / file["path"]).stat().st_size for file in manifest["files"]}
    progress = Progress(sum(size.values()), "bytes")
    whole_files = 0
    with table.writer(output, "histograms") as stream:
        steps = sorted(manifest["files"], key=lambda file: (_order(file["step"]), file["path"]))
        for step, group in groupby(steps, key=lambda file: file["step"]):
            files = list(group)
            spool = _Spool(output, manifest["entry"])
            try:
                for number, component, histogram in _count_step(files, folder, config, index, names, stack):
                    if isinstance(histogram, NonFiniteWeight):
                        key = {"step": step, "block": number, "component": component}
                        refused.append(key | {"reason": str(histogram)})
                    else:
                        stored = ENCODINGS[histogram.dtype]
                        progress.add(histogram.n * stored.block_bytes // stored.block_values)
                        spool.add(Matrix(step, number, component, histogram))
                    del histogram  # it may be large
                for rows in spool.row_groups():
                    stream.add(rows)
                described.extend(spool.described())
            finally:
                spool.close()
            # What is not counted, such as embeddings, has been read by then too.
            whole_files += sum(size[file["path"]] for file in files)
            progress.done = whole_files
            print(f"{manifest['entry']}: step {step}: {len(spool.described())} matrices counted")
        stream.describe(
            {
                **provenance("histogram", "weightfit/part.py", {}),
                "contract": HISTOGRAM_CONTRACT,
                "entry": manifest["entry"],
                "files": steps,
                "matrices": described,
                "refused": refused,
                **{key: manifest[key] for key in ("reason", "remedy") if manifest.get(key)},
            }
        )


def index_of_tensors(folder: Path) -> dict[str, str] | None:
    """Return the file of each tensor of the checkpoint, or None if the folder has no index."""
    for _, name, ending in FORMS:
        if (folder / name).is_file():
            return weight_map((folder / name).read_bytes(), ending, name)
    return None


def _order(step: int | None) -> int:
    return -1 if step is None else step


def _count_step(
    files: Iterable[Mapping[str, Any]],
    folder: Path,
    config: Mapping[str, object] | None,
    index: Mapping[str, str] | None,
    names: Architecture | None,
    stack: str | None,
) -> Iterator[tuple[int, str, Histogram | NonFiniteWeight]]:
    known = {folder / file["path"]: file for file in files}
    headers = [read_header(path) for path in known]
    layout = plan(headers, config, index, names, stack)
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
    """Holds the histograms of one step until all are counted, so that they can be written in sorted order."""

    def __init__(self, output: Path, entry: str):
        self._entry = entry
        self._path = output.with_name(f".{output.name}.spool")
        self._path.unlink(missing_ok=True)  # left by a job that was killed
        self._matrices: dict[tuple[int, str], dict[str, object]] = {}
        self._kept: dict[tuple[int, str], tuple[NDArray[np.float32], NDArray[np.int64]]] = {}
        self._moved: dict[tuple[int, str], tuple[int, int]] = {}
        self._rows = 0

    def add(self, matrix: Matrix) -> None:
        key = (matrix.block, matrix.component)
        self._matrices[key] = describe(matrix)
        self._kept[key] = matrix.histogram.value, matrix.histogram.count
        self._rows += matrix.histogram.value.size
        if self._rows > SPOOL_ROWS:
            self._move()

    def _move(self) -> None:
        with self._path.open("ab") as file:
            for key, (value, count) in self._kept.items():
                self._moved[key] = file.tell(), value.size
                file.write(value.data)
                file.write(count.data)
        self._kept.clear()
        self._rows = 0

    def _pieces(self, key: tuple[int, str]) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
        """Yield values and counts of a histogram, at most `GROUP_ROWS` at a time."""
        if key in self._kept:
            value, count = self._kept[key]
            for first in range(0, value.size, GROUP_ROWS):
                yield value[first : first + GROUP_ROWS], count[first : first + GROUP_ROWS]
            return
        begin, size = self._moved[key]
        for first in range(0, size, GROUP_ROWS):
            rows = min(GROUP_ROWS, size - first)
            yield (
                np.fromfile(self._path, np.float32, rows, offset=begin + 4 * first),
                np.fromfile(self._path, np.int64, rows, offset=begin + 4 * size + 8 * first),
            )

    def row_groups(self) -> Iterator[pa.Table]:
        """Yield tables of one block each, sorted by block, component and value; a large block takes several."""
        for _, keys in groupby(self._sorted(), key=lambda key: key[0]):
            group: list[pa.Table] = []
            for key in keys:
                for value, count in self._pieces(key):
                    if sum(rows.num_rows for rows in group) + value.size > GROUP_ROWS:
                        yield pa.concat_tables(group)
                        group.clear()
                    group.append(self._table(key, value, count))
            yield pa.concat_tables(group)

    def _table(self, key: tuple[int, str], value: NDArray[np.float32], count: NDArray[np.int64]) -> pa.Table:
        step, (block, component) = self._matrices[key]["step"], key
        return pa.table(
            [
                pa.repeat(self._entry, value.size),
                pa.repeat(pa.scalar(step, pa.int64()), value.size),
                pa.repeat(pa.scalar(block, pa.int32()), value.size),
                pa.repeat(pa.scalar(component, pa.string()), value.size),
                pa.array(value),
                pa.array(count),
            ],
            schema=table.arrow_schema("histograms"),
        )

    def described(self) -> list[dict[str, object]]:
        return [self._matrices[key] for key in self._sorted()]

    def _sorted(self) -> list[tuple[int, str]]:
        return sorted(self._matrices, key=lambda key: (key[0], by_name(key[1])))

    def close(self) -> None:
        self._path.unlink(missing_ok=True)


def describe(matrix: Matrix) -> dict[str, object]:
    """Return the entry of a matrix in the table's metadata: everything except its values and counts."""
    histogram = matrix.histogram
    return {
        "step": matrix.step,
        "block": matrix.block,
        "component": matrix.component,
        **{name: getattr(histogram, name) for name in _DESCRIBED},
    }


def read_part(
    path: Path, steps: Collection[int | None] | None = None
) -> Iterator[tuple[int | None, int, dict[str, Histogram]]]:
    """Read the histograms of a part, block by block.

    Parameters
    ----------
    path
        A Parquet file of contract ``histograms``.
    steps
        Steps to read; None reads all. The rows of other steps are skipped. Steps that the part lacks are ignored,
        because entries differ in their steps.

    Yields
    ------
    step, block, histograms
        In ascending order of step and block; ``histograms`` is keyed by component.
    """
    described: dict[tuple[int | None, int, str], dict[str, Any]] = {
        (matrix["step"], matrix["block"], matrix["component"]): matrix
        for matrix in table.read_provenance(path)["matrices"]
    }
    for (step, block), groups in groupby(_pieces(path, steps), key=lambda piece: piece[0]):
        pieces: dict[str, list[tuple[NDArray[np.float32], NDArray[np.int64]]]] = {}
        for _, component, value, count in groups:
            pieces.setdefault(component, []).append((value, count))
        found: dict[str, Histogram] = {}
        for component in list(pieces):
            values, counts = zip(*pieces.pop(component), strict=True)
            known = described[step, block, component]
            found[component] = Histogram(
                values[0] if len(values) == 1 else np.concatenate(values),
                counts[0] if len(counts) == 1 else np.concatenate(counts),
                **{name: known[name] for name in _DESCRIBED},
            )
        yield step, block, found


def _pieces(
    path: Path, steps: Collection[int | None] | None
) -> Iterator[tuple[tuple[int | None, int], str, NDArray[np.float32], NDArray[np.int64]]]:
    """Yield (step, block), component, values and counts; a matrix may be cut where a row group ends."""
    columns = ["step", "block", "component", "value", "count"]
    with pq.ParquetFile(path, read_dictionary=["component"]) as source:
        for group in range(source.num_row_groups):
            if steps is not None and _step_of(source, group) not in steps:
                continue
            rows = source.read_row_group(group, columns=columns).combine_chunks()
            key = rows["step"][0].as_py(), rows["block"][0].as_py()
            coded = rows["component"].chunk(0)
            code = coded.indices.to_numpy()
            components = coded.dictionary.to_pylist()
            values, counts = rows["value"].to_numpy(), rows["count"].to_numpy()
            starts = [0, *(np.flatnonzero(np.diff(code)) + 1).tolist(), code.size]
            for begin, end in pairwise(starts):
                yield key, components[code[begin]], values[begin:end], counts[begin:end]


def _step_of(source: pq.ParquetFile, group: int) -> int | None:
    """Return the step of a row group, which holds a single step."""
    first = next(source.iter_batches(batch_size=1, row_groups=[group], columns=["step"]))
    step: int | None = first["step"][0].as_py()
    return step
