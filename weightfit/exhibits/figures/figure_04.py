"""Figure 4: how far the shape of each kind of matrix drifts, and where it ends."""

import textwrap
from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from weightfit.exhibits.figures.attention import LOOKS, group
from weightfit.exhibits.legend import lined, marked, shaded
from weightfit.exhibits.numbers import Row
from weightfit.exhibits.request import Request
from weightfit.exhibits.style import (
    ANCHOR_COLOUR,
    COMPONENT_NAMES,
    FULL_WIDTH,
    NULL_COLOUR,
    anchor,
    band,
)
from weightfit.studies import selection
from weightfit.studies.drift_classes import as_stored, class_medians

VALUES = {"drift": "drift", "terminal": "shape_terminal"}
"""Columns of the table ``drift`` that the panels show."""

COPIED = ("entry", "blocks", "initial_source", "step_initial", "step_terminal", "shape_initial")
SPREAD = ("value_se", "value_null", "value_q25", "value_q75")
COLUMNS = (
    *("panel", "series", "entry", "stand_in", "class", "as_stored", "reading", "cells"),
    *COPIED[1:],
    "value",
    *SPREAD,
    *("anchor", "printed", "band_low_printed", "band_high_printed"),
)
SPAN, STEP = 0.8, 0.1
"""Largest span of the marks of a kind, and largest distance between two of them, in distances between kinds."""

READING, PRINTED_COLOUR = "as stored", "#A6761D"
"""Reading of the medians that are drawn; the CSV has the others."""


def rows(request: Request) -> list[Row]:
    """Return, for each panel, one row per kind of matrix and entry, and the median drift of each class."""
    found = {(row["component"], row["entry"]): row for row in request.read("drift").to_pylist()}
    cells = {
        panel: [
            _cell(panel, name, key, found[kind, entry], request)
            for name, kinds in request.content["classes"].items()
            for kind in kinds
            for key, entry in request.cast.shown.items()
            if (kind, entry) in found
        ]
        for panel in request.content["panels"]
    }
    medians = [
        dict.fromkeys(COLUMNS)
        | {"panel": "drift", "series": f"{row['class']} median", "printed": request.printed(row["class"])}
        | row
        for row in class_medians(cells["drift"])
    ]
    ends = {f"{end}_printed": request.printed(end) for end in ("band_low", "band_high")}
    unmoved = selection.anchor(request.read("theory"), request.content["trim"])
    last = [row | ends | {"anchor": unmoved} for row in cells["terminal"]]
    return [*cells["drift"], *medians, *last]


def _cell(panel: str, name: str, key: str, row: Mapping[str, Any], request: Request) -> dict[str, Any]:
    value = VALUES[panel]
    return (
        dict.fromkeys(COLUMNS)
        | {column: row[column] for column in COPIED}
        | {column: row[column.replace("value", value)] for column in ("value", *SPREAD)}
        | {
            "panel": panel,
            "series": row["component"],
            "stand_in": row["entry"] in request.cast.stand_ins,
            "class": name,
            "as_stored": as_stored(key, row["component"]),
        }
    )


