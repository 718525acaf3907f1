"""Resolve references to npm-weibull-py as installed: its names, thresholds and results."""

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
"""Shapes that are given to the classifier, in steps of 0.0025."""


class Library:
    """The table ``library`` and the installed library itself, as formulas refer to them."""

    def __init__(self, rows: Sequence[Mapping[str, object]]):
        self._rows = {(str(row["kind"]), str(row["name"])): row for row in rows}

    def value(self, fact: str, name: str = "") -> float | str | tuple[str | float, ...]:
        """Return a fact: ``library(fact, name)``.

        Parameters
        ----------
        fact
            ``series`` (the first two numbers of the version), ``name`` (the name of a function of the paper's Table 6
            if it is released, otherwise that of the nearest function), ``numbered`` (the numbers that the library's
            documentation gives its functions), ``functions`` (the exported functions), ``released`` (the names of
            Table 6 that the library has), ``classes`` and ``states`` (the labels that it gives), ``least_t_over_tau``
            (of a state), ``trim`` (the fraction kept by default), ``bins_moved_by_a_mean`` (the number of bins whose
            counts change if each weight grows by one standard deviation), or ``expected_shapes`` (the shapes, of those
            from 0.01 to 2 in steps of 0.01, that the library expects of q and k under a kind of attention).
        name
            Name of the function, the state or the kind of attention, or ``untrained`` for the classes of untrained
            weights.
        """
        facts: dict[str, Callable[[], float | str | tuple[str | float, ...]]] = {
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
            "expected_shapes": lambda: _expected_shapes(name),
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
    """Return the classes into which shapes are sorted."""
    return tuple(dict.fromkeys(npm_weibull.classify_k(shape, is_init=untrained)["class"] for shape in SHAPES))


def _state(t_over_tau: float) -> str:
    return str(npm_weibull.compute_T_tau(t_over_tau, 1.0, 1)["state"])


@cache
def _least_t_over_tau(name: str) -> float:
    """Return the smallest T/tau of a state, by bisection to the precision of a double."""
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
    """Count the bins in which a Gaussian matrix and the same matrix with a mean differ."""
    weights = np.random.default_rng(1).standard_normal(10_000)
    one, other = (npm_weibull.extract_to_histogram(each)["hist"] for each in (weights, weights + 1))
    return float(np.count_nonzero(np.asarray(one) != np.asarray(other)))


@cache
def _expected_shapes(attention: str) -> tuple[float, ...]:
    shapes = [step / 100 for step in range(1, 201)]
    told = {
        shape: npm_weibull.classify_k(shape, arch_type=attention)["in_expected_range"] for shape in shapes
    }
    if None in told.values():
        raise UnknownReference(f"the library knows no attention {attention!r}; name MHA, GQA or MQA")
    return tuple(shape for shape, expected in told.items() if expected)


def _trim() -> float:
    """Return the fraction of the weights that a fit keeps by default, from the name of the default."""
    default = str(inspect.signature(npm_weibull.weibull_fit).parameters["trim"].default)
    found = re.fullmatch(r"mid_(\d+)", default)
    if found is None:
        raise UnknownReference(
            f"the library's default trim {default!r} names no fraction; read its documentation"
        )
    return int(found[1]) / 100
