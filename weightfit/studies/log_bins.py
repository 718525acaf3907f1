"""The bins of log10 of the magnitude in which densities are given, and quantiles that are read from them."""

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

BINS_PER_DECADE = 10
"""Number of bins per decade; bin number b begins at the magnitude 10^(b / BINS_PER_DECADE)."""

_WHOLE = 1 - 1e-12


def log10_quantiles(
    number: NDArray[np.int64], share: NDArray[np.float64], levels: Sequence[float]
) -> list[float | None]:
    """Read quantiles of the magnitude from the rows of one matrix in the table ``density``.

    Parameters
    ----------
    number
        The column ``bin``, in rising order ``(m,)``.
    share
        The column ``share`` or ``share_null`` ``(m,)``.
    levels
        Probabilities, between 0 and 1.

    Returns
    -------
    list of float or None
        log10 of the magnitude at each level; None where it lies in the first row, which has no lower edge, or beyond
        the last.

    Notes
    -----
    Within a bin, log10 of the half-normal quantile at the same probability is taken as linear in log10 of the
    magnitude. This is exact for Gaussian weights, and accurate to 0.002 for other laws with one mode and to 0.01 in a
    valley between two modes. The weights of the outermost bin are taken as evenly spread.
    """
    through = np.cumsum(share)
    found: list[float | None] = []
    for level in levels:
        place = int(np.searchsorted(through, level))
        if place in (0, through.size):
            found.append(None)
            continue
        below, above = float(through[place - 1]), float(through[place])
        if below > 0 and above < _WHOLE:
            low, at, high = (_log_score(probability) for probability in (below, level, above))
        else:
            low, at, high = below, level, above
        found.append((int(number[place]) + (at - low) / (high - low)) / BINS_PER_DECADE)
    return found


def _log_score(probability: float) -> float:
    """Return ln of the standard half-normal quantile."""
    return math.log(-NormalDist().inv_cdf((1 - probability) / 2))
