"""Write the sentences of claims, in which all values are computed and none is typed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, get_args

from weightfit import paper
from weightfit.audit import printed, verdict
from weightfit.audit.references.sources import NAMES
from weightfit.audit.text import text
from weightfit.errors import ContractError
from weightfit.formula.evaluation import leaves
from weightfit.formula.interval import Interval

if TYPE_CHECKING:
    from weightfit.audit.audit import Judged
    from weightfit.audit.claims.file import ClaimTest
    from weightfit.audit.registry import Evidence
    from weightfit.audit.verdict import Verdict
    from weightfit.formula.evaluation import Value

Numbers = Mapping[str, "tuple[tuple[Verdict, Evidence | None], Sequence[Judged]]"]
"""Verdict, kind of evidence and readings by id of a printed number."""

PLACE = re.compile(
    r"\{(?:printed (?P<id>[^}]+)|(?P<name>[a-z_0-9]+)(?:\.(?P<told>[a-z_]+))?(?::(?P<digits>\+?\.[0-9]+[efg%]))?)\}"
)
"""Place in a sentence of a value or a keyword's argument in its formula, with digits, or of a printed text."""

PER_CENT = "%"
"""Unit of `paper/reported.tsv` whose numbers are computed as fractions."""

TOLD: tuple[Verdict, ...] = ("reproduced", "differs", "ambiguous", "compatible")
"""Verdicts of numbers for which a value was found."""


def filled(claim: str, test: ClaimTest, values: Mapping[str, Value]) -> str:
    """Return a test's sentence with its values.

    Parameters
    ----------
    claim
        Id of the claim, for messages.
    test
        Test whose sentence it is.
    values
        Values by name.

    Raises
    ------
    ContractError
        If the sentence names a value that the test does not have, or a keyword that has not one value in its formula.
    """

    def shown(match: re.Match[str]) -> str:
        if match["id"]:
            return paper.printed(match["id"])
        name = match["name"]
        if name not in values:
            raise ContractError(f"claim {claim}: its sentence names {name!r}, which is no value of the test")
        value = _keyword(claim, test.values[name], match["told"]) if match["told"] else values[name]
        digits = match["digits"]
        if digits is None or isinstance(value, str):
            return text(value)
        if isinstance(value, Interval):
            return f"{value.low:{digits}} to {value.high:{digits}}"
        return f"{value:{digits}}"

    return PLACE.sub(shown, test.says)


def _keyword(claim: str, formula: str, name: str) -> float | str:
    """Return the argument that the references of a formula have under a keyword."""
    found = {value for leaf in leaves(formula, NAMES) for key, value in leaf.keywords if key == name}
    if len(found) != 1:
        raise ContractError(
            f"claim {claim}: {len(found)} values of the keyword {name!r} in {formula!r}; name one that it has once"
        )
    value = found.pop()
    return value if isinstance(value, str) else float(value)


def counted(numbers: Numbers) -> str:
    """Return a sentence with the verdicts on a claim's numbers, and the values found where they differ from the text.

    Parameters
    ----------
    numbers
        Printed numbers of the claim; at least one.
    """
    counts = Counter(said for (said, _), _ in numbers.values())
    told = ", ".join(
        f"{counts[word]} {'differ' if word == 'differs' and counts[word] > 1 else word}"
        for word in get_args(verdict.Verdict)
        if counts[word]
    )
    subject = "printed number" if len(numbers) == 1 else "printed numbers"
    found = [
        told_of
        for key, ((said, evidence), judged) in numbers.items()
        if said in TOLD
        for told_of in _beside(
            key, [each for each in judged if each.evidence == evidence and not each.result.is_stand_in]
        )
    ]
    return "; ".join([f"The claim rests on {len(numbers)} {subject}: {told}", *found]) + "."


def of_stand_ins(numbers: Numbers) -> str:
    """Return a sentence with the values of stand-ins for the numbers of a claim; empty if there are none."""
    found = [
        told
        for key, (_, judged) in numbers.items()
        for told in _beside(key, [each for each in judged if each.result.is_stand_in])
    ]
    return "; ".join(found) + "." if found else ""


def _beside(key: str, judged: Sequence[Judged]) -> list[str]:
    """Return words for a printed number and the value found for it, or nothing if both are the same."""
    meaning = printed.read(key)
    values = [each.result.value for each in judged if each.result.value is not None]
    if all(_is_printed(meaning, value) for value in values):
        return []
    found = " or ".join(dict.fromkeys(text(value) for value in values))
    if meaning.sort == "claim" and all(isinstance(value, str) for value in values):
        return [f"for {key}, the paper states {meaning.text!r} and the audit finds {found!r}"]
    unit = " %" if paper.reported()[key].unit == PER_CENT else ""
    return [f"for {key}, the paper prints {meaning.text}{unit} and the audit finds {found}"]


def _is_printed(meaning: printed.Printed, value: Value) -> bool:
    if isinstance(value, str):
        return meaning.label is not None and meaning.admits(value)
    return meaning.number is not None and meaning.number.stands == value
