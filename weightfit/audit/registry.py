"""Read the admissible readings of every printed number, as `paper/readings.tsv` fixes them."""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

from weightfit import paper
from weightfit.audit.references.printed import ids_behind
from weightfit.audit.references.sources import NAMES
from weightfit.documents import data, schema
from weightfit.errors import ContractError
from weightfit.formula.evaluation import leaves
from weightfit.formula.functions import FUNCTIONS
from weightfit.formula.text import read as parsed

if TYPE_CHECKING:
    from pathlib import Path

    from weightfit.paper import Reported

Evidence = Literal["weights", "theory", "library", "configuration", "database", "arithmetic"]


AUTHORS_TABLE: Evidence = "database"
"""Kind of evidence that is a table of the paper's own author."""

OF_THE_TABLE = ("database_distinct", "database_format")
"""References to what that table contains, rather than to what it says of models."""

UNKNOWN = ("unknown", "unknown_factor")
"""References that stand for any number of a range."""

PICKED = ("printed", "printed_all", "min", "max")
"""Names in a formula that picks one of several printed numbers."""


@dataclass(frozen=True)
class Reading:
    """One meaning of a printed number; the columns are described in `workflow/schemas/readings.schema.yaml`."""

    id: str
    reading: str
    evidence: Evidence | None
    value: str | None
    null: str | None
    note: str


Registry = Mapping[str, Sequence[Reading]]
"""Readings by id, in the order of `paper/reported.tsv`, with the literal reading first; see `owner`."""


def read() -> Registry:
    """Return the registry.

    Raises
    ------
    ContractError
        If the table breaks its schema, if a row belongs to no printed number or gives evidence without a value, if a
        formula is not valid or rests on nothing but unknowns, or if numbers decide one another in a circle.
    """
    return _read(data("paper/readings.tsv"))


@cache
def _read(path: Path) -> Registry:
    rows = paper.read_table(path, schema("readings"))
    found: dict[str, list[Reading]] = {}
    for row in (Reading(**row) for row in rows):  # type: ignore[arg-type]
        _check(path, row)
        found.setdefault(row.id, []).append(row)
    registry = {key: tuple(found[key]) for key in paper.reported() if key in found}
    _check_order(path, registry)
    return registry


def owner(registry: Collection[str], key: str) -> str:
    """Return the id whose readings a printed number has; a restatement has those of its original.

    A restatement that expresses its original in another form, such as a trim by its edges, has readings of its own.
    """
    return key if key in registry else paper.reported()[key].restates or key


def is_authors_own(row: Reported, reading: Reading) -> bool:
    """Tell whether a reading compares a printed number with nothing but the author's own measurement of it.

    This is so of the released database, unless the number tells what the database contains; of a formula that repeats
    another printed number; and of a measured number that other printed numbers imply.

    Parameters
    ----------
    row
        The printed number.
    reading
        One of its readings.
    """
    if reading.value is None:
        return False
    if reading.evidence == AUTHORS_TABLE:
        return not all(leaf.name in OF_THE_TABLE for leaf in leaves(reading.value, NAMES))
    # ASSUME authors-own: a measured number is not reproduced by other measurements that the paper prints.
    return reading.evidence == "arithmetic" and (row.kind == paper.MEASURED or picks(reading.value))


def picks(formula: str) -> bool:
    """Tell whether a formula only repeats a printed number, or the least or greatest of several."""
    nodes = list(ast.walk(parsed(formula, NAMES, FUNCTIONS).tree))
    named = {node.id for node in nodes if isinstance(node, ast.Name)}
    return bool(named) and named <= {*PICKED} and not any(isinstance(node, ast.BinOp) for node in nodes)


def _check(path: Path, row: Reading) -> None:
    where = f"{path}: id {row.id}, reading {row.reading}"
    if row.id not in paper.reported():
        raise ContractError(f"{where}: paper/reported.tsv has no such id; correct it")
    if (row.value is None) != (row.evidence is None) or (row.value is None and row.null):
        raise ContractError(f"{where}: evidence and value go together; give both, or neither and no null")
    for formula in (row.value, row.null):
        if formula:
            try:
                leaves(formula, NAMES)
            except ContractError as error:
                raise ContractError(f"{where}: {error}") from None
    named = {leaf.name for leaf in leaves(row.value, NAMES)} if row.value else set()
    if named and named <= {*UNKNOWN}:
        raise ContractError(
            f"{where}: a value that rests on nothing but unknowns admits every text, and is no reading; let it rest on "
            "data, or leave evidence and value empty and say in the note what is missing"
        )


def _check_order(path: Path, registry: Registry) -> None:
    """Remove ids whose numbers are all known until none is left; raise `ContractError` if a circle remains."""
    waiting = {key: decided_by(registry[key]) for key in registry}
    while waiting:
        ready = [key for key, others in waiting.items() if not others & waiting.keys()]
        if not ready:
            raise ContractError(
                f"{path}: {', '.join(sorted(waiting))} are decided by one another; break the circle"
            )
        for each in ready:
            del waiting[each]


def decided_by(readings: Sequence[Reading]) -> set[str]:
    """Return the originals of the printed numbers that the formulas of some readings name."""
    named = {
        key
        for row in readings
        for formula in (row.value, row.null)
        if formula
        for leaf in leaves(formula, NAMES)
        for key in ids_behind(leaf)
    }
    rows = paper.reported()
    return {rows[each].restates or each for each in named}
