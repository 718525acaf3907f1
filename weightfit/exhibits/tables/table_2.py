"""Table 2: the largest weights of each block compared with its body, for each pool that "a block" may mean."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow.compute as pc

from weightfit import paper
from weightfit.components import POOLED
from weightfit.exhibits.numbers import Row
from weightfit.exhibits.request import Request
from weightfit.exhibits.style import COMPONENT_NAMES
from weightfit.exhibits.words import cell, spread, with_error

STATISTICS = {
    "ratio": ("median", "extreme"),
    "kurtosis": ("kurtosis_median", "kurtosis"),
    "kurtosis_magnitude": ("kurtosis_magnitude_median", "kurtosis_magnitude"),
}
"""Statistics of each block, with the columns of their medians and their extremes over blocks."""

EXTREMES = tuple(extreme for _, extreme in STATISTICS.values())
MEDIAN, EXTREME = ("", "_null", "_q25", "_q75"), ("", "_null", "_se", "_block")
PRINTED = ("blocks", "median", "extreme", "kurtosis")
COLUMNS = (
    "row",
    "entry",
    "stand_in",
    "pool",
    "step",
    "blocks",
    "excluded",
    *(
        f"{name}{ending}"
        for names in STATISTICS.values()
        for name, endings in zip(names, (MEDIAN, EXTREME), strict=True)
        for ending in endings
    ),
    *(f"{name}_printed" for name in PRINTED),
)


def rows(request: Request) -> list[Row]:
    """Return one row per pool and entry; the rows of each pool are in the layout of the paper."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    last = (pc.field("block") != POOLED) & pc.field("terminal")
    for row in request.read("super_weights").filter(last).to_pylist():
        found.setdefault((row["pool"], row["entry"]), []).append(row)
    return [
        _row(request, pool, key, entry, found.get((pool, entry), []))
        for pool in request.content["pools"]
        for key, entry in request.cast.shown.items()
    ]


def _row(request: Request, pool: str, key: str, entry: str, blocks: Sequence[Mapping[str, Any]]) -> Row:
    out: dict[str, object] = {
        "row": key,
        "entry": entry,
        "stand_in": entry in request.cast.stand_ins,
        "pool": pool,
        "step": blocks[0]["step"] if blocks else None,
        "blocks": len(blocks),
        "excluded": sum(block["excluded"] for block in blocks),
    }
    for statistic, (median, extreme) in STATISTICS.items():
        out |= {f"{median}{ending}": value for ending, value in _median(blocks, statistic).items()}
        out |= {f"{extreme}{ending}": value for ending, value in _extreme(blocks, statistic).items()}
    return out | {f"{name}_printed": request.printed(key, name) for name in PRINTED}


def _median(blocks: Sequence[Mapping[str, Any]], statistic: str) -> Mapping[str, object]:
    if not blocks:
        return dict.fromkeys(MEDIAN)
    values = [block[statistic] for block in blocks]
    low, median, high = (float(value) for value in np.quantile(values, [0.25, 0.5, 0.75]))
    null = float(np.median([block[f"{statistic}_null"] for block in blocks]))
    return {"": median, "_null": null, "_q25": low, "_q75": high}


def _extreme(blocks: Sequence[Mapping[str, Any]], statistic: str) -> Mapping[str, object]:
    if not blocks:
        return dict.fromkeys(EXTREME)
    furthest = max(blocks, key=lambda block: block[statistic])
    null = max(block[f"{statistic}_null"] for block in blocks)
    return {
        "": furthest[statistic],
        "_null": null,
        "_se": furthest[f"{statistic}_se"],
        "_block": furthest["block"],
    }


def display(row: Row) -> Mapping[str, str]:
    """Format a row for display."""
    return {
        "row": paper.entries()[str(row["row"])].name,
        "entry": str(row["entry"]),
        "pool": COMPONENT_NAMES[str(row["pool"])],
        "blocks": str(row["blocks"]),
        **{f"{name}_printed": str(row[f"{name}_printed"]) for name in PRINTED},
        "median": spread(row, "median", ".2f"),
        **{name: with_error(row, name, ".2f") for name in EXTREMES},
        **{name: cell(row[name], ".2f") for name in ("median_null", *(f"{name}_null" for name in EXTREMES))},
    }


def notes(_: Request) -> list[str]:
    """Say what the null is, and what that of an extreme is."""
    return [
        "Null: what Gaussian weights with each matrix's own standard deviation give in each block, taken over blocks "
        "in the same way; that of an extreme is the greatest of the blocks' expected values, which chance exceeds a "
        "little."
    ]
