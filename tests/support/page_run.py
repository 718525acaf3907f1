"""A run as the page takes it: made up where only its form matters, with all printed numbers and a chain of files."""

import hashlib
import itertools
import json
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from audit_sources import weightless
from exhibit_maker import make, request

from weightfit import paper, table
from weightfit.audit import registry
from weightfit.report.page import Run, render

TEMPLATE = Path(__file__).resolve().parents[2] / "workflow/report/page.html.j2"
ENTRY = "lab-pythia-70m"
MEASURED = "T2.pythia-70m.median"
HOSTILE = "</td><script>alert('written by a stranger')</script>"
FILE = {"path": "step0.safetensors", "bytes": 1234567, "sha256": "ab" * 32, "step": 0}
SAID = (
    ("reproduced", "theory"),
    ("consistent", "database"),
    ("differs", "library"),
    ("ambiguous", "configuration"),
    ("compatible", "arithmetic"),
    ("pending", "database"),
    ("untraced", None),
)
NOTHING_SEARCHED = table.build(
    "database_search", {name: [] for name in table.arrow_schema("database_search").names}
)


def make_run(folder: Path) -> Run:
    """Make a run with two exhibits, one stand-in and everything that a page can have."""
    tables = weightless(folder)
    for path in tables.values():
        describe(path, path.stem, {})
    describe(folder / "histograms" / f"{ENTRY}.parquet", "histogram", {}, files=[FILE], contract=1)
    describe(folder / "fits" / f"{ENTRY}.parquet", "fit", digests(folder, f"histograms/{ENTRY}.parquet"))
    describe(folder / "fits.parquet", "fits", digests(folder, f"fits/{ENTRY}.parquet"))
    describe(folder / "super_weights.parquet", "super_weights", digests(folder, "fits.parquet"))
    (folder / "tables").mkdir(exist_ok=True)
    (folder / "tables/table_2.csv").write_text("row\n")
    (folder / "manifests").mkdir(exist_ok=True)
    made = {
        "entry": ENTRY,
        "repository": None,
        "commit": None,
        "source": "train",
        "stand_in": True,
        "files": [FILE],
    }
    (folder / f"manifests/{ENTRY}.json").write_text(json.dumps(made))
    return Run(
        cohort="made-up",
        description="For a test.",
        entries=[ENTRY],
        folder=folder,
        tables=["theory", "library", "table_2", "super_weights"],
        exhibits=exhibits(folder),
        audit=audit(),
        readings=readings(),
        search=NOTHING_SEARCHED,
        claims=pa.Table.from_pylist(
            [
                {
                    "id": "a-claim",
                    "place": "Sec 1.2",
                    "quote": HOSTILE,
                    "verdict": "pending",
                    "evidence": None,
                    "sentence": "Nothing decides it.",
                    "needs": "weights of 7.2 GB",
                    "stand_in": None,
                }
            ]
        ),
        multiverse=pa.Table.from_pylist(
            [
                {"choice": "over_entries", "entry": None, "value_null": 0.0085123456, "entries": 12},
                {"choice": "one_of_many", "entry": ENTRY, "value_null": None, "entries": 1},
            ]
        ),
    )


def exhibits(folder: Path) -> dict[str, Path]:
    """Make the figure and the table that need no weights."""
    found = {}
    for label, ending in (("figure_02", "svg"), ("table_6", "json")):
        asked = request(label, folder, folder / "made", {}, {"steps": {}, "blocks": {}, "absent": {}})
        make(asked)
        found[label] = folder / "made" / f"{label}.{ending}"
    return found


def audit() -> pa.Table:
    """Give every printed number some verdict."""
    said = itertools.cycle(SAID)
    rows = []
    for row in paper.reported().values():
        verdict, evidence = ("pending", "weights") if row.id == MEASURED else next(said)
        rows.append(
            {
                "id": row.id,
                "where": row.where,
                "printed": row.printed,
                "value": "1.25" if verdict in ("reproduced", "differs") else None,
                "null": "1.5" if row.id == MEASURED else None,
                "stand_in": "1.75" if row.id == MEASURED else None,
                "verdict": verdict,
                "evidence": evidence,
                "definition": row.definition,
                "finding": row.restates or row.id if verdict == "differs" else None,
                "note": HOSTILE if row.id == MEASURED else None,
            }
        )
    return built("audit", rows)


def readings() -> pa.Table:
    """Give every printed number its own readings, with some outcome."""
    known = registry.read()
    rows = [
        {
            "id": key,
            "reading": reading.reading,
            "evidence": reading.evidence,
            "formula": reading.value,
            "value": None,
            "null": None,
            "stand_in": "1.75" if key == MEASURED and reading.evidence == "weights" else None,
            "outcome": "pending" if reading.value else "untraced",
            "needs": None,
            "note": reading.note,
        }
        for key in paper.reported()
        for reading in known.get(registry.owner(known, key), ())
    ]
    return built("evaluated_readings", rows)


def built(name: str, rows: list[dict[str, object]]) -> pa.Table:
    return table.build(
        name, {column: [row[column] for row in rows] for column in table.arrow_schema(name).names}
    )


def describe(path: Path, rule: str, inputs: Mapping[str, str], **more: object) -> None:
    """Write a table's provenance; a table that is not there is made without any row."""
    path.parent.mkdir(exist_ok=True)
    rows = pq.read_table(path) if path.is_file() else pa.table({})
    recorded = {
        "rule": rule,
        "script": f"scripts/{rule}.py",
        "code": "c0" * 32,
        "inputs": dict(inputs),
        "versions": {"numpy": "2.4.6"},
        **more,
    }
    pq.write_table(rows.replace_schema_metadata({table.PROVENANCE_KEY: json.dumps(recorded)}), path)


def digests(folder: Path, name: str) -> dict[str, str]:
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest()}


def page(run: Run) -> str:
    """Return the page of a run."""
    return render(run, TEMPLATE)
