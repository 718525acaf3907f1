"""Figure 13: shape and scale of gate, up and down, block by block, over the Qwen cohort."""

from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from weightfit.exhibits.figures import qwen
from weightfit.exhibits.figures.blocks import blocks_of, last_blocks
from weightfit.exhibits.figures.qwen import marks, regime
from weightfit.exhibits.legend import lined, shaded
from weightfit.exhibits.numbers import Row
from weightfit.exhibits.request import Request
from weightfit.exhibits.style import ANCHOR_COLOUR, COMPONENT_NAMES, FULL_WIDTH, band, bend

KINK = 1.1
"""Shape at which the two scales meet: below the band and its surroundings, and above the printed minima."""

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
    figure, panels = plt.subplots(
        2, len(names) // 2, figsize=(FULL_WIDTH, 6.0), sharex=True, sharey="row", height_ratios=(1.35, 1)
    )
    for name, axes in zip(names, panels.flat, strict=True):
        statistic, component = name.split()
        _lines([row for row in rows if row["panel"] == name], axes, request)
        axes.set_title(f"{statistic}, {COMPONENT_NAMES[component]}", loc="left")
    shapes = [row for row in rows if str(row["panel"]).startswith("shape")]
    for axes in panels[0]:
        _bend(axes, shapes, request)
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
    panels[0, 0].set_ylabel("shape (two scales)")
    panels[1, 0].set_ylabel("scale (units of the weights)")
    minima = [float(text) for text in _minima(request).values()]
    panels[0, 0].text(
        *(0.97, max(minima, default=0) + 0.03, "printed minima of regime B"),
        ha="right",
        va="bottom",
        fontsize=7,
        transform=panels[0, 0].get_yaxis_transform(),
    )
    figure.legend(handles=_handles(request), loc="outside lower center", ncols=2, handlelength=2.6)
    return figure


def _minima(request: Request) -> dict[str, str]:
    """Return the printed least shape of the shallow blocks of each entry of regime B, by id of the paper's entry."""
    return {
        key: request.printed("minima", key)
        for key in request.content["series"]
        if regime(request, key) == "B"
    }


def _bend(axes: Axes, rows: list[Row], request: Request) -> None:
    """Show the printed band and the printed minima, which are far from it, on two scales that meet."""
    looks = qwen.looks(request)
    for key, text in _minima(request).items():
        least = float(text)
        # The paper gives the minima of all three kinds together, and the blocks in which they lie as a range.
        axes.plot(
            *((0.02, 0.12), (least, least)),
            color=looks[key][0],
            lw=1.6,
            transform=axes.get_yaxis_transform(),
            zorder=2.5,
        )
    low, high = (float(request.printed(f"band_{side}")) for side in ("low", "high"))
    band(axes, low, high, "printed band")
    values = [float(str(row["value"])) for row in rows]
    least = min([*values, *(float(text) for text in _minima(request).values())])
    bend(axes, "y", KINK, least - 0.05, max([*values, high]) + 0.02, 0.4)
    axes.set_yticks([*(tick for tick in (0.2, 0.4, 0.6, 0.8, 1.0) if tick > least - 0.05), 1.15, 1.2, 1.25])
    axes.set_ylim(least - 0.05, max([*values, high]) + 0.02)


def _handles(request: Request) -> list[Any]:
    return [
        *qwen.handles(request),
        lined("Gaussian weights", ANCHOR_COLOUR, ":", 0.9),
        shaded(f"printed band, {printed_band(request)}"),
    ]


def _lines(rows: list[Row], axes: Axes, request: Request) -> None:
    """Draw each entry with its standard errors, and the values for Gaussian weights in its place as dotted lines."""
    for entry, (colour, marker) in marks(request).items():
        own = [row for row in rows if row["entry"] == entry]
        blocks = [row["block"] for row in own]
        values, errors, nulls = ([row[name] for row in own] for name in VALUES)
        axes.plot(blocks, nulls, ls=":", lw=0.7, color=colour, zorder=1.5)
        clean = bool(own) and own[0]["printed_regime"] == "A"
        axes.errorbar(
            blocks,
            values,
            errors,
            marker=marker,
            mfc="white" if clean else colour,
            mew=0.8,
            ms=3.2,
            lw=1.0,
            ls="--" if clean else "-",
            color=colour,
            ecolor=(colour, 0.5),
            elinewidth=0.7,
        )
