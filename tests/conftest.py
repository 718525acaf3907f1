"""What all tests share: one thread for linear algebra, examples that are the same in every run, reference data."""

import csv
import os
from pathlib import Path

import pytest
from hypothesis import settings

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
