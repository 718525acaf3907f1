"""Figure 4: how far the shape of each kind of matrix drifts, and where it ends."""

import textwrap
from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

from weightfit.exhibits.legend import lined, marked, shaded
from weightfit.exhibits.numbers import Row
from weightfit.exhibits.request import Request
from weightfit.exhibits.style import (
    ANCHOR_COLOUR,
    COLOURS,
    COMPONENT_NAMES,
    FULL_WIDTH,
    NULL_COLOUR,
    anchor,
    band,
    markings,
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

PALE, PRINTED_COLOUR = 0.4, COLOURS[1]


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
    """Draw the drifts above the final shapes, kind by kind, one mark per entry."""
    classes = request.content["classes"]
    kinds = [kind for members in classes.values() for kind in members]
    colours = markings(request.cast.wanted)
    look = {entry: colours[key] for key, entry in request.cast.shown.items()}
    figure, panels = plt.subplots(2, 1, figsize=(FULL_WIDTH, 7.4), sharex=True)
    for panel, axes in zip(request.content["panels"], panels, strict=True):
        for place, kind in enumerate(kinds):
            marks = [row for row in rows if (row["panel"], row["series"]) == (panel, kind)]
            step = min(STEP, SPAN / max(len(marks), 1))
            for number, row in enumerate(marks):
                _mark(row, place + step * (number - (len(marks) - 1) / 2), *look[row["entry"]], axes)
        axes.axvline(len(classes["selection"]) - 0.5, color=NULL_COLOUR, lw=0.8)
        axes.grid(axis="x", visible=False)
    panels[0].axhline(0, color=ANCHOR_COLOUR, lw=0.8, zorder=0.8)
    start = 0
    for name, members in classes.items():
        medians = [row for row in rows if row["reading"] and row["class"] == name]
        _class(name, medians, start, start + len(members), request.cast.heading, panels[0])
        start += len(members)
    _references([row for row in rows if row["panel"] == "terminal"], panels[1])
    panels[0].set_ylabel("A: drift of the shape,\nafter minus before training")
    panels[1].set_ylabel("B: shape at the last step")
    names = [textwrap.fill(COMPONENT_NAMES[kind], 10) for kind in kinds]
    panels[1].set_xticks(range(len(kinds)), names)
    panels[1].set_xlim(-0.6, len(kinds) - 0.4)
    figure.legend(handles=[*_entries(look), *_signs(rows)], loc="outside lower center", ncols=3)
    return figure


def pale(colour: str) -> str:
    """Return a lighter tint of a colour."""
    red, green, blue = (PALE * shade + 1 - PALE for shade in to_rgb(colour))
    return to_hex((red, green, blue))


def _mark(row: Row, place: float, colour: str, marker: str, axes: Axes) -> None:
    anchored = row["panel"] == "drift" and row["initial_source"] == "anchor"
    drawn = colour if row["as_stored"] else pale(colour)
    if row["panel"] == "terminal":
        axes.vlines(place, row["value_q25"], row["value_q75"], drawn, lw=1.0)
    axes.plot(place, row["value_null"], "_", color=NULL_COLOUR, ms=4, mew=0.9, zorder=1)
    face = "white" if anchored else drawn
    axes.plot(
        place,
        row["value"],
        marker,
        color=drawn,
        mfc=face,
        ms=4,
        mew=0.8,
        zorder=3 if row["as_stored"] else 2.5,
    )


def _class(name: str, medians: list[Row], first: int, end: int, measured: str, axes: Axes) -> None:
    """Draw the printed and the first median of a class across its kinds, and write all its medians above."""
    told = [name]
    for number, row in enumerate(medians):
        if not number:
            told.append(f"printed median: {row['printed']}")
            drawn = ((row["value"], "black", "-"), (float(row["printed"]), PRINTED_COLOUR, "--"))
            for value, colour, style in drawn:
                axes.hlines(value, first - 0.45, end - 0.55, colour, ls=style, lw=1.2, zorder=2)
        told.append(f"{measured}, {row['reading']}: {row['value']:.4f} (null {row['value_null']:.4f})")
    axes.text(
        (first + end - 1) / 2,
        1.02,
        "\n".join(told),
        ha="center",
        fontsize=7.0,
        transform=axes.get_xaxis_transform(),
    )


def _references(rows: list[Row], axes: Axes) -> None:
    for row in rows[:1]:
        band(axes, float(row["band_low_printed"]), float(row["band_high_printed"]), "")
        anchor(axes, row["anchor"], "")


def _entries(look: Mapping[str, tuple[str, str]]) -> list[Any]:
    return [marked(entry, colour, marker, size=4.5) for entry, (colour, marker) in look.items()]


def _signs(rows: list[Row]) -> list[Any]:
    """Return the items of the legend other than the entries."""
    signs: list[Any] = [
        marked("A: minus the entry's step 0"),
        marked("A: minus anchor, no step 0", filled=False),
        marked("pale: not stored in this form", pale(NULL_COLOUR)),
        marked("Gaussian weights", marker="_", size=6),
        lined("A: median of the class, as stored", "black", width=1.2),
        lined("A: printed median of the class", PRINTED_COLOUR, "--", 1.2),
        lined("B: quartiles over blocks", NULL_COLOUR),
    ]
    for row in [row for row in rows if row["panel"] == "terminal"][:1]:
        signs += [
            shaded(f"B: printed band [{row['band_low_printed']}, {row['band_high_printed']}]"),
            lined(f"B: anchor, {row['anchor']:.4f}", style="--"),
        ]
    return signs
