"""Compute the effect of a second population on the shape and on the dip."""

from pathlib import Path

from weightfit import table
from weightfit.provenance import provenance
from weightfit.studies.calibration import calibration
from weightfit.task import logged

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        made = provenance("calibration", "scripts/calibration.py", {})
        table.write(Path(snakemake.output[0]), "calibration", calibration(), made)
