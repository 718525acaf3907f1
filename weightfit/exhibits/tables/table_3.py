"""Table 3: how far the scale of o grows over training, and the mean scale of the transmission matrices."""

from collections.abc import Mapping, Sequence
from typing import Any

from weightfit import paper
from weightfit.exhibits.numbers import Row
from weightfit.exhibits.request import Request
from weightfit.exhibits.words import ABSENT, cell, cells, percent
from weightfit.studies.scaling import growth

TRAINING = ("t_over_tau", "state_library", "state_database")
ENDS = ("initial", "terminal")
SCALES = ("median", "median_q25", "median_q75", "mean", "mean_se")
MEANS = ("mean_of_means", "mean_of_medians")
GROWTH = ("growth_median", "growth_mean", "growth_mean_se")
PEAK = ("steps_kept", "peak_step", "peak_printed_step", "peak_median", "retreat")
PRINTED = {
    "t_over_tau_printed": "Ttau",
    "state_printed": "state",
    "initial_printed": "lamO_init",
    "terminal_printed": "lamO_term",
    "mean_printed": "mean_lambda",
    "growth_printed": "growth",
}
"""The columns of printed text, with the last parts of the ids of the texts."""

COLUMNS = (
    "row",
    "entry",
    "stand_in",
    "convention",
    *TRAINING,
    "step",
    "blocks",
    *(f"{end}_{name}" for end in ENDS for name in SCALES),
    *(f"{name}{ending}" for name in MEANS for ending in ("", "_se", "_null")),
    *GROWTH,
    *PEAK,
    *PRINTED,
    "peak_step_printed",
    "retreat_printed",
)


def rows(request: Request) -> list[Row]:
    """Return one row per size and source of its hyperparameters."""
    scales: dict[str, list[dict[str, Any]]] = {}
    for row in request.read("scaling").to_pylist():
        if row["component"] == request.content["component"]:
            scales.setdefault(row["entry"], []).append(row)
    known: dict[str, dict[str, dict[str, Any]]] = {}
    for row in request.read("steady_state").to_pylist():
        known.setdefault(row["entry"], {}).setdefault(row["convention"], {})[row["statistic"]] = row
    return [
        {"row": key, "entry": entry, "stand_in": entry in request.cast.stand_ins, "convention": convention}
        | _means(statistics)
        | _course(scales.get(entry, []), request)
        | _printed(request, key)
        for key, entry in request.cast.shown.items()
        for convention, statistics in known.get(entry, {None: {}}).items()
    ]


def _means(statistics: Mapping[str, Mapping[str, Any]]) -> dict[str, object]:
    """Return T/tau, its states, and the mean scale over kinds for each statistic over the blocks of a kind."""
    mean = statistics.get("mean", {})
    out = {name: mean.get(name) for name in TRAINING}
    for name, row in zip(MEANS, (mean, statistics.get("median", {})), strict=True):
        out |= {
            name: row.get("scale"),
            f"{name}_se": row.get("scale_se"),
            f"{name}_null": row.get("scale_initial"),
        }
    return out


def _course(own: Sequence[Mapping[str, Any]], request: Request) -> dict[str, object]:
    """Return the scale of o at both ends of training, its growth, and its peak."""
    found = {
        "initial": next((row for row in own if row["step"] == 0), None),
        "terminal": next((row for row in own if row["terminal"]), None),
    }
    out = {
        f"{end}_{name}": row[column] if row else None
        for end, row in found.items()
        for name, column in zip(
            SCALES, ("scale_median", "scale_q25", "scale_q75", "scale_mean", "scale_mean_se"), strict=True
        )
    }
    first, last = found["initial"], found["terminal"]
    out |= {"step": last["step"] if last else None, "blocks": last["blocks"] if last else 0}
    grown = growth(first, last) if first and last else dict.fromkeys(GROWTH)
    return out | grown | _peak(own, last, request)


def _peak(
    own: Sequence[Mapping[str, Any]], last: Mapping[str, Any] | None, request: Request
) -> dict[str, object]:
    """Return the step at which the median scale is greatest, if there are steps between the first and the last."""
    course = [row for row in own if row["step"] is not None]
    if last is None or len(course) < 3:
        return dict.fromkeys(PEAK) | {"steps_kept": len(course)}
    peak = max(course, key=lambda row: row["scale_median"])
    stands_for = {own: printed for printed, own in request.cohort["steps"].items()}
    return {
        "steps_kept": len(course),
        "peak_step": peak["step"],
        "peak_printed_step": stands_for.get(peak["step"]) if stands_for else peak["step"],
        "peak_median": peak["scale_median"],
        "retreat": 1 - last["scale_median"] / peak["scale_median"],
    }


def _printed(request: Request, key: str) -> dict[str, object]:
    retreats = request.content["printed"]["retreat"]
    return {
        **{column: request.printed(key, end) for column, end in PRINTED.items()},
        "peak_step_printed": request.printed("peak_step"),
        "retreat_printed": request.printed("retreat", key) if key in retreats else None,
    }


def display(row: Row) -> Mapping[str, str]:
    """Format a row for display."""
    return {
        "row": paper.entries()[str(row["row"])].name,
        "entry": str(row["entry"]),
        "convention": cell(row["convention"], ""),
        **{column: str(row[column]) for column in PRINTED},
        "growth_printed": f"{row['growth_printed']} %",
        "t_over_tau": cell(row["t_over_tau"], ".2f"),
        "states": cells(row, ("state_library", "state_database"), ""),
        **{end: cells(row, (f"{end}_median", f"{end}_mean")) for end in ENDS},
        "mean": cells(row, MEANS),
        "growth": f"{percent(row['growth_median'])} / {percent(row['growth_mean'])}",
        "peak_step_printed": str(row["peak_step_printed"]),
        "peak_step": cells(row, ("peak_step", "peak_printed_step"), ",d"),
        "retreat_printed": f"{row['retreat_printed']} %" if row["retreat_printed"] else ABSENT,
        "retreat": percent(row["retreat"], ".1f"),
    }


def notes(_: Request) -> list[str]:
    """Say what the sources are, and over which steps the peak is taken."""
    return [
        "Source: the source of learning rate, weight decay and steps; own: the training of these weights.",
        "The peak is that of the median scale of o over all steps of these weights. Where it is at the last step, the "
        "scale has not yet fallen.",
    ]
