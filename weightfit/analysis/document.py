"""An analysis as JSON and as CSV, under the contract ``analysis``."""

import csv
import json
from dataclasses import asdict
from io import StringIO
from typing import Any

from weightfit.analysis.analysis import Analysis
from weightfit.analysis.measure import COLUMNS
from weightfit.analysis.model import Model


def document(analysis: Analysis) -> dict[str, Any]:
    """Return an analysis as a document of contract ``analysis``; it names no path of this machine."""
    model = analysis.model
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
        "fit": {"protocol": analysis.protocol.protocol, "trim": analysis.protocol.trims[0]},
        "coverage": {
            "whole": analysis.is_whole,
            "measured": len(analysis.measured.rows),
            "refused": analysis.measured.refused,
            "left_out": dict(model.left_out),
            "unread": list(model.unread),
        },
        "headline": analysis.headline,
        "kinds": [asdict(kind) for kind in analysis.kinds],
        "standing_out": [asdict(one) for one in analysis.standing_out],
        "matrices": analysis.measured.rows,
    }


def described(model: Model) -> dict[str, Any]:
    """Return what a document says of a model."""
    return {
        "name": model.name,
        "origin": model.origin,
        "family": model.family,
        "files": [{"path": file.path, "bytes": file.bytes, "sha256": file.sha256} for file in model.files],
    }


def to_json(analysis: Analysis) -> str:
    """Return the document of an analysis as JSON text, its keys in the order of the contract."""
    return json.dumps(document(analysis), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def to_csv(analysis: Analysis) -> str:
    """Return every matrix as a row of CSV, with all columns and digits; the last column lists what stands out."""
    rules: dict[tuple[str, int], list[str]] = {}
    for one in analysis.standing_out:
        rules.setdefault((one.component, one.block), []).append(one.rule)
    stream = StringIO()
    rows = csv.DictWriter(stream, [*COLUMNS, "stands_out"], lineterminator="\n")
    rows.writeheader()
    for row in analysis.measured.rows:
        rows.writerow(row | {"stands_out": "; ".join(rules.get((row["component"], row["block"]), []))})
    return stream.getvalue()
