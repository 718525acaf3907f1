"""Reads the tables of what the paper and its sources state: entries, printed numbers, trainings and states."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from weightfit.documents import data, schema
from weightfit.errors import ContractError, UnknownReference
from weightfit.paper.tsv import frozen, read_table

if TYPE_CHECKING:
    from collections.abc import Iterable


MEASURED = "measured"
"""Value of column `kind` of `paper/reported.tsv`: the number was measured on weights."""


@dataclass(frozen=True)
class Entry:
    """A model of the paper; the columns are described in `workflow/schemas/entries.schema.yaml`."""

    id: str
    name: str
    aliases: tuple[str, ...]
    family: str
    cohort: tuple[str, ...]
    layers: int
    width: int
    heads: int
    key_heads: int
    head_width: int
    hidden: int
    vocabulary: int
    attention: str
    storage: str
    qk_norm: bool
    activation: str
    feed_forward: str
    normalisation: str
    initialization: str
    repository: str
    tied: bool
    tokens: str | None
    source: tuple[str, ...]
    note: str | None


@dataclass(frozen=True)
class Reported:
    """A printed number; the columns are described in `workflow/schemas/reported.schema.yaml`."""

    id: str
    where: str
    quote: str
    printed: str
    unit: str
    kind: str
    definition: str
    needs: str
    depends_on: tuple[str, ...]
    restates: str | None


@dataclass(frozen=True)
class Hyperparameter:
    """A hyperparameter as one source states it; `workflow/schemas/training.schema.yaml` describes the columns."""

    entry: str
    quantity: str
    source: str
    value: float
    used: tuple[str, ...]
    where: str
    note: str | None


@dataclass(frozen=True)
class State:
    """A named range of training durations T/τ; the columns are described in `workflow/schemas/states.schema.yaml`."""

    thresholds: str
    state: str
    least: float
    where: str
    note: str | None


def entries() -> dict[str, Entry]:
    """Return the paper's model entries by id, the main cohort first.

    Raises
    ------
    ContractError
        If `paper/entries.tsv` breaks its schema, or if two entries share a spelling.
    """
    _spellings(data("paper/entries.tsv"))
    return dict(_entries(data("paper/entries.tsv")))


def find_entry(name_or_alias: str) -> Entry:
    """Return the entry with a given id, name or alias, without regard to case.

    Raises
    ------
    UnknownReference
        If no entry has this spelling; the message suggests similar ones.

    Examples
    --------
    >>> find_entry("OLMo-1.7B").id
    'olmo-1-7b'
    """
    rows = _entries(data("paper/entries.tsv"))
    try:
        return rows[_spellings(data("paper/entries.tsv"))[name_or_alias.casefold()]]
    except KeyError:
        known = [spelling for entry in rows.values() for spelling in (entry.id, entry.name, *entry.aliases)]
        raise _unknown("entry", name_or_alias, known, "paper/entries.tsv") from None


def reported() -> dict[str, Reported]:
    """Return every number that the paper prints, by id, in the order of the table.

    Raises
    ------
    ContractError
        If `paper/reported.tsv` breaks its schema, a reference does not resolve, or a restatement points at
        another restatement.
    """
    return dict(_reported(data("paper/reported.tsv")))


def printed(key: str) -> str:
    """Return the text that the paper prints for one id.

    Raises
    ------
    UnknownReference
        If the table has no such id; the message suggests similar ids.

    Examples
    --------
    >>> printed("T4.pythia-70m.lambda")
    '0.0224'
    """
    rows = _reported(data("paper/reported.tsv"))
    try:
        return rows[key].printed
    except KeyError:
        raise _unknown("printed number", key, rows, "paper/reported.tsv") from None


def hyperparameters() -> tuple[Hyperparameter, ...]:
    """Return every hyperparameter as each source states it, in the order of the table.

    Raises
    ------
    ContractError
        If `paper/training.tsv` breaks its schema, names an unknown entry, or if a convention uses two values
        for one quantity of an entry.
    """
    return _hyperparameters(data("paper/training.tsv"))


def conventions() -> tuple[str, ...]:
    """Return the names of the conventions, which are sets of hyperparameters used together, the paper's first."""
    return tuple(dict.fromkeys(name for row in hyperparameters() for name in row.used))


def training(convention: str) -> dict[str, dict[str, float]]:
    """Return the hyperparameters that a convention uses.

    Parameters
    ----------
    convention
        One of `conventions`.

    Returns
    -------
    dict of dict
        Values by entry and quantity, without those that the convention does not give.

    Raises
    ------
    UnknownReference
        If there is no such convention; the message suggests similar names.

    Examples
    --------
    >>> training("paper")["pythia-70m"]["weight_decay"], training("official")["pythia-70m"]["weight_decay"]
    (0.01, 0.1)
    """
    if convention not in conventions():
        raise _unknown("convention", convention, conventions(), "paper/training.tsv")
    found: dict[str, dict[str, float]] = {}
    for row in hyperparameters():
        if convention in row.used:
            found.setdefault(row.entry, {})[row.quantity] = row.value
    return found


