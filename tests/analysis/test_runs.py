"""`weightfit compare` on two runs of the workflow: what differs is found, and nothing else."""

import csv
import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from weightfit.__main__ import command
from weightfit.analysis import compare_document
from weightfit.analysis.runs import Difference, compare_runs
from weightfit.documents import violation
from weightfit.errors import ContractError

ROWS = [
    {"id": "T1.a", "verdict": "reproduced", "value": "1.20"},
    {"id": "T1.b", "verdict": "differs", "value": "0.50"},
]


def write_csv(path: Path, rows: list[dict[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as stream:
        table = csv.DictWriter(stream, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    """Two copies of what a run leaves; the rows of one table are in another order."""
    one, other = tmp_path / "one", tmp_path / "other"
    write_csv(one / "audit.csv", ROWS)
    write_csv(one / "tables/table_1.csv", [{"entry": "a", "shape": "1.25"}, {"entry": "b", "shape": ""}])
    spectra = pa.table({"entry": ["a", "b"], "value": [1.0, 2.0]})
    pq.write_table(spectra, one / "own.parquet")
    fits = {"entry": ["a", "b"], "step": [1, 1], "shape": [1.5, 2.5]}
    pq.write_table(pa.table(fits), one / "fits.parquet")
    shutil.copytree(one, other)
    pq.write_table(pa.table({name: values[::-1] for name, values in fits.items()}), other / "fits.parquet")
    return one, other


def test_two_equal_runs(runs):
    found = compare_runs(*runs)
    assert found.headline == "Nothing differs: 2 verdicts, 1 exhibits, 2 tables."
    assert found.differences == []


def test_each_kind_of_difference_is_found(runs):
    one, other = runs
    write_csv(other / "audit.csv", [ROWS[0], ROWS[1] | {"value": "0.55"}, ROWS[0] | {"id": "T1.c"}])
    write_csv(other / "tables/table_1.csv", [{"entry": "a", "shape": "1.00"}, {"entry": "b", "shape": ""}])
    write_csv(other / "tables/table_2.csv", [{"entry": "a"}])
    pq.write_table(pa.table({"entry": ["a"], "value": [1.0]}), other / "own.parquet")
    found = compare_runs(one, other)
    assert found.differences == [
        Difference("verdict", "T1.b", "value", "0.50", "0.55", pytest.approx(1 / 11)),
        Difference("verdict", "T1.c", "missing", "not there", "there"),
        Difference("exhibit", "tables/table_1.csv", "values", "shape", "shape", pytest.approx(0.2)),
        Difference("exhibit", "tables/table_2.csv", "missing", "not there", "there"),
        Difference("table", "own.parquet", "rows", "2 rows, 2 columns", "1 rows, 2 columns"),
    ]
    assert found.headline == "What differs: 2 of 3 verdicts, 2 of 2 exhibits, 1 of 2 tables."
    assert violation(json.loads(json.dumps(compare_document.of_runs(found))), "comparison") is None


def test_the_command_knows_runs(runs, capsys):
    with pytest.raises(SystemExit) as stop:
        command(["compare", *map(str, runs)])
    assert stop.value.code == 0
    assert capsys.readouterr().out.startswith("Nothing differs: 2 verdicts")


def test_a_folder_without_a_run_is_refused(runs, tmp_path):
    with pytest.raises(ContractError, match=r"holds neither fits\.parquet nor audit\.csv"):
        compare_runs(runs[0], tmp_path)
