"""Figure 5: the shape of each entry at three trims, and the effect that heavier tails would have on it."""

import math
from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from weightfit.exhibits.legend import lined, marked, shaded
from weightfit.exhibits.numbers import Row
from weightfit.exhibits.request import Request
from weightfit.exhibits.style import ANCHOR_COLOUR, COLOURS, COMPONENT_NAMES, FULL_WIDTH, MARKERS, band

KINDS = ("ffn", "transmission")
DRAWN = "transmission"
"""Kinds of matrices whose shapes are drawn, which are those of the paper's figure; the CSV has the others."""
FACTS = ("entry", "stand_in", "stage", "step", "matrices")
COLUMNS = ("panel", "series", *FACTS, "degrees", "value", "value_se", "value_null", "printed")


def rows(request: Request) -> list[Row]:
    """Return the shapes and gaps of every entry at its first and last step, and those of Student-t weights."""
    trims = request.content["trims"]
    found = {
        (row["kind"], row["entry"], row["stage"], row["trim"]): row
        for row in request.read("ablation").to_pylist()
    }
    out: list[Row] = []
    for kind in KINDS:
        for entry in request.cast.shown.values():
            for stage in ("initial", "terminal"):
                own = [found[key] for trim in trims if (key := (kind, entry, stage, trim)) in found]
                out += [_mark(request, row, kind, f"{row['trim']:.2f}", _shape(row)) for row in own]
                if len(own) == len(trims):
                    out.append(_mark(request, own[0], "gap", f"{kind} gap", _gap(own[0], own[-1])))
    return sorted([*out, *_student_t(request)], key=lambda row: request.content["panels"].index(row["panel"]))


def _mark(request: Request, row: Row, panel: str, series: str, values: Mapping[str, object]) -> Row:
    facts = {name: row[name] for name in ("entry", "stage", "step", "matrices")}
    facts["stand_in"] = row["entry"] in request.cast.stand_ins
    printed = printed_texts(request).get("gap" if panel == "gap" else series)
    return {"panel": panel, "series": series, **facts, "degrees": None, **values, "printed": printed}


def _shape(row: Row) -> dict[str, object]:
    return {"value": row["shape_median"], "value_se": row["shape_median_se"], "value_null": row["shape_null"]}


def _gap(body: Row, everything: Row) -> dict[str, object]:
    errors = [row["shape_median_se"] for row in (body, everything)]
    return {
        "value": body["shape_median"] - everything["shape_median"],
        # ASSUME gap-error: the two medians of a gap are taken as independent, so its error is too large.
        "value_se": None if None in errors else math.hypot(*errors),
        "value_null": body["shape_null"] - everything["shape_null"],
    }


def _student_t(request: Request) -> list[Row]:
    """Return the shapes and the gap by degrees of freedom; infinitely many stand for the half-normal law."""
    names = [f"{law}_{what}" for law in ("student_t", "half_normal") for what in ("shape", "gap")]
    return [
        dict.fromkeys(COLUMNS)
        | {
            "panel": "student_t",
            "series": "student_t gap" if row["trim"] is None else f"{row['trim']:.2f}",
            "degrees": math.inf if row["degrees"] is None else row["degrees"],
            "value": row["value"],
            "printed": printed_texts(request)["gap"]
            if row["trim"] is None
            else request.printed("medians", row["trim"]),
        }
        for row in request.read("theory").to_pylist()
        if row["quantity"] in names and row["trim"] in (None, *request.content["trims"])
    ]


def printed_texts(request: Request) -> dict[str, str]:
    """Return the printed band under the trim to which it belongs, and the printed gap."""
    return {
        f"{request.content['trims'][0]:.2f}": f"{request.printed('band_low')} to {request.printed('band_high')}",
        "gap": f"{request.printed('gap_mean')} ± {request.printed('gap_standard_deviation')}",
    }


def marks(request: Request) -> dict[str, tuple[str, str]]:
    """Return the colour and the marker of each series."""
    return dict(zip(request.content["series"], zip(COLOURS, MARKERS, strict=True), strict=False))


