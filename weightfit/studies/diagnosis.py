"""Diagnoses a model: compares the shape of each kind of its matrices with Gaussian weights and the printed band."""

from collections.abc import Collection, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from weightfit import table
from weightfit.components import COMPONENTS, POOLS
from weightfit.studies.selection import in_blocks, median_error, of_components, protocol

FAR = 5.0
"""Number of robust standard deviations from the median beyond which a block is named."""

OF_A_DEVIATION = 1.4826
"""Ratio of the standard deviation to the median absolute deviation of Gaussian values."""

PAIRS = (("qkv", "o"), ("ffn_in", "ffn_out"), ("gate", "down"), ("up", "down"))
"""Input-side and output-side matrices of the parts of a block; the paper compares the first two pairs (Table 5)."""

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
        Table of contract ``diagnosis``, in the order of entries and of `weightfit.components.COMPONENTS`.
    """
    own = last(fits, COMPONENTS)
    rows = []
    for entry in dict.fromkeys(own["entry"].to_pylist()):
        of_entry = own.filter(pc.field("entry") == entry)
        for component in COMPONENTS:
            found = of_entry.filter(pc.field("component") == component)
            if found.num_rows:
                rows.append(_row(entry, component, found, band))
    return table.of_rows("diagnosis", rows)


def medians(fits: pa.Table) -> dict[str, dict[str, float]]:
    """Return, for each entry, the median shape of each kind of matrix and of all FFN matrices.

    Parameters
    ----------
    fits
        Table of contract ``fits``.
    """
    own = last(fits, COMPONENTS)
    kinds = {component: (component,) for component in COMPONENTS} | {"ffn": POOLS["ffn"]}
    found: dict[str, dict[str, float]] = {}
    for entry in dict.fromkeys(own["entry"].to_pylist()):
        of_entry = own.filter(pc.field("entry") == entry)
        for kind, components in kinds.items():
            shapes = table.column(
                of_entry.filter(pc.is_in(pc.field("component"), pa.array(components))), "shape"
            )
            if shapes.size:
                found.setdefault(entry, {})[kind] = float(np.median(shapes))
    return found


def scale_ratios(fits: pa.Table) -> pa.Table:
    """Return the ratios of input-side to output-side scales at the last step of each entry.

    Parameters
    ----------
    fits
        Table of contract ``fits``.

    Returns
    -------
    pyarrow.Table
        Table of contract ``scale_ratios``: for each of `PAIRS` that an entry has, the median over blocks of the ratio
        within a block.
    """
    own = last(fits, {kind for pair in PAIRS for kind in pair})
    rows = []
    for entry in dict.fromkeys(own["entry"].to_pylist()):
        of_entry = own.filter(pc.field("entry") == entry).to_pylist()
        scales = {(row["component"], row["block"]): (row["scale"], row["scale_se"]) for row in of_entry}
        for above, below in PAIRS:
            blocks = [block for kind, block in scales if kind == above and (below, block) in scales]
            if blocks:
                over, over_se = np.array([scales[above, block] for block in blocks]).T
                under, under_se = np.array([scales[below, block] for block in blocks]).T
                # ASSUME block-ratios: the ratio of two scales is the median over blocks of their ratio.
                ratio = over / under
                error = standard_error(ratio, ratio * np.hypot(over_se / over, under_se / under))
                ratios = {"blocks": len(blocks), "ratio": float(np.median(ratio)), "ratio_se": error}
                rows.append({"entry": entry, "input": above, "output": below} | ratios)
    return table.of_rows("scale_ratios", rows)


def last(fits: pa.Table, components: Collection[str]) -> pa.Table:
    """Return the fits of single blocks under the paper's protocol at the last steps, sorted by entry and block."""
    kept = fits.filter(pc.field("terminal") & in_blocks() & of_components(components) & protocol())
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


def standard_error(values: Array, errors: Array) -> float:
    """Return the standard error of a median over blocks from their robust spread, or of a single block from its fit.

    Parameters
    ----------
    values, errors
        Values for the blocks of one kind of matrix, and their standard errors.
    """
    if values.size == 1:
        return float(errors[0])
    return median_error(_deviation(values, errors), values.size)


def far(shapes: Array, errors: Array) -> Sequence[int]:
    """Return the indices of shapes that lie far from the others.

    Parameters
    ----------
    shapes, errors
        Shapes of the blocks of one kind of matrix, and their standard errors.

    Returns
    -------
    sequence of int
        Indices of the shapes that are further than `FAR` deviations from the median; empty for fewer than four shapes.
    """
    # ASSUME far-blocks: a block is named beyond five robust standard deviations from the median of its kind.
    if shapes.size < 4:
        return []
    distance = np.abs(shapes - np.median(shapes))
    return [int(place) for place in np.flatnonzero(distance > FAR * _deviation(shapes, errors))]


def _deviation(values: Array, errors: Array) -> float:
    """Return the robust standard deviation, which outliers do not widen, but no less than the standard errors."""
    spread = OF_A_DEVIATION * float(np.median(np.abs(values - np.median(values))))
    return max(spread, float(np.median(errors)))
