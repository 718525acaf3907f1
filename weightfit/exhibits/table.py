"""Makes a table from a request and writes it."""

import html
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

import great_tables
import pyarrow as pa

from weightfit.documents import write_json
from weightfit.exhibits.numbers import need, nothing, write_csv
from weightfit.exhibits.request import Request
from weightfit.exhibits.words import ABSENT, SUPERSCRIPTS, plain_digits

_SENTENCE, _NUMBERS = 60, 25
"""Number of letters above which a text may break and needs room, and up to which numbers stay on one line."""

_BAND = "background: #a00000; color: white; font: 600 14px system-ui, sans-serif; padding: 0.5em 1em; margin: 0 0 1em"


def make(request: Request, module: ModuleType) -> None:
    """Make a table with its notes, and the numbers behind it; below its minimum it says what it needs.

    Parameters
    ----------
    request
        Request for the table; ``content.columns`` maps each displayed column to its heading, in which ``{measured}``
        becomes "measured" or "stand-in".
    module
        Module of the table. ``COLUMNS`` are the columns of its CSV, the first of them ``row``. ``rows(request)``
        returns the numbers behind the table. ``display(row)`` returns a row as text for people, by displayed column;
        a column that it leaves out has an empty cell. ``notes(request)``, if there is one, returns further sentences
        that stand below the table. ``headings(request)``, if there is one, returns the headings of further columns,
        which depend on the cohort; ``displayed(found)``, if there is one, makes the rows for people in
        place of ``display``.
    """
    lacking = need(request)
    found = [] if lacking else module.rows(request)
    lacking = lacking or (None if found else nothing(request))
    own = [lacking] if lacking else list(module.notes(request)) if hasattr(module, "notes") else []
    measured = request.cast.heading
    headings = {
        column: _capital(str(heading).replace("{measured}", measured))
        for column, heading in request.content["columns"].items()
    }
    if found and hasattr(module, "headings"):
        headings |= module.headings(request)
    displayed = (
        module.displayed(found) if hasattr(module, "displayed") else [module.display(row) for row in found]
    )
    named = [row | {"entry": _named(row["entry"], request)} if row.get("entry") else row for row in displayed]
    write_table(
        request.paths,
        request.exhibit.title,
        request.exhibit.caption,
        {column: heading for column, heading in headings.items() if not found or _has_values(column, named)},
        named,
        [*request.cast.notes, *own],
        request.content.get("words", ()),
    )
    write_csv(request.paths["csv"], module.COLUMNS, found)
    print(f"{request.exhibit.title}: {len(found)} rows. {' '.join([*request.cast.notes, *own])}")


def _named(entry: str, request: Request) -> str:
    """Return the name of an entry for readers; other text in its place stays."""
    return request.name(entry) if entry in request.entries else entry


def _has_values(column: str, rows: Sequence[Mapping[str, str]]) -> bool:
    """Whether any row has more in a column than the sign for no number: a cohort without weights fills few."""
    return any(row.get(column, "") not in ("", ABSENT) for row in rows)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def write_table(
    paths: Mapping[str, Path],
    title: str,
    caption: str,
    headings: Mapping[str, str],
    display: Sequence[Mapping[str, str]],
    notes: Sequence[str],
    words: Sequence[str] = (),
) -> None:
    """Write a table as HTML and LaTeX for readers, and as JSON (contract ``displayed``) for the pages that show it.

    Parameters
    ----------
    paths
        Path of the file with each ending ``html``, ``tex`` and ``json``.
    title, caption
        Title and caption above the table.
    headings
        Heading of each column, in order.
    display
        Rows of text by column; a missing text is an empty cell.
    notes
        Notes below the table.
    words
        Columns that hold words and are aligned to the left, like the first column.
    """
    left = (next(iter(headings)), *words)
    cells = {column: [row.get(column, "") for row in display] for column in headings}
    texts = pa.table(cells, schema=pa.schema([(column, pa.string()) for column in headings]))
    with warnings.catch_warnings():
        # The warning says that support of Arrow tables is new; a test checks the written texts.
        warnings.filterwarnings("ignore", message="PyArrow Table support", category=UserWarning)
        table = great_tables.GT(texts, id=re.sub("[^a-z0-9]+", "-", title.lower()))
    table = table.tab_header(title=title, subtitle=caption).cols_label(dict(headings))
    table = table.cols_align("right", columns=[name for name in headings if name not in left])
    alarms = [note for note in notes if note.startswith("STAND-IN")]
    for note in notes:
        if note not in alarms:
            table = table.tab_source_note(note)
    paths["tex"].write_text(_latex(alarms, table.as_latex()), encoding="utf-8")
    for column in headings:
        longest = max(map(len, cells[column]), default=0)
        if longest > _SENTENCE:
            look = "min-width: 26em"
        elif column in left or longest <= _NUMBERS:
            look = "white-space: nowrap"
        else:
            continue
        table = table.tab_style(great_tables.style.css(look), great_tables.loc.body(columns=[column]))
    paths["html"].write_text(_page(title, alarms, table.as_raw_html()), encoding="utf-8")
    columns = [{"heading": heading, "is_number": name not in left} for name, heading in headings.items()]
    displayed = {"columns": columns, "rows": list(zip(*cells.values(), strict=True)), "notes": list(notes)}
    write_json(paths["json"], displayed)


def _page(title: str, alarms: Sequence[str], body: str) -> str:
    band = "".join(f'<p role="note" style="{_BAND}">{html.escape(note)}</p>\n' for note in alarms)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{html.escape(title)}</title>\n</head>\n<body>\n{band}{body}\n</body>\n</html>\n"
    )


def _latex(alarms: Sequence[str], text: str) -> str:
    """Return LaTeX with a framed box above the table, and with superscripts that every font has."""
    start, end, rest = text.partition("\n")
    boxes = "".join(f"\\fbox{{\\parbox{{0.95\\linewidth}}{{{note}}}}}\\par\n" for note in alarms)
    text = start + end + boxes + rest
    raised = re.sub(
        f"[{SUPERSCRIPTS}]+", lambda found: f"\\textsuperscript{{{plain_digits(found[0])}}}", text
    )
    return raised.rstrip("\n") + "\n"
