"""Group the numbers that differ into findings, so that one finding counts once however many numbers show it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from weightfit import paper
from weightfit.audit.references.printed import matching
from weightfit.documents import data, schema
from weightfit.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from weightfit.paper import Reported


@dataclass(frozen=True)
class Finding:
    """Numbers that differ for one reason; the columns are described in `workflow/schemas/findings.schema.yaml`."""

    finding: str
    numbers: tuple[str, ...]
    says: str


def of(row: Reported) -> str:
    """Return the finding to which a printed number belongs if it differs.

    A restatement belongs to the finding of its original. A number that no finding names is one by itself, under the id
    of its original.

    Raises
    ------
    ContractError
        If `paper/findings.tsv` breaks its schema, or two findings have a number in common.
    """
    original = row.restates or row.id
    return _owners(data("paper/findings.tsv")).get(original, original)


def findings() -> Mapping[str, Finding]:
    """Return every finding of `paper/findings.tsv` by its name."""
    return _findings(data("paper/findings.tsv"))


@cache
def _findings(path: Path) -> Mapping[str, Finding]:
    rows = paper.read_table(path, schema("findings"))
    return {
        str(row["finding"]): Finding(str(row["finding"]), tuple(row["numbers"]), str(row["says"]))  # type: ignore[arg-type]
        for row in rows
    }


@cache
def _owners(path: Path) -> Mapping[str, str]:
    """Return the finding of each original."""
    found: dict[str, str] = {}
    for name, finding in _findings(path).items():
        for key in (key for pattern in finding.numbers for key in matching(pattern)):
            original = paper.reported()[key].restates or key
            if found.setdefault(original, name) != name:
                raise ContractError(
                    f"{path}: {original} belongs to {found[original]} and to {name}; a number shows one finding, so "
                    "remove it from one of them"
                )
    return found
