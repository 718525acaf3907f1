"""Correlate the scales of the attention output projection with those of the second feed-forward matrix."""

from pathlib import Path

from weightfit import table
from weightfit.provenance import provenance
from weightfit.studies.coupling import coupling
from weightfit.task import logged

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        fits = Path(snakemake.input.fits)
        given = {"groups": snakemake.params.groups, "continued": snakemake.params.continued}
        rows = coupling(table.read(fits, "fits"), **given)
        made = provenance("coupling", "scripts/coupling.py", {"fits.parquet": fits})
        table.write(Path(snakemake.output[0]), "coupling", rows, made | given)
