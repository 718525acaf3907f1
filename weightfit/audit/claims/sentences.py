"""Write the sentences of claims, in which all values are computed and none is typed."""

from __future__ import annotations

import math
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

DOUBTED: tuple[Verdict, ...] = ("differs", "ambiguous")
"""Verdicts of numbers beside which a sentence tells what was found."""

AT_MOST = 3
"""Greatest number of printed numbers that are told one by one."""

READINGS = 3
"""Greatest number of readings whose values are told one by one."""


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
    """Return sentences with the verdicts on a claim's numbers, and what was found for those that do not agree.

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
        if said in DOUBTED
        for told_of in _beside(
            key, [each for each in judged if each.evidence == evidence and not each.result.is_stand_in]
        )
    ]
    return " ".join([f"The claim rests on {len(numbers)} {subject}: {told}.", *_few(found)])


def of_stand_ins(numbers: Numbers) -> str:
    """Return sentences with the values of stand-ins for the numbers of a claim; empty if there are none."""
    found = [
        told
        for key, (_, judged) in numbers.items()
        for told in _beside(key, [each for each in judged if each.result.is_stand_in])
    ]
    return " ".join(_few(found))


def _few(found: Sequence[str]) -> list[str]:
    """Return the first of some sentences, and how many more numbers they would tell of."""
    more = len(found) - AT_MOST
    if more <= 1:
        return list(found)
    return [*found[:AT_MOST], f"{more} more of these numbers differ or depend on the reading."]


def _beside(key: str, judged: Sequence[Judged]) -> list[str]:
    """Return a sentence about a printed number and the value found for it, or nothing if both are the same."""
    meaning = printed.read(key)
    values = [each.result.value for each in judged if each.result.value is not None]
    if all(_is_printed(meaning, value) for value in values):
        return []
    if meaning.sort == "claim" and all(isinstance(value, str) for value in values):
        found = " or ".join(f"{value!r}" for value in dict.fromkeys(values))
        return [f"For {key}, the paper states {meaning.label!r}, and the audit finds {found}."]
    per_cent = paper.reported()[key].unit == PER_CENT
    unit = " %" if per_cent else ""
    return [
        f"For {key}, the paper prints {meaning.text}{unit}, and the audit finds {_spoken(values, per_cent)}."
    ]


def _spoken(values: Sequence[Value], per_cent: bool) -> str:
    """Return what several readings give, as one says it aloud."""
    factor, unit = (100, " %") if per_cent else (1, "")
    told = []
    for value in values:
        if isinstance(value, Interval) and math.isinf(value.high):
            told.append(f"at least {_short(value.low * factor)}{unit}")
        elif isinstance(value, Interval):
            told.append(f"{_short(value.low * factor)} to {_short(value.high * factor)}{unit}")
        else:
            told.append(f"{_short(value * factor)}{unit}" if isinstance(value, float) else text(value))
    different = list(dict.fromkeys(told))
    ends = [end for value in values if isinstance(value, float | Interval) for end in _ends(value)]
    if len(different) <= READINGS or len(ends) < len(values) or math.isinf(max(ends)):
        return " or ".join(different)
    return (
        f"from {_short(min(ends) * factor)} to {_short(max(ends) * factor)}{unit}, depending on the reading"
    )


def _ends(value: float | Interval) -> tuple[float, ...]:
    return (value.low, value.high) if isinstance(value, Interval) else (value,)


def _short(number: float) -> str:
    return f"{number:.4g}" if abs(number) < 10_000 else f"{number:,.0f}"


def _is_printed(meaning: printed.Printed, value: Value) -> bool:
    if isinstance(value, str):
        return meaning.label is not None and meaning.admits(value)
    return meaning.number is not None and meaning.number.stands == value
