"""Write the page of a run: summary, exhibits, every printed number with its chain of evidence, and provenance.

The page is one file that contains its style, script and pictures; its own policy forbids loading anything else.
"""

from __future__ import annotations

import base64
import csv
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from markupsafe import Markup

from weightfit import table
from weightfit.audit import printed, summary
from weightfit.audit.database import search
from weightfit.report import exhibits, numbers
from weightfit.report.chain import PARTS, Link, chain, manifest
from weightfit.report.template import environment

SORTS = ("number", "count", "label", "claim")
"""Sorts of printed texts, see `weightfit.audit.printed.Printed`."""


@dataclass(frozen=True)
class Run:
    """Results of a run that the page shows.

    Attributes
    ----------
    cohort, description
        Name and description of the cohort.
    entries
        Ids of its entries.
    folder
        Folder of its results.
    tables
        Names of the exhibits and studies on which printed numbers rest.
    exhibits
        File of each exhibit with the ending of `weightfit.report.exhibits.SHOWN`, by label.
    audit, readings, search
        Tables of the contracts ``audit``, ``evaluated_readings`` and ``database_search``.
    claims
        Table of contract ``claims_outcome``, or None.
    multiverse
        Table of contract ``multiverse``, or None; the page shows its statistics over entries.
    """

    cohort: str
    description: str
    entries: Sequence[str]
    folder: Path
    tables: Sequence[str]
    exhibits: Mapping[str, Path]
    audit: pa.Table
    readings: pa.Table
    search: pa.Table
    claims: pa.Table | None = None
    multiverse: pa.Table | None = None


def render(run: Run, template: Path) -> str:
    """Return the page as HTML; the same run gives the same bytes.

    Parameters
    ----------
    run
        Results that the page shows.
    template
        Jinja template of the page, beside its style and its script of the same name.

    Raises
    ------
    ContractError
        If a table of a chain is missing, or an exhibit does not have the form that its script writes.
    """
    links = chain(run.folder, run.tables, run.entries)
    targets = {Path(link.name).stem: anchor(link.name) for link in links if not link.name.startswith(PARTS)}
    script = _beside(template, "js")
    pages = environment(template.parent)
    pages.globals["anchor"] = anchor
    made = {link.name: _weights(run.folder, link) for link in links if link.counted}
    return pages.get_template(template.name).render(
        run=run,
        sentence=summary.sentence(run.audit),
        differing=summary.differing(run.audit),
        corrected=summary.corrected(run.audit),
        verdicts=summary.VERDICTS,
        meanings=_meanings(),
        by_evidence=summary.by_evidence(run.audit),
        by_sort=by_sort(run.audit),
        exhibits=exhibits.read(run.exhibits),
        numbers=numbers.numbers(run.audit, run.readings, targets, list(run.exhibits)),
        claims=run.claims.to_pylist() if run.claims is not None else [],
        multiverse=_over_entries(run.multiverse) if run.multiverse is not None else [],
        search=search.summary(run.search) if run.search.num_rows else [],
        links=links,
        linked={link.name for link in links},
        weights=made,
        counted=len({weights["entry"] for weights in made.values()}),
        stand_ins=len({weights["entry"] for weights in made.values() if weights["stand_in"]}),
        style=_beside(template, "css"),
        script=script,
        script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def read(path: Path, name: str) -> pa.Table:
    """Read a table that the audit wrote as CSV, under its contract; an empty cell is null.

    Parameters
    ----------
    path
        Path of the file.
    name
        Name of the contract, all of whose columns hold text.

    Raises
    ------
    ContractError
        If the file breaks the contract.
    """
    with path.open(encoding="utf-8", newline="") as stream:
        header, *rows = csv.reader(stream)
    cells = [[cell or None for cell in row] for row in rows]
    return table.build(name, {column: [row[place] for row in cells] for place, column in enumerate(header)})


def by_sort(audit: pa.Table) -> dict[str, list[int]]:
    """Return how many printed texts have each of `weightfit.audit.summary.VERDICTS`, by sort."""
    counted: Counter[tuple[str, str]] = Counter(
        (printed.read(row["id"]).sort, row["verdict"]) for row in audit.to_pylist()
    )
    return {sort: [counted[sort, verdict] for verdict in summary.VERDICTS] for sort in SORTS}


def anchor(name: str) -> str:
    """Return the id of the element of the page that says how a table was made."""
    return f"made-{name.rpartition('.')[0]}"


def _beside(template: Path, ending: str) -> Markup:
    path = template.with_name(f"{template.name.partition('.')[0]}.{ending}")
    return Markup(path.read_text(encoding="utf-8"))  # noqa: S704 (this repository's own)


def _meanings() -> list[tuple[str, str]]:
    """Return the meaning of each verdict, from the audit's contract."""
    told = " ".join(table.contract("audit")["properties"]["verdict"]["description"].split()).rstrip(".")
    parts = (part.strip().partition(", ") for part in told.split(";"))
    return [(verdict, meaning) for verdict, _, meaning in parts]


def _weights(folder: Path, link: Link) -> dict[str, Any]:
    """Return the origin of the weights behind a histogram, and whether its files are those of the manifest."""
    made = manifest(folder, link)
    return made | {"agrees": list(link.files) == made["files"]}


def _over_entries(multiverse: pa.Table) -> list[list[str]]:
    """Return the rows over entries as text, after a row with the names of the columns."""
    rows = multiverse.filter(multiverse["entry"].is_null()).drop_columns("entry")
    names = [name.replace("_", " ") for name in rows.column_names]
    return [names, *([_text(value) for value in row.values()] for row in rows.to_pylist())]


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else str(value)