def states() -> dict[str, tuple[State, ...]]:
    """Return every set of thresholds of T/tau by its name, each with the greatest threshold first.

    Raises
    ------
    ContractError
        If `paper/states.tsv` breaks its schema, or the thresholds of a set do not fall to zero.
    """
    return dict(_states(data("paper/states.tsv")))


@cache
def _entries(path: Path) -> dict[str, Entry]:
    rows = read_table(path, schema("entries"))
    return {entry.id: entry for entry in (Entry(**frozen(row)) for row in rows)}


@cache
def _spellings(path: Path) -> dict[str, str]:
    """Return the id of the entry of every spelling, in which case is folded."""
    found: dict[str, str] = {}
    for entry in _entries(path).values():
        for spelling in (entry.id, entry.name, *entry.aliases):
            owner = found.setdefault(spelling.casefold(), entry.id)
            if owner != entry.id:
                raise ContractError(
                    f"{path}: column 'aliases': {spelling!r} stands for both {owner} "
                    f"and {entry.id}, and a spelling stands for one entry; remove it from one of them"
                )
    return found


@cache
def _reported(path: Path) -> dict[str, Reported]:
    rows = read_table(path, schema("reported"))
    found = {row.id: row for row in (Reported(**frozen(row)) for row in rows)}
    for row in found.values():
        references = [("depends_on", other) for other in row.depends_on]
        if row.restates is not None:
            references.append(("restates", row.restates))
        for column, other in references:
            if other not in found:
                raise ContractError(f"{path}: id {row.id}, column '{column}': {_unknown_text(other, found)}")
        if row.restates is not None and found[row.restates].restates is not None:
            raise ContractError(
                f"{path}: id {row.id}, column 'restates': {row.restates} is itself a restatement, and a "
                f"restatement names its original; write {found[row.restates].restates}"
            )
    return found


@cache
def _hyperparameters(path: Path) -> tuple[Hyperparameter, ...]:
    rows = read_table(path, schema("training"))
    found = tuple(Hyperparameter(**frozen(row)) for row in rows)
    owners: dict[tuple[str, str, str], str] = {}
    known = _entries(data("paper/entries.tsv"))
    for row in found:
        if row.entry not in known:
            raise ContractError(f"{path}: column 'entry': {_unknown_text(row.entry, known)}")
        for convention in row.used:
            owner = owners.setdefault((convention, row.entry, row.quantity), row.source)
            if owner != row.source:
                raise ContractError(
                    f"{path}: column 'used': {convention} uses {row.quantity} of {row.entry} as {owner} and as "
                    f"{row.source} give it, and a convention has one value; remove it from one of them"
                )
    return found


@cache
def _states(path: Path) -> dict[str, tuple[State, ...]]:
    found: dict[str, tuple[State, ...]] = {}
    for row in read_table(path, schema("states")):
        state = State(**frozen(row))
        found[state.thresholds] = (*found.get(state.thresholds, ()), state)
    for name, rows in found.items():
        least = [state.least for state in rows]
        if least[-1] != 0 or sorted(set(least), reverse=True) != least:
            raise ContractError(
                f"{path}: column 'least': the thresholds of {name} are {least}, which must fall from row to row and "
                "end at 0; put the rows of a set in this order"
            )
    return found


def _unknown_text(reference: str, known: Iterable[str]) -> str:
    folded = {spelling.casefold(): spelling for spelling in known}
    near = [folded[match] for match in difflib.get_close_matches(reference.casefold(), folded, n=3)]
    remedy = f"did you mean {' or '.join(near)}?" if near else "the first column lists all of them"
    return f"there is no {reference!r}; {remedy}"


def _unknown(thing: str, reference: str, known: Iterable[str], table: str) -> UnknownReference:
    return UnknownReference(f"{table}: {thing}: {_unknown_text(reference, known)}")


def state(t_over_tau: float, thresholds: Sequence[State]) -> str:
    """Return the name of the state that a training has reached.

    Parameters
    ----------
    t_over_tau
        Steps x peak learning rate x weight decay, non-negative.
    thresholds
        One set of thresholds from `weightfit.paper.states`.

    Returns
    -------
    str
        Name of the greatest threshold that is reached.
    """
    return next(row.state for row in thresholds if t_over_tau >= row.least)
