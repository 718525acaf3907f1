"""Compare the functions that the paper names, and the released library's, with ours."""

from pathlib import Path

from weightfit import table
from weightfit.library import DISTRIBUTION, counterparts, library, paper_names
from weightfit.provenance import DEPENDENCIES, provenance
from weightfit.task import logged

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        rows = library(paper_names(), counterparts())
        data = {name: Path(name) for name in snakemake.input.paper}
        made = provenance("library", "scripts/library.py", data, (*DEPENDENCIES, DISTRIBUTION))
        table.write(Path(snakemake.output[0]), "library", rows, made)
