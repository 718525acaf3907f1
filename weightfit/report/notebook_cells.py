"""Provide the cells of a notebook with tables, the origin of their weights, sentences and pictures."""

import base64
import html
import io
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from weightfit import paper, table
from weightfit.errors import ContractError
from weightfit.exhibits.request import missing_note, stand_in_note
from weightfit.exhibits.style import COLOURS, MARKERS, STAND_IN_COLOUR
from weightfit.report.notebook import RESULTS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KINDS = {
    "paper": "the paper's own",
    "stand_in": "stand-ins",
    "initialization": "simulated",
    "other": "outside of the paper",
}
"""Words for the origin of an entry's weights, by its key in the contract ``steady_state``."""

KIND_COLOURS = dict(zip(KINDS, COLOURS, strict=False))

_WORDS = ' class="words"'


def read(name: str) -> pa.Table:
    """Read one of the tables that the notebook was given.

    Parameters
    ----------
    name
        Name of the table and of its contract.

    Raises
    ------
    ContractError
        If there is no folder of tables, or if it has no such table.
    """
    path = _folder() / f"{name}.parquet"
    if not path.is_file():
        raise ContractError(
            f"{path.name}: the notebook reads it but was not given it; list it in the notebook's rule"
        )
    return table.read(path, name)


def _folder() -> Path:
    folder = os.environ.get(RESULTS)
    if folder is None:
        raise ContractError(
            f"{RESULTS} is not set: a notebook reads its tables from the folder that it names; set it to the results "
            "of a cohort"
        )
    return Path(folder)


def histograms() -> dict[str, Path]:
    """Return the tables of histograms that the notebook was given, by the id of the entry.

    Raises
    ------
    ContractError
        If there is no folder of tables.
    """
    found = {}
    for path in sorted(_folder().glob("*.parquet")):
        made = table.read_provenance(path)
        if "matrices" in made:
            found[made["entry"]] = path
    return found


class Html:
    """Output that a notebook shows as HTML, or as text where HTML is not available."""

    def __init__(self, text: str, markup: str):
        self.text, self.markup = text, markup

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return self.markup


def say(*sentences: str) -> Html:
    """Return sentences as output, one paragraph each."""
    return Html("\n".join(sentences), "".join(map(_paragraph, sentences)))


def _paragraph(sentence: str) -> str:
    alarming = ' class="alarming"' if sentence.startswith("STAND-IN") else ""
    return f"<p{alarming}>{html.escape(sentence)}</p>"


def tabulate(frame: "pd.DataFrame", empty: str = "There are none.", digits: int = 4) -> Html:
    """Return a data frame as a table with numbers aligned to the right and dashes for missing values.

    Parameters
    ----------
    frame
        Data frame, shown without its index.
    empty
        Sentence that is returned instead if it has no rows.
    digits
        Digits after the decimal point of numbers that are not integers.
    """
    if not len(frame):
        return say(empty)
    heading = "".join(
        f"<th{_WORDS if isinstance(frame[column].iloc[0], str) else ''}>{html.escape(str(column))}</th>"
        for column in frame.columns
    )
    body = "".join(
        f"<tr>{''.join(_cell(value, digits) for value in row)}</tr>" for row in frame.itertuples(index=False)
    )
    return Html(
        frame.to_string(index=False), f"<table><thead><tr>{heading}</tr></thead><tbody>{body}</tbody></table>"
    )


def _cell(value: object, digits: int) -> str:
    if isinstance(value, str):
        return f"<td{_WORDS}>{html.escape(value)}</td>"
    if value is None or value != value:
        return "<td>–</td>"
    return f"<td>{value:.{digits}f}</td>" if isinstance(value, float) else f"<td>{value}</td>"


