"""Figure 14: the distribution of FFN magnitudes in two shallow blocks and a deep one, over the Qwen cohort."""

import math
from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from weightfit.exhibits.figures import qwen
from weightfit.exhibits.legend import lined
from weightfit.exhibits.numbers import Row
from weightfit.exhibits.request import Request
from weightfit.exhibits.style import BAND_COLOUR, COMPONENT_NAMES, FULL_WIDTH
from weightfit.studies.log_bins import BINS_PER_DECADE

COLUMNS = (
    *("panel", "series", "entry", "stand_in", "printed_block", "block", "step", "bin", "log10_low"),
    *("share", "share_null", "n", "enough", "share_null_median"),
)


def rows(request: Request) -> list[Row]:
    """Return the bins of each matrix that is drawn, at the last step."""
    entries = {entry: key for key, entry in request.cast.shown.items()}
    chosen = request.read("density").filter(
        pc.is_in(pc.field("entry"), pa.array(entries, pa.string()))
        & pc.is_in(pc.field("component"), pa.array(request.content["components"]))
        & pc.field("terminal")
    )
    own: dict[tuple[int, str], dict[str, list[dict[str, Any]]]] = {}
    for row in chosen.to_pylist():
        own.setdefault((row["block"], row["component"]), {}).setdefault(row["entry"], []).append(row)
    out: list[Row] = []
    for printed in request.content["blocks"]:
        for component in request.content["components"]:
            panel = own.get((request.own_block(printed), component), {})
            medians = _null_medians(panel)
            out += [
                {
                    "panel": f"{printed} {component}",
                    "series": entries[entry],
                    "entry": entry,
                    "stand_in": entry in request.cast.stand_ins,
                    "printed_block": printed,
                    **{name: row[name] for name in COLUMNS[5:-2]},
                    "enough": row["share"] * row["n"] > request.content["least_count"] - 0.5,
                    "share_null_median": None if row["log10_low"] is None else medians.get(row["bin"]),
                }
                for entry in entries
                for row in panel.get(entry, ())
            ]
    return out


def _null_medians(panel: dict[str, list[dict[str, Any]]]) -> dict[int, float]:
    """Return the median over entries of the shares of Gaussian weights, in the bins for which every entry has a row."""
    bins: dict[int, list[float]] = {}
    for rows in panel.values():
        for row in rows:
            if row["log10_low"] is not None:
                bins.setdefault(row["bin"], []).append(row["share_null"])
    return {number: float(np.median(found)) for number, found in bins.items() if len(found) == len(panel)}


def draw(rows: list[Row], request: Request) -> Figure:
    """Draw one panel per block and kind of matrix, with the median and the range of each printed regime."""
    blocks, components = request.content["blocks"], request.content["components"]
    figure, grid = plt.subplots(
        len(blocks), len(components), figsize=(FULL_WIDTH, 5.4), sharex=True, sharey=True, squeeze=False
    )
    regimes = {key: qwen.regime(request, key) for key in request.cast.shown}
    low, high = (float(request.printed("population", end)) for end in ("low", "high"))
    for line, block in zip(grid, blocks, strict=True):
        own = request.own_block(block)
        stands = "" if own == block else f" (for {block})"
        for axes, component in zip(line, components, strict=True):
            panel = [row for row in rows if row["panel"] == f"{block} {component}"]
            for letter, (colour, style) in qwen.GROUPS.items():
                members = [row for row in panel if regimes[str(row["series"])] == letter]
                _group(axes, members, colour, style)
            first = [row for row in panel if row["entry"] == panel[0]["entry"]] if panel else []
            _curve(axes, {row["bin"]: row["share_null_median"] for row in first if row["share_null_median"]})
            if block in request.content["printed_blocks"]:
                axes.axvspan(low, high, color=BAND_COLOUR, alpha=0.35, lw=0, zorder=0.5)
            axes.set_title(f"{COMPONENT_NAMES[component]}, block {own}{stands}", loc="left")
    _limits(rows, grid[0, 0], low)
    grid[0, 0].text(low + 0.1, 0.35, "printed of regime B:\na second population", va="top", fontsize=7)
    for axes in grid[-1]:
        axes.set_xlabel("log10 |w|")
    grid[len(blocks) // 2, 0].set_ylabel(f"share of weights per {1 / BINS_PER_DECADE:g} in log10 |w|")
    figure.legend(handles=_handles(regimes), loc="outside lower center", ncols=2)
    return figure


def _handles(regimes: Mapping[str, str]) -> list[Any]:
    counts = {letter: list(regimes.values()).count(letter) for letter in qwen.GROUPS}
    return [
        *(
            lined(f"printed as regime {letter}, {counts[letter]} entries: median and range", *look, 1.5)
            for letter, look in qwen.GROUPS.items()
            if counts[letter]
        ),
        lined("Gaussian weights, median", "black", ":", 1.2),
    ]


def _limits(rows: list[Row], axes: Axes, low: float) -> None:
    """Show every share of enough weights, and the printed range."""
    seen = [row for row in rows if row["log10_low"] is not None and row["enough"]]
    axes.set_yscale("log")
    axes.set_ylim(0.5 * min((float(str(row["share"])) for row in seen), default=1e-4), 0.5)
    axes.set_xlim(low - 0.3, max((float(str(row["log10_low"])) for row in seen), default=0.0) + 0.6)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g} %"))
    axes.yaxis.set_minor_locator(NullLocator())


def _group(axes: Axes, rows: list[Row], colour: str, style: str) -> None:
    """Draw the median and the range over entries where at least half of them have enough weights in the bin."""
    entries = {row["entry"] for row in rows}
    bins: dict[int, list[float]] = {}
    for row in rows:
        if row["log10_low"] is not None and row["enough"]:
            bins.setdefault(int(str(row["bin"])), []).append(float(str(row["share"])))
    kept = {number: shares for number, shares in bins.items() if 2 * len(shares) >= len(entries)}
    _curve(
        axes,
        {number: float(np.median(shares)) for number, shares in kept.items()},
        color=colour,
        ls=style,
        lw=1.5,
    )
    if kept:
        numbers = range(min(kept), max(kept) + 1)
        edges = np.repeat(np.array(numbers), 2) / BINS_PER_DECADE + np.tile(
            [0, 1 / BINS_PER_DECADE], len(numbers)
        )
        low, high = (
            np.repeat([end(kept.get(number, [math.nan])) for number in numbers], 2) for end in (min, max)
        )
        axes.fill_between(edges, low, high, color=colour, alpha=0.25, lw=0)


def _curve(axes: Axes, shares: Mapping[Any, Any], **style: Any) -> None:
    """Draw shares at the middles of their bins, with gaps at missing bins."""
    if not shares:
        return
    numbers = range(min(shares), max(shares) + 1)
    look: dict[str, Any] = {"color": "black", "ls": ":", "lw": 1.2, "zorder": 3} | style
    axes.plot(
        [(number + 0.5) / BINS_PER_DECADE for number in numbers],
        [shares.get(number, math.nan) for number in numbers],
        **look,
    )
