"""Table 4: mean scales and sqrt(learning rate / weight decay), for every source of these two."""

import math
from collections.abc import Mapping
from typing import Any

import pyarrow.compute as pc

from weightfit import paper
from weightfit.exhibits.numbers import Row
from weightfit.exhibits.request import Request
from weightfit.exhibits.words import ABSENT, cell, powers, with_error

RATES = {"learning_rate": "peak_learning_rate", "weight_decay": "weight_decay"}
WEIGHTS = {
    "mean": "scale",
    "mean_se": "scale_se",
    "mean_initial": "scale_initial",
    "ratio": "ratio",
    "ratio_se": "ratio_se",
    "ratio_initial": "ratio_initial",
}
PRINTED = {
    "learning_rate_printed": "eta",
    "weight_decay_printed": "wd",
    "root_printed": "sqrt",
    "mean_printed": "lambda",
    "ratio_printed": "ratio",
}
"""The columns of printed text, with the last parts of the ids of the texts."""

COLUMNS = ("row", "entry", "stand_in", "convention", *RATES, "root", "kinds", "step", *WEIGHTS, *PRINTED)


def rows(request: Request) -> list[Row]:
    """Return one row per entry and source; published rates are also given for entries without weights."""
    known: dict[str, list[dict[str, Any]]] = {}
    for row in request.read("steady_state").filter(pc.field("statistic") == "mean").to_pylist():
        known.setdefault(row["entry"], []).append(row)
    out: list[Row] = []
    for key in request.content["rows"]:
        printed = {column: request.printed(key, end) for column, end in PRINTED.items()}
        found = known.get(request.cast.shown.get(key, ""), [])
        lines = [_measured(row) for row in found] or [
            _published(name, values) for name, values in published(key).items()
        ]
        out += [{"row": key} | line | printed for line in lines]
    return out


def published(key: str) -> dict[str, Mapping[str, float]]:
    """Return the rates that each convention gives for an entry of the paper."""
    found = {name: paper.training(name).get(key, {}) for name in paper.conventions()}
    return {name: values for name, values in found.items() if set(RATES.values()) <= values.keys()}


def _measured(row: Mapping[str, Any]) -> dict[str, object]:
    own = {name: row[name] for name in ("entry", "convention", "root", "kinds", "step")}
    own |= {name: row[column] for name, column in (RATES | WEIGHTS).items()}
    return own | {"stand_in": row["weights"] == "stand_in"}


def _published(convention: str, values: Mapping[str, float]) -> dict[str, object]:
    rates = {name: values[quantity] for name, quantity in RATES.items()}
    nothing = dict.fromkeys(("entry", "stand_in", "kinds", "step", *WEIGHTS))
    root = math.sqrt(rates["learning_rate"] / rates["weight_decay"])
    return nothing | rates | {"convention": convention, "root": root}


def display(row: Row) -> Mapping[str, str]:
    """Format a row for display."""
    return {
        "row": paper.entries()[str(row["row"])].name,
        "entry": str(row["entry"] or ABSENT),
        "convention": str(row["convention"]),
        **{column: str(row[column]) for column in PRINTED},
        "learning_rate_printed": powers(str(row["learning_rate_printed"])),
        **{name: cell(row[name], "g") for name in RATES},
        "root": cell(row["root"], ".4f"),
        "mean": with_error(row, "mean", ".5f"),
        "mean_initial": cell(row["mean_initial"], ".5f"),
        "ratio": with_error(row, "ratio", ".4f"),
        "ratio_initial": cell(row["ratio_initial"], ".4f"),
    }


def notes(request: Request) -> list[str]:
    """Say what the sources are, where they differ from the paper, and which ranges the ratios span."""
    return [
        "Source: own is the training of these weights; the others are conventions of paper/training.tsv. An entry "
        "without weights has its published rates only.",
        *(f"{name} differs from the paper: {told}." for name, told in departures(request).items()),
        *spans(request),
    ]


def departures(request: Request) -> dict[str, str]:
    """Return how each published source differs from the paper, by source."""
    printed, *others = paper.conventions()
    out = {}
    for name in others:
        found: dict[tuple[str, float], list[str]] = {}
        for key in request.content["rows"]:
            for told, quantity in RATES.items():
                value = paper.training(name).get(key, {}).get(quantity)
                if value is not None and value != paper.training(printed)[key][quantity]:
                    found.setdefault((told.replace("_", " "), value), []).append(key)
        if found:
            out[name] = "; ".join(
                f"{told} {value:g} of {', '.join(keys)}" for (told, value), keys in found.items()
            )
    return out


def spans(request: Request) -> list[str]:
    """Return the least and the greatest ratio of each group of entries, with the printed ones."""
    last = (pc.field("stage") == "terminal") & (pc.field("statistic") == "mean")
    ours = pc.field("weights") != "initialization"
    found: dict[str, list[str]] = {}
    for line in request.read("steady_state_lines").filter(last & ours).to_pylist():
        found.setdefault(line["group"], []).append(
            f"{line['ratio_low']:.3f} to {line['ratio_high']:.3f}, a factor of {line['ratio_span']:.1f}, under "
            f"{line['convention']} ({line['points']} entries)"
        )
    out = []
    for group, told in found.items():
        low, high, span = (request.printed("spans", group, part) for part in ("low", "high", "span"))
        out.append(f"Ratios of {group}: {'; '.join(told)}; printed: {low} to {high}, a factor of {span}.")
    return out
