"""How often the audit notices a wrong digit, and how often it doubts a right one."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from weightfit import paper
from weightfit.audit import printed, verdict
from weightfit.audit.audit import decide, judge
from weightfit.audit.registry import owner
from weightfit.formula.interval import Interval

if TYPE_CHECKING:
    from weightfit.audit.evaluation import Evaluated
    from weightfit.audit.printed import Printed
    from weightfit.audit.registry import Evidence
    from weightfit.paper import Reported

TRIALS = 200
"""Printed numbers with a planted error, and as many that are printed as the evidence has them."""

SEED = 20261125

_MANTISSA = re.compile(r"\d(?:[\d,]*\d)?(?:\.\d+)?")
AGREES = ("reproduced", "consistent")
DOUBT = ("differs", "ambiguous")
SORTS = ("number", "count")


@dataclass(frozen=True)
class Rate:
    """What the audit said of the trials that one kind of evidence decides.

    Attributes
    ----------
    evidence
        Which kind.
    planted, noticed
        Numbers with a changed digit, and those of them that are called wrong or doubted.
    right, doubted
        Numbers that are printed as the evidence has them, and those of them that are called wrong or doubted.
    """

    evidence: Evidence
    planted: int
    noticed: int
    right: int
    doubted: int


@dataclass(frozen=True)
class _Trial:
    evidence: Evidence
    doubted: bool


def error_rates(results: Mapping[str, Sequence[Evaluated]], trials: int = TRIALS) -> list[Rate]:
    """Plant errors in printed numbers that the evidence decides, and print others right.

    A right text is what the evidence gives (of an interval any number in it), rounded as the paper prints it; a wrong
    one has one digit of the right text changed. Both are judged as the paper's own texts are.

    Parameters
    ----------
    results
        Of `weightfit.audit.evaluation.evaluate_all`.
    trials
        Number of errors, and of numbers printed right.

    Returns
    -------
    list of Rate
        By kind of evidence, the strongest first.
    """
    random = np.random.default_rng(SEED)
    decided = _decided(results)
    drawn = [_draw(decided, random) for _ in range(2 * trials)]
    planted = [_judged(row, _wrong(text, random), found) for row, found, text in drawn[:trials]]
    right = [_judged(row, text, found) for row, found, text in drawn[trials:]]
    return [
        Rate(
            evidence,
            sum(one.evidence == evidence for one in planted),
            sum(one.evidence == evidence and one.doubted for one in planted),
            sum(one.evidence == evidence for one in right),
            sum(one.evidence == evidence and one.doubted for one in right),
        )
        for evidence in verdict.STRENGTH
        if any(one.evidence == evidence for one in planted + right)
    ]


def _decided(results: Mapping[str, Sequence[Evaluated]]) -> list[tuple[Reported, Sequence[Evaluated]]]:
    """Return the printed numbers with which one kind of evidence agrees."""
    found = []
    for row in paper.reported().values():
        own = results.get(owner(results, row.id), ())
        meaning = printed.read(row.id)
        if own and meaning.sort in SORTS and meaning.number and meaning.number.relation in ("equal", "about"):
            said, _ = decide(row, judge(row, meaning, own))
            if said in AGREES:
                found.append((row, own))
    return found


def _draw(
    decided: Sequence[tuple[Reported, Sequence[Evaluated]]], random: np.random.Generator
) -> tuple[Reported, Sequence[Evaluated], str]:
    """Draw a printed number and print it right; one that is told in words is drawn again."""
    while True:
        row, found = decided[int(random.integers(len(decided)))]
        text = _right(row, found, random)
        if text is not None:
            return row, found, text


def _judged(row: Reported, text: str, results: Sequence[Evaluated]) -> _Trial:
    said, evidence = decide(row, judge(row, _meaning(row, text), results))
    assert evidence is not None
    return _Trial(evidence, said in DOUBT)


def _meaning(row: Reported, text: str) -> Printed:
    number = printed.read(row.id).number
    assert number is not None
    return printed.parse(text, row.kind, row.unit, number.relation)


def _right(row: Reported, results: Sequence[Evaluated], random: np.random.Generator) -> str | None:
    """Return the evidence's number as the paper prints it; None where it is told in words or has no digits."""
    found, value = _MANTISSA.search(row.printed), _implied(results, random)
    number = printed.read(row.id).number
    if found is None or value is None or number is None or number.stands == 0:
        return None
    mantissa = float(found[0].replace(",", ""))
    shown = abs(value) / abs(number.stands) * mantissa
    if not math.isfinite(shown):
        return None
    places = len(found[0].partition(".")[2])
    digits = f"{shown:,.{places}f}" if "," in found[0] else f"{shown:.{places}f}"
    return f"{row.printed[: found.start()]}{digits}{row.printed[found.end() :]}"


def _implied(results: Sequence[Evaluated], random: np.random.Generator) -> float | None:
    """Return a number that every reading allows; None if there is none."""
    values = [one.value for one in results if isinstance(one.value, float | Interval)]
    ends = [(one.low, one.high) if isinstance(one, Interval) else (one, one) for one in values]
    if not ends:
        return None
    low, high = max(low for low, _ in ends), min(high for _, high in ends)
    return float(random.uniform(low, high)) if low <= high else None


def _wrong(text: str, random: np.random.Generator) -> str:
    """Change one digit of a text's first number to another."""
    found = _MANTISSA.search(text)
    assert found is not None
    places = [place for place in range(found.start(), found.end()) if text[place].isdigit()]
    place = int(random.choice(places))
    leading = place == found.start() and found.end() - found.start() > 1 and text[place + 1] != "."
    other = [digit for digit in "0123456789" if digit != text[place] and not (leading and digit == "0")]
    return f"{text[:place]}{random.choice(other)}{text[place + 1 :]}"


def markdown(rates: Sequence[Rate]) -> str:
    """Return the rates as the table of the manual."""
    lines = ["| evidence | errors planted | noticed | printed right | doubted |", "|---|---|---|---|---|"]
    lines += [
        f"| {one.evidence} | {one.planted} | {one.noticed} | {one.right} | {one.doubted} |" for one in rates
    ]
    total = [sum(getattr(one, name) for one in rates) for name in ("planted", "noticed", "right", "doubted")]
    lines.append(f"| all | {total[0]} | {total[1]} | {total[2]} | {total[3]} |")
    return "\n".join(lines)
