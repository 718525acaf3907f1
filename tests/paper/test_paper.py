"""The paper as data: the tables are complete, agree with the paper and with each other, refuse nonsense."""

from __future__ import annotations

import csv
import math
import re
import string
import subprocess
import sys
from collections import Counter
from pathlib import Path

import npm_weibull
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from weightfit import documents, paper
from weightfit.errors import ContractError, UnknownReference

ROOT = documents.ROOT
SCHEMAS = ROOT / "workflow/schemas"
SOURCE = ROOT / "../shared/paper/reported_numbers.csv"
TEXT = ROOT / "../shared/paper/paper.md"
needs_source = pytest.mark.skipif(
    not (SOURCE.exists() and TEXT.exists()), reason="../shared/paper is not beside this checkout"
)


# The schemas


@pytest.mark.parametrize("table", ["entries", "reported", "training", "states"])
def test_schemas_are_closed_and_described(table: str) -> None:
    schema = yaml.safe_load((SCHEMAS / f"{table}.schema.yaml").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    assert schema["additionalProperties"] is False
    assert schema["required"] == list(schema["properties"])
    assert set(schema["key"]) <= set(schema["properties"])
    for column, law in schema["properties"].items():
        assert law["description"].endswith("."), column
        assert "type" in law, column


@pytest.mark.parametrize(
    ("table", "name"),
    [
        (paper.Entry, "entries"),
        (paper.Reported, "reported"),
        (paper.Hyperparameter, "training"),
        (paper.State, "states"),
    ],
)
def test_dataclasses_have_the_columns_of_their_schema(table: type, name: str) -> None:
    schema = yaml.safe_load((SCHEMAS / f"{name}.schema.yaml").read_text(encoding="utf-8"))
    assert list(table.__dataclass_fields__) == list(schema["properties"])  # type: ignore[attr-defined]


# Reported numbers


def test_all_646_numbers_are_there_and_444_restate_nothing() -> None:
    rows = paper.reported()
    assert len(rows) == 646
    assert sum(row.restates is None for row in rows.values()) == 444


def test_references_resolve_and_restatements_name_originals() -> None:
    rows = paper.reported()
    for row in rows.values():
        assert set(row.depends_on) <= set(rows), row.id
        assert not any("*" in other for other in row.depends_on), row.id
        assert row.restates not in row.depends_on, row.id
        if row.restates is not None:
            assert rows[row.restates].restates is None, row.id


def test_nothing_depends_on_itself() -> None:
    """Remove rows whose inputs are all known until none is left; a cycle would remain.

    A restatement has its original's value, so it is the same node as its original.
    """
    rows = paper.reported()
    waiting: dict[str, set[str]] = {}
    for row in rows.values():
        inputs = {rows[other].restates or other for other in row.depends_on}
        waiting.setdefault(row.restates or row.id, set()).update(inputs)
    while waiting:
        known = {key for key, inputs in waiting.items() if not inputs & set(waiting)}
        assert known, f"cycle among {sorted(waiting)}"
        waiting = {key: inputs for key, inputs in waiting.items() if key not in known}


@needs_source
def test_rows_agree_with_their_source() -> None:
    with SOURCE.open(encoding="utf-8", newline="") as stream:
        source = list(csv.DictReader(stream))
    rows = list(paper.reported().values())
    assert len(rows) == len(source)
    for row, origin in zip(rows, source, strict=True):
        assert (row.id, row.where, row.quote, row.printed, row.unit, row.kind, row.definition, row.needs) == (
            origin["id"], origin["location"], origin["quote"], origin["printed"],
            origin["unit"], origin["type"], origin["definition"], origin["needs"],
        )  # fmt: skip


@needs_source
def test_restatements_and_inputs_follow_from_their_source() -> None:
    with SOURCE.open(encoding="utf-8", newline="") as stream:
        source = {origin["id"]: origin for origin in csv.DictReader(stream)}
    gained = set()
    for row in paper.reported().values():
        original = row.id
        while source[original]["duplicates_of"]:
            original = source[original]["duplicates_of"]
        assert (row.restates or row.id) == original
        inputs = set()
        for form in filter(None, source[row.id]["depends_on"].split(",")):
            pattern = ".*".join(re.escape(part) for part in form.strip().split("*"))
            matches = {key for key in source if re.fullmatch(pattern, key)}
            assert matches, form
            inputs |= matches
        inputs.discard(original)
        assert inputs <= set(row.depends_on), row.id
        if inputs != set(row.depends_on):
            gained.add(row.id)
    assert gained == {"S5.4.dev_lo", "S5.4.dev_hi", "A1.ratio_tol"}


@needs_source
def test_every_printed_text_stands_where_its_quote_says() -> None:
    """Quotes are cut at 160 characters, so the printed text may follow within the sentence."""

    def plain(text: str) -> str:
        return " ".join(text.replace("|", " ").split())

    text = plain(TEXT.read_text(encoding="utf-8"))
    for row in paper.reported().values():
        quote = plain(row.quote)
        starts = [match.start() for match in re.finditer(re.escape(quote), text)]
        assert starts, row.id
        reach = len(quote) if len(row.quote) < 160 else 600
        assert any(plain(row.printed) in text[start : start + reach] for start in starts), row.id


# Entries


def test_twenty_entries_in_two_cohorts() -> None:
    entries = paper.entries()
    assert len(entries) == 20
    assert Counter(cohort for entry in entries.values() for cohort in entry.cohort) == {
        "main": 12,
        "qwen": 11,
    }
    assert len({entry.family for entry in entries.values() if "main" in entry.cohort}) == 7


def test_spellings_stand_for_one_entry_within_a_cohort() -> None:
    for cohort in ("main", "qwen"):
        owners: dict[str, set[str]] = {}
        for entry in paper.entries().values():
            if cohort in entry.cohort:
                for spelling in (entry.id, entry.name, *entry.aliases):
                    owners.setdefault(spelling.casefold(), set()).add(entry.id)
        assert {spelling: ids for spelling, ids in owners.items() if len(ids) > 1} == {}


@pytest.mark.parametrize(
    ("spelling", "key"),
    [
        ("1B", "pythia-1b"), ("Pythia-1B", "pythia-1b"), ("6.9B", "pythia-6.9b"), ("70m", "pythia-70m"),
        ("OLMo-1.7B", "olmo-1-7b"), ("OLMo-1", "olmo-1-7b"), ("LLaMA-3-8B", "llama-3-8b"),
        ("Qwen2-1.5B-base", "qwen2-1.5b"), ("Qwen3 8B", "qwen3-8b"), ("qwen2.5-14b", "qwen2.5-14b"),
    ],
)  # fmt: skip
def test_find_entry(spelling: str, key: str) -> None:
    assert paper.find_entry(spelling).id == key


def test_rows_of_tables_2_to_5_and_7_name_entries() -> None:
    named: dict[str, set[str]] = {}
    for key in paper.reported():
        match = re.fullmatch(r"(T[23457])\.(.+)\.[A-Za-z_]+", key)
        if match:
            named.setdefault(match[1], set()).add(paper.find_entry(match[2]).id)
    sizes = {table: len(ids) for table, ids in named.items()}
    assert sizes == {"T2": 8, "T3": 5, "T4": 12, "T5": 5, "T7": 11}
    entries = paper.entries()
    assert named["T4"] == {key for key in entries if "main" in entries[key].cohort}
    assert named["T7"] == {key for key in entries if "qwen" in entries[key].cohort}


@needs_source
def test_names_and_aliases_stand_in_the_paper() -> None:
    text = TEXT.read_text(encoding="utf-8")
    for entry in paper.entries().values():
        for spelling in (entry.name, *entry.aliases):
            assert spelling in text, entry.id


def test_shapes_agree_with_the_printed_numbers() -> None:
    column = {"blocks": "layers", "layers": "layers", "L": "layers", "d": "width", "tokens": "tokens"}
    compared = 0
    for key, row in paper.reported().items():
        match = re.fullmatch(r"T[257]\.(.+)\.(blocks|layers|L|d|tokens)", key)
        if match:
            assert row.printed == str(getattr(paper.find_entry(match[1]), column[match[2]])), key
            compared += 1
    assert compared == 8 + 11 + 5 + 5 + 11
    main = [entry for entry in paper.entries().values() if "main" in entry.cohort]
    widths = [entry.width for entry in main if entry.family != "Pythia"]
    assert (min(widths), max(widths)) == (int(paper.printed("S6.d_lo")), int(paper.printed("S6.d_hi")))


def test_attention_follows_from_the_heads() -> None:
    for entry in paper.entries().values():
        assert entry.heads % entry.key_heads == 0
        assert entry.heads * entry.head_width == entry.width
        assert (entry.attention == "MHA") == (entry.heads == entry.key_heads)
        assert (entry.storage == "merged") == (entry.family == "Pythia")
        assert (entry.feed_forward == "three-matrix") == (entry.activation == "SwiGLU")
    # Appendix A.4 prints 4-to-1 and 7-to-1; Appendix A.1 prints 7:1 for the 14B model, whose heads say 5:1.
    ratio = {key: entry.heads // entry.key_heads for key, entry in paper.entries().items()}
    assert f"{ratio['llama-3-8b']}-to-1" == f"{ratio['mistral-7b']}-to-1" == paper.printed("A4.llama")
    assert f"{ratio['qwen2.5-7b']}-to-1" == paper.printed("A4.qwen7b")
    assert ratio["qwen2.5-14b"] == 5
    assert paper.printed("A1.qwen_gqa") == "7:1"


def test_pythia_70m_has_the_printed_number_of_transmission_weights() -> None:
    entry = paper.find_entry("pythia-70m")
    count = entry.layers * (entry.width**2 + 2 * entry.width * entry.hidden)
    assert f"{count:,}" == paper.printed("F3.n_samples")


def parameters(entry: paper.Entry) -> int:
    """Count every parameter of the architecture: matrices, biases, norms, embeddings."""
    queries, keys = entry.heads * entry.head_width, entry.key_heads * entry.head_width
    matrices = 3 if entry.feed_forward == "three-matrix" else 2
    block = entry.width * (2 * queries + 2 * keys) + matrices * entry.width * entry.hidden
    norm = {"Pythia": 2 * entry.width, "OLMo-1": 0}.get(entry.family, entry.width)
    block += 2 * norm
    if entry.family == "Pythia":
        block += queries + 2 * keys + entry.width + entry.hidden + entry.width
    if entry.family in ("Qwen2", "Qwen2.5"):
        block += queries + 2 * keys
    if entry.qk_norm:
        # OLMo-2 normalises over all heads at once, Qwen3 over each.
        block += queries + keys if entry.family == "OLMo-2" else 2 * entry.head_width
    embeddings = 1 if entry.tied else 2
    return entry.layers * block + norm + embeddings * entry.vocabulary * entry.width


def mask_bytes(entry: paper.Entry) -> int:
    """Bytes of the buffers in the files of Pythia's main branch, per block.

    A causal mask of 2048 x 2048 bytes, one F16 scalar, and F16 frequencies for half of the quarter of a head
    that rotates.
    """
    return entry.layers * (2048 * 2048 + 2 + 2 * (entry.head_width // 4 // 2))


# Golden values: ../shared/facts/checkpoints.md section 1.3, exact sizes of tensors on the Hub.
@pytest.mark.parametrize(
    ("key", "tensor_bytes"),
    [
        ("qwen2.5-3b", 6_171_877_376),
        (
            "qwen2.5-7b",
            15_231_233_024,
        ),  # total_size in the index of Qwen2.5-7B-Instruct, the same architecture
    ],
)
def test_shapes_give_the_exact_bytes_of_the_tensors(key: str, tensor_bytes: int) -> None:
    assert 2 * parameters(paper.entries()[key]) == tensor_bytes


# Golden values: the same section 1.3, and section 2 for the F32 files of Pythia's steps: exact sizes of files
# on the Hub, with the number of tensors that section 1.2 lists. A safetensors header spends about a hundred
# bytes per tensor, so a dimension of the blocks that is wrong by one shows, and a vocabulary by a few rows.
@pytest.mark.parametrize(
    ("key", "bytes_per_weight", "buffers", "files", "tensors"),
    [
        ("pythia-70m", 2, True, [166_029_852], 94),
        ("pythia-160m", 2, True, [374_998_696], 15 * 12 + 4),
        ("pythia-1b", 2, True, [2_090_701_528], 244),
        ("pythia-160m", 4, False, [649_308_728], 12 * 12 + 4),
        ("pythia-410m", 4, False, [1_621_370_224], 12 * 24 + 4),
        ("pythia-1b", 4, False, [4_047_149_576], 12 * 16 + 4),
        ("llama-3-8b", 2, False, [4_976_698_672, 4_999_802_720, 4_915_916_176, 1_168_138_808], 291),
        ("mistral-7b", 2, False, [9_942_981_696, 4_540_516_344], 291),
        ("qwen2.5-1.5b", 2, False, [3_087_467_144], 338),
        ("qwen2-1.5b", 2, False, [3_087_467_144], 338),
        ("qwen2-math-1.5b", 2, False, [3_087_467_144], 338),
        ("qwen2.5-math-1.5b", 2, False, [3_087_467_144], 338),
    ],
)
def test_shapes_give_the_sizes_of_the_files(
    key: str, bytes_per_weight: int, buffers: bool, files: list[int], tensors: int
) -> None:
    entry = paper.entries()[key]
    data = bytes_per_weight * parameters(entry) + (mask_bytes(entry) if buffers else 0)
    assert 80 * tensors < sum(files) - data < 130 * tensors


# Golden values: the same section 1.3, gigabytes to the digits given there, which shows errors of 10 MB.
@pytest.mark.parametrize(
    ("key", "bytes_per_weight", "gigabytes"),
    [
        ("olmo-1-7b", 4, "27.55"),
        ("olmo-2-7b", 4, "29.19"),
        ("llama-3-8b", 2, "16.06"),
        ("mistral-7b", 2, "14.48"),
        ("qwen2-7b", 2, "15.23"),
        ("qwen2-math-7b", 2, "15.23"),
        ("qwen2.5-math-7b", 2, "15.23"),
        ("qwen2.5-14b", 2, "29.54"),
        ("qwen3-8b", 2, "16.38"),
    ],
)
def test_shapes_give_the_gigabytes_of_the_checkpoint(key: str, bytes_per_weight: int, gigabytes: str) -> None:
    assert f"{bytes_per_weight * parameters(paper.entries()[key]) / 1e9:.2f}" == gigabytes


# Golden values: section 2, the two PyTorch files of a step, which hold F16 and the masks.
def test_shapes_give_the_size_of_pythia_6_9b() -> None:
    entry = paper.entries()["pythia-6.9b"]
    excess = 9_911_682_774 + 3_937_306_520 - 2 * parameters(entry) - mask_bytes(entry)
    assert 0 < excess < 500 * (15 * 32 + 4)


# Hyperparameters and the names of states


def number(printed: str) -> float:
    """Read a printed number, such as 1.0\N{MULTIPLICATION SIGN}10^{-3} or 143k."""
    found = re.fullmatch(
        r"([0-9.]+)(?: ?(?:\\times|\N{MULTIPLICATION SIGN}) ?10\^\{(-[0-9]+)\}|(k))?", printed
    )
    assert found, printed
    return float(f"{found[1]}e{found[2] or (3 if found[3] else 0)}")


def test_hyperparameters_of_the_paper_are_those_that_it_prints() -> None:
    printed = {row.where: row for row in paper.hyperparameters() if row.source == "paper"}
    for row in paper.hyperparameters():
        if row.source == "paper":
            assert row.value == number(paper.printed(row.where)), row
    named = {f"T4.{key}.{column}" for key in main_entries() for column in ("eta", "wd")}
    assert set(printed) == named | {"S4.2.T", "S5.2.warmup"}
    for key, row in printed.items():
        if key.startswith("T4."):
            assert row.where.split(".", 1)[1].rsplit(".", 1)[0] == row.entry
            assert row.quantity == {"eta": "peak_learning_rate", "wd": "weight_decay"}[key.rsplit(".", 1)[1]]
    assert (
        number(paper.printed("S4.2.eta_6.9b")) == paper.training("paper")["pythia-6.9b"]["peak_learning_rate"]
    )


def main_entries() -> list[str]:
    return [key for key, entry in paper.entries().items() if "main" in entry.cohort]


def test_each_convention_has_one_value_for_each_entry_of_the_main_cohort() -> None:
    schema = yaml.safe_load((SCHEMAS / "training.schema.yaml").read_text(encoding="utf-8"))
    assert list(paper.conventions()) == schema["properties"]["used"]["items"]["enum"]
    assert paper.conventions()[0] == "paper"
    for convention in paper.conventions():
        values = paper.training(convention)
        assert list(values) == main_entries()
        assert all({"peak_learning_rate", "weight_decay"} <= set(one) for one in values.values())
    for key, values in paper.training("paper").items():
        assert set(values) <= set(paper.training("official")[key])
    sources = {row.source for row in paper.hyperparameters()}
    assert sources == set(schema["properties"]["source"]["enum"])


def test_the_official_convention_is_the_configuration_where_there_is_one_else_the_paper() -> None:
    configured = {
        (row.entry, row.quantity) for row in paper.hyperparameters() if row.source.endswith("-config")
    }
    for row in paper.hyperparameters():
        if "official" in row.used:
            expected = (row.entry, row.quantity) in configured
            assert row.source.endswith("-config") == expected, row
            assert row.source == "paper" or expected, row
    # Golden values: ../shared/facts/training.md; models/*/pythia-*.yml of EleutherAI/pythia.
    official = paper.training("official")
    pythia = [values for key, values in official.items() if key.startswith("pythia-")]
    assert [values["weight_decay"] for values in pythia] == [0.1] * 5
    assert [values["warm_up_steps"] for values in pythia] == [1430] * 5
    assert [values["steps"] for values in pythia] == [143_000] * 5
    assert [values["peak_learning_rate"] for values in pythia] == [1e-3, 6e-4, 3e-4, 2.5e-4, 1.2e-4]


def test_what_the_library_embeds_is_what_is_installed() -> None:
    embedded = {
        key.removesuffix("-step143000"): facts["T_tau_iter"]
        for key, facts in npm_weibull.DATABASE_v9_1.items()
        if "T_tau_iter" in facts
    }
    rows = [row for row in paper.hyperparameters() if row.source == "library-0.4.0"]
    assert {row.entry: row.value for row in rows} == embedded
    assert all(row.quantity == "t_over_tau" and not row.used for row in rows)
    for state in paper.states()["library"]:
        least = max(state.least, 1e-9)
        assert npm_weibull.compute_T_tau(1.0, least, 1)["state"] == state.state
        if state.least:
            assert npm_weibull.compute_T_tau(1.0, least * (1 - 1e-12), 1)["state"] != state.state


@pytest.mark.parametrize("edition", ["2026-05", "2026-08"])
def test_hyperparameters_of_the_database_are_those_of_its_file(shared: Path, edition: str) -> None:
    columns = {"peak_learning_rate": "eta_peak", "weight_decay": "lambda_wd", "steps": "T_steps"}
    with (shared / f"released_database/DATABASE_v9_1.{edition}.csv").open(
        encoding="utf-8", newline=""
    ) as stream:
        released = {row["entry_id"]: row for row in csv.DictReader(stream)}
    values = paper.training(f"database-{edition}")
    assert set(values) == set(released)
    for key, row in released.items():
        assert values[key] == {name: float(row[column]) for name, column in columns.items()}
        t_over_tau = math.prod(values[key].values())
        assert float(row["T_over_tau"]) == pytest.approx(t_over_tau, abs=0.0006)
        reached = [state.state for state in paper.states()["database"] if t_over_tau >= state.least]
        assert reached[0] == row["Physical_State"]
    for row in paper.hyperparameters():
        if row.source == f"database-{edition}":
            assert released[row.entry]["hp_confidence"] in row.note, row


# What a reference that does not exist says


def test_unknown_ids_suggest_near_ones() -> None:
    with pytest.raises(
        UnknownReference, match=r"no 'T4\.pythia-70m\.lamda'; did you mean T4\.pythia-70m\.lambda"
    ):
        paper.printed("T4.pythia-70m.lamda")
    with pytest.raises(UnknownReference, match="no 'OLMo-3'; did you mean OLMo-"):
        paper.find_entry("OLMo-3")
    with pytest.raises(UnknownReference, match="the first column lists all of them"):
        paper.printed("????????")
    with pytest.raises(UnknownReference, match="no 'offical'; did you mean official"):
        paper.training("offical")


def test_callers_cannot_change_the_tables() -> None:
    paper.entries().clear()
    paper.reported().clear()
    paper.training("paper").clear()
    paper.training("paper")["pythia-70m"].clear()
    paper.states().clear()
    assert paper.training("paper")["pythia-70m"]
    assert paper.states()
    assert paper.entries()
    assert paper.printed("T4.pythia-70m.lambda") == "0.0224"


def test_import_is_light() -> None:
    code = (
        "import sys, weightfit.paper;"
        "print(sorted({'numpy', 'pandas', 'numba', 'jsonschema', 'yaml'} & set(sys.modules)))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert answer.stdout == "[]\n"


# Malformed tables

SCHEMA = """
type: object
key: [id]
additionalProperties: false
required: [id, count, size, whole, parts, note]
properties:
  id: {type: string, pattern: '^[a-z]+$'}
  count: {type: integer, minimum: 1}
  size: {type: [number, 'null']}
  whole: {type: boolean}
  parts: {type: array, items: {type: string, enum: [q, k, v]}, uniqueItems: true}
  note: {type: [string, 'null']}
"""
HEADER = "id\tcount\tsize\twhole\tparts\tnote\n"


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("schema") / "things.schema.yaml"
    path.write_text(SCHEMA, encoding="utf-8")
    return path


def test_cells_are_converted_by_type(tmp_path: Path, schema: Path) -> None:
    table = tmp_path / "things.tsv"
    table.write_text(HEADER + 'a\t3\t-2.5e-3\ttrue\tq;k\tsays "no"\nb\t10\t\tfalse\t\t\n', encoding="utf-8")
    assert paper.read_table(table, schema) == [
        {"id": "a", "count": 3, "size": -0.0025, "whole": True, "parts": ["q", "k"], "note": 'says "no"'},
        {"id": "b", "count": 10, "size": None, "whole": False, "parts": [], "note": None},
    ]


GOOD = "a\t3\t1.5\ttrue\tq\t\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"last line does not end with a newline"),
        (HEADER + GOOD.rstrip("\n") + "x", r"last line does not end with a newline"),
        (HEADER.encode() + b"a\t3\t1.5\ttrue\tq\t\xff\n", r"byte \d+ is not UTF-8"),
        (HEADER + GOOD.replace("\n", "\r\n"), r"line 2 holds a carriage return"),
        ("\ufeff" + HEADER + GOOD, r"line 1: the columns are"),
        ("count" + HEADER[2:].replace("count", "id") + GOOD, r"line 1: the columns are count, id, size"),
        (
            HEADER.replace("\tnote", "") + GOOD,
            r"line 1: the columns are id, count, size, whole, parts, not those",
        ),
        (HEADER + GOOD + "\n", r"line 3: 1 cells, but the header has 6"),
        (HEADER + GOOD.replace("q\t", "q"), r"line 2: 5 cells, but the header has 6"),
        (HEADER + GOOD.replace("\tq", "\t\tq"), r"line 2: 7 cells, but the header has 6"),
        (
            HEADER + GOOD.replace("3", "3.0"),
            r"line 2, column 'count': '3\.0' is not an integer; write digits",
        ),
        (HEADER + GOOD.replace("3", "03"), r"line 2, column 'count': '03' is not an integer"),
        (HEADER + GOOD.replace("3", ""), r"line 2, column 'count': '' is not an integer"),
        (HEADER + GOOD.replace("3", "٣"), r"line 2, column 'count': '٣' is not an integer"),
        (
            HEADER + GOOD.replace("3", "0"),
            r"line 2, column 'count': 0 is less than the minimum of 1; things\.schema",
        ),
        (HEADER + GOOD.replace("1.5", "nan"), r"line 2, column 'size': 'nan' is not a finite number"),
        (HEADER + GOOD.replace("1.5", "1e999"), r"line 2, column 'size': '1e999' is not a finite number"),
        (HEADER + GOOD.replace("1.5", "1_0"), r"line 2, column 'size': '1_0' is not a finite number"),
        (
            HEADER + GOOD.replace("true", "True"),
            r"line 2, column 'whole': 'True' is not a boolean; write true or",
        ),
        (HEADER + GOOD.replace("q", "q;w"), r"line 2, column 'parts': 'w' is not one of \['q', 'k', 'v'\]"),
        (HEADER + GOOD.replace("q", "q;q"), r"line 2, column 'parts': \['q', 'q'\] has non-unique elements"),
        (HEADER + GOOD.replace("q", "q;"), r"line 2, column 'parts': '' is not one of"),
        (HEADER + GOOD.replace("a", "A"), r"line 2, column 'id': 'A' does not match"),
        (HEADER + GOOD + GOOD, r"line 3, column 'id': 'a' already stands in line 2"),
    ],
)
def test_malformed_tables_are_refused(
    tmp_path: Path, schema: Path, content: str | bytes, message: str
) -> None:
    table = tmp_path / "things.tsv"
    table.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    with pytest.raises(ContractError, match=message) as refusal:
        paper.read_table(table, schema)
    assert str(refusal.value).startswith(f"{table}: ")


def test_a_missing_table_is_refused(tmp_path: Path, schema: Path) -> None:
    with pytest.raises(ContractError, match=r"absent\.tsv: there is no such table"):
        paper.read_table(tmp_path / "absent.tsv", schema)


@settings(max_examples=50, deadline=None)
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {
                "id": st.text(string.ascii_lowercase, min_size=1, max_size=5),
                "count": st.integers(min_value=1),
                "size": st.none() | st.floats(allow_nan=False, allow_infinity=False),
                "whole": st.booleans(),
                "parts": st.lists(st.sampled_from("qkv"), unique=True),
                "note": st.none()
                | st.text(st.characters(codec="utf-8", exclude_characters="\t\n\r"), min_size=1),
            }
        ),
        unique_by=lambda row: row["id"],
        max_size=5,
    )
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, schema: Path, rows: list[dict[str, object]]
) -> None:
    def cell(value: object) -> str:
        if isinstance(value, list):
            return ";".join(value)
        return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)

    table = tmp_path_factory.getbasetemp() / "round.tsv"
    columns = HEADER.split()
    lines = ["\t".join(cell(row[column]) for column in columns) + "\n" for row in rows]
    table.write_bytes((HEADER + "".join(lines)).encode("utf-8"))
    assert paper.read_table(table, schema) == rows


