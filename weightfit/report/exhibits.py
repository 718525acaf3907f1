"""Prepare exhibits for the page: figures as SVG that can stand beside others, and tables as text."""

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
"""Ending of the file that the page reads, by kind of exhibit."""


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes
    ----------
    text
        Text of the cell.
    is_number
        Whether the text is aligned to the right.
    """

    text: str
    is_number: bool


@dataclass(frozen=True)
class Shown:
    """One exhibit.

    Attributes
    ----------
    label, title, caption
        Values of `paper/exhibits.yaml`.
    picture
        SVG of a figure, otherwise None.
    headings, rows
        Cells of a table; empty for a figure.
    notes
        Sentences below a table.
    width
        Width at which a figure is meant to be read, in points; None for a table.
    """

    label: str
    title: str
    caption: str
    picture: Markup | None = None
    headings: tuple[Cell, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()
    notes: tuple[str, ...] = ()
    width: float | None = None


def read(paths: Mapping[str, Path]) -> list[Shown]:
    """Return exhibits in the order of `paper/exhibits.yaml`.

    Parameters
    ----------
    paths
        File of each exhibit with the ending of `SHOWN`, by label.

    Raises
    ------
    ContractError
        If a file does not have the form that an exhibit writes.
    """
    return [
        _figure(item, paths[label]) if item.kind == "figures" else _table(item, paths[label])
        for label, item in exhibits.read().items()
        if label in paths
    ]


def inline_svg(text: str, label: str, name: str) -> Markup:
    """Return an SVG that can stand in a page with others, because its ids and its style are its own.

    Parameters
    ----------
    text
        Content of the file; ids and references to them may stand in attributes.
    label
        Prefix that makes its ids unique.
    name
        Name of the picture, for readers who cannot see it.

    Raises
    ------
    ContractError
        If the text holds no picture, or refers to anything outside it.
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
    width = re.search(r'<svg[^>]*\bwidth="([\d.]+)pt"', picture)
    return Shown(item.label, item.title, item.caption, picture, width=float(width[1]) if width else None)


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
