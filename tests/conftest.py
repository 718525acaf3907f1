"""What all tests share: one thread for linear algebra, examples that are the same in every run, reference data."""

import csv
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from weightfit import documents

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Read by numpy when it is first imported, which is later.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

REPOSITORY = Path(__file__).resolve().parents[1]

settings.register_profile("deterministic", derandomize=True, deadline=None)
settings.load_profile("deterministic")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of the paper and the facts, beside the checkout."""
    folder = REPOSITORY.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the folder ../shared (the paper and the facts) is not beside this checkout")
    return folder


@pytest.fixture(scope="session")
def certified() -> dict[str, dict[str, float]]:
    """Return the values of tests/certified/*.tsv by file and quantity; test_certified.py tests these themselves."""
    found = {}
    for path in sorted((REPOSITORY / "tests" / "certified").glob("*.tsv")):
        with path.open(encoding="utf-8", newline="") as stream:
            rows = csv.DictReader(stream, delimiter="\t")
            found[path.stem] = {row["quantity"]: float(row["value"]) for row in rows}
    return found


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """Open a browser for all tests that look at pages."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("Chromium is not installed (Debian's package chromium); .ci/run installs it")
    # Most processes of a test run look at no page.
    from browsing import QUIET
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        opened = started.chromium.launch(executable_path=program, args=list(QUIET))
        yield opened
        opened.close()


@pytest.fixture
def copied_paper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of `paper/` that may be broken and is read instead of it."""
    shutil.copytree(REPOSITORY / "paper", tmp_path / "paper")
    shutil.copytree(REPOSITORY / "workflow/schemas", tmp_path / "workflow/schemas")
    monkeypatch.setattr(documents, "ROOT", tmp_path)
    return tmp_path / "paper"
