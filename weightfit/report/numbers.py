"""Prepare printed numbers for the page, with their readings and the sources of these readings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weightfit import paper
from weightfit.audit import printed
from weightfit.audit.references.printed import REFERENCES, ids_behind
from weightfit.audit.references.sources import NAMES
from weightfit.formula.evaluation import leaves
from weightfit.paper import exhibits

if TYPE_CHECKING:
    import pyarrow as pa

    from weightfit.formula.text import Leaf

TABLES = ("cell", "cells")
"""References whose first argument names a table of the run."""

WEIGHTLESS = ("theory", "library")
"""References that have the name of the table of the run behind them."""

NO_UNIT = "-"
"""Value of column `unit` of `paper/reported.tsv`: the printed text is a number without a unit, or a label."""


@dataclass(frozen=True)
class Reference:
    """Source on which a formula rests.

    Attributes
    ----------
    text
        Text of the link.
    target
        Id of the element of the page that says more.
    printed
        Text that the paper prints, if the source is a printed number.
    """

    text: str
    target: str
    printed: str | None = None


@dataclass(frozen=True)
class Number:
    """One printed number.

    Attributes
    ----------
    row
        Row of contract ``audit``.
    unit, quote, restates, sort
        Unit, if any, the paper's words around the number, the original that it repeats, and its sort.
    allowed
        Numbers, or the label, that agree with the text.
    exhibit
        Label of the exhibit that contains the number, if the page has it.
    values, stand_ins
        Values from the evidence of the verdict, and values from stand-ins; each value once.
    readings
        Rows of contract ``evaluated_readings``, each with the sources of its formula.
    """

    row: Mapping[str, Any]
    unit: str | None
    quote: str
    restates: str | None
    sort: str
    allowed: str
    exhibit: str | None
    values: tuple[str, ...]
    stand_ins: tuple[str, ...]
    readings: tuple[tuple[Mapping[str, Any], tuple[Reference, ...]], ...]


def numbers(
    audit: pa.Table, readings: pa.Table, targets: Mapping[str, str], labels: Sequence[str]
) -> list[Number]:
    """Return every printed number, in the order of the audit.

    Parameters
    ----------
    audit, readings
        Tables of the contracts ``audit`` and ``evaluated_readings``.
    targets
        Id of the element of the page that says how a table was made, by name of the table.
    labels
        Labels of the exhibits on the page.
    """
    behind: dict[str, list[Mapping[str, Any]]] = {}
    for reading in readings.to_pylist():
        behind.setdefault(reading["id"], []).append(reading)
    places = {_place(item.title): label for label, item in exhibits.read().items() if label in labels}
    known: dict[str | None, tuple[Reference, ...]] = {None: ()}
    found = []
    for row in audit.to_pylist():
        own = behind.get(row["id"], [])
        for reading in own:
            formula = reading["formula"]
            if formula not in known:
                known[formula] = tuple(dict.fromkeys(_references(formula, targets)))
        said, meaning = paper.reported()[row["id"]], printed.read(row["id"])
        deciding = [reading for reading in own if reading["evidence"] == row["evidence"]]
        found.append(
            Number(
                row,
                None if said.unit == NO_UNIT else said.unit,
                said.quote,
                said.restates,
                meaning.sort,
                str(meaning.number.allowed) if meaning.number else str(meaning.label),
                places.get(row["where"].removesuffix(" caption")),
                _once(row["value"], [reading["value"] for reading in deciding]),
                _once(row["stand_in"], [reading["stand_in"] for reading in own]),
                tuple((reading, known[reading["formula"]]) for reading in own),
            )
        )
    return found


def _place(title: str) -> str:
    """Return the name of an exhibit as the places of printed numbers give it."""
    return title.replace("Figure", "Fig")


def _once(told: str | None, values: Sequence[str | None]) -> tuple[str, ...]:
    """Return each distinct value once if there are several; otherwise the value that the audit gives."""
    distinct = tuple(dict.fromkeys(value for value in values if value))
    return () if told is None else distinct if len(distinct) > 1 else (told,)


def _references(formula: str, targets: Mapping[str, str]) -> Iterator[Reference]:
    for leaf in leaves(formula, NAMES):
        name = _table(leaf)
        if name in targets:
            yield Reference(name, targets[name])
        if leaf.name in REFERENCES:
            for key in ids_behind(leaf):
                yield Reference(key, key, paper.printed(key))


def _table(leaf: Leaf) -> str:
    if leaf.name in TABLES:
        return str(leaf.arguments[0])
    return leaf.name if leaf.name in WEIGHTLESS else ""
