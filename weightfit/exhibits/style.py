"""The style of all figures."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl

from weightfit import paper

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D31")
"""Colours that the colour-blind can tell apart: those of Okabe and Ito (2008), with a brown for their yellow."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

HEAT = "cividis"
"""Colour map of densities, which is even in lightness and looks the same to the colour-blind."""

FULL_WIDTH, COLUMN_WIDTH = 7.0, 3.3
"""Widths of a page and of one of its two columns in inches, at which figures are printed without scaling."""

BAND_COLOUR, ANCHOR_COLOUR, NULL_COLOUR, NOTE_COLOUR, STAND_IN_COLOUR = (
    "#F0C75E",
    "#555555",
    "#777777",
    "#444444",
    "#a00000",
)

STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 8.0,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8.0,
    "legend.fontsize": 7.5,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": f"cycler('color', {list(COLOURS)})",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.3,
    "lines.markersize": 3.5,
    "legend.frameon": False,
    "figure.dpi": 200,
    "figure.constrained_layout.use": True,
    "image.cmap": HEAT,
    "svg.fonttype": "none",
    "svg.hashsalt": "weightfit",
    "pdf.fonttype": 42,
}

COMPONENT_NAMES = {
    "q": "q",
    "k": "k",
    "v": "v",
    "o": "o",
    "gate": "gate",
    "up": "up",
    "down": "down",
    "ffn_in": "FFN in",
    "ffn_out": "FFN out",
    "qkv": "q, k and v together",
    "ffn": "FFN",
    "transmission": "FFN and o",
    "all": "all matrices",
    "cross_q": "cross-attention q",
    "cross_k": "cross-attention k",
    "cross_v": "cross-attention v",
    "cross_o": "cross-attention o",
}
"""Names of components and pools for readers."""


def use() -> None:
    """Set the style for all figures that follow, drawn without a screen."""
    mpl.use("agg")
    for name, value in STYLE.items():
        mpl.rcParams[name] = value  # type: ignore[index]


def markings(keys: Sequence[str]) -> Mapping[str, tuple[str, str]]:
    """Return the colour and the marker of each of the paper's entries, the same in every figure.

    Parameters
    ----------
    keys
        Ids of entries in `paper/entries.tsv`.

    Returns
    -------
    mapping
        Colour (by family) and marker (by place within the family) of each id.
    """
    families: dict[str, list[str]] = {}
    for key, entry in paper.entries().items():
        families.setdefault(entry.family, []).append(key)
    found = {
        key: (COLOURS[number % len(COLOURS)], MARKERS[place % len(MARKERS)])
        for number, members in enumerate(families.values())
        for place, key in enumerate(members)
    }
    return {key: found[key] for key in keys}


def band(axes: "Axes", low: float, high: float, label: str, vertical: bool = False) -> None:
    """Draw the labelled printed band of shapes behind the data; across a horizontal axis if ``vertical``."""
    span = axes.axvspan if vertical else axes.axhspan
    span(low, high, color=BAND_COLOUR, alpha=0.45, lw=0, zorder=0.5, label=label)


def bend(axes: "Axes", which: str, kink: float, low: float, high: float, share: float) -> None:
    """Give an axis two linear scales that meet, so that a narrow range and values far below it are both seen.

    Parameters
    ----------
    axes
        Axes whose data are drawn.
    which
        ``x`` or ``y``.
    kink
        Value at which the scales meet. A line marks it.
    low, high
        Limits of the axis.
    share
        Share of the axis below the kink.
    """
    import numpy as np

    places, values = np.array([0.0, share, 1.0]), np.array([low, kink, high])
    below, above = share / (kink - low), (1 - share) / (high - kink)

    def forward(value: Any) -> Any:
        value = np.asarray(value, np.float64)
        return np.where(value < kink, share - (kink - value) * below, share + (value - kink) * above)

    def inverse(place: Any) -> Any:
        place = np.asarray(place, np.float64)
        return np.where(place < share, kink - (share - place) / below, kink + (place - share) / above)

    assert np.allclose(forward(values), places)
    set_scale = axes.set_xscale if which == "x" else axes.set_yscale
    set_scale("function", functions=(forward, inverse))
    (axes.set_xlim if which == "x" else axes.set_ylim)(low, high)
    line = axes.axvline if which == "x" else axes.axhline
    line(kink, color=NULL_COLOUR, lw=0.8, ls=(0, (6, 3)), zorder=0.7)


def anchor(axes: "Axes", value: float, label: str, vertical: bool = False) -> None:
    """Draw a labelled line at the value for exactly Gaussian weights; across a horizontal axis if ``vertical``."""
    line = axes.axvline if vertical else axes.axhline
    line(value, color=ANCHOR_COLOUR, ls="--", lw=1.0, zorder=0.8, label=label)
