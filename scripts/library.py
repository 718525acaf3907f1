"""Compare the functions that the paper names, and those of the released library, with this project's."""

from pathlib import Path

from weightfit import table
from weightfit.documents import data
from weightfit.provenance import DEPENDENCIES, provenance
from weightfit.release.library import DISTRIBUTION, counterparts, library, paper_names
from weightfit.task import logged

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        rows = library(paper_names(), counterparts())
        paper = {name: data(name) for name in snakemake.params.paper}
        made = provenance("library", "scripts/library.py", paper, (*DEPENDENCIES, DISTRIBUTION))
        table.write(Path(snakemake.output[0]), "library", rows, made)
