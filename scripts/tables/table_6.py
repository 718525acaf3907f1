"""Table 6: the functions that the paper names, beside the released library's and ours."""

from weightfit.exhibit.library import COLUMNS as TOLD
from weightfit.exhibit.library import compared_functions, notes
from weightfit.exhibit.library import shown as display
from weightfit.exhibit.numbers import Row
from weightfit.exhibit.request import Request
from weightfit.exhibit.table import make_table
from weightfit.task import logged

COLUMNS = ("row", *TOLD)


def rows(request: Request) -> list[Row]:
    """Return one row per function, in the paper's order."""
    found = compared_functions(request, "paper")
    names = {row: request.printed(row) for row in request.parts["rows"]}
    return [{"row": row} | {column: found[name][column] for column in TOLD} for row, name in names.items()]


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        make_table(Request.of(snakemake), COLUMNS, rows, display, notes)
