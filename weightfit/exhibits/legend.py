"""Legend items that several figures share: marks, lines and printed ranges."""

from typing import TYPE_CHECKING

from weightfit.exhibits.style import ANCHOR_COLOUR, BAND_COLOUR, NULL_COLOUR

if TYPE_CHECKING:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch


def marked(
    label: str, colour: str = NULL_COLOUR, marker: str = "o", filled: bool = True, size: float = 4.0
) -> "Line2D":
    """Return the legend item of a mark, which is grey where its colour has no meaning."""
    from matplotlib.lines import Line2D

    face = colour if filled else "white"
    return Line2D([], [], color=colour, marker=marker, mfc=face, ms=size, ls="none", label=label)


def lined(label: str, colour: str = ANCHOR_COLOUR, style: str = "-", width: float = 1.0) -> "Line2D":
    """Return the legend item of a line, which has the colour of the anchor where its own has no meaning."""
    from matplotlib.lines import Line2D

    return Line2D([], [], color=colour, ls=style, lw=width, label=label)


def shaded(label: str) -> "Patch":
    """Return the legend item of a range that the paper prints."""
    from matplotlib.patches import Patch

    return Patch(color=BAND_COLOUR, alpha=0.45, lw=0, label=label)
