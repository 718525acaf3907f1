"""Figure 14: the distribution of FFN magnitudes in two shallow blocks and a deep one, over the Qwen cohort."""

import math
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from weightfit.exhibits.figures import qwen
from weightfit.exhibits.legend import lined
from weightfit.exhibits.numbers import Row
from weightfit.exhibits.request import Request
from weightfit.exhibits.style import COMPONENT_NAMES, FULL_WIDTH
from weightfit.studies.log_bins import BINS_PER_DECADE

COLUMNS = (
    *("panel", "series", "entry", "stand_in", "printed_block", "block", "step", "bin", "log10_low"),
    *("share", "share_null", "share_null_median"),
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
                    **{name: row[name] for name in COLUMNS[5:-1]},
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
    """Draw one panel per block and kind of matrix, with one line per entry."""
    blocks, components = request.content["blocks"], request.content["components"]
    figure, grid = plt.subplots(
        len(blocks), len(components), figsize=(FULL_WIDTH, 6.4), sharex=True, sharey=True, squeeze=False
    )
    marks = qwen.marks(request)
    least = request.content["least_share"]
    for line, block in zip(grid, blocks, strict=True):
        own = request.own_block(block)
        stands = "" if own == block else f" (printed: {block})"
        for axes, component in zip(line, components, strict=True):
            panel = [row for row in rows if row["panel"] == f"{block} {component}"]
            for entry, (colour, _) in marks.items():
                drawn = [row for row in panel if row["entry"] == entry]
                _curve(axes, drawn, "share", least, color=colour, lw=1.0, marker="o", ms=1.1, mew=0)
            first = [row for row in panel if row["entry"] == panel[0]["entry"]]
            _curve(axes, first, "share_null_median", least, color="black", ls=":", lw=1.2, zorder=3)
            axes.set_title(f"{COMPONENT_NAMES[component]}, block {own}{stands}", loc="left")
    grid[0, 0].set_yscale("log")
    grid[0, 0].yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g} %"))
    for axes in grid.flat:
        axes.minorticks_off()
    for axes in grid[-1]:
        axes.set_xlabel("log10 |w|")
    grid[len(blocks) // 2, 0].set_ylabel(f"share of weights per {1 / BINS_PER_DECADE:g} in log10 |w|")
    handles = [*qwen.handles(request, marked=False), lined("Gaussian weights, median", "black", ":")]
    figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure


def _curve(axes: Axes, rows: list[Row], column: str, least: float, **style: Any) -> None:
    """Draw shares at the middles of their bins, with gaps at missing bins and without the open bin."""
    known = [row for row in rows if row["log10_low"] is not None]
    middles = [row["log10_low"] + 0.5 / BINS_PER_DECADE for row in known]
    shares = [row[column] for row in known]
    axes.plot(middles, [math.nan if share is None or share < least else share for share in shares], **style)
