"""Figure 6: the distribution of magnitudes in each block of OLMo-1-7B, for each kind of matrix."""

import textwrap

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
    """Draw one map per kind of matrix on one colour scale; q and k have the printed extent in the printed blocks."""
    (series,) = request.content["series"]
    tail = float(request.printed("tail"))
    ranges = [
        (int(request.printed(f"first_block{which}")), int(request.printed(f"last_block{which}")))
        for which in ("", "_b")
    ]
    scale, height = heatmap.norm(), heatmap.limits(rows, [tail])
    found = heatmap.by_map(rows)
    figure, grid = plt.subplots(2, 4, figsize=(FULL_WIDTH, 4.4), sharey=True)
    image, drawn = None, False
    for panel, axes in zip(request.content["panels"], grid.flat, strict=False):
        own = found.get((panel, series), [])
        image = heatmap.draw(axes, own, height, scale) or image
        if panel in request.content["printed_panels"]:
            drawn |= heatmap.printed_extent(axes, own, tail, ranges)
        axes.set_title(f"{COMPONENT_NAMES[panel]} ({_class(request, panel)})", loc="left", fontsize=8)
        axes.set_xlabel("block", fontsize=7.5)
    grid.flat[-1].axis("off")
    blocks = " and ".join(f"{first} to {last}" for first, last in ranges)
    told = (
        f"{request.name(request.cast.shown[series])}. The paper prints that q and k reach a log10 |w| of about "
        f"{request.printed('tail')} in blocks {blocks}{'.' if drawn else ', which these weights do not have.'}"
    )
    grid.flat[-1].text(
        *(0.02, 0.97, textwrap.fill(told[0].upper() + told[1:], 27)),
        va="top",
        fontsize=7.5,
        transform=grid.flat[-1].transAxes,
    )
    for axes in grid[:, 0]:
        axes.set_ylabel("log10 |w|")
    handles = heatmap.handles(request.content["quantiles"])
    if drawn:
        handles.append(lined("printed extent of q and k", heatmap.COLOURS["printed"], width=2.2))
    heatmap.finish(figure, image, grid, handles)
    return figure


def _class(request: Request, panel: str) -> str:
    return next(str(name) for name, kinds in request.content["classes"].items() if panel in kinds)
