"""Figure 2: the sampling noise of the probability plot, and the edges of the trim."""

from pathlib import Path

import matplotlib.pyplot as plt
import pyarrow as pa
import pyarrow.compute as pc

from weightfit import exhibit_style, paper, table
from weightfit.task import logged


def draw(theory: pa.Table, exhibit: dict, paths: dict[str, str]) -> None:
    """Draw the variance over F, the trim's edges and the edges that would be equally noisy."""
    rows = {name: theory.filter(pc.field("quantity") == name) for name in exhibit["parts"]["series"]}
    trim, printed = exhibit["parts"]["trim"], exhibit["parts"]["printed"]
    edges = {
        name: chosen.filter(pc.field("trim") == trim).to_pylist()[0]
        for name, chosen in rows.items()
        if name.endswith(("edge", "edge_variance"))
    }
    best = theory.filter(pc.field("quantity") == "least_noisy_probability")["value"][0].as_py()

    figure, axes = plt.subplots(figsize=(exhibit_style.FULL_WIDTH, 3.2))
    curve = rows["relative_variance"]
    low, high = edges["lower_edge_variance"], edges["upper_edge_variance"]
    axes.axvspan(low["probability"], high["probability"], color="#009E73", alpha=0.12, lw=0)
    axes.plot(table.column(curve, "probability"), table.column(curve, "value"), color="black")
    ratio = paper.printed(printed["lower_edge_variance"])
    marks = (
        (
            low,
            "o",
            "#0072B2",
            f"lower edge, F = {low['probability']:.2f}: {low['value']:.2f} times (printed: {ratio})",
        ),
        (high, "s", "#D55E00", f"upper edge, F = {high['probability']:.2f}: {high['value']:.2f} times"),
    )
    even = [edges["lower_equalising_edge"], edges["upper_equalising_edge"]]
    for point, marker, colour, label in marks:
        axes.plot(point["probability"], point["value"], marker, color=colour, ms=6, ls="none", label=label)
    axes.plot(
        [point["probability"] for point in even],
        [point["value"] for point in even],
        "D",
        color="#CC79A7",
        ms=5,
        ls="none",
        clip_on=False,
        label=f"equally noisy edges of the same width, F = {even[0]['probability']:.3f} and "
        f"{even[1]['probability']:.3f}: {even[0]['value']:.2f} times",
    )
    least = paper.printed(printed["least_noisy_probability"])
    axes.axvline(best, color="#666666", ls=":", lw=1, label=f"least noise, F = {best:.3f} (printed: {least})")
    axes.set(yscale="log", xlim=(0, 1), ylim=(0.8, 120), xlabel="cumulative fraction F")
    axes.set_ylabel("variance of ln(-ln(1 - F)),\nrelative to its least value")
    axes.set_yticks([1, 2, 5, 10, 20, 50, 100], labels=["1", "2", "5", "10", "20", "50", "100"])
    axes.minorticks_off()
    figure.legend(loc="outside lower center", ncols=2, handlelength=1.2)
    axes.set_title(f"Noise of the Weibull probability plot; shaded: the trim of {trim:.2f}", loc="left")
    exhibit_style.write_figure(figure, paths)
    plt.close(figure)
    exhibit_style.write_csv(paths["csv"], theory.column_names, pa.concat_tables(rows.values()).to_pylist())


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        exhibit_style.use()
        draw(
            table.read(Path(snakemake.input.theory), "theory"),
            snakemake.params.exhibit,
            dict(snakemake.output.items()),
        )
