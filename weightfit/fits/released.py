"""The estimator as npm-weibull-py 0.4.0 releases it: 1024 bins of log10 of the magnitude, not centred."""

import math

import numpy as np
from numpy.typing import NDArray

from weightfit.counts.histogram import Histogram
from weightfit.errors import DegenerateHistogram
from weightfit.fits.probability_plot import Fit, standard_errors, weibull_cdf, weighted_line

EDGES = np.linspace(-12.0, 2.0, 1025)
"""Bin edges in log10 of the magnitude, as in npm_weibull/utils/histogram.py."""

_SMALLEST = np.float32(1e-13)
_MINIMUM_COUNT = 100
_MINIMUM_BINS = 5


def binned(histogram: Histogram) -> NDArray[np.int64]:
    """Count magnitudes in the released library's bins.

    Parameters
    ----------
    histogram
        Of signed weights.

    Returns
    -------
    ndarray of int64 ``(1024,)``
        Equal to ``npm_weibull.extract_to_histogram(w)["hist"]`` for exact histograms: magnitudes below
        1e-12, zeros among them, are dropped, as there.
    """
    logarithm = np.log10(np.maximum(np.abs(histogram.value), _SMALLEST))
    counts, _ = np.histogram(logarithm, bins=EDGES, weights=histogram.count)
    return counts.astype(np.int64)


def released_fit(counts: NDArray[np.float64] | NDArray[np.int64], trim: float, name: str = "matrix") -> Fit:
    """Fit a Weibull law to binned magnitudes as ``npm_weibull.weibull_fit`` does.

    Each bin stands at its centre with F at its middle, y = ln(-ln(1 - F + 1e-12)), weighted by its
    count; the trim keeps bins whose F lies inside. The KS distance compares the distribution function at
    a bin's upper edge with the law at its centre, as there.

    Parameters
    ----------
    counts
        ``(1024,)``, from `binned`, or expected counts of a law.
    trim
        Kept fraction of the plot.
    name
        What error messages call the matrix.

    Returns
    -------
    Fit
        ``zeros`` is 0: dropped magnitudes are not among ``n``.

    Raises
    ------
    DegenerateHistogram
        Below 100 magnitudes or 5 bins inside the trim, where the library returns not-a-number.
    """
    count = np.asarray(counts, np.float64)
    total = float(count.sum())
    if total < _MINIMUM_COUNT:
        raise DegenerateHistogram(
            f"{name}: {total:.0f} magnitudes at or above 1e-12, the released estimator needs {_MINIMUM_COUNT}: "
            "exclude the matrix"
        )
    upper = np.cumsum(count) / total
    lower = (np.cumsum(count) - count) / total
    middle = (upper + lower) / 2
    if trim < 1:
        margin = (1 - trim) / 2
        mask = (middle >= margin) & (middle <= 1 - margin) & (count > 0)
    else:
        mask = (count > 0) & (middle > 0) & (middle < 1)
    if int(mask.sum()) < _MINIMUM_BINS:
        raise DegenerateHistogram(
            f"{name}: {int(mask.sum())} bins inside trim {trim:.2f}, the released estimator needs {_MINIMUM_BINS}: "
            "exclude the matrix"
        )
    centre = (EDGES[:-1] + EDGES[1:]) / 2
    x = centre * math.log(10.0)
    weight = count[mask]
    y = np.log(-np.log(1 - middle[mask] + 1e-12))
    line = weighted_line(x[mask], y * weight, weight)
    shape_se, log_scale_se = standard_errors(
        x[mask], y * weight, weight, (lower[mask] * total).astype(np.int64), round(total), line
    )
    distance = np.abs(upper - weibull_cdf(x, line))
    return Fit(
        n=round(total),
        zeros=0,
        shape=line.shape,
        scale=line.scale,
        shape_se=shape_se,
        scale_se=line.scale * log_scale_se,
        r_squared=line.r_squared,
        ks_distance=float(distance.max()),
        ks_distance_trimmed=float(distance[mask].max()),
    )
