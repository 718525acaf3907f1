"""Places a model: the shape of each kind of its matrices beside that of Gaussian weights and the printed band."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from weightfit import table
from weightfit.architecture import COMPONENTS, POOLED

TRIM = 0.80
"""That of the paper's protocol."""

FAR = 5.0
"""Deviations from the median, beyond which a block is named."""

OF_A_DEVIATION = 1.4826
"""Standard deviation over median absolute deviation, of Gaussian values."""

OF_A_MEDIAN = 1.2533
"""Standard error of the median over that of the mean, of Gaussian values."""

Array = NDArray[np.float64]


def diagnose(fits: pa.Table, band: tuple[float, float]) -> pa.Table:
    """Return one row for each entry and kind of matrix, at the entry's last step.

    Parameters
    ----------
    fits
        Table of contract ``fits``.
    band
        Ends of the printed band of shapes.

    Returns
    -------
    pyarrow.Table
        Contract ``diagnosis``, in the order of entries and of `weightfit.architecture.COMPONENTS`.
    """
    own = last(fits)
    rows = []
    for entry in dict.fromkeys(own["entry"].to_pylist()):
        of_entry = own.filter(pc.field("entry") == entry)
        for component in COMPONENTS:
            found = of_entry.filter(pc.field("component") == component)
            if found.num_rows:
                rows.append(_row(entry, component, found, band))
    names = table.arrow_schema("diagnosis").names
    return table.build("diagnosis", {name: [row[name] for row in rows] for name in names})


def last(fits: pa.Table) -> pa.Table:
    """Return the fits of single matrices by the paper's protocol at the last steps, by block."""
    kept = fits.filter(
        pc.field("terminal")
        & (pc.field("block") != POOLED)
        & pc.is_in(pc.field("component"), pa.array(COMPONENTS))
        & (pc.field("protocol") == "centred")
        & (pc.field("sign") == "both")
        & (pc.field("trim") == TRIM)
    )
    return kept.sort_by([("entry", "ascending"), ("block", "ascending")])


def _row(entry: str, component: str, found: pa.Table, band: tuple[float, float]) -> dict[str, object]:
    shapes = table.column(found, "shape")
    shape = float(np.median(shapes))
    null = float(np.median(table.column(found, "shape_null")))
    own = table.column(found, "shape_se")
    error = standard_error(shapes, own)
    blocks = found["block"].to_pylist()
    return {
        "entry": entry,
        "component": component,
        "step": found["step"].to_pylist()[0],
        "matrices": found.num_rows,
        "shape": shape,
        "shape_se": error,
        "shape_null": null,
        "departure": (shape - null) / error,
        "least": float(shapes.min()),
        "greatest": float(shapes.max()),
        "place": "below" if shape < band[0] else "above" if shape > band[1] else "within",
        "scale": float(np.median(table.column(found, "scale"))),
        "r_squared": float(np.median(table.column(found, "r_squared"))),
        "r_squared_null": float(np.median(table.column(found, "r_squared_null"))),
        "far_blocks": ";".join(str(blocks[place]) for place in far(shapes, own)) or None,
    }


def standard_error(shapes: Array, errors: Array) -> float:
    """Return the standard error of a median over blocks: from their robust spread, or of one block its own.

    Parameters
    ----------
    shapes, errors
        Of the blocks of one kind of matrix, each with its own standard error.
    """
    if shapes.size == 1:
        return float(errors[0])
    return OF_A_MEDIAN * _deviation(shapes, errors) / float(np.sqrt(shapes.size))


def far(shapes: Array, errors: Array) -> Sequence[int]:
    """Return the places of shapes that lie far from the others.

    Parameters
    ----------
    shapes, errors
        Of the blocks of one kind of matrix, each with its own standard error.

    Returns
    -------
    sequence of int
        Those further than `FAR` deviations from the median. None of fewer than four.
    """
    # ASSUME far-blocks: a block is named beyond five robust standard deviations from its kind's median.
    if shapes.size < 4:
        return []
    distance = np.abs(shapes - np.median(shapes))
    return [int(place) for place in np.flatnonzero(distance > FAR * _deviation(shapes, errors))]


def _deviation(shapes: Array, errors: Array) -> float:
    """Return the robust deviation of shapes, which far ones do not widen; at the least their own standard error."""
    spread = OF_A_DEVIATION * float(np.median(np.abs(shapes - np.median(shapes))))
    return max(spread, float(np.median(errors)))
