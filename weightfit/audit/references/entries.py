"""Resolve references to the paper's entries, and to the statements of other sources about them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from weightfit import paper
from weightfit.audit import printed
from weightfit.documents import data, schema
from weightfit.errors import ContractError, UnknownReference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

Value = float | str

FEED_FORWARD = {"two-matrix": 2, "three-matrix": 3}

DERIVED: Mapping[str, Callable[[paper.Entry], Value]] = {
    "size": lambda entry: entry.name.rpartition("-")[2],
    "feed_forward_matrices": lambda entry: FEED_FORWARD[entry.feed_forward],
    "query_heads_per_key_head": lambda entry: entry.heads / entry.key_heads,
}
"""Facts that follow from columns of `paper/entries.tsv`; the size is that in the model's name."""


def fact(entry: str, name: str) -> Value:
    """Return a column of `paper/entries.tsv`, or a fact that follows from it: ``entry(id, fact)``."""
    value = _fact(paper.find_entry(entry), name)
    if isinstance(value, tuple) or value is None:
        raise ContractError(f"entry {entry} has no single {name!r}; name another fact")
    return value


def facts(name: str, **where: Value) -> tuple[Value, ...]:
    """Return a fact of every entry that meets the conditions: ``entries(fact, cohort="main", ...)``."""
    return tuple(
        fact(entry.id, name)
        for entry in paper.entries().values()
        if all(_fits(_fact(entry, key), wanted) for key, wanted in where.items())
    )


def distinct(names: str, **where: Value) -> tuple[str, ...]:
    """Return the distinct values of a fact, or of several facts together: ``distinct("family", ...)``.

    Parameters
    ----------
    names
        One fact, or several separated by ``;``.
    **where
        Conditions as for `facts`.
    """
    columns = [facts(name, **where) for name in names.split(";")]
    return tuple(dict.fromkeys("; ".join(map(str, row)) for row in zip(*columns, strict=True)))


def stated(subject: str, name: str, source: str) -> Value:
    """Return the statement of a source other than the paper: ``stated(subject, fact, source)``."""
    found = statements().get((subject, name, source))
    if found is None:
        raise UnknownReference(f"paper/facts.tsv: no {name} of {subject} by {source}; add or correct it")
    try:
        value = printed.parse(found, "hyperparameter").value
    except ContractError:
        return found
    return value if isinstance(value, float) else found


def statements() -> Mapping[tuple[str, str, str], str]:
    """Return the statements of `paper/facts.tsv` by subject, fact and source."""
    return _statements(data("paper/facts.tsv"))


def _fact(entry: paper.Entry, name: str) -> Value | tuple[str, ...] | None:
    if name in DERIVED:
        return DERIVED[name](entry)
    try:
        value: Value | tuple[str, ...] | bool | None = getattr(entry, name)
    except AttributeError:
        known = [*vars(entry), *DERIVED]
        raise UnknownReference(f"an entry has no {name!r}; there is {', '.join(known)}") from None
    return str(value).lower() if isinstance(value, bool) else value


def _fits(value: Value | tuple[str, ...] | None, wanted: Value) -> bool:
    return wanted in value if isinstance(value, tuple) else value == wanted


@cache
def _statements(path: Path) -> Mapping[tuple[str, str, str], str]:
    rows = paper.read_table(path, schema("facts"))
    return {(str(row["subject"]), str(row["fact"]), str(row["source"])): str(row["value"]) for row in rows}


REFERENCES: Mapping[str, Callable[..., object]] = {
    "entry": fact,
    "entries": facts,
    "distinct": distinct,
    "stated": stated,
}
"""Function that resolves each reference, by the reference's name in a formula."""
