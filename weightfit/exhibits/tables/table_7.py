"""Table 7: shallow and deep shapes of the Qwen cohort, the resulting regimes, and a direct search for a second mode."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from weightfit import paper, table
from weightfit.exhibits.numbers import Row
from weightfit.exhibits.request import Request

FACTS = ("layers", "params", "tokens")
PRINTED = {
    "shallow_median": "shallow_med",
    "shallow_min": "shallow_min",
    "deep_median": "deep_med",
    "regime": "regime",
}
READINGS = ("0-5", "1-6")
WINDOW = ("median", "median_q25", "median_q75", "median_null", "matrices", "bimodal")
LEAST = ("min", "min_se", "min_null", "min_matrix")
SECOND = ("dip", "dip_null", "dip_critical", "small_share", "small_share_se")
COLUMNS = (
    *("row", "shallow", "entry", "stand_in", *FACTS, "blocks"),
    *(f"{name}_printed" for name in PRINTED),
    *(f"shallow_{name}" for name in (*WINDOW, *LEAST, *SECOND)),
    *("regime", "regime_null"),
    *(f"deep_{name}" for name in WINDOW),
)


def rows(request: Request) -> list[Row]:
    """Return two rows per entry, one for each reading of "shallow"."""
    matrices = request.read("bimodality")
    matrices = matrices.filter(pc.is_in(pc.field("component"), pa.array(request.content["components"])))
    shown = {key: request.cast.shown[key] for key in request.content["rows"] if key in request.cast.shown}
    return [
        _row(request, key, reading, matrices.filter(pc.field("entry") == entry))
        for key, entry in shown.items()
        for reading in READINGS
    ]


def _row(request: Request, key: str, reading: str, own: pa.Table) -> Row:
    entry, (first, last) = request.cast.shown[key], _shallow(request, reading)
    inside = own.filter((pc.field("block") >= first) & (pc.field("block") <= last))
    least = _least(inside)
    return {
        "row": key,
        "shallow": reading,
        "entry": entry,
        "stand_in": request.entries[entry]["stand_in"],
        **{name: request.printed(key, name) for name in FACTS},
        "blocks": len(set(own["block"].to_pylist())),
        # The printed regime is a cell of a table, so a bar may come before the letter.
        **{f"{name}_printed": request.printed(key, end).strip("| ") for name, end in PRINTED.items()},
        **{f"shallow_{name}": value for name, value in _window(request, inside).items()},
        **{f"shallow_{name}": value for name, value in (least | _second(inside)).items()},
        "regime": regime(request, least["min"]),
        "regime_null": regime(request, least["min_null"]),
        **{
            f"deep_{name}": value
            for name, value in _window(request, own.filter(pc.field("block") >= _deep(request))).items()
        },
    }


def _shallow(request: Request, reading: str) -> tuple[int, int]:
    first, last = (int(request.printed("shallow", reading, end)) for end in ("first", "last"))
    return request.own_block(first), request.own_block(last)


def _deep(request: Request) -> int:
    return request.own_block(int(request.printed("deep_from")))


def _window(request: Request, matrices: pa.Table) -> dict[str, float | None]:
    """Return the shapes of one kind of matrix over a range of blocks, and how many of all have a second mode."""
    gates = matrices.filter(pc.field("component") == request.content["median_of"])
    shape, null = table.column(gates, "shape"), table.column(gates, "shape_null")
    medians = [*np.quantile(shape, [0.5, 0.25, 0.75]), np.median(null)] if shape.size else [None] * 4
    counts = [matrices.num_rows, pc.sum(matrices["bimodal"], min_count=0).as_py()]
    return dict(zip(WINDOW, [*medians, *counts], strict=True))


def _least(matrices: pa.Table) -> dict[str, object]:
    if not matrices.num_rows:
        return dict.fromkeys(LEAST)
    row = min(matrices.to_pylist(), key=lambda row: row["shape"])
    null = pc.min(matrices["shape_null"]).as_py()
    place = f"{row['component']} of block {row['block']}"
    return dict(zip(LEAST, [row["shape"], row["shape_se"], null, place], strict=True))


def _second(matrices: pa.Table) -> dict[str, object]:
    """Return the statistics of a second mode for the matrix with the largest dip."""
    if not matrices.num_rows:
        return dict.fromkeys(SECOND)
    row = max(matrices.to_pylist(), key=lambda row: row["dip"])
    return {name: row[name] for name in SECOND}


def regime(request: Request, least: object) -> str | None:
    """Return the regime in which the printed thresholds place a least shape."""
    if not isinstance(least, float):
        return None
    if least >= float(request.printed("clean_from")):
        return "A"
    return "B" if least <= float(request.printed("bimodal_to")) else "between"


def displayed(found: Sequence[Row]) -> list[Mapping[str, str]]:
    """Format the two rows of each entry as one: what depends on the reading of "shallow" is given for both."""
    by_entry: dict[str, list[Row]] = {}
    for row in found:
        by_entry.setdefault(str(row["row"]), []).append(row)
    return [_display(own) for own in by_entry.values()]


def _display(own: Sequence[Row]) -> Mapping[str, str]:
    row = own[0]
    each = [_of_reading(one) for one in own]
    return {
        "row": paper.entries()[str(row["row"])].name,
        **{name: str(row[name]) for name in ("entry", *FACTS, *(f"{name}_printed" for name in PRINTED))},
        **{name: " / ".join(one[name] for one in each) for name in each[0]},
        **{name: _shape(row[name]) for name in ("deep_median", "deep_median_null")},
        "deep_bimodal": f"{row['deep_bimodal']} of {row['deep_matrices']}",
    }


def _of_reading(row: Row) -> dict[str, str]:
    shapes = ("shallow_median", "shallow_median_null", "shallow_min", "shallow_min_null")
    share, error = row["shallow_small_share"], row["shallow_small_share_se"]
    return {
        **{name: _shape(row[name]) for name in shapes},
        "regime": str(row["regime"] or "–"),
        "bimodal": f"{row['shallow_bimodal']} of {row['shallow_matrices']}",
        "small_share": "–" if share is None else f"{share:.4f} ± {error:.4f}",
    }


def _shape(value: object) -> str:
    return "–" if value is None else f"{value:.3f}"


def notes(request: Request) -> list[str]:
    """Say which blocks are meant, what the thresholds are, and how large a second population reaches them."""
    windows = {reading: "{}-{}".format(*_shallow(request, reading)) for reading in READINGS}
    levels = [request.printed("clean_from"), request.printed("bimodal_to")]
    calibration, planted = request.read("calibration"), request.content["planted"]
    one_mode = calibration.filter(pc.is_null(pc.field("weights_needed")))
    shares = []
    for level in levels:
        crossed = [
            least_fraction(calibration, planted["centre"], spread, "shape", float(level))
            for spread in planted["spreads"]
        ]
        found = [100 * fraction for fraction in crossed if fraction is not None]
        shares.append(f"{min(found):.1f} to {max(found):.1f} %")
    return [
        "Before and after a stroke: the paper's shallow blocks {} and {}. Blocks of these weights: ".format(
            *READINGS
        )
        + ", ".join(f"{own} for {reading}" for reading, own in windows.items())
        + f"; deep: from {_deep(request)} on. Regime A: least shallow shape of at least {levels[0]}; B: at most "
        f"{levels[1]}. The null of the least shape is the least null; the least of several shapes is lower by chance.",
        "Second mode: number of gate, up and down matrices for which the dip test of log10 of the magnitude rejects a "
        "single mode at level 0.1 %; Gaussian weights pass this test. Share: share of small weights in the matrix with "
        "the largest dip, with its standard error, where a second mode is established.",
        f"Calibration: a log-normal population {-planted['centre']:g} decades below a Gaussian body lowers the shape "
        f"to {levels[0]} with {shares[0]} of all weights, and to {levels[1]} with {shares[1]} (spreads of "
        f"{min(planted['spreads']):g} to {max(planted['spreads']):g} decades). A low shape does not imply a second "
        f"mode: of the populations that make none, the lowest shape is {pc.min(one_mode['shape']).as_py():.2f}.",
    ]


def least_fraction(
    calibration: pa.Table, centre: float, spread: float, column: str, level: float
) -> float | None:
    """Return the least share of the small population at which a statistic reaches a level.

    Parameters
    ----------
    calibration
        Table of contract ``calibration``.
    centre, spread
        Centre and spread of one of its small populations.
    column
        ``shape``, which falls as the share grows, or ``dip``, which rises.
    level
        Level to reach: a threshold of the shape, or `weightfit.studies.dip.critical_dip` at a number of weights.

    Returns
    -------
    float or None
        The share, interpolated linearly between those of the table and 0; None where none of them reaches the level.
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
