"""An analysis as JSON and as CSV, under the contract ``analysis``."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from io import StringIO
from typing import Any

from weightfit.analysis.findings import Findings
from weightfit.analysis.measure import COLUMNS
from weightfit.analysis.model import Model


def document(findings: Findings) -> dict[str, Any]:
    """Return an analysis as a document of contract ``analysis``; it names no path of this machine."""
    model = findings.model
    return {
        "contract": 1,
        "model": {
            "name": model.name,
            "origin": model.origin,
            "family": model.family,
            "files": [
                {"path": file.path, "bytes": file.bytes, "sha256": file.sha256} for file in model.files
            ],
        },
        "fit": {"protocol": findings.protocol.protocol, "trim": findings.protocol.trims[0]},
        "coverage": {
            "whole": findings.is_whole,
            "measured": len(findings.measured.rows),
            "refused": findings.measured.refused,
            "left_out": None if model.left_out is None else dict(model.left_out),
            "unread": list(model.unread),
        },
        "headline": findings.headline,
        "kinds": [asdict(kind) for kind in findings.kinds],
        "standing_out": [asdict(one) for one in findings.standing_out],
        "matrices": findings.measured.rows,
    }


def described(model: Model) -> dict[str, Any]:
    """Return what a document says of a model."""
    return {
        "name": model.name,
        "origin": model.origin,
        "family": model.family,
        "files": [{"path": file.path, "bytes": file.bytes, "sha256": file.sha256} for file in model.files],
    }


def to_json(findings: Findings) -> str:
    """Return the document of an analysis as JSON text, its keys in the order of the contract."""
    return as_json(document(findings))


def all_to_json(analyses: Sequence[Findings]) -> str:
    """Return the documents of several analyses as a list in JSON."""
    return as_json([document(one) for one in analyses])


def as_json(value: object) -> str:
    """Return JSON text, its keys in their order."""
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def to_csv(findings: Findings) -> str:
    """Return every matrix as a row of CSV, with all columns and digits; the last column lists what stands out."""
    return as_csv([*COLUMNS, "stands_out"], _rows(findings))


def all_to_csv(analyses: Sequence[Findings]) -> str:
    """Return the rows of several analyses as one CSV, whose first column has the name of the model."""
    rows = ({"model": one.model.name, **row} for one in analyses for row in _rows(one))
    return as_csv(["model", *COLUMNS, "stands_out"], rows)


def _rows(findings: Findings) -> Iterator[dict[str, Any]]:
    rules: dict[tuple[str, int], list[str]] = {}
    for one in findings.standing_out:
        rules.setdefault((one.component, one.block), []).append(one.rule)
    for row in findings.measured.rows:
        yield row | {"stands_out": "; ".join(rules.get((row["component"], row["block"]), []))}


def as_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Return rows as CSV with all digits."""
    stream = StringIO()
    lines = csv.DictWriter(stream, columns, lineterminator="\n")
    lines.writeheader()
    lines.writerows(rows)
    return stream.getvalue()
