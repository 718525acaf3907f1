"""Table 6, the other way round: what the released library exports, beside ours."""

from collections.abc import Mapping

from weightfit.exhibit.library import COLUMNS as TOLD
from weightfit.exhibit.library import compared_functions, notes, shown
from weightfit.exhibit.numbers import Row
from weightfit.exhibit.request import Request
from weightfit.exhibit.table import make_table
from weightfit.task import logged

COLUMNS = ("row", *TOLD, "handed_through")


def rows(request: Request) -> list[Row]:
    """Return one row per name that the library exports, in its order."""
    return [
        {"row": name} | {column: found[column] for column in COLUMNS[1:]}
        for name, found in compared_functions(request, "released").items()
    ]


def display(row: Row) -> Mapping[str, str]:
    """Format a row for people."""
    return {**shown(row), "handed_through": "the library's" if row["handed_through"] else "ours"}


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        make_table(Request.of(snakemake), COLUMNS, rows, display, notes)
