"""Figure 12: mean scales against sqrt(learning rate / weight decay), for each source of these two."""

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from weightfit.exhibits.legend import lined, marked
from weightfit.exhibits.numbers import Row
from weightfit.exhibits.request import Request
from weightfit.exhibits.style import FULL_WIDTH, NULL_COLOUR, markings
from weightfit.exhibits.words import cell

POINT = {
    "step": "step",
    "root": "root",
    "scale": "scale",
    "scale_se": "scale_se",
    "scale_null": "scale_initial",
    "scale_null_se": "scale_initial_se",
}
"""Names of the columns of an entry's scales, and those in the table; scales before training are the null."""

FITTED = ("slope", "correlation", "exponent", "r_squared")
SURE = (
    *("slope_se", "slope_low", "slope_high", "correlation_low", "correlation_high"),
    *("exponent_se", "exponent_low", "exponent_high"),
)
DEVIATIONS = ("deviation_measured", "deviation_predicted")
LIMITS = tuple(f"{name}_{side}" for name in DEVIATIONS for side in ("low", "high"))
PRINTED = ("slope", "correlation", "deviation_low", "deviation_high")
COLUMNS = (
    "panel",
    "series",
    "entry",
    "stand_in",
    *POINT,
    *DEVIATIONS,
    "points",
    *FITTED,
    *SURE,
    *(f"{name}_null" for name in FITTED),
    *LIMITS,
    *(f"{name}_printed" for name in PRINTED),
)


def rows(request: Request) -> list[Row]:
    """Return, for each source, one row per entry with its scale before training, and one row for the line."""
    (line_series,) = set(request.content["series"]) - set(request.cast.wanted)
    mean = pc.field("statistic") == "mean"
    own_group = pc.field("group") == request.content["group"]
    lines = {
        (line["weights"], line["convention"], line["stage"]): line
        for line in request.read("steady_state_lines").filter(mean & own_group).to_pylist()
    }
    found = {
        (row["convention"], row["entry"]): row
        for row in request.read("steady_state").filter(mean).to_pylist()
    }
    out: list[Row] = []
    order = list(request.content["panels"])
    for panel in sorted(
        {convention for convention, _ in found},
        key=lambda name: (order.index(name) if name in order else -1, name),
    ):
        points = {
            key: found[panel, entry] for key, entry in request.cast.shown.items() if (panel, entry) in found
        }
        for weights in dict.fromkeys(row["weights"] for row in points.values()):
            last, first = (lines.get((weights, panel, stage), {}) for stage in ("terminal", "initial"))
            own = {key: row for key, row in points.items() if row["weights"] == weights}
            out += [_row(panel, key) | _point(row, last.get("slope")) for key, row in own.items()]
            if last:
                out.append(_row(panel, line_series) | _line(weights, last, first, request))
    return out


def _row(panel: str, series: str) -> dict[str, object]:
    return dict.fromkeys(COLUMNS) | {"panel": panel, "series": series}


def _point(row: Mapping[str, Any], slope: float | None) -> dict[str, object]:
    out = {"entry": row["entry"], "stand_in": row["weights"] == "stand_in"}
    out |= {name: row[column] for name, column in POINT.items()}
    if None in (slope, row["root"], row["scale"]):
        return out
    away = row["scale"] - slope * row["root"]
    return out | {
        "deviation_measured": 100 * away / row["scale"],
        "deviation_predicted": 100 * away / (slope * row["root"]),
    }


def _line(
    weights: str, last: Mapping[str, Any], first: Mapping[str, Any], request: Request
) -> dict[str, object]:
    return {
        "stand_in": weights == "stand_in",
        **{name: last[name] for name in ("points", *FITTED, *SURE, *LIMITS)},
        **{f"{name}_null": first.get(name) for name in FITTED},
        **{f"{name}_printed": request.printed(name) for name in PRINTED},
    }


