"""The shape by block, kind of matrix and model, of real models outside the paper's cohort."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from weightfit.components import COMPONENTS, CROSS_ATTENTION
from weightfit.exhibits import style
from weightfit.exhibits.numbers import Row
from weightfit.exhibits.request import Request
from weightfit.exhibits.style import COLOURS, COMPONENT_NAMES, MARKERS
from weightfit.studies.selection import TRIM, anchor, in_blocks, of_components, protocol

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = ("panel", "series", "block", "shape", "shape_se", "shape_null", "shape_format_null", "stored")

_SLOTS = ("q", "k", "v", "o", "ffn in", "ffn out", "up")
_SLOT_OF = {
    "q": "q",
    "k": "k",
    "v": "v",
    "o": "o",
    "gate": "ffn in",
    "ffn_in": "ffn in",
    "down": "ffn out",
    "ffn_out": "ffn out",
    "up": "up",
} | {component: component.removeprefix("cross_") for component in CROSS_ATTENTION}
"""Which kinds share a colour and a marker: those that no model has side by side, and cross with self attention."""


def rows(request: Request) -> list[Row]:
    """Return one row for each matrix, panel by panel."""
    formats = {
        (row["entry"], row["block"], row["component"]): row
        for row in request.read("format_null").filter(pc.field("trim") == TRIM).to_pylist()
    }
    chosen = request.read("fits").filter(
        pc.field("terminal") & protocol() & in_blocks() & of_components(COMPONENTS)
    )
    found: list[Row] = []
    for entry in request.models:
        own = chosen.filter(pc.field("entry") == entry).to_pylist()
        for row in sorted(own, key=lambda row: (COMPONENTS.index(row["component"]), row["block"])):
            stored = formats[entry, row["block"], row["component"]]
            found.append(
                {"panel": entry, "series": row["component"]}
                | {name: row[name] for name in ("block", "shape", "shape_se", "shape_null")}
                | {name: stored[name] for name in ("shape_format_null", "stored")}
            )
    return found


def draw(found: Sequence[Row], request: Request) -> "Figure":
    """Draw one panel for each model, with the band, the anchor and the null of the format."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    panels = list(dict.fromkeys(row["panel"] for row in found))
    columns = 2 if len(panels) > 1 else 1
    lines = math.ceil(len(panels) / columns)
    figure, grid = plt.subplots(
        lines, columns, figsize=(style.FULL_WIDTH, 0.6 + 1.9 * lines), squeeze=False, sharey=True
    )
    low, high = (float(request.printed(end)) for end in ("band_low", "band_high"))
    value = anchor(request.read("theory"), TRIM)
    for axes, panel in zip(grid.flat, panels, strict=False):
        own = [row for row in found if row["panel"] == panel]
        style.band(axes, low, high, "printed band")
        style.anchor(axes, value, "Gaussian weights")
        _draw_panel(axes, own)
        axes.set_title(_title(panel, own, request.models[panel]))
        axes.set_xlabel("block")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in list(grid.flat)[len(panels) :]:
        axes.axis("off")
    for line in grid:
        line[0].set_ylabel("shape k")
    handles: dict[str, Any] = {}
    for axes in grid.flat:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=5)
    return figure


def _draw_panel(axes: "Axes", own: Sequence[Row]) -> None:
    for component in dict.fromkeys(row["series"] for row in own):
        series = [row for row in own if row["series"] == component]
        slot = _SLOTS.index(_SLOT_OF[component])
        crossed = component in CROSS_ATTENTION
        axes.plot(
            [row["block"] for row in series],
            [row["shape"] for row in series],
            color=COLOURS[slot],
            marker=MARKERS[slot],
            linestyle=":" if crossed else "-",
            markerfacecolor="white" if crossed else None,
            label=COMPONENT_NAMES[component],
        )
    moved = [row for row in own if row["shape_format_null"] is not None]
    if moved:
        axes.plot(
            [row["block"] for row in moved],
            [row["shape_format_null"] for row in moved],
            color=style.NULL_COLOUR,
            linestyle="none",
            marker="_",
            label="Gaussian weights in the format",
        )


def _title(panel: str, own: Sequence[Row], model: Mapping[str, object]) -> str:
    stored = "/".join(sorted({str(row["stored"]).upper() for row in own}))
    return f"{panel} ({model['attention']}, {stored})"
