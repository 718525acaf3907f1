"""Figure 2: the sampling noise of the probability plot, and the edges of the trim."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from weightfit.exhibits.numbers import Row
from weightfit.exhibits.request import Request

COLUMNS = ("panel", "series", "trim", "probability", "value", "printed")


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
    """Draw the variance over F, and the edges as points."""
    trim = request.content["trim"]
    curve = [row for row in rows if row["series"] == "relative_variance"]
    point = {row["series"]: row for row in rows if row["series"] != "relative_variance"}
    low, high = point["lower_edge_variance"], point["upper_edge_variance"]
    even = [point["lower_equalising_edge"], point["upper_equalising_edge"]]
    best = point["least_noisy_probability"]

    figure, axes = plt.subplots(figsize=(7.0, 3.2))
    axes.axvspan(low["probability"], high["probability"], color="#009E73", alpha=0.12, lw=0)
    axes.plot([row["probability"] for row in curve], [row["value"] for row in curve], color="black")
    marks = (
        (
            [low],
            "o",
            "#0072B2",
            f"lower edge, F = {low['probability']:.2f}: {low['value']:.2f} times (printed: {low['printed']})",
        ),
        ([high], "s", "#D55E00", f"upper edge, F = {high['probability']:.2f}: {high['value']:.2f} times"),
        (
            even,
            "D",
            "#CC79A7",
            f"equally noisy edges, F = {even[0]['probability']:.3f} and {even[1]['probability']:.3f}: "
            f"{even[0]['value']:.2f} times",
        ),
    )
    for points, marker, colour, label in marks:
        axes.plot(
            [one["probability"] for one in points],
            [one["value"] for one in points],
            marker,
            color=colour,
            ms=5.5,
            ls="none",
            clip_on=False,
            label=label,
        )
    axes.axvline(
        best["value"],
        color="#666666",
        ls=":",
        lw=1,
        label=f"least noise, F = {best['value']:.3f} (printed: {best['printed']})",
    )
    axes.set(yscale="log", xlim=(0, 1), ylim=(0.8, 120), xlabel="cumulative fraction F")
    axes.set_ylabel("variance of ln(-ln(1 - F)),\nrelative to its least value")
    axes.set_yticks([1, 2, 5, 10, 20, 50, 100], labels=["1", "2", "5", "10", "20", "50", "100"])
    axes.minorticks_off()
    figure.legend(loc="outside lower center", ncols=2, handlelength=1.2)
    axes.set_title(f"Noise of the Weibull probability plot; shaded: the trim of {trim:.2f}", loc="left")
    return figure
