"""Parses the text of a formula into a tree that contains only elements of the formula language."""

from __future__ import annotations

import ast
import difflib
import inspect
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from weightfit.errors import ContractError

Constant: TypeAlias = str | int | float

LONGEST = 4000
"""Greatest number of characters in a formula."""

DEEPEST = 64
"""Greatest number of levels to which terms may be nested; a sum of n terms has n levels."""

OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.USub)

_REFUSED = {
    ast.Attribute: "an attribute",
    ast.Call: "a call of something without a name",
    ast.Subscript: "an index",
    ast.Compare: "a comparison",
    ast.BoolOp: "a logical operation",
    ast.IfExp: "a condition",
    ast.Lambda: "a function of its own",
    ast.NamedExpr: "an assignment",
    ast.JoinedStr: "a formatted string",
    ast.Starred: "an unpacked argument",
    ast.Dict: "a mapping",
    ast.Set: "a set",
    ast.ListComp: "a comprehension",
    ast.SetComp: "a comprehension",
    ast.DictComp: "a comprehension",
    ast.GeneratorExp: "a comprehension",
    ast.Await: "an await",
    ast.Yield: "a yield",
    ast.YieldFrom: "a yield",
}


@dataclass(frozen=True)
class Leaf:
    """A reference in a formula.

    Attributes
    ----------
    name
        Name of the resolver that gives its value.
    arguments, keywords
        Arguments that the resolver is given; keywords are in alphabetical order.
    """

    name: str
    arguments: tuple[Constant, ...]
    keywords: tuple[tuple[str, Constant], ...]

    def __str__(self) -> str:
        told = [repr(argument) for argument in self.arguments]
        told += [f"{name}={argument!r}" for name, argument in self.keywords]
        return f"{self.name}({', '.join(told)})"


@dataclass(frozen=True)
class FormulaText:
    """A parsed formula.

    Attributes
    ----------
    text
        Text of the formula as it was given.
    tree
        Syntax tree, which contains only numbers, the `OPERATORS`, lists, tuples and calls of known names.
    leaves
        The calls in `tree` that are references, in the order of the text.
    """

    text: str
    tree: ast.expr
    leaves: dict[ast.Call, Leaf]

    def fault(self, node: ast.AST, what: str) -> ContractError:
        """Return the error that states a fault and where in the text it lies."""
        before = self.text.encode()[: getattr(node, "col_offset", 0)].decode(errors="ignore")
        return _fault(self.text, len(before) + 1, what)


def read(
    text: str, references: Collection[str], functions: Mapping[str, Callable[..., object]]
) -> FormulaText:
    """Parse a formula.

    Parameters
    ----------
    text
        One line in the syntax of a Python expression.
    references
        Names of references to data; their arguments are texts and numbers.
    functions
        Functions by name; their arguments are terms.

    Raises
    ------
    ContractError
        If the text is too long, is nested too deeply, or contains anything outside the language. The message names the
        formula, the column and the remedy.
    """
    if len(text) > LONGEST:
        raise _fault(
            text[:40] + "...", 1, f"it has {len(text)} characters, more than {LONGEST}; split the formula"
        )
    if not text.isprintable() or text != text.strip():
        raise _fault(
            text, 1, "it is not one line without blanks around it; remove line ends and outer blanks"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            tree = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise _fault(text, error.offset or 1, f"{error.msg}; write a single arithmetic expression") from None
    except (ValueError, RecursionError, MemoryError):
        raise _fault(text, 1, "it is nested too deeply to be read; split the formula") from None
    formula = FormulaText(text, tree, {})
    _Reader(formula, references, functions).term(tree, 1)
    return formula


class _Reader:
    """Walks the tree from left to right, collects references and refuses everything outside the language."""

    def __init__(
        self,
        formula: FormulaText,
        references: Collection[str],
        functions: Mapping[str, Callable[..., object]],
    ):
        self._formula = formula
        self._references = references
        self._functions = functions

    def term(self, node: ast.expr, level: int) -> None:
        fault = self._formula.fault
        if level > DEEPEST:
            raise fault(node, f"there are more than {DEEPEST} terms inside each other; split the formula")
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                raise fault(
                    node, f"the text {node.value!r} stands by itself; make it an argument of a reference"
                )
            self._number(node)
        elif isinstance(node, ast.BinOp | ast.UnaryOp) and isinstance(node.op, OPERATORS):
            operands = [node.left, node.right] if isinstance(node, ast.BinOp) else [node.operand]
            self._terms(operands, level)
        elif isinstance(node, ast.List | ast.Tuple):
            self._terms(node.elts, level)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            self._call(node, node.func.id, level)
        elif isinstance(node, ast.Name):
            raise fault(
                node, f"the name {node.id!r} stands by itself; write {node.id}(...) with its arguments"
            )
        else:
            kind = node.op if isinstance(node, ast.BinOp | ast.UnaryOp) else node
            what = _REFUSED.get(type(kind), f"{type(kind).__name__} of the Python language")
            raise fault(node, f"{what} is not part of a formula; use + - * / ** and calls by name")

    def _terms(self, nodes: list[ast.expr], level: int) -> None:
        for node in nodes:
            self.term(node, level + 1)

    def _call(self, node: ast.Call, name: str, level: int) -> None:
        words: dict[str, ast.expr] = {}
        for word in node.keywords:
            if word.arg is None or word.arg in words:
                fault = (
                    "an unpacked argument" if word.arg is None else f"keyword argument repeated: {word.arg}"
                )
                raise self._formula.fault(word.value, f"{fault}; write each argument out once")
            words[word.arg] = word.value
        if name in self._references:
            told = tuple(self._constant(argument) for argument in node.args)
            also = tuple((word, self._constant(argument)) for word, argument in sorted(words.items()))
            self._formula.leaves[node] = Leaf(name, told, also)
        elif name in self._functions:
            try:
                inspect.signature(self._functions[name]).bind(*node.args, **words)
            except TypeError as error:
                raise self._formula.fault(node, f"{name}: {error}; change the arguments") from None
            self._terms([*node.args, *words.values()], level)
        else:
            known = sorted({*self._references, *self._functions})
            near = difflib.get_close_matches(name, known, n=3) or known
            raise self._formula.fault(node, f"there is no {name!r}; use {', '.join(near)}")

    def _constant(self, node: ast.expr) -> Constant:
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -self._number(node.operand)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        return self._number(node)

    def _number(self, node: ast.expr) -> int | float:
        value = node.value if isinstance(node, ast.Constant) else None
        # Booleans are integers to Python.
        if type(value) not in (int, float):
            what = f"{ast.unparse(node)} where a number or a text is needed; write out the number or text"
            raise self._formula.fault(node, what)
        assert isinstance(value, int | float)
        if not -1e300 < value < 1e300:
            raise self._formula.fault(node, "the number is beyond 1e300; write a smaller one")
        return value


def _fault(text: str, column: int, what: str) -> ContractError:
    return ContractError(f"formula {text!r}, column {column}: {what}")
