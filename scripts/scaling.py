"""Follow the scale of each kind of matrix through training."""

from pathlib import Path

from weightfit import table
from weightfit.provenance import provenance
from weightfit.studies.scaling import scaling
from weightfit.task import logged

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        fits = Path(snakemake.input.fits)
        rows = scaling(table.read(fits, "fits"))
        made = provenance("scaling", "scripts/scaling.py", {"fits.parquet": fits})
        table.write(Path(snakemake.output[0]), "scaling", rows, made)
