"""Gather the fits of all entries into one table, and their moments into another."""

from pathlib import Path

from weightfit import table
from weightfit.provenance import provenance
from weightfit.task import logged


def gather(name: str, parts: list[Path], output: Path) -> None:
    """Write the rows of all parts, one row group each, in the order of the cohort."""
    excluded = {part.stem: table.read_provenance(part)["excluded"] for part in parts}
    made = provenance("fits", "scripts/fits.py", {f"{name}/{part.name}": part for part in parts})
    with table.writer(output, name) as stream:
        for part in parts:
            stream.add(table.read(part, name))
        stream.describe(
            made | {"excluded": {entry: reasons for entry, reasons in excluded.items() if reasons}}
        )


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        for name in ("fits", "moments"):
            gather(name, [Path(part) for part in snakemake.input[name]], Path(snakemake.output[name]))
