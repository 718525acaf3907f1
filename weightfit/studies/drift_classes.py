"""Which cells of entry and kind of matrix the median drift of a class is over (Figure 4); imports no compiler."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from weightfit import paper
from weightfit.components import POOLS

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
"""The readings of each class, the literal one first. The paper does not list the cells of a class. It puts v among the
transmission matrices in Figure 4, but into neither class in section 2.2."""


def as_stored(key: str, kind: str) -> bool:
    """Tell whether an entry of the paper stores a kind of matrix as a tensor of its own.

    Parameters
    ----------
    key
        Id of the entry in `paper/entries.tsv`.
    kind
        A component, or ``qkv``.

    Returns
    -------
    bool
        False for q, k and v of an entry that stores them in one matrix, and for their pool in every other entry.
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
        Rows with ``class``, ``reading``, ``cells`` (number of cells), ``value``, ``value_q25``, ``value_q75`` (median
        and quartiles over cells) and ``value_null`` (median of the nulls). A reading without cells is left out.
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
