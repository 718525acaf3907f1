"""Writes the numbers behind an exhibit, and states what an exhibit lacks if a cohort has too few weights for it."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from weightfit.errors import ContractError
from weightfit.exhibits.request import Request

Row = Mapping[str, Any]


def need(request: Request) -> str | None:
    """Return the sentence that says what an exhibit needs, or None if this cohort has enough entries for it."""
    found, wanted, minimum = len(request.available), len(request.cast.wanted), request.exhibit.minimum
    if found >= minimum:
        return None
    return (
        f"{request.exhibit.title} needs {request.exhibit.needs}: at least {minimum} of {wanted} entries; this "
        f"cohort has {found}."
    )


def nothing(request: Request) -> str:
    """Return the sentence for an exhibit whose entries this cohort has, but without the steps or matrices it shows.

    An exhibit that asks for no entries of the paper shows others, of which the cohort has none then.
    """
    if not request.exhibit.minimum:
        return f"{request.exhibit.title} needs {request.exhibit.needs}; this cohort has none."
    return f"{request.exhibit.title} needs {request.exhibit.needs}; this cohort lacks the steps or matrices."


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Write the numbers behind an exhibit; None becomes an empty cell, and floats keep all their digits.

    Raises
    ------
    ContractError
        If a row has not exactly these columns.
    """
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            if set(row) != set(columns):
                raise ContractError(
                    f"{path.name}: a row has the columns {sorted(row)}, but the exhibit lists {sorted(columns)}; "
                    "correct the module"
                )
            writer.writerow(row)
