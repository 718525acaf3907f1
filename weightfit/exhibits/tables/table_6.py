"""Table 6: the functions that the paper names, compared with those of the released library and ours."""

from weightfit.exhibits.numbers import Row
from weightfit.exhibits.request import Request
from weightfit.exhibits.tables import functions
from weightfit.exhibits.tables.functions import compared_functions, display, notes

__all__ = ["COLUMNS", "display", "notes", "rows"]

COLUMNS = ("row", *functions.COLUMNS)


def rows(request: Request) -> list[Row]:
    """Return one row per function, in the paper's order."""
    found = compared_functions(request, "paper")
    names = {row: request.printed(row) for row in request.content["rows"]}
    return [
        {"row": row} | {column: found[name][column] for column in functions.COLUMNS}
        for row, name in names.items()
    ]
