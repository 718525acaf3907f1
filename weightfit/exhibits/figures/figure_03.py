"""Figure 3: body and tail of the pooled FFN and o matrices of Pythia-70m through training."""

import math
from typing import Any

import matplotlib.pyplot as plt
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from weightfit.components import POOLED
from weightfit.exhibits.numbers import Row
from weightfit.exhibits.request import Request
from weightfit.exhibits.style import COLOURS, FULL_WIDTH, NOTE_COLOUR
from weightfit.studies.selection import of_components, protocol

COLUMNS = (
    *("panel", "series", "entry", "stand_in", "printed_step", "step"),
    *("low", "high", "value", "value_se", "value_null", "printed"),
)
COUNTS = {"observed": "count", "weibull": "count_weibull", "gaussian mixture": "count_null"}
CURVES = {
    "weibull": ("Weibull law fitted to the middle 80 %", COLOURS[1], "-"),
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
PLACES = (0, 0.25, 0.63, 0.82)
"""Left edges of the text columns beside a row of panels, as fractions of the width available there."""


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
    """Draw body and tail of each step side by side, with the statistics of the fit and the tail next to them."""
    steps = [step for step in request.content["steps"] if any(row["printed_step"] == step for row in rows)]
    figure, grid = plt.subplots(
        *(len(steps), 3),
        figsize=(FULL_WIDTH, 1.5 * len(steps) + 0.8),
        squeeze=False,
        width_ratios=(1, 1, 1.75),
    )
    for line, step in zip(grid, steps, strict=True):
        own = [row for row in rows if row["printed_step"] == step]
        stands = "" if own[0]["step"] == step else f" for the printed {step:,}"
        for axes, region in zip(line, ("body", "tail"), strict=False):
            _counts(axes, [row for row in own if row["panel"] == f"{region} {step}"])
            axes.set_title(region, loc="left")
        _log_counts(line[1])
        line[0].set_ylabel("weights in a bin")
        line[2].set_title(f"step {own[0]['step']:,}{stands}", loc="left")
        _beside(line[2], own, request.cast.heading)
    for axes in grid[-1, :2]:
        axes.set_xlabel("|w - mean| (units of the weights)")
    handles, labels = grid[0, 1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def _counts(axes: Axes, rows: list[Row]) -> None:
    bins = {series: [row for row in rows if row["series"] == series] for series in COUNTS}
    values = {series: [row["value"] for row in own] for series, own in bins.items()}
    observed = bins["observed"]
    edges = [*(row["low"] for row in observed), observed[-1]["high"]]
    axes.stairs(values["observed"], edges, fill=True, color="#bbbbbb", label="observed")
    for series, (label, colour, style) in CURVES.items():
        axes.stairs(values[series], edges, baseline=None, color=colour, ls=style, lw=1.1, label=label)
    axes.set_ylim(0, 1.08 * max(map(max, values.values())))
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda count, _: f"{count:,.0f}"))


def _log_counts(axes: Axes) -> None:
    """Give counts a logarithmic axis that begins below one weight."""
    highest = axes.get_ylim()[1]
    axes.set_yscale("log")
    axes.set_ylim(0.3, 1.5 * max(highest, 1))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda count, _: f"{count:,.0f}"))
    axes.minorticks_off()


def _beside(axes: Axes, rows: list[Row], heading: str) -> None:
    """Write each statistic of a step with its standard error, its null and the printed value."""
    axes.axis("off")
    found = {row["series"]: row for row in rows if row["series"] in NAMES and row["value"] is not None}
    lines = [("", heading, "mixture", "printed"), *(_words(row) for row in found.values())]
    lines += [
        (f"* printed {remark}",) for remark in dict.fromkeys(_remark(row) for row in found.values()) if remark
    ]
    for number, words in enumerate(lines):
        for place, word in zip(PLACES, words, strict=False):
            axes.text(
                *(place, 0.99 - number / 8, word),
                va="top",
                fontsize=6.5,
                color=NOTE_COLOUR if number == 0 else "black",
                transform=axes.transAxes,
            )


def _words(row: Row) -> tuple[str, ...]:
    value, error, null = (row[name] for name in ("value", "value_se", "value_null"))
    printed = str(row["printed"] or "").partition(" (")[0] + (" *" if _remark(row) else "")
    name = NAMES[str(row["series"])]
    if not error:
        return name, f"{value:,}", "" if null is None else f"{null:.4g}", printed
    decimals = max(0, 1 - math.floor(math.log10(float(str(error)))))
    return name, f"{value:.{decimals}f} ± {error:.{decimals}f}", f"{null:.{decimals}f}", printed


def _remark(row: Row) -> str:
    return str(row["printed"] or "").partition(" (")[2].removesuffix(")")
