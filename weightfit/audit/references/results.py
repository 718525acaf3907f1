"""Resolve references to cells of the cohort's tables and exhibits, and find the weights on which they rest."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from weightfit import paper, table
from weightfit.audit.needs import MissingData, Need
from weightfit.components import POOLED
from weightfit.documents import data
from weightfit.errors import ContractError, UnknownReference
from weightfit.exhibits.request import wanted_entries
from weightfit.paper import exhibits

Value = float | str
Row = Mapping[str, object]

STEPS = ("step", "printed_step")
"""Columns of training steps; the second numbers them as the paper does."""

FIRST_STEP = 0
"""Step at which weights are as they were drawn."""


@dataclass(frozen=True)
class CohortFacts:
    """Facts about the cohort that the audit needs.

    Attributes
    ----------
    entries
        Facts of its entries by id: ``paper_entry``, ``stand_in`` and ``initialization_of``.
    steps, blocks
        Steps and blocks of the cohort by those of the paper for which they stand; empty if each stands for itself.
    pinned
        Ids of the entries whose weights equal the pinned ones, byte by byte.
    """

    entries: Mapping[str, Mapping[str, Any]]
    steps: Mapping[int, int]
    blocks: Mapping[int, int]
    pinned: frozenset[str]

    @cached_property
    def own(self) -> Mapping[str, str]:
        """Entry of the cohort that is, or stands for, each entry of the paper."""
        return {facts["paper_entry"]: key for key, facts in self.entries.items() if facts["paper_entry"]}

    @property
    def genuine(self) -> frozenset[str]:
        """Entries that are the paper's own and pinned; only these decide anything."""
        kept = [key for key in self.pinned if key in self.own.values() and not self.entries[key]["stand_in"]]
        return frozenset(kept)


@dataclass(frozen=True)
class Results:
    """The tables that a run has made.

    Attributes
    ----------
    paths
        Parquet or CSV file of each table or exhibit, by name; those that a run has not made are left out.
    cohort
        Cohort to which they belong.
    """

    paths: Mapping[str, Path]
    cohort: CohortFacts

    def cell(self, table: str, column: str, /, **where: Value) -> Value:
        """Return one cell: ``cell(table, column, entry=..., ...)``.

        Parameters
        ----------
        table
            Name of an exhibit or of a study's table.
        column
            Column of the cell.
        **where
            Required value by column. ``entry`` is an id of the paper, and ``step`` and ``block`` are those that the
            paper names; their counterparts in this cohort are looked up. A truth value is 1 or 0. A text with ``;``
            gives several values, one of which the column must have; only one entry can be named. Rows that pool all
            blocks are left out unless ``block`` is named.

        Raises
        ------
        MissingData
            If the cohort lacks the entry, or the cell is empty.
        ContractError
            If several rows match.
        """
        found = self.cells(table, column, **where)
        if len(found) != 1:
            raise ContractError(f"{len(found)} rows of {table} have {where}; name the key of one")
        return found[0]

    def cells(self, table: str, column: str, /, **where: Value) -> tuple[Value, ...]:
        """Return the cells of all rows that match: ``cells(table, column, ...)``, see `cell`; none may be empty."""
        values = [_typed(row, column, table) for row in self.rows(table, where)]
        # A statement of the paper about several entries is not one about some of them.
        lacking = not _is_weightless(table) and not set(_concerned(table, where)) <= self.cohort.own.keys()
        if lacking or not values or None in values:
            raise self._missing(table, where)
        return tuple(value for value in values if value is not None)

    def rows(self, table: str, where: Mapping[str, Value]) -> list[Row]:
        """Return the rows that match conditions as for `cell`."""
        wanted = {key: [self._own(key, one) for one in _alternatives(value)] for key, value in where.items()}
        if any(None in options for options in wanted.values()):
            raise self._missing(table, where)
        return [
            row
            for row in self._near(table, where, wanted.get("entry", [None])[0])
            # A row that pools all blocks is not a block.
            if ("block" in where or row.get("block") != POOLED)
            and all(any(_fits(row, key, one, table) for one in options) for key, options in wanted.items())
        ]

    def behind(self, table: str, _column: str, /, **where: Value) -> frozenset[str]:
        """Return the entries of the cohort on whose weights the result of `cells` rests."""
        if _is_weightless(table):
            return frozenset()
        found = {row.get("entry") for row in self.rows(table, where)}
        if found and all(found):
            return frozenset(str(entry) for entry in found)
        # A cell over several entries does not name them; it can rest on every entry that stands for one of the exhibit.
        return frozenset(self.cohort.own[key] for key in _concerned(table, where) if key in self.cohort.own)

    def needs(self, table: str, _column: str, /, **where: Value) -> tuple[Need, ...]:
        """Return the paper's own weights, or the table, that the result of `cells` needs."""
        if _is_weightless(table):
            return (Need("table", table),)
        entries = _concerned(table, where)
        unnamed = [FIRST_STEP] if _is_before_training(table) else []
        named = next((_alternatives(where[key]) for key in STEPS if key in where), unnamed)
        steps: list[int | None] = [int(one) for one in named]
        return tuple(Need("weights", entry, step) for entry in entries for step in steps or [None])

    def references(self) -> Mapping[str, Callable[..., object]]:
        """Return the function that resolves each reference, by the reference's name in a formula."""
        return {"cell": self.cell, "cells": self.cells}

    def table(self, name: str) -> list[dict[str, Any]]:
        """Return all rows of a study's table."""
        if name not in self.paths:
            raise MissingData(f"the table {name} was not made", Need("table", name))
        rows: list[dict[str, Any]] = table.read(self.paths[name], name).to_pylist()
        return rows

    def _own(self, key: str, value: Value) -> Value | None:
        """Return the cohort's counterpart of an entry, step or block of the paper; None if there is none."""
        if key == "entry":
            return self.cohort.own.get(paper.find_entry(str(value)).id)
        own = {"step": self.cohort.steps, "block": self.cohort.blocks}.get(key)
        return value if isinstance(value, str) or not own else exhibits.stands_for(int(value), own)

    def _read(self, name: str, where: Mapping[str, Value]) -> Sequence[Row]:
        if name not in {*exhibits.read(), *_studies()}:
            raise UnknownReference(f"there is no exhibit or study {name!r}; correct the reference")
        path = self.paths.get(name)
        if path is None:
            raise self._missing(name, where)
        if name not in self._loaded:
            self._loaded[name] = _load(path, name)
        return self._loaded[name]

    def _near(self, name: str, where: Mapping[str, Value], entry: Value | None) -> Sequence[Row]:
        """Return the rows of one entry if it is named and the table has a column of entries; otherwise all rows."""
        rows = self._read(name, where)
        if entry is None or not rows or "entry" not in rows[0]:
            return rows
        if name not in self._by_entry:
            self._by_entry[name] = {}
            for row in rows:
                self._by_entry[name].setdefault(row["entry"], []).append(row)
        return self._by_entry[name].get(entry, ())

    @cached_property
    def _by_entry(self) -> dict[str, dict[object, list[Row]]]:
        return {}

    @cached_property
    def _loaded(self) -> dict[str, Sequence[Row]]:
        return {}

    def _missing(self, name: str, where: Mapping[str, Value]) -> MissingData:
        told = ", ".join(f"{key}={value}" for key, value in where.items())
        return MissingData(
            f"this run has no {name} with {told or 'these cells'}", *self.needs(name, "", **where)
        )


