"""The functions that a formula may call; they accept both numbers and enclosures."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from weightfit.formula.enclosure import Enclosure, ordered
from weightfit.formula.interval import Interval

Quantity: TypeAlias = float | Enclosure
Term: TypeAlias = Quantity | str | tuple["Term", ...]
"""Operand of a formula: a quantity, a label or a list of terms."""


def elementwise(function: Callable[..., Quantity], *terms: Term) -> Term:
    """Apply a function of quantities item by item to lists, with a single quantity repeated for every item.

    Raises
    ------
    ValueError
        If lists differ in length, or a label is given where a quantity is needed.
    """
    lengths = {len(term) for term in terms if isinstance(term, tuple)}
    if not lengths:
        return function(*(_quantity(term) for term in terms))
    if len(lengths) > 1:
        raise ValueError(f"lists of {sorted(lengths)} items cannot be combined; give lists of one length")
    rows = zip(*(term if isinstance(term, tuple) else (term,) * max(lengths) for term in terms), strict=True)
    return tuple(elementwise(function, *row) for row in rows)


def absolute(term: Term) -> Term:
    """Return the absolute value."""
    return elementwise(abs, term)


def square_root(term: Term) -> Term:
    """Return the square root."""
    return elementwise(_root, term)


def exponential(term: Term) -> Term:
    """Return the exponential."""
    return elementwise(_exp, term)


def logarithm(term: Term) -> Term:
    """Return the natural logarithm."""
    return elementwise(_log, term)


def decimal_logarithm(term: Term) -> Term:
    """Return the logarithm to base ten."""
    return elementwise(_log10, term)


def gamma(term: Term) -> Term:
    """Return the gamma function of a positive number; it is not implemented for an interval."""
    return elementwise(_gamma, term)


def count(*terms: Term) -> Quantity:
    """Return the number of items, labels included."""
    return float(len(_items(terms)))


def total(*terms: Term) -> Quantity:
    """Return the sum."""
    return sum(_quantities(terms), start=0.0)


def least(*terms: Term) -> Quantity:
    """Return the least of the items."""
    return _at_rank(_quantities(terms), 0)


def greatest(*terms: Term) -> Quantity:
    """Return the greatest of the items."""
    return _at_rank(_quantities(terms), -1)


def place_of_least(values: Term, places: Term) -> Term:
    """Return the item of the second list at the place of the first list's least item; of equal items the first."""
    items = [_number(item) for item in _items((values,))]
    others = _items((places,))
    if not items or len(items) != len(others):
        raise ValueError(f"lists of {len(items)} and {len(others)} items; give two lists of one length")
    return others[items.index(min(items))]


def count_at_most(bound: Term, *terms: Term) -> Quantity:
    """Return the number of items that are at most a bound."""
    limit = _number(bound)
    return float(sum(_number(item) <= limit for item in _items(terms)))


def mean(*terms: Term) -> Quantity:
    """Return the arithmetic mean."""
    return _mean(_quantities(terms))


