"""Compare the standard deviation that each fitted law implies with the measured one."""

from pathlib import Path

from weightfit import table
from weightfit.provenance import provenance
from weightfit.studies.closure import closure
from weightfit.task import each, logged

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        fits = Path(snakemake.input.fits)
        parts = [Path(part) for part in snakemake.input.histograms]
        rows = closure(table.read(fits, "fits"), each(parts, "entries"))
        inputs = {"fits.parquet": fits} | {f"histograms/{part.name}": part for part in parts}
        made = provenance("closure", "scripts/closure.py", inputs)
        table.write(Path(snakemake.output[0]), "closure", rows, made)
