"""Figure 6: the distribution of magnitudes in each block of OLMo-1-7B, for each kind of matrix."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from weightfit.exhibits.figures import heatmap
from weightfit.exhibits.legend import lined
from weightfit.exhibits.numbers import Row
from weightfit.exhibits.request import Request
from weightfit.exhibits.style import COMPONENT_NAMES, FULL_WIDTH

COLUMNS = heatmap.COLUMNS


def rows(request: Request) -> list[Row]:
    """Return the bins and the quantiles of each kind of matrix at the last step."""
    maps = [
        heatmap.Map(panel, series, panel, None)
        for panel in request.content["panels"]
        for series in request.content["series"]
    ]
    return heatmap.rows(request, maps)


def draw(rows: list[Row], request: Request) -> Figure:
    """Draw one map per kind of matrix on one colour scale, with the printed blocks and extent of the tail."""
    (series,) = request.content["series"]
    tail = float(request.printed("tail"))
    scale, height = heatmap.norm(), heatmap.limits(rows, [tail])
    found = heatmap.by_map(rows)
    figure, grid = plt.subplots(2, 4, figsize=(FULL_WIDTH, 4.4), sharey=True)
    image = None
    for panel, axes in zip(request.content["panels"], grid.flat, strict=False):
        image = heatmap.draw(axes, found.get((panel, series), []), height, scale) or image
        axes.set_title(COMPONENT_NAMES[panel], loc="left")
        axes.set_xlabel("block", fontsize=7)
        axes.axhline(tail, color=heatmap.COLOURS["printed"], ls=":", lw=1.2)
    grid.flat[-1].axis("off")
    ranges = [
        f"{request.printed(f'first_block{which}')} to {request.printed(f'last_block{which}')}"
        for which in ("", "_b")
    ]
    grid.flat[-1].text(
        0.02,
        0.95,
        f"{request.cast.shown[series]}\n\nPrinted: q and k reach\nlog10 |w| of about {request.printed('tail')}\n"
        f"in blocks {ranges[0]}\nand {ranges[1]} (dotted line).",
        va="top",
        fontsize=7.5,
        transform=grid.flat[-1].transAxes,
    )
    for axes in grid[:, 0]:
        axes.set_ylabel("log10 |w|")
    handles = [
        *heatmap.handles(request.content["quantiles"]),
        lined("printed extent", heatmap.COLOURS["printed"], ":"),
    ]
    heatmap.finish(figure, image, grid, handles)
    return figure
