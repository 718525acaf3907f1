"""Reimplementations of the functions of npm-weibull-py 0.4.0 that count magnitudes in bins and evaluate the counts.

Names, arguments and keys are those of the library. As in the library, a histogram that allows no fit gives not-a-number
with ``ok`` False. Only here does this package return a failure as a number, because the library's callers expect it.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightfit.errors import DegenerateHistogram, NonFiniteWeight
from weightfit.fits.released import binned_line

TRIMS = {"mid_80": 0.80, "mid_90": 0.90, "full_range": 1.00}
"""Trims by the library's names."""

_FEWEST_COUNTS = 100
_SMALLEST = np.float32(1e-13)


def weibull_fit(histogram: Any, trim: str = "mid_80") -> dict[str, Any]:
    """Fit a Weibull law to magnitudes that are counted in bins of their log10.

    The estimator is that of `weightfit.fits.released.binned_line`.

    Parameters
    ----------
    histogram
        ``{"edges": ..., "hist": ...}``, a pair ``(edges, hist)``, or the path of an NPZ file with these two arrays:
        edges in log10 of the magnitude ``(m + 1,)`` and counts ``(m,)``.
    trim
        ``mid_80``, ``mid_90`` or ``full_range``.

    Returns
    -------
    dict
        ``k``, ``lambda`` (units of the weights), ``R2``, ``KS``, ``n_used`` (number of bins in the fit), ``trim`` and
        ``ok``. Where ``ok`` is False, the numbers are not-a-number and ``reason`` says why.

    Raises
    ------
    ValueError
        If the trim has none of the three names.
    TypeError
        If the histogram has none of the three forms.
    """
    if trim not in TRIMS:
        raise ValueError(f"trim {trim!r} is unknown; give one of {list(TRIMS)}")
    try:
        found = binned_line(*_bins(histogram), TRIMS[trim])
    except DegenerateHistogram as error:
        numbers = dict.fromkeys(("k", "lambda", "R2", "KS"), math.nan)
        return numbers | {"n_used": 0, "trim": trim, "ok": False, "reason": str(error)}
    return {
        "k": found.line.shape,
        "lambda": found.line.scale,
        "R2": found.line.r_squared,
        "KS": float(found.distances.max()),
        "n_used": int(found.inside.sum()),
        "trim": trim,
        "ok": True,
    }


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
            f"a histogram cannot be a {type(histogram).__name__}; give a path, a mapping with edges and hist, or a pair"
        )
    return np.asarray(edges, np.float64), np.asarray(count, np.float64)


def per_block_metrics(histogram: Any) -> dict[str, Any]:
    """Return ratios of quantiles and the Gini coefficient of binned magnitudes, without a fit.

    Parameters
    ----------
    histogram
        Histogram in any form that `weibull_fit` takes.

    Returns
    -------
    dict
        ``q90_q10``, ``q99_q50``, ``p999_p50``, ``gini``, ``median_abs_w`` and ``ok``. A quantile is the mid-point of
        the bin that it falls into. The Gini coefficient is computed by the trapezoidal rule on the Lorenz curve.
    """
    edges, count = _bins(histogram)
    names = ("q90_q10", "q99_q50", "p999_p50", "gini", "median_abs_w")
    if count.sum() < _FEWEST_COUNTS:
        reason = f"there are {count.sum():.0f} magnitudes, but at least {_FEWEST_COUNTS} are needed"
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
    """Count the magnitudes of weights in bins of equal width in log10.

    Parameters
    ----------
    weight
        Array or PyTorch tensor of any shape and type; it is rounded to float32.
    n_bins
        Number of bins.
    log_w_range
        First and last edge, in log10 of the magnitude. Magnitudes outside are dropped, zeros included.
    save_path
        NPZ file to write, if any; its folder is created.

    Returns
    -------
    dict
        ``edges`` ``(n_bins + 1,)``, ``hist`` int64 ``(n_bins,)``, ``n_total`` (number of weights), ``param_name``
        (empty) and ``shape``.

    Raises
    ------
    NonFiniteWeight
        If a weight is infinite or not a number; the library drops such weights silently.
    """
    if hasattr(weight, "detach"):
        weight = weight.detach().cpu().float().numpy()
    values = np.asarray(weight, dtype=np.float32)
    if not np.isfinite(values).all():
        raise NonFiniteWeight(
            f"{int((~np.isfinite(values)).sum())} of {values.size} weights are infinite or not a number, but every "
            "counted weight must be finite; check the checkpoint"
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