def break_cell(table: Path, key: str, column: str, value: str) -> None:
    lines = table.read_text(encoding="utf-8").split("\n")
    number = next(number for number, line in enumerate(lines) if line.split("\t")[0] == key)
    cells = lines[number].split("\t")
    cells[lines[0].split("\t").index(column)] = value
    lines[number] = "\t".join(cells)
    table.write_text("\n".join(lines), encoding="utf-8")


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (
            "depends_on",
            "A1.k00",
            r"id ABS\.k0, column 'depends_on': there is no 'A1\.k00'; did you mean A1\.k0",
        ),
        ("restates", "A1.k00", r"id ABS\.k0, column 'restates': there is no 'A1\.k00'"),
        ("restates", "S1.1.k0", r"S1\.1\.k0 is itself a restatement.*; write A1\.k0"),
        ("kind", "guessed", r"line 2, column 'kind': 'guessed' is not one of"),
        ("unit", "parsec", r"line 2, column 'unit': 'parsec' is not one of"),
        ("where", "Sec 9", r"line 2, column 'where': 'Sec 9' does not match"),
        ("printed", "", r"line 2, column 'printed': '' should be non-empty"),
    ],
)
def test_broken_reported_tables_are_refused(
    copied_paper: Path, column: str, value: str, message: str
) -> None:
    break_cell(copied_paper / "reported.tsv", "ABS.k0", column, value)
    with pytest.raises(ContractError, match=message):
        paper.reported()


