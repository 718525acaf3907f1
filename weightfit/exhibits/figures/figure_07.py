"""Figure 7: q and k of each block, with and without a normalisation of queries and keys."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from weightfit import paper
from weightfit.exhibits.figures import heatmap
from weightfit.exhibits.legend import lined
from weightfit.exhibits.numbers import Row
from weightfit.exhibits.request import Request
from weightfit.exhibits.style import FULL_WIDTH

COLUMNS = heatmap.COLUMNS


def rows(request: Request) -> list[Row]:
    """Return the bins and the quantiles of q and k at the last step."""
    maps = [
        heatmap.Map(panel, series, panel, None)
        for panel in request.content["panels"]
        for series in request.content["series"]
    ]
    return heatmap.rows(request, maps)


def draw(rows: list[Row], request: Request) -> Figure:
    """Draw q above k, one column per model, on one colour scale."""
    tail = float(request.printed("tail"))
    scale, height = heatmap.norm(), heatmap.limits(rows, [tail])
    found = heatmap.by_map(rows)
    panels, columns = request.content["panels"], request.content["series"]
    figure, grid = plt.subplots(len(panels), len(columns), figsize=(FULL_WIDTH, 4.2), sharey=True)
    image = None
    for line, panel in zip(grid, panels, strict=True):
        for axes, series in zip(line, columns, strict=True):
            image = heatmap.draw(axes, found.get((panel, series), []), height, scale) or image
            normalised = "QK-norm" if paper.entries()[series].qk_norm else "no QK-norm"
            axes.set_title(
                f"{request.cast.shown.get(series, series)}\n{panel}, {normalised}", loc="left", fontsize=7.5
            )
            axes.axhline(tail, color=heatmap.COLOURS["printed"], ls=":", lw=1.2)
            axes.set_xlabel("block", fontsize=7)
        line[0].set_ylabel("log10 |w|")
    handles = [
        *heatmap.handles(request.content["quantiles"]),
        lined(
            f"printed extent without QK-norm, {request.printed('tail')}",
            heatmap.COLOURS["printed"],
            ":",
        ),
    ]
    heatmap.finish(figure, image, grid, handles)
    return figure
