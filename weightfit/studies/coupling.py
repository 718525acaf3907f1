"""Whether the scales of o and of the feed-forward output matrix move together (the paper, section 5.3).

The paper correlates their logarithms over "25 size-step combinations". It says neither which steps these are nor
whether a scale is a mean or a median over blocks. Every reading is computed here, together with the correlation of the
values before training.
"""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.special import ndtri

from weightfit import table
from weightfit.studies.selection import in_blocks, of_components, protocol

PARTNERS = ("ffn_out", "down")
"""Names of the matrix through which the feed-forward part writes into the residual stream; an entry has one of them."""

STATISTICS: dict[str, Callable[..., Any]] = {"mean": np.mean, "median": np.median}

_LEAST_POINTS = 3
_CONSTANT = 1e-12
"""Spread of ln scale up to which values count as equal, because rounding alone can cause it."""

Scales = NDArray[np.float64]
"""Scales ``(m, 2, 2)``: the axes are block or point, matrix (o, its partner), and source (measured, Gaussian null)."""


@dataclass(frozen=True)
class Trajectory:
    """Scales of o and of its partner in every block of an entry at each step.

    Attributes
    ----------
    entry
        Id of the entry.
    steps
        One array of scales ``(block, 2, 2)`` per step, in rising order.
    starts_untrained
        Whether the first step is a step 0 of untrained weights.
    """

    entry: str
    steps: tuple[Scales, ...]
    starts_untrained: bool

    def points(self, statistic: str) -> Scales:
        """Return ln of the mean or median scale over blocks, one point per step."""
        logarithms: Scales = np.log([STATISTICS[statistic](blocks, axis=0) for blocks in self.steps])
        return logarithms


def coupling(fits: pa.Table, groups: Mapping[str, str], continued: Collection[str]) -> pa.Table:
    """Correlate ln scale of o with ln scale of its partner over each set of points that the paper may mean.

    Parameters
    ----------
    fits
        Table of contract ``fits``.
    groups
        Name of the group of each entry; entries without a group are left out.
    continued
        Entries whose training started from trained weights, so that their step 0 is already trained.

    Returns
    -------
    pyarrow.Table
        Table of contract ``coupling``, from centred fits at trim 0.80. Entries with ffn_out and entries with down are
        never combined. An entry or block that lacks o or the partner adds no point.
    """
    families: dict[tuple[str, str], list[Trajectory]] = {}
    for (entry, pair), steps in _scales(fits, groups).items():
        untrained = next(iter(steps)) == 0 and entry not in continued
        families.setdefault((groups[entry], pair), []).append(
            Trajectory(entry, tuple(steps.values()), untrained)
        )
    rows = [
        {"group": group, "pair": pair} | row
        for (group, pair), members in families.items()
        for row in (*_rows_of_group(members), *(row for one in members for row in _rows_of_entry(one)))
    ]
    return table.of_rows("coupling", rows)


def _scales(fits: pa.Table, groups: Collection[str]) -> dict[tuple[str, str], dict[int | None, Scales]]:
    """Return the scales by entry and partner, and then by step in rising order."""
    of_groups = pc.is_in(pc.field("entry"), pa.array(list(groups), pa.string()))
    chosen = fits.filter(in_blocks() & protocol() & of_components(["o", *PARTNERS]) & of_groups)
    found: dict[tuple[str, int | None], dict[str, dict[int, tuple[float, float]]]] = {}
    names = ["entry", "step", "block", "component", "scale", "scale_null"]
    for entry, step, block, component, *scale in zip(
        *(chosen[name].to_pylist() for name in names), strict=True
    ):
        matrices = found.setdefault((entry, step), {})
        matrices.setdefault(component, {})[block] = (scale[0], scale[1])
    scales: dict[tuple[str, str], dict[int | None, Scales]] = {}
    for (entry, step), matrices in found.items():
        for pair in PARTNERS:
            one, other = matrices.get("o", {}), matrices.get(pair, {})
            both = [[one[block], other[block]] for block in sorted(one.keys() & other.keys())]
            if both:
                scales.setdefault((entry, pair), {})[step] = np.array(both)
    return {key: dict(sorted(steps.items(), key=_order)) for key, steps in scales.items()}


