"""Makes an exhibit in this process, as its Snakemake job would, from tables that a test or a run has made."""

import contextlib
import io
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weightfit.exhibits.make import make as make_exhibit
from weightfit.exhibits.request import Request
from weightfit.paper import exhibits

ENDINGS = {"figures": ("svg", "png", "pdf", "csv"), "tables": ("csv", "html", "tex", "json")}


def request(
    label: str,
    tables: Path,
    output: Path,
    entries: Mapping[str, Mapping[str, Any]],
    cohort: Mapping[str, Mapping[Any, Any]],
    every_ending: bool = False,
) -> Request:
    """Ask for an exhibit from the Parquet tables of a folder; for figures without PNG and PDF, unless wanted."""
    exhibit = exhibits.read()[label]
    output.mkdir(parents=True, exist_ok=True)
    endings = [ending for ending in ENDINGS[exhibit.kind] if every_ending or ending not in ("png", "pdf")]
    return Request(
        exhibit,
        entries,
        cohort,
        {name: tables / f"{name}.parquet" for name in exhibit.inputs},
        {ending: output / f"{label}.{ending}" for ending in endings},
    )


def make(asked: Request) -> str:
    """Make an exhibit, with warnings as errors, and return what it prints."""
    printed = io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(printed):
        warnings.simplefilter("error")
        make_exhibit(asked)
    return printed.getvalue()
