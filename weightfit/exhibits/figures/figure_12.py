"""Figure 12: mean scales against sqrt(learning rate / weight decay), for each source of these two."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from weightfit import paper
from weightfit.exhibits.legend import lined, marked
from weightfit.exhibits.numbers import Row
from weightfit.exhibits.request import Request
from weightfit.exhibits.style import FULL_WIDTH, NULL_COLOUR, markings
from weightfit.exhibits.words import cell
from weightfit.studies.origin_line import through_origin

POINT = {
    "step": "step",
    "root": "root",
    "scale": "scale",
    "scale_se": "scale_se",
    "scale_null": "scale_initial",
    "scale_null_se": "scale_initial_se",
}
"""Names of the columns of an entry's scales, and those in the table; scales before training are the null."""

TITLES = {
    "printed": "As printed in Table 4",
    "own": "These weights, with the rates of their own training",
    "paper": "These weights, with the printed rates",
    "official": "These weights, with the rates of the official configurations",
}
"""Titles of the panels by source."""

REACH, LETTER, LINE = 1.4, 0.0235, 0.095
"""Length of the axis and width of a letter in units of the drawn lines, and height of a name in units of the highest
scale."""

STEPS = (0, -1, 1, -2, 2, 3, 4, 5)
"""Distances of a name from its mark that are tried in turn, in heights of a name."""

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
    "factor",
    *SURE,
    *(f"{name}_null" for name in FITTED),
    *LIMITS,
    *(f"{name}_printed" for name in PRINTED),
)


def rows(request: Request) -> list[Row]:
    """Return one row per entry and one for the line, as printed and for each source of the rates."""
    return [*_as_printed(request), *_measured(request)]


def _as_printed(request: Request) -> list[Row]:
    """Return the points that the paper prints in Table 4, and the line through them."""
    points = {
        key: tuple(float(request.printed("points", key, part)) for part in ("sqrt", "lambda"))
        for key in request.cast.wanted
    }
    roots, scales = np.array(list(points.values())).T
    line = asdict(through_origin(roots, scales))
    out = [
        _row("printed", key) | _away({"root": root, "scale": scale}, line["slope"])
        for key, (root, scale) in points.items()
    ]
    series = _row("printed", _line_series(request))
    return [*out, series | _fitted(line, {}, request, _factor(out, line["exponent"]))]


def _factor(points: Sequence[Row], exponent: float | None) -> float | None:
    """Return the factor of the power with a free exponent, which goes through the mean of the logarithms."""
    if exponent is None:
        return None
    logs = [
        math.log(float(str(row["scale"]))) - exponent * math.log(float(str(row["root"]))) for row in points
    ]
    return math.exp(sum(logs) / len(logs))


def _line_series(request: Request) -> str:
    (series,) = set(request.content["series"]) - set(request.cast.wanted)
    return str(series)


def _measured(request: Request) -> list[Row]:
    line_series = _line_series(request)
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
            points_of = [_row(panel, key) | _point(row, last.get("slope")) for key, row in own.items()]
            out += points_of
            if last:
                factor = _factor(
                    [row for row in points_of if None not in (row["root"], row["scale"])], last["exponent"]
                )
                stands = {"stand_in": weights == "stand_in"}
                out.append(_row(panel, line_series) | stands | _fitted(last, first, request, factor))
    return out


def _row(panel: str, series: str) -> dict[str, object]:
    return dict.fromkeys(COLUMNS) | {"panel": panel, "series": series}


def _point(row: Mapping[str, Any], slope: float | None) -> dict[str, object]:
    out = {"entry": row["entry"], "stand_in": row["weights"] == "stand_in"}
    return out | _away({name: row[column] for name, column in POINT.items()}, slope)


def _away(point: dict[str, Any], slope: float | None) -> dict[str, object]:
    """Return a point with its deviation from the line in per cent."""
    if slope is None or point["root"] is None or point["scale"] is None:
        return point
    away = point["scale"] - slope * point["root"]
    return point | {
        "deviation_measured": 100 * away / point["scale"],
        "deviation_predicted": 100 * away / (slope * point["root"]),
    }


def _fitted(
    last: Mapping[str, Any], first: Mapping[str, Any], request: Request, factor: float | None
) -> dict[str, object]:
    return {
        **{name: last[name] for name in ("points", *FITTED, *SURE, *LIMITS)},
        "factor": factor,
        **{f"{name}_null": first.get(name) for name in FITTED},
        **{f"{name}_printed": request.printed(name) for name in PRINTED},
    }


