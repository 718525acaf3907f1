"""Make a figure or a table."""

from pathlib import Path

from weightfit.exhibits.make import make
from weightfit.exhibits.request import Request
from weightfit.paper.exhibits import Exhibit
from weightfit.task import logged

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        exhibit = Exhibit(**snakemake.params.exhibit)
        tables = {name: Path(path) for name, path in snakemake.input.items()}
        paths = {ending: Path(path) for ending, path in snakemake.output.items()}
        make(Request(exhibit, snakemake.params.entries, snakemake.params.cohort, tables, paths))
