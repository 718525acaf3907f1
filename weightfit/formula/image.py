"""The range of a function of several quantities that are each known to lie in an interval."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from weightfit.formula.enclosure import Enclosure, variables
from weightfit.formula.interval import INFINITY, Interval, lift

Function = Callable[[Sequence[float | Enclosure]], float | Enclosure]
Box = tuple[Interval, ...]

BOXES = 64
"""Boxes that are looked into for each end of a range before its bound is taken as it is."""

TOLERANCE = 1e-3
"""Share of the first bound's width to which the outer and the inner end of a range are brought together."""


@dataclass(frozen=True)
class Image:
    """The range of a function over a box, from both sides.

    Attributes
    ----------
    outer
        Holds every value of the function: what lies outside cannot be.
    inner
        Runs from the least to the greatest value that was met at a point of the box, up to rounding: the
        range is at least this wide.
    """

    outer: Interval
    inner: Interval


def image(function: Function, box: Sequence[Interval]) -> Image:
    """Bound the range of a function over a box.

    Where interval arithmetic shows that a slope has one sign, the quantity is put to its end; what remains is
    split in halves, the least certain box first (branch and bound with the monotonicity test: Hansen and
    Walster, 2004, chapter 12). If all slopes have one sign, as for most statistics of rounded numbers, the
    range is exact up to rounding; else the search stops when the two ends agree within `TOLERANCE` or after
    `BOXES` boxes, and `outer` is still rigorous.

    Parameters
    ----------
    function
        Continuous; takes one value per interval and returns one, using only ``+ - * / **``, ``abs`` and the
        methods and functions of `weightfit.formula.enclosure` on enclosures, and the same on floats.
    box
        One interval per quantity; the quantities are unrelated.

    Raises
    ------
    ZeroDivisionError, ValueError
        If the function is not defined, or cannot be shown to be, everywhere in the box, or the box is empty.
    """
    if not box:
        raise ValueError("the box has no quantity; evaluate the function itself")
    low, least = _least(function, 1.0, tuple(box))
    high, greatest = _least(function, -1.0, tuple(box))
    outer = Interval(low, -high)
    # Two points of one value may differ by rounding, in either order.
    met = [min(max(value, outer.low), outer.high) for value in sorted((least, -greatest))]
    return Image(outer, Interval(*met))


def _least(function: Function, sign: float, box: Box) -> tuple[float, float]:
    """Return a lower bound of sign times the function over a box, and the least value that was met."""
    result, box = _descend(function, sign, box)
    margin = TOLERANCE * result.value.width
    bound, met = _signed(result.value, sign).low, _met(function, sign, result, box)
    # The counter keeps boxes of one bound in the order in which they were made.
    waiting, counter = [(bound, 0, box, result)], 0
    while waiting and counter < BOXES:
        bound, _, box, result = heapq.heappop(waiting)
        halves = _halves(box, result)
        if bound >= met - margin or not halves:
            return bound, met
        for half in halves:
            counter += 1
            result, half = _descend(function, sign, half)
            met = min(met, _met(function, sign, result, half))
            heapq.heappush(waiting, (max(bound, _signed(result.value, sign).low), counter, half, result))
    return waiting[0][0], met


def _descend(function: Function, sign: float, box: Box) -> tuple[Enclosure, Box]:
    """Put every quantity whose slope has one sign to the end at which sign times the function is least."""
    while True:
        names = variables(box)
        found = function(names)
        result = found if isinstance(found, Enclosure) else names[0].constant(found)
        slopes = [_signed(result.partials.get(number, lift(0.0)), sign) for number in range(len(box))]
        lower = tuple(_end(each, slope) for each, slope in zip(box, slopes, strict=True))
        if lower == box:
            return result, box
        box = lower


def _signed(interval: Interval, sign: float) -> Interval:
    return interval if sign > 0 else -interval


def _end(quantity: Interval, slope: Interval) -> Interval:
    if slope.low >= 0 and math.isfinite(quantity.low):
        return lift(quantity.low)
    if slope.high <= 0 and math.isfinite(quantity.high):
        return lift(quantity.high)
    return quantity


def _met(function: Function, sign: float, result: Enclosure, box: Box) -> float:
    """Return the lesser of sign times the function at the box's middle and at its most promising corner."""
    corner = []
    for number, quantity in enumerate(box):
        falling = _signed(result.partials.get(number, lift(0.0)), sign).middle < 0
        end = quantity.high if falling else quantity.low
        corner.append(end if math.isfinite(end) else quantity.middle)
    values = [function(point) for point in (corner, [quantity.middle for quantity in box])]
    return min(sign * (value.centre.low if isinstance(value, Enclosure) else value) for value in values)


def _halves(box: Box, result: Enclosure) -> list[Box]:
    """Split a box across the quantity that moves the result most; none if no quantity can be split."""
    moved = {
        number: quantity.width * abs(result.partials[number]).high
        for number, quantity in enumerate(box)
        if number in result.partials and 0 < quantity.width < INFINITY
    }
    if not moved:
        return []
    number = max(moved, key=lambda each: (moved[each], box[each].width))
    quantity, middle = box[number], box[number].middle
    return [
        (*box[:number], half, *box[number + 1 :])
        for half in (Interval(quantity.low, middle), Interval(middle, quantity.high))
    ]