def _load(path: Path, name: str) -> Sequence[Row]:
    if path.suffix == ".parquet":
        rows: list[Row] = table.read(path, name).to_pylist()
        return rows
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _studies() -> set[str]:
    """Return the names of the Parquet tables that a run makes."""
    ending = ".schema.yaml"
    return {
        path.name.removesuffix(ending)
        for path in data("workflow/schemas").glob(f"*{ending}")
        if str(table.contract(path.name.removesuffix(ending)).get("title", "")).endswith(".parquet")
    }


def _is_weightless(name: str) -> bool:
    made = exhibits.read()
    return made[name].is_weightless if name in made else name in exhibits.WEIGHTLESS


def _is_before_training(name: str) -> bool:
    """Tell whether an exhibit compares initialisations, so that it rests on the first step alone."""
    made = exhibits.read()
    return name in made and bool(made[name].content.get("initializations"))


def _concerned(name: str, where: Mapping[str, Value]) -> list[str]:
    """Return the paper's entries that cells concern: one by its id, a family, or all of the exhibit or study."""
    if "entry" in where:
        return [paper.find_entry(str(where["entry"])).id]
    if where.get("row") in paper.entries():
        return [str(where["row"])]
    if "group" in where:
        known = paper.entries().items()
        return [key for key, entry in known if "main" in entry.cohort and entry.family == where["group"]]
    return _entries(name)


def _entries(name: str) -> list[str]:
    """Return the paper's entries that an exhibit concerns; those of the main cohort for a study."""
    made = exhibits.read()
    wanted = wanted_entries(made[name].content) if name in made else []
    return wanted or [key for key, entry in paper.entries().items() if "main" in entry.cohort]


def _typed(row: Row, column: str, name: str) -> Value | None:
    value = _at(row, column, name)
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, int | float):
        return float(value)
    return _read_text("" if value is None else str(value))


def _read_text(text: str) -> Value | None:
    """Return the number that a text is, otherwise the text; None if it is empty or not finite."""
    try:
        number = float(text)
    except ValueError:
        return text or None
    return number if math.isfinite(number) else None


def _alternatives(value: Value) -> list[Value]:
    """Return the values in a text with ``;``, with numbers converted; any other value is returned alone."""
    if not isinstance(value, str) or ";" not in value:
        return [value]
    found = [one for one in map(_read_text, value.split(";")) if one is not None]
    if len(found) != len(value.split(";")):
        raise ContractError(f"{value!r} names nothing beside a semicolon; write a value between any two")
    return found


def _fits(row: Row, column: str, wanted: Value | None, name: str) -> bool:
    value = _typed(row, column, name)
    if isinstance(wanted, str) or wanted is None:
        return value == wanted
    if isinstance(value, str):
        # A CSV file gives truth values as text.
        return value == str(bool(wanted)) and wanted in (0, 1)
    return value is not None and math.isclose(value, wanted, rel_tol=1e-12)


def _at(row: Row, column: str, name: str) -> object:
    if column not in row:
        raise UnknownReference(f"{name} has no column {column!r}; it has {', '.join(map(str, row))}")
    return row[column]
