"""Whether final scales are proportional to sqrt(learning rate / weight decay) (the paper, section 5.4, Table 4)."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from weightfit import table
from weightfit.components import POOLS
from weightfit.errors import ContractError
from weightfit.paper import State, state
from weightfit.studies.origin_line import through_origin

STATISTICS = ("mean", "median")
"""Statistics over the blocks of one kind of matrix; over the kinds, the mean is always taken."""

STAGES = {"terminal": "scale", "initial": "scale_initial"}
"""Stages of training, and the columns of the scales at each; the scales before training are the null."""

UNKNOWN, OWN = "unknown", "own"
"""Conventions for weights with unstated hyperparameters, and for weights that this workflow trained."""

Values = Mapping[str, float]


@dataclass(frozen=True)
class Origin:
    """Where the weights of an entry come from.

    Attributes
    ----------
    paper_entry
        Id in `paper/entries.tsv` of the entry whose weights they are or stand for, or None.
    stand_in
        Whether they only stand for it, so that the paper's hyperparameters are not their own.
    initialization_of
        Id of the entry of the paper whose step 0 they simulate, or None.
    continued
        Whether their step 0 is a trained model.
    training
        ``peak_learning_rate``, ``weight_decay`` and ``steps`` of the training in this workflow, or None.
    """

    paper_entry: str | None
    stand_in: bool
    initialization_of: str | None
    continued: bool
    training: Values | None

    @property
    def weights(self) -> str:
        """Kind of the weights: ``paper``, ``stand_in``, ``initialization`` or ``other``."""
        if self.initialization_of:
            return "initialization"
        if self.paper_entry:
            return "stand_in" if self.stand_in else "paper"
        return "other"

    @property
    def stands_for(self) -> str | None:
        """Id of the paper's entry whose weights they are, stand for or simulate."""
        return self.paper_entry or self.initialization_of

    def conventions(self, published: Mapping[str, Mapping[str, Values]]) -> dict[str, Values]:
        """Return the hyperparameters of these weights, by convention."""
        found: dict[str, Values] = {}
        key = self.stands_for
        if key and not self.stand_in:
            found = {name: values[key] for name, values in published.items() if key in values}
        if self.training:
            found[OWN] = self.training
        return found or {UNKNOWN: {}}


def steady_state(
    scaling: pa.Table,
    origins: Mapping[str, Origin],
    published: Mapping[str, Mapping[str, Values]],
    thresholds: Mapping[str, Sequence[State]],
) -> pa.Table:
    """Combine, for each entry, the mean scale of the transmission matrices with the hyperparameters.

    Parameters
    ----------
    scaling
        Table of contract ``scaling``.
    origins
        Origin of every entry of ``scaling``.
    published
        Hyperparameters by convention, entry of the paper and quantity, from `weightfit.paper.training`.
    thresholds
        Sets of thresholds of T/tau, from `weightfit.paper.states`.

    Returns
    -------
    pyarrow.Table
        Table of contract ``steady_state``: one row per entry, convention and statistic. An entry without transmission
        matrices has no row.

    Raises
    ------
    ContractError
        If an entry has no origin.
    """
    members = scaling.filter(pc.is_in(pc.field("component"), pa.array(POOLS["transmission"])))
    rows: list[dict[str, Any]] = []
    for entry in dict.fromkeys(members["entry"].to_pylist()):
        if entry not in origins:
            raise ContractError(
                f"{entry}: it is fitted, but nothing says where it comes from; give its origin"
            )
        origin = origins[entry]
        own = members.filter(pc.field("entry") == entry).to_pylist()
        first = [] if origin.continued else [row for row in own if row["step"] == 0]
        last = [] if origin.initialization_of else [row for row in own if row["terminal"]]
        for convention, values in origin.conventions(published).items():
            for statistic in STATISTICS:
                rows.append(
                    {
                        "entry": entry,
                        "paper_entry": origin.stands_for,
                        "weights": origin.weights,
                        "convention": convention,
                        "statistic": statistic,
                        "kinds": len({row["component"] for row in own}),
                        "step": last[0]["step"] if last else None,
                    }
                    | _beside(_average(last, statistic), _average(first, statistic), values)
                )
    for row in rows:
        reached = row["t_over_tau"]
        row |= {
            f"state_{name}": None if reached is None else state(reached, known)
            for name, known in thresholds.items()
        }
    return table.of_rows("steady_state", rows)


