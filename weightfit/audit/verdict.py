"""Derive a verdict from values: for each reading, then for each kind of evidence, then for the printed number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from weightfit.errors import ContractError
from weightfit.formula.interval import Interval

if TYPE_CHECKING:
    from weightfit.audit.printed import Printed
    from weightfit.audit.printed.number import Number
    from weightfit.audit.registry import Evidence
    from weightfit.formula.evaluation import Value

Outcome = Literal["reproduced", "consistent", "differs", "compatible", "pending", "untraced"]
"""Outcome of one reading."""

Verdict = Literal["reproduced", "consistent", "differs", "ambiguous", "compatible", "pending", "untraced"]

STRENGTH: tuple[Evidence, ...] = (
    "weights",
    "theory",
    "library",
    "configuration",
    "database",
    "arithmetic",
)
"""Kinds of evidence, the strongest first."""

DECIDED: tuple[Verdict, ...] = ("reproduced", "differs", "ambiguous")
"""Verdicts of evidence that decides by itself; the author's own numbers decide only where no such evidence does."""

TOUCH = 1e-9
"""Share of the narrower of two intervals up to which an overlap counts as a mere touch."""


def outcome(value: Value, printed: Printed) -> Outcome:
    """Return the outcome of comparing a reading's value with a printed text.

    Parameters
    ----------
    value
        A number or a label, or an interval in which every number is possible.
    printed
        The printed text.

    Raises
    ------
    ContractError
        If the value is a list, or a number and a label are compared.
    """
    if isinstance(value, tuple):
        raise ContractError(
            f"a list of {len(value)} values stands for one printed number; reduce it to one value"
        )
    if not isinstance(value, Interval):
        return "reproduced" if printed.admits(value) else "differs"
    if printed.number is None:
        raise ContractError(f"the printed text {printed.text!r} is a {printed.sort}; give a label")
    number = printed.number
    if not value.meets(number.allowed) or _touches_open_end(value, number):
        return "differs"
    # ASSUME falls-within: a range of values agrees if all of it would be printed so; an overlap decides nothing.
    return "reproduced" if number.allowed.encloses(value) and not number.exact else "compatible"


def _touches_open_end(value: Interval, number: Number) -> bool:
    """Tell whether an interval meets a half-line only in the end that does not belong to the half-line."""
    ends = {"below": value.low, "above": value.high}
    return ends.get(number.relation) == number.stands


def of_evidence(outcomes: Sequence[Outcome]) -> Verdict:
    """Return the joint verdict of the readings of one kind of evidence.

    Parameters
    ----------
    outcomes
        Outcomes of all admissible readings that this kind of evidence evaluates; at least one.
    """
    found = set(outcomes)
    # ASSUME missing-reading: a reading without data keeps its kind of evidence pending, unless two others disagree.
    if "pending" in found and not ("differs" in found and found & {"reproduced", "consistent"}):
        return "pending"
    if len(found) == 1:
        return outcomes[0]
    if found == {"reproduced", "consistent"}:
        return "reproduced"
    return "ambiguous" if "differs" in found else "compatible"


def of_number(verdicts: Mapping[Evidence, Verdict]) -> tuple[Verdict, Evidence | None]:
    """Return the verdict on a printed number, and the kind of evidence on which it rests.

    The verdict comes from the strongest evidence that decides. Without one, it comes from agreement with the author's
    own numbers; then from the strongest evidence that allows the number without deciding it; otherwise from the
    strongest whose data are missing. Kinds of evidence are never added up.

    Parameters
    ----------
    verdicts
        Verdicts by kind of evidence; empty if nothing is defined that could be evaluated.
    """
    for wanted in (DECIDED, ("consistent",), ("compatible",), ("pending",)):
        for evidence in STRENGTH:
            if verdicts.get(evidence) in wanted:
                return verdicts[evidence], evidence
    return "untraced", None


def contradicts(one: Printed, other: Printed) -> bool:
    """Tell whether no single number, or label, can be printed in both ways.

    Two intervals that share only an end cannot both hold, because a number at that end is rounded to one of them.
    """
    if one.number is None or other.number is None:
        return not one.admits(other.value) if isinstance(other.value, str) else True
    first, second = one.number.allowed, other.number.allowed
    # Ends are rounded outwards, so that intervals that only touch have a few roundings in common.
    margin = TOUCH * min(first.width, second.width)
    overlap = min(first.high, second.high) - max(first.low, second.low)
    return overlap < 0 or overlap <= margin < min(first.width, second.width)
