"""Resolve references to printed numbers in the formulas of the registry."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from weightfit import paper
from weightfit.audit import printed
from weightfit.audit.needs import Undecided
from weightfit.errors import ContractError
from weightfit.formula.interval import INFINITY, Interval, lift

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from weightfit.formula.text import Leaf

Value = float | Interval | str

COMPARED = "like"
"""Keyword for the printed text with which a formula's value is compared; the value does not rest on it."""


def ids_behind(leaf: Leaf) -> list[str]:
    """Return the ids of the printed numbers on which a reference rests, in the order of the table."""
    told = [*leaf.arguments, *(value for name, value in leaf.keywords if name != COMPARED)]
    texts = [text for text in told if isinstance(text, str)]
    known = paper.reported()
    exact = {text for text in texts if text in known}
    patterns = [text for text in texts if "*" in text]
    if not patterns:
        return [text for text in known if text in exact] if exact else []
    return [key for key in known if key in exact or any(fnmatchcase(key, pattern) for pattern in patterns)]


def matching(pattern: str) -> list[str]:
    """Return the ids that match a pattern, in which ``*`` stands for any text.

    Raises
    ------
    ContractError
        If there is no such id.
    """
    found = [key for key in paper.reported() if fnmatchcase(key, pattern)]
    if not found:
        raise ContractError(f"no id of paper/reported.tsv fits {pattern!r}; correct the pattern")
    return found


def value(key: str) -> Value:
    """Return the value of a printed number in a formula: ``printed(id)``."""
    return printed.read(key).value


def stands(key: str) -> float:
    """Return the number that a text stands for, without the range of its rounding: ``stands(id)``."""
    number = printed.read(key).number
    if number is None:
        raise ContractError(f"{key} is a label; name a number")
    return number.stands


def values(pattern: str, equal: str = "", distinct: int = 0) -> tuple[Value, ...]:
    """Return the printed numbers or labels whose ids match a pattern: ``printed_all(pattern)``.

    Parameters
    ----------
    pattern
        Pattern as for `matching`.
    equal
        Label to which the result is restricted; empty for no restriction.
    distinct
        1 to return equal values only once.
    """
    found = [value(key) for key in matching(pattern) if not equal or _label(key) == printed.canonical(equal)]
    return tuple(dict.fromkeys(found)) if distinct else tuple(found)


def joined(pattern: str) -> str:
    """Return the distinct printed numbers in rising order, separated by slashes: ``joined(pattern)``."""
    found = sorted({each for each in values(pattern) if isinstance(each, float)})
    return "/".join(f"{each:g}" for each in found)


def unknown(_name: str) -> Interval:
    """Return an unknown share between 0 and 1: ``unknown(name)``; the same name is the same unknown."""
    return Interval(0.0, 1.0)


def unknown_factor(_name: str) -> Interval:
    """Return an unknown factor of at least 1: ``unknown_factor(name)``."""
    return Interval(1.0, INFINITY)


def listed(*items: str) -> int:
    """Return the number of items that the paper lists: ``listed(first, second, ...)``."""
    if not items or len(set(items)) != len(items):
        raise ContractError(f"{len(items)} items of which some are the same; write each thing once")
    return len(items)


def side(key: str, least: str, upper: str, greatest: str, lower: str) -> str:
    """Return on which side of two printed thresholds a printed number lies: ``side(...)``.

    Parameters
    ----------
    key
        Id of the number.
    least, upper
        Id of the smallest number of the upper class, and the name of that class.
    greatest, lower
        Id of the largest number of the lower class, and the name of that class.

    Raises
    ------
    Undecided
        If the rounding of the printed numbers leaves the answer open.
    """
    number, low, high = _interval(key), _interval(least), _interval(greatest)
    if number.low >= low.high:
        return upper
    if number.high <= high.low:
        return lower
    if high.high < number.low and number.high < low.low:
        return f"neither {upper} nor {lower}"
    raise Undecided(f"{key}: {number} lies on a threshold, {low} or {high}, as far as it is printed")


def within(pattern: str, low: str, high: str, says: str, where: str = "", equal: str = "") -> str:
    """Return whether all printed numbers lie between two others: ``within(...)``.

    Parameters
    ----------
    pattern
        Pattern of the ids of the numbers.
    low, high
        Ids of the bounds.
    says
        Statement in words; its negation begins with "not".
    where, equal
        Column and label; only numbers in table rows with this label in this column are used.

    Raises
    ------
    Undecided
        If the rounding of the printed numbers leaves the answer open.
    """
    chosen = _chosen(pattern, where, equal)
    inside = lift(count_within(pattern, low, high, where, equal))
    if inside.high < len(chosen):
        return f"not {says}"
    if inside.low == len(chosen):
        return says
    raise Undecided(f"{pattern}: some numbers lie at the bounds, as far as they are printed")


def count_within(pattern: str, low: str, high: str, where: str = "", equal: str = "") -> float | Interval:
    """Return how many printed numbers lie between two others, or the bounds of this count: ``count_within(...)``.

    Parameters
    ----------
    pattern, low, high, where, equal
        Arguments as for `within`.
    """
    least, greatest = _interval(low), _interval(high)
    numbers = [_interval(each) for each in _chosen(pattern, where, equal)]
    surely = [least.high <= number.low and number.high <= greatest.low for number in numbers]
    possibly = [least.low <= number.high and number.low <= greatest.high for number in numbers]
    least_many, most = float(sum(surely)), float(sum(possibly))
    return most if least_many == most else Interval(least_many, most)


def _chosen(pattern: str, where: str, equal: str) -> list[str]:
    """Return the ids that match a pattern and whose table row has a label in a column."""
    chosen = [
        key for key in matching(pattern) if not where or _beside(key, where) == printed.canonical(equal)
    ]
    if not chosen:
        raise ContractError(f"no row of {pattern!r} has {equal!r} as its {where!r}; correct the reference")
    return chosen


def _beside(key: str, column: str) -> str:
    """Return the label in another column of the row of an id."""
    return _label(f"{key.rpartition('.')[0]}.{column}")


def _label(key: str) -> str:
    found = printed.read(key)
    return printed.canonical(found.text if found.label is None else found.label)


def _interval(key: str) -> Interval:
    number = value(key)
    if isinstance(number, str):
        raise ContractError(f"{key} is the label {number!r}; name a number")
    return lift(number)


REFERENCES: Mapping[str, Callable[..., object]] = {
    "printed": value,
    "stands": stands,
    "printed_all": values,
    "joined": joined,
    "unknown": unknown,
    "unknown_factor": unknown_factor,
    "listed": listed,
    "side": side,
    "within": within,
    "count_within": count_within,
}
"""Function that resolves each reference, by the reference's name in a formula."""
