"""The database against summaries by hand over a small table of fits, and its columns against the released one's."""

import csv
import json
import re
import statistics

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from weightfit import paper, table
from weightfit.cohort import CohortEntry, read_cohort
from weightfit.cohort.models import UNKNOWN, entry_facts
from weightfit.exhibits import database
from weightfit.exhibits.medians import medians
from weightfit.studies.closure import READINGS

GPT, LLAMA = ("q", "k", "v", "o", "ffn_in", "ffn_out"), ("q", "k", "v", "o", "gate", "up", "down")
ENTRIES = {"merged": (GPT, [0, 7]), "separate": (LLAMA, [500]), "stepless": (LLAMA, [None])}
TRIMS = (0.80, 0.90, 1.00)
STATISTICS = ("shape", "scale", "shape_se", "scale_se", "shape_null", "scale_null", "r_squared", "r_squared_null",
              "ks_distance", "ks_distance_null", "ks_distance_trimmed", "ks_distance_trimmed_null")  # fmt: skip
FACTS = {
    "merged": {"paper_entry": "pythia-70m", "stand_in": True} | UNKNOWN | {
        "family": "gpt-neox", "storage": "merged", "n_q": 5, "n_kv": 5, "qk_norm": False, "training_tokens": "192000",
        "eta_peak": 0.001, "lambda_wd": 0.125, "T_steps": 10_000, "hp_confidence": "own"},
    "separate": {"paper_entry": "llama-3-8b", "stand_in": False} | UNKNOWN | {
        "family": "LLaMA-3", "size": "8B", "storage": "separate", "n_q": 32, "n_kv": 8, "qk_norm": False},
    "stepless": {"paper_entry": None, "stand_in": False} | UNKNOWN,
}  # fmt: skip
EDITIONS = ("DATABASE_v9_1.2026-05.csv", "DATABASE_v9_1.2026-08.csv")


def fit_rows():
    random = np.random.default_rng(101)
    for entry, (components, steps) in ENTRIES.items():
        for step in steps:
            for block in (0, 1, 2, 3, -1):
                for component in (*components, "qkv", "ffn", "all"):
                    for protocol, sign in (
                        ("centred", "both"),
                        ("released", "both"),
                        ("centred", "positive"),
                    ):
                        for trim in TRIMS:
                            key = {
                                "entry": entry,
                                "step": step,
                                "terminal": step == steps[-1],
                                "block": block,
                            }
                            key |= {"component": component, "protocol": protocol, "trim": trim, "sign": sign}
                            key |= {"n": 100 + block, "excluded": 0, "exactness": "f16", "zeros": 0}
                            yield key | {name: random.uniform(0.9, 1.0) for name in STATISTICS}


def build(name, rows):
    rows = list(rows)
    return table.of_rows(name, rows)


def closure_rows(fits):
    random = np.random.default_rng(102)
    keys = ("entry", "step", "terminal", "block", "component")
    single = {tuple(row[key] for key in keys): row for row in fits
              if row["terminal"] and row["block"] >= 0 and row["component"] in {*GPT, *LLAMA}}  # fmt: skip
    for key in single:
        for reading in READINGS:
            numbers = {name: random.uniform(0.01, 0.02) for name in table.arrow_schema("closure").names}
            yield numbers | dict(zip(keys, key, strict=True)) | {"reading": reading}


ROWS = list(fit_rows())
CLOSURE = list(closure_rows(ROWS))


@pytest.fixture(scope="module")
def made():
    return build("fits", ROWS), build("closure", CLOSURE)


@pytest.fixture(scope="module")
def thresholds():
    return paper.states()["database"]


@pytest.fixture(scope="module")
def folder(made, thresholds, tmp_path_factory):
    path = tmp_path_factory.mktemp("made") / "database"
    database.write(path, *made, FACTS, thresholds)
    return path


def read(folder, name):
    return json.loads((folder / name).read_text())


def test_one_file_per_entry_and_step(folder):
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert files == [
        "README.md",
        "medians.csv",
        "medians_released.csv",
        "merged/step0.json",
        "merged/step7.json",
        "separate/step500.json",
        "stepless.json",
    ]


def test_each_document_keeps_its_contract_and_names_its_weights(folder):
    validator = Draft202012Validator(table.contract("database"))
    for path in folder.rglob("*.json"):
        document = json.loads(path.read_text())
        validator.validate(document)
        assert {key: document[key] for key in FACTS[document["entry"]]} == FACTS[document["entry"]]
        assert document["terminal"] == (path.name != "step0.json")
    assert read(folder, "stepless.json")["step"] is None