def _order(step: tuple[int | None, Scales]) -> int:
    return -1 if step[0] is None else step[0]


def _rows_of_group(members: Sequence[Trajectory]) -> Iterator[dict[str, object]]:
    untrained = [one for one in members if one.starts_untrained]
    moving = [one for one in members if len(one.steps) > 1]
    for statistic in STATISTICS:
        points = {one.entry: one.points(statistic) for one in members}
        initial = [points[one.entry][:1] for one in untrained]
        yield _row("all_steps", statistic, list(points.values()))
        yield _row("terminal", statistic, [own[-1:] for own in points.values()])
        yield _row(
            "within_entries", statistic, [_demeaned(points[one.entry]) for one in moving], len(moving) - 1
        )
        yield _row("initial", statistic, initial)
        # Copies of a point carry no more information than the point: only entries count as independent.
        repeated = [np.repeat(points[one.entry][:1], len(one.steps), axis=0) for one in untrained]
        yield _row("initial_repeated", statistic, repeated, sum(len(own) - 1 for own in repeated))


def _rows_of_entry(one: Trajectory) -> Iterator[dict[str, object]]:
    for statistic in STATISTICS:
        yield _row("steps", statistic, [one.points(statistic)]) | {"entry": one.entry}
    yield _row("blocks", None, [np.log(one.steps[-1])]) | {"entry": one.entry}


def _demeaned(points: Scales) -> Scales:
    demeaned: Scales = points - points.mean(axis=0)
    return demeaned


def _row(
    reading: str, statistic: str | None, points: Sequence[Scales], dependent: int = 0
) -> dict[str, object]:
    together = np.concatenate([np.empty((0, 2, 2)), *points])
    independent = len(together) - max(dependent, 0)
    null = correlate(together[:, 0, 1], together[:, 1, 1], independent)
    return {
        "entry": None,
        "reading": reading,
        "statistic": statistic,
        "entries": len(points),
        "points": len(together),
        **correlate(together[:, 0, 0], together[:, 1, 0], independent),
        "correlation_null": null["correlation"],
    }


def correlate(x: NDArray[np.float64], y: NDArray[np.float64], independent: int) -> dict[str, float | None]:
    """Return Pearson's correlation with its confidence interval, and the least-squares slope of y on x.

    Parameters
    ----------
    x, y
        Points ``(m,)``.
    independent
        Number of points that count as independent in the standard errors.

    Returns
    -------
    dict
        ``correlation``; ``correlation_low`` and ``correlation_high``, its 95 % interval by Fisher's z
        (atanh r, standard error 1 / sqrt(independent - 3)); ``slope`` and ``slope_se``. All are None for fewer than
        three independent points, and where x or y does not vary, because then no line is determined or every line
        fits. The interval is None for three points.
    """
    names = ("correlation", "correlation_low", "correlation_high", "slope", "slope_se")
    if independent < _LEAST_POINTS or min(np.ptp(x), np.ptp(y)) <= _CONSTANT:
        return dict.fromkeys(names)
    dx, dy = x - x.mean(), y - y.mean()
    xx, xy, yy = float(dx @ dx), float(dx @ dy), float(dy @ dy)
    correlation = min(max(xy / math.sqrt(xx * yy), -1.0), 1.0)
    residual = math.sqrt(max(yy / xx * (1 - correlation**2), 0.0) / (independent - 2))
    low = high = None
    if independent > _LEAST_POINTS:
        limit = math.nextafter(1.0, 0.0)
        z = math.atanh(min(max(correlation, -limit), limit))
        half = float(ndtri(0.975)) / math.sqrt(independent - 3)
        low, high = math.tanh(z - half), math.tanh(z + half)
    return dict(zip(names, (correlation, low, high, xy / xx, residual), strict=True))
