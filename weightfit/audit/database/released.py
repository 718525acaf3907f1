"""Read and check the released database's tables of medians in the folder that a user gives."""

from __future__ import annotations

import csv
import hashlib
import io
import math
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from weightfit import paper
from weightfit.audit.needs import MissingData, Need
from weightfit.errors import ContractError, UnknownReference

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

COHORT = "qwen"
"""Name of the edition with the Qwen cohort; the others are named by the month of their release."""

SHAPE = "k_median_"
"""Beginning of the names of columns with median shapes; the kind of matrix follows."""

_STEM = "DATABASE_v9_1"
_MEDIAN = re.compile(r"(?:k|lambda|R2)_median_.+|.+_(?:median|min)_k(?:_gate)?")
_COUNTED = re.compile(r"R2_below_95_(?P<kind>.+)")
_SHARE = re.compile(r"(\d+)/(\d+)")
_RECORDS = "n_records"


@dataclass(frozen=True)
class Edition:
    """One released table.

    Attributes
    ----------
    name
        Month of the release, or `COHORT`.
    sha256
        Digest of the file's bytes.
    rows
        Cells as released, by id of the entry in `paper/entries.tsv` and by column; a cell without a value is empty.
    """

    name: str
    sha256: str
    rows: Mapping[str, Mapping[str, str]]

    def medians(self, column: str) -> dict[str, dict[str, float]]:
        """Return medians by entry and kind of matrix, from the columns that begin with a text such as `SHAPE`."""
        return {
            entry: {
                name.removeprefix(column): float(cell)
                for name, cell in row.items()
                if name.startswith(column) and cell
            }
            for entry, row in self.rows.items()
        }


def editions(folder: Path) -> list[str]:
    """Return the names of the editions of the main cohort's table in a folder, the oldest first."""
    return sorted(path.stem.removeprefix(f"{_STEM}.") for path in folder.glob(f"{_STEM}.*.csv"))


def file_name(edition: str) -> str:
    """Return the name of an edition's file."""
    return f"{_STEM}_{COHORT}_cohort.csv" if edition == COHORT else f"{_STEM}.{edition}.csv"


def read(folder: Path | None, edition: str) -> Edition:
    """Read one edition.

    Parameters
    ----------
    folder
        Folder of the released tables; None for a run that was given none.
    edition
        Month of the release as in the file's name, or `COHORT`.

    Raises
    ------
    MissingData
        If the file is not there.
    ContractError
        If a line does not have one cell per column, if an entry is unknown or occurs twice, if a median is not a
        positive number, or if counts contradict each other.
    """
    name = file_name(edition)
    path = None if folder is None else folder / name
    if path is None or not path.is_file():
        raise MissingData(f"{name} is not at hand", Need("file", f"{name} of the released database"))
    return _read(path, edition)


@cache
def _read(path: Path, edition: str) -> Edition:
    content = path.read_bytes()
    reader = csv.reader(io.StringIO(content.decode("utf-8"), newline=""), strict=True)
    header, *lines = list(reader) or [[]]
    if not header or len(set(header)) != len(header) or header[0] != "entry_id":
        raise ContractError(
            f"{path}: the first line must name each column once, entry_id first; fetch it again"
        )
    rows: dict[str, dict[str, str]] = {}
    for number, cells in enumerate(lines, start=2):
        where = f"{path}, line {number}"
        if len(cells) != len(header):
            raise ContractError(f"{where}: {len(cells)} cells for {len(header)} columns; fetch it again")
        row = dict(zip(header, cells, strict=True))
        entry = _entry(row["entry_id"], where)
        if entry in rows:
            raise ContractError(f"{where}: {entry} stands there already; an entry has one line")
        _check(row, where)
        rows[entry] = row
    return Edition(edition, hashlib.sha256(content).hexdigest(), rows)


def _entry(name: str, where: str) -> str:
    try:
        return paper.find_entry(name).id
    except UnknownReference as error:
        raise ContractError(f"{where}: {error}") from None


def _check(row: Mapping[str, str], where: str) -> None:
    """Raise `ContractError` unless medians are positive numbers and the counts of fits add up."""
    fits = 0
    for column, cell in row.items():
        if cell and _MEDIAN.fullmatch(column) and not _is_positive(cell):
            raise ContractError(
                f"{where}, column {column}: {cell!r} is no positive number; fetch the file again"
            )
        counted = _COUNTED.fullmatch(column)
        if counted and bool(cell) != bool(row.get(SHAPE + counted["kind"])):
            raise ContractError(f"{where}, column {column}: a kind has a count and medians, or neither")
        if counted and cell:
            share = _SHARE.fullmatch(cell)
            if not share or int(share[1]) > int(share[2]):
                raise ContractError(f"{where}, column {column}: {cell!r} is not a count of so many fits")
            fits += int(share[2])
    if _RECORDS in row and row[_RECORDS] != str(fits):
        raise ContractError(
            f"{where}, column {_RECORDS}: {row[_RECORDS]} records, its kinds have {fits} fits"
        )


def _is_positive(cell: str) -> bool:
    try:
        number = float(cell)
    except ValueError:
        return False
    return math.isfinite(number) and number > 0
