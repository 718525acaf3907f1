"""Figure 10: the scale of each kind of matrix through training."""

from typing import Any

import matplotlib.pyplot as plt
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from weightfit.exhibits.legend import lined, marked
from weightfit.exhibits.numbers import Row
from weightfit.exhibits.request import Request
from weightfit.exhibits.style import COMPONENT_NAMES, FULL_WIDTH, HEAT, MARKERS

STATISTICS = ("blocks", "scale_median", "scale_q25", "scale_q75", "scale_mean", "scale_mean_se")
COLUMNS = ("panel", "series", "entry", "stand_in", "printed_step", "step", *STATISTICS)


def rows(request: Request) -> list[Row]:
    """Return the scales over blocks, by kind of matrix, entry and step."""
    own = {request.own_step(step): step for step in request.content["steps"]}
    found = {
        (row["component"], row["entry"], row["step"]): row for row in request.read("scaling").to_pylist()
    }
    return [
        {
            "panel": panel,
            "series": series,
            "entry": entry,
            "stand_in": entry in request.cast.stand_ins,
            "printed_step": printed,
            "step": step,
            **{name: found[panel, entry, step][name] for name in STATISTICS},
        }
        for panel in request.content["panels"]
        for series, entry in request.cast.shown.items()
        for step, printed in own.items()
        if (panel, entry, step) in found
    ]


def draw(rows: list[Row], request: Request) -> Figure:
    """Draw one panel per kind of matrix, with the scale of each model over its start."""
    figure, panels = plt.subplots(2, 2, figsize=(FULL_WIDTH, 5.0), sharex=True)
    for panel, axes in zip(request.content["panels"], panels.flat, strict=True):
        ends = []
        for series in request.cast.shown:
            line = [row for row in rows if (row["panel"], row["series"]) == (panel, series)]
            start = next((float(str(row["scale_median"])) for row in line if row["printed_step"] == 0), None)
            if start is None:
                continue
            colour, marker = _look(series, request)
            steps = [row["step"] for row in line]
            values = {name: [float(str(row[name])) / start for row in line] for name in STATISTICS[1:4]}
            axes.plot(steps, values["scale_median"], marker=marker, color=colour, mec="black", mew=0.3)
            axes.fill_between(steps, values["scale_q25"], values["scale_q75"], color=colour, alpha=0.15, lw=0)
            ends.append((series, steps[-1], colour, marker))
        axes.axhline(1, color="black", lw=0.8, ls="--", zorder=0.8)
        if panel == request.content["printed_panel"]:
            for series, last, colour, marker in ends:
                axes.plot(
                    last * 1.9, printed_growth(request, series), marker, color=colour, mfc="white", ms=5
                )
        axes.set_title(COMPONENT_NAMES[panel], loc="left")
        axes.set_xscale("symlog", linthresh=1, linscale=0.6)
        axes.set_yscale("log")
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))
        _few_ticks(axes)
    for axes in panels[:, 0]:
        axes.set_ylabel("scale over its start")
    for axes in panels[-1]:
        axes.set_xlabel("training step")
    figure.legend(handles=_handles(request), loc="outside lower center", ncols=2)
    return figure


def printed_growth(request: Request, series: str) -> float:
    """Return the ratio of the last to the first scale of o that the paper prints in Table 3."""
    first, last = (float(request.printed("ends", series, end)) for end in ("lamO_init", "lamO_term"))
    return last / first


def _few_ticks(axes: Axes) -> None:
    low, high = axes.get_ylim()
    if high < 4 * low:
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=(1, 2, 5, 10)))
    else:
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda ratio, _: f"{ratio:.3g}"))


def _look(series: str, request: Request) -> tuple[Any, str]:
    """Return the colour of an entry, which is darker the larger its printed T/tau, and its marker."""
    ratios = [float(request.printed("ends", key, "Ttau")) for key in request.cast.wanted]
    own = float(request.printed("ends", series, "Ttau"))
    # Ranks, since the ratios crowd at the lower end.
    darkness = sum(ratio < own for ratio in ratios) / max(len(ratios) - 1, 1)
    place = list(request.cast.wanted).index(series)
    return colormaps[HEAT](0.87 - 0.87 * darkness), MARKERS[place % len(MARKERS)]


def _handles(request: Request) -> list[Any]:
    out: list[Any] = []
    for series, entry in request.cast.shown.items():
        colour, marker = _look(series, request)
        state, ratio = (request.printed("ends", series, part) for part in ("state", "Ttau"))
        label = f"{request.short_name(entry)}: T/τ {ratio}, {state} (printed)"
        out.append(Line2D([], [], color=colour, marker=marker, mec="black", mew=0.3, label=label))
    return [
        *out,
        marked("open, beside the end: printed growth of o (Table 3)", filled=False),
        lined("no change", "black", "--", 0.8),
    ]
