"""Exhibits beyond the paper, from models that pass for real ones, and from none."""

import csv
import json

import pyarrow as pa
import pytest
from exhibit_maker import ENDINGS, make, request
from full_cohort import facts
from real_models import MODELS, tables
from svg_text import faults

from weightfit import table
from weightfit.paper import exhibits

COHORT = {"steps": {}, "blocks": {}, "absent": {}}
ENTRIES = {entry: facts(model=model) for entry, model in MODELS.items()}
LABELS = ("beyond_claims", "beyond_shapes")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    for name, rows in tables(tmp_path_factory.mktemp("real"))[0].items():
        table.write(folder / f"{name}.parquet", name, rows, {})
    for label in LABELS:
        make(request(label, folder, folder, ENTRIES, COHORT))
    return folder


def numbers(folder, label):
    with (folder / f"{label}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_table_has_a_row_for_each_question_and_a_column_for_each_model(made):
    shown = json.loads((made / "beyond_claims.json").read_text())
    headings = [column["heading"] for column in shown["columns"]]
    assert headings == [
        "Question",
        "gaussian (MHA; F32; fine-tuned on instructions)",
        "heavy (MQA; F32)",
        "extrapolation: speech (MHA; F32)",
        "held inside the scope",
    ]
    assert [row[0] for row in shown["rows"]] == list(
        dict.fromkeys(row["row"] for row in numbers(made, "beyond_claims"))
    )
    by_question = {row[0]: row[1:] for row in shown["rows"]}
    gaussian, heavy, _, held = by_question["q median below the band"]
    assert gaussian.startswith("does not hold: 1.2")
    assert heavy.startswith("holds: 1.")
    assert held == "1 of 2"
    assert by_question["k median in the range of its kind of attention"][1] == (
        "cannot be asked: the paper prints no range for MQA"
    )
    assert by_question["shape before training at the anchor"][3] == "none asked"


def test_models_outside_the_scope_are_not_counted(made):
    rows = numbers(made, "beyond_claims")
    inside = [row for row in rows if row["in_scope"] == "True" and row["outcome"] != "cannot be asked"]
    held = sum(row["outcome"] == "holds" for row in inside)
    (note, *_) = json.loads((made / "beyond_claims.json").read_text())["notes"]
    assert f"{held} of {len(inside)} questions" in note
    assert {row["entry"] for row in inside} == {"gaussian", "heavy"}


def test_the_figure_has_a_mark_for_each_matrix(made):
    rows = numbers(made, "beyond_shapes")
    assert len(rows) == len(MODELS) * 2 * 7
    assert {row["panel"] for row in rows} == set(MODELS)
    assert faults(made / "beyond_shapes.svg") == []


@pytest.mark.parametrize("label", LABELS)
def test_the_bytes_are_the_same_every_time(made, tmp_path, label):
    make(request(label, made, tmp_path, ENTRIES, COHORT))
    for ending in {"csv", "svg", "html", "tex", "json"} & set(ENDINGS[exhibits.read()[label].kind]):
        assert (tmp_path / f"{label}.{ending}").read_bytes() == (made / f"{label}.{ending}").read_bytes()


@pytest.mark.parametrize("label", LABELS)
def test_a_cohort_without_real_models_says_what_is_needed(tmp_path, label):
    for name in exhibits.read()[label].inputs:
        rows = pa.table({field.name: pa.array([], field.type) for field in table.arrow_schema(name)})
        table.write(tmp_path / f"{name}.parquet", name, rows.cast(table.arrow_schema(name)), {})
    told = make(request(label, tmp_path, tmp_path, {}, COHORT))
    assert "needs real models from outside the paper's cohort" in told
