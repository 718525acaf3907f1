"""Figure 8: the small magnitudes of q, k and v of four Pythia sizes through training, block by block."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from weightfit.exhibits.legend import lined
from weightfit.exhibits.numbers import Row
from weightfit.exhibits.request import Request
from weightfit.exhibits.style import FULL_WIDTH
from weightfit.studies.log_bins import log10_quantiles

COLUMNS = (
    *("panel", "series", "entry", "stand_in", "printed_step", "step", "block", "n", "probability"),
    *("measured", "gaussian", "difference", "gaussian_sd", "printed"),
)
STEPS = ("#B5B5B5", "#56B4E9", "#0072B2", "#000000")
"""Colours of the steps, which darken in the course of training."""

APART = {"q": ("#D55E00", "-"), "k": ("#CC79A7", "--"), "v": ("#009E73", ":")}
"""Colours and dashes of the parts of the merged matrix."""

SURE = 1.96
"""Half the width of the envelope in standard deviations."""


def rows(request: Request) -> list[Row]:
    """Return quantiles of the merged matrix at each step and of its parts at the last, beside the Gaussian ones."""
    content = request.content
    components = [content["merged"], *content["apart"]]
    density = request.read("density").filter(pc.is_in(pc.field("component"), pa.array(components)))
    found: dict[tuple[str, str, int | None], dict[int, list[dict[str, Any]]]] = {}
    for row in density.to_pylist():
        blocks = found.setdefault((row["entry"], row["component"], row["step"]), {})
        blocks.setdefault(row["block"], []).append(row)
    out: list[Row] = []
    for series, entry in request.cast.shown.items():
        for panel in content["panels"]:
            component, printed = panel.split()
            step = request.own_step(int(printed))
            key = {
                "panel": panel,
                "series": series,
                "entry": entry,
                "stand_in": entry in request.cast.stand_ins,
                "printed_step": int(printed),
                "step": step,
                "printed": request.printed(series),
            }
            for block, own in sorted(found.get((entry, component, step), {}).items()):
                out += [key | {"block": block} | row for row in _quantiles(own, content["quantiles"])]
    return out


def _quantiles(own: Sequence[Mapping[str, Any]], levels: Sequence[float]) -> list[dict[str, object]]:
    number, n = np.array([row["bin"] for row in own]), own[0]["n"]
    measured, gaussian = (
        log10_quantiles(number, np.array([row[column] for row in own]), levels)
        for column in ("share", "share_null")
    )
    return [
        {
            "n": n,
            "probability": level,
            "measured": one,
            "gaussian": other,
            "difference": None if one is None or other is None else one - other,
            "gaussian_sd": gaussian_sd(level, n),
        }
        for level, one, other in zip(levels, measured, gaussian, strict=True)
    ]


def gaussian_sd(level: float, n: int) -> float:
    """Return the standard deviation of log10 of a sample quantile of the magnitudes of n Gaussian weights.

    Notes
    -----
    By the delta method, the variance of a sample quantile x at probability p is p (1 - p) / (n f(x)^2), where f is the
    density; for log10 of x it is divided by (x ln 10)^2. The law is that of the absolute value of a standard Gaussian.
    """
    from statistics import NormalDist

    normal = NormalDist()
    place = normal.inv_cdf((1 + level) / 2)
    return math.sqrt(level * (1 - level) / n) / (2 * normal.pdf(place) * place * math.log(10))


def draw(rows: list[Row], request: Request) -> Figure:
    """Draw one column per size: above, the merged matrix with one line per step; below, its parts at the last step."""
    shown = [series for series in request.content["series"] if series in request.cast.shown]
    level = request.content["level"]
    drawn = [row for row in rows if row["probability"] == level]
    figure, grid = plt.subplots(
        2, len(shown), figsize=(FULL_WIDTH, 3.9), sharex="col", sharey=True, squeeze=False
    )
    steps = [
        panel for panel in request.content["panels"] if panel.startswith(f"{request.content['merged']} ")
    ]
    apart = [panel for panel in request.content["panels"] if panel not in steps]
    for number, series in enumerate(shown):
        own = [row for row in drawn if row["series"] == series]
        for axes, panels in zip(grid[:, number], (steps, apart), strict=True):
            _envelope(axes, [row for row in own if row["panel"] in panels])
            for panel in panels:
                line = [row for row in own if row["panel"] == panel]
                colour, dashes = _look(panel, steps)
                blocks, values = ([row[name] for row in line] for name in ("block", "difference"))
                axes.plot(
                    blocks,
                    [math.nan if value is None else value for value in values],
                    color=colour,
                    ls=dashes,
                    lw=1.6 if panel == steps[-1] else 1.1,
                    marker="o" if len(blocks) < 2 else "",
                )
            axes.axhline(0, color="black", lw=0.6, zorder=0.9)
        name = request.short_name(request.cast.shown[series])
        grid[0, number].set_title(
            f"{name}\nT/τ {request.printed(series)} (printed)", loc="left", fontsize=7.5
        )
        grid[1, number].set_xlabel("block")
        grid[1, number].xaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1))
    grid[0, 0].set_ylabel("q, k and v together")
    grid[1, 0].set_ylabel("separately,\nat the last step")
    percent = f"{100 * level:g}"
    figure.supylabel(f"log10 of the {percent} % quantile of |w|, minus Gaussian", fontsize=8)
    figure.legend(
        handles=_handles(rows, steps, request), loc="outside lower center", ncols=4, handlelength=1.8
    )
    return figure


def _look(panel: str, steps: Sequence[str]) -> tuple[str, str]:
    return (STEPS[steps.index(panel)], "-") if panel in steps else APART[panel.split()[0]]


def _envelope(axes: Axes, rows: Sequence[Row]) -> None:
    """Shade where 95 % of the quantiles of Gaussian weights lie, for the smallest matrix of each block."""
    spread: dict[int, float] = {}
    for row in rows:
        block, deviation = int(str(row["block"])), float(str(row["gaussian_sd"]))
        spread[block] = max(spread.get(block, 0.0), deviation)
    blocks = sorted(spread)
    edges = np.repeat(np.array(blocks, np.float64), 2) + np.tile([-0.5, 0.5], len(blocks))
    high = SURE * np.repeat([spread[block] for block in blocks], 2)
    axes.fill_between(edges, -high, high, color="#E8E4D8", lw=0, zorder=0.5)


def _handles(rows: Sequence[Row], steps: Sequence[str], request: Request) -> list[Any]:
    from matplotlib.patches import Patch

    own = {int(str(row["printed_step"])): row["step"] for row in rows}
    handles: list[Any] = []
    for panel in steps:
        printed = int(panel.split()[1])
        step = request.own_step(printed) if printed not in own else own[printed]
        stands = "" if step == printed else f" (for {printed:,})"
        handles.append(lined(f"step {step:,}{stands}", STEPS[steps.index(panel)], width=1.6))
    handles += [lined(name, *look, 1.4) for name, look in APART.items()]
    return [*handles, Patch(color="#E8E4D8", lw=0, label="95 % of Gaussian weights")]
