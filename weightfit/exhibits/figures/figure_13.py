"""Figure 13: shape and scale of gate, up and down, block by block, over the Qwen cohort."""

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from weightfit.exhibits.figures.blocks import blocks_of, last_blocks
from weightfit.exhibits.figures.qwen import handles, marks, regime
from weightfit.exhibits.legend import lined, shaded
from weightfit.exhibits.numbers import Row
from weightfit.exhibits.request import Request
from weightfit.exhibits.style import COMPONENT_NAMES, FULL_WIDTH, band

VALUES = ("value", "value_se", "value_null")
COLUMNS = ("panel", "series", "entry", "stand_in", "printed_regime", "step", "block", *VALUES, "printed")


def rows(request: Request) -> list[Row]:
    """Return shape and scale of every block, by component and entry."""
    fits = last_blocks(request)
    out: list[Row] = []
    for panel in request.content["panels"]:
        statistic, component = panel.split()
        for key, entry in request.cast.shown.items():
            own = blocks_of(fits, entry, component)
            out += [
                {
                    "panel": panel,
                    "series": key,
                    "entry": entry,
                    "stand_in": entry in request.cast.stand_ins,
                    "printed_regime": regime(request, key),
                    "step": row["step"],
                    "block": row["block"],
                    "value": row[statistic],
                    "value_se": row[f"{statistic}_se"],
                    "value_null": row[f"{statistic}_null"],
                    "printed": printed_band(request) if statistic == "shape" else None,
                }
                for row in own.to_pylist()
            ]
    return out


def printed_band(request: Request) -> str:
    """Return the printed band of shapes."""
    return f"{request.printed('band_low')} to {request.printed('band_high')}"


def draw(rows: list[Row], request: Request) -> Figure:
    """Draw shapes above and scales below, with one panel per component and one line per entry."""
    names = request.content["panels"]
    figure, panels = plt.subplots(2, len(names) // 2, figsize=(FULL_WIDTH, 5.6), sharex=True, sharey="row")
    for name, axes in zip(names, panels.flat, strict=True):
        statistic, component = name.split()
        _lines([row for row in rows if row["panel"] == name], axes, request)
        axes.set_title(f"{statistic}, {COMPONENT_NAMES[component]}", loc="left")
    for axes in panels[0]:
        low, high = (float(request.printed(f"band_{side}")) for side in ("low", "high"))
        band(axes, low, high, "printed band")
    for axes in panels[1]:
        axes.set_yscale("log")
        axes.set_xlabel("block")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    low, high = panels[1, 0].get_ylim()
    within_a_decade = high < 10 * low
    panels[1, 0].yaxis.set_major_locator(
        MaxNLocator(6, steps=(1, 2, 5, 10)) if within_a_decade else LogLocator(subs=(1, 2, 5))
    )
    panels[1, 0].yaxis.set_minor_locator(NullLocator())
    panels[1, 0].yaxis.set_major_formatter(FuncFormatter(lambda scale, _: f"{scale:.3g}"))
    panels[0, 0].set_ylabel("shape")
    panels[1, 0].set_ylabel("scale (units of the weights)")
    figure.legend(
        handles=[
            *handles(request),
            lined("Gaussian weights", style="--"),
            shaded(f"printed band, {printed_band(request)}"),
        ],
        loc="outside lower center",
        ncols=4,
    )
    return figure


def _lines(rows: list[Row], axes: Axes, request: Request) -> None:
    """Draw each entry with its standard errors, and the values for Gaussian weights in its place as dashed lines."""
    for entry, (colour, marker) in marks(request).items():
        own = [row for row in rows if row["entry"] == entry]
        blocks = [row["block"] for row in own]
        values, errors, nulls = ([row[name] for row in own] for name in VALUES)
        axes.plot(blocks, nulls, ls="--", lw=0.7, color=colour, zorder=1.5)
        axes.errorbar(
            blocks,
            values,
            errors,
            marker=marker,
            ms=3,
            lw=1.0,
            color=colour,
            ecolor=(colour, 0.5),
            elinewidth=0.7,
        )
