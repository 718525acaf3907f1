"""Execute a notebook on the tables that its rule lists, and write it as one page."""

from pathlib import Path

from weightfit.documents import data
from weightfit.report.notebook import render
from weightfit.task import logged

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        tables = [Path(name) for name in snakemake.input.tables]
        notebook = data(f"workflow/notebooks/{snakemake.wildcards.notebook}.py")
        page = data("workflow/notebooks/page.html.j2")
        render(notebook, tables, page, Path(snakemake.output[0]))
