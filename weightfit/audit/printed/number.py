"""Read a printed number, and determine which numbers agree with it."""

import re
from dataclasses import dataclass
from fractions import Fraction

from weightfit.audit.printed import qualifier
from weightfit.audit.printed.qualifier import Relation
from weightfit.formula.interval import INFINITY, Interval, between

NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

SETTINGS = ("hyperparameter", "label")
"""Kinds of `paper/reported.tsv` whose numbers were chosen or are names."""

_WORDS = "|".join(NUMBER_WORDS)
_ORDERS = re.compile(rf"(?P<word>an|{_WORDS}) orders? of magnitude")
_POWER = re.compile(r"10\^\{(?P<power>-?\d+)\}")
_DECIMAL = re.compile(
    r"\+?(?P<digits>[-−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.(?P<places>\d+))?)"
    r"(?:\s*(?:\\times|×)\s*10\^\{(?P<exponent>-?\d+)\})?(?P<suffix>[kMBT]?)"
    r"\s*(?:(?P<percent>\\?%)|\\times|×)?"
)
_SUFFIXES = {"": 0, "k": 3, "M": 6, "B": 9, "T": 12}


@dataclass(frozen=True)
class Number:
    """A printed number and the numbers that agree with it; percentages are read as fractions.

    Attributes
    ----------
    stands
        Number as it is printed.
    allowed
        Interval of the numbers that agree with it.
    relation
        Relation that qualifies it.
    digit
        One unit of the last digit; None where the last digit belongs to an exponent.
    exact
        Whether formulas use the number as it is printed, because it was set, was counted or is a name.
    """

    stands: float
    allowed: Interval
    relation: Relation
    digit: float | None
    exact: bool

    def admits(self, value: float) -> bool:
        """Tell whether a number agrees; the end of a strict inequality does not agree."""
        strict = self.relation in ("below", "above") and value == self.stands
        return value in self.allowed and not strict


def read_number(text: str, kind: str, unit: str, relation: Relation) -> Number | None:
    """Read a number.

    Parameters
    ----------
    text
        Text as it is printed, with or without a qualifier of its own.
    kind, unit
        Kind and unit as in `paper/reported.tsv`.
    relation
        Relation that the words before the text state; a qualifier in the text itself takes precedence.

    Returns
    -------
    Number or None
        None if the text is not a number.
    """
    own, text = qualifier.split(text)
    relation = own or relation
    if kind in SETTINGS and relation != "about":
        relation = "equal"
    if kind == "count":
        text = re.sub(r" [a-z]+$", "", text)
    if text.lower() in NUMBER_WORDS:
        return _decimal(Fraction(NUMBER_WORDS.index(text.lower())), Fraction(1), "count", relation)
    if found := _DECIMAL.fullmatch(text):
        percent = unit == "%" or found["percent"] is not None
        shift = int(found["exponent"] or 0) + _SUFFIXES[found["suffix"]] - (2 if percent else 0)
        number = Fraction(found["digits"].replace(",", "").replace("−", "-")) * Fraction(10) ** shift
        return _decimal(number, Fraction(10) ** (shift - len(found["places"] or "")), kind, relation)
    if power := _POWER.fullmatch(text):
        # ASSUME powers-of-ten: the last digit of a bare power of ten is the last digit of its exponent.
        return _orders(int(power["power"]), relation)
    if orders := _ORDERS.fullmatch(text.lower()):
        # ASSUME orders-of-magnitude: n orders of magnitude are a factor whose decimal logarithm rounds to n.
        return _orders(1 if orders["word"] == "an" else NUMBER_WORDS.index(orders["word"]), relation)
    return None


def _decimal(number: Fraction, digit: Fraction, kind: str, relation: Relation) -> Number:
    rounding = digit / 2
    if kind == "count":
        rounding = Fraction(0)
    if kind == "hyperparameter":
        # ASSUME settings: a setting was chosen, not rounded; a billionth of it is allowed for arithmetic.
        rounding = abs(number) / 10**9
    # ASSUME within: "within x" means at most x, where x itself is rounded.
    margin = {"equal": rounding, "within": rounding, "about": digit}.get(relation, Fraction(0))
    stands = float(number)
    around = between(number - margin, number + margin) if margin else Interval(stands, stands)
    exact = kind in SETTINGS or (kind == "count" and relation == "equal")
    return Number(stands, _allowed(relation, around), relation, float(digit), exact)


def _orders(power: int, relation: Relation) -> Number:
    margin = {"equal": 0.5, "about": 1.0}.get(relation, 0.0)
    around = Interval(10.0 ** (power - margin), 10.0 ** (power + margin))
    return Number(10.0**power, _allowed(relation, around), relation, None, exact=False)


def _allowed(relation: Relation, around: Interval) -> Interval:
    """Return the numbers that a relation allows, given the number with its margin."""
    if relation in ("below", "at most", "within"):
        return Interval(-INFINITY, around.high)
    if relation in ("above", "at least"):
        return Interval(around.low, INFINITY)
    return around
