"""Makes an exhibit in this process, as its Snakemake job would, from tables that a test or a run has made."""

import contextlib
import importlib.util
import io
import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from weightfit.exhibits.figure import make_figure
from weightfit.exhibits.request import Request
from weightfit.exhibits.table import make_table
from weightfit.paper import exhibits

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
ENDINGS = {"figure": ("svg", "png", "pdf", "csv"), "table": ("csv", "html", "tex")}


@cache
def script(label: str) -> ModuleType:
    """Import the script of an exhibit."""
    kind = label.split("_")[0]
    spec = importlib.util.spec_from_file_location(label, SCRIPTS / f"{kind}s" / f"{label}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def request(
    label: str,
    tables: Path,
    output: Path,
    entries: Mapping[str, Mapping[str, Any]],
    cohort: Mapping[str, Mapping[Any, Any]],
) -> Request:
    """Ask for an exhibit from the Parquet tables of a folder."""
    exhibit = exhibits.read()[label]
    output.mkdir(parents=True, exist_ok=True)
    return Request(
        exhibit.as_params(),
        entries,
        cohort,
        {name: tables / f"{name}.parquet" for name in exhibit.inputs},
        {ending: str(output / f"{label}.{ending}") for ending in ENDINGS[label.split("_")[0]]},
    )


def make(asked: Request) -> str:
    """Make an exhibit, with warnings as errors, and return what it prints."""
    module = script(asked.exhibit["label"])
    printed = io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(printed):
        warnings.simplefilter("error")
        if asked.exhibit["label"].startswith("figure"):
            make_figure(asked, module.COLUMNS, module.rows, module.draw)
        else:
            make_table(asked, module.COLUMNS, module.rows, module.display, getattr(module, "notes", None))
    return printed.getvalue()
