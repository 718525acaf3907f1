"""Read `paper/claims.yaml`, the claims that the paper makes in words, with the tests of each claim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from weightfit.audit.references.printed import matching
from weightfit.audit.references.sources import NAMES
from weightfit.audit.registry import AUTHORS_TABLE
from weightfit.documents import data, violation
from weightfit.errors import ContractError
from weightfit.formula.evaluation import leaves

if TYPE_CHECKING:
    from pathlib import Path

    from weightfit.audit.registry import Evidence
    from weightfit.audit.verdict import Outcome


@dataclass(frozen=True)
class ClaimTest:
    """One test of a claim, or a statement beside it.

    Attributes
    ----------
    evidence
        Kind of evidence on which its values rest.
    values
        Formulas of the values by name.
    when
        Relations between values, all of which must hold; a test without relations decides nothing.
    if_so, if_not
        Outcome for the claim if all relations hold, and if one does not.
    says
        Sentence around the values, true whatever the values are.
    """

    evidence: Evidence
    values: Mapping[str, str]
    when: Sequence[tuple[str, str, str]]
    if_so: Outcome
    if_not: Outcome
    says: str


@dataclass(frozen=True)
class Claim:
    """One claim; the keys are described in `workflow/schemas/claims.schema.yaml`."""

    id: str
    place: str
    quote: str
    numbers: tuple[str, ...]
    tests: tuple[ClaimTest, ...]


def read_claims() -> tuple[Claim, ...]:
    """Return every claim, in the order of the file.

    Raises
    ------
    ContractError
        If the file breaks its schema, if a formula is not valid, if a relation names a value that its test does not
        have, or if a pattern fits no printed number.
    """
    return _read(data("paper/claims.yaml"))


@cache
def _read(path: Path) -> tuple[Claim, ...]:
    import yaml

    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    if broken := violation(document, "claims"):
        raise ContractError(f"claims.yaml: {broken}; claims.schema.yaml says what is allowed")
    return tuple(_claim(key, item) for key, item in document.items())


def _claim(key: str, item: Mapping[str, Any]) -> Claim:
    numbers = tuple(item.get("numbers", ()))
    for pattern in numbers:
        matching(pattern)
    tests = tuple(_test(key, test) for test in item.get("tests", ()))
    return Claim(key, item["place"], " ".join(item["quote"].split()), numbers, tests)


def _test(key: str, item: Mapping[str, Any]) -> ClaimTest:
    values = item["values"]
    for formula in values.values():
        leaves(formula, NAMES)
    when = tuple((one, relation, other) for one, relation, other in map(str.split, item.get("when", ())))
    for one, _, other in when:
        for name in (one, other):
            if name not in values:
                raise ContractError(f"claims.yaml: {key}: a relation names {name!r}, which is no value of it")
    return ClaimTest(
        item["evidence"],
        values,
        when,
        item.get("if_so", "consistent" if item["evidence"] == AUTHORS_TABLE else "reproduced"),
        item.get("if_not", "differs"),
        " ".join(item["says"].split()),
    )