@pytest.mark.parametrize(
    ("name", "entry", "step"),
    [
        ("merged/step0.json", "merged", 0),
        ("merged/step7.json", "merged", 7),
        ("stepless.json", "stepless", None),
    ],
)
def test_a_document_holds_the_centred_fits(folder, name, entry, step):
    components = (*ENTRIES[entry][0][:3], "o", *ENTRIES[entry][0][4:], "qkv")
    found = read(folder, name)["fits"]
    assert [(one["block"], one["component"]) for one in found] == [
        (block, component) for block in range(4) for component in components
    ]
    for record in found:
        own = {
            row["trim"]: row
            for row in ROWS
            if (row["entry"], row["step"], row["block"], row["component"])
            == (entry, step, record["block"], record["component"])
            and (row["protocol"], row["sign"]) == ("centred", "both")
        }
        expected = {
            "block": record["block"],
            "component": record["component"],
            "n": 100 + record["block"],
            "excluded": 0,
        }
        for trim, word in zip(TRIMS, ("k_80", "k_90", "k_100"), strict=True):
            expected |= {f"{word}{end}": own[trim][f"shape{end}"] for end in ("", "_se", "_null")}
        expected |= {f"lambda{end}": own[0.80][f"scale{end}"] for end in ("", "_se", "_null")}
        expected |= {f"R2{end}": own[0.80][f"r_squared{end}"] for end in ("", "_null")}
        errors = {
            row["reading"]: row["error"]
            for row in CLOSURE
            if (row["entry"], row["step"], row["block"], row["component"])
            == (entry, step, record["block"], record["component"])
        }
        assert bool(errors) == (step != 0 and record["component"] != "qkv")
        assert record == expected | {"closure_error": errors or None}


@pytest.mark.parametrize("protocol", ["centred", "released"])
def test_medians_are_those_over_the_blocks_of_what_is_stored(made, thresholds, folder, protocol):
    rows = {row["entry_id"]: row for row in medians(made[0], FACTS, thresholds, protocol).to_pylist()}
    stored = {"merged": {"qkv", "o", "ffn_in", "ffn_out"}, "separate": {*LLAMA}, "stepless": {*LLAMA}}
    assert list(rows) == list(ENTRIES)
    components = [
        name.removeprefix("k_median_") for name in table.arrow_schema("medians").names if "k_median" in name
    ]
    for entry, row in rows.items():
        assert row["n_records"] == 4 * len(stored[entry])
        for component in components:
            cells = [row[f"{name}_median_{component}"] for name in ("k", "lambda", "R2")]
            own = [
                one
                for one in ROWS
                if (one["entry"], one["component"], one["trim"]) == (entry, component, 0.80)
                and (one["terminal"], one["protocol"], one["sign"]) == (True, protocol, "both")
                and one["block"] >= 0
            ]
            if component not in stored[entry]:
                assert {*cells, row[f"R2_below_95_{component}"]} == {None}
                continue
            values = [[one[name] for one in own] for name in ("shape", "scale", "r_squared")]
            assert cells == pytest.approx([statistics.median(one) for one in values], rel=1e-15)
            below = sum(one < 0.95 for one in values[2])
            assert row[f"R2_below_95_{component}"] == f"{below}/4"
    name = {"centred": "medians.csv", "released": "medians_released.csv"}[protocol]
    with (folder / name).open(newline="") as stream:
        for cells, row in zip(csv.DictReader(stream), rows.values(), strict=True):
            assert cells == {key: "" if value is None else str(value) for key, value in row.items()}


def test_facts_become_the_released_columns(made, thresholds):
    rows = {row["entry_id"]: row for row in medians(made[0], FACTS, thresholds).to_pylist()}
    assert [rows[entry]["arch"] for entry in ENTRIES] == ["MHA-merged", "GQA-4:1", None]
    assert [rows[entry]["size"] for entry in ENTRIES] == ["99", "8B", "99"]
    assert (rows["merged"]["tau_iter"], rows["merged"]["T_over_tau"]) == pytest.approx((8000, 1.25))
    assert rows["merged"]["Physical_State"] == "Saturated"
    assert [rows["separate"][key] for key in ("tau_iter", "T_over_tau", "Physical_State")] == [None] * 3


def test_the_bytes_are_the_same_in_every_run(made, thresholds, folder, tmp_path):
    database.write(tmp_path, *made, FACTS, thresholds)
    for path in folder.rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (tmp_path / path.relative_to(folder)).read_bytes()
    text = (folder / "merged/step7.json").read_text()
    assert text == json.dumps(json.loads(text), sort_keys=True, indent=1) + "\n"


def test_the_readme_explains_every_key(folder):
    text = (folder / "README.md").read_text()
    explained = set(re.findall(r"^- `(\w+)`: \S", text, re.MULTILINE))
    document = read(folder, "merged/step7.json")
    assert {*document, *document["fits"][0], *table.arrow_schema("medians").names} == explained


