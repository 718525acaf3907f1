"""Compare the tail of each block with its body."""

from pathlib import Path

from weightfit import table
from weightfit.provenance import provenance
from weightfit.studies.super_weights import super_weights
from weightfit.task import logged

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        fits, moments = Path(snakemake.input.fits), Path(snakemake.input.moments)
        rows = super_weights(table.read(fits, "fits"), table.read(moments, "moments"))
        inputs = {"fits.parquet": fits, "moments.parquet": moments}
        made = provenance("super_weights", "scripts/super_weights.py", inputs)
        table.write(Path(snakemake.output[0]), "super_weights", rows, made)
