"""Gather the spectra of all entries into one table, which is empty if no entry has any."""

from pathlib import Path

from weightfit import table
from weightfit.provenance import provenance
from weightfit.task import logged


def gather(parts: list[Path], output: Path) -> None:
    """Write the rows of all parts, one row group each, in the order of the cohort."""
    with table.writer(output, "spectra") as stream:
        for part in parts:
            stream.add(table.read(part, "spectra"))
        stream.describe(
            provenance("spectra", "scripts/spectra.py", {f"spectra/{part.name}": part for part in parts})
        )


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        parts = [Path(part) for part in snakemake.input.spectra]
        gather(parts, Path(snakemake.output[0]))
        print(f"spectra of {len(parts)} entries")
