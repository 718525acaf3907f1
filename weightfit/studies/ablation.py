"""How the shape of the transmission matrices of each entry changes with the trim (the paper, section 3.2)."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from weightfit import table
from weightfit.components import POOLS
from weightfit.studies.selection import in_blocks, median_error, of_components, protocol

KINDS = ("ffn", "transmission")
"""Pools to summarise; the paper's text names the FFN, its Figure 5 the FFN and the attention output projection."""


def ablation(fits: pa.Table) -> pa.Table:
    """Summarise the shapes of single matrices at the first and the last step of each entry.

    Parameters
    ----------
    fits
        Table of contract ``fits``.

    Returns
    -------
    pyarrow.Table
        Table of contract ``ablation``. The standard error of a median over m matrices is 1.2533 s / sqrt(m), as for
        m independent Gaussian values with their observed standard deviation s.
    """
    matrices = fits.filter(in_blocks() & protocol(None) & of_components(POOLS["transmission"]))
    rows: list[dict[str, object]] = []
    for entry in dict.fromkeys(matrices["entry"].to_pylist()):
        own = matrices.filter(pc.field("entry") == entry)
        first = pc.min(own["step"]).as_py()
        stages = {"terminal": own.filter(pc.field("terminal"))}
        if first is not None and not pc.all(own["terminal"]).as_py():
            stages = {"initial": own.filter(pc.field("step") == first), **stages}
        for stage, chosen in stages.items():
            for kind in KINDS:
                members = chosen.filter(of_components(POOLS[kind]))
                for trim in sorted(set(members["trim"].to_pylist())):
                    rows.append(
                        {"entry": entry, "stage": stage, "kind": kind, "trim": trim}
                        | _summary(members.filter(pc.field("trim") == trim))
                    )
    return table.of_rows("ablation", rows)


def _summary(members: pa.Table) -> dict[str, object]:
    shape = table.column(members, "shape")
    step = members["step"][0].as_py()
    spread = float(np.std(shape, ddof=1)) if shape.size > 1 else None
    return {
        "step": step,
        "matrices": shape.size,
        "shape_median": float(np.median(shape)),
        "shape_median_se": None if spread is None else median_error(spread, shape.size),
        "shape_mean": float(shape.mean()),
        "shape_low": float(shape.min()),
        "shape_high": float(shape.max()),
        "shape_null": float(np.median(table.column(members, "shape_null"))),
        "r_squared_low": float(table.column(members, "r_squared").min()),
    }
