"""The largest weights of each block, compared with its body and a Gaussian mixture (section 3.3, Table 2, Figure 3)."""

import math
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from weightfit import table
from weightfit.components import POOLS
from weightfit.studies.selection import protocol

BLOCK_POOLS = ("ffn", "transmission", "all")
"""Pools that a block of Table 2 may mean; the paper does not define which matrices it pools."""

_COPIED = ("entry", "step", "terminal", "block", "component", "n", "excluded")
_STATISTICS = ("maximum", "q99", "kurtosis", "kurtosis_magnitude")
_UNIT = ("entry", "step", "block", "component")


def super_weights(fits: pa.Table, moments: pa.Table) -> pa.Table:
    """Measure the tail of each pool of each block, and of all blocks together.

    Parameters
    ----------
    fits, moments
        Tables of the contracts ``fits`` and ``moments``.

    Returns
    -------
    pyarrow.Table
        Table of contract ``super_weights``, for every step of ``moments``. Where a block has only one matrix of a
        pool, the row is for that matrix, and the column ``component`` names it.
    """
    chosen = fits.filter(protocol()).select(
        [*_UNIT, "shape", "shape_se", "shape_null", "scale", "scale_se", "scale_null"]
    )
    laws = {_unit(row): row for row in chosen.to_pylist()}
    statistics = [f"{name}{kind}" for name in _STATISTICS for kind in ("", "_se", "_null")]
    places: dict[tuple[object, ...], dict[str, dict[str, Any]]] = {}
    for row in moments.select([*_COPIED, *statistics]).to_pylist():
        places.setdefault((row["entry"], row["step"], row["block"]), {})[row["component"]] = row
    rows = [
        {"pool": pool, **row, **ratio(row), **_tail(row, laws.get(_unit(row)))}
        for found in places.values()
        for pool in BLOCK_POOLS
        for row in _measured(found, pool)
    ]
    return table.of_rows("super_weights", rows)


def _unit(row: Mapping[str, Any]) -> tuple[object, ...]:
    return tuple(row[name] for name in _UNIT)


def _measured(found: Mapping[str, dict[str, Any]], pool: str) -> list[dict[str, Any]]:
    """Return the row of a pool, or of its only matrix; the list is empty where a block has no such matrix."""
    return [found[name] for name in (pool, *POOLS[pool]) if name in found][:1]


def ratio(row: Mapping[str, Any]) -> dict[str, float]:
    """Return the largest magnitude over the 99 % quantile, with its error and null.

    Parameters
    ----------
    row
        Row of contract ``moments``. In large samples its maximum and its quantile are independent.
    """
    value = row["maximum"] / row["q99"]
    relative = math.hypot(row["maximum_se"] / row["maximum"], row["q99_se"] / row["q99"])
    return {
        "ratio": value,
        "ratio_se": value * relative,
        "ratio_null": row["maximum_null"] / row["q99_null"],
    }


def _tail(row: Mapping[str, Any], law: Mapping[str, Any] | None) -> dict[str, float | None]:
    """Return log10 of the survival function of the fitted law, if there is one, at the largest magnitude."""
    if law is None:
        return {"log10_tail": None, "log10_tail_se": None, "log10_tail_null": None}
    tail = log10_survival(row["maximum"], law["shape"], law["scale"])
    logarithm = math.log(row["maximum"] / law["scale"])
    relative = math.hypot(
        law["shape"] * row["maximum_se"] / row["maximum"],
        law["shape"] * law["scale_se"] / law["scale"],
        logarithm * law["shape_se"],
    )
    return {
        "log10_tail": tail,
        "log10_tail_se": -tail * relative,
        "log10_tail_null": log10_survival(row["maximum_null"], law["shape_null"], law["scale_null"]),
    }


def log10_survival(magnitude: float, shape: float, scale: float) -> float:
    """Return log10 of the probability that a Weibull law gives to larger magnitudes.

    Parameters
    ----------
    magnitude
        Magnitude in units of the weights.
    shape, scale
        Shape and scale of the law; the scale is in units of the weights.

    Returns
    -------
    float
        -(magnitude / scale)^shape / ln 10, which is finite where the probability itself would round to zero.
    """
    return -math.pow(magnitude / scale, shape) / math.log(10)
