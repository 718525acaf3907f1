"""Table 1: the shape at three trims, beside the printed values and the half-normal null."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from weightfit import exhibits, paper, table
from weightfit.exhibit_table import write_table
from weightfit.task import logged

HEADINGS = {
    "kind": "Matrices",
    "trim": "Trim",
    "printed": "Printed median",
    "printed_in_band": "Printed in band",
    "null": "Half-normal null",
    "untrained": "Untrained median",
    "measured": "Median",
    "spread": "SD over entries",
    "in_band": "In band",
}


def main_cohort(entries: dict[str, dict]) -> list[str]:
    """Return the entries of this cohort that stand for one of the paper's twelve."""
    known = paper.entries()
    return [
        key
        for key, facts in entries.items()
        if facts["paper_entry"] and "main" in known[facts["paper_entry"]].cohort
    ]


def medians(ablation: pa.Table, chosen: list[str], kind: str, trim: float, stage: str) -> np.ndarray:
    """Return each chosen entry's median shape."""
    rows = ablation.filter(
        pc.is_in(pc.field("entry"), pa.array(chosen, pa.string()))
        & (pc.field("kind") == kind)
        & (pc.field("trim") == trim)
        & (pc.field("stage") == stage)
    )
    return table.column(rows, "shape_median")


def rows(
    ablation: pa.Table, theory: pa.Table, exhibit: dict, entries: dict[str, dict]
) -> list[dict[str, object]]:
    """Return one row per kind and trim, and the gap between the extreme trims."""
    chosen = main_cohort(entries)
    low, high = (float(paper.printed(f"T1.band_{side}")) for side in ("low", "high"))
    null_rows = theory.filter(pc.field("quantity") == "half_normal_shape").to_pylist()
    null = {row["trim"]: row["value"] for row in null_rows}
    out = []
    for kind in exhibit["parts"]["kinds"]:
        shapes = {
            trim: medians(ablation, chosen, kind, trim, "terminal") for trim in exhibit["parts"]["trims"]
        }
        first = {trim: medians(ablation, chosen, kind, trim, "initial") for trim in exhibit["parts"]["trims"]}
        for trim, shape in shapes.items():
            reported = exhibit["parts"]["printed"][trim]
            out.append(
                {
                    "kind": kind,
                    "quantity": "shape",
                    "trim": trim,
                    "entries": shape.size,
                    "printed": paper.printed(f"{reported}.median"),
                    "printed_in_band": f"{paper.printed(f'{reported}.in_band')} / {paper.printed(f'{reported}.N')}",
                    "null": null[trim],
                    "untrained": float(np.median(first[trim])) if first[trim].size else None,
                    "measured": float(np.median(shape)) if shape.size else None,
                    "spread": float(np.std(shape, ddof=1)) if shape.size > 1 else None,
                    "in_band": int(((shape >= low) & (shape <= high)).sum()),
                }
            )
        widest, narrowest = max(shapes), min(shapes)
        gap = shapes[narrowest] - shapes[widest]
        untrained = first[narrowest] - first[widest]
        out.append(
            {
                "kind": kind,
                "quantity": "gap",
                "trim": None,
                "entries": gap.size,
                "printed": f"{paper.printed('S3.2.gap_mean')} ± {paper.printed('S3.2.gap_sd')}",
                "printed_in_band": None,
                "null": null[narrowest] - null[widest],
                "untrained": float(untrained.mean()) if untrained.size else None,
                "measured": float(gap.mean()) if gap.size else None,
                "spread": float(np.std(gap, ddof=1)) if gap.size > 1 else None,
                "in_band": None,
            }
        )
    return out


def display(row: dict[str, object]) -> dict[str, str]:
    """Format a row for people."""
    shown = {
        name: "–" if row[name] is None else f"{row[name]:.4f}"
        for name in ("null", "untrained", "measured", "spread")
    }
    return shown | {
        "kind": {"ffn": "FFN", "transmission": "FFN and o"}[row["kind"]],
        "trim": f"{row['trim']:.2f}" if row["quantity"] == "shape" else "gap 0.80 - 1.00",
        "printed": row["printed"],
        "printed_in_band": row["printed_in_band"] or "–",
        "in_band": f"{row['in_band']} / {row['entries']}" if row["quantity"] == "shape" else "–",
    }


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        exhibit, entries = snakemake.params.exhibit, snakemake.params.entries
        made = rows(
            table.read(Path(snakemake.input.ablation), "ablation"),
            table.read(Path(snakemake.input.theory), "theory"),
            exhibit,
            entries,
        )
        stand_ins = [key for key in main_cohort(entries) if entries[key]["stand_in"]]
        headings = dict(HEADINGS)
        if stand_ins:
            headings |= {
                "measured": "Stand-in median",
                "untrained": "Stand-in untrained",
                "in_band": "Stand-in in band",
            }
        notes = [exhibits.stand_in_note(stand_ins)] if stand_ins else []
        notes += exhibits.exclusion_notes(entries, main_cohort(entries))
        notes.append(
            f"{made[0]['entries']} of {paper.printed('T1.n_entries')} entries. Band: "
            f"[{paper.printed('T1.band_low')}, {paper.printed('T1.band_high')}]."
        )
        write_table(
            dict(snakemake.output.items()),
            exhibit["title"],
            exhibit["caption"],
            headings,
            [display(row) for row in made],
            made,
            notes,
        )
