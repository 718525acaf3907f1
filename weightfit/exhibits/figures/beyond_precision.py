"""The figure of number formats: shape and exact zeros of weights that were stored in each format."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from weightfit.exhibits.legend import lined, marked, shaded
from weightfit.exhibits.numbers import Row
from weightfit.exhibits.request import Request
from weightfit.exhibits.stored import by_format, groups, made_regime_b, name, spread
from weightfit.exhibits.style import ANCHOR_COLOUR, COLOURS, FULL_WIDTH, MARKERS, band

COLUMNS = (
    "panel",
    "series",
    "format",
    "protocol",
    "matrices",
    "value",
    "low",
    "high",
    "value_null",
    "value_law",
    "made_regime_b",
    "printed",
)

GREYS = ("#000000", "#6e6e6e", "#a8a8a8")


def rows(request: Request) -> list[Row]:
    """Return shape and zeros of each law and kind of matrix in each format."""
    printed = request.printed("regime_b")
    out: list[Row] = []
    for (side, series), found in groups(request).items():
        for trim in request.content["trims"]:
            for protocol in ("centred", "uncentred"):
                for form, own in by_format(found, trim=trim, protocol=protocol):
                    out.append(
                        {
                            "panel": f"{side} {trim:.2f}",
                            "series": series,
                            "format": form,
                            "protocol": protocol,
                            "matrices": len(own),
                            **spread(own, "shape"),
                            "value_null": own[0]["shape_null"],
                            "value_law": own[0]["shape_law"],
                            "made_regime_b": made_regime_b(own, found, float(printed)),
                            "printed": printed,
                        }
                    )
        # Zeros depend neither on the trim nor on the protocol.
        for form, own in by_format(found, trim=request.content["trims"][0], protocol="uncentred"):
            out.append(
                dict.fromkeys(COLUMNS)
                | {"panel": f"{side} zeros", "series": series, "format": form, "matrices": len(own)}
                | spread(own, "zeros")
            )
    return sorted(out, key=lambda row: request.content["panels"].index(row["panel"]))


def markings(rows: Sequence[Row]) -> dict[str, tuple[str, str]]:
    """Return the colour and the marker of each series: greys for laws, colours for kinds of matrix."""
    laws, kinds = (
        list(dict.fromkeys(row["series"] for row in rows if str(row["panel"]).startswith(side)))
        for side in ("drawn", "model")
    )
    return dict(zip(laws, zip(GREYS, MARKERS, strict=False), strict=False)) | dict(
        zip(kinds, zip(COLOURS, MARKERS, strict=False), strict=False)
    )


def draw(rows: list[Row], request: Request) -> Figure:
    """Draw the laws on the left and the model on the right, trim by trim, with the zeros below."""
    trims = [f"{trim:.2f}" for trim in request.content["trims"]]
    figure, grid = plt.subplots(
        len(trims) + 1, 2, figsize=(FULL_WIDTH, 8.2), sharex="col", sharey="row", width_ratios=(1, 2.1)
    )
    found = markings(rows)
    formats = list(dict.fromkeys(row["format"] for row in rows))
    threshold = request.printed("regime_b")
    for line, what in zip(grid, [*trims, "zeros"], strict=True):
        for axes, side in zip(line, ("drawn", "model"), strict=True):
            own = [row for row in rows if row["panel"] == f"{side} {what}"]
            _marks(own, axes, found, formats)
            axes.set_xticks(range(len(formats)), formats, rotation=90)
            axes.set_xlim(-0.6, len(formats) - 0.4)
            axes.grid(axis="x", visible=False)
            axes.tick_params(axis="x", length=0)
            if what != "zeros":
                band(axes, 0, float(threshold), "regime B")
                axes.set_ylim(0, 1.45)
            if not own:
                axes.text(
                    0.5,
                    0.6,
                    "This cohort stores no matrix of it in other formats.",
                    ha="center",
                    transform=axes.transAxes,
                )
        subject = "Exact zeros" if what == "zeros" else f"Trim {what}"
        line[0].set_title(f"{subject}, drawn weights", loc="left")
        line[1].set_title(f"{subject}, matrices of {request.content['model']}", loc="left")
        line[0].set_ylabel("share" if what == "zeros" else "shape k")
    handles = [
        *(marked(name(series), *marking) for series, marking in found.items()),
        marked("filled: mean subtracted"),
        marked("open: nothing subtracted", filled=False),
        lined("shape of the law itself"),
        shaded(f"regime B: at most {threshold}, as printed"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, handlelength=1.2)
    return figure


def _marks(
    rows: Sequence[Row], axes: Axes, found: dict[str, tuple[str, str]], formats: Sequence[str]
) -> None:
    shown = list(dict.fromkeys(row["series"] for row in rows))
    for place, series in enumerate(shown):
        colour, marker = found[series]
        aside = 0.8 * ((place + 0.5) / len(shown) - 0.5)
        for row in (row for row in rows if row["series"] == series):
            at = formats.index(row["format"]) + aside
            is_open = row["protocol"] == "uncentred"
            axes.vlines(at, row["low"], row["high"], colour, lw=0.7, ls=":" if is_open else "-")
            axes.plot(
                at, row["value"], marker, color=colour, mfc="white" if is_open else colour, ms=3.0, mew=0.6
            )
        exact = [row["value_law"] for row in rows if row["series"] == series and row["value_law"] is not None]
        if exact:
            axes.axhline(exact[0], color=ANCHOR_COLOUR, lw=0.5, zorder=0.8)
