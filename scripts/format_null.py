"""Compute what Gaussian weights would give if they were stored in the format of each matrix."""

from pathlib import Path

from weightfit import table
from weightfit.provenance import provenance
from weightfit.studies.format_null import format_null
from weightfit.task import each, logged

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        parts = [Path(path) for path in snakemake.input.histograms]
        rows = format_null(each(parts, "entries"))
        made = provenance(
            "format_null", "scripts/format_null.py", {f"histograms/{part.name}": part for part in parts}
        )
        table.write(Path(snakemake.output[0]), "format_null", rows, made)
