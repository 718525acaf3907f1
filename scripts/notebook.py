"""Execute a notebook on the tables that its rule lists, and write it as one page."""

from pathlib import Path

from weightfit.notebook import render
from weightfit.task import logged

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        tables = [Path(name) for name in snakemake.input.tables]
        render(Path(snakemake.input.notebook), tables, Path(snakemake.input.page), Path(snakemake.output[0]))
