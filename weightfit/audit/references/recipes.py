"""Resolve references to initializers, which are expressions of L, the number of blocks, and d, the width."""

from __future__ import annotations

import re
from math import isclose
from typing import TYPE_CHECKING

from weightfit import paper
from weightfit.audit import printed
from weightfit.audit.references.entries import statements
from weightfit.formula.evaluation import evaluate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_POINTS = ((6, 512), (12, 768), (16, 2048), (32, 4096))
"""Pairs of number of blocks and width at which two expressions are compared."""


def recipes() -> tuple[str, ...]:
    """Return the distinct pairs of initializers of the entries with known initializers: ``recipes()``."""
    known = [entry for entry in paper.entries() if _initializers(entry)]
    return tuple(dict.fromkeys("; ".join(_initializers(entry)) for entry in known))


def recipe(entry: str, *named: str) -> str:
    """Return the name of the recipe of an entry's initializers: ``recipe(entry, name, input, output, ...)``.

    Parameters
    ----------
    entry
        Id of the entry.
    *named
        For each recipe, its name and the ids of the printed standard deviations of its two initializers.
    """
    found = [_deviation(initializer) for initializer in _initializers(entry)]
    for name, *ids in zip(named[::3], named[1::3], named[2::3], strict=True):
        texts = [_text(each) for each in ids]
        if found and all(_same(one, other) for one, other in zip(found, texts, strict=True)):
            return name
    return f"none of {', '.join(named[::3])}"


def deviation(initializer: str, like: str) -> float | str:
    """Return an initializer's standard deviation, in the paper's spelling if it is equal: ``deviation(...)``."""
    return _spelled(_deviation(initializer), like)


def deviation_ratio(numerator: str, denominator: str, like: str) -> float | str:
    """Return the quotient of two printed standard deviations, in the paper's spelling if it is equal."""
    return _spelled(f"({_text(numerator)}) / ({_text(denominator)})", like)


def _initializers(entry: str) -> tuple[str, ...]:
    """Return the initializers of the matrices that read and that write the residual stream; () if unknown."""
    names = ("input_initializer", "output_initializer")
    return tuple(value for name in names for key, value in statements().items() if key[:2] == (entry, name))


def _deviation(initializer: str) -> str:
    return statements()[initializer, "standard_deviation", "gpt-neox"]


def _text(key: str) -> str:
    found = printed.read(key)
    return found.label if found.label is not None else str(found.value)


def _spelled(expression: str, like: str) -> float | str:
    value = printed.read(like).value
    return value if isinstance(value, float | str) and _same(expression, _text(like)) else expression


def _same(one: str, other: str) -> bool:
    """Tell whether two expressions of L and d are the same function."""
    return all(isclose(_at(one, point), _at(other, point), rel_tol=1e-12) for point in _POINTS)


def _at(expression: str, point: tuple[int, int]) -> float:
    blocks, width = point
    text = re.sub(r"\bd\b", str(width), re.sub(r"\bL\b", str(blocks), expression))
    value = evaluate(text, {})
    assert isinstance(value, float)
    return value


REFERENCES: Mapping[str, Callable[..., object]] = {
    "recipes": recipes,
    "recipe": recipe,
    "deviation": deviation,
    "deviation_ratio": deviation_ratio,
}
"""Function that resolves each reference, by the reference's name in a formula."""
