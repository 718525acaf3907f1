"""Run a notebook written as plain Python, and write its results as one page with reproducible bytes."""

import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from weightfit.documents import ROOT
from weightfit.errors import ContractError

if TYPE_CHECKING:
    from nbformat import NotebookNode

RESULTS = "WEIGHTFIT_RESULTS"
"""Environment variable that names the folder with the tables that a notebook reads."""

SECONDS = 120
"""Longest time that one cell may take."""


def render(source: Path, tables: Sequence[Path], page: Path, output: Path) -> None:
    """Execute a notebook and write it as one HTML page that needs no network.

    Parameters
    ----------
    source
        Jupytext percent file; its first heading is the title of the page.
    tables
        The only tables that it can read, by their file names.
    page
        Jinja template of the page.
    output
        File of the page.

    Raises
    ------
    ContractError
        If a cell fails or warns, or if the page would contain a local path.
    """
    import jupytext
    import nbformat
    from nbconvert import HTMLExporter

    notebook = jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent")
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
    nbformat.validate(notebook)
    with tempfile.TemporaryDirectory() as folder:
        _execute(source.name, notebook, Path(folder), tables)
        exporter = HTMLExporter(raw_template=page.read_text(encoding="utf-8"))  # type: ignore[no-untyped-call]
        text, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": _title(source)}})
        local = {str(Path(folder).resolve()), str(ROOT), *(str(one.resolve().parent) for one in tables)}
    named = sorted(folder for folder in local if folder in text)
    if named:
        raise ContractError(
            f"{source.name}: the page would name the local folder {named[0]}; print names, not paths"
        )
    output.write_text(text, encoding="utf-8")


def _title(source: Path) -> str:
    heading = re.search(r"^# # (.+)$", source.read_text(encoding="utf-8"), re.MULTILINE)
    return heading[1] if heading else source.stem


def _execute(name: str, notebook: "NotebookNode", folder: Path, tables: Sequence[Path]) -> None:
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    given = folder / "tables"
    given.mkdir()
    for path in tables:
        (given / path.name).symlink_to(path.resolve())
    with _kernel(folder, given) as kernel:
        client = NotebookClient(
            notebook,
            kernel_name=kernel,
            timeout=SECONDS,
            record_timing=False,
            resources={"metadata": {"path": str(folder)}},
        )
        try:
            client.execute()
        except CellExecutionError as error:
            raise ContractError(f"{name}: a cell failed: {error.ename}: {error.evalue}; correct it") from None
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if output.get("name") == "stderr":
                raise ContractError(f"{name}: a cell warns: {output.text.strip()}; correct what it warns of")


@contextmanager
def _kernel(folder: Path, tables: Path) -> Iterator[str]:
    """Offer the interpreter of this job as a kernel, independently of the user's kernels and settings."""
    name = "weightfit"
    specification = {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--log-level=ERROR"],
        "display_name": "Python 3",
        "language": "python",
        "env": {RESULTS: str(tables), "IPYTHONDIR": str(folder), "PYTHONPATH": str(ROOT)},
    }
    place = folder / "kernels" / name
    place.mkdir(parents=True)
    (place / "kernel.json").write_text(json.dumps(specification))
    before = dict(os.environ)
    os.environ["JUPYTER_PATH"] = os.environ["JUPYTER_RUNTIME_DIR"] = str(folder)
    try:
        yield name
    finally:
        os.environ.clear()
        os.environ.update(before)
