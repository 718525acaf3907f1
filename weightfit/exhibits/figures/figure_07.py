"""Figure 7: q and k of each block, with and without a normalisation of queries and keys."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from weightfit import paper
from weightfit.exhibits.figures import heatmap
from weightfit.exhibits.legend import marked
from weightfit.exhibits.numbers import Row
from weightfit.exhibits.request import Request
from weightfit.exhibits.style import FULL_WIDTH

COLUMNS = heatmap.COLUMNS
COLOURS = {False: "#B2182B", True: "#2166AC"}
"""Colours of the titles of models without and with a normalisation of queries and keys, as in the paper."""


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
            own = found.get((panel, series), [])
            image = heatmap.draw(axes, own, height, scale) or image
            normalised = bool(paper.entries()[series].qk_norm)
            name = request.short_name(request.cast.shown[series]) if own else paper.entries()[series].name
            title = f"{name}\n{panel}, {'QK-norm' if normalised else 'no QK-norm'}"
            axes.set_title(title, loc="left", fontsize=7.5, color=COLOURS[normalised])
            if own and not normalised:
                # The paper prints the extent of "shallow-to-mid blocks" and no number of a block: a mark at the side
                # where these begin claims no more.
                axes.plot(
                    0, tail, ">", color=heatmap.COLOURS["printed"], ms=7, transform=axes.get_yaxis_transform()
                )
            axes.set_xlabel("block", fontsize=7.5)
        line[0].set_ylabel("log10 |w|")
    handles = [
        *heatmap.handles(request.content["quantiles"]),
        marked(
            f"printed without QK-norm, shallow to mid: {request.printed('tail')}",
            heatmap.COLOURS["printed"],
            ">",
            size=6,
        ),
    ]
    heatmap.finish(figure, image, grid, handles)
    return figure
