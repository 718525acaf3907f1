"""Figure 3: body and tail of the pooled FFN and o matrices of Pythia-70m through training."""

import math
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from weightfit.components import POOLED
from weightfit.exhibits.legend import lined
from weightfit.exhibits.numbers import Row
from weightfit.exhibits.request import Request
from weightfit.exhibits.style import COLOURS, FULL_WIDTH
from weightfit.studies.selection import of_components, protocol

COLUMNS = (
    *("panel", "series", "entry", "stand_in", "printed_step", "step"),
    *("low", "high", "value", "value_se", "value_null", "printed"),
)
COUNTS = {"observed": "count", "weibull": "count_weibull", "gaussian mixture": "count_null"}
CURVES = {
    "weibull": ("Weibull law of the middle 80 %", COLOURS[1], "-"),
    "gaussian mixture": ("Gaussian mixture", COLOURS[0], "--"),
}
OF_BODY, OF_TAIL = ("n", "shape", "scale"), ("maximum", "ratio", "log10_tail")
NAMES = {
    "n": "n",
    "shape": "shape",
    "scale": "scale",
    "maximum": "largest",
    "ratio": "largest / q99",
    "log10_tail": "log10 P",
}
PRINTED_COLOUR = "#8C4A00"


def rows(request: Request) -> list[Row]:
    """Return the counts of each bin and the statistics of each step."""
    (entry,) = request.cast.shown.values()
    tables = {name: request.read(name).filter(pc.field("entry") == entry) for name in request.exhibit.inputs}
    out: list[Row] = []
    for printed in request.content["steps"]:
        step = request.own_step(printed)
        key = {
            "entry": entry,
            "stand_in": entry in request.cast.stand_ins,
            "printed_step": printed,
            "step": step,
        }
        at = {name: rows.filter(pc.field("step") == step) for name, rows in tables.items()}
        out += _bins(at["tail"], key)
        fit, extremes = _fit(at["fits"], request), _extremes(at["super_weights"], request)
        for names, region, found in ((OF_BODY, "body", fit), (OF_TAIL, "tail", extremes)):
            out += [
                _cell(f"{region} {printed}", name, row[name], row.get(f"{name}_se"), row.get(f"{name}_null"))
                | key
                | {"printed": _printed(request, name, printed)}
                for row in found
                for name in names
            ]
    return out


def _bins(tail: pa.Table, key: dict[str, Any]) -> list[Row]:
    return [
        _cell(f"{row['region']} {key['printed_step']}", series, row[column], None, None)
        | key
        | {"low": row["low"], "high": row["high"]}
        for row in tail.to_pylist()
        for series, column in COUNTS.items()
    ]


def _cell(panel: str, series: str, value: object, error: object, null: object) -> dict[str, object]:
    empty = {"low": None, "high": None, "printed": None}
    return empty | {"panel": panel, "series": series, "value": value, "value_se": error, "value_null": null}


def _fit(fits: pa.Table, request: Request) -> list[dict[str, Any]]:
    chosen = (
        of_components([request.content["component"]])
        & (pc.field("block") == POOLED)
        & protocol(request.content["trim"])
    )
    rows: list[dict[str, Any]] = fits.filter(chosen).to_pylist()
    return rows


def _extremes(super_weights: pa.Table, request: Request) -> list[dict[str, Any]]:
    chosen = (pc.field("pool") == request.content["component"]) & (pc.field("block") == POOLED)
    rows: list[dict[str, Any]] = super_weights.filter(chosen).to_pylist()
    return rows


def _printed(request: Request, name: str, step: int) -> str | None:
    """Return the printed text; a shape that is printed without saying for which of two steps is given for both."""
    known = request.content["printed"][name]
    if step in known:
        return request.printed(name, step)
    if name != "shape":
        return None
    between = " or ".join(f"{other:,}" for other in request.content["steps"] if other not in known)
    return f"{request.printed('shape_between')} (for step {between})"


