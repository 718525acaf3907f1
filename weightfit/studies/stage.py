"""The steps whose distributions are drawn (first, last and milestones of each entry) and the matrices fitted there."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from weightfit import table
from weightfit.components import COMPONENTS, POOLED
from weightfit.counts.histogram import Histogram
from weightfit.counts.part import read_part
from weightfit.errors import ContractError


@dataclass(frozen=True)
class Stage:
    """One entry at one of its steps.

    Attributes
    ----------
    entry, step, terminal
        Columns of the contract ``fits``.
    matrices
        Block and component of every matrix that was fitted, without those that the cohort file excludes.
    """

    entry: str
    step: int | None
    terminal: bool
    matrices: frozenset[tuple[int, str]]


def stages(fits: pa.Table, milestones: Collection[int]) -> list[Stage]:
    """List the first step of each entry, its last, and the milestones that it has.

    Parameters
    ----------
    fits
        Table of contract ``fits``.
    milestones
        Further steps of interest; an entry need not have them.

    Returns
    -------
    list of Stage
        Stages by entry, in rising order of steps.
    """
    singles = fits.filter(
        (pc.field("block") != POOLED) & pc.is_in(pc.field("component"), pa.array(COMPONENTS))
    )
    matrices = singles.group_by(
        ["entry", "step", "terminal", "block", "component"], use_threads=False
    ).aggregate([])
    found: dict[str, dict[tuple[int | None, bool], set[tuple[int, str]]]] = {}
    for row in matrices.to_pylist():
        steps = found.setdefault(row["entry"], {})
        steps.setdefault((row["step"], row["terminal"]), set()).add((row["block"], row["component"]))
    chosen = []
    for entry, steps in found.items():
        first = min((step for step, _ in steps if step is not None), default=None)
        for (step, terminal), members in sorted(steps.items(), key=lambda item: item[0][0] or 0):
            if terminal or step == first or step in milestones:
                chosen.append(Stage(entry, step, terminal, frozenset(members)))
    return chosen


def read_stages(
    parts: Iterable[Path], chosen: Iterable[Stage]
) -> Iterator[tuple[Stage, int, dict[str, Histogram]]]:
    """Read the histograms of the matrices of stages, block by block.

    Parameters
    ----------
    parts
        Parquet files of contract ``histograms``, one per entry; they are read one at a time.
    chosen
        Stages to read.

    Yields
    ------
    stage, block, histograms
        A stage, a block, and the histograms of the stage's matrices in it by component, in the order of the parts,
        steps and blocks.

    Raises
    ------
    ContractError
        If a matrix of a stage is in none of the parts.
    """
    missing = {stage: set(stage.matrices) for stage in chosen}
    wanted: dict[str, dict[int | None, Stage]] = {}
    for stage in missing:
        wanted.setdefault(stage.entry, {})[stage.step] = stage
    for part in parts:
        steps = wanted.get(table.read_provenance(part)["entry"], {})
        for step, block, found in read_part(part, steps.keys()):
            stage = steps[step]
            kept = {name: one for name, one in found.items() if (block, name) in stage.matrices}
            missing[stage] -= {(block, name) for name in kept}
            if kept:
                yield stage, block, kept
    for stage, left in missing.items():
        for block, component in sorted(left):
            raise ContractError(
                f"{stage.entry}: step {stage.step}, block {block}, {component} is fitted, but no histogram of it "
                "was given; give the histograms that the fits were made from"
            )
