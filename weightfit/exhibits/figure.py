"""Makes a figure from a request and writes it."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from weightfit.exhibits import style
from weightfit.exhibits.numbers import need, nothing, write_csv
from weightfit.exhibits.request import Request

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_LETTERS_PER_INCH = 19
"""Number of letters of a note that fit into an inch."""

_LINE = 0.145
"""Height of a line of a note in inches."""


def make(request: Request, module: ModuleType) -> None:
    """Make a figure, its notes and the numbers behind it; below its minimum, a panel that says what it needs.

    Parameters
    ----------
    request
        Request for the figure.
    module
        Module of the figure. ``COLUMNS`` are the columns of its CSV, the first two of them ``panel`` and ``series``.
        ``rows(request)`` returns the numbers behind the figure, one row per mark. ``draw(rows, request)`` draws these
        rows; it leaves no room for notes and writes none, since both are done here.
    """
    import matplotlib.pyplot as plt

    style.use()
    lacking = need(request)
    found = [] if lacking else module.rows(request)
    lacking = lacking or (None if found else nothing(request))
    figure = _panel(lacking) if lacking else module.draw(found, request)
    _write_notes(figure, request.cast.notes)
    write_figure(figure, request.paths)
    plt.close(figure)
    write_csv(request.paths["csv"], module.COLUMNS, found)
    told = [*request.cast.notes, lacking] if lacking else request.cast.notes
    print(f"{request.exhibit.title}: {len(found)} rows. {' '.join(told)}")


def _panel(sentence: str) -> "Figure":
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(style.FULL_WIDTH, 1.8))
    axes.axis("off")
    axes.text(0.5, 0.5, textwrap.fill(sentence, 90), ha="center", va="center", transform=axes.transAxes)
    return figure


def _write_notes(figure: "Figure", notes: Sequence[str]) -> None:
    """Make a figure higher by its notes, those on stand-ins in white on a band as wide as the figure."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine
    from matplotlib.patches import Rectangle

    width, height = figure.get_size_inches()
    wrapped = [(note, textwrap.wrap(note, int(_LETTERS_PER_INCH * width))) for note in notes]
    added = sum(_LINE * len(lines) + _LINE / 2 for _, lines in wrapped)
    if not added:
        return
    figure.set_size_inches(width, height + added)
    engine = figure.get_layout_engine()
    assert isinstance(engine, ConstrainedLayoutEngine)  # the style asks for it
    engine.set(rect=(0, 0, 1, height / (height + added)))
    top = height + added
    for note, lines in wrapped:
        deep = _LINE * len(lines) + _LINE / 2
        alarming = note.startswith("STAND-IN")
        if alarming:
            low, high = (top - deep) / (height + added), top / (height + added)
            figure.add_artist(
                Rectangle(
                    (0, low), 1, high - low, color=style.STAND_IN_COLOUR, lw=0, transform=figure.transFigure
                )
            )
        for number, line in enumerate(lines):
            figure.text(
                0.06 / width,
                (top - _LINE * (number + 0.78)) / (height + added),
                line,
                fontsize=7.0,
                va="center",
                color="white" if alarming else style.NOTE_COLOUR,
            )
        top -= deep


def write_figure(figure: "Figure", paths: Mapping[str, Path]) -> None:
    """Write a figure as SVG, PNG or PDF, with the same bytes every time.

    Parameters
    ----------
    figure
        Figure to write.
    paths
        Path of the file with each ending ``svg``, ``png`` or ``pdf`` that is wanted.
    """
    undated: dict[str, dict[str, str | None]] = {
        "svg": {"Date": None, "Creator": None},
        "png": {"Software": None},
        "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    }
    # The layout is solved once, so that every format has the same one.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for ending, metadata in undated.items():
        if ending in paths:
            figure.savefig(paths[ending], format=ending, metadata=metadata)
