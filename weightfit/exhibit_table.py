"""How every table looks, and how it is written."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import great_tables
import pandas as pd

from weightfit.exhibit_style import write_csv


def write_table(
    paths: Mapping[str, str],
    title: str,
    caption: str,
    headings: Mapping[str, str],
    display: Sequence[Mapping[str, str]],
    numbers: Sequence[Mapping[str, object]],
    notes: Sequence[str] = (),
) -> None:
    """Write a table as HTML and LaTeX for people and as CSV for machines.

    Parameters
    ----------
    paths
        Path of each ending ``html``, ``tex``, ``csv``.
    title, caption
        Above the table.
    headings
        Column to heading, in order.
    display
        Rows of text under these columns; what is not there is an empty cell.
    numbers
        Rows of the CSV, with all digits; without rows its header has the columns of ``headings``.
    notes
        Below the table.
    """
    cells = [{column: row.get(column, "") for column in headings} for row in display]
    frame = pd.DataFrame(cells, columns=list(headings))
    table = great_tables.GT(frame, id=title.lower().replace(" ", "-"))
    table = table.tab_header(title=title, subtitle=caption).cols_label(dict(headings))
    table = table.cols_align("right", columns=list(headings)[1:])
    for note in notes:
        table = table.tab_source_note(note)
    Path(paths["html"]).write_text(_page(title, table.as_raw_html()), encoding="utf-8")
    Path(paths["tex"]).write_text(table.as_latex() + "\n", encoding="utf-8")
    write_csv(paths["csv"], list(numbers[0] if numbers else headings), numbers)


def _page(title: str, body: str) -> str:
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n</head>\n'
        f"<body>\n{body}\n</body>\n</html>\n"
    )