def draw(rows: list[Row], request: Request) -> Figure:
    """Draw one panel per source, with its entries and the statistics of the line beside it."""
    placed = [row for row in rows if row["root"] is not None and row["scale"] is not None]
    names = list(dict.fromkeys(row["panel"] for row in placed))
    if not names:
        return _without_rates()
    figure, panels = plt.subplots(len(names), 1, figsize=(FULL_WIDTH, 0.5 + 2.6 * len(names)), squeeze=False)
    marks = markings(request.cast.wanted)
    for name, axes in zip(names, panels.flat, strict=True):
        points = [row for row in placed if row["panel"] == name]
        handles = []
        for row in points:
            colour, marker = f"C{request.cast.wanted.index(row['series'])}", marks[row["series"]][1]
            axes.plot(row["root"], row["scale"], marker, color=colour, ms=5, zorder=3)
            if row["scale_null"] is not None:
                axes.plot(row["root"], row["scale_null"], marker, color=colour, mfc="none", ms=6, zorder=4)
            handles.append(marked(f"{row['entry']}{_away(row)}", colour, marker, size=5))
        reach = 1.1 * max(row["root"] for row in points)
        for row in rows:
            if row["panel"] == name and row["entry"] is None:
                handles += _draw_line(row, reach, axes)
        axes.set(xlim=(0, reach), ylim=(0, None), ylabel="mean scale (units of the weights)")
        axes.set_title(f"source: {name}", loc="left")
        axes.legend(
            handles=handles, loc="upper left", bbox_to_anchor=(1, 1.06), borderpad=1.5, handlelength=1.6
        )
    panels[-1, 0].set_xlabel("sqrt(learning rate / weight decay)")
    return figure


def _without_rates() -> Figure:
    figure, axes = plt.subplots(figsize=(FULL_WIDTH, 1.2))
    axes.axis("off")
    axes.text(0.5, 0.5, "Learning rate and weight decay of these weights are unknown.", ha="center")
    return figure


def _away(row: Row) -> str:
    deviation = row["deviation_predicted"]
    return "" if deviation is None else f": {deviation:+.1f} % from the line"


def _draw_line(row: Row, reach: float, axes: Axes) -> list[Any]:
    """Draw the lines through the scales after and before training, and return the items of the legend."""
    axes.plot([0, reach], [0, row["slope"] * reach], color="black", lw=1, zorder=1)
    told = [
        f"r = {cell(row['correlation'], '.3f')} [{cell(row['correlation_low'], '.2f')}, "
        f"{cell(row['correlation_high'], '.2f')}] (printed: {row['correlation_printed']}), "
        f"{row['points']} points",
        f"free exponent {cell(row['exponent'], '.2f')} ± {cell(row['exponent_se'], '.2f')}, R² of the line "
        f"{cell(row['r_squared'], '.2f')}",
        f"deviations {row['deviation_measured_low']:.0f} to {row['deviation_measured_high']:.0f} % of the scale, "
        f"{row['deviation_predicted_low']:.0f} to {row['deviation_predicted_high']:.0f} %\nof the line (printed: "
        f"{row['deviation_low_printed']} to {row['deviation_high_printed']} %)",
    ]
    slope = f"slope {row['slope']:.3f} ± {row['slope_se']:.3f} (printed: {row['slope_printed']})"
    handles = [lined(slope, "black"), *(lined(text, style="none") for text in told)]
    if row["slope_null"] is None:
        return handles
    axes.plot([0, reach], [0, row["slope_null"] * reach], color=NULL_COLOUR, ls=":", lw=1.2, zorder=1)
    before = (
        f"before training (open marks): slope {row['slope_null']:.3f},\nr = {cell(row['correlation_null'], '.3f')}, "
        f"exponent {cell(row['exponent_null'], '.2f')}, R² {cell(row['r_squared_null'], '.2f')}"
    )
    return [*handles, lined(before, NULL_COLOUR, ":", 1.2)]
