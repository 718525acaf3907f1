"""Evaluate the registry with the data of one run: a value, a null and the missing data of every reading."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from weightfit.audit.needs import MissingData, Need, Undecided
from weightfit.audit.references.sources import NAMES, Sources
from weightfit.audit.registry import Reading, Registry
from weightfit.errors import ContractError, WeightfitError
from weightfit.formula.evaluation import Value, evaluate, leaves
from weightfit.formula.text import Leaf
from weightfit.task import each

if TYPE_CHECKING:
    from collections.abc import Callable

CELLS = ("cell", "cells")
"""References that rest on weights."""


@dataclass(frozen=True)
class Evaluated:
    """Result of a reading.

    Attributes
    ----------
    reading
        The row of the registry.
    value, null
        Values of its formulas; None where data are missing, the statement is undecided, or there is no formula. The
        null is also None if it rests on weights other than the paper's own.
    is_stand_in
        Whether the value rests on weights other than the paper's own pinned ones; it then decides nothing.
    behind
        Ids of the entries of the cohort on whose weights the value rests.
    needs
        Data that this run lacks.
    genuine_needs
        The paper's own weights for which stand-ins were used.
    remark
        Reason why a statement is undecided; empty otherwise.
    """

    reading: Reading
    value: Value | None = None
    null: Value | None = None
    is_stand_in: bool = False
    behind: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()
    genuine_needs: tuple[Need, ...] = ()
    remark: str = ""


def evaluate_all(registry: Registry, sources: Sources) -> Mapping[str, Sequence[Evaluated]]:
    """Evaluate every reading of a registry.

    Parameters
    ----------
    registry
        Registry as `weightfit.audit.registry.read` returns it.
    sources
        Data of the run.

    Returns
    -------
    mapping
        Results by id of the original, in the order of the registry.

    Raises
    ------
    ContractError
        If a reference does not resolve or a formula is not defined; the message names id and reading.
    """
    evaluator = Evaluator(sources)
    printed = each(list(registry.items()), "printed numbers")
    return {key: tuple(map(evaluator.evaluated, readings)) for key, readings in printed}


class Evaluator:
    """Evaluate readings, resolving each reference once."""

    def __init__(self, sources: Sources):
        self._results = sources.results
        self._resolvers = sources.references()
        self._known: dict[Leaf, object] = {}

    def evaluated(self, reading: Reading) -> Evaluated:
        """Return the result of a reading."""
        if reading.value is None:
            return Evaluated(reading)
        try:
            needs = self._missing(reading.value)
            if needs:
                return Evaluated(reading, null=self._null(reading), needs=needs)
            behind = self._behind(reading.value)
            strange = behind - self._results.cohort.genuine
            value = self._evaluate(reading.value)
            return Evaluated(
                reading,
                value,
                self._null(reading),
                is_stand_in=bool(strange),
                behind=tuple(sorted(behind)),
                genuine_needs=self._genuine(reading.value) if strange else (),
            )
        except Undecided as error:
            return Evaluated(reading, remark=str(error))
        except WeightfitError as error:
            raise ContractError(f"id {reading.id}, reading {reading.reading}: {error}") from error

    def _null(self, reading: Reading) -> Value | None:
        if reading.null is None or self._missing(reading.null):
            return None
        # The Gaussian value of stand-ins says nothing about the printed number.
        if self._behind(reading.null) - self._results.cohort.genuine:
            return None
        return self._evaluate(reading.null)

    def _missing(self, formula: str) -> tuple[Need, ...]:
        """Resolve every reference of a formula and return what is missing."""
        needs: list[Need] = []
        for leaf in leaves(formula, NAMES):
            try:
                self._resolve(leaf)
            except MissingData as error:
                needs.extend(error.needs)
        return tuple(dict.fromkeys(needs))

    def _evaluate(self, formula: str) -> Value:
        return evaluate(formula, {name: self._recall(name) for name in NAMES})

    def _resolve(self, leaf: Leaf) -> object:
        if leaf not in self._known:
            resolver, words = self._resolvers[leaf.name], dict(leaf.keywords)
            try:
                inspect.signature(resolver).bind(*leaf.arguments, **words)
            except TypeError as error:
                raise ContractError(f"{leaf}: {error}; it takes {inspect.signature(resolver)}") from None
            self._known[leaf] = resolver(*leaf.arguments, **words)
        return self._known[leaf]

    def _recall(self, name: str) -> Callable[..., object]:
        def recall(*arguments: str | float, **keywords: str | float) -> object:
            return self._resolve(Leaf(name, arguments, tuple(keywords.items())))

        return recall

    def _behind(self, formula: str) -> frozenset[str]:
        """Return the entries of the cohort on whose weights a formula rests."""
        return frozenset(
            entry
            for table, column, where in _cells(formula)
            for entry in self._results.behind(table, column, **where)
        )

    def _genuine(self, formula: str) -> tuple[Need, ...]:
        """Return the paper's own weights that a formula needs."""
        found = (self._results.needs(table, column, **where) for table, column, where in _cells(formula))
        return tuple(dict.fromkeys(need for needs in found for need in needs if need.kind == "weights"))


def resting(formulas: Iterable[str | None]) -> tuple[Leaf, ...]:
    """Return the references of several formulas, each once; None stands for no formula."""
    return tuple(dict.fromkeys(leaf for formula in formulas if formula for leaf in leaves(formula, NAMES)))


def _cells(formula: str) -> Iterator[tuple[str, str, dict[str, str | float]]]:
    """Yield table, column and row of each reference of a formula that rests on weights."""
    for leaf in leaves(formula, NAMES):
        if leaf.name in CELLS:
            table, column = map(str, leaf.arguments)
            yield table, column, dict(leaf.keywords)
