"""Exponents of spectra against shapes: each matrix of the real models, and Gaussian matrices of the same sizes."""

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, StrMethodFormatter

from weightfit.exhibits.legend import marked
from weightfit.exhibits.numbers import Row
from weightfit.exhibits.request import Request
from weightfit.exhibits.style import COLOURS, FULL_WIDTH, MARKERS, NULL_COLOUR
from weightfit.studies.spectra import KINDS, matrices, models

COLUMNS = (
    "panel",
    "series",
    "model",
    "entry",
    "block",
    "component",
    "rows",
    "columns",
    "shape",
    "shape_se",
    "alpha",
    "alpha_deviation",
)


def rows(request: Request) -> list[Row]:
    """Return two rows for each matrix: its own shape and exponent, and those of Gaussian matrices of its size."""
    found = matrices(*map(request.read, ("spectra", "fits", "moments")))
    measured, gaussian = request.content["series"]
    out: list[Row] = []
    for panel in request.content["panels"]:
        for model, entries in models(request.models).items():
            for row in found:
                if row["entry"] not in entries or row["component"] not in KINDS[panel]:
                    continue
                own = {"panel": panel, "model": model}
                own |= {name: row[name] for name in ("entry", "block", "component", "rows", "columns")}
                out.append(
                    own
                    | {name: row[name] for name in ("shape", "shape_se", "alpha")}
                    | {"series": measured, "alpha_deviation": None}
                )
                out.append(
                    own
                    | {"series": gaussian, "shape": row["shape_null"], "shape_se": None}
                    | {"alpha": row["alpha_null"], "alpha_deviation": row["alpha_null_deviation"]}
                )
    return out


def draw(rows: list[Row], request: Request) -> Figure:
    """Draw a panel for each group of kinds, with a colour and a mark for each model."""
    names = [name for name in request.content["panels"] if any(row["panel"] == name for row in rows)]
    shown = list(dict.fromkeys(row["model"] for row in rows))
    marks = {
        model: (COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)])
        for place, model in enumerate(shown)
    }
    figure, panels = plt.subplots(1, len(names), figsize=(FULL_WIDTH, 3.9), sharey=True, squeeze=False)
    _, gaussian = request.content["series"]
    for name, axes in zip(names, panels.flat, strict=True):
        own = [row for row in rows if row["panel"] == name]
        _draw_gaussian([row for row in own if row["series"] == gaussian], axes)
        for model, (colour, marker) in marks.items():
            points = [row for row in own if row["model"] == model and row["series"] != gaussian]
            axes.plot(
                [row["shape"] for row in points],
                [row["alpha"] for row in points],
                marker,
                color=colour,
                mec="white",
                mew=0.3,
                ms=4.0,
                alpha=0.8,
                zorder=2,
            )
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set(xlabel="shape k")
        axes.set_title(name.replace("_", "-"), loc="left")
    axes = panels[0, 0]
    axes.set_yticks([tick for tick in (1.5, 2, 3, 4, 5, 7, 10, 15, 20, 30) if _within(tick, rows)])
    axes.set_ylabel("exponent of the tail of the spectrum")
    handles = [marked(model, *marks[model]) for model in shown]
    handles.append(marked("Gaussian matrices of the same sizes", NULL_COLOUR, "_", size=7))
    figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure


def _draw_gaussian(rows: list[Row], axes: Axes) -> None:
    """Draw, once for each exponent, the median over Gaussian matrices with two deviations to both sides."""
    distinct = {row["alpha"]: row for row in rows}
    for alpha, row in sorted(distinct.items()):
        wide = 2 * row["alpha_deviation"]
        axes.errorbar(
            row["shape"],
            alpha,
            # The exponent is above 1, where an axis of logarithms would otherwise end.
            yerr=[[min(wide, 0.95 * (alpha - 1))], [wide]],
            fmt="_",
            color=NULL_COLOUR,
            ms=7,
            mew=1.2,
            elinewidth=0.7,
            zorder=3,
        )


def _within(tick: float, rows: list[Row]) -> bool:
    found = [row["alpha"] for row in rows]
    return bool(min(found) / 1.3 <= tick <= max(found) * 1.3)
