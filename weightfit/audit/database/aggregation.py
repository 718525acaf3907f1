"""Aggregate medians of single kinds of matrix to one number per entry, and to a band over entries."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from weightfit import paper
from weightfit.components import POOLS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

# ASSUME admissible-aggregations: kinds are FFN (section 3), FFN and o (Figure 5) or o, with or without the gate, or one
# matrix of each FFN; a unit is an entry, a kind of an entry or a family.
KINDS: Mapping[str, tuple[str, ...]] = {
    "ffn": POOLS["ffn"],
    "ffn_without_gate": tuple(kind for kind in POOLS["ffn"] if kind != "gate"),
    "ffn_gate": ("gate", "ffn_in"),
    "ffn_up": ("up", "ffn_in"),
    "ffn_down": ("down", "ffn_out"),
    "transmission": POOLS["transmission"],
    "transmission_without_gate": tuple(kind for kind in POOLS["transmission"] if kind != "gate"),
    "o": ("o",),
}
"""Kinds of matrix that count, by name; an entry has some of them."""

AVERAGES: Mapping[str, Callable[..., Array]] = {"mean": np.mean, "median": np.median}

UNITS = ("entry", "kind", "family_mean", "family_median")
"""Units for which one value can stand; the value of a family is the average over its entries."""

TAIL = 5
"""Percentage that a band of percentiles leaves out at each end."""

DIVISORS = (0, 1)
"""Numbers that can be subtracted from the number of values in the divisor of a standard deviation."""


@dataclass(frozen=True)
class Cells:
    """Medians of single kinds, in one or more draws.

    Attributes
    ----------
    columns
        Entry and kind of each cell; the cells of an entry stand together.
    shape
        Median shapes, ``(draws, cells)``.
    """

    columns: tuple[tuple[str, str], ...]
    shape: Array

    def chosen(self, kinds: Sequence[str], entries: Sequence[str]) -> dict[str, Array]:
        """Return the cells of some kinds, ``(draws, kinds)``, by entry."""
        return {
            entry: self.shape[
                :, [place for place, (own, kind) in enumerate(self.columns) if own == entry and kind in kinds]
            ]
            for entry in entries
        }


@dataclass(frozen=True)
class Choice:
    """Way of making values from cells.

    Attributes
    ----------
    kinds
        Key of `KINDS`.
    over_kinds
        Key of `AVERAGES`; None where no entry has more than two of the kinds, or each kind is a value of its own.
    unit
        One of `UNITS`.
    """

    kinds: str
    over_kinds: str | None
    unit: str

    def per_entry(self, cells: Cells, entries: Sequence[str]) -> Array:
        """Return one value per entry, ``(draws, entries)``."""
        average = AVERAGES[self.over_kinds or "mean"]
        found = cells.chosen(KINDS[self.kinds], entries)
        return np.stack([average(own, axis=1) for own in found.values()], axis=1)

    def values(self, cells: Cells, entries: Sequence[str]) -> Array:
        """Return one value per unit, ``(draws, units)``."""
        if self.unit == "kind":
            return np.concatenate(list(cells.chosen(KINDS[self.kinds], entries).values()), axis=1)
        own = self.per_entry(cells, entries)
        if self.unit == "entry":
            return own
        family = np.array([paper.entries()[entry].family for entry in entries])
        average = AVERAGES[self.unit.removeprefix("family_")]
        return np.stack([average(own[:, family == name], axis=1) for name in dict.fromkeys(family)], axis=1)

    def entries_within(self, cells: Cells, entries: Sequence[str], low: float, high: float) -> Array:
        """Return how many entries lie in a band, ``(draws,)``; if units are kinds, entries of which every kind does."""
        if self.unit == "kind":
            kinds = cells.chosen(KINDS[self.kinds], entries).values()
            inside = np.stack([((low <= own) & (own <= high)).all(axis=1) for own in kinds], axis=1)
        else:
            values = self.per_entry(cells, entries)
            inside = (low <= values) & (values <= high)
        count: Array = inside.sum(axis=1, dtype=np.float64)
        return count


def choices(columns: Sequence[tuple[str, str]]) -> Iterator[Choice]:
    """Yield every way of making values from the cells of a table, none twice."""
    for name, kinds in KINDS.items():
        most = max(sum(kind in kinds for own, kind in columns if own == entry) for entry in dict(columns))
        # The mean of two values is their median.
        averages: tuple[str | None, ...] = tuple(AVERAGES) if most > 2 else (None,)
        for over_kinds in averages:
            for unit in UNITS:
                if unit != "kind":
                    yield Choice(name, over_kinds, unit)
        if most > 1:
            yield Choice(name, None, "kind")


# ASSUME bands: a band is the range of all units, the range of those that remain when as many entries are left out as
# the paper has outside its band, one or two standard deviations about the mean, or the 5th to the 95th percentile.
def bands(values: Array, ddof: int, outside: int) -> dict[str, tuple[Array, Array]]:
    """Return the lower and upper ends of a band, ``(draws,)`` each, by rule.

    Parameters
    ----------
    values
        Values of the units, ``(draws, units)``.
    ddof
        One of `DIVISORS`.
    outside
        Number of units outside the band; 0 where it is not known for this kind of unit.
    """
    ordered = np.sort(values, axis=1)
    last = values.shape[1] - 1
    centre, spread = values.mean(axis=1), values.std(axis=1, ddof=ddof)
    percentiles = np.percentile(values, [TAIL, 100 - TAIL], axis=1)
    found = {
        "range": (ordered[:, 0], ordered[:, last]),
        "one_standard_deviation": (centre - spread, centre + spread),
        "two_standard_deviations": (centre - 2 * spread, centre + 2 * spread),
        "percentiles": (percentiles[0], percentiles[1]),
    }
    for below in range(outside + 1) if outside else ():
        ends = (ordered[:, below], ordered[:, last - (outside - below)])
        found[f"range_without_{below}_least_{outside - below}_greatest"] = ends
    return found
