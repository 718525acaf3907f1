"""How every figure looks, and how it is written."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Colours that stay apart for the colour-blind (Okabe and Ito, 2008)."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X")

FULL_WIDTH = 7.0
"""Inches across a page."""

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
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.3,
    "lines.markersize": 3.5,
    "legend.frameon": False,
    "figure.dpi": 200,
    "figure.constrained_layout.use": True,
    "svg.fonttype": "none",
    "svg.hashsalt": "weightfit",
    "pdf.fonttype": 42,
}


def use() -> None:
    """Set the style for all figures that follow, drawn without a screen."""
    mpl.use("agg")
    for name, value in STYLE.items():
        mpl.rcParams[name] = value  # type: ignore[index]


def write_figure(figure: "Figure", paths: Mapping[str, str]) -> None:
    """Write a figure as SVG, PNG and PDF with the same bytes every time.

    Parameters
    ----------
    figure
        The figure.
    paths
        Path of each ending ``svg``, ``png``, ``pdf``.
    """
    undated: dict[str, dict[str, str | None]] = {
        "svg": {"Date": None, "Creator": None},
        "png": {"Software": None},
        "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    }
    for ending, metadata in undated.items():
        figure.savefig(paths[ending], format=ending, metadata=metadata)


def write_need(sentence: str, paths: Mapping[str, str]) -> None:
    """Write a panel that says what a figure needs and this cohort lacks."""
    import textwrap

    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(FULL_WIDTH, 1.6))
    axes.axis("off")
    axes.text(0.5, 0.5, textwrap.fill(sentence, 90), ha="center", va="center", transform=axes.transAxes)
    write_figure(figure, paths)
    plt.close(figure)


def write_csv(path: str | Path, columns: Iterable[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Write the numbers behind an exhibit; None is an empty cell, floats keep all their digits."""
    names = list(columns)
    with Path(path).open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
