"""Where a statistic of planted populations reaches a threshold, read off the calibration; imports no compiler."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from weightfit import table


def least_fraction(
    calibration: pa.Table, centre: float, spread: float, column: str, level: float
) -> float | None:
    """Return the share of the small population from which a statistic has reached a level.

    Parameters
    ----------
    calibration
        Table of contract ``calibration``.
    centre, spread
        One of its small populations.
    column
        ``shape``, which falls as the share grows, or ``dip``, which rises.
    level
        What is to be reached, a threshold of the shape or `weightfit.studies.dip.critical_dip` at a number of weights.

    Returns
    -------
    float or None
        The least such share, interpolated linearly between those of the table and 0; None where none of them
        does.
    """
    own = calibration.filter((pc.field("centre") == centre) & (pc.field("spread") == spread))
    start = own["shape_null"][0].as_py() if column == "shape" else 0.0
    fractions = np.concatenate([[0.0], table.column(own, "fraction")])
    values = np.concatenate([[start], table.column(own, column)])
    sign = -1.0 if column == "shape" else 1.0
    reached = np.flatnonzero(sign * values >= sign * level)
    if not reached.size:
        return None
    last = int(reached[0])
    if last == 0:
        return 0.0
    part = (level - values[last - 1]) / (values[last] - values[last - 1])
    return float(fractions[last - 1] + part * (fractions[last] - fractions[last - 1]))
