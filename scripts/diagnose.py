"""Diagnose a model: write a page and tables with the shape of each kind of matrix."""

import json
from pathlib import Path

from weightfit import table
from weightfit.documents import data
from weightfit.report.diagnosis import neighbours, place, render
from weightfit.studies.diagnosis import diagnose, scale_ratios
from weightfit.studies.selection import TRIM, anchor
from weightfit.task import logged

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        fits = table.read(Path(snakemake.input.fits), "fits")
        theory = table.read(Path(snakemake.input.theory), "theory")
        unmoved = anchor(theory, TRIM)
        band = tuple(snakemake.params.band)
        own = snakemake.params.own
        around = neighbours(fits, own)
        if snakemake.input.around:
            around += neighbours(table.read(Path(snakemake.input.around), "fits"), snakemake.params.around)
        model = {
            "name": snakemake.params.model,
            "description": snakemake.params.description,
            "made": [json.loads(Path(name).read_text("utf-8")) for name in snakemake.input.manifests],
        }
        placed = [place(fits, entry, stand_in, unmoved, band) for entry, stand_in in own.items()]
        text = render(data("workflow/report/diagnosis.html.j2"), model, placed, unmoved, around)
        rows = diagnose(fits, band)
        table.write_csv(Path(snakemake.output.table), rows)
        table.write_csv(Path(snakemake.output.ratios), scale_ratios(fits))
        Path(snakemake.output.page).write_text(text, encoding="utf-8")
        for row in rows.to_pylist():
            print(f"{row['entry']} {row['component']}: k {row['shape']:.4f}, {row['place']} the printed band")
        inside = sum(row["place"] == "within" for row in rows.to_pylist())
        print(
            f"{model['name']}: {inside} of {rows.num_rows} kinds of matrices have their median k within the printed "
            f"band, {band[0]:g} to {band[1]:g}."
        )
