"""Figure 8: q, k and v of each block of four Pythia sizes through training, together and separately."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from weightfit.exhibits.figures import heatmap
from weightfit.exhibits.numbers import Row
from weightfit.exhibits.request import Request
from weightfit.exhibits.style import FULL_WIDTH

COLUMNS = heatmap.COLUMNS


def rows(request: Request) -> list[Row]:
    """Return the bins and the quantiles of the merged matrix at each step, and of its parts at the last step."""
    steps = request.content["steps"]
    columns = [(request.content["merged"], step) for step in steps]
    columns += [(component, steps[-1]) for component in request.content["apart"]]
    maps = [
        heatmap.Map(f"{component} {step}", series, component, step)
        for series in request.content["series"]
        for component, step in columns
    ]
    return heatmap.rows(request, maps)


def draw(rows: list[Row], request: Request) -> Figure:
    """Draw one row of maps per size: the merged matrix through training, then its parts."""
    scale, height = heatmap.norm(), heatmap.limits(rows)
    found = heatmap.by_map(rows)
    shown = [series for series in request.content["series"] if series in request.cast.shown]
    panels = request.content["panels"]
    figure, grid = plt.subplots(
        len(shown), len(panels), figsize=(FULL_WIDTH, 0.9 + 1.45 * len(shown)), sharey=True, squeeze=False
    )
    image = None
    for line, series in zip(grid, shown, strict=True):
        for axes, panel in zip(line, panels, strict=True):
            own = found.get((panel, series), [])
            image = heatmap.draw(axes, own, height, scale) or image
            component, printed = panel.split()
            step = own[0]["step"] if own else request.own_step(int(printed))
            axes.set_title(f"{component}, {step:,}", fontsize=6.5, loc="left")
        state = f"printed T/tau {request.printed(series)}"
        line[0].set_ylabel(f"{request.cast.shown[series]}\n{state}\nlog10 |w|", fontsize=6.5)
    for axes in grid[-1]:
        axes.set_xlabel("block", fontsize=7)
    heatmap.finish(figure, image, grid, heatmap.handles(request.content["quantiles"]))
    return figure
