"""Compute the noise of the probability plot, and the exact results for Gaussian and heavier-tailed weights."""

from pathlib import Path

from weightfit import table
from weightfit.provenance import provenance
from weightfit.studies.theory import theory
from weightfit.task import logged

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        rows = theory()
        built = table.of_rows("theory", rows)
        table.write(Path(snakemake.output[0]), "theory", built, provenance("theory", "scripts/theory.py", {}))
