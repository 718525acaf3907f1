"""Figure 11: scale and shape of each block of one model, for three pools of a block's matrices."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from weightfit.exhibits.figures.blocks import blocks_of, last_blocks
from weightfit.exhibits.legend import marked, shaded
from weightfit.exhibits.numbers import Row
from weightfit.exhibits.request import Request
from weightfit.exhibits.style import COLOURS, COMPONENT_NAMES, FULL_WIDTH, MARKERS, band

COLUMNS = (
    "panel",
    "series",
    "entry",
    "stand_in",
    "step",
    "block",
    "excluded",
    "value",
    "value_se",
    "value_null",
    "ratio",
    "ratio_null",
    "variation",
    "variation_null",
    "in_band",
    "in_band_null",
    "printed",
)


def rows(request: Request) -> list[Row]:
    """Return the scale and the shape of every block by pool, and how much each varies over blocks."""
    fits = last_blocks(request)
    low, high = printed_band(request)
    out: list[Row] = []
    for panel in request.content["panels"]:
        for series in request.content["series"]:
            for entry in request.cast.shown.values():
                own = blocks_of(fits, entry, series)
                blocks = own.to_pylist()
                spread = _spread([row[panel] for row in blocks], "")
                spread |= _spread([row[f"{panel}_null"] for row in blocks], "_null")
                out += [
                    {
                        "panel": panel,
                        "series": series,
                        "entry": entry,
                        "stand_in": entry in request.cast.stand_ins,
                        "step": row["step"],
                        "block": row["block"],
                        "excluded": row["excluded"],
                        "value": row[panel],
                        "value_se": row[f"{panel}_se"],
                        "value_null": row[f"{panel}_null"],
                        **spread,
                        "in_band": low <= row[panel] <= high if panel == "shape" else None,
                        "in_band_null": low <= row[f"{panel}_null"] <= high if panel == "shape" else None,
                        "printed": printed(request, panel),
                    }
                    for row in blocks
                ]
    return out


def _spread(values: list[float], suffix: str) -> dict[str, float | None]:
    """Return the largest value over the smallest, and the coefficient of variation."""
    # ASSUME block-spread: the standard deviation over blocks has their number less one as its divisor.
    variation = float(np.std(values, ddof=1) / np.mean(values)) if len(values) > 1 else None
    return {f"ratio{suffix}": max(values) / min(values) if values else None, f"variation{suffix}": variation}


def printed_band(request: Request) -> tuple[float, float]:
    """Return the printed band of shapes."""
    return float(request.printed("band_low")), float(request.printed("band_high"))


def printed(request: Request, panel: str) -> str:
    """Return what the paper prints for a panel: the band of shapes, or how much the scale varies over blocks."""
    if panel == "shape":
        return f"{request.printed('band_low')} to {request.printed('band_high')}"
    return f"max/min {request.printed('ratio')}, CV {request.printed('variation')} %"


def draw(rows: list[Row], request: Request) -> Figure:
    """Draw the scale on the left and the shape on the right, with one row of panels per pool."""
    series = request.content["series"]
    figure, panels = plt.subplots(len(series), 2, figsize=(FULL_WIDTH, 5.9), sharex=True, sharey="col")
    for number, pool in enumerate(series):
        for panel, axes in zip(request.content["panels"], panels[number], strict=True):
            own = [row for row in rows if (row["panel"], row["series"]) == (panel, pool)]
            if panel == "scale":
                _printed_ratio(axes, own, request)
            _blocks(own, axes, COLOURS[number], MARKERS[number])
            axes.set_title(f"{COMPONENT_NAMES[pool]}\n{_summary(own, panel)}", loc="left", fontsize=7)
    for shape in panels[:, 1]:
        band(shape, *printed_band(request), "printed band")
    for axes, label in zip(panels[len(series) // 2], ("scale (units of the weights)", "shape"), strict=True):
        axes.set_ylabel(label)
    for axes in panels[-1]:
        axes.set_xlabel("block")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    entry = request.name(next(iter(request.cast.shown.values())))
    figure.legend(
        handles=[
            marked(f"{entry[0].upper()}{entry[1:]}: a block pooled"),
            marked("Gaussian weights of the same standard deviations", filled=False),
            shaded(f"printed band of the shape, {printed(request, 'shape')}"),
            marked(f"printed of the scale: {printed(request, 'scale')}", "black", "|", size=9),
        ],
        loc="outside lower center",
        ncols=2,
    )
    return figure


def _printed_ratio(axes: Axes, rows: list[Row], request: Request) -> None:
    """Draw a bracket from the least scale to as many times this as the paper prints for the greatest."""
    if rows:
        least = min(float(str(row["value"])) for row in rows)
        greatest = least * float(request.printed("ratio"))
        # At the right of the last block, where no mark lies.
        last = max(float(str(row["block"])) for row in rows) * 1.03 + 0.3
        axes.errorbar(
            last,
            (least + greatest) / 2,
            (greatest - least) / 2,
            fmt="none",
            ecolor="black",
            capsize=3,
            elinewidth=1.2,
        )


def _blocks(rows: list[Row], axes: Axes, colour: str, marker: str) -> None:
    blocks = [row["block"] for row in rows]
    values, errors, nulls = ([row[name] for row in rows] for name in ("value", "value_se", "value_null"))
    axes.plot(blocks, nulls, marker=marker, ls=":", lw=0.8, color=colour, mfc="white", mew=0.7, ms=2.8)
    axes.errorbar(blocks, values, errors, fmt=marker, ls="-", lw=0.8, color=colour, elinewidth=0.9, ms=2.8)


def _summary(rows: list[Row], panel: str) -> str:
    """Return a summary of a panel in numbers, with the values for Gaussian weights."""
    if not rows:
        return "no block"
    if panel == "shape":
        inside, null = (sum(row[name] for row in rows) for name in ("in_band", "in_band_null"))
        return f"{inside} of {len(rows)} blocks in the band (Gaussian: {null})"
    ratio, null = (f"{rows[0][name]:.2f}" for name in ("ratio", "ratio_null"))
    if rows[0]["variation"] is None:
        return f"max/min {ratio} (Gaussian: {null})"
    variation, variation_null = (f"{100 * rows[0][name]:.1f} %" for name in ("variation", "variation_null"))
    return f"max/min {ratio} (Gaussian {null}), CV {variation} (Gaussian {variation_null})"
