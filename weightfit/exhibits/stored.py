"""Parts that the exhibits of number formats share: the rows of the study by what they show."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from weightfit.exhibits.numbers import Row
from weightfit.exhibits.request import Request
from weightfit.exhibits.style import COMPONENT_NAMES

Stored = Mapping[str, Any]


def groups(request: Request) -> dict[tuple[str, str], list[Stored]]:
    """Return the rows of the study by ``drawn`` or ``model`` and series: each law, and each kind of the model.

    Parameters
    ----------
    request
        Request for an exhibit that has ``precision`` among its inputs and a ``model`` in its content.
    """
    found: dict[tuple[str, str], list[Stored]] = {}
    rows = request.read("precision").to_pylist()
    for row in (row for row in rows if row["law"]):
        series = row["law"] if row["degrees"] is None else f"{row['law']} {row['degrees']}"
        found.setdefault(("drawn", series), []).append(row)
    for row in (row for row in rows if row["entry"] == request.content["model"]):
        found.setdefault(("model", row["component"]), []).append(row)
    return found


def by_format(rows: Sequence[Stored], **chosen: object) -> Iterator[tuple[str, list[Stored]]]:
    """Yield each format, in the order of the study, with the rows that have the chosen cells."""
    found: dict[str, list[Stored]] = {}
    for row in rows:
        if all(row[name] == value for name, value in chosen.items()):
            found.setdefault(row["format"], []).append(row)
    yield from found.items()


def spread(rows: Sequence[Stored], column: str) -> dict[str, float]:
    """Return the median and the extremes of a column over matrices."""
    values = [row[column] for row in rows]
    return {"value": statistics.median(values), "low": min(values), "high": max(values)}


def name(series: str) -> str:
    """Return the name of a series for readers."""
    law, _, degrees = series.partition(" ")
    if law == "student_t":
        return f"Student-t, {degrees} degrees"
    return "Gaussian" if law == "gaussian" else COMPONENT_NAMES[law]


def made_regime_b(rows: Sequence[Stored], series: Sequence[Row], threshold: float) -> int:
    """Count the matrices whose shape a format moves from above the threshold to at most the threshold.

    Parameters
    ----------
    rows
        Rows of a format at one trim and protocol.
    series
        Rows of all formats.
    threshold
        The printed threshold.
    """
    setting = ("component", "block", "step", "entry", "trim", "protocol")
    exact = {tuple(row[name] for name in setting): row["shape"] for row in series if row["format"] == "F32"}
    return sum(row["shape"] <= threshold < exact[tuple(row[name] for name in setting)] for row in rows)
