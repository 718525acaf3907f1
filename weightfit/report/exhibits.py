"""Exhibits as the page shows them: a figure's SVG that can stand beside others, a table's words and numbers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from markupsafe import Markup

from weightfit.errors import ContractError
from weightfit.paper import exhibits

SHOWN = {"figure": "svg", "table": "html"}
"""Ending of the file of an exhibit that the page shows, by kind."""


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
        If a file is not what an exhibit's script writes.
    """
    return [
        _figure(item, paths[label]) if label.startswith("figure") else _table(item, paths[label])
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
    found = re.search(r"<table.*</table>", path.read_text(encoding="utf-8"), re.S)
    try:
        root = ElementTree.fromstring(found[0] if found else "")  # noqa: S314 (made by this run's own table)
    except ElementTree.ParseError as error:
        raise ContractError(f"{path.name}: it holds no table ({error}); make the table again") from None
    return Shown(
        item.label,
        item.title,
        item.caption,
        headings=_cells(root, ".//th"),
        rows=tuple(_cells(row, "td") for row in root.findall("tbody/tr")),
        notes=tuple(cell.text for cell in _cells(root, "tfoot//td")),
    )


def _cells(element: ElementTree.Element, place: str) -> tuple[Cell, ...]:
    return tuple(
        Cell("".join(cell.itertext()).strip(), "gt_right" in cell.get("class", "").split())
        for cell in element.findall(place)
    )
