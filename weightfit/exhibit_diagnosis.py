"""The page of a diagnosis: a figure of every block, the table, the printed ranges, and the cohort around the model."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import matplotlib.pyplot as plt
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.ticker import MaxNLocator

from weightfit import exhibit_style, exhibits, paper
from weightfit.diagnosis import last
from weightfit.exhibit_style import COLOURS, COMPONENT_NAMES, MARKERS


@dataclass(frozen=True)
class Neighbour:
    """An entry that stands beside the model.

    Attributes
    ----------
    entry
        Its id.
    stand_in
        Whether it is a small model trained here that stands for one of the paper's.
    shapes
        Kind of matrix to median shape.
    """

    entry: str
    stand_in: bool
    shapes: Mapping[str, float]


def printed_ranges() -> list[tuple[str, str, str]]:
    """Return what the paper prints of shapes: of what, least and greatest, as they are printed."""
    found = exhibits.read()
    table_1 = found["table_1"].parts["printed"]
    ranges = [("FFN, median of each entry", table_1["band_low"], table_1["band_high"])]
    figure_9 = found["figure_09"].parts
    for group, ends in figure_9["printed"].items():
        kinds = " and ".join(COMPONENT_NAMES[kind] for kind in figure_9["printed_panels"][group])
        ranges.append((f"{kinds}, {group}, medians of entries", ends["low"], ends["high"]))
    return [(what, paper.printed(low), paper.printed(high)) for what, low, high in ranges]


def figure(fits: pa.Table, anchor: float, band: tuple[float, float]) -> str:
    """Draw the shape of every block, kind by kind; returns SVG.

    Parameters
    ----------
    fits
        Table of contract ``fits`` of one entry.
    anchor
        Shape of Gaussian weights.
    band
        Ends of the printed band.
    """
    exhibit_style.use()
    own = last(fits)
    present = set(own["component"].to_pylist())
    drawn, axes = plt.subplots(figsize=(exhibit_style.FULL_WIDTH, 3.2))
    exhibit_style.band(axes, *band, "printed band")
    exhibit_style.anchor(axes, anchor, "Gaussian weights")
    kinds = [component for component in COMPONENT_NAMES if component in present]
    for number, component in enumerate(kinds):
        rows = own.filter(pc.field("component") == component)
        axes.plot(
            rows["block"].to_pylist(),
            rows["shape"].to_pylist(),
            color=COLOURS[number % len(COLOURS)],
            marker=MARKERS[number % len(MARKERS)],
            label=COMPONENT_NAMES[component],
        )
    axes.set_xlabel("block")
    axes.set_ylabel("Weibull shape k")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title("Shape of every matrix, centred, trim 0.80", loc="left")
    drawn.legend(loc="outside lower center", ncols=5)
    stream = io.StringIO()
    drawn.savefig(stream, format="svg", metadata={"Date": None})
    plt.close(drawn)
    return stream.getvalue()


def render(
    template: Path,
    model: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    drawing: str,
    anchor: float,
    around: Sequence[Neighbour],
) -> str:
    """Return the page as HTML; it asks no network.

    Parameters
    ----------
    template
        The page's template, beside the style of the pages.
    model
        ``name``, ``description`` and ``weights``: what the manifests say of them.
    rows
        Of contract ``diagnosis``.
    drawing
        SVG.
    anchor
        Shape of Gaussian weights.
    around
        Entries of another cohort.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template.name).render(
        model=model,
        rows=[dict(row) | {"name": COMPONENT_NAMES[row["component"]]} for row in rows],
        drawing=base64.b64encode(drawing.encode()).decode(),
        anchor=anchor,
        ranges=printed_ranges(),
        around=around,
        kinds=[row["component"] for row in rows],
        names=COMPONENT_NAMES,
        style=(template.parent / "page.css").read_text(encoding="utf-8"),
    )
