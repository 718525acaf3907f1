"""Exhibits as the page shows them: a figure's SVG that can stand beside others, a table's words and numbers."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from weightfit.documents import violation
from weightfit.errors import ContractError
from weightfit.paper import exhibits

SHOWN = {"figures": "svg", "tables": "json"}
"""Ending of the file of an exhibit that the page reads, by kind."""


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes
    ----------
    text
        For people.
    is_number
        Whether it stands on the right.
    """

    text: str
    is_number: bool


@dataclass(frozen=True)
class Shown:
    """One exhibit.

    Attributes
    ----------
    label, title, caption
        As in `paper/exhibits.yaml`.
    picture
        SVG of a figure, else None.
    headings, rows
        Of a table; empty for a figure.
    notes
        Sentences below a table.
    """

    label: str
    title: str
    caption: str
    picture: Markup | None = None
    headings: tuple[Cell, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()
    notes: tuple[str, ...] = ()


def read(paths: Mapping[str, Path]) -> list[Shown]:
    """Return exhibits in the order of `paper/exhibits.yaml`.

    Parameters
    ----------
    paths
        Label to the file with the ending of `SHOWN`.

    Raises
    ------
    ContractError
        If a file is not what an exhibit writes.
    """
    return [
        _figure(item, paths[label]) if item.kind == "figures" else _table(item, paths[label])
        for label, item in exhibits.read().items()
        if label in paths
    ]


def inline_svg(text: str, label: str, name: str) -> Markup:
    """Return an SVG that can stand in a page with others: its ids are its own, and its style reaches nothing else.

    Parameters
    ----------
    text
        The file; ids and references to them may stand in attributes.
    label
        What makes its ids its own.
    name
        Of the picture, for those who do not see it.

    Raises
    ------
    ContractError
        If the text holds no picture, or refers to anything outside of it.
    """
    start = text.find("<svg")
    if start < 0:
        raise ContractError(f"{label}.svg: it holds no picture; make the figure again")
    body = re.sub(r"<metadata>.*?</metadata>\s*", "", text[start:], flags=re.S)
    body = re.sub(r'\bid="([^"]+)"', rf'id="{label}-\1"', body)
    body = re.sub(r"url\(#([^)]+)\)", rf"url(#{label}-\1)", body)
    body = re.sub(r'\bhref="#([^"]+)"', rf'href="#{label}-\1"', body)
    body = body.replace('<style type="text/css">*{', f'<style type="text/css">#picture-{label} *{{')
    outside = re.search(r'\b(?:href|src)="(?!#|data:)([^"]*)"|url\((?!#)([^)]*)\)', body)
    if outside:
        raise ContractError(
            f"{label}.svg: it refers to {outside[1] or outside[2]!r}, which no page alone has; embed it"
        )
    opened = f'<svg id="picture-{label}" role="img" aria-label="{Markup.escape(name)}"'
    return Markup(body.replace("<svg", opened, 1).strip())  # noqa: S704 (made by this run's own figure)


def _figure(item: exhibits.Exhibit, path: Path) -> Shown:
    picture = inline_svg(path.read_text(encoding="utf-8"), item.label, item.title)
    return Shown(item.label, item.title, item.caption, picture)


def _table(item: exhibits.Exhibit, path: Path) -> Shown:
    displayed = json.loads(path.read_text(encoding="utf-8"))
    if broken := violation(displayed, "displayed"):
        raise ContractError(f"{path.name}: {broken}; make the table again")
    columns = displayed["columns"]
    return Shown(
        item.label,
        item.title,
        item.caption,
        headings=tuple(Cell(column["heading"], column["is_number"]) for column in columns),
        rows=tuple(
            tuple(Cell(text, column["is_number"]) for text, column in zip(row, columns, strict=True))
            for row in displayed["rows"]
        ),
        notes=tuple(displayed["notes"]),
    )
