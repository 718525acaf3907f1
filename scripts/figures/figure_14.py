"""Figure 14: how FFN magnitudes are distributed in two shallow blocks and a deep one, over the Qwen cohort."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.figure import Figure

from weightfit import exhibit_qwen
from weightfit.exhibit_figure import make_figure
from weightfit.exhibit_legend import lined
from weightfit.exhibit_numbers import Row
from weightfit.exhibit_request import Request
from weightfit.exhibit_style import COMPONENT_NAMES, FULL_WIDTH
from weightfit.log_bins import BINS_PER_DECADE
from weightfit.task import logged

COLUMNS = (
    "panel",
    "series",
    "entry",
    "stand_in",
    "printed_block",
    "block",
    "step",
    "bin",
    "log10_low",
    "share",
    "share_null",
)


def rows(request: Request) -> list[Row]:
    """Return the bins of each matrix that is drawn, at the last step."""
    entries = {entry: key for key, entry in request.cast.shown.items()}
    chosen = request.read("density").filter(
        pc.is_in(pc.field("entry"), pa.array(entries, pa.string()))
        & pc.is_in(pc.field("component"), pa.array(request.parts["components"]))
        & pc.field("terminal")
    )
    own: dict[tuple[str, int, str], list[dict[str, Any]]] = {}
    for row in chosen.to_pylist():
        own.setdefault((row["entry"], row["block"], row["component"]), []).append(row)
    return [
        {
            "panel": f"{printed} {component}",
            "series": entries[entry],
            "entry": entry,
            "stand_in": entry in request.cast.stand_ins,
            "printed_block": printed,
            **{name: row[name] for name in ("block", "step", "bin", "log10_low", "share", "share_null")},
        }
        for printed in request.parts["blocks"]
        for component in request.parts["components"]
        for entry in entries
        for row in own.get((entry, request.own_block(printed), component), ())
    ]


def draw(rows: list[Row], request: Request) -> Figure:
    """Draw one panel per block and kind of matrix, one line per entry."""
    blocks, components = request.parts["blocks"], request.parts["components"]
    figure, grid = plt.subplots(
        len(blocks), len(components), figsize=(FULL_WIDTH, 6.4), sharex=True, sharey=True, squeeze=False
    )
    marks = exhibit_qwen.marks(request)
    for line, block in zip(grid, blocks, strict=True):
        for axes, component in zip(line, components, strict=True):
            panel = [row for row in rows if row["panel"] == f"{block} {component}"]
            for entry, (colour, _) in marks.items():
                _curve(axes, [row for row in panel if row["entry"] == entry], "share", color=colour, lw=1.0)
            _null(axes, panel)
            axes.set_title(f"{COMPONENT_NAMES[component]}, block {request.own_block(block)}", loc="left")
            axes.set_yscale("log")
            axes.set_ylim(1e-5, 0.3)
            axes.set_yticks(
                [1e-5, 1e-4, 1e-3, 1e-2, 1e-1], labels=["0.00001", "0.0001", "0.001", "0.01", "0.1"]
            )
            axes.minorticks_off()
    for axes in grid[-1]:
        axes.set_xlabel("log10 |w|")
    grid[len(blocks) // 2, 0].set_ylabel(f"share of the weights in {1 / BINS_PER_DECADE:g} of log10 |w|")
    handles = [*exhibit_qwen.handles(request, marked=False), lined("Gaussian weights, median", "black", ":")]
    figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure


def _curve(axes: Any, rows: list[Row], column: str, **style: object) -> None:
    """Draw shares over the middles of their bins; empty bins and the open one are left out."""
    known = [row for row in rows if row["log10_low"] is not None and float(str(row[column])) > 0]
    middles = [float(str(row["log10_low"])) + 0.5 / BINS_PER_DECADE for row in known]
    axes.plot(middles, [row[column] for row in known], **style)


def _null(axes: Any, rows: list[Row]) -> None:
    """Draw the median over the entries of what Gaussian weights of their standard deviations have in each bin."""
    bins: dict[object, list[float]] = {}
    for row in rows:
        if row["log10_low"] is not None:
            bins.setdefault(row["log10_low"], []).append(float(str(row["share_null"])))
    middle = [
        {"log10_low": low, "share": float(np.median(bins[low]))}
        for low in sorted(bins, key=lambda low: float(str(low)))
    ]
    _curve(axes, middle, "share", color="black", ls=":", lw=1.2)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        make_figure(Request.of(snakemake), COLUMNS, rows, draw)
