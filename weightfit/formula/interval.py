"""Closed intervals of real numbers whose arithmetic never loses a possible value (Moore, Kearfott and Cloud, 2009)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

INFINITY = math.inf

_LIBRARY_STEPS = 2
"""Floating-point steps by which a result of the C library's exp, log and pow is widened; their error is below one."""


@dataclass(frozen=True, slots=True)
class Interval:
    """All real numbers from `low` to `high`, both included; an end may be infinite.

    The result of an operation holds every value that the operation can take on members of its operands, because its
    ends are rounded outwards. Operands are taken as unrelated, so ``x - x`` is wider than zero.
    `weightfit.formula.enclosure.image` gives the range of an expression in which a quantity occurs more than once.

    Attributes
    ----------
    low, high
        The ends; ``low <= high``.

    Raises
    ------
    ValueError
        If the ends are out of order, not numbers, or infinite on the wrong side.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.high or self.low == INFINITY or self.high == -INFINITY:
            raise ValueError(f"no number lies between {self.low} and {self.high}; give the lesser end first")

    def __str__(self) -> str:
        return f"[{self.low:.6g}, {self.high:.6g}]"

    @property
    def width(self) -> float:
        """Distance between the ends."""
        return self.high - self.low

    @property
    def middle(self) -> float:
        """A finite member: the mid-point, the finite end of a half-line, or zero for the whole line."""
        if math.isfinite(self.low) and math.isfinite(self.high):
            return self.low / 2 + self.high / 2
        return next((end for end in (self.low, self.high) if math.isfinite(end)), 0.0)

    def __contains__(self, number: float) -> bool:
        return self.low <= number <= self.high

    def meets(self, other: Interval) -> bool:
        """Tell whether the two have a member in common."""
        return self.low <= other.high and other.low <= self.high

    def encloses(self, other: Interval) -> bool:
        """Tell whether every member of the other is a member of this one."""
        return self.low <= other.low and other.high <= self.high

    def widened(self, margin: float) -> Interval:
        """Return the interval with both ends moved outwards by a non-negative margin."""
        return _outward(self.low - margin, self.high + margin)

    def __neg__(self) -> Interval:
        return Interval(-self.high, -self.low)

    def __abs__(self) -> Interval:
        if self.low >= 0:
            return self
        return -self if self.high <= 0 else Interval(0.0, max(-self.low, self.high))

    def __add__(self, other: Interval | float) -> Interval:
        other = lift(other)
        return _outward(self.low + other.low, self.high + other.high)

    def __radd__(self, other: float) -> Interval:
        return self + other

    def __sub__(self, other: Interval | float) -> Interval:
        return self + -lift(other)

    def __rsub__(self, other: float) -> Interval:
        return -self + other

    def __mul__(self, other: Interval | float) -> Interval:
        other = lift(other)
        # 0 times an infinite end is 0, because the end stands for arbitrarily large finite numbers.
        corners = [(a, b) for a in (self.low, self.high) for b in (other.low, other.high)]
        return hull([_rounded(a * b) if a and b else _ZERO for a, b in corners])

    def __rmul__(self, other: float) -> Interval:
        return self * other

    def __truediv__(self, other: Interval | float) -> Interval:
        other = lift(other)
        if 0.0 in other:
            raise ZeroDivisionError(
                f"division by {other}, which holds zero; divide by a term that cannot vanish"
            )
        corners = [(a, b) for a in (self.low, self.high) for b in (other.low, other.high)]
        return hull([_rounded(a / b) if a and math.isfinite(b) else _ZERO for a, b in corners])

    def __rtruediv__(self, other: float) -> Interval:
        return lift(other) / self

    def __pow__(self, exponent: Interval | float) -> Interval:
        if isinstance(exponent, Interval):
            return exp(exponent * log(self))
        exponent = float(exponent)
        if not exponent.is_integer():
            return exp(exponent * log(self))
        if exponent < 0:
            return 1.0 / self**-exponent
        base = abs(self) if exponent % 2 == 0 else self
        power = monotone(lambda end: _power(end, exponent), base)
        return Interval(max(power.low, 0.0), power.high) if base.low >= 0 else power

    def __rpow__(self, base: float) -> Interval:
        return lift(base) ** self


def lift(value: Interval | float) -> Interval:
    """Return the interval that holds only a given number; an interval is returned unchanged."""
    return value if isinstance(value, Interval) else Interval(float(value), float(value))


def between(low: Fraction, high: Fraction) -> Interval:
    """Return the least interval with floating-point ends that holds two exact numbers and all between them."""
    ends = (float(low), float(high))
    return Interval(
        ends[0] if Fraction(ends[0]) <= low else math.nextafter(ends[0], -INFINITY),
        ends[1] if Fraction(ends[1]) >= high else math.nextafter(ends[1], INFINITY),
    )


def hull(intervals: Sequence[Interval]) -> Interval:
    """Return the least interval that encloses all of these."""
    return Interval(min(each.low for each in intervals), max(each.high for each in intervals))


def monotone(function: Callable[[float], float], argument: Interval) -> Interval:
    """Return the image of an interval under a non-decreasing function, widened by the error of the C library."""
    low, high = function(argument.low), function(argument.high)
    for _ in range(_LIBRARY_STEPS):
        low, high = math.nextafter(low, -INFINITY), math.nextafter(high, INFINITY)
    return Interval(low, high)


def sqrt(argument: Interval) -> Interval:
    """Return the square roots of the members; raise a ValueError if one is negative."""
    _require(argument.low >= 0, "square root", argument, "not be negative")
    root = monotone(math.sqrt, argument)
    return Interval(max(root.low, 0.0), root.high)


def exp(argument: Interval) -> Interval:
    """Return the exponentials of the members, which are never negative; an end beyond the largest float is infinite."""
    power = monotone(_exp, argument)
    return Interval(max(power.low, 0.0), power.high)


def log(argument: Interval) -> Interval:
    """Return the natural logarithms of the members; raise a ValueError unless all are positive."""
    _require(argument.low > 0, "logarithm", argument, "be positive")
    return monotone(math.log, argument)


def _exp(number: float) -> float:
    try:
        return math.exp(number)
    except OverflowError:
        return INFINITY


def _power(base: float, exponent: float) -> float:
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return math.copysign(INFINITY, base) if exponent % 2 else INFINITY


def _outward(low: float, high: float) -> Interval:
    """Round the ends of sums outwards; a sum of zero is exact."""
    return Interval(
        math.nextafter(low, -INFINITY) if low else 0.0, math.nextafter(high, INFINITY) if high else 0.0
    )


def _rounded(number: float) -> Interval:
    """Return the interval of exact products or quotients whose nearest float is a given one."""
    return Interval(math.nextafter(number, -INFINITY), math.nextafter(number, INFINITY))


def _require(holds: bool, function: str, argument: Interval, law: str) -> None:
    if not holds:
        raise ValueError(f"{function} of {argument}, whose members must all {law}; narrow the argument")


_ZERO = Interval(0.0, 0.0)
