"""Rigorous bounds for the values and the slopes of an expression while its variables move in a box."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from weightfit.formula import interval
from weightfit.formula.interval import Interval, hull, lift

_ZERO = Interval(0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Enclosure:
    """Bounds of an expression over a box of variables.

    Arithmetic carries the partial derivatives along (automatic differentiation in interval arithmetic). Each value
    is intersected with the mean value form, centre + sum of partials times offsets (Moore, Kearfott and Cloud, 2009,
    chapter 6). The bounds of an expression therefore stay narrow even if a variable occurs in it more than once.

    Attributes
    ----------
    value
        Interval that holds every value over the box.
    centre
        Interval that holds the value at the centre of the box.
    partials
        Interval that holds the (Clarke) partial derivative everywhere in the box, by the number of the variable; a
        variable that is absent has no influence.
    offsets
        Intervals of the box, each less its middle.
    """

    value: Interval
    centre: Interval
    partials: Mapping[int, Interval]
    offsets: Sequence[Interval]

    def constant(self, number: float) -> Enclosure:
        """Return a number as an enclosure over the same box."""
        return Enclosure(lift(number), lift(number), {}, self.offsets)

    def __neg__(self) -> Enclosure:
        return self._through(lambda value: -value, lambda _: Interval(-1.0, -1.0))

    def __add__(self, other: Enclosure | float) -> Enclosure:
        other = self._lifted(other)
        partials = {
            each: self.partials.get(each, _ZERO) + other.partials.get(each, _ZERO)
            for each in self.partials.keys() | other.partials.keys()
        }
        return _enclose(self.value + other.value, self.centre + other.centre, partials, self.offsets)

    def __radd__(self, other: float) -> Enclosure:
        return self + other

    def __sub__(self, other: Enclosure | float) -> Enclosure:
        return self + -self._lifted(other)

    def __rsub__(self, other: float) -> Enclosure:
        return -self + other

    def __mul__(self, other: Enclosure | float) -> Enclosure:
        other = self._lifted(other)
        partials = {
            each: self.partials.get(each, _ZERO) * other.value + self.value * other.partials.get(each, _ZERO)
            for each in self.partials.keys() | other.partials.keys()
        }
        return _enclose(self.value * other.value, self.centre * other.centre, partials, self.offsets)

    def __rmul__(self, other: float) -> Enclosure:
        return self * other

    def __truediv__(self, other: Enclosure | float) -> Enclosure:
        other = self._lifted(other)
        inverse = other._through(lambda value: 1.0 / value, lambda value: -1.0 / value**2)
        product = self * inverse
        return _enclose(self.value / other.value, self.centre / other.centre, product.partials, self.offsets)

    def __rtruediv__(self, other: float) -> Enclosure:
        return self.constant(other) / self

    def __pow__(self, exponent: Enclosure | float) -> Enclosure:
        if isinstance(exponent, Enclosure):
            return (exponent * self.log()).exp()
        if exponent == 0:
            return self.constant(1.0)
        return self._through(lambda value: value**exponent, lambda value: exponent * value ** (exponent - 1))

    def __rpow__(self, base: float) -> Enclosure:
        return self.constant(base) ** self

    def __abs__(self) -> Enclosure:
        if self.value.low >= 0:
            return self
        if self.value.high <= 0:
            return -self
        return self._through(abs, lambda _: Interval(-1.0, 1.0))

    def sqrt(self) -> Enclosure:
        """Return the square root; raise a ValueError if the argument can be negative."""
        return self._through(interval.sqrt, _slope_of_root)

    def exp(self) -> Enclosure:
        """Return the exponential."""
        return self._through(interval.exp, interval.exp)

    def log(self) -> Enclosure:
        """Return the natural logarithm; raise a ValueError unless the argument is positive throughout."""
        return self._through(interval.log, lambda value: 1.0 / value)

    def known_in(self, bounds: Interval) -> Enclosure:
        """Return the same expression narrowed to bounds within which it is otherwise known to lie."""
        value = Interval(max(self.value.low, bounds.low), min(self.value.high, bounds.high))
        return Enclosure(value, self.centre, self.partials, self.offsets)

    def _lifted(self, other: Enclosure | float) -> Enclosure:
        return other if isinstance(other, Enclosure) else self.constant(other)

    def _through(
        self, function: Callable[[Interval], Interval], slope: Callable[[Interval], Interval]
    ) -> Enclosure:
        value, centre = function(self.value), function(self.centre)
        slopes = slope(self.value)
        partials = {each: slopes * partial for each, partial in self.partials.items()}
        return _enclose(value, centre, partials, self.offsets)


def variables(box: Sequence[Interval]) -> list[Enclosure]:
    """Return, for each variable of a box, the expression that consists of this variable alone."""
    offsets = [each - each.middle for each in box]
    one = Interval(1.0, 1.0)
    return [Enclosure(each, lift(each.middle), {number: one}, offsets) for number, each in enumerate(box)]


def ordered(arguments: Sequence[Enclosure], rank: int) -> Enclosure:
    """Return the order statistic of the arguments at a rank, counted from 0."""
    value = _at_rank([each.value for each in arguments], rank)
    # The slope of an order statistic is the slope of one of the arguments that can have its rank.
    candidates = [each for each in arguments if each.value.meets(value)]
    names = {name for each in candidates for name in each.partials}
    partials = {name: hull([each.partials.get(name, _ZERO) for each in candidates]) for name in names}
    return _enclose(
        value, _at_rank([each.centre for each in arguments], rank), partials, arguments[0].offsets
    )


def _slope_of_root(value: Interval) -> Interval:
    return 0.5 / interval.sqrt(value) if value.low > 0 else Interval(0.0, interval.INFINITY)


def _at_rank(intervals: Sequence[Interval], rank: int) -> Interval:
    return Interval(
        sorted(each.low for each in intervals)[rank], sorted(each.high for each in intervals)[rank]
    )


def _enclose(
    natural: Interval, centre: Interval, partials: Mapping[int, Interval], offsets: Sequence[Interval]
) -> Enclosure:
    linear = centre
    for each, partial in partials.items():
        linear = linear + partial * offsets[each]
    value = Interval(max(natural.low, linear.low), min(natural.high, linear.high))
    return Enclosure(value, centre, partials, offsets)


def image(function: Callable[[Sequence[Enclosure]], Enclosure | float], box: Sequence[Interval]) -> Interval:
    """Bound the range of a function over a box.

    Where interval arithmetic shows that a slope has one sign, the quantity is fixed at the end of its interval at which
    the function is least, or greatest (the monotonicity test: Hansen and Walster, 2004, chapter 12). If every slope has
    one sign, as for most statistics of rounded numbers, the range is exact up to rounding. Otherwise it may be too
    wide, but no value of the function lies outside it.

    Parameters
    ----------
    function
        Continuous function that takes one value per interval and returns one. It uses only ``+ - * / **``, ``abs`` and
        the methods and functions of this module.
    box
        One interval per quantity; the quantities vary independently.

    Raises
    ------
    ZeroDivisionError, ValueError
        If the function is not defined, or cannot be shown to be, everywhere in the box, or the box is empty.
    """
    if not box:
        raise ValueError("the box has no quantity; evaluate the function itself")
    return Interval(_at_its_least(function, 1, box).low, _at_its_least(function, -1, box).high)


def _at_its_least(
    function: Callable[[Sequence[Enclosure]], Enclosure | float], sign: int, box: Sequence[Interval]
) -> Interval:
    """Return the values over the part of a box where sign times the function can be least."""
    while True:
        found = function(variables(box))
        if not isinstance(found, Enclosure):
            return lift(found)
        slopes = [found.partials.get(number, _ZERO) for number in range(len(box))]
        ends = [_end(each, slope if sign > 0 else -slope) for each, slope in zip(box, slopes, strict=True)]
        if ends == list(box):
            return found.value
        box = ends


def _end(quantity: Interval, slope: Interval) -> Interval:
    if slope.low >= 0 and math.isfinite(quantity.low):
        return lift(quantity.low)
    if slope.high <= 0 and math.isfinite(quantity.high):
        return lift(quantity.high)
    return quantity