def test_a_spelling_of_two_entries_is_refused(copied_paper: Path) -> None:
    break_cell(copied_paper / "entries.tsv", "qwen2-7b", "aliases", "MISTRAL")
    with pytest.raises(ContractError, match="'MISTRAL' stands for both mistral-7b and qwen2-7b"):
        paper.entries()


@pytest.mark.parametrize(
    ("table", "key", "column", "value", "message"),
    [
        ("training", "pythia-70m", "entry", "pythia-7m", r"training\.tsv: column 'entry': there is no 'pythia-7m'"),
        ("training", "pythia-70m", "used", "paper;official", r"official uses peak_learning_rate of pythia-70m as "
                                                             r"paper and as eleutherai-config give it"),
        ("training", "pythia-70m", "used", "mine", r"line 2, column 'used': 'mine' is not one of"),
        ("training", "pythia-70m", "source", "eleutherai-config", r"line 3, .*already stands in line 2"),
        ("training", "pythia-70m", "value", "0", r"line 2, column 'value': 0"),
        ("states", "database", "least", "0.5", r"thresholds of database are \[0\.5, 0\.8, .*must fall from row to row"),
        ("states", "library", "state", "transition", r"line 4, .*already stands in line 2"),
    ],
)  # fmt: skip
def test_broken_tables_of_trainings_and_states_are_refused(
    copied_paper: Path, table: str, key: str, column: str, value: str, message: str
) -> None:
    break_cell(copied_paper / f"{table}.tsv", key, column, value)
    with pytest.raises(ContractError, match=message):
        paper.training("paper") if table == "training" else paper.states()


def test_a_set_of_states_that_does_not_reach_zero_is_refused(copied_paper: Path) -> None:
    path = copied_paper / "states.tsv"
    path.write_text(
        "".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[:-1]), encoding="utf-8"
    )
    with pytest.raises(ContractError, match=r"thresholds of database .* end at 0"):
        paper.states()
