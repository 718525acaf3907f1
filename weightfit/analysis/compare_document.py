"""A comparison as JSON and as CSV, under the contract ``comparison``."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from weightfit.analysis.comparison import COLUMNS, Changes
from weightfit.analysis.document import described
from weightfit.analysis.runs import Difference, RunComparison

Rows = tuple[Sequence[str], Sequence[Mapping[str, Any]]]
"""Columns of a CSV, and its rows."""


def of_models(comparison: Changes) -> dict[str, Any]:
    """Return a comparison of two models as a document of contract ``comparison``."""
    return {
        "contract": 1,
        "one": described(comparison.one.model),
        "other": described(comparison.other.model),
        "headline": comparison.headline,
        "unmatched": [{"component": component, "block": block} for component, block in comparison.unmatched],
        "matrices": [dict(row) for row in comparison.rows],
    }


def of_runs(comparison: RunComparison) -> dict[str, Any]:
    """Return a comparison of two runs as a document of contract ``comparison``."""
    return {
        "contract": 1,
        "headline": comparison.headline,
        "compared": dict(comparison.compared),
        "differences": [asdict(one) for one in comparison.differences],
    }


def model_rows(comparison: Changes) -> Rows:
    """Return the columns and rows of the CSV of two models."""
    return COLUMNS, comparison.rows


def run_rows(comparison: RunComparison) -> Rows:
    """Return the columns and rows of the CSV of two runs."""
    return [one.name for one in fields(Difference)], [asdict(one) for one in comparison.differences]
