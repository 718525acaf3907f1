"""The database of fits in the form of the paper's appendix B.2, and medians in the columns of the released database.

One JSON document per entry and step gives, for each block and component, the shape at three trims, the scale, R² and
the closure error. One row per entry gives the medians over blocks at its last step. Keys are those of the appendix and
of the released database, where k is the shape and lambda the scale.
"""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from weightfit import table
from weightfit.components import CROSS_ATTENTION, POOLS
from weightfit.exhibits.medians import medians
from weightfit.paper import State
from weightfit.studies.selection import TRIM, in_blocks, of_components, protocol

RECORDED = (*POOLS["all"], "qkv", *CROSS_ATTENTION)
"""Components that a document lists in each block; qkv pools q, k and v, which some models store as one tensor."""

MEDIANS = {"medians.csv": "centred", "medians_released.csv": "released"}
"""Protocol of each table of medians: that of the paper, and that of the library, which made the released database."""

Facts = Mapping[str, Mapping[str, Any]]
"""The facts that `weightfit.cohort.models.entry_facts` returns, by entry."""


def documents(fits: pa.Table, closure: pa.Table, facts: Facts) -> Iterator[dict[str, Any]]:
    """Yield one document per entry and step.

    Parameters
    ----------
    fits
        Table of contract ``fits``; centred fits of both signs are used.
    closure
        Table of contract ``closure``.
    facts
        Facts of each entry.

    Yields
    ------
    dict
        A document as `workflow/schemas/database.schema.yaml` describes it.
    """
    errors: dict[tuple[object, ...], dict[str, float]] = {}
    for row in closure.to_pylist():
        key = tuple(row[name] for name in ("entry", "step", "block", "component"))
        errors.setdefault(key, {})[row["reading"]] = row["error"]
    chosen = fits.filter(in_blocks() & protocol(None) & of_components(RECORDED))
    for entry in dict.fromkeys(chosen["entry"].to_pylist()):
        own = chosen.filter(pc.field("entry") == entry)
        for step in dict.fromkeys(own["step"].to_pylist()):
            at_step = pc.field("step").is_null() if step is None else pc.field("step") == step
            rows = own.filter(at_step).to_pylist()
            yield {
                "entry": entry,
                "step": step,
                "terminal": rows[0]["terminal"],
                **facts[entry],
                "fits": _records(rows, errors),
            }


def _records(
    rows: list[dict[str, Any]], errors: Mapping[tuple[object, ...], dict[str, float]]
) -> list[dict[str, Any]]:
    found: dict[tuple[int, int], dict[str, Any]] = {}
    for row in rows:
        place = row["block"], RECORDED.index(row["component"])
        key = tuple(row[name] for name in ("entry", "step", "block", "component"))
        record = found.setdefault(
            place,
            {name: row[name] for name in ("block", "component", "n", "excluded")}
            | {"closure_error": errors.get(key)},
        )
        record |= _renamed(row, {f"k_{round(100 * row['trim'])}": "shape"})
        if row["trim"] == TRIM:
            record |= _renamed(row, {"lambda": "scale", "R2": "r_squared"})
    return [found[place] for place in sorted(found)]


def _renamed(row: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, float]:
    """Return statistics of a fit under the appendix's names, each with its standard error and its null."""
    return {
        f"{name}{suffix}": row[f"{column}{suffix}"]
        for name, column in names.items()
        for suffix in ("", "_se", "_null")
        if f"{column}{suffix}" in row
    }


def write(folder: Path, fits: pa.Table, closure: pa.Table, facts: Facts, thresholds: Sequence[State]) -> None:
    """Write the database into a folder.

    Parameters
    ----------
    folder
        Folder, which is created.
    fits, closure, facts
        Arguments of `documents`.
    thresholds
        Argument of `weightfit.exhibits.medians.medians`.
    """
    for document in documents(fits, closure, facts):
        step = document["step"]
        path = folder / f"{document['entry']}{'' if step is None else f'/step{step}'}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(document, sort_keys=True, indent=1, allow_nan=False)
        path.write_text(f"{text}\n", encoding="utf-8")
    for name, of_protocol in MEDIANS.items():
        rows = medians(fits, facts, thresholds, of_protocol)
        with (folder / name).open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, rows.column_names, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows.to_pylist())
    (folder / "README.md").write_text(readme(), encoding="utf-8")


def readme() -> str:
    """Return a description of the files of the database, in the words of their contracts."""
    document = table.contract("database")
    record = document["properties"]["fits"]["items"]
    parts = [
        ("Each JSON file", document),
        ("Each of its fits", record),
        ("Medians", table.contract("medians")),
    ]
    lines = ["# Database of fits", ""]
    for title, contract in parts:
        lines += [f"## {title}", "", " ".join(contract["description"].split()), ""]
        lines += [f"- `{name}`: {law['description']}" for name, law in contract["properties"].items()]
        lines += [""]
    return "\n".join(lines)
