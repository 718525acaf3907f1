"""How the scale of each kind of matrix changes through training, over the blocks of an entry (the paper, section 5)."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from weightfit import table
from weightfit.studies.selection import in_blocks, protocol

PAIRS = {"attention": ("qkv", "o"), "feed_forward": ("ffn_in", "ffn_out")}
"""Input-side and output-side matrices whose scales the paper compares (Table 5)."""


def scaling(fits: pa.Table) -> pa.Table:
    """Summarise the scales of one kind of matrix over the blocks, step by step.

    Parameters
    ----------
    fits
        Table of contract ``fits``.

    Returns
    -------
    pyarrow.Table
        Table of contract ``scaling``, from centred fits at trim 0.80. The paper gives some scales as medians over
        blocks and some as means, so the table has both.
    """
    chosen = fits.filter(in_blocks() & protocol())
    keys = ["entry", "step", "terminal", "component"]
    groups = chosen.group_by(keys, use_threads=False).aggregate(
        [("scale", "list"), ("scale_se", "list"), ("shape", "list")]
    )
    rows = [
        {key: group[key] for key in keys}
        | _summary(group["scale_list"], group["scale_se_list"], group["shape_list"])
        for group in groups.to_pylist()
    ]
    return table.of_rows("scaling", rows)


def _summary(scales: list[float], errors: list[float], shapes: list[float]) -> dict[str, object]:
    scale, error = np.array(scales), np.array(errors)
    low, median, high = (float(value) for value in np.quantile(scale, [0.25, 0.5, 0.75]))
    return {
        "blocks": scale.size,
        "scale_median": median,
        "scale_q25": low,
        "scale_q75": high,
        "scale_mean": float(scale.mean()),
        "scale_mean_se": math.sqrt(float(error @ error)) / scale.size,
        "shape_median": float(np.median(shapes)),
    }


def input_output_ratio(scaling: pa.Table, entry: str, step: int) -> tuple[float, float]:
    """Return the ratio of input-side to output-side scales at a step, and its standard error.

    Parameters
    ----------
    scaling
        Table of contract ``scaling``.
    entry, step
        Entry and step of the weights.

    Returns
    -------
    tuple of float
        Mean over the two pairs of `PAIRS` of the ratio of mean scales (the paper, Table 5), and its standard error.
    """
    at = scaling.filter((pc.field("entry") == entry) & (pc.field("step") == step))
    scale = dict(zip(at["component"].to_pylist(), at["scale_mean"].to_pylist(), strict=True))
    error = dict(zip(at["component"].to_pylist(), at["scale_mean_se"].to_pylist(), strict=True))
    ratios, variances = [], []
    for above, below in PAIRS.values():
        ratio = scale[above] / scale[below]
        ratios.append(ratio)
        variances.append(ratio**2 * ((error[above] / scale[above]) ** 2 + (error[below] / scale[below]) ** 2))
    return float(np.mean(ratios)), math.sqrt(sum(variances)) / len(ratios)


def growth(first: Mapping[str, Any], last: Mapping[str, Any]) -> dict[str, float]:
    """Return by how much a scale grows from one step to another, as a share of the first.

    Parameters
    ----------
    first, last
        Rows of contract ``scaling`` of one kind of matrix.

    Returns
    -------
    dict
        ``growth_median`` and ``growth_mean``, of the median and of the mean over blocks, and ``growth_mean_se``, the
        standard error of the latter by the delta method for independent fits.
    """
    mean = last["scale_mean"] / first["scale_mean"]
    relative = math.hypot(*(row["scale_mean_se"] / row["scale_mean"] for row in (first, last)))
    median = last["scale_median"] / first["scale_median"]
    return {"growth_median": median - 1, "growth_mean": mean - 1, "growth_mean_se": mean * relative}
