"""Parts that the figures of the Qwen cohort share: colours by the regime that the paper prints, and the legend."""

from typing import TYPE_CHECKING

from weightfit.exhibits.request import Request
from weightfit.exhibits.style import MARKERS

if TYPE_CHECKING:
    from matplotlib.lines import Line2D

COLOURS = {
    "B": ("#67000D", "#E6820A", "#CB181D", "#C9A400", "#FB6A4A", "#8C510A", "#FDAE6B"),
    "A": ("#08306B", "#41B6C4", "#2171B5", "#9ECAE1"),
}
"""Warm colours for regime B and cool ones for A; neighbours differ in lightness, so that they can be told apart."""

GROUPS = {"A": ("#2171B5", "--"), "B": ("#CB181D", "-")}
"""Colour and dashes of each regime as a whole; the dashes tell them apart in grey."""


def regime(request: Request, key: str) -> str:
    """Return the letter of the regime that the paper prints for one of its entries.

    Parameters
    ----------
    request
        Request whose ``content.printed.regimes`` has the id of the printed text of each entry.
    key
        Id of the entry in `paper/entries.tsv`.

    Returns
    -------
    str
        Letter of the regime, a key of `COLOURS`.
    """
    # The printed text is a cell of a table, so a bar may come before the letter.
    return request.printed("regimes", key).strip("| ")


def looks(request: Request) -> dict[str, tuple[str, str]]:
    """Return the colour and the marker of each of the paper's entries, the same in every figure of the cohort.

    Parameters
    ----------
    request
        Request whose ``content.series`` has all entries of the cohort, in order.

    Returns
    -------
    dict
        Colour (by printed regime) and marker (by place within the regime), by id in `paper/entries.tsv`.
    """
    members: dict[str, list[str]] = {}
    for key in request.content["series"]:
        members.setdefault(regime(request, key), []).append(key)
    return {
        key: (COLOURS[letter][place % len(COLOURS[letter])], MARKERS[place % len(MARKERS)])
        for letter, keys in members.items()
        for place, key in enumerate(keys)
    }


def marks(request: Request) -> dict[str, tuple[str, str]]:
    """Return what `looks` returns for each entry that is shown, by its id in the cohort."""
    return {
        request.cast.shown[key]: look for key, look in looks(request).items() if key in request.cast.shown
    }


def handles(request: Request) -> "list[Line2D]":
    """Return the entries of a legend, each regime below its heading; regime A is dashed and open.

    Parameters
    ----------
    request
        Request for the figure.
    """
    from matplotlib.lines import Line2D

    found = marks(request)
    out = []
    for letter in COLOURS:
        own = [entry for key, entry in request.cast.shown.items() if regime(request, key) == letter]
        out += [Line2D([], [], ls="none", label=f"printed as regime {letter}:")] if own else []
        for entry in own:
            colour, marker = found[entry]
            face, dashes = ("white", "--") if letter == "A" else (colour, "-")
            name = request.short_name(entry)
            out.append(Line2D([], [], color=colour, marker=marker, mfc=face, ls=dashes, lw=1.0, label=name))
    return out
