"""The figures of a model's page: small panels as SVG that stand in a page, in its colours and its type."""

import io
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
from markupsafe import Markup
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray
from scipy.special import erf

from weightfit.analysis.measure import LOG_EDGES
from weightfit.components import COMPONENTS, CROSS_ATTENTION
from weightfit.exhibits import style
from weightfit.exhibits.style import COLOURS, COMPONENT_NAMES, MARKERS
from weightfit.report.exhibits import inline_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]
Row = Mapping[str, Any]

GROUPS = {
    "Attention": ("q", "k", "v", "o"),
    "FFN": ("gate", "up", "down", "ffn_in", "ffn_out"),
    "Cross attention": CROSS_ATTENTION,
}
"""Panels of a figure by block, with their kinds of matrix."""

_TEXT, _SOFT, _LINE, _PAPER = "#1c2329", "#57606a", "#d5dbe1", "#fefefe"
_SHADE = "#f3e3b5"
_VARIABLES = {
    _TEXT: "text",
    _SOFT: "soft",
    _LINE: "line",
    _PAPER: "paper",
    _SHADE: "shade",
    **{colour.lower(): f"colour-{number}" for number, colour in enumerate(COLOURS)},
}
"""Custom property of the page's style that takes the place of each colour, so that a page can be dark."""

# A kind of cross attention looks like its counterpart, which is in another panel.
_LOOKS = {
    kind: (colour, marker)
    for kinds in (("q", "k", "v", "o"), CROSS_ATTENTION)
    for kind, colour, marker in zip(kinds, COLOURS, MARKERS, strict=False)
}
_LOOKS |= {"gate": (COLOURS[7], "s"), "up": (COLOURS[5], "^"), "down": (_TEXT, "o")}
_LOOKS |= {"ffn_in": (COLOURS[7], "s"), "ffn_out": (_TEXT, "o")}

_PANEL, _SMALL = (3.5, 2.4), (1.95, 1.55)
_MARGINS = {"left": 0.15, "right": 0.78, "bottom": 0.16, "top": 0.97}
_SMALL_MARGINS = {"left": 0.25, "right": 0.97, "bottom": 0.27, "top": 0.97}
_DIGITS = re.compile(r"(\.\d\d)\d+")
_FEWEST = 10
"""Least number of weights in a cell whose density is drawn; with fewer it is mostly noise."""

_LABEL = 0.066
"""Height of a label at the right of a panel, as a fraction of that of the axes."""

_MOST_LABELS = 6
"""Largest number of matrices that are labelled in a panel; all are marked."""


@dataclass(frozen=True)
class Panel:
    """A small figure.

    Attributes
    ----------
    title
        What it shows, above it.
    picture
        The SVG.
    note
        A sentence below it, or nothing.
    """

    title: str
    picture: Markup
    note: str = ""


@dataclass(frozen=True)
class Statistic:
    """What is drawn over the blocks.

    Attributes
    ----------
    column
        Column of the contract ``analysis``; its standard error is in the column that ends in ``_se``.
    name
        Name of the axis.
    rules
        Rules of `weightfit.analysis.standing_out.RULES` whose matrices are marked.
    scale
        ``linear``, ``log``, or ``symlog`` for values of both signs over several orders of magnitude.
    null
        Column with the value for Gaussian weights, or None.
    of_law
        Whether it belongs to the fitted law, and says nothing where no law fits.
    null_name
        What is written beside the null.
    """

    column: str
    name: str
    rules: tuple[str, ...]
    scale: str = "linear"
    null: str | None = None
    of_law: bool = False
    null_name: str = "Gaussian"


SHAPE = Statistic("shape", "Weibull shape k", ("no law", "shape"), null="shape_null", of_law=True)
SCALE = Statistic("scale", "Weibull scale λ", ("no law", "scale"), scale="log", of_law=True)
TAIL = Statistic("ratio", "max / q99", ("tail",), scale="log", null="ratio_null")
CHANGE = Statistic("shape_change", "change of k", ("moved",), null="unchanged", null_name="no change")
SCALE_CHANGE = Statistic(
    "log_scale_change", "change of ln λ", ("moved",), null="unchanged", null_name="no change"
)
KURTOSIS = Statistic("kurtosis", "excess kurtosis", (), scale="symlog", null="kurtosis_null")