def draw(rows: list[Row], request: Request) -> Figure:
    """Draw the drifts above the final shapes, kind by kind, one mark per entry in the colour of its attention."""
    classes = request.content["classes"]
    kinds = [kind for members in classes.values() for kind in members]
    groups = {entry: group(key) for key, entry in request.cast.shown.items()}
    order = sorted(groups, key=lambda entry: list(LOOKS).index(groups[entry]))
    figure, panels = plt.subplots(2, 1, figsize=(FULL_WIDTH, 5.2), sharex=True)
    for panel, axes in zip(request.content["panels"], panels, strict=True):
        for place, kind in enumerate(kinds):
            marks = [
                row for row in rows if (row["panel"], row["series"]) == (panel, kind) and row["as_stored"]
            ]
            marks.sort(key=lambda row: order.index(str(row["entry"])))
            step = min(STEP, SPAN / max(len(marks), 1))
            for number, row in enumerate(marks):
                shift = step * (number - (len(marks) - 1) / 2)
                _mark(row, place + shift, *LOOKS[groups[str(row["entry"])]], axes)
        axes.axvline(len(classes["selection"]) - 0.5, color=NULL_COLOUR, lw=0.8)
        axes.grid(axis="x", visible=False)
    panels[0].axhline(0, color=ANCHOR_COLOUR, lw=0.8, zorder=0.8)
    panels[0].margins(y=0.12)
    start = 0
    for name, members in classes.items():
        median = next((row for row in rows if (row["class"], row["reading"]) == (name, READING)), None)
        _class(name, median, start, start + len(members), request.cast.heading, panels[0])
        start += len(members)
    _references([row for row in rows if row["panel"] == "terminal"], panels[1])
    panels[0].set_ylabel("A: drift of the shape,\nafter minus before training")
    panels[1].set_ylabel("B: shape at the last step")
    names = [textwrap.fill(COMPONENT_NAMES[kind], 10) for kind in kinds]
    panels[1].set_xticks(range(len(kinds)), names)
    panels[1].set_xlim(-0.6, len(kinds) - 0.4)
    found = [name for name in LOOKS if name in groups.values()]
    figure.legend(handles=[*_groups(found), *_signs(rows)], loc="outside lower center", ncols=3)
    return figure


def _mark(row: Row, place: float, colour: str, marker: str, axes: Axes) -> None:
    anchored = row["panel"] == "drift" and row["initial_source"] == "anchor"
    if row["panel"] == "terminal":
        axes.vlines(place, row["value_q25"], row["value_q75"], colour, lw=1.0)
    elif row["value_se"] is not None:
        error = float(str(row["value_se"]))
        axes.vlines(place, float(str(row["value"])) - error, float(str(row["value"])) + error, colour, lw=1.0)
    axes.plot(place, row["value_null"], "_", color=NULL_COLOUR, ms=4, mew=0.9, zorder=1)
    axes.plot(
        place,
        row["value"],
        marker,
        color=colour,
        mfc="white" if anchored else colour,
        ms=4,
        mew=0.8,
        zorder=3,
    )


def _class(name: str, median: Row | None, first: int, end: int, measured: str, axes: Axes) -> None:
    """Draw the printed and the measured median of a class across its kinds, and write both above."""
    told = [f"{name} class"]
    if median:
        drawn = ((median["value"], "black", "-"), (float(str(median["printed"])), PRINTED_COLOUR, "--"))
        for value, colour, style in drawn:
            axes.hlines(value, first - 0.45, end - 0.55, colour, ls=style, lw=1.2, zorder=2)
        told.append(f"median: printed {median['printed']}, {measured} {median['value']:.4f}")
    axes.text(
        (first + end - 1) / 2,
        1.02,
        "\n".join(told),
        ha="center",
        fontsize=7.5,
        transform=axes.get_xaxis_transform(),
    )


def _references(rows: list[Row], axes: Axes) -> None:
    for row in rows[:1]:
        band(axes, float(row["band_low_printed"]), float(row["band_high_printed"]), "")
        anchor(axes, row["anchor"], "")


def _groups(found: list[str]) -> list[Any]:
    names = {
        "separate MHA": "MHA, q, k and v stored apart",
        "GQA": "GQA",
        "merged": "Pythia: q, k and v merged",
    }
    return [marked(names[name], *LOOKS[name], size=4.5) for name in found]


def _signs(rows: list[Row]) -> list[Any]:
    """Return the items of the legend other than the groups."""
    signs: list[Any] = [
        marked("Gaussian weights", marker="_", size=6),
        lined("A: median of the class", "black", width=1.2),
        lined("A: printed median", PRINTED_COLOUR, "--", 1.2),
        lined("bars: A standard error, B quartiles", NULL_COLOUR),
    ]
    if any(row["panel"] == "drift" and row["initial_source"] == "anchor" for row in rows):
        signs.append(marked("A: minus the anchor, no step 0", filled=False))
    for row in [row for row in rows if row["panel"] == "terminal"][:1]:
        signs += [
            shaded(f"B: printed band [{row['band_low_printed']}, {row['band_high_printed']}]"),
            lined(f"B: anchor, {row['anchor']:.4f}", style="--"),
        ]
    return signs
