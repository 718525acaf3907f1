"""What keeps a reading from being decided; neither is a mistake in the registry."""

from dataclasses import dataclass
from typing import Literal

from weightfit.errors import WeightfitError


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