# Facts of entries.


def test_a_stand_in_has_its_own_facts_and_nothing_of_the_papers():
    cohort = read_cohort("offline")
    published = paper.training("paper")
    for key in cohort.of("train"):
        entry = cohort.entries[key]
        facts, own = entry_facts(entry, cohort.training), entry.settings
        assert (facts["stand_in"], facts["paper_entry"]) == (True, entry.paper_entry)
        assert [facts[name] for name in ("eta_peak", "lambda_wd", "T_steps", "n_q", "n_kv", "family")] == [
            own[name] for name in ("learning_rate", "weight_decay", "steps", "heads", "key_heads", "block")
        ]
        assert facts["training_tokens"] == str(own["steps"] * 2 * own["sequence"])
        assert (facts["hp_confidence"], facts["size"]) == ("own", None)
        assert facts["storage"] == ("merged" if own["block"] == "gpt-neox" else "separate")
        assert facts["qk_norm"] == (own["block"] in ("olmo-2", "qwen-3"))
        known = published.get(entry.paper_entry, {})
        assert facts["eta_peak"] != known.get("peak_learning_rate")
        assert facts["lambda_wd"] != known.get("weight_decay")


def test_weights_of_unknown_origin_have_no_facts():
    for name, stand_in in ((None, False), ("pythia-70m", True)):
        entry = CohortEntry("some", name, stand_in, "link", {"folder": "x"}, {})
        assert entry_facts(entry, None) == {"paper_entry": name, "stand_in": stand_in} | UNKNOWN


def test_a_simulated_initialization_has_the_shape_of_its_model_and_no_training():
    cohort = read_cohort("offline")
    facts = entry_facts(cohort.entries["pythia-1b-initialization"], cohort.training)
    known = {"family": "Pythia", "storage": "merged", "n_q": 8, "n_kv": 8, "qk_norm": False}
    assert facts == {"paper_entry": None, "stand_in": False} | UNKNOWN | known


# The released database, where it is beside the checkout.


def released(shared, name):
    with (shared / "released_database" / name).open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("edition", EDITIONS)
def test_the_columns_are_the_released_databases(shared, folder, edition):
    expected = list(released(shared, edition)[0])
    for name in database.MEDIANS:
        with (folder / name).open(newline="") as stream:
            assert next(csv.reader(stream)) == expected


@pytest.mark.parametrize("edition", EDITIONS)
def test_a_record_is_a_stored_matrix_and_a_cell_below_95_counts_blocks(shared, edition):
    for row in released(shared, edition):
        layers = paper.entries()[row["entry_id"]].layers
        cells = {name: cell for name, cell in row.items() if name.startswith("R2_below_95_") and cell}
        blocks = [int(re.fullmatch(r"\d+/(\d+)", cell)[1]) for cell in cells.values()]
        assert int(row["n_records"]) == sum(blocks)
        # The edition of May has 27 of the 48 blocks of this entry.
        assert set(blocks) == {27 if (row["entry_id"], edition) == ("qwen2.5-14b", EDITIONS[0]) else layers}
        merged = paper.entries()[row["entry_id"]].storage == "merged"
        names = {name.removeprefix("R2_below_95_") for name in cells}
        assert names == ({"qkv", "o", "ffn_in", "ffn_out"} if merged else {*LLAMA})


@pytest.mark.parametrize("edition", EDITIONS)
def test_facts_of_the_papers_own_models_are_the_released_databases(shared, made, thresholds, edition):
    for row in released(shared, edition):
        name = row["entry_id"]
        facts = entry_facts(CohortEntry(name, name, False, "link", {"folder": "x"}, {}), None)
        (found,) = medians(
            build("fits", [one | {"entry": name} for one in ROWS if one["entry"] == "separate"]),
            {name: facts | {"eta_peak": float(row["eta_peak"]), "lambda_wd": float(row["lambda_wd"]),
                            "T_steps": int(row["T_steps"])}},
            thresholds,
        ).to_pylist()  # fmt: skip
        assert (found["arch"], found["size"], str(found["qk_norm"])) == (
            row["arch"],
            row["size"],
            row["qk_norm"],
        )
        assert found["family"].casefold() == row["family"].casefold()
        for key in ("n_q", "n_kv"):
            assert row[key] in ("", str(found[key]))
        assert found["tau_iter"] == pytest.approx(float(row["tau_iter"]), abs=0.5)
        assert found["T_over_tau"] == pytest.approx(float(row["T_over_tau"]), abs=0.005)
        assert found["Physical_State"] == row["Physical_State"]
        assert facts["lambda_wd"] == float(row["lambda_wd"])
        assert facts["hp_confidence"] == "paper"
