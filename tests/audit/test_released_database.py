"""The released tables: read whole, or refused by the line that breaks a law."""

import hashlib

import pytest

from weightfit import paper
from weightfit.audit.database import released
from weightfit.audit.database.released import COHORT, SHAPE, editions, file_name, read
from weightfit.audit.needs import MissingData
from weightfit.errors import ContractError

TABLE = """entry_id,family,n_records,k_median_o,R2_below_95_o,k_median_up,R2_below_95_up
pythia-70m,Pythia,6,1.18,0/6,,
mistral-7b,Mistral,64,1.19,0/32,1.21,3/32
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / file_name("2026-01")).write_text(TABLE, encoding="utf-8")
    return tmp_path


def test_a_table_is_read_with_its_digest(folder):
    found = read(folder, "2026-01")
    assert found.sha256 == hashlib.sha256(TABLE.encode()).hexdigest()
    assert found.medians(SHAPE) == {"pythia-70m": {"o": 1.18}, "mistral-7b": {"o": 1.19, "up": 1.21}}
    assert found.rows["mistral-7b"]["R2_below_95_up"] == "3/32"


def test_editions_are_those_in_the_folder_the_oldest_first(folder):
    (folder / file_name("2025-12")).write_text(TABLE, encoding="utf-8")
    (folder / file_name(COHORT)).write_text(TABLE, encoding="utf-8")
    assert editions(folder) == ["2025-12", "2026-01"]


@pytest.mark.parametrize("place", [None, "empty"])
def test_what_is_not_at_hand_is_named(tmp_path, place):
    with pytest.raises(MissingData, match=r"DATABASE_v9_1\.2026-02\.csv is not at hand") as caught:
        read(place and tmp_path, "2026-02")
    assert caught.value.needs[0].kind == "file"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("pythia-70m,Pythia,6", "pythia-70m,Pythia", "line 2: 6 cells for 7 columns"),
        ("mistral-7b", "mistral-8b", r"line 3: .*mistral-8b"),
        ("mistral-7b", "Pythia-70m", "line 3: pythia-70m stands there already"),
        ("1.19,", "nan,", "column k_median_o: 'nan' is no positive number"),
        ("1.19,", "-1.19,", "column k_median_o: '-1.19' is no positive number"),
        ("1.19,", "much,", "column k_median_o: 'much' is no positive number"),
        ("1.21", "", "column R2_below_95_up: a kind has a count and medians, or neither"),
        ("3/32", "", "column R2_below_95_up: a kind has a count and medians, or neither"),
        ("3/32", "33/32", "'33/32' is not a count of so many fits"),
        ("3/32", "3", "'3' is not a count of so many fits"),
        ("Mistral,64", "Mistral,63", "63 records, its kinds have 64 fits"),
        ("family", "entry_id", "the first line must name each column once"),
        ("entry_id,family", "family,entry_id", "entry_id first"),
    ],
)
def test_a_broken_table_is_refused(folder, old, new, message):
    path = folder / file_name("2026-03")
    assert TABLE.count(old) >= 1
    path.write_text(TABLE.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ContractError, match=message):
        read(folder, "2026-03")


def test_the_released_tables_are_whole(shared):
    """Two editions of the twelve entries of the main cohort, and one table of the eleven of the Qwen cohort."""
    folder = shared / "released_database"
    if not folder.is_dir():
        pytest.skip("the released database is not beside this checkout")
    cohorts = {
        name: {key for key, entry in paper.entries().items() if name in entry.cohort}
        for name in ("main", COHORT)
    }
    for edition in editions(folder):
        assert set(read(folder, edition).rows) == cohorts["main"]
    assert set(read(folder, COHORT).rows) == cohorts[COHORT]
    assert set(released.read(folder, COHORT).medians(SHAPE)["qwen3-8b"]) == set("qkvo") | {
        "gate",
        "up",
        "down",
    }
