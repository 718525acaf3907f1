"""Test the magnitudes of every matrix for a second mode."""

from pathlib import Path

from weightfit import table
from weightfit.provenance import provenance
from weightfit.studies.bimodality import bimodality
from weightfit.task import logged

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        fits = Path(snakemake.input.fits)
        histograms = [Path(path) for path in snakemake.input.histograms]
        rows = bimodality(histograms, table.read(fits, "fits"))
        inputs = {f"histograms/{path.name}": path for path in histograms}
        made = provenance("bimodality", "scripts/bimodality.py", inputs | {"fits.parquet": fits})
        table.write(Path(snakemake.output[0]), "bimodality", rows, made)
