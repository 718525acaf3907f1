"""Which cells of entry and kind of matrix the median drift of a class is over (the paper's Figure 4)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from weightfit import paper
from weightfit.architecture import POOLS

Cell = Mapping[str, Any]

READINGS: Mapping[str, Mapping[str, Callable[[Cell], bool]]] = {
    "selection": {
        "as stored": lambda cell: bool(cell["as_stored"]),
        "split": lambda cell: cell["series"] in POOLS["qkv"],
        "every kind": lambda _: True,
    },
    "transmission": {
        "as stored": lambda cell: bool(cell["as_stored"]),
        "split": lambda _: True,
        "without v": lambda cell: cell["series"] in POOLS["transmission"],
    },
}
"""The readings of a class, the literal one first: the paper does not list its cells, and v, which its Figure 4 puts
among the transmission matrices, is in neither class of its section 2.2."""


def as_stored(key: str, kind: str) -> bool:
    """Tell whether an entry of the paper stores a kind of matrix as such.

    Parameters
    ----------
    key
        Id of `paper/entries.tsv`.
    kind
        A component, or ``qkv``.

    Returns
    -------
    bool
        False for q, k and v of an entry that stores them in one matrix, and for their pool in every other.
    """
    if kind not in ("qkv", *POOLS["qkv"]):
        return True
    return (paper.entries()[key].storage == "merged") == (kind == "qkv")


def class_medians(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Return the median drift of each class under each of its readings.

    Parameters
    ----------
    cells
        Rows with ``class``, ``series`` (the kind of matrix), ``as_stored``, ``value`` and ``value_null``.

    Returns
    -------
    list of dict
        ``class``, ``reading``, ``cells`` (their number), ``value``, ``value_q25``, ``value_q75`` (median and quartiles
        over cells) and ``value_null`` (median of the nulls). A reading without cells is left out.
    """
    out: list[dict[str, Any]] = []
    for name, readings in READINGS.items():
        for reading, holds in readings.items():
            chosen = [cell for cell in cells if cell["class"] == name and holds(cell)]
            if not chosen:
                continue
            low, middle, high = np.quantile([cell["value"] for cell in chosen], [0.25, 0.5, 0.75])
            out.append(
                {
                    "class": name,
                    "reading": reading,
                    "cells": len(chosen),
                    "value": float(middle),
                    "value_q25": float(low),
                    "value_q75": float(high),
                    "value_null": float(np.median([cell["value_null"] for cell in chosen])),
                }
            )
    return out
