"""Two runs of the workflow: which numbers, exhibits and verdicts differ."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from weightfit import table
from weightfit.errors import ContractError

VERDICTS = {"audit.csv": "id", "claims.csv": "id"}
"""Tables of verdicts of a run, with the column that names a row."""

KINDS = ("verdict", "exhibit", "table")


@dataclass(frozen=True)
class Difference:
    """Something that differs between two runs.

    Attributes
    ----------
    kind
        One of `KINDS`.
    name
        Id of a number or a claim, or path of a file below the folder of results.
    what
        Column of an audit that differs, ``missing``, ``rows`` or ``values``.
    one, other
        What either run has, in words.
    largest
        Largest relative difference of two numbers in the same place, if numbers differ.
    """

    kind: str
    name: str
    what: str
    one: str
    other: str
    largest: float | None = None


@dataclass(frozen=True)
class RunComparison:
    """What differs between two runs.

    Attributes
    ----------
    compared
        Number of verdicts, exhibits and tables that both runs have, by kind.
    differences
        What differs, by kind and name.
    """

    compared: Mapping[str, int]
    differences: Sequence[Difference]

    @property
    def headline(self) -> str:
        """One sentence on how much differs."""
        if not self.differences:
            told = ", ".join(f"{number} {kind}s" for kind, number in self.compared.items())
            return f"Nothing differs: {told}."
        parts = []
        for kind, number in self.compared.items():
            named = {one.name for one in self.differences if one.kind == kind}
            parts.append(f"{len(named)} of {number} {kind}s")
        return f"What differs: {', '.join(parts)}."


def is_run(folder: Path) -> bool:
    """Tell whether a folder holds the results of a run of the workflow."""
    return folder.is_dir() and any((folder / name).is_file() for name in ("fits.parquet", *VERDICTS))


def compare_runs(one: Path, other: Path) -> RunComparison:
    """Compare the results of two runs, with the same cohort or with two.

    Parameters
    ----------
    one, other
        Folders such as ``results/offline``.

    Raises
    ------
    ContractError
        If a folder holds no results of a run.
    """
    for folder in (one, other):
        if not is_run(folder):
            raise ContractError(
                f"{folder}: it holds neither fits.parquet nor audit.csv; name the folder of a run, such as "
                "results/offline"
            )
    compared = dict.fromkeys(KINDS, 0)
    differences: list[Difference] = []
    for name, key in VERDICTS.items():
        rows = _verdicts(one / name, key), _verdicts(other / name, key)
        compared["verdict"] += len(rows[0].keys() | rows[1].keys())
        differences += _rows(*rows)
    for kind, pattern in (("exhibit", ("tables/*.csv", "figures/*.csv")), ("table", ("*.parquet",))):
        names = sorted(
            {
                path.relative_to(folder).as_posix()
                for folder in (one, other)
                for glob in pattern
                for path in folder.glob(glob)
            }
        )
        compared[kind] = len(names)
        for name in names:
            differences += _files(kind, name, one / name, other / name)
    return RunComparison(compared, differences)


def _verdicts(path: Path, key: str) -> dict[str, dict[str, str]]:
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as stream:
        return {row[key]: row for row in csv.DictReader(stream)}


def _rows(
    one: Mapping[str, Mapping[str, str]], other: Mapping[str, Mapping[str, str]]
) -> Iterator[Difference]:
    for name in sorted(one.keys() | other.keys()):
        if name not in one or name not in other:
            yield _missing("verdict", name, name in one)
            continue
        left, right = one[name], other[name]
        for column in [*left, *(column for column in right if column not in left)]:
            before, after = left.get(column, ""), right.get(column, "")
            if before != after:
                yield Difference("verdict", name, column, before, after, _relative(before, after))


def _missing(kind: str, name: str, in_first: bool) -> Difference:
    return Difference(
        kind, name, "missing", *(("there", "not there") if in_first else ("not there", "there"))
    )


def _relative(one: str, other: str) -> float | None:
    """Return the relative difference of two numbers, or None if one is none."""
    try:
        return _largest(np.array([float(one)]), np.array([float(other)]))
    except ValueError:
        return None


def _largest(one: Any, other: Any) -> float:
    """Return the largest difference of two arrays, relative to the larger magnitude of each pair."""
    size = np.maximum(np.abs(one), np.abs(other))
    gap = np.abs(one - other)
    return float(np.max(np.divide(gap, size, out=np.zeros_like(gap), where=size > 0), initial=0.0))


def _files(kind: str, name: str, one: Path, other: Path) -> Iterator[Difference]:
    if not (one.is_file() and other.is_file()):
        yield _missing(kind, name, one.is_file())
        return
    left, right = _read(one), _read(other)
    if left.num_rows != right.num_rows or left.column_names != right.column_names:
        yield Difference(kind, name, "rows", _extent(left), _extent(right))
        return
    changed, largest = [], 0.0
    for column in left.column_names:
        a, b = left[column], right[column]
        if a.equals(b):
            continue
        changed.append(column)
        if all(pa.types.is_floating(values.type) for values in (a, b)):
            known = pc.and_(pc.is_valid(a), pc.is_valid(b))
            pair = [values.filter(known).to_numpy() for values in (a, b)]
            largest = max(largest, _largest(*pair))
    if changed:
        told = ", ".join(changed[:4]) + (f" and {len(changed) - 4} more columns" if len(changed) > 4 else "")
        yield Difference(kind, name, "values", told, told, largest)


def _read(path: Path) -> pa.Table:
    if path.suffix == ".csv":
        from pyarrow import csv as arrow_csv

        return arrow_csv.read_csv(path)
    found = pq.read_table(path)
    key = [name for name in _key(path.stem) if name in found.column_names]
    return found.sort_by([(name, "ascending") for name in key]) if key else found


def _key(name: str) -> Sequence[str]:
    try:
        return list(table.contract(name).get("key", ()))
    except FileNotFoundError:
        return ()


def _extent(rows: pa.Table) -> str:
    return f"{rows.num_rows} rows, {rows.num_columns} columns"


def lines(comparison: RunComparison, most: int = 60) -> Iterator[str]:
    """Yield the comparison as lines of text; at most some differences of each kind are named."""
    yield comparison.headline
    for kind in KINDS:
        own = [one for one in comparison.differences if one.kind == kind]
        if own:
            yield ""
            yield f"{kind}s:"
        for one in own[:most]:
            size = "" if one.largest is None else f" (relative difference {one.largest:.2g})"
            if one.what == "values":
                yield f"  {one.name}: other values in {one.one}{size}"
            else:
                yield f"  {one.name}: {one.what}: {_short(one.one)} | {_short(one.other)}{size}"
        if len(own) > most:
            yield f"  and {len(own) - most} more: --csv and --json have all"


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
