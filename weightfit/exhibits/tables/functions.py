"""What the tables of diagnostic functions share: each function beside its nearest one, and how that reads."""

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
"""What both tables tell of a function; the contract ``library`` describes it, and calls the second ``released``."""

NOTHING = "–"


def compared_functions(request: Request, kind: str) -> dict[str, dict[str, object]]:
    """Return what the study found of each function.

    Parameters
    ----------
    request
        What a table is asked for; ``library`` is among its inputs.
    kind
        ``paper``, functions that the paper names, or ``released``, those that the library exports.

    Returns
    -------
    dict of dict
        By name: the columns of the contract ``library``, and ``in_release``.
    """
    return {
        row["name"]: row | {"in_release": row["released"]}
        for row in request.read("library").to_pylist()
        if row["kind"] == kind
    }


def display(row: Row) -> Mapping[str, str]:
    """Format what both tables tell of a function for people."""
    nearest = NOTHING if row["nearest"] is None else str(row["nearest"])
    return {
        "name": str(row["name"]),
        "in_release": "yes" if row["in_release"] else "no",
        "nearest": f"{nearest} ({row['label']})" if row["label"] else nearest,
        "ours": NOTHING if row["ours"] is None else _place(str(row["ours"]), str(row["name"])),
        "compared": NOTHING if row["compared"] is None else f"{row['compared']} ({row['values']})",
        "agrees": _verdict(row),
        "difference": NOTHING if row["difference"] is None else f"{row['difference']:.1g}",
        "note": str(row["note"]),
    }


def _place(ours: str, name: str) -> str:
    """Return the module of a function of ours, and its name where that is another."""
    return ours.removeprefix("weightfit.").removesuffix(f".{name}")


def _verdict(row: Row) -> str:
    if row["agrees"] is None:
        return NOTHING
    return "yes" if row["agrees"] else f"no: {row['unequal']} of {row['values']} differ"


def notes(request: Request) -> list[str]:
    """Say which release it is, and what counts as agreement."""
    first = request.read("library").slice(0, 1).to_pylist()[0]
    return [
        f"Release: npm-weibull-py {first['version']} as installed; in brackets after a name, the number that its own "
        "documentation gives the function. Ours: the module of weightfit, and our name where it is another.",
        "In brackets after what is compared, the number of values. Two numbers agree if they differ by at most "
        f"{first['tolerance']:g} of the library's; labels if they are equal. {NOTHING}: nothing to compare.",
    ]
