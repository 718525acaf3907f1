"""A comparison as plain text for a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from weightfit.analysis.compare import FALSE_ALARM, Comparison
from weightfit.analysis.text import MOST, align
from weightfit.components import COMPONENTS

HEADS = (
    *("kind", "n", "same", "moved", "change of k", "least", "most", "by format", "λ ratio", "distance"),
    "stored as",
)


def lines(comparison: Comparison) -> Iterator[str]:
    """Yield the lines of the text: the kinds of matrices, what moved beyond noise by name, and what has no partner."""
    one, other = comparison.one.model, comparison.other.model
    yield f"from {one.name} ({one.family}) to {other.name} ({other.family})"
    yield comparison.headline
    yield ""
    yield from align(HEADS, [_cells(kind, own) for kind, own in _kinds(comparison)])
    yield ""
    yield (
        "change of k, by format, λ ratio, distance: medians over blocks; by format is what storing the first model as "
        "the second one is stored changes;"
    )
    yield (
        "distance: the largest between the distribution functions of |w|. Beyond noise: more than independent weights "
        f"reach in {FALSE_ALARM:.0%} of comparisons."
    )
    moved = sorted(
        (row for row in comparison.rows if row["moved"]), key=lambda row: -abs(row["shape_change"])
    )
    if moved:
        yield ""
        yield "moved beyond noise, the largest change of shape first:"
        width = max(len(row["tensor"]) for row in moved[:MOST])
        for row in moved[:MOST]:
            yield f"  {row['tensor']:{width}}  {row['component']} of block {row['block']}: {sentence(row)}"
        if len(moved) > MOST:
            yield f"  and {len(moved) - MOST} more: --csv and --json have all"
    if comparison.unmatched:
        yield ""
        named = ", ".join(f"{component} of block {block}" for component, block in comparison.unmatched[:MOST])
        more = len(comparison.unmatched) - MOST
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


def _kinds(comparison: Comparison) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    for kind in COMPONENTS:
        own = [row for row in comparison.rows if row["component"] == kind]
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