def median(*terms: Term) -> Quantity:
    """Return the middle item, or the mean of the two in the middle."""
    items = _quantities(terms)
    return (_at_rank(items, (len(items) - 1) // 2) + _at_rank(items, len(items) // 2)) / 2


def standard_deviation(*terms: Term, ddof: float) -> Quantity:
    """Return the standard deviation, where the sum of squares is divided by the number of items less `ddof`."""
    items = _quantities(terms)
    if ddof not in (0.0, 1.0) or len(items) <= ddof:
        raise ValueError(f"ddof is {ddof:g} for {len(items)} items; give 0 or 1, below their number")
    return _root(_squares(_deviations(items)) / (len(items) - ddof))


def pearson(x: Term, y: Term) -> Quantity:
    """Return Pearson's correlation of two lists."""
    xs, ys = (_deviations(items) for items in _pair(x, y))
    correlation = quotient(_products(xs, ys), _root(_squares(xs) * _squares(ys)))
    if isinstance(correlation, Enclosure):
        return correlation.known_in(Interval(-1.0, 1.0))  # by the Cauchy-Schwarz inequality
    return max(-1.0, min(correlation, 1.0))


def partial_correlation(x: Term, y: Term, held: Term) -> Quantity:
    """Return the correlation of two lists while a third is held fixed."""
    both, first, second = pearson(x, y), pearson(x, held), pearson(y, held)
    return quotient(both - first * second, _root((1 - first**2) * (1 - second**2)))


def slope(x: Term, y: Term) -> Quantity:
    """Return the slope of the least-squares line of y on x."""
    xs, ys = (_deviations(items) for items in _pair(x, y))
    return quotient(_products(xs, ys), _squares(xs))


def slope_through_origin(x: Term, y: Term) -> Quantity:
    """Return the slope of the least-squares line of y on x that passes through the origin."""
    xs, ys = _pair(x, y)
    return quotient(_products(xs, ys), _squares(xs))


FUNCTIONS: Mapping[str, Callable[..., Term]] = {
    "abs": absolute,
    "sqrt": square_root,
    "exp": exponential,
    "log": logarithm,
    "log10": decimal_logarithm,
    "gamma": gamma,
    "count": count,
    "sum": total,
    "min": least,
    "max": greatest,
    "place_of_least": place_of_least,
    "count_at_most": count_at_most,
    "mean": mean,
    "median": median,
    "stdev": standard_deviation,
    "pearson": pearson,
    "partial_correlation": partial_correlation,
    "slope": slope,
    "slope_through_origin": slope_through_origin,
}
"""Functions by their names in a formula."""


def quotient(dividend: Quantity, divisor: Quantity) -> Quantity:
    """Return a quotient; raise a ZeroDivisionError if the divisor is, or may be, zero."""
    if divisor == 0.0:
        raise ZeroDivisionError("division by zero; divide by a term that cannot vanish")
    return dividend / divisor


def power(base: Quantity, exponent: Quantity) -> Quantity:
    """Return a power; raise a ValueError if it is not a real number."""
    if not (isinstance(base, float) and isinstance(exponent, float)):
        return base**exponent
    if (base == 0 and exponent < 0) or (base < 0 and not exponent.is_integer()):
        raise ValueError(
            f"{base:g} to the power of {exponent:g} is no real number; change the base or the exponent"
        )
    return math.pow(base, exponent)


def _root(number: Quantity) -> Quantity:
    if isinstance(number, Enclosure):
        return number.sqrt()
    if number < 0:
        raise ValueError(f"square root of {number:g}; the argument must not be negative")
    return math.sqrt(number)


def _exp(number: Quantity) -> Quantity:
    return number.exp() if isinstance(number, Enclosure) else math.exp(number)


def _log(number: Quantity) -> Quantity:
    if isinstance(number, Enclosure):
        return number.log()
    if number <= 0:
        raise ValueError(f"logarithm of {number:g}; the argument must be positive")
    return math.log(number)


def _gamma(number: Quantity) -> Quantity:
    if isinstance(number, Enclosure):
        raise ValueError("gamma is not implemented for an interval; give a number")
    if number <= 0:
        raise ValueError(f"gamma of {number:g}; the argument must be positive")
    return math.gamma(number)


def _log10(number: Quantity) -> Quantity:
    if isinstance(number, Enclosure):
        return number.log() / number.constant(10.0).log()
    _log(number)
    return math.log10(number)


def _mean(items: Sequence[Quantity]) -> Quantity:
    return sum(items, start=0.0) / len(items)


def _deviations(items: Sequence[Quantity]) -> list[Quantity]:
    mean = _mean(items)
    return [item - mean for item in items]


def _squares(items: Sequence[Quantity]) -> Quantity:
    return sum((item**2 for item in items), start=0.0)


def _products(xs: Sequence[Quantity], ys: Sequence[Quantity]) -> Quantity:
    return sum((x * y for x, y in zip(xs, ys, strict=True)), start=0.0)


def _at_rank(items: Sequence[Quantity], rank: int) -> Quantity:
    some = next((item for item in items if isinstance(item, Enclosure)), None)
    if some is None:
        return sorted(item for item in items if isinstance(item, float))[rank]
    return ordered([item if isinstance(item, Enclosure) else some.constant(item) for item in items], rank)


def _pair(x: Term, y: Term) -> tuple[list[Quantity], list[Quantity]]:
    xs, ys = _quantities((x,)), _quantities((y,))
    if len(xs) != len(ys) or len(xs) < 2:
        raise ValueError(f"lists of {len(xs)} and {len(ys)} items; give two lists of one length, at least 2")
    return xs, ys


def _quantities(terms: Sequence[Term]) -> list[Quantity]:
    items = [_quantity(item) for item in _items(terms)]
    if not items:
        raise ValueError("there is no item in the arguments; give at least one")
    return items


def _items(terms: Sequence[Term]) -> list[Term]:
    """Return the arguments with the lists among them replaced by their items."""
    return [item for term in terms for item in (_items(term) if isinstance(term, tuple) else [term])]


def _number(term: Term) -> float:
    if isinstance(term, float):
        return term
    raise ValueError(f"{term!r} is not one number; give a number in the place of an interval or a label")


def _quantity(term: Term) -> Quantity:
    if isinstance(term, float | Enclosure):
        return term
    raise ValueError(f"{term!r} is not a number; give labels to count only")
