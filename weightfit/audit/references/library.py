"""What references to npm-weibull-py as installed stand for in a formula: names, thresholds and what it answers."""

from __future__ import annotations

import inspect
import re
from functools import cache
from typing import TYPE_CHECKING

import npm_weibull
import numpy as np

from weightfit.errors import UnknownReference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SHAPES = tuple(float(shape) for shape in np.linspace(0.05, 3.0, 1181))
"""Shapes that the classifier is asked about, one in 0.0025."""


class Library:
    """The table ``library`` and the installed library itself, as formulas refer to them."""

    def __init__(self, rows: Sequence[Mapping[str, object]]):
        self._rows = {(str(row["kind"]), str(row["name"])): row for row in rows}

    def value(self, fact: str, name: str = "") -> float | str | tuple[str, ...]:
        """Return a fact: ``library(fact, name)``.

        Parameters
        ----------
        fact
            ``series`` (the version's first two numbers), ``name`` (of a function that Table 6 of the paper names: its
            own if it is released, else that of the nearest), ``numbered`` (numbers that the library's documentation
            gives its functions), ``functions`` (exported ones), ``released`` (names of Table 6 that are there),
            ``classes`` and ``states`` (labels that it gives), ``least_t_over_tau`` (of a state),
            ``trim`` (kept by default), or ``bins_moved_by_a_mean`` (whose counts change if each weight grows by one
            standard deviation).
        name
            Of the function, of the state, or ``untrained`` for the classes of untrained weights.
        """
        facts: dict[str, Callable[[], float | str | tuple[str, ...]]] = {
            "series": lambda: ".".join(str(self._any["version"]).split(".")[:2]),
            "name": lambda: self._name(name),
            "numbered": lambda: tuple(
                str(row["label"]) for key, row in self._rows.items() if key[0] == "released" and row["label"]
            ),
            "functions": lambda: tuple(
                own for own in npm_weibull.__all__ if callable(getattr(npm_weibull, own))
            ),
            "released": lambda: tuple(
                own for (kind, own), row in self._rows.items() if kind == "paper" and row["released"]
            ),
            "classes": lambda: _classes(untrained=name == "untrained"),
            "states": lambda: tuple(dict.fromkeys(_state(10.0**power) for power in np.linspace(-3, 3, 601))),
            "least_t_over_tau": lambda: _least_t_over_tau(name),
            "trim": _trim,
            "bins_moved_by_a_mean": _bins_moved_by_a_mean,
        }
        if fact not in facts:
            raise UnknownReference(f"library knows no {fact!r}; it knows {', '.join(facts)}")
        return facts[fact]()

    @property
    def _any(self) -> Mapping[str, object]:
        return next(iter(self._rows.values()))

    def _name(self, name: str) -> str:
        if ("paper", name) not in self._rows:
            raise UnknownReference(f"the table library has no function {name!r} of the paper; correct it")
        row = self._rows["paper", name]
        return name if row["released"] else str(row["nearest"] or "none")


@cache
def _classes(untrained: bool) -> tuple[str, ...]:
    """Return the classes that shapes are sorted into."""
    return tuple(dict.fromkeys(npm_weibull.classify_k(shape, is_init=untrained)["class"] for shape in SHAPES))


def _state(t_over_tau: float) -> str:
    return str(npm_weibull.compute_T_tau(t_over_tau, 1.0, 1)["state"])


@cache
def _least_t_over_tau(name: str) -> float:
    """Return the least T/tau of a state, by bisection to the last digits of a double."""
    low, high = 1e-6, 1e6
    order = list(dict.fromkeys(_state(10.0**power) for power in np.linspace(-6, 6, 1201)))
    if name not in order[1:]:
        raise UnknownReference(f"the library has no state {name!r} above another; it has {', '.join(order)}")
    for _ in range(200):
        middle = (low + high) / 2
        if order.index(_state(middle)) < order.index(name):
            low = middle
        else:
            high = middle
    return high


@cache
def _bins_moved_by_a_mean() -> float:
    """Count in how many bins a Gaussian matrix and the same with a mean differ."""
    weights = np.random.default_rng(1).standard_normal(10_000)
    one, other = (npm_weibull.extract_to_histogram(each)["hist"] for each in (weights, weights + 1))
    return float(np.count_nonzero(np.asarray(one) != np.asarray(other)))


def _trim() -> float:
    """Return the fraction of the weights that a fit keeps unless told otherwise, from the default's name."""
    default = str(inspect.signature(npm_weibull.weibull_fit).parameters["trim"].default)
    found = re.fullmatch(r"mid_(\d+)", default)
    if found is None:
        raise UnknownReference(
            f"the library's default trim {default!r} names no fraction; read its documentation"
        )
    return int(found[1]) / 100
