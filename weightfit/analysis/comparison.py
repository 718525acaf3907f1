"""What changed from one model to another, as a sentence and as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from weightfit.analysis.findings import Findings, series
from weightfit.analysis.text import MOST, align
from weightfit.components import COMPONENTS

if TYPE_CHECKING:
    pass

FALSE_ALARM = 0.01
"""Probability that noise alone makes any matrix of a comparison count as moved."""

COLUMNS = (
    *("component", "block", "tensor", "other_tensor", "stored", "other_stored", "n", "other_n", "identical"),
    *("shape", "other_shape", "shape_change", "shape_change_se", "shape_change_format"),
    *("scale", "other_scale", "log_scale_change", "log_scale_change_se", "log_scale_change_format"),
    *("distance", "moved"),
)
"""Columns of a row of a comparison, in their order."""


HEADS = (
    *("kind", "n", "same", "moved", "change of k", "least", "most", "by format", "λ ratio", "distance"),
    "stored as",
)


@dataclass(frozen=True)
class Changes:
    """What changed from a first model to a second one.

    Attributes
    ----------
    one, other
        What was found of the two models.
    rows
        One row per matrix that both have, in the columns of ``matrices`` in the contract ``comparison``.
    unmatched
        Matrices that only one of the two has, or that only one could be measured of: component and block.
    """

    one: Findings
    other: Findings
    rows: Sequence[Mapping[str, Any]]
    unmatched: Sequence[tuple[str, int]]

    @cached_property
    def headline(self) -> str:
        """One sentence on what changed."""
        same = sum(row["identical"] for row in self.rows)
        moved = [row for row in self.rows if row["moved"]]
        told = f"Of {len(self.rows)} matrices "
        if same == len(self.rows):
            return f"All {same} matrices hold the same weights."
        parts = [f"{same} hold the same weights"] if same else []
        parts.append(f"{len(moved)} moved beyond noise" if moved else "none moved beyond noise")
        told += " and ".join(parts)
        if not moved:
            return f"{told}."
        kinds = [kind for kind in COMPONENTS if any(row["component"] == kind for row in moved)]
        most = max(moved, key=lambda row: abs(row["shape_change"]))
        return (
            f"{told} ({series(kinds)}); the largest change of shape is that of {most['component']} of block "
            f"{most['block']}, from {most['shape']:.3f} to {most['other_shape']:.3f}."
        )


def lines(changes: Changes) -> Iterator[str]:
    """Yield the lines of the text: the kinds of matrices, what moved beyond noise by name, and what has no partner."""
    one, other = changes.one.model, changes.other.model
    yield f"from {one.name} ({one.family}) to {other.name} ({other.family})"
    yield changes.headline
    yield ""
    yield from align(HEADS, [_cells(kind, own) for kind, own in _kinds(changes)])
    yield ""
    yield (
        "change of k, by format, λ ratio, distance: medians over blocks; by format is what storing the first model as "
        "the second one is stored changes;"
    )
    yield (
        "distance: the largest between the distribution functions of |w|. Beyond noise: more than independent weights "
        f"reach in {FALSE_ALARM:.0%} of comparisons."
    )
    moved = sorted((row for row in changes.rows if row["moved"]), key=lambda row: -abs(row["shape_change"]))
    if moved:
        yield ""
        yield "moved beyond noise, the largest change of shape first:"
        width = max(len(row["tensor"]) for row in moved[:MOST])
        for row in moved[:MOST]:
            yield f"  {row['tensor']:{width}}  {row['component']} of block {row['block']}: {sentence(row)}"
        if len(moved) > MOST:
            yield f"  and {len(moved) - MOST} more: --csv and --json have all"
    if changes.unmatched:
        yield ""
        named = ", ".join(f"{component} of block {block}" for component, block in changes.unmatched[:MOST])
        more = len(changes.unmatched) - MOST
        yield f"in one model only: {named}" + (f" and {more} more" if more > 0 else "")


def sentence(row: Mapping[str, Any]) -> str:
    """Return what changed in a matrix, in words."""
    known = row["shape_change_format"]
    by_format = (
        f", by the format {signed(known)}" if known else "" if known == 0 else ", by the format not known"
    )
    ratio = np.exp(row["log_scale_change"])
    return (
        f"k {row['shape']:.4f} to {row['other_shape']:.4f} ({signed(row['shape_change'])} ± "
        f"{row['shape_change_se']:.4f}{by_format}), λ times {ratio:.4g}"
    )


def _kinds(changes: Changes) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    for kind in COMPONENTS:
        own = [row for row in changes.rows if row["component"] == kind]
        if own:
            yield kind, own


def _cells(kind: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    changes = [row["shape_change"] for row in rows]
    formats = [row["shape_change_format"] for row in rows if row["shape_change_format"] is not None]
    stored = sorted({(row["stored"], row["other_stored"]) for row in rows})
    return [
        kind,
        str(len(rows)),
        str(sum(row["identical"] for row in rows)),
        str(sum(row["moved"] is not None for row in rows)),
        signed(float(np.median(changes))),
        signed(min(changes)),
        signed(max(changes)),
        signed(float(np.median(formats))) if len(formats) == len(rows) else "",
        f"{np.exp(np.median([row['log_scale_change'] for row in rows])):.4g}",
        f"{np.median([row['distance'] for row in rows]):.4f}",
        ", ".join(one if one == other else f"{one} to {other}" for one, other in stored),
    ]


def signed(number: float) -> str:
    """Return a number with its sign and four decimals; zero has the sign of plus."""
    return f"{round(number, 4) + 0.0:+.4f}"
