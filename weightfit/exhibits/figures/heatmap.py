"""Parts that the heat maps of magnitudes share: the rows behind them, and the drawing of a map."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from weightfit.exhibits.legend import lined
from weightfit.exhibits.numbers import Row
from weightfit.exhibits.request import Request
from weightfit.studies.log_bins import BINS_PER_DECADE, log10_quantiles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage
    from matplotlib.lines import Line2D

COLUMNS = (
    "panel",
    "series",
    "entry",
    "stand_in",
    "printed_step",
    "step",
    "block",
    "kind",
    "log10_magnitude",
    "share",
    "probability",
)
"""Columns of the CSV. The kind of a row is density (share of the weights in the bin that begins at log10_magnitude), or
measured or gaussian (log10_magnitude of the quantile at probability)."""

COLOURS = {"measured": "white", "gaussian": "#E69F00", "printed": "#56B4E9"}
"""Colours of the lines over a map: its quantiles, those of Gaussian weights, and the values that the paper prints."""

_EMPTY = "#00102e"
_POWERS = (-4, -3, -2, -1)
_MARGIN = 0.3


@dataclass(frozen=True)
class Map:
    """One heat map: a kind of matrix of one entry at one step.

    Attributes
    ----------
    panel, series
        Panel and series in the CSV; the series is the id of an entry of the paper.
    component
        Kind of matrix.
    printed_step
        Step that the paper names, or None for the last one.
    """

    panel: str
    series: str
    component: str
    printed_step: int | None


def rows(request: Request, maps: Sequence[Map]) -> list[Row]:
    """Return the rows of each map that this cohort has: its bins, and its quantiles with those of Gaussian weights."""
    density = _matrices(request, {one.component for one in maps})
    out: list[Row] = []
    for one in maps:
        entry = request.cast.shown.get(one.series)
        if entry is None:
            continue
        step = None if one.printed_step is None else request.own_step(one.printed_step)
        key = {
            "panel": one.panel,
            "series": one.series,
            "entry": entry,
            "stand_in": entry in request.cast.stand_ins,
            "printed_step": one.printed_step,
        }
        for (found, block, component), own in density.items():
            of_step = [row for row in own if (row["terminal"] if step is None else row["step"] == step)]
            if (found, component) == (entry, one.component) and of_step:
                out += [
                    key | {"step": of_step[0]["step"], "block": block} | row
                    for row in _block(of_step, request.content["quantiles"])
                ]
    return out


def _matrices(
    request: Request, components: Collection[str]
) -> dict[tuple[str, int, str], list[dict[str, Any]]]:
    """Return the rows of every matrix that may be drawn, at all its steps."""
    rows = request.read("density").filter(
        pc.is_in(pc.field("entry"), pa.array(request.cast.shown.values(), pa.string()))
        & pc.is_in(pc.field("component"), pa.array(sorted(components)))
    )
    found: dict[tuple[str, int, str], list[dict[str, Any]]] = {}
    for row in rows.to_pylist():
        found.setdefault((row["entry"], row["block"], row["component"]), []).append(row)
    return found


def _block(rows: Sequence[Mapping[str, Any]], levels: Sequence[float]) -> list[dict[str, object]]:
    found: list[dict[str, object]] = [
        {"kind": "density", "log10_magnitude": row["log10_low"], "share": row["share"], "probability": None}
        for row in rows
        if row["share"] > 0
    ]
    number = np.array([row["bin"] for row in rows])
    for kind, column in (("measured", "share"), ("gaussian", "share_null")):
        quantiles = log10_quantiles(number, np.array([row[column] for row in rows]), levels)
        found += [
            {"kind": kind, "log10_magnitude": value, "share": None, "probability": level}
            for level, value in zip(levels, quantiles, strict=True)
        ]
    return found


def limits(rows: Iterable[Row], also: Iterable[float] = ()) -> tuple[float, float]:
    """Return the lowest and the highest log10 of the magnitude that maps with one common axis show.

    Parameters
    ----------
    rows
        Rows of all maps.
    also
        Values that must be visible.
    """
    marks: list[Any] = [row["log10_magnitude"] for row in rows if row["kind"] != "density"]
    tops: list[Any] = [row["log10_magnitude"] for row in rows if row["kind"] == "density"]
    known = [float(value) for value in [*marks, *also] if value is not None]
    highest = max([*known, *(float(value) + 1 / BINS_PER_DECADE for value in tops if value is not None)])
    return min(known) - _MARGIN, highest + _MARGIN / 2


def norm() -> "LogNorm":
    """Return the colour scale that all maps share."""
    from matplotlib.colors import LogNorm

    return LogNorm(10.0 ** _POWERS[0], 10.0 ** _POWERS[-1], clip=True)


def draw(
    axes: "Axes", rows: Sequence[Row], height: tuple[float, float], scale: "LogNorm"
) -> "AxesImage | None":
    """Draw one map with its quantiles.

    Parameters
    ----------
    axes
        Axes to draw in.
    rows
        Rows of this map; if there are none, a sentence is written in its place.
    height
        Limits of the vertical axis, from `limits`.
    scale
        Colour scale, from `norm`.

    Returns
    -------
    AxesImage or None
        The image for the colour bar, or None if there are no rows.
    """
    from matplotlib.patheffects import withStroke
    from matplotlib.ticker import MaxNLocator

    axes.grid(visible=False)
    axes.set_facecolor(_EMPTY)
    axes.set_ylim(*height)
    axes.xaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes.tick_params(labelsize=7)
    if not rows:
        axes.set_xticks([])
        axes.set_facecolor("white")
        axes.text(0.5, 0.5, "no weights", ha="center", va="center", transform=axes.transAxes, fontsize=7)
        return None
    blocks: list[Any] = sorted({row["block"] for row in rows})
    shares = _image(rows, blocks)
    bottom, cells = shares
    image = axes.imshow(
        cells,
        origin="lower",
        aspect="auto",
        interpolation="none",
        norm=scale,
        extent=(blocks[0] - 0.5, blocks[-1] + 0.5, bottom, bottom + cells.shape[0] / BINS_PER_DECADE),
    )
    axes.set_xlim(blocks[0] - 0.5, blocks[-1] + 0.5)
    axes.set_ylim(*height)
    for kind in ("measured", "gaussian"):
        for level in {row["probability"] for row in rows if row["kind"] == kind}:
            line = [row for row in rows if (row["kind"], row["probability"]) == (kind, level)]
            # Steps keep each value over its own block, and show a line even for a single block.
            edges = np.repeat([float(str(row["block"])) for row in line], 2) + np.tile([-0.5, 0.5], len(line))
            values = [np.nan if row["log10_magnitude"] is None else row["log10_magnitude"] for row in line]
            axes.plot(
                edges,
                np.repeat(np.array(values, np.float64), 2),
                color=COLOURS[kind],
                ls="-" if kind == "measured" else "--",
                lw=0.9,
                path_effects=[withStroke(linewidth=2.0, foreground=_EMPTY)],
            )
    return image


def _image(rows: Sequence[Row], blocks: Sequence[int]) -> tuple[float, np.ndarray[Any, Any]]:
    """Return the lower edge of a map and its shares by bin and block; bins without weights are masked."""
    bins: dict[tuple[int, int], float] = {}
    for row in rows:
        edge: Any = row["log10_magnitude"]
        if row["kind"] == "density" and edge is not None:
            bins[round(edge * BINS_PER_DECADE), int(str(row["block"]))] = float(str(row["share"]))
    first, last = min(number for number, _ in bins), max(number for number, _ in bins)
    cells = np.full((last - first + 1, blocks[-1] - blocks[0] + 1), np.nan)
    for (number, block), share in bins.items():
        cells[number - first, block - blocks[0]] = share
    return first / BINS_PER_DECADE, np.ma.masked_invalid(cells)


def finish(figure: "Figure", image: "AxesImage | None", axes: Any, handles: Sequence["Line2D"]) -> None:
    """Add the colour bar with its label, and the legend of the quantiles."""
    assert image is not None  # a figure with rows has a map
    bar = figure.colorbar(image, ax=axes, shrink=0.6, aspect=30, pad=0.01)
    bar.set_label(f"share of weights per {1 / BINS_PER_DECADE:g} in log10 |w|", fontsize=7)
    bar.ax.tick_params(labelsize=7)
    bar.set_ticks([10.0**power for power in _POWERS], labels=[f"{10.0**power:g}" for power in _POWERS])
    bar.ax.minorticks_off()
    bar.ax.grid(visible=False)
    legend = figure.legend(handles=list(handles), loc="outside lower center", ncols=len(handles), fontsize=7)
    legend.get_frame().set(facecolor="#7f8695", alpha=1.0)
    legend.set_frame_on(True)
    for text in legend.get_texts():
        text.set_color("white")


def handles(levels: Sequence[float]) -> list["Line2D"]:
    """Return the legend items of the quantiles."""
    named = ", ".join(f"{100 * level:g} %" for level in levels)
    return [
        lined(f"quantiles {named}, measured", COLOURS["measured"]),
        lined("same for Gaussian weights", COLOURS["gaussian"], "--"),
    ]


def printed_extent(
    axes: "Axes", rows: Sequence[Row], height: float, ranges: Iterable[tuple[int, int]]
) -> bool:
    """Draw a printed height over the blocks of which it is printed, as far as a map has them.

    Parameters
    ----------
    axes
        Axes with the map.
    rows
        Rows of the map.
    height
        The printed log10 of the magnitude.
    ranges
        First and last block of each printed range.

    Returns
    -------
    bool
        Whether the map has such blocks.
    """
    present = {int(str(row["block"])) for row in rows}
    known = [blocks for first, last in ranges if (blocks := present & set(range(first, last + 1)))]
    for blocks in known:
        edges = (min(blocks) - 0.5, max(blocks) + 0.5)
        axes.plot(edges, (height, height), color=COLOURS["printed"], ls="-", lw=2.2, zorder=3)
    return bool(known)


def by_map(rows: Iterable[Row]) -> Mapping[tuple[str, str], list[Row]]:
    """Group rows by panel and series."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        found.setdefault((str(row["panel"]), str(row["series"])), []).append(row)
    return found
