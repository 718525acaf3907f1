"""Figure 9: the shape of q and k, and of q, k and v together, for three types of attention."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from weightfit import paper, table
from weightfit.exhibits.figures.attention import LOOKS, group
from weightfit.exhibits.figures.blocks import blocks_of, last_blocks
from weightfit.exhibits.legend import lined, marked, shaded
from weightfit.exhibits.numbers import Row
from weightfit.exhibits.request import Request
from weightfit.exhibits.style import (
    ANCHOR_COLOUR,
    BAND_COLOUR,
    COMPONENT_NAMES,
    FULL_WIDTH,
    bend,
)

KINK = 1.04
"""Shape at which the two scales of the axis meet: below all printed ranges but the lowest."""

VALUES = ("shape_low", "shape_q25", "shape_median", "shape_q75", "shape_high", "shape_null")
COLUMNS = ("panel", "series", "entry", "stand_in", "step", "as_stored", "blocks", *VALUES, "printed")


def rows(request: Request) -> list[Row]:
    """Return the shapes over blocks, by component, group and entry."""
    fits = last_blocks(request)
    out: list[Row] = []
    for panel in request.content["panels"]:
        for series in request.content["series"]:
            for key, entry in request.cast.shown.items():
                own = blocks_of(fits, entry, panel)
                if group(key) != series or not own.num_rows:
                    continue
                shape = table.column(own, "shape")
                spread = (
                    *np.quantile(shape, (0, 0.25, 0.5, 0.75, 1)),
                    np.median(table.column(own, "shape_null")),
                )
                out.append(
                    {
                        "panel": panel,
                        "series": series,
                        "entry": entry,
                        "stand_in": entry in request.cast.stand_ins,
                        "step": own["step"][0].as_py(),
                        "as_stored": (panel == "qkv") == (series == "merged"),
                        "blocks": shape.size,
                        **{name: float(value) for name, value in zip(VALUES, spread, strict=True)},
                        "printed": printed(request, panel, series),
                    }
                )
    return out


def printed(request: Request, panel: str, series: str) -> str | None:
    """Return the range that the paper prints for a group in a panel, or None where it prints none."""
    if panel not in request.content["printed_panels"][series]:
        return None
    return " to ".join(request.printed(series, side) for side in ("low", "high"))


def places(request: Request) -> dict[str, int]:
    """Return the line of each group's heading by the group's name, and the line of each entry below it."""
    names: list[str] = []
    for series in request.content["series"]:
        members = [entry for key, entry in request.cast.shown.items() if group(key) == series]
        names += [series, *members] if members else []
    return {name: place for place, name in enumerate(names)}


def draw(rows: list[Row], request: Request) -> Figure:
    """Draw one panel per component, with one line per entry below the heading of its group."""
    lines = places(request)
    figure, panels = plt.subplots(
        1,
        len(request.content["panels"]),
        figsize=(FULL_WIDTH, 1.6 + 0.19 * len(lines)),
        sharey=True,
    )
    for panel, axes in zip(request.content["panels"], panels, strict=True):
        for row in rows:
            if row["panel"] == panel:
                _line(row, lines[row["entry"]], axes)
        for series in request.content["series"]:
            _printed_range(panel, series, lines, axes, request)
        axes.set_title(COMPONENT_NAMES[panel], loc="left")
        axes.set_xlabel("shape (two scales)")
        _bend(axes, rows, request)
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
    names = {entry: request.short_name(entry) for entry in request.cast.shown.values()}
    panels[0].set_yticks(list(lines.values()), [names.get(name, name) for name in lines])
    for label in panels[0].get_yticklabels():
        if label.get_text() in request.content["series"]:
            label.set_fontweight("bold")
            label.set_color(LOOKS[label.get_text()][0])
    panels[0].set_ylim(len(lines) - 0.4, -0.6)
    other = "other median: pooled if stored apart,\nsplit if stored as one"
    figure.legend(
        handles=[
            marked("median, as stored"),
            marked(other, filled=False),
            lined("quartiles over blocks", width=3),
            lined("extremes over blocks"),
            marked("Gaussian weights", ANCHOR_COLOUR, "|", size=9),
            shaded("printed range of the group"),
        ],
        loc="outside lower center",
        ncols=3,
    )
    return figure


def _bend(axes: Axes, rows: list[Row], request: Request) -> None:
    """Show all shapes and printed ranges on two scales, of which the upper one has most of the entries."""
    ends = [
        float(text)
        for known in request.content["printed"].values()
        for text in map(paper.printed, known.values())
    ]
    low = min([*ends, *(float(str(row["shape_low"])) for row in rows)])
    high = max([*ends, *(float(str(row["shape_high"])) for row in rows)])
    bend(axes, "x", KINK, low - 0.03, max(high, KINK + 0.15) + 0.01, 0.3)
    axes.set_xticks([*(tick for tick in (0.4, 0.8) if tick > low), 1.1, 1.2, 1.3], minor=False)
    axes.set_xlim(low - 0.03, max(high, KINK + 0.15) + 0.01)


def _line(row: Row, place: int, axes: Axes) -> None:
    colour, marker = LOOKS[str(row["series"])]
    axes.hlines(place, row["shape_low"], row["shape_high"], colour, lw=0.9)
    axes.hlines(place, row["shape_q25"], row["shape_q75"], colour, lw=3)
    axes.plot(
        row["shape_median"],
        place,
        marker,
        color=colour,
        mfc=colour if row["as_stored"] else "white",
        ms=4.2,
    )
    axes.vlines(row["shape_null"], place - 0.4, place + 0.4, ANCHOR_COLOUR, lw=1.2, zorder=1)


def _printed_range(panel: str, series: str, lines: dict[str, int], axes: Axes, request: Request) -> None:
    """Shade a printed range behind the lines of its group, and write the range beside the group's heading."""
    text = printed(request, panel, series)
    members = [lines[entry] for key, entry in request.cast.shown.items() if group(key) == series]
    if text is None or not members:
        return
    low, high = (float(request.printed(series, side)) for side in ("low", "high"))
    axes.add_patch(
        Rectangle(
            (low, lines[series] + 0.5),
            high - low,
            len(members),
            color=BAND_COLOUR,
            alpha=0.45,
            lw=0,
            zorder=0.5,
        )
    )
    axes.text(
        0.02,
        lines[series],
        f"printed: {text}",
        va="center",
        fontsize=7,
        transform=axes.get_yaxis_transform(),
    )
