"""What the paper's claims ask of a model that it did not measure: `of_any_model` in `paper/claims.yaml`."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from weightfit import paper
from weightfit.documents import data, violation
from weightfit.errors import ContractError

ALL = "all"
"""Key of limits that hold whatever the kind of attention is."""


@dataclass(frozen=True)
class Limits:
    """The range in which a statistic must lie, with the digits of the printed numbers; None for no limit."""

    low: float | None
    high: float | None
    digits: int

    def hold(self, value: float) -> bool:
        """Tell whether a value lies in the range once it is rounded to the printed digits."""
        rounded = round(value, self.digits)
        above = self.low is None or rounded >= round(self.low, self.digits)
        return above and (self.high is None or rounded <= round(self.high, self.digits))


@dataclass(frozen=True)
class Question:
    """One question; the keys are described in `workflow/schemas/claims.schema.yaml`.

    Attributes
    ----------
    claim
        Id of the claim.
    limits
        Limits by kind of attention, or under `ALL`.
    blocks
        First and last block, or None for all.
    """

    claim: str
    asks: str
    scope: str
    summary: str
    of: str
    components: tuple[str, ...]
    blocks: tuple[int, int] | None
    limits: Mapping[str, Limits]


@cache
def questions() -> tuple[Question, ...]:
    """Return every question, in the order of the file.

    Raises
    ------
    ContractError
        If the file breaks its schema or names a printed number that does not exist.
    """
    import yaml

    document = yaml.safe_load(data("paper/claims.yaml").read_text(encoding="utf-8"))
    if broken := violation(document, "claims"):
        raise ContractError(f"claims.yaml: {broken}; claims.schema.yaml says what is allowed")
    return tuple(
        _question(key, item) for key, claim in document.items() for item in claim.get("of_any_model", ())
    )


def _question(claim: str, item: Mapping[str, Any]) -> Question:
    statistic = item["statistic"]
    blocks = [round(_number(one)[0]) for one in statistic.get("blocks", ())]
    return Question(
        claim,
        item["asks"],
        item["scope"],
        statistic["summary"],
        statistic["of"],
        tuple(statistic["components"]),
        (blocks[0], blocks[1]) if blocks else None,
        {kind: _limits(given) for kind, given in item["limits"].items()},
    )


def _limits(given: Any) -> Limits:
    if isinstance(given, Mapping):
        (middle, digits), (half, more) = _number(given["around"]), _number(given["by"])
        return Limits(middle - half, middle + half, max(digits, more))
    ends = [None if one is None else _number(one) for one in given]
    low, high = (None if end is None else end[0] for end in ends)
    return Limits(low, high, max(end[1] for end in ends if end is not None))


def _number(key: str) -> tuple[float, int]:
    """Return a printed number, percentages as fractions, and its digits after the point."""
    row = paper.reported()[key]
    digits = len(row.printed.partition(".")[2])
    return (float(row.printed) / 100, digits + 2) if row.unit == "%" else (float(row.printed), digits)
