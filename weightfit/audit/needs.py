"""Data that a run lacks and that would decide a reading."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from weightfit.errors import WeightfitError
from weightfit.paper import checkpoints


@dataclass(frozen=True)
class Need:
    """Data that a run did not have.

    Attributes
    ----------
    kind
        ``weights`` of the paper's own, a ``file`` of the released database, or a ``table`` of this workflow.
    name
        Id of the entry, or name of the file or the table.
    step
        Training step of the weights as the paper numbers it; None for the last one.
    """

    kind: Literal["weights", "file", "table"]
    name: str
    step: int | None = None


class MissingData(WeightfitError):
    """Error of a reference to data that this run does not have."""

    def __init__(self, message: str, *needs: Need):
        super().__init__(message)
        self.needs = needs


class Undecided(WeightfitError):
    """Error of a statement that holds for some, but not all, numbers that agree with the printed text."""


SPELLED = 4
"""Largest number of revisions of one entry that are named one by one."""


def described(needs: Iterable[Need]) -> str:
    """Return words that name the needed data: for weights, the entry, the repository, the revisions and the bytes.

    Parameters
    ----------
    needs
        Data in any order; each item is named once.
    """
    steps: dict[str, list[int | None]] = {}
    others: list[str] = []
    for need in dict.fromkeys(needs):
        if need.kind == "weights":
            steps.setdefault(need.name, []).append(need.step)
        else:
            others.append(f"{need.kind} {need.name}")
    return "; ".join([*(_weights(entry, wanted) for entry, wanted in steps.items()), *others])


def _weights(entry: str, wanted: Sequence[int | None]) -> str:
    found = [row for step in wanted if (row := checkpoints.of(entry, step))]
    unknown = [f"step {step}" for step in wanted if checkpoints.of(entry, step) is None]
    parts = [f"no known revision at {', '.join(unknown)}"] if unknown else []
    if found:
        revisions = ", ".join(row.revision for row in found)
        if len(found) > SPELLED:
            revisions = f"{len(found)} revisions from {found[0].revision} to {found[-1].revision}"
        parts.insert(
            0, f"{found[0].repository} at {revisions}, {checkpoints.size(sum(row.bytes for row in found))}"
        )
    return f"{entry} ({'; '.join(parts)})"
