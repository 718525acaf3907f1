"""The published checkpoints of the paper's models, whose weights decide the printed numbers, and their sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from weightfit import paper
from weightfit.documents import data, schema
from weightfit.errors import ContractError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Checkpoint:
    """One published revision; the columns are described in `workflow/schemas/checkpoints.schema.yaml`."""

    entry: str
    repository: str
    revision: str
    step: int | None
    dtype: str
    format: str
    bytes: int
    basis: str
    commit: str | None
    note: str | None


def read() -> Sequence[Checkpoint]:
    """Return every row of `paper/checkpoints.tsv`.

    Raises
    ------
    ContractError
        If the table breaks its schema.
    """
    return _read(data("paper/checkpoints.tsv"))


def steps(entry: str) -> tuple[int, ...]:
    """Return the published steps of an entry in the table, in rising order; empty if there are none."""
    return tuple(sorted(row.step for row in read() if row.entry == entry and row.step is not None))


def of(entry: str, step: int | None) -> Checkpoint | None:
    """Return the revision that holds the weights of an entry at a step, or at the end of training for None.

    Returns
    -------
    Checkpoint or None
        The revision, or None if it is not published.
    """
    rows = {row.step: row for row in read() if row.entry == entry}
    return rows.get(step)


def size(count: int) -> str:
    """Return a number of bytes as text, in GB or MB."""
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


@cache
def _read(path: Path) -> tuple[Checkpoint, ...]:
    rows = paper.read_table(path, schema("checkpoints"))
    strange = [str(row["entry"]) for row in rows if row["entry"] not in paper.entries()]
    if strange:
        raise ContractError(f"{path}: column 'entry': paper/entries.tsv has no {strange[0]!r}; correct it")
    return tuple(Checkpoint(**row) for row in rows)  # type: ignore[arg-type]
