"""Table 5: ratios of input-side to output-side scales before the first step."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from weightfit import exhibits, paper, table
from weightfit.exhibit_table import write_table
from weightfit.initialization import standard_deviations
from weightfit.scaling import input_output_ratio
from weightfit.task import logged

HEADINGS = {
    "name": "Size",
    "layers": "L",
    "width": "d",
    "recipe": "Recipe",
    "predicted": "Predicted",
    "printed": "Printed",
    "source": "Weights",
    "ratio": "Measured",
    "ratio_se": "SE",
    "error": "Error",
    "z": "z",
}


def rows(scaling: pa.Table, exhibit: dict, entries: dict[str, dict]) -> list[dict[str, object]]:
    """Return one row per size and per entry that has its initialisation."""
    known = paper.entries()
    out = []
    for key in exhibit["parts"]["rows"]:
        facts = known[key]
        reported = exhibit["parts"]["printed"][key]
        sigma = standard_deviations(facts.initialization, facts.layers, facts.width)
        predicted = sigma["qkv"] / sigma["o"]
        for entry, own in sorted(entries.items(), key=lambda item: item[1]["stand_in"]):
            if key not in (own["paper_entry"], own["initialization_of"]) or not _has_start(scaling, entry):
                continue
            ratio, error = input_output_ratio(scaling, entry, 0)
            out.append(
                {
                    "name": facts.name,
                    "layers": facts.layers,
                    "width": facts.width,
                    "recipe": facts.initialization,
                    "predicted": predicted,
                    "printed": paper.printed(f"{reported}.measured"),
                    "source": entry,
                    "stand_in": own["stand_in"],
                    "ratio": ratio,
                    "ratio_se": error,
                    "error": ratio / predicted - 1,
                    "z": (ratio - predicted) / error,
                }
            )
    return out


def _has_start(scaling: pa.Table, entry: str) -> bool:
    return scaling.filter((pc.field("entry") == entry) & (pc.field("step") == 0)).num_rows > 0


def display(row: dict[str, object]) -> dict[str, str]:
    """Format a row for people."""
    return {
        **{name: str(row[name]) for name in ("name", "layers", "width", "printed")},
        "source": f"{row['source']} (stand-in)" if row["stand_in"] else row["source"],
        "recipe": row["recipe"].removeprefix("recipe-").upper(),
        "predicted": f"{row['predicted']:.3f}",
        "ratio": f"{row['ratio']:.4f}",
        "ratio_se": f"{row['ratio_se']:.4f}",
        "error": f"{100 * row['error']:+.2f} %",
        "z": f"{row['z']:+.1f}",
    }


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        exhibit, entries = snakemake.params.exhibit, snakemake.params.entries
        made = rows(table.read(Path(snakemake.input.scaling), "scaling"), exhibit, entries)
        stand_ins = [row["source"] for row in made if entries[row["source"]]["stand_in"]]
        notes = [exhibits.stand_in_note(stand_ins)] if stand_ins else []
        notes += exhibits.exclusion_notes(entries, [row["source"] for row in made])
        if not made:
            needed = len(exhibit["parts"]["rows"])
            notes.append(
                f"{exhibit['title']} needs the weights of at least one of {needed} Pythia sizes before their first "
                "step; this cohort has none."
            )
        notes.append(
            "Entries ending in -initialization are simulated here at the true size from the recipe, seed 0; they test "
            "the instrument. L and d are the paper's; stand-ins have the same L and a smaller d."
        )
        write_table(
            dict(snakemake.output.items()),
            exhibit["title"],
            exhibit["caption"],
            HEADINGS,
            [display(row) for row in made],
            made,
            notes,
        )
