"""Table 1: the shape at three trims, with the printed values and the half-normal null."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from weightfit import paper, table
from weightfit.exhibits.numbers import Row
from weightfit.exhibits.request import Request
from weightfit.exhibits.style import COMPONENT_NAMES
from weightfit.studies.selection import anchor

COLUMNS = (
    "row",
    "kind",
    "entries",
    "printed",
    "printed_in_band",
    "null",
    "untrained",
    "median",
    "mean",
    "standard_deviation",
    "in_band",
)


def rows(request: Request) -> list[Row]:
    """Return one row per kind of matrix and trim, and the gap between the extreme trims."""
    return [row for kind in request.content["kinds"] for row in _rows(request, kind)]


def _rows(request: Request, kind: str) -> list[Row]:
    ablation, trims = request.read("ablation"), request.content["trims"]
    trained = {trim: _medians(ablation, request, kind, trim, "terminal") for trim in trims}
    untrained = {trim: _medians(ablation, request, kind, trim, "initial") for trim in trims}
    theory = request.read("theory")
    null = {trim: anchor(theory, trim) for trim in trims}
    low, high = (float(request.printed(f"band_{side}")) for side in ("low", "high"))
    out = [
        _summary(f"{trim:.2f}", kind, trained[trim], untrained[trim])
        | {
            "printed": request.printed("trims", trim, "median"),
            "printed_in_band": f"{request.printed('trims', trim, 'in_band')} / {request.printed('trims', trim, 'N')}",
            "null": null[trim],
            "in_band": int(((trained[trim] >= low) & (trained[trim] <= high)).sum()),
        }
        for trim in trims
    ]
    body, everything = min(trims), max(trims)
    gap = _summary("gap", kind, trained[body] - trained[everything], untrained[body] - untrained[everything])
    return [
        *out,
        gap
        | {
            "printed": f"{request.printed('gap_mean')} ± {request.printed('gap_standard_deviation')}",
            "printed_in_band": None,
            "null": null[body] - null[everything],
            "in_band": None,
        },
    ]


def _medians(ablation: pa.Table, request: Request, kind: str, trim: float, stage: str) -> np.ndarray:
    """Return the median shape of each shown entry."""
    chosen = pa.array(request.cast.shown.values(), pa.string())
    of_kind = (pc.field("kind") == kind) & (pc.field("trim") == trim) & (pc.field("stage") == stage)
    return table.column(ablation.filter(pc.is_in(pc.field("entry"), chosen) & of_kind), "shape_median")


def _summary(row: str, kind: str, trained: np.ndarray, untrained: np.ndarray) -> dict[str, object]:
    return {
        "row": row,
        "kind": kind,
        "entries": trained.size,
        "untrained": float(np.median(untrained)) if untrained.size else None,
        "median": float(np.median(trained)),
        "mean": float(trained.mean()),
        "standard_deviation": float(np.std(trained, ddof=1)) if trained.size > 1 else None,
    }


def display(row: Row) -> Mapping[str, str]:
    """Format a row for display."""
    shown = {
        name: "–" if row[name] is None else f"{row[name]:.4f}"
        for name in ("null", "untrained", "median", "mean", "standard_deviation")
    }
    gap = row["row"] == "gap"
    return shown | {
        "kind": COMPONENT_NAMES[str(row["kind"])],
        "row": "gap 0.80 - 1.00" if gap else str(row["row"]),
        "printed": str(row["printed"]),
        "printed_in_band": str(row["printed_in_band"] or "–"),
        "in_band": "–" if gap else f"{row['in_band']} / {row['entries']}",
    }


def notes(request: Request) -> list[str]:
    """Say which band and which gap the paper prints."""
    of_all = paper.printed("T1.n_entries")
    return [
        f"{len(request.cast.shown)} of {of_all} entries. Band: [{request.printed('band_low')}, "
        f"{request.printed('band_high')}]. Printed gap: mean ± standard deviation."
    ]
