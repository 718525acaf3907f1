"""Figure 3: body and tail of the pooled FFN and o matrices of Pythia-70m through training."""

from typing import Any

import matplotlib.pyplot as plt
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from weightfit.architecture import POOLED
from weightfit.exhibit_figure import make_figure
from weightfit.exhibit_numbers import Row
from weightfit.exhibit_request import Request
from weightfit.exhibit_style import COLOURS, FULL_WIDTH
from weightfit.task import logged

COLUMNS = (
    *("panel", "series", "entry", "stand_in", "printed_step", "step"),
    *("low", "high", "value", "value_se", "value_null", "printed"),
)
CURVES = {"observed": "count", "weibull": "count_weibull", "gaussian mixture": "count_null"}
OF_BODY, OF_TAIL = ("shape", "scale"), ("maximum", "ratio", "log10_tail")
NAMES = {
    "shape": "shape",
    "scale": "scale",
    "maximum": "largest |w|",
    "ratio": "largest / 99 % quantile",
    "log10_tail": "log10 of the Weibull tail there",
}


def rows(request: Request) -> list[Row]:
    """Return the counts of each bin and the statistics of each step."""
    (entry,) = request.cast.shown.values()
    tables = {
        name: request.read(name).filter(pc.field("entry") == entry) for name in request.exhibit["inputs"]
    }
    out: list[Row] = []
    for printed in request.parts["steps"]:
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
                _cell(f"{region} {printed}", name, row[name], row[f"{name}_se"], row[f"{name}_null"])
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
        for series, column in CURVES.items()
    ]


def _cell(panel: str, series: str, value: object, error: object, null: object) -> dict[str, object]:
    empty = {"low": None, "high": None, "printed": None}
    return empty | {"panel": panel, "series": series, "value": value, "value_se": error, "value_null": null}


def _fit(fits: pa.Table, request: Request) -> list[dict[str, Any]]:
    chosen = (
        (pc.field("component") == request.parts["component"])
        & (pc.field("block") == POOLED)
        & (pc.field("protocol") == "centred")
        & (pc.field("sign") == "both")
        & (pc.field("trim") == request.parts["trim"])
    )
    return fits.filter(chosen).to_pylist()


def _extremes(super_weights: pa.Table, request: Request) -> list[dict[str, Any]]:
    chosen = (pc.field("pool") == request.parts["component"]) & (pc.field("block") == POOLED)
    return super_weights.filter(chosen).to_pylist()


def _printed(request: Request, name: str, step: int) -> str | None:
    """Return the printed text; a shape that is printed for one of two steps, not saying which, stands at both."""
    if step in request.parts["printed"][name]:
        return request.printed(name, step)
    return f"{request.printed('shape_between')} (here or at another)" if name == "shape" else None


def draw(rows: list[Row], request: Request) -> Figure:
    """Draw body and tail of each step side by side, and beside them what the fit and the tail give."""
    steps = [step for step in request.parts["steps"] if any(row["printed_step"] == step for row in rows)]
    figure, grid = plt.subplots(
        len(steps), 3, figsize=(FULL_WIDTH, 1.75 * len(steps) + 0.8), squeeze=False, width_ratios=(1, 1, 0.95)
    )
    for line, step in zip(grid, steps, strict=True):
        own = [row for row in rows if row["printed_step"] == step]
        for axes, region in zip(line, ("body", "tail"), strict=False):
            _counts(axes, [row for row in own if row["panel"] == f"{region} {step}"], region)
        stands = "" if own[0]["step"] == step else f" for the printed {step:,}"
        line[0].set_title(f"step {own[0]['step']:,}{stands}", loc="left")
        line[1].set_title("tail, from the 99 % quantile", loc="left")
        line[2].axis("off")
        line[2].text(
            0, 1.0, _told(own), va="top", fontsize=6.5, linespacing=1.35, transform=line[2].transAxes
        )
    for axes in grid[-1, :2]:
        axes.set_xlabel("|w - mean| (units of the weights)")
    handles, labels = grid[0, 1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def _counts(axes: Any, rows: list[Row], region: str) -> None:
    bins = {series: [row for row in rows if row["series"] == series] for series in CURVES}
    observed = bins["observed"]
    edges = [*(row["low"] for row in observed), observed[-1]["high"]]
    axes.stairs([row["value"] for row in observed], edges, fill=True, color="#bbbbbb", label="counted")
    for series, colour, style in (("weibull", COLOURS[1], "-"), ("gaussian mixture", COLOURS[0], "--")):
        label = {"weibull": "Weibull law fitted to the middle 80 %", "gaussian mixture": "Gaussian mixture"}[
            series
        ]
        axes.stairs(
            [row["value"] for row in bins[series]], edges, color=colour, ls=style, lw=1.2, label=label
        )
    axes.set_ylabel("weights in a bin")
    if region == "tail":
        axes.set_yscale("log")
        axes.set_ylim(bottom=0.3)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda count, _: f"{count:g}"))
        axes.minorticks_off()


def _told(rows: list[Row]) -> str:
    """Return what is said beside a line of panels: each statistic, its null and what the paper prints."""
    lines = []
    for name in (*OF_BODY, *OF_TAIL):
        for row in rows:
            if row["series"] == name and row["value"] is not None:
                printed = "" if row["printed"] is None else f"\n  printed: {row['printed']}"
                lines.append(
                    f"{NAMES[name]}: {row['value']:.4g} ± {row['value_se']:.2g}\n"
                    f"  Gaussian mixture: {row['value_null']:.4g}{printed}"
                )
    return "\n".join(lines)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        make_figure(Request.of(snakemake), COLUMNS, rows, draw)