def draw(rows: list[Row], request: Request) -> Figure:
    """Draw one panel per source: its entries by name at the left, the statistics of the line at the right."""
    placed = [row for row in rows if row["root"] is not None and row["scale"] is not None]
    names = list(dict.fromkeys(row["panel"] for row in placed))
    figure, grid = plt.subplots(
        *(len(names), 2), figsize=(FULL_WIDTH, 2.5 * len(names)), squeeze=False, width_ratios=(1.5, 1)
    )
    marks = markings(request.cast.wanted)
    for name, (axes, beside) in zip(names, grid, strict=True):
        points = sorted(
            (row for row in placed if row["panel"] == name), key=lambda row: (row["scale"], row["root"])
        )
        reach = 1.05 * max(row["root"] for row in points)
        highest = max(row["scale"] for row in points)
        before = None
        for row in points:
            colour, marker = f"C{request.cast.wanted.index(row['series'])}", marks[row["series"]][1]
            near = before is not None and _near(row, before, reach, highest)
            # Of two marks in nearly one place, the second is drawn within the first.
            axes.plot(
                row["root"], row["scale"], marker, color=colour, ms=4 if near else 7, zorder=4 if near else 3
            )
            if row["scale_null"] is not None:
                axes.plot(row["root"], row["scale_null"], marker, color=colour, mfc="none", ms=6, zorder=4)
            before = row
        labels = [_name(row, request) for row in points]
        tops = [highest]
        places = _places(points, labels, reach, highest)
        for row, label, (side, height) in zip(points, labels, places, strict=True):
            tops.append(height)
            axes.annotate(
                label,
                (row["root"], row["scale"]),
                (row["root"] + 0.035 * side * reach, height),
                arrowprops={"arrowstyle": "-", "lw": 0.5} if height != row["scale"] else None,
                ha="left" if side > 0 else "right",
                va="center",
                fontsize=7,
                zorder=2,
                bbox={"facecolor": "white", "alpha": 0.75, "lw": 0, "pad": 0.6},
            )
        told = [told for row in rows if row["panel"] == name for told in _draw_line(row, reach, axes)]
        axes.set(xlim=(0, REACH * reach), ylim=(0, max(tops) + 0.15 * highest))
        axes.set_ylabel("mean scale\n(units of the weights)")
        axes.set_title(TITLES.get(str(name), f"Rates of the source {name}"), loc="left")
        beside.axis("off")
        beside.text(0, 1, "\n".join(told), va="top", fontsize=7, linespacing=1.35, transform=beside.transAxes)
    grid[-1, 0].set_xlabel("sqrt(learning rate / weight decay)")
    handles = [
        lined("line through the origin", "black"),
        lined("free power", "black", "--"),
        marked("before training", filled=False),
        lined("its line", NULL_COLOUR, ":", 1.2),
    ]
    some_null = any(row["scale_null"] is not None for row in placed)
    figure.legend(handles=handles if some_null else handles[:2], loc="outside lower left", ncols=4)
    return figure


def _places(
    points: Sequence[Row], names: Sequence[str], reach: float, highest: float
) -> list[tuple[int, float]]:
    """Return the side and the height at which the name of each point stands, free of marks and of other names."""
    marks = [(float(str(row["root"])), float(str(row["scale"]))) for row in points]
    untrained = [
        (float(str(row["root"])), float(str(row["scale_null"])))
        for row in points
        if row["scale_null"] is not None
    ]
    boxes: list[tuple[float, float, float]] = []
    found: list[tuple[int, float]] = []
    for (root, scale), name in zip(marks, names, strict=True):
        width = LETTER * reach * (len(name) + 2)
        candidates = [(side, scale + step * LINE * highest) for step in STEPS for side in (1, -1)]
        for side, height in candidates:
            left = root if side > 0 else root - width
            free = all(
                abs(height - other) >= LINE * highest or left >= end or left + width <= start
                for start, end, other in boxes
            )
            clear = all(
                abs(height - other) >= 0.7 * LINE * highest or not left < at < left + width
                for at, other in (*marks, *untrained)
                if (at, other) != (root, scale)
            )
            if left >= 0 and free and clear:
                break
        boxes.append((left, left + width, height))
        found.append((side, height))
    return found


def _near(row: Row, other: Row, reach: float, highest: float) -> bool:
    across = (float(str(row["root"])) - float(str(other["root"]))) / reach
    up = (float(str(row["scale"])) - float(str(other["scale"]))) / highest
    return abs(across) < 0.06 and abs(up) < 0.08


def _name(row: Row, request: Request) -> str:
    if row["entry"] is None:
        return paper.entries()[str(row["series"])].name
    return request.short_name(str(row["entry"]))


def _draw_line(row: Row, reach: float, axes: Axes) -> list[str]:
    """Draw the lines through the scales after and before training, and return what is to be said of them."""
    if row["slope"] is None:
        return []
    axes.plot([0, reach], [0, row["slope"] * reach], color="black", lw=1, zorder=1)
    if row["exponent"] is not None:
        root = np.linspace(reach / 100, reach, 100)
        axes.plot(root, row["factor"] * root ** row["exponent"], color="black", lw=1, ls="--", zorder=1)
    told = [
        f"slope {row['slope']:.4f} ± {row['slope_se']:.4f} (printed: {row['slope_printed']})",
        f"r = {cell(row['correlation'], '.3f')} [{cell(row['correlation_low'], '.2f')}, "
        f"{cell(row['correlation_high'], '.2f')}] (printed: {row['correlation_printed']})",
        f"free exponent {cell(row['exponent'], '.2f')} ± {cell(row['exponent_se'], '.2f')}; the line has 1",
        f"R² of the line {cell(row['r_squared'], '.2f')}, {row['points']} points",
        f"away from the line: {row['deviation_predicted_low']:.0f} to {row['deviation_predicted_high']:.0f} % of it,",
        f"{row['deviation_measured_low']:.0f} to {row['deviation_measured_high']:.0f} % of the scale "
        f"(printed: {row['deviation_low_printed']} to {row['deviation_high_printed']} %)",
    ]
    if row["slope_null"] is None:
        return told
    axes.plot([0, reach], [0, row["slope_null"] * reach], color=NULL_COLOUR, ls=":", lw=1.2, zorder=1)
    return [
        *told,
        f"before training: slope {row['slope_null']:.3f}, r = {cell(row['correlation_null'], '.3f')},",
        f"exponent {cell(row['exponent_null'], '.2f')}, R² {cell(row['r_squared_null'], '.2f')}",
    ]