def by_block(
    rows: Sequence[Row],
    statistic: Statistic,
    marked: Mapping[str, Iterable[tuple[str, int]]],
    label: str,
    band: tuple[float, float] | None = None,
) -> list[Panel]:
    """Draw a statistic of every matrix by block: attention, FFN and cross attention apart.

    Parameters
    ----------
    rows
        Rows of ``matrices`` in the contract ``analysis``.
    statistic
        What is drawn.
    marked
        Kind and block of the matrices that stand out, by rule.
    label
        Prefix of the ids in the SVG.
    band
        Ends of the band that the paper prints for FFN matrices.
    """
    panels = []
    for number, (title, kinds) in enumerate(GROUPS.items()):
        own = [row for row in rows if row["component"] in kinds]
        if own:
            span = band if title == "FFN" else None
            draw = partial(_by_block, rows=own, statistic=statistic, marked=marked, band=span)
            picture = _drawn(draw, f"{label}{number}", f"{statistic.name} by block: {title}")
            panels.append(Panel(title, picture))
    return panels


def _by_block(
    axes: "Axes",
    rows: Sequence[Row],
    statistic: Statistic,
    marked: Mapping[str, Iterable[tuple[str, int]]],
    band: tuple[float, float] | None,
) -> None:
    if band:
        axes.axhspan(*band, color=_SHADE, lw=0, zorder=0.5)
    ends = []
    for kind in (kind for kind in COMPONENTS if any(row["component"] == kind for row in rows)):
        own = [row for row in rows if row["component"] == kind]
        colour, marker = _LOOKS[kind]
        x, y = (np.array([row[name] for row in own], np.float64) for name in ("block", statistic.column))
        error = np.array([row[f"{statistic.column}_se"] for row in own])
        axes.errorbar(x, y, error, color=colour, fmt="none", elinewidth=0.9, zorder=2)
        axes.plot(x, y, color=colour, lw=1.0, zorder=2)
        without = marked.get("no law", ()) if statistic.of_law else ()
        lawless = {block for one, block in without if one == kind}
        with_law = np.array([row["block"] not in lawless for row in own])
        axes.plot(x[with_law], y[with_law], marker, color=colour, ms=3.4, mew=0, zorder=3)
        # Without a law the shape describes nothing: the mark is open and crossed.
        axes.plot(x[~with_law], y[~with_law], marker, color=colour, mfc=_PAPER, ms=6, mew=0.9, zorder=3)
        axes.plot(x[~with_law], y[~with_law], "x", color=colour, ms=6, mew=0.9, zorder=3)
        ends.append((float(y[-1]), _short(kind), colour))
    axes.set_yscale(statistic.scale, **({"linthresh": 1.0} if statistic.scale == "symlog" else {}))
    lines = _nulls(axes, rows, statistic)
    blocks = sorted({row["block"] for row in rows})
    room = max(blocks[-1] - blocks[0], 1)
    axes.set_xlim(blocks[0] - 0.04 * room, blocks[-1] + 0.04 * room)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=7))
    axes.set_xlabel("block")
    axes.set_ylabel(statistic.name)
    _plain(axes, statistic.scale)
    low, high = axes.get_ylim()
    if band:
        lines.append((sum(band) / 2, "printed band", _SOFT))
        low, high = min(low, band[0]), max(high, band[1])
        axes.set_ylim(low, high)
    _beside(axes, [*ends, *lines])
    _mark(axes, rows, statistic, marked)


def _short(kind: str) -> str:
    return COMPONENT_NAMES[kind].removeprefix("cross-attention ")


