"""The functions of npm-weibull-py 0.4.0 that count and read binned magnitudes, written anew.

Names, arguments and keys are the library's. Like there, what allows no fit comes back as not-a-number with ``ok``
False: the one place in this package where a failure is a number, because callers of the library look for it.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightfit.errors import NonFiniteWeight
from weightfit.fits.probability_plot import weibull_cdf, weighted_line

TRIMS = {"mid_80": 0.80, "mid_90": 0.90, "full_range": 1.00}
"""The library's names of the trims."""

_FEWEST_COUNTS = 100
_FEWEST_BINS = 5
_SMALLEST = np.float32(1e-13)


def weibull_fit(histogram: Any, trim: str = "mid_80") -> dict[str, Any]:
    """Fit a Weibull law to magnitudes that are counted in bins of their log10.

    The estimator of `weightfit.fits.released.released_fit`, here on bins of any width.

    Parameters
    ----------
    histogram
        ``{"edges": ..., "hist": ...}``, a pair ``(edges, hist)``, or the path of an NPZ file with these two: edges in
        log10 of the magnitude ``(m + 1,)`` and counts ``(m,)``.
    trim
        ``mid_80``, ``mid_90`` or ``full_range``.

    Returns
    -------
    dict
        ``k``, ``lambda`` (units of the weights), ``R2``, ``KS``, ``n_used`` (number of bins in the fit), ``trim`` and
        ``ok``; where ``ok`` is False the numbers are not-a-number and ``reason`` says why.

    Raises
    ------
    ValueError
        If the trim is none of the three.
    TypeError
        If the histogram is none of the three.
    """
    if trim not in TRIMS:
        raise ValueError(f"trim {trim!r} is unknown; give one of {list(TRIMS)}")
    edges, count = _bins(histogram)
    total = float(count.sum())
    if total < _FEWEST_COUNTS:
        return _no_fit(trim, f"{total:.0f} magnitudes, at least {_FEWEST_COUNTS} are needed")
    upper = np.cumsum(count) / total
    middle = (upper + (np.cumsum(count) - count) / total) / 2
    margin = (1 - TRIMS[trim]) / 2
    inside = (count > 0) & (middle >= margin) & (middle <= 1 - margin) & (middle > 0) & (middle < 1)
    used = int(inside.sum())
    if used < _FEWEST_BINS:
        return _no_fit(trim, f"{used} bins inside the trim, at least {_FEWEST_BINS} are needed")
    x = (edges[:-1] + edges[1:]) / 2 * math.log(10.0)
    y = np.log(-np.log(1 - middle[inside] + 1e-12))
    line = weighted_line(x[inside], y * count[inside], count[inside])
    return {
        "k": line.shape,
        "lambda": line.scale,
        "R2": line.r_squared,
        "KS": float(np.abs(upper - weibull_cdf(x, line)).max()),
        "n_used": used,
        "trim": trim,
        "ok": True,
    }


def _no_fit(trim: str, reason: str) -> dict[str, Any]:
    numbers = dict.fromkeys(("k", "lambda", "R2", "KS"), math.nan)
    return numbers | {"n_used": 0, "trim": trim, "ok": False, "reason": reason}


def _bins(histogram: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return edges and counts of a histogram in any of the library's three forms."""
    if isinstance(histogram, str | Path):
        with np.load(histogram) as kept:
            return kept["edges"].astype(np.float64), kept["hist"].astype(np.float64)
    if isinstance(histogram, Mapping):
        edges, count = histogram["edges"], histogram["hist"]
    elif isinstance(histogram, tuple) and len(histogram) == 2:
        edges, count = histogram
    else:
        raise TypeError(
            f"a histogram is a path, a mapping with edges and hist, or a pair of them, not a {type(histogram).__name__}"
        )
    return np.asarray(edges, np.float64), np.asarray(count, np.float64)


def per_block_metrics(histogram: Any) -> dict[str, Any]:
    """Return ratios of quantiles and the Gini coefficient of binned magnitudes, without a fit.

    Parameters
    ----------
    histogram
        As `weibull_fit` takes it.

    Returns
    -------
    dict
        ``q90_q10``, ``q99_q50``, ``p999_p50``, ``gini``, ``median_abs_w`` and ``ok``. A quantile is the mid-point of
        the bin that it falls into; the Gini coefficient is by the trapezoidal rule on the Lorenz curve.
    """
    edges, count = _bins(histogram)
    names = ("q90_q10", "q99_q50", "p999_p50", "gini", "median_abs_w")
    if count.sum() < _FEWEST_COUNTS:
        reason = f"{count.sum():.0f} magnitudes, at least {_FEWEST_COUNTS} are needed"
        return dict.fromkeys(names, math.nan) | {"ok": False, "reason": reason}
    edge = 10.0**edges
    magnitude = (edge[:-1] + edge[1:]) / 2
    through = np.cumsum(count)
    probability = np.array([0.10, 0.50, 0.90, 0.99, 0.999])
    place = np.minimum(np.searchsorted(through, probability * through[-1]), magnitude.size - 1)
    q10, q50, q90, q99, q999 = magnitude[place].tolist()
    held = np.cumsum(magnitude * count)
    gini = 1 - 2 * float(np.trapezoid(held / held[-1], through / through[-1]))
    return dict(zip(names, (q90 / q10, q99 / q50, q999 / q50, gini, q50), strict=True)) | {"ok": True}


def extract_to_histogram(
    weight: Any,
    n_bins: int = 1024,
    log_w_range: tuple[float, float] = (-12.0, 2.0),
    save_path: str | Path | None = None,
) -> dict[str, Any]:
    """Count the magnitudes of weights in even bins of their log10.

    Parameters
    ----------
    weight
        Array or PyTorch tensor of any shape and type; it is rounded to float32.
    n_bins
        Number of bins.
    log_w_range
        First and last edge, in log10 of the magnitude. What lies outside is dropped, zeros among it.
    save_path
        NPZ file to write, if any; its folder is made.

    Returns
    -------
    dict
        ``edges`` ``(n_bins + 1,)``, ``hist`` int64 ``(n_bins,)``, ``n_total`` (number of weights), ``param_name``
        (empty) and ``shape``.

    Raises
    ------
    NonFiniteWeight
        If a weight is infinite or not a number; the library drops it without a word.
    """
    if hasattr(weight, "detach"):
        weight = weight.detach().cpu().float().numpy()
    values = np.asarray(weight, dtype=np.float32)
    if not np.isfinite(values).all():
        raise NonFiniteWeight(
            f"{int((~np.isfinite(values)).sum())} of {values.size} weights are infinite or not a number; every counted "
            "weight must be finite: check the checkpoint"
        )
    edges = np.linspace(*log_w_range, n_bins + 1)
    counts, _ = np.histogram(np.log10(np.maximum(np.abs(values).reshape(-1), _SMALLEST)), edges)
    if save_path is not None:
        Path(save_path).parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(
            save_path,
            edges=edges,
            hist=counts,
            shape=np.array(values.shape, np.int64),
            param_name=np.array(""),
        )
    return {
        "edges": edges,
        "hist": counts.astype(np.int64),
        "n_total": values.size,
        "param_name": "",
        "shape": values.shape,
    }
