"""Write the page of a diagnosis: a table and a figure of each entry, the printed values, and other models."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.ticker import MaxNLocator

from weightfit import paper
from weightfit.components import COMPONENTS, CROSS_ATTENTION
from weightfit.exhibits import style
from weightfit.exhibits.style import COLOURS, COMPONENT_NAMES, MARKERS
from weightfit.paper import exhibits
from weightfit.report.template import environment
from weightfit.studies.diagnosis import diagnose, last, medians, scale_ratios
from weightfit.studies.selection import TRIM

PRINTED_VALUES = (
    "T1.k80.median",
    "S2.2.olmo1_wo_k",
    "S5.1.collapse",
    "S5.1.ratio_qkv_o",
    "S5.1.ratio_in_out",
)
"""Ids of printed shapes and ratios of scales, shown beside the ranges of Table 1 and Figure 9."""


@dataclass(frozen=True)
class Placed:
    """An entry that is diagnosed.

    Attributes
    ----------
    entry
        Id of the entry.
    stand_in
        Whether it is a small model trained here that stands for one of the paper's models.
    rows, ratios
        Rows of the contracts ``diagnosis`` and ``scale_ratios``.
    drawing
        Figure as SVG; None for an entry without any fit.
    """

    entry: str
    stand_in: bool
    rows: Sequence[Mapping[str, Any]]
    ratios: Sequence[Mapping[str, Any]]
    drawing: str | None


@dataclass(frozen=True)
class Neighbour:
    """An entry of the last table.

    Attributes
    ----------
    entry, stand_in
        As in `Placed`.
    shapes
        Median shape by kind of matrix.
    """

    entry: str
    stand_in: bool
    shapes: Mapping[str, float]


def place(fits: pa.Table, entry: str, stand_in: bool, anchor: float, band: tuple[float, float]) -> Placed:
    """Return the content of the page for one entry.

    Parameters
    ----------
    fits
        Table of contract ``fits``.
    entry, stand_in
        See `Placed`.
    anchor
        Shape of Gaussian weights.
    band
        Ends of the printed band.
    """
    own = fits.filter(pc.field("entry") == entry)
    rows = diagnose(own, band).to_pylist()
    drawing = figure(own, anchor, band) if rows else None
    return Placed(entry, stand_in, rows, scale_ratios(own).to_pylist(), drawing)


def neighbours(fits: pa.Table, stand_ins: Mapping[str, bool]) -> list[Neighbour]:
    """Return entries with the medians of their shapes, in the order of the cohort, without entries that lack fits.

    Parameters
    ----------
    fits
        Table of contract ``fits``.
    stand_ins
        Whether each entry is a stand-in, by entry.
    """
    found = medians(fits)
    return [
        Neighbour(entry, stand_in, found[entry]) for entry, stand_in in stand_ins.items() if entry in found
    ]


def printed_ranges() -> list[tuple[str, str, str]]:
    """Return the ranges of shapes that the paper prints: quantity, smallest and largest value as printed."""
    found = exhibits.read()
    table_1 = found["table_1"].content["printed"]
    ranges = [("FFN, median of each entry", table_1["band_low"], table_1["band_high"])]
    figure_9 = found["figure_09"].content
    for group, ends in figure_9["printed"].items():
        kinds = " and ".join(COMPONENT_NAMES[kind] for kind in figure_9["printed_panels"][group])
        ranges.append((f"{kinds}, {group}, medians of entries", ends["low"], ends["high"]))
    return [(what, paper.printed(low), paper.printed(high)) for what, low, high in ranges]


def printed_values() -> list[tuple[str, str, str]]:
    """Return single values that the paper prints: definition, place, and value as printed."""
    rows = [paper.reported()[key] for key in PRINTED_VALUES]
    return [(row.definition, row.where, row.printed) for row in rows]


def figure(fits: pa.Table, anchor: float, band: tuple[float, float]) -> str:
    """Draw the shape of every block by kind of matrix, as SVG.

    Parameters
    ----------
    fits
        Table of contract ``fits`` for one entry.
    anchor
        Shape of Gaussian weights.
    band
        Ends of the printed band.
    """
    style.use()
    own = last(fits, COMPONENTS)
    present = set(own["component"].to_pylist())
    drawn, axes = plt.subplots(figsize=(style.FULL_WIDTH, 3.2))
    style.band(axes, *band, "printed band")
    style.anchor(axes, anchor, "Gaussian weights")
    kinds = [component for component in COMPONENT_NAMES if component in present]
    # A kind of cross attention has the colour of its counterpart, because there are more kinds than colours.
    colours = list(dict.fromkeys(component.removeprefix("cross_") for component in kinds))
    for component in kinds:
        rows = own.filter(pc.field("component") == component)
        number = colours.index(component.removeprefix("cross_"))
        crossed = component in CROSS_ATTENTION
        axes.plot(
            rows["block"].to_pylist(),
            rows["shape"].to_pylist(),
            color=COLOURS[number % len(COLOURS)],
            marker=MARKERS[number % len(MARKERS)],
            linestyle="--" if crossed else "-",
            markerfacecolor="white" if crossed else None,
            label=COMPONENT_NAMES[component],
        )
    axes.set_xlabel("block")
    axes.set_ylabel("Weibull shape k")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title(f"Shape of every matrix, centred, trim {TRIM:.2f}", loc="left")
    drawn.legend(loc="outside lower center", ncols=5)
    stream = io.StringIO()
    drawn.savefig(stream, format="svg", metadata={"Date": None})
    plt.close(drawn)
    return stream.getvalue()


def render(
    template: Path,
    model: Mapping[str, Any],
    placed: Sequence[Placed],
    anchor: float,
    around: Sequence[Neighbour],
) -> str:
    """Return the page as HTML, which loads nothing from the network.

    Parameters
    ----------
    template
        Template of the page, beside the style of the pages.
    model
        ``name``, ``description`` and ``made``, which holds the manifests of its weights.
    placed
        Entries that are diagnosed.
    anchor
        Shape of Gaussian weights.
    around
        Neighbours for the last table: these entries and those of another cohort.
    """
    pages = environment(template.parent)
    pages.filters["embedded"] = lambda drawing: base64.b64encode(drawing.encode()).decode()
    return pages.get_template(template.name).render(
        model=model,
        placed=placed,
        anchor=anchor,
        ranges=printed_ranges(),
        values=printed_values(),
        around=around,
        kinds=[kind for kind in COMPONENT_NAMES if any(kind in each.shapes for each in around)],
        names=COMPONENT_NAMES,
        style=(template.parent / "page.css").read_text(encoding="utf-8"),
    )
