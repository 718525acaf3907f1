"""Table 6 the other way round: the functions that the released library exports, compared with ours."""

from collections.abc import Mapping

from weightfit.exhibits.numbers import Row
from weightfit.exhibits.request import Request
from weightfit.exhibits.tables import functions
from weightfit.exhibits.tables.functions import compared_functions, notes

__all__ = ["COLUMNS", "display", "notes", "rows"]

COLUMNS = ("row", *functions.COLUMNS, "handed_through")


def rows(request: Request) -> list[Row]:
    """Return one row per name that the library exports, in its order."""
    return [
        {"row": name} | {column: found[column] for column in COLUMNS[1:]}
        for name, found in compared_functions(request, "released").items()
    ]


def display(row: Row) -> Mapping[str, str]:
    """Format a row for display."""
    return {**functions.display(row), "handed_through": "the library's" if row["handed_through"] else "ours"}
