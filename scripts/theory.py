"""Compute the noise of the plot, and what Gaussian and heavier-tailed weights give exactly."""

from pathlib import Path

from weightfit import table
from weightfit.provenance import provenance
from weightfit.studies.theory import theory
from weightfit.task import logged

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        rows = theory()
        names = table.arrow_schema("theory").names
        built = table.build("theory", {name: [row[name] for row in rows] for name in names})
        table.write(Path(snakemake.output[0]), "theory", built, provenance("theory", "scripts/theory.py", {}))