def _nulls(axes: "Axes", rows: Sequence[Row], statistic: Statistic) -> list[tuple[float, str, str]]:
    """Draw what Gaussian weights give, and where it differs what they give in the format of the matrices."""
    if statistic.null is None:
        return []
    null = float(np.median([row[statistic.null] for row in rows]))
    axes.axhline(null, color=_SOFT, ls="--", lw=0.9, zorder=1)
    found = [(null, statistic.null_name, _SOFT)]
    if statistic is SHAPE:
        formats: dict[str, list[float]] = {}
        for row in rows:
            if row["shape_format_null"] is not None:
                formats.setdefault(row["stored"], []).append(row["shape_format_null"])
        for stored, values in formats.items():
            value = float(np.median(values))
            axes.axhline(value, color=_SOFT, ls=":", lw=0.9, zorder=1)
            found.append((value, f"as {stored}", _SOFT))
    return found


def _plain(axes: "Axes", scale: str) -> None:
    """Write the ticks of a logarithmic axis as numbers, and powers of ten of large and small ones."""
    if scale == "linear":
        return
    low, high = axes.get_ylim()
    if scale == "log" and high / low < 4:
        axes.yaxis.set_major_locator(MaxNLocator(nbins=6))
    elif scale == "log" and high / low < 100:
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 1.5, 2.0, 3.0, 5.0, 7.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value)))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _tick(value: float) -> str:
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        text = f"{value:.3g}"
    else:
        digit, power = f"{value:.0e}".split("e")
        raised = str(int(power)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        text = f"{'' if digit == '1' else '-' if digit == '-1' else f'{digit}·'}10{raised}"
    return text.replace("-", "−")


def _beside(axes: "Axes", labels: Sequence[tuple[float, str, str]]) -> None:
    """Write names at the right of the lines that they belong to, moved apart where they would overlap."""
    transform = axes.transScale + axes.transLimits
    places = [float(transform.transform((1.0, value))[1]) for value, _, _ in labels]
    moved = _apart(places, _LABEL)
    for place, (_, text, colour) in zip(moved, labels, strict=True):
        axes.annotate(
            text,
            (1.0, place),
            xytext=(5, 0),
            textcoords="offset points",
            xycoords="axes fraction",
            color=colour,
            fontsize=7.5,
            va="center",
            annotation_clip=False,
        )


def _apart(places: Sequence[float], height: float) -> list[float]:
    """Return places that differ by a height at least, as near as can be to what they were."""
    order = sorted(range(len(places)), key=lambda number: places[number])
    groups: list[list[int]] = [[number] for number in order]

    def middle(group: Sequence[int]) -> float:
        # Names do not leave the panel, unless they are too many for it.
        half = min(height * (len(group) - 1) / 2, 0.5)
        return min(max(sum(places[number] for number in group) / len(group), half), 1 - half)

    joined = True
    while joined:
        joined = False
        for number in range(len(groups) - 1):
            lower, upper = groups[number], groups[number + 1]
            if middle(upper) - middle(lower) < height * (len(lower) + len(upper)) / 2:
                groups[number : number + 2] = [lower + upper]
                joined = True
                break
    found = [0.0] * len(places)
    for group in groups:
        for rank, number in enumerate(group):
            found[number] = middle(group) + height * (rank - (len(group) - 1) / 2)
    return found


def _mark(
    axes: "Axes", rows: Sequence[Row], statistic: Statistic, marked: Mapping[str, Iterable[tuple[str, int]]]
) -> None:
    """Ring the matrices that stand out, and name the furthest of them, those in one place together."""
    values = {(row["component"], row["block"]): row[statistic.column] for row in rows}
    # In order of the axis from below, so that neighbours are found one after the other.
    transform = axes.transScale + axes.transLimits
    found: dict[tuple[str, int], list[tuple[float, str]]] = {}
    for rule in statistic.rules:
        for kind, block in marked.get(rule, ()):
            if (kind, block) in values:
                at = (block, values[kind, block])
                axes.plot(*at, "o", ms=9, mfc="none", mec=_TEXT, mew=0.8, zorder=4, clip_on=False)
                found.setdefault((rule, block), []).append((float(transform.transform(at)[1]), kind))
    labels = []
    for (rule, block), members in found.items():
        group: list[tuple[float, str]] = []
        for place, kind in sorted(members):
            if group and place - group[-1][0] > 0.09:
                labels.append((rule, block, group))
                group = []
            group.append((place, kind))
        labels.append((rule, block, group))
    middle = float(np.median([transform.transform((0, value))[1] for value in values.values()]))
    labels.sort(key=lambda one: -max(abs(place - middle) for place, _ in one[2]))
    blocks = [block for _, block in values]
    for rule, block, group in labels[:_MOST_LABELS]:
        right = block <= (min(blocks) + max(blocks)) / 2
        kinds = sorted((kind for _, kind in group), key=COMPONENTS.index)
        axes.annotate(
            f"{', '.join(map(_short, kinds))} {block}" + (": no law" if rule == "no law" else ""),
            (block, sum(place for place, _ in group) / len(group)),
            xycoords=("data", "axes fraction"),
            xytext=(7 if right else -7, 0),
            textcoords="offset points",
            ha="left" if right else "right",
            va="center",
            fontsize=7.5,
            color=_TEXT,
            zorder=5,
        )


def densities(counts: Mapping[str, Array], rows: Sequence[Row], label: str) -> list[Panel]:
    """Draw the density of log10(abs(w) / rms) of each kind of matrix over that of Gaussian weights.

    Parameters
    ----------
    counts
        Counts in the cells between `weightfit.analysis.measure.LOG_EDGES`, by kind.
    rows
        Rows of ``matrices`` in the contract ``analysis``.
    label
        Prefix of the ids in the SVG.
    """
    panels = []
    kinds = [kind for kind in COMPONENTS if kind in counts]
    ends = [_extent(counts[kind]) for kind in kinds]
    extent = min(low for low, _ in ends), max(high for _, high in ends)
    for number, kind in enumerate(kinds):
        own = [row for row in rows if row["component"] == kind]
        second = [row for row in own if row["bimodal"]]
        centres = [
            row["small_centre"] - math.log10(math.hypot(row["mean"], row["standard_deviation"]))
            for row in second
            if row["small_centre"] is not None
        ]
        zeros = sum(row["zeros"] * row["n"] for row in own) / sum(row["n"] for row in own)
        notes = []
        if second:
            notes.append(f"a second population in {_blocks([row['block'] for row in second])}")
        if zeros > 5e-5:
            notes.append(f"{zeros:.2%} exact zeros, which have no logarithm")
        draw = partial(_density, counts=counts[kind], kind=kind, centres=centres, extent=extent)
        name = f"Density of log abs(w) of {COMPONENT_NAMES[kind]} over that of Gaussian weights"
        picture = _drawn(draw, f"{label}{number}", name, _SMALL, _SMALL_MARGINS)
        panels.append(Panel(COMPONENT_NAMES[kind], picture, "; ".join(notes)))
    return panels


def _blocks(numbers: Sequence[int]) -> str:
    if len(numbers) > 6:
        return f"{len(numbers)} blocks"
    return f"block{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}"


def _extent(counts: Array) -> tuple[float, float]:
    seen = np.flatnonzero(counts >= _FEWEST)
    first, last = (seen[0], seen[-1]) if seen.size else (0, counts.size - 1)
    return float(LOG_EDGES[first]), float(LOG_EDGES[last + 1])


def _density(
    axes: "Axes", counts: Array, kind: str, centres: Sequence[float], extent: tuple[float, float]
) -> None:
    width = np.diff(LOG_EDGES)
    total = counts.sum()
    density = np.where(counts >= _FEWEST, counts / total / width, np.nan)
    gaussian = np.diff(erf(10.0**LOG_EDGES / math.sqrt(2))) / width
    gaussian[gaussian * total * width < _FEWEST] = np.nan
    middle = (LOG_EDGES[:-1] + LOG_EDGES[1:]) / 2
    if centres:
        axes.axvspan(min(centres) - 0.3, max(centres) + 0.3, color=_SHADE, lw=0, zorder=0.5)
    axes.plot(middle, gaussian, color=_SOFT, ls="--", lw=0.9, zorder=2)
    axes.plot(middle, density, color=_LOOKS[kind][0], lw=1.3, zorder=3)
    axes.set_yscale("log")
    axes.set_xlim(*extent)
    axes.set_ylim(max(_FEWEST / total / width[0] / 2, 1e-8), 4)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    axes.set_xlabel("log₁₀(|w| / rms)")
    axes.set_ylabel("density")
    _plain(axes, "log")


def strip(
    own: Mapping[str, float],
    around: Sequence[tuple[bool, Mapping[str, float]]],
    null: float,
    label: str,
) -> Markup:
    """Draw the median shapes of a model among those of others, kind by kind.

    Parameters
    ----------
    own
        Median shape by kind of matrix.
    around
        For each other model, whether it is a stand-in, and its median shapes.
    null
        Shape of Gaussian weights.
    label
        Prefix of the ids in the SVG.
    """
    kinds = [kind for kind in COMPONENTS if kind in own]

    def draw(axes: "Axes") -> None:
        axes.axvline(null, color=_SOFT, ls="--", lw=0.9, zorder=1)
        for place, kind in enumerate(kinds):
            for stand_in in (True, False):
                shapes = [found[kind] for other, found in around if other is stand_in and kind in found]
                fill = "none" if stand_in else _SOFT
                axes.plot(
                    shapes,
                    [place] * len(shapes),
                    "o",
                    ms=4.2,
                    mfc=fill,
                    mec=_SOFT,
                    mew=0.8,
                    alpha=0.75,
                    zorder=2,
                )
            axes.plot(own[kind], place, "D", ms=6, color=COLOURS[1], mec=_PAPER, mew=0.8, zorder=3)
        axes.set_yticks(range(len(kinds)), [COMPONENT_NAMES[kind] for kind in kinds])
        axes.set_ylim(len(kinds) - 0.5, -0.5)
        axes.set_xlabel("median of the Weibull shape k over blocks")

    height = 0.6 + 0.25 * len(kinds)
    margins = {"left": 0.28, "right": 0.97, "bottom": 0.45 / height, "top": 1 - 0.05 / height}
    return _drawn(draw, label, "Median shapes among those of other models", (4.0, height), margins)


def _drawn(
    draw: Callable[["Axes"], None],
    label: str,
    name: str,
    size: tuple[float, float] = _PANEL,
    margins: Mapping[str, float] = _MARGINS,
) -> Markup:
    """Draw one panel and return it as SVG in the colours of the page."""
    style.use()
    own: dict[Any, Any] = {
        "text.color": _TEXT,
        "axes.labelcolor": _SOFT,
        "axes.edgecolor": _SOFT,
        "xtick.color": _SOFT,
        "ytick.color": _SOFT,
        "grid.color": _LINE,
        "figure.constrained_layout.use": False,
    }
    with plt.rc_context(own):
        figure, axes = plt.subplots(figsize=size)
        figure.subplots_adjust(**margins)
        draw(axes)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None}, transparent=True)
        plt.close(figure)
    return inline_svg(_themed(stream.getvalue()), label, name)


def _themed(text: str) -> str:
    """Return an SVG whose colours are custom properties of the page, with two decimals in its numbers."""
    body = re.sub(r"<!--.*?-->\s*", "", text[text.find("<svg") :], flags=re.S)

    def tag(found: re.Match[str]) -> str:
        said = _DIGITS.sub(r"\1", found[0])
        for colour, variable in _VARIABLES.items():
            said = said.replace(f": {colour}", f": var(--{variable})")
        return said

    return re.sub(r"<[^>]*>", tag, body)
