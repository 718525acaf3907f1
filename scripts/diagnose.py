"""Place a model: a table and a page with the shape of each kind of its matrices."""

import json
from pathlib import Path

import pyarrow.compute as pc

from weightfit import table
from weightfit.audit.text import write_csv
from weightfit.diagnosis import diagnose
from weightfit.exhibit_diagnosis import Neighbour, figure, render
from weightfit.task import logged


def neighbours(path: Path, stand_ins: dict[str, bool], band: tuple[float, float]) -> list[Neighbour]:
    """Return the entries of another cohort with the medians of their shapes."""
    found: dict[str, dict[str, float]] = {}
    for row in diagnose(table.read(path, "fits"), band).to_pylist():
        found.setdefault(row["entry"], {})[row["component"]] = row["shape"]
    return [Neighbour(entry, stand_ins.get(entry, False), shapes) for entry, shapes in found.items()]


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        fits = table.read(Path(snakemake.input.fits), "fits")
        theory = table.read(Path(snakemake.input.theory), "theory")
        (anchor,) = theory.filter((pc.field("quantity") == "half_normal_shape") & (pc.field("trim") == 0.80))[
            "value"
        ].to_pylist()
        band = tuple(snakemake.params.band)
        rows = diagnose(fits, band)
        made = [json.loads(Path(name).read_text(encoding="utf-8")) for name in snakemake.input.manifests]
        weights = [
            {
                "place": f"{each['repository']} at {each['commit']}"
                if each["repository"]
                else "a folder of yours",
                "files": each["files"],
            }
            for each in made
        ]
        around = snakemake.input.get("around")
        model = {
            "name": snakemake.params.model,
            "description": snakemake.params.description,
            "weights": weights,
        }
        text = render(
            Path(snakemake.input.page[0]),
            model,
            rows.to_pylist(),
            figure(fits, anchor, band),
            anchor,
            neighbours(Path(around), snakemake.params.stand_ins, band) if around else [],
        )
        write_csv(Path(snakemake.output.table), rows)
        Path(snakemake.output.page).write_text(text, encoding="utf-8")
        for row in rows.to_pylist():
            print(f"{row['component']}: k {row['shape']:.4f}, {row['place']} the printed band")
