"""The numbers behind every exhibit, and what is said where a cohort lacks the weights for it."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from weightfit.errors import ContractError
from weightfit.exhibits.request import Request

Row = Mapping[str, Any]


def need(request: Request) -> str | None:
    """Return the sentence that says what an exhibit needs if this cohort has too few entries for it."""
    found, wanted, minimum = len(request.available), len(request.cast.wanted), request.exhibit.minimum
    if found >= minimum:
        return None
    return (
        f"{request.exhibit.title} needs {request.exhibit.needs}: at least {minimum} of {wanted} entries; this "
        f"cohort has {found}."
    )


def nothing(request: Request) -> str:
    """Return the sentence of an exhibit whose entries this cohort has, but not the steps or matrices that it shows."""
    return f"{request.exhibit.title} needs {request.exhibit.needs}; those of this cohort lack the steps or matrices."


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Write the numbers behind an exhibit; None is an empty cell, floats keep all their digits.

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
                    f"{path.name}: a row has the columns {sorted(row)}, the exhibit lists {sorted(columns)}; "
                    "correct the module"
                )
            writer.writerow(row)
