"""Fit six families of laws to the magnitudes of every matrix."""

from pathlib import Path

from weightfit import table
from weightfit.provenance import provenance
from weightfit.studies.laws import laws
from weightfit.task import logged

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        histograms = [Path(path) for path in snakemake.input.histograms]
        rows = laws(histograms, snakemake.params.exclude)
        made = provenance("laws", "scripts/laws.py", {f"histograms/{path.name}": path for path in histograms})
        table.write(Path(snakemake.output[0]), "laws", rows, made)
