"""Table 6: the functions that the paper names, beside the released library's and ours."""

from weightfit.exhibits.numbers import Row
from weightfit.exhibits.request import Request
from weightfit.exhibits.table import make_table
from weightfit.exhibits.tables.functions import COLUMNS as TOLD
from weightfit.exhibits.tables.functions import compared_functions, notes
from weightfit.exhibits.tables.functions import shown as display
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
