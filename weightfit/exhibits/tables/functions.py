"""Parts that the tables of diagnostic functions share: each function with its nearest one, and the display of a row."""

from collections.abc import Mapping

from weightfit.exhibits.numbers import Row
from weightfit.exhibits.request import Request

COLUMNS = (
    "name",
    "in_release",
    "nearest",
    "label",
    "ours",
    "compared",
    "values",
    "unequal",
    "agrees",
    "difference",
    "tolerance",
    "note",
)
"""Columns of both tables; the contract ``library`` describes them, and calls the second one ``released``."""

NOTHING = "–"

OURS = "weightfit.diagnostics."
"""The module with most of our functions, which is not named in every row."""


def compared_functions(request: Request, kind: str) -> dict[str, dict[str, object]]:
    """Return the result of the study for each function.

    Parameters
    ----------
    request
        Request for a table that has ``library`` among its inputs.
    kind
        ``paper`` for the functions that the paper names, ``released`` for those that the library exports.

    Returns
    -------
    dict of dict
        Columns of the contract ``library``, and ``in_release``, by name of the function.
    """
    return {
        row["name"]: row | {"in_release": row["released"]}
        for row in request.read("library").to_pylist()
        if row["kind"] == kind
    }


def display(row: Row) -> Mapping[str, str]:
    """Format the columns of both tables for display."""
    nearest = NOTHING if row["nearest"] is None else str(row["nearest"])
    return {
        "name": str(row["name"]),
        "in_release": "yes" if row["in_release"] else "no",
        "nearest": f"{nearest} ({row['label']})" if row["label"] else nearest,
        "ours": NOTHING
        if row["ours"] is None
        else str(row["ours"]).removeprefix(OURS).removeprefix("weightfit."),
        "compared": NOTHING if row["compared"] is None else f"{row['compared']} ({row['values']})",
        "agrees": _verdict(row),
        "difference": NOTHING if row["difference"] is None else f"{row['difference']:.1g}",
        "note": str(row["note"]),
    }


def _verdict(row: Row) -> str:
    if row["agrees"] is None:
        return NOTHING
    return "yes" if row["agrees"] else f"no: {row['unequal']} of {row['values']} differ"


def notes(request: Request) -> list[str]:
    """Say which release is compared, and what counts as agreement."""
    first = request.read("library").slice(0, 1).to_pylist()[0]
    return [
        f"Release: npm-weibull-py {first['version']} as installed. A name is followed, in brackets, by the number that "
        f"the library's documentation gives the function. Ours: in {OURS.removesuffix('.')}, where no module is named.",
        "What is compared is followed, in brackets, by the number of values. Two numbers agree if they differ by at "
        f"most {first['tolerance']:g} of the library's, and two labels if they are equal. {NOTHING}: nothing to "
        "compare.",
    ]