def draw(rows: list[Row], request: Request) -> Figure:
    """Draw one panel per step, body and tail on one axis of the magnitude over its 99 % quantile."""
    steps = [step for step in request.content["steps"] if any(row["printed_step"] == step for row in rows)]
    lines = -(-len(steps) // 2)
    figure, grid = plt.subplots(
        *(lines, min(2, len(steps))),
        figsize=(FULL_WIDTH, 2.75 * lines + 0.5),
        squeeze=False,
        sharex=True,
        sharey=True,
    )
    for axes, step in zip(grid.flat, steps, strict=False):
        own = [row for row in rows if row["printed_step"] == step]
        stands = "" if own[0]["step"] == step else f" (for {step:,})"
        _counts(axes, own)
        found = {row["series"]: row for row in own if row["series"] in NAMES and row["value"] is not None}
        _mark_largest(axes, found.get("ratio"))
        told = [
            _words(name, found[name]) for name in ("shape", "scale", "ratio", "log10_tail") if name in found
        ]
        title = "\n".join([f"step {own[0]['step']:,}{stands}", *told])
        axes.set_title(title, loc="left", fontsize=7, linespacing=1.3)
    for axes in grid.flat[len(steps) :]:
        axes.axis("off")
    _axes(grid.flat[0], rows)
    figure.supylabel("weights per unit of |w - mean| / q99", fontsize=8)
    for axes in grid[-1]:
        axes.set_xlabel("|w - mean| / q99")
    drawn, _ = grid[0, 0].get_legend_handles_labels()
    handles = [*drawn, lined("printed largest / q99", PRINTED_COLOUR, "--", 1.4)]
    figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure


def _counts(axes: Axes, rows: list[Row]) -> None:
    """Draw counts over the widths of their bins, so that the wider bins of the tail continue those of the body."""
    unit = _q99(rows)
    for series in COUNTS:
        own = sorted((row for row in rows if row["series"] == series), key=lambda row: float(str(row["low"])))
        edges = [float(str(row["low"])) / unit for row in own] + [float(str(own[-1]["high"])) / unit]
        widths = np.diff(edges)
        heights = np.array([float(str(row["value"])) for row in own]) / widths
        if series == "observed":
            axes.stairs(heights, edges, fill=True, color="#bbbbbb", label="observed")
        else:
            label, colour, style = CURVES[series]
            axes.stairs(heights, edges, baseline=None, color=colour, ls=style, lw=1.1, label=label)


def _q99(rows: list[Row]) -> float:
    """Return the 99 % quantile of a step, which is where its tail begins."""
    return min(
        float(str(row["low"]))
        for row in rows
        if row["low"] is not None and str(row["panel"]).startswith("tail")
    )


def _axes(axes: Axes, rows: list[Row]) -> None:
    """Show all counts of a weight and more, and every printed ratio, on logarithmic axes."""
    observed = [row for row in rows if row["series"] == "observed" and row["value"]]
    units = {
        row["printed_step"]: _q99([one for one in rows if one["printed_step"] == row["printed_step"]])
        for row in observed
    }
    heights = [
        float(str(row["value"]))
        * units[row["printed_step"]]
        / (float(str(row["high"])) - float(str(row["low"])))
        for row in observed
    ]
    ends = [float(str(row["high"])) / units[row["printed_step"]] for row in observed]
    printed = [float(str(row["printed"])) for row in rows if row["series"] == "ratio" and row["printed"]]
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(0.1, 1.3 * max([*ends, *printed]))
    low, high = min(heights), max(heights)
    axes.set_ylim(0.5 * low, 2.5 * high)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda ratio, _: f"{ratio:g}"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda count, _: f"{count:,.0f}"))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())


def _mark_largest(axes: Axes, ratio: Row | None) -> None:
    """Mark the largest weight as measured, and as the paper prints it."""
    if ratio is None:
        return
    axes.plot(
        ratio["value"], 0.97, "v", color="black", ms=5, transform=axes.get_xaxis_transform(), clip_on=False
    )
    if ratio["printed"]:
        printed = float(str(ratio["printed"]))
        axes.axvline(printed, color=PRINTED_COLOUR, ls="--", lw=1.4)
        axes.text(
            *(printed / 1.06, 0.8, f"printed\n{ratio['printed']}"),
            ha="right",
            fontsize=7,
            color=PRINTED_COLOUR,
            transform=axes.get_xaxis_transform(),
        )


def _words(name: str, row: Row) -> str:
    """Return a statistic of a step with its standard error, its value for the Gaussian mixture, and the printed one."""
    value, error, null = (row[column] for column in ("value", "value_se", "value_null"))
    decimals = max(0, 1 - math.floor(math.log10(float(str(error))))) if error else 4
    told = f"{NAMES[name]} {value:.{decimals}f}" + (f" ± {error:.{decimals}f}" if error else "")
    brackets = [] if null is None else [f"mixture {null:.{decimals}f}"]
    if row["printed"]:
        text, _, between = str(row["printed"]).partition(" (")
        brackets.append(f"printed {text}{' †' if between else ''}")
    return f"{told} ({'; '.join(brackets)})" if brackets else told
