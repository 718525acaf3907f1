"""Compute the headline statistics again with one choice of the analysis changed at a time."""

from pathlib import Path

from weightfit import table
from weightfit.provenance import provenance
from weightfit.studies.multiverse import multiverse
from weightfit.task import each, logged

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        fits = Path(snakemake.input.fits)
        parts = [Path(part) for part in snakemake.input.histograms]
        entries, band = snakemake.params.entries, snakemake.params.band
        rows = multiverse(table.read(fits, "fits"), each(parts, "entries"), entries, tuple(band))
        inputs = {"fits.parquet": fits} | {f"histograms/{part.name}": part for part in parts}
        made = provenance("multiverse", "scripts/multiverse.py", inputs) | {"entries": entries, "band": band}
        table.write(Path(snakemake.output[0]), "multiverse", rows, made)
