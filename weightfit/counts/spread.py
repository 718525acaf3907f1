"""Count weights between edges, with every stored value spread over the interval that its format rounds to it."""

import numpy as np
from numpy.typing import NDArray

from weightfit.counts.histogram import Exactness, Histogram

_FORMATS: dict[Exactness, tuple[int, int]] = {
    "f16": (11, -24),
    "bf16": (8, -133),
    "f32": (24, -149),
    "19bit": (11, -136),
}
"""Significant bits of each kind of value, and the exponent of its smallest step."""


def counts_below(histogram: Histogram, edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how many weights lie below each edge.

    A stored value stands for the interval of numbers that its format rounds to it (or for its 19-bit bin), and
    its count is spread evenly over that interval. Cells that are a few steps of the format wide then hold the
    counts of the weights before rounding, up to the curvature of their law within one step.

    Parameters
    ----------
    histogram
        Histogram of signed weights.
    edges
        Edges in any order and shape, in units of the weights.

    Returns
    -------
    ndarray of float64
        Counts in the shape of ``edges``; they are not whole numbers where an edge cuts an interval.
    """
    # ASSUME rounding-spread: weights that a format rounds to one value are taken as uniform over its interval.
    value, count = histogram.value.astype(np.float64), histogram.count
    through = np.concatenate([[0], np.cumsum(count)])
    place = np.searchsorted(value, edges, side="right")
    left, right = np.maximum(place - 1, 0), np.minimum(place, value.size - 1)
    # An edge can cut only the intervals of the values next to it.
    above = count[left] * (1 - _part_below(edges, value[left], histogram.exactness))
    below = count[right] * _part_below(edges, value[right], histogram.exactness)
    return np.asarray(
        through[place] - np.where(place > 0, above, 0.0) + np.where(place < value.size, below, 0.0)
    )


def counts_between(histogram: Histogram, centre: float, edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how many weights lie between successive distances from a centre.

    Parameters
    ----------
    histogram
        Histogram of signed weights.
    centre
        Point from which distances are measured.
    edges
        Ascending distances ``(m,)``, in units of the weights; 0 and infinity make the counts add up to n.

    Returns
    -------
    ndarray of float64
        Counts ``(m - 1,)``.
    """
    above, below = counts_below(histogram, np.stack([centre + edges, centre - edges]))
    return np.asarray(np.diff(above - below))


def _part_below(
    edge: NDArray[np.float64], value: NDArray[np.float64], exactness: Exactness
) -> NDArray[np.float64]:
    """Return the share of a value's interval that lies below an edge."""
    bits, least = _FORMATS[exactness]
    fraction, exponent = np.frexp(value)
    step = np.ldexp(1.0, np.where(value == 0, least, np.maximum(exponent - bits, least)))
    # Below a power of two the steps are half as wide, except for the smallest steps.
    narrow = (np.abs(fraction) == 0.5) & (exponent - bits > least)
    inner = np.where(narrow, step / 4, step / 2)
    low = value - np.where(value > 0, inner, step / 2)
    high = value + np.where(value < 0, inner, step / 2)
    return np.asarray(np.clip((edge - low) / (high - low), 0.0, 1.0))