def draw(rows: list[Row], request: Request) -> Figure:
    """Draw the entries on the left and Student-t weights on the right, with gaps below shapes, on common axes."""
    figure = plt.figure(figsize=(FULL_WIDTH, 5.8))
    places: list[Any] = [[DRAWN, "student_t"], ["gap", "student_t gap"]]
    panels: dict[str, Axes] = figure.subplot_mosaic(places, width_ratios=(3.1, 1), height_ratios=(1.7, 1))
    panels["student_t"].sharey(panels[DRAWN])
    panels["student_t gap"].sharey(panels["gap"])
    for panel in (DRAWN, "gap"):
        for series in request.content["series"]:
            own = [row for row in rows if (row["panel"], row["series"]) == (panel, series)]
            _entries(own, panels[panel], series, request)
    _degrees([row for row in rows if row["panel"] == "student_t"], panels, request)
    low, high, mean, deviation = (
        float(request.printed(name))
        for name in ("band_low", "band_high", "gap_mean", "gap_standard_deviation")
    )
    for name in (DRAWN, "student_t"):
        # The paper finds its band at trim 0.80, and nowhere else.
        panels[name].axhspan(
            low, high, color=marks(request)[_narrowest(request)][0], alpha=0.18, lw=0, zorder=0.5
        )
    for name in ("gap", "student_t gap"):
        band(panels[name], mean - deviation, mean + deviation, "printed gap")
    shown = [request.short_name(entry) for entry in request.cast.shown.values()]
    for name in (DRAWN, "gap"):
        panels[name].set_xticks(range(len(shown)), shown if name == "gap" else [])
        panels[name].set_xlim(-0.6, len(shown) - 0.4)
        panels[name].grid(axis="x", visible=False)
        panels[name].tick_params(axis="x", length=0)
        panels[name].set_ylabel("gap" if name == "gap" else "shape")
    panels["gap"].tick_params(axis="x", rotation=40)
    plt.setp(panels["gap"].get_xticklabels(), ha="right", rotation_mode="anchor")
    first, *_, last = (f"{trim:.2f}" for trim in request.content["trims"])
    panels["gap"].set_title(f"Gap: shape at trim {first} minus at {last}", loc="left")
    panels[DRAWN].set_title(f"Median over {COMPONENT_NAMES[DRAWN]} matrices", loc="left")
    for name in ("student_t", "student_t gap"):
        panels[name].tick_params(labelleft=False)
    figure.legend(handles=_handles(request), loc="outside lower center", ncols=3)
    return figure


def _narrowest(request: Request) -> str:
    return f"{min(request.content['trims']):.2f}"


def _entries(rows: list[Row], axes: Axes, series: str, request: Request) -> None:
    """Draw one series, with first steps open and to the left, and last steps filled and to the right."""
    colour, marker = marks(request)[series]
    order = list(request.cast.shown.values())
    aside = {"ffn gap": -0.09, "transmission gap": 0.09}.get(series, 0.0)
    for stage, shift, face in (("initial", -0.2, "white"), ("terminal", 0.2, colour)):
        own = [row for row in rows if row["stage"] == stage]
        places = [order.index(row["entry"]) for row in own]
        values, errors = [row["value"] for row in own], [row["value_se"] or 0 for row in own]
        left = [place + shift + aside for place in places]
        axes.errorbar(left, values, errors, fmt=marker, color=colour, mfc=face, mew=0.8, elinewidth=0.8)
        low, high = ([place + side for place in places] for side in (-0.4, 0.4))
        axes.hlines([row["value_null"] for row in own], low, high, ANCHOR_COLOUR, lw=0.9)


def _degrees(rows: list[Row], panels: Mapping[str, Axes], request: Request) -> None:
    """Draw the curves over the inverse of the degrees of freedom, which is zero for Gaussian weights."""
    for series, (colour, _) in marks(request).items():
        curve = sorted((row for row in rows if row["series"] == series), key=lambda row: -row["degrees"])
        axes = panels.get(series, panels["student_t"])
        axes.plot([1 / row["degrees"] for row in curve], [row["value"] for row in curve], color=colour)
        if axes is panels["student_t"] and curve:
            for wide in (axes, panels[DRAWN]):
                wide.axhline(float(curve[0]["printed"]), color=colour, ls=":", lw=1.0, zorder=0.8)
            axes.annotate(
                f"trim {series}",
                (1 / curve[-1]["degrees"], curve[-1]["value"]),
                # The ends of the first two curves may be nearer than two lines of type.
                (3, 4 if series == _narrowest(request) else -4),
                textcoords="offset points",
                va="center",
                fontsize=7,
                color=colour,
            )
    for name, title in (("student_t", "Student-t weights"), ("student_t gap", "Their gap")):
        panels[name].set_title(title, loc="left")
        panels[name].set_xticks(
            [0, *(1 / degrees for degrees in (20, 10, 6, 4, 3))], ["∞", "20", "10", "6", "4", "3"]
        )
    panels["student_t gap"].set_xlabel("degrees of freedom\n(∞: Gaussian weights)")


def _handles(request: Request) -> list[Any]:
    found = marks(request)
    band_text, gap_text = printed_texts(request).values()
    printed = shaded(f"printed band of trim {_narrowest(request)}: {band_text}")
    printed.set(color=found[_narrowest(request)][0], alpha=0.18)
    return [
        *(marked(f"shape at trim {trim:.2f}", *found[f"{trim:.2f}"]) for trim in request.content["trims"]),
        *(marked(f"gap, {COMPONENT_NAMES[kind]}", *found[f"{kind} gap"]) for kind in KINDS),
        marked("open: at the first step", filled=False),
        lined("Gaussian weights"),
        lined("printed medians (Table 1)", style=":"),
        printed,
        shaded(f"printed gap: {gap_text}"),
    ]
