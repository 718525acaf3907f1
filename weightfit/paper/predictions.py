"""Reads the predictions of printed numbers, which were fixed before the paper's weights were read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from weightfit.documents import data, schema
from weightfit.errors import ContractError
from weightfit.paper.rows import entries, reported
from weightfit.paper.tsv import read_table
from weightfit.provenance import sha256

if TYPE_CHECKING:
    from pathlib import Path

FILE = "paper/predictions.tsv"

QUANTILES = {
    "lower_95": 0.025,
    "lower_80": 0.10,
    "lower_50": 0.25,
    "median": 0.50,
    "upper_50": 0.75,
    "upper_80": 0.90,
    "upper_95": 0.975,
}
"""Probability of each quantile of a prediction, by its column."""

LEVELS = (50, 80, 95)
"""Probabilities of the central intervals, in percent."""

Basis = Literal["theory", "recipe", "database"]
Scale = Literal["linear", "log", "fisher"]


@dataclass(frozen=True)
class Prediction:
    """What is foreseen of a printed number; `workflow/schemas/predictions.schema.yaml` describes the columns."""

    id: str
    entry: str | None
    reading: str
    basis: Basis | None
    determined: bool
    scale: Scale | None
    lower_95: float | None
    lower_80: float | None
    lower_50: float | None
    median: float | None
    upper_50: float | None
    upper_80: float | None
    upper_95: float | None
    probability: float | None
    null: float | None
    null_se: float | None
    reason: str

    @property
    def quantiles(self) -> tuple[float, ...]:
        """Quantiles in the order of `QUANTILES`; empty if none are foreseen."""
        found = [getattr(self, name) for name in QUANTILES]
        return () if None in found else tuple(found)

    @property
    def abstains(self) -> bool:
        """Whether nothing is foreseen."""
        return not self.quantiles and self.probability is None


def predictions() -> dict[str, Prediction]:
    """Return every prediction by the id of its printed number, in the order of the table.

    Raises
    ------
    ContractError
        If `paper/predictions.tsv` breaks its schema, if a row is of no original printed number or of an unknown entry,
        if some of its quantiles are missing or do not rise, or if it abstains and has a basis, or the reverse.
    """
    return dict(_predictions(data(FILE)))


def predictions_digest() -> str:
    """Return the sha256 of the predictions' file, which tells whether they are those that were fixed beforehand."""
    return sha256(data(FILE))


def changed(recorded: str | None) -> list[str]:
    """Return a line that says so if the predictions are not those whose digest pins recorded, and no line otherwise.

    Parameters
    ----------
    recorded
        Digest in a pin file; None if it has none.
    """
    digest = predictions_digest()
    if recorded in (None, digest):
        return []
    return [
        f"{FILE} has changed since the weights were pinned: its sha256 was {recorded} and is {digest}; "
        "restore it, or run `snakemake pins` again, which records the new one"
    ]


@cache
def _predictions(path: Path) -> dict[str, Prediction]:
    found = [Prediction(**row) for row in read_table(path, schema("predictions"))]  # type: ignore[arg-type]
    for row in found:
        fault = _fault(row)
        if fault:
            raise ContractError(f"{path}: id {row.id}: {fault}")
    return {row.id: row for row in found}


def _fault(row: Prediction) -> str | None:
    known = reported().get(row.id)
    values = [getattr(row, name) for name in QUANTILES]
    given = [value for value in values if value is not None]
    if known is None or known.restates is not None:
        return "no original printed number has this id; predict originals only"
    if row.entry is not None and row.entry not in entries():
        return f"paper/entries.tsv has no entry {row.entry}; correct it"
    if len(given) not in (0, len(values)) or bool(given) != (row.scale is not None):
        return "quantiles and their scale go together; give all of them or none"
    if any(one >= other for one, other in pairwise(given)):
        return "the quantiles do not rise; put them in order"
    if row.abstains == (row.basis is not None):
        return "a prediction has a basis, and an abstention has none; correct the row"
    if row.null_se is not None and (row.null is None or not given):
        return "a standard error belongs to the null of a quantity; remove it"
    return None
