"""Count the weights in body and tail, and compare the counts with the predictions of two laws."""

from pathlib import Path

from weightfit import table
from weightfit.provenance import provenance
from weightfit.studies.tail import tail
from weightfit.task import each, logged

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        fits = Path(snakemake.input.fits)
        parts = [Path(part) for part in snakemake.input.histograms]
        milestones = snakemake.params.milestones
        rows = tail(table.read(fits, "fits"), each(parts, "entries"), milestones)
        inputs = {"fits.parquet": fits} | {f"histograms/{part.name}": part for part in parts}
        made = provenance("tail", "scripts/tail.py", inputs) | {"milestones": milestones}
        table.write(Path(snakemake.output[0]), "tail", rows, made)
