"""Figure 2: the sampling noise of the probability plot, and the edges of the trim."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from weightfit.exhibits.numbers import Row
from weightfit.exhibits.request import Request
from weightfit.exhibits.style import COLUMN_WIDTH

COLUMNS = ("panel", "series", "trim", "probability", "value", "printed")
RED, GREEN, ORANGE = "#D55E00", "#009E73", "#E69F00"
"""Colours of the lower, middle and upper part of the plot, which the paper's figure shades so."""


def rows(request: Request) -> list[Row]:
    """Return the noise over F, the noise at the trim's edges, and the edges that would be equally noisy."""
    (panel,) = request.content["panels"]
    printed = {name: request.printed(name) for name in request.content["printed"]}
    return [
        {
            "panel": panel,
            "series": row["quantity"],
            "trim": row["trim"],
            "probability": row["probability"],
            "value": row["value"],
            "printed": printed.get(row["quantity"]),
        }
        for row in request.read("theory").to_pylist()
        if row["quantity"] in request.content["series"] and row["trim"] in (request.content["trim"], None)
    ]


def draw(rows: list[Row], request: Request) -> Figure:
    """Draw the variance over F in the three parts of the paper's figure, with the edges named beside their marks."""
    trim = request.content["trim"]
    curve = [row for row in rows if row["series"] == "relative_variance"]
    point = {row["series"]: row for row in rows if row["series"] != "relative_variance"}
    low, high = point["lower_edge_variance"], point["upper_edge_variance"]
    even = [point["lower_equalising_edge"], point["upper_equalising_edge"]]
    best = point["least_noisy_probability"]

    figure, axes = plt.subplots(figsize=(COLUMN_WIDTH, 2.9))
    regions = (
        (0, low["probability"], RED, "left out"),
        (low["probability"], high["probability"], GREEN, f"trim {trim:.2f}"),
        (high["probability"], 1, ORANGE, "left out"),
    )
    for start, end, colour, _ in regions:
        axes.axvspan(start, end, color=colour, alpha=0.22, lw=0)
    axes.text(0.5, 100, regions[1][3], ha="center", va="center", color="#00583F")
    axes.text(0.05, 1.05, "left out", ha="center", va="bottom", rotation=90, color="#8C1500")
    axes.text(0.955, 100, "left out", ha="center", va="top", rotation=90, color="#7A4E00")
    axes.plot([row["probability"] for row in curve], [row["value"] for row in curve], color="black")
    axes.plot(
        [even[0]["probability"], even[1]["probability"]],
        [even[0]["value"]] * 2,
        color="black",
        ls=":",
        lw=0.9,
    )
    notes = (
        (
            low,
            "o",
            f"F = {low['probability']:.2f}: {low['value']:.2f} times\n(printed: {low['printed']})",
            (0.16, 24),
        ),
        (
            even[0],
            "D",
            f"equally noisy edges, F = {even[0]['probability']:.3f}\nand {even[1]['probability']:.3f}: "
            f"{even[0]['value']:.2f} times",
            (0.27, 9.5),
        ),
        (even[1], "D", "", None),
        (high, "s", f"F = {high['probability']:.2f}: {high['value']:.2f} times", (0.46, 1.75)),
        (
            {"probability": best["value"], "value": 1.0},
            "v",
            f"least, F = {best['value']:.3f} (printed: {best['printed']})",
            (0.14, 0.72),
        ),
    )
    for named, marker, text, place in notes:
        at = (float(str(named["probability"])), float(str(named["value"])))
        axes.plot(*at, marker, color="black", mfc="white", ms=4.5, clip_on=False, zorder=3)
        if place:
            axes.annotate(
                text,
                at,
                place,
                fontsize=7,
                va="center",
                arrowprops={"arrowstyle": "-", "lw": 0.6, "color": "#444444", "shrinkB": 3},
            )
    axes.set(yscale="log", xlim=(0, 1), ylim=(0.55, 140), xlabel="cumulative fraction F")
    axes.set_ylabel("variance of ln(-ln(1 - F)),\nrelative to its least value")
    axes.set_yticks([1, 2, 5, 10, 20, 50, 100], labels=["1", "2", "5", "10", "20", "50", "100"])
    axes.minorticks_off()
    axes.grid(visible=False)
    return figure
