"""Compare the shapes before training with those at the last step."""

from pathlib import Path

from weightfit import table
from weightfit.provenance import provenance
from weightfit.studies.drift import drift
from weightfit.task import logged

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        fits = Path(snakemake.input.fits)
        rows = drift(table.read(fits, "fits"), snakemake.params.continued)
        made = provenance("drift", "scripts/drift.py", {"fits.parquet": fits})
        table.write(
            Path(snakemake.output[0]), "drift", rows, made | {"continued": snakemake.params.continued}
        )
