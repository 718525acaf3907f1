"""What the figures of the Qwen cohort share: colours by the regime that the paper prints, and their legend."""

from typing import TYPE_CHECKING

from weightfit.exhibits.request import Request
from weightfit.exhibits.style import MARKERS

if TYPE_CHECKING:
    from matplotlib.lines import Line2D

COLOURS = {
    "B": ("#67000D", "#E6820A", "#CB181D", "#C9A400", "#FB6A4A", "#8C510A", "#FDAE6B"),
    "A": ("#08306B", "#41B6C4", "#2171B5", "#9ECAE1"),
}
"""Warm colours for the regime B, cool ones for A; neighbours differ in lightness, so that they stay apart."""


def regime(request: Request, key: str) -> str:
    """Return the letter of the regime that the paper prints for one of its entries.

    Parameters
    ----------
    request
        Whose ``content.printed.regimes`` has the id of the printed text by entry.
    key
        Id of `paper/entries.tsv`.

    Returns
    -------
    str
        A key of `COLOURS`.
    """
    # The printed text is a cell of a table: a bar may stand before the letter.
    return request.printed("regimes", key).strip("| ")


def marks(request: Request) -> dict[str, tuple[str, str]]:
    """Return the colour and the marker of each entry that is shown, the same in every figure of the cohort.

    Parameters
    ----------
    request
        Whose ``content.series`` has all entries of the cohort, in order.

    Returns
    -------
    dict
        By id of this cohort's entry: colour by printed regime, marker by place within the regime.
    """
    members: dict[str, list[str]] = {}
    for key in request.content["series"]:
        members.setdefault(regime(request, key), []).append(key)
    return {
        request.cast.shown[key]: (
            COLOURS[letter][place % len(COLOURS[letter])],
            MARKERS[place % len(MARKERS)],
        )
        for letter, keys in members.items()
        for place, key in enumerate(keys)
        if key in request.cast.shown
    }


def handles(request: Request, marked: bool = True) -> "list[Line2D]":
    """Return the entries of a legend, each regime below its heading.

    Parameters
    ----------
    request
        What the figure is asked for.
    marked
        Whether its lines carry markers.

    Returns
    -------
    list of Line2D
        Headings and entries; fill columns of four with them.
    """
    from matplotlib.lines import Line2D

    found = marks(request)
    out = []
    for letter in COLOURS:
        own = [entry for key, entry in request.cast.shown.items() if regime(request, key) == letter]
        out += [Line2D([], [], ls="none", label=f"printed as regime {letter}:")] if own else []
        for entry in own:
            colour, marker = found[entry]
            out.append(Line2D([], [], color=colour, marker=marker if marked else "", label=entry))
    return out
