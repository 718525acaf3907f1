"""Figure 10: the scale of each kind of matrix through training."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from weightfit.exhibits.numbers import Row
from weightfit.exhibits.request import Request
from weightfit.exhibits.style import COMPONENT_NAMES, FULL_WIDTH, markings

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
    """Draw one panel per kind of matrix, with one line per model."""
    figure, panels = plt.subplots(2, 2, figsize=(FULL_WIDTH, 5.4), sharex=True)
    marks = markings(request.cast.wanted)
    for panel, axes in zip(request.content["panels"], panels.flat, strict=True):
        for number, (series, entry) in enumerate(request.cast.shown.items()):
            line = [row for row in rows if (row["panel"], row["series"]) == (panel, series)]
            steps = [row["step"] for row in line]
            colour, marker = f"C{number}", marks[series][1]
            label = entry if panel == request.content["panels"][0] else None
            axes.plot(steps, [row["scale_median"] for row in line], marker=marker, color=colour, label=label)
            low, high = ([row[name] for row in line] for name in ("scale_q25", "scale_q75"))
            axes.fill_between(steps, low, high, color=colour, alpha=0.15, lw=0)
        axes.set_title(COMPONENT_NAMES[panel], loc="left")
        axes.set_xscale("symlog", linthresh=1, linscale=0.6)
        axes.set_yscale("log")
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda scale, _: f"{scale:g}"))
        axes.yaxis.set_minor_formatter(FuncFormatter(lambda scale, _: f"{scale:.2g}"))
        axes.tick_params(axis="y", which="minor", labelsize=6.5)
    for axes in panels[:, 0]:
        axes.set_ylabel("scale (units of the weights)")
    for axes in panels[-1]:
        axes.set_xlabel("training step")
    figure.legend(loc="outside lower center", ncols=5)
    return figure
