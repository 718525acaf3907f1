"""How one weight moves a fit: the influence functions of shape and scale at each magnitude."""

import numpy as np
from numpy.typing import NDArray

from weightfit.fits.line import line_through
from weightfit.fits.plotting_positions import ranks_inside, y_sums
from weightfit.fits.probability_plot import Magnitudes


def ranks_kept(sample: Magnitudes, trim: float) -> NDArray[np.int64]:
    """Return how many of the ranks of each magnitude a trim keeps.

    Parameters
    ----------
    sample
        Magnitudes with their counts.
    trim
        Kept fraction of the plot.

    Returns
    -------
    ndarray of int64 ``(m,)``
        Number of kept ranks: less than the count where a tie straddles an edge of the trim, 0 outside it.
    """
    first, last = ranks_inside(sample.n, trim)
    edges = np.clip(sample.edges, first - 1, last)
    return edges[1:] - edges[:-1]


def fit_influence(sample: Magnitudes, trim: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the influence of a weight of each magnitude on the fitted shape and on ln scale.

    Parameters
    ----------
    sample
        Magnitudes with their counts.
    trim
        Kept fraction of the plot.

    Returns
    -------
    tuple of ndarray
        Influence on the shape and on ln scale, each ``(m,)`` and up to a constant. The docstring of
        `weightfit.fits.line.fitted_line` states the method.
    """
    kept = ranks_kept(sample, trim)
    inside = np.flatnonzero((kept > 0) & (sample.value > 0))
    weight = kept[inside].astype(np.float64)
    through = np.minimum(sample.edges[1:], ranks_inside(sample.n, trim)[1])[inside]
    edges = np.concatenate([[through[0] - kept[inside[0]]], through])
    x, y_sum = np.log(sample.value[inside]), y_sums(sample.n, edges)
    line = line_through(x, y_sum, weight, sample.n - through[-1], sample.n)
    on_shape = ((y_sum / weight - line.mean_y) - 2 * line.shape * (x - line.mean_x)) / line.sum_xx
    on_log_scale = 1 / line.weight + line.mean_y / line.shape**2 * on_shape
    # Outside the trim the influence equals that at the nearer edge.
    place = np.clip(np.arange(sample.value.size), inside[0], inside[-1]) - inside[0]
    integrals = (
        np.concatenate([[0.0], np.cumsum(sample.n * np.diff(x) * (slope[1:] + slope[:-1]) / 2)])
        for slope in (on_shape, on_log_scale)
    )
    shape, log_scale = (integral[place] for integral in integrals)
    return shape, log_scale