@dataclass(frozen=True)
class Weights:
    """Origin of the weights of a cohort's entries.

    Attributes
    ----------
    kind
        Key of `KINDS` by entry; the paper's entries and their stand-ins come first, in the paper's order.
    stands_for
        Entry of the paper that the weights of each entry are, stand for or simulate, or None; by entry.
    """

    kind: Mapping[str, str]
    stands_for: Mapping[str, str | None]

    @property
    def stand_ins(self) -> list[str]:
        """Entries that stand for one of the paper's entries."""
        return [entry for entry, kind in self.kind.items() if kind == "stand_in"]

    @property
    def main(self) -> dict[str, str]:
        """Entry that is, or stands for, each entry of the paper's main cohort, in the paper's order."""
        own = {
            self.stands_for[entry]: entry
            for entry, kind in self.kind.items()
            if kind in ("paper", "stand_in")
        }
        return {key: own[key] for key in _main_cohort() if key in own}

    def in_order(self, entries: Iterable[str]) -> list[str]:
        """Sort entries as they are listed here, each once."""
        chosen = set(entries)
        return [entry for entry in self.kind if entry in chosen]

    def tell(self) -> Html:
        """Say whose weights these are, and which of the paper's main cohort are not among them."""
        told = [stand_in_note(self.stand_ins)] if self.stand_ins else []
        for kind, words in KINDS.items():
            entries = [entry for entry, one in self.kind.items() if one == kind]
            if entries and kind != "stand_in":
                told.append(f"{words.capitalize()}: {', '.join(entries)}.")
        return say(*told, *missing_note(_main_cohort(), self.main, {}))


def whose_weights(steady_state: pa.Table) -> Weights:
    """Return the origin of the weights of a cohort's entries.

    Parameters
    ----------
    steady_state
        Table of contract ``steady_state``.
    """
    rows = {row["entry"]: row for row in steady_state.to_pylist()}
    places = {key: place for place, key in enumerate(paper.entries())}

    def place(entry: str) -> tuple[int, int, str]:
        kind, key = rows[entry]["weights"], rows[entry]["paper_entry"]
        return 0 if kind in ("paper", "stand_in") else list(KINDS).index(kind), places.get(key, -1), entry

    entries = sorted(rows, key=place)
    return Weights(
        {entry: rows[entry]["weights"] for entry in entries},
        {entry: rows[entry]["paper_entry"] for entry in entries},
    )


def _main_cohort() -> list[str]:
    return [key for key, entry in paper.entries().items() if "main" in entry.cohort]


def looks(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Give each name a colour and a marker of its own, as matplotlib takes them."""
    return {
        name: {
            "color": COLOURS[place % len(COLOURS)],
            "marker": MARKERS[place // len(COLOURS) % len(MARKERS)],
        }
        for place, name in enumerate(dict.fromkeys(names))
    }


def logarithmic(axes: "Axes") -> None:
    """Make both axes logarithmic, with plain numbers at their ticks."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set(xscale="log", yscale="log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())


def show(
    draw: "Callable[[pd.DataFrame], Figure]", rows: "pd.DataFrame", caption: str, weights: Weights
) -> Html:
    """Draw rows and return the picture with its caption, marked if it was made from stand-ins.

    Parameters
    ----------
    draw
        Function that draws the rows.
    rows
        Rows to draw; without any, a sentence says that nothing is drawn.
    caption
        Caption below the picture, which is also its alternative text.
    weights
        Origin of the weights of the rows.
    """
    if not len(rows):
        return say(f"Nothing to draw in this cohort. {caption}")
    import matplotlib.pyplot as plt

    figure = draw(rows)
    if weights.stand_ins:
        note = stand_in_note(weights.stand_ins)
        figure.suptitle(note, fontsize=7.0, color=STAND_IN_COLOUR, x=0.01, ha="left")
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})
    plt.close(figure)
    text = html.escape(caption)
    encoded = base64.b64encode(picture.getvalue()).decode()
    return Html(
        caption,
        f'<figure><img alt="{text}" src="data:image/png;base64,{encoded}"><figcaption>{text}</figcaption></figure>',
    )
