"""What keeps a reading from being decided: data that a run lacks, and which would do."""

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
        Id of the entry, or name of the file or table.
    step
        Training step of the weights as the paper numbers it; None is the last one.
    """

    kind: Literal["weights", "file", "table"]
    name: str
    step: int | None = None


class MissingData(WeightfitError):
    """A reference stands for data that this run does not have."""

    def __init__(self, message: str, *needs: Need):
        super().__init__(message)
        self.needs = needs


class Undecided(WeightfitError):
    """A statement that holds for some and fails for other numbers that agree with what is printed."""


SPELLED = 4
"""Revisions of one entry that are named one by one."""


def described(needs: Iterable[Need]) -> str:
    """Return the words that name what is needed: entry, repository, revisions and bytes where it is weights.

    Parameters
    ----------
    needs
        In any order; each is named once.
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
    parts = [f"no revision known of {', '.join(unknown)}"] if unknown else []
    if found:
        revisions = ", ".join(row.revision for row in found)
        if len(found) > SPELLED:
            revisions = f"{len(found)} revisions from {found[0].revision} to {found[-1].revision}"
        parts.insert(
            0, f"{found[0].repository} at {revisions}, {checkpoints.size(sum(row.bytes for row in found))}"
        )
    return f"{entry} ({'; '.join(parts)})"
