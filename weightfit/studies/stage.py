"""The steps whose distributions are drawn: the ends of each entry and its milestones, and what was fitted."""

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
        As in ``fits``.
    matrices
        Block and component of every matrix that was fitted; what the cohort file excludes is not among them.
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
        Steps of interest; an entry need not have them.

    Returns
    -------
    list of Stage
        Entry by entry, in rising order of steps.
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
    """Read the histograms of stages, block by block.

    Parameters
    ----------
    parts
        Parquet files of contract ``histograms``, one per entry; read one after another.
    chosen
        Stages of their entries.

    Yields
    ------
    stage, block, histograms
        In the order of the parts, steps and blocks; ``histograms`` by component, of its matrices alone.

    Raises
    ------
    ContractError
        If a stage's matrix is in none of the parts.
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
