"""Conditions that select the fits of a study, and the standard error of a median over them."""

import math
from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc

from weightfit.components import POOLED

TRIM = 0.80
"""Kept fraction of the plot in the paper's protocol."""

OF_A_MEDIAN = 1.2533
"""Standard error of the median of many Gaussian values over that of their mean: sqrt(pi / 2), to four decimals."""


def in_blocks() -> pc.Expression:
    """Return the condition for fits of matrices and pools within one block."""
    # Made when it is asked for: Arrow loads pandas for its first comparison.
    return pc.field("block") != POOLED


def protocol(trim: float | None = TRIM, name: str = "centred") -> pc.Expression:
    """Return the condition for fits to weights of both signs under a protocol, by default that of the paper.

    Parameters
    ----------
    trim
        Kept fraction of the plot, or None for every trim that was fitted.
    name
        Name of the protocol: ``centred``, ``uncentred`` or ``released``.
    """
    chosen = (pc.field("protocol") == name) & (pc.field("sign") == "both")
    return chosen if trim is None else chosen & (pc.field("trim") == trim)


def of_components(components: Collection[str]) -> pc.Expression:
    """Return the condition for fits of these matrices or pools."""
    return pc.is_in(pc.field("component"), pa.array(sorted(components), pa.string()))


def median_error(deviation: float, count: int) -> float:
    """Return the standard error of a median.

    Parameters
    ----------
    deviation
        Standard deviation of the values, in their own units.
    count
        Number of values, which are taken as independent and Gaussian.
    """
    return OF_A_MEDIAN * deviation / math.sqrt(count)


def anchor(theory: pa.Table, trim: float) -> float:
    """Return the shape of one Gaussian matrix of infinitely many weights.

    Parameters
    ----------
    theory
        Table of contract ``theory``.
    trim
        Kept fraction of the plot.
    """
    at_trim = (pc.field("quantity") == "half_normal_shape") & (pc.field("trim") == trim)
    (value,) = theory.filter(at_trim)["value"].to_pylist()
    return float(value)
