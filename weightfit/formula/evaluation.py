"""Evaluates formulas over printed numbers, results and the paper's tables, which are parsed and never executed.

A formula consists of numbers, ``+ - * / **``, lists in brackets, the functions of `weightfit.formula.functions` and
references such as ``printed("T4.pythia-70m.lambda")`` or ``cell("table_2", "median", row="pythia-70m")``. The caller
passes a resolver that gives the value of a reference; this module knows no table.
"""

from __future__ import annotations

import ast
import inspect
import math
import numbers
import operator
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from weightfit.errors import WeightfitError
from weightfit.formula.enclosure import Enclosure, image, variables
from weightfit.formula.functions import FUNCTIONS, Quantity, Term, elementwise, power, quotient
from weightfit.formula.interval import Interval
from weightfit.formula.text import FormulaText, Leaf, read

Value: TypeAlias = "float | Interval | str | tuple[Value, ...]"
"""Value of a formula: a number, an interval, a label or a list of these."""

Resolvers: TypeAlias = Mapping[str, Callable[..., object]]
"""Functions that give the value of a reference, by the name of the reference."""

_OPERATORS: Mapping[type[ast.AST], Callable[..., Quantity]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: quotient,
    ast.Pow: power,
    ast.USub: operator.neg,
}


@dataclass(frozen=True)
class _Unknown:
    """Placeholder for the quantity with this number, which is only known to lie in an interval."""

    number: int


_Found: TypeAlias = "float | str | _Unknown | tuple[_Found, ...]"


def leaves(formula: str, names: Collection[str]) -> tuple[Leaf, ...]:
    """Return the references of a formula, each once, in the order of the text.

    Parameters
    ----------
    formula
        Text of the formula.
    names
        Names that a reference may have.

    Raises
    ------
    ContractError
        If the text is not a formula; the message names the column and the remedy.

    Examples
    --------
    >>> [str(leaf) for leaf in leaves('sqrt(printed("T4.pythia-70m.eta") / 2)', {"printed"})]
    ["printed('T4.pythia-70m.eta')"]
    """
    return tuple(dict.fromkeys(read(formula, names, FUNCTIONS).leaves.values()))


def evaluate(formula: str, resolvers: Resolvers) -> Value:
    """Return the value of a formula.

    If references stand for intervals, the result is an outer bound of the range of the formula over these intervals
    (`weightfit.formula.enclosure.image`). A reference that occurs twice is one unknown, not two.

    Parameters
    ----------
    formula
        Text of the formula.
    resolvers
        Functions by the name of the reference. Each is called with the arguments of the reference and returns a number,
        an interval, a label or a list of these.

    Returns
    -------
    float, Interval, str or tuple
        The value; a whole number is a float, too.

    Raises
    ------
    ContractError
        If the text is not a formula, a resolver raises one, or the result is not defined. The message names the
        formula, the column and the remedy.

    Examples
    --------
    >>> evaluate("max(lengths()) / 2", {"lengths": lambda: [1, 4, 3]})
    2.0
    """
    text = read(formula, resolvers, FUNCTIONS)
    box: list[Interval] = []
    found: dict[Leaf, _Found] = {}
    for node, leaf in text.leaves.items():
        if leaf not in found:
            value = _resolve(text, node, leaf, resolvers[leaf.name])
            found[leaf] = _take(text, node, leaf, value, box)

    def compute(quantities: Sequence[Quantity]) -> Term:
        values = {leaf: _fill(value, quantities) for leaf, value in found.items()}
        return _term(text, text.tree, values)

    return _ranges(compute, compute(variables(box)), box)


def _resolve(text: FormulaText, node: ast.Call, leaf: Leaf, resolver: Callable[..., object]) -> object:
    keywords = dict(leaf.keywords)
    try:
        inspect.signature(resolver).bind(*leaf.arguments, **keywords)
    except TypeError as error:
        raise text.fault(node, f"{leaf}: {error}; {leaf.name} takes {inspect.signature(resolver)}") from None
    try:
        return resolver(*leaf.arguments, **keywords)
    except WeightfitError as error:
        raise text.fault(node, f"{leaf}: {error}") from error


def _take(text: FormulaText, node: ast.Call, leaf: Leaf, value: object, box: list[Interval]) -> _Found:
    """Turn what a resolver returned into terms; intervals go into the box."""
    if isinstance(value, list | tuple):
        return tuple(_take(text, node, leaf, item, box) for item in value)
    if isinstance(value, Interval) and value.width > 0:
        box.append(value)
        return _Unknown(len(box) - 1)
    if isinstance(value, Interval):
        return value.low
    if isinstance(value, str):
        return value
    if isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    raise text.fault(
        node, f"{leaf} stands for {value!r}; let it stand for a finite number, an interval or a label"
    )


def _fill(value: _Found, quantities: Sequence[Quantity]) -> Term:
    if isinstance(value, tuple):
        return tuple(_fill(item, quantities) for item in value)
    return quantities[value.number] if isinstance(value, _Unknown) else value


def _term(text: FormulaText, node: ast.expr, values: Mapping[Leaf, Term]) -> Term:
    """Compute one node of the tree, which `weightfit.formula.text.read` has checked."""
    if isinstance(node, ast.Constant):
        return float(node.value)  # type: ignore[arg-type]
    if isinstance(node, ast.List | ast.Tuple):
        return tuple(_term(text, item, values) for item in node.elts)
    if isinstance(node, ast.Call) and node in text.leaves:
        return values[text.leaves[node]]
    try:
        result = _operation(text, node, values)
    except OverflowError:
        result = math.inf
    except (ArithmeticError, ValueError) as error:
        raise text.fault(node, str(error)) from None
    if not _is_finite(result):
        raise text.fault(node, "the result is too large for a number; take logarithms")
    return result


def _operation(text: FormulaText, node: ast.expr, values: Mapping[Leaf, Term]) -> Term:
    if isinstance(node, ast.BinOp):
        left, right = _term(text, node.left, values), _term(text, node.right, values)
        return elementwise(_OPERATORS[type(node.op)], left, right)
    if isinstance(node, ast.UnaryOp):
        return elementwise(_OPERATORS[type(node.op)], _term(text, node.operand, values))
    assert isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    function = FUNCTIONS[node.func.id]
    arguments = [_term(text, argument, values) for argument in node.args]
    keywords = {str(word.arg): _term(text, word.value, values) for word in node.keywords}
    return function(*arguments, **keywords)


def _is_finite(term: Term) -> bool:
    if isinstance(term, tuple):
        return all(_is_finite(item) for item in term)
    return not isinstance(term, float) or math.isfinite(term)


def _ranges(
    compute: Callable[[Sequence[Quantity]], Term],
    shape: Term,
    box: Sequence[Interval],
    path: tuple[int, ...] = (),
) -> Value:
    """Return the range of each quantity in a result whose shape is known from a previous computation."""
    if isinstance(shape, tuple):
        return tuple(_ranges(compute, item, box, (*path, place)) for place, item in enumerate(shape))
    if not isinstance(shape, Enclosure):
        return shape

    def item(quantities: Sequence[Quantity]) -> Quantity:
        term = compute(quantities)
        for place in path:
            assert isinstance(term, tuple)
            term = term[place]
        assert isinstance(term, float | Enclosure)
        return term

    return image(item, box)
