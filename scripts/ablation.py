"""Compare the shapes at three trims, entry by entry."""

from pathlib import Path

from weightfit import table
from weightfit.provenance import provenance
from weightfit.studies.ablation import ablation
from weightfit.task import logged

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        fits = Path(snakemake.input.fits)
        rows = ablation(table.read(fits, "fits"))
        made = provenance("ablation", "scripts/ablation.py", {"fits.parquet": fits})
        table.write(Path(snakemake.output[0]), "ablation", rows, made)