def _average(rows: Sequence[Mapping[str, float]], statistic: str) -> tuple[float | None, float | None]:
    """Return the mean scale over kinds, and its standard error from the standard errors of the fits."""
    if not rows:
        return None, None
    errors = [row["scale_mean_se"] for row in rows]
    if statistic == "median":
        errors = [row["scale_mean_se"] * _middle(int(row["blocks"])) for row in rows]
    scale = math.fsum(row[f"scale_{statistic}"] for row in rows) / len(rows)
    return scale, math.hypot(*errors) / len(rows)


def _middle(blocks: int) -> float:
    """Return the standard error of one block, or of two for an even number, over that of the mean of all blocks."""
    # Blocks differ by more than the errors of their fits, so the error of the median is that of the one or
    # two blocks in the middle. Where blocks are alike, as before training, this error is too large.
    return math.sqrt(blocks if blocks % 2 else blocks / 2)


def _beside(
    last: tuple[float | None, float | None], first: tuple[float | None, float | None], values: Values
) -> dict[str, object]:
    rate, decay, steps = (values.get(name) for name in ("peak_learning_rate", "weight_decay", "steps"))
    root = math.sqrt(rate / decay) if rate and decay else None
    return {
        "scale": last[0],
        "scale_se": last[1],
        "scale_initial": first[0],
        "scale_initial_se": first[1],
        "peak_learning_rate": rate,
        "weight_decay": decay,
        "steps": None if steps is None else round(steps),
        "root": root,
        "ratio": _over(last[0], root),
        "ratio_se": _over(last[1], root),
        "ratio_initial": _over(first[0], root),
        "t_over_tau": None if rate is None or decay is None or steps is None else steps * rate * decay,
    }


def _over(value: float | None, root: float | None) -> float | None:
    return None if value is None or root is None else value / root


def steady_state_lines(rows: pa.Table, groups: Mapping[str, Collection[str]]) -> pa.Table:
    """Fit the line through the origin to each group of entries.

    Parameters
    ----------
    rows
        Table of contract ``steady_state``.
    groups
        Ids of entries in `paper/entries.tsv`, by the name of their group.

    Returns
    -------
    pyarrow.Table
        Table of contract ``steady_state_lines``, for the scales after training and, as their null, those before it. A
        line needs at least two entries. If several entries stand for one entry of the paper, the first is used.
    """
    cases: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in rows.to_pylist():
        cases.setdefault((row["weights"], row["convention"], row["statistic"]), []).append(row)
    found: list[dict[str, object]] = []
    for (weights, convention, statistic), same in cases.items():
        key = {"weights": weights, "convention": convention, "statistic": statistic}
        for group, entries in groups.items():
            for stage, column in STAGES.items():
                points = _points(same, entries, column)
                if len(points) > 1:
                    line = through_origin(*np.array(points).T)
                    found.append(key | {"group": group, "stage": stage} | asdict(line))
    return table.of_rows("steady_state_lines", found)


def _points(
    rows: Sequence[Mapping[str, Any]], entries: Collection[str], column: str
) -> list[tuple[float, float]]:
    points: dict[str, tuple[float, float]] = {}
    for row in rows:
        if row["paper_entry"] in entries and row["root"] is not None and row[column] is not None:
            points.setdefault(row["paper_entry"], (row["root"], row[column]))
    return list(points.values())
