"""Figure 10: the scale of each kind of matrix through training."""

import textwrap
from pathlib import Path

import matplotlib.pyplot as plt
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.ticker import FuncFormatter, NullLocator

from weightfit import exhibit_style, exhibits, table
from weightfit.task import logged

TITLES = {"qkv": "q, k and v together", "o": "o", "ffn_in": "FFN in", "ffn_out": "FFN out"}


def trajectories(scaling: pa.Table, exhibit: dict, entries: dict[str, dict]) -> list[dict[str, object]]:
    """Choose the rows that the figure draws, with the entry of the paper that each stands for."""
    shown = {}
    for entry, facts in entries.items():
        if facts["paper_entry"] in exhibit["parts"]["series"]:
            shown[entry] = facts["paper_entry"]
    rows = scaling.filter(
        pc.is_in(pc.field("entry"), pa.array(list(shown), pa.string()))
        & pc.is_in(pc.field("component"), pa.array(exhibit["parts"]["panels"]))
        & pc.is_valid(pc.field("step"))
    )
    return [{"paper_entry": shown[row["entry"]], **row} for row in rows.to_pylist()]


def draw(rows: list[dict[str, object]], exhibit: dict, notes: list[str], paths: dict[str, str]) -> None:
    """Draw one panel per kind of matrix, one line per model."""
    figure, panels = plt.subplots(2, 2, figsize=(exhibit_style.FULL_WIDTH, 5.4), sharex=True)
    for component, axes in zip(exhibit["parts"]["panels"], panels.flat, strict=True):
        for series, colour, marker in zip(
            exhibit["parts"]["series"], exhibit_style.COLOURS, exhibit_style.MARKERS, strict=False
        ):
            line = [row for row in rows if (row["component"], row["paper_entry"]) == (component, series)]
            line.sort(key=lambda row: row["step"])
            steps = [row["step"] for row in line]
            label = line[0]["entry"] if line and component == "qkv" else None
            axes.plot(steps, [row["scale_median"] for row in line], marker=marker, color=colour, label=label)
            axes.fill_between(
                steps,
                [row["scale_q25"] for row in line],
                [row["scale_q75"] for row in line],
                color=colour,
                alpha=0.15,
                lw=0,
            )
        axes.set_title(TITLES[component], loc="left")
        axes.set_xscale("symlog", linthresh=1, linscale=0.6)
        axes.set_yscale("log")
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda scale, _: f"{scale:g}"))
        axes.yaxis.set_minor_formatter(FuncFormatter(lambda scale, _: f"{scale:.2g}"))
        axes.tick_params(axis="y", which="minor", labelsize=6.5)
    for axes in panels[:, 0]:
        axes.set_ylabel("scale (units of the weights)")
    for axes in panels[-1]:
        axes.set_xlabel("training step")
    if notes:
        lines = [line for note in notes for line in textwrap.wrap(note, 130)]
        figure.suptitle("\n".join(lines), fontsize=7.5, color="#a00000", x=0.01, ha="left")
    figure.legend(loc="outside lower center", ncols=5)
    exhibit_style.write_figure(figure, paths)
    plt.close(figure)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        exhibit_style.use()
        entries = snakemake.params.entries
        chosen = trajectories(
            table.read(Path(snakemake.input.scaling), "scaling"), snakemake.params.exhibit, entries
        )
        needed = len(snakemake.params.exhibit["parts"]["series"])
        found = len({row["paper_entry"] for row in chosen})
        drawn = list(dict.fromkeys(row["entry"] for row in chosen))
        stand_ins = [entry for entry in drawn if entries[entry]["stand_in"]]
        notes = [exhibits.stand_in_note(stand_ins)] if stand_ins else []
        notes += exhibits.exclusion_notes(entries, drawn)
        if chosen:
            draw(chosen, snakemake.params.exhibit, notes, dict(snakemake.output.items()))
        else:
            exhibit_style.write_need(
                f"{snakemake.params.exhibit['title']} needs the weights of at least one of {needed} Pythia sizes at "
                "known training steps; this cohort has none.",
                dict(snakemake.output.items()),
            )
        print(f"{found} of {needed} sizes drawn")
        columns = ["paper_entry", *table.arrow_schema("scaling").names]
        exhibit_style.write_csv(snakemake.output.csv, columns, chosen)
