"""Diagnose models: measure each from its histograms, and write their page, a table and a document."""

import json
from pathlib import Path

from weightfit import table
from weightfit.analysis.around import of_fits
from weightfit.analysis.counted import counted, origin
from weightfit.analysis.document import all_to_csv, all_to_json
from weightfit.analysis.findings import find
from weightfit.analysis.page import write_page
from weightfit.task import logged

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        told = snakemake.params
        made = {}
        for path in snakemake.input.manifests:
            one = json.loads(Path(path).read_text("utf-8"))
            made[one["entry"]] = one
        missing = {
            told.title if told.is_model else entry: f"{one['reason']}; {one['remedy']}"
            for entry, one in made.items()
            if not one.get("available", True)
        }
        analyses = []
        for entry, part in zip(told.entries, snakemake.input.histograms, strict=True):
            name = told.title if told.is_model else entry
            if name in missing:
                continue
            model = counted(
                name,
                origin(made[entry]),
                [Path(part)],
                family="not kept with the histograms",
                config=told.heads[entry],
                attention=told.models.get(entry, {}).get("attention"),
                stands_for=told.stands_for[entry],
            )
            analyses.append(find(model, claims=True))
            print(f"{name}: {analyses[-1].headline}")
        fits = snakemake.input.around
        around = of_fits(table.read(Path(fits), "fits"), told.around) if fits else []
        write_page(Path(snakemake.output.page), analyses, told.title, around, missing)
        Path(snakemake.output.table).write_text(all_to_csv(analyses), encoding="utf-8")
        Path(snakemake.output.document).write_text(all_to_json(analyses), encoding="utf-8")
        for name, reason in missing.items():
            print(f"{name}: no weights were available: {reason}")
        if len(analyses) > 1:
            unusual = sum(bool(one.standing_out) for one in analyses)
            print(f"{told.title}: matrices stand out in {unusual} of {len(analyses)} models.")
