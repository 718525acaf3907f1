"""Resolve references to the released database, which is read from a folder that a user gives."""

from __future__ import annotations

from fnmatch import fnmatchcase
from statistics import fmean
from typing import TYPE_CHECKING

from weightfit import paper
from weightfit.audit import printed
from weightfit.audit.database import released
from weightfit.audit.needs import MissingData, Need
from weightfit.errors import ContractError, UnknownReference
from weightfit.formula.interval import Interval, lift

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from weightfit.audit.database.released import Edition

Value = float | str

LATEST = "2026-08"
"""Edition that is used where none is named."""

BELOW, BOUND = "R2_below_95_", 0.95
"""Prefix of the columns that count fits below a bound of R², as ``count/all``, and this bound."""

STATISTICS: Mapping[str, Callable[[Sequence[float]], float]] = {"mean": fmean, "min": min, "max": max}
"""Statistics over the columns of an entry."""


class Database:
    """The released tables in a folder; the folder is None for a run that was given none."""

    def __init__(self, folder: Path | None):
        self._folder = folder

    def cell(self, entry: str, column: str, edition: str = LATEST) -> Value:
        """Return one cell: ``database(entry, column, edition=...)``; the entry is named by the paper's id."""
        row = self._edition(edition).rows.get(paper.find_entry(entry).id)
        if row is None or not _cell(row, column):
            raise UnknownReference(f"edition {edition} has no {column} of {entry}; name another cell")
        return _value(_cell(row, column))

    def cells(self, columns: str, edition: str = LATEST, **where: str) -> tuple[Value, ...]:
        """Return the non-empty cells of columns: ``database_cells(columns, edition=..., family=...)``.

        Parameters
        ----------
        columns
            One column, or several separated by ``;``.
        edition
            Edition of the database.
        **where
            Required text by column, in which ``*`` stands for any text.
        """
        rows = self._chosen(edition, where)
        return tuple(
            _value(_cell(row, column)) for column in columns.split(";") for row in rows if _cell(row, column)
        )

    def distinct(self, column: str, edition: str = LATEST, **where: str) -> tuple[Value, ...]:
        """Return the different values of a column: ``database_distinct(column, edition=...)``."""
        return tuple(dict.fromkeys(self.cells(column, edition, **where)))

    def falls(self, column: str, against: str, says: str, edition: str = LATEST, **where: str) -> str:
        """Return whether a column is smaller wherever another is greater: ``database_falls(...)``.

        Parameters
        ----------
        column, against
            Columns of numbers.
        says
            Statement in words; its negation begins with "not".
        edition, **where
            Arguments as for `cells`.
        """
        points = list(
            zip(
                _numbers(self.cells(against, edition, **where)),
                _numbers(self.cells(column, edition, **where)),
                strict=True,
            )
        )
        holds = all(y < other for x, y in points for least, other in points if x > least)
        return says if holds else f"not {says}"

    def within(
        self, columns: str, low: str, high: str, says: str, edition: str = LATEST, **where: str
    ) -> str:
        """Return whether all cells lie between two printed numbers, within rounding: ``database_within(...)``."""
        bounds = Interval(_bound(low).low, _bound(high).high)
        holds = all(number in bounds for number in _numbers(self.cells(columns, edition, **where)))
        return says if holds else f"not {says}"

    def count_below(
        self, columns: str, bound: str, statistic: str, edition: str = LATEST, **where: str
    ) -> float:
        """Return how many entries lie below a printed number: ``database_below(...)``.

        Parameters
        ----------
        columns, edition, **where
            Arguments as for `cells`.
        bound
            Id of the printed number.
        statistic
            ``mean``, ``min`` or ``max`` over an entry's columns.
        """
        if statistic not in STATISTICS:
            raise ContractError(f"{statistic!r} is none of {', '.join(STATISTICS)}; name one of them")
        least = _bound(bound).low
        rows = [
            _numbers([_value(_cell(row, column)) for column in columns.split(";") if _cell(row, column)])
            for row in self._chosen(edition, where)
        ]
        return float(sum(bool(row) and STATISTICS[statistic](row) < least for row in rows))

    def count_lower(self, columns: str, than: str, edition: str = LATEST) -> float:
        """Return in how many entries all cells of some columns lie below all of others: ``database_lower(...)``.

        Parameters
        ----------
        columns, than
            Columns of numbers, separated by ``;``; an entry must have cells of both.
        edition
            Edition of the database.
        """
        lower = 0
        for row in self._edition(edition).rows.values():
            one, other = (
                _numbers([_value(_cell(row, column)) for column in each.split(";") if _cell(row, column)])
                for each in (columns, than)
            )
            lower += bool(one) and bool(other) and max(one) < min(other)
        return float(lower)

    def between(
        self, columns: str, edition: str = LATEST, least_layers: str = "", **where: str
    ) -> tuple[Interval, ...]:
        """Return by entry an interval for the median over all matrices of some kinds: ``database_between(...)``.

        The median of a union lies between the smallest and the largest median of its parts, which the columns give.

        Parameters
        ----------
        columns, edition, **where
            Arguments as for `cells`.
        least_layers
            Id of the printed number of layers that an entry must at least have; empty for all entries.
        """
        least = _bound(least_layers).low if least_layers else 0.0
        rows = [
            _numbers([_value(_cell(row, column)) for column in columns.split(";") if _cell(row, column)])
            for row in self._chosen(edition, where)
            if paper.find_entry(row["entry_id"]).layers >= least
        ]
        return tuple(Interval(min(row), max(row)) for row in rows if row)

    def single_fits(self, entry: str, component: str, column: str) -> tuple[float, ...]:
        """Return a column of the fits of one kind of matrix, block by block: ``database_fits(...)``.

        Raises
        ------
        MissingData
            Always, because only medians over blocks have been released so far.
        """
        raise MissingData(
            f"the released {column} of {component} of {paper.find_entry(entry).id}, block by block, is not at hand",
            Need("file", "of the released database with its fits one by one"),
        )

    def least_r_squared(self, components: str, edition: str = LATEST) -> Interval:
        """Return an interval for the smallest R² of all fits, from the counts below 0.95: ``database_r_squared(...)``.

        Parameters
        ----------
        components
            Endings of the columns that count them, separated by ``;``.
        edition
            Edition of the database.
        """
        columns = ";".join(BELOW + component for component in components.split(";"))
        counts = [str(cell).partition("/")[0] for cell in self.cells(columns, edition)]
        return Interval(0.0, BOUND) if any(int(count) for count in counts) else Interval(BOUND, 1.0)

    def format(self) -> str:
        """Return the format of the files with single fits: ``database_format()``."""
        if self._folder is None or not any(self._folder.rglob("*.json")):
            raise MissingData("no JSON file is at hand", Need("file", "of the released database, *.json"))
        return "JSON"

    def references(self) -> Mapping[str, Callable[..., object]]:
        """Return the function that resolves each reference, by the reference's name in a formula."""
        return {
            "database": self.cell,
            "database_cells": self.cells,
            "database_distinct": self.distinct,
            "database_falls": self.falls,
            "database_within": self.within,
            "database_below": self.count_below,
            "database_lower": self.count_lower,
            "database_between": self.between,
            "database_fits": self.single_fits,
            "database_r_squared": self.least_r_squared,
            "database_format": self.format,
        }

    def _edition(self, edition: str) -> Edition:
        return released.read(self._folder, edition)

    def _chosen(self, edition: str, where: Mapping[str, str]) -> list[Mapping[str, str]]:
        rows = [
            row
            for row in self._edition(edition).rows.values()
            if all(fnmatchcase(_cell(row, column), text) for column, text in where.items())
        ]
        if not rows:
            raise UnknownReference(f"edition {edition} has no row with {dict(where)}; correct the reference")
        return rows


def _cell(row: Mapping[str, str], column: str) -> str:
    if column not in row:
        raise UnknownReference(f"the released table has no column {column!r}; it has {', '.join(row)}")
    return row[column]


def _value(text: str) -> Value:
    """Return the number that a text is, also for an amount such as 7T; otherwise the text."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        value = printed.parse(text, "hyperparameter").value
    except ContractError:
        return text
    return value if isinstance(value, float) else text


def _numbers(values: Sequence[Value]) -> list[float]:
    wrong = [value for value in values if isinstance(value, str)]
    if wrong:
        raise ContractError(f"{wrong[0]!r} is no number; name columns of numbers")
    return [float(value) for value in values]


def _bound(key: str) -> Interval:
    value = printed.read(key).value
    if isinstance(value, str):
        raise ContractError(f"{key} is the label {value!r}; name a number")
    return lift(value)
