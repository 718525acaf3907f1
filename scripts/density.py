"""Bin the magnitudes of each matrix."""

from pathlib import Path

from weightfit import table
from weightfit.provenance import provenance
from weightfit.studies.density import density
from weightfit.task import each, logged

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        fits = Path(snakemake.input.fits)
        parts = [Path(part) for part in snakemake.input.histograms]
        milestones = snakemake.params.milestones
        rows = density(table.read(fits, "fits"), each(parts, "entries"), milestones)
        inputs = {"fits.parquet": fits} | {f"histograms/{part.name}": part for part in parts}
        made = provenance("density", "scripts/density.py", inputs) | {"milestones": milestones}
        table.write(Path(snakemake.output[0]), "density", rows, made)
