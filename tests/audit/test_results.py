"""Cells of a run's tables, whose weights they rest on, and what is missing; pins and published sizes."""

import copy
import json
from dataclasses import replace
from pathlib import Path

import pytest

from weightfit import paper, table
from weightfit.audit import evaluation
from weightfit.audit.audit import judge, verdicts
from weightfit.audit.evaluation import Evaluator
from weightfit.audit.needs import MissingData, Need, described
from weightfit.audit.printed import read
from weightfit.audit.references.results import CohortFacts, Results
from weightfit.audit.references.sources import Sources
from weightfit.audit.registry import Reading
from weightfit.errors import ContractError, UnknownReference
from weightfit.hub.pinned import pinned
from weightfit.paper import checkpoints

ENTRIES = {
    "lab-70m": {"paper_entry": "pythia-70m", "stand_in": True, "initialization_of": None},
    "pythia-160m": {"paper_entry": "pythia-160m", "stand_in": False, "initialization_of": None},
    "pythia-410m": {"paper_entry": "pythia-410m", "stand_in": False, "initialization_of": None},
    "other": {"paper_entry": None, "stand_in": False, "initialization_of": None},
}
COHORT = CohortFacts(ENTRIES, {143000: 3000, 0: 0}, {20: 3}, frozenset({"lab-70m", "pythia-160m", "other"}))

TABLE_2 = """row,entry,stand_in,pool,median,median_null,note
pythia-70m,lab-70m,True,transmission,7.5,4.1,
pythia-70m,lab-70m,True,ffn,7.0,4.0,
pythia-160m,pythia-160m,False,transmission,6.6,4.2,
pythia-410m,pythia-410m,False,transmission,8.0,,word
"""


@pytest.fixture
def results(tmp_path):
    (tmp_path / "table_2.csv").write_text(TABLE_2, encoding="utf-8")
    names = table.arrow_schema("ablation").names
    rows = [
        dict.fromkeys(names) | {"entry": entry, "step": step, "terminal": terminal}
        for entry, step, terminal in (
            ("lab-70m", 0, False),
            ("lab-70m", 3000, True),
            ("pythia-160m", 143000, True),
        )
    ]
    (tmp_path / "table_1.csv").write_text("row,median\n0.80,1.195\n", encoding="utf-8")
    lines = [
        ",".join(names),
        *(",".join("" if row[name] is None else str(row[name]) for name in names) for row in rows),
    ]
    (tmp_path / "figure_04.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    paths = {name: tmp_path / f"{name}.csv" for name in ("table_2", "table_1", "figure_04")}
    return Results(paths, COHORT)


def test_a_cell_is_found_by_its_row(results):
    assert results.cell("table_2", "median", row="pythia-160m") == 6.6
    assert results.cell("table_2", "median", entry="Pythia-70m", pool="ffn") == 7.0
    assert results.cell("table_2", "median", entry="pythia-70m", stand_in=1, pool="transmission") == 7.5
    assert results.cell("table_2", "note", row="pythia-410m") == "word"
    assert results.cells("table_2", "median", entry="pythia-70m") == (7.5, 7.0)


def test_several_values_of_a_column(results):
    assert results.cells("table_2", "median", entry="pythia-70m", pool="ffn;transmission") == (7.5, 7.0)
    assert results.cells("table_2", "median", entry="pythia-70m", pool="transmission;other") == (7.5,)
    with pytest.raises(MissingData):
        results.cells("table_2", "median", entry="pythia-70m", pool="other;another")
    assert results.cells("table_2", "pool", entry="pythia-70m", median="7.5;6.6") == ("transmission",)
    with pytest.raises(ContractError):
        results.cells("table_2", "median", entry="pythia-70m", pool="ffn;")


def test_of_several_steps_each_is_needed(results):
    assert results.cells("figure_04", "step", entry="pythia-70m", step="0;143000") == (0.0, 3000.0)
    with pytest.raises(MissingData) as missing:
        results.cells("figure_04", "step", entry="pythia-410m", step="0;143000")
    assert list(missing.value.needs) == [Need("weights", "pythia-410m", step) for step in (0, 143000)]


def test_what_is_said_of_several_entries_is_not_said_of_some(results):
    """Table 2 is about eight entries, of which this cohort has three; the main cohort has five Pythia sizes."""
    for where in ({"pool": "transmission"}, {"stand_in": 0}):
        with pytest.raises(MissingData) as missing:
            results.cells("table_2", "median", **where)
        assert len(missing.value.needs) == 8
    with pytest.raises(MissingData) as missing:
        results.cells("coupling", "correlation", group="Pythia")
    assert len(missing.value.needs) == 5
    eight = [need.name for need in results.needs("table_2", "median")]
    entries = {key: {"paper_entry": key, "stand_in": True, "initialization_of": None} for key in eight}
    whole = replace(results, cohort=CohortFacts(entries, {}, {}, frozenset()))
    assert whole.cells("table_2", "median", pool="transmission") == (7.5, 6.6, 8.0)


def test_steps_are_those_that_the_paper_names(results):
    """Step 143000 is 3000 in this cohort, and step 1 stands for itself."""
    assert results.cell("figure_04", "entry", entry="pythia-70m", step=143000) == "lab-70m"
    assert results.cells("figure_04", "entry", entry="pythia-70m", step=0) == ("lab-70m",)
    with pytest.raises(MissingData):
        results.cells("figure_04", "entry", entry="pythia-70m", step=1)


def test_what_is_not_there_is_named(results):
    with pytest.raises(ContractError, match="2 rows of table_2"):
        results.cell("table_2", "median", entry="pythia-70m")
    with pytest.raises(UnknownReference, match="no column 'medain'"):
        results.cell("table_2", "medain", entry="pythia-70m", pool="ffn")
    with pytest.raises(UnknownReference, match="no column 'pol'"):
        results.cell("table_2", "median", pol="ffn")
    with pytest.raises(UnknownReference, match="no exhibit or study 'table_22'"):
        results.cell("table_22", "median")
    with pytest.raises(UnknownReference, match="did you mean"):
        results.cell("table_2", "median", entry="pythia-70mm")
    # An entry that the cohort lacks, an empty cell, and a table that was not made.
    cases = (
        ({"entry": "pythia-1b"}, [Need("weights", "pythia-1b")]),
        ({"entry": "pythia-410m"}, [Need("weights", "pythia-410m")]),
    )
    for where, needs in cases:
        with pytest.raises(MissingData) as missing:
            results.cell("table_2", "median_null", **where)
        assert list(missing.value.needs) == needs
    with pytest.raises(MissingData) as missing:
        results.cell("table_3", "growth_median", entry="pythia-70m", step=0)
    assert list(missing.value.needs) == [Need("weights", "pythia-70m", 0)]
    with pytest.raises(MissingData) as missing:
        results.cell("table_1", "in_band", row="0.90")
    assert {need.name for need in missing.value.needs} == {
        key for key, entry in paper.entries().items() if "main" in entry.cohort
    }
    with pytest.raises(MissingData) as missing:
        results.table("theory")
    assert missing.value.needs == (Need("table", "theory"),)


def test_the_weights_behind_a_cell(results):
    assert results.behind("table_2", "median", row="pythia-160m") == {"pythia-160m"}
    assert results.behind("table_2", "median", pool="transmission") == {
        "lab-70m",
        "pythia-160m",
        "pythia-410m",
    }
    # A cell over entries rests on all that stand for one of the exhibit's.
    assert results.behind("table_1", "median") == {"lab-70m", "pythia-160m", "pythia-410m"}
    assert results.behind("theory", "value") == frozenset()


@pytest.mark.parametrize(
    ("formula", "outcome", "stand_in", "needs"),
    [
        # The paper's own and pinned: it decides.
        ('cell("table_2", "median", entry="pythia-160m")', "reproduced", False, []),
        ('cell("table_2", "median", entry="pythia-160m") + 1', "differs", False, []),
        # A stand-in never does, though it is pinned and in the text.
        ('cell("table_2", "median", entry="pythia-70m", pool="ffn") - 0.4', "pending", True, ["pythia-70m"]),
        # The paper's own, but not pinned.
        ('cell("table_2", "median", entry="pythia-410m") - 1.4', "pending", True, ["pythia-410m"]),
        # One stand-in among several spoils all.
        (
            'min([cell("table_2", "median", entry="pythia-160m"), cell("table_2", "median", entry="pythia-410m")])',
            "pending",
            True,
            None,
        ),
        # Nor are all entries judged by some.
        ('min(cells("table_2", "median", pool="transmission"))', "pending", False, None),
        # Not measured by this run.
        ('cell("table_2", "median", entry="pythia-1b")', "pending", False, ["pythia-1b"]),
    ],
)
def test_only_pinned_weights_of_the_paper_decide(results, formula, outcome, stand_in, needs):
    key = "T2.pythia-160m.median"
    reading = Reading(key, "literal", "weights", formula, None, "Note.")
    made = Evaluator(Sources(results)).evaluated(reading)
    (judged,) = judge(paper.reported()[key], read(key), [made])
    assert (judged.outcome, made.is_stand_in) == (outcome, stand_in)
    if needs is not None:
        assert [need.name for need in judged.needs] == needs
    assert verdicts([judged]) == {"weights": outcome}


def test_a_training_needs_all_its_published_steps(results):
    row = next(row for row in paper.reported().values() if row.needs == "pythia-trajectory")
    reading = Reading(
        row.id, "literal", "weights", 'cell("table_3", "retreat", entry="pythia-1b")', None, "Note."
    )
    (judged,) = judge(row, read(row.id), [Evaluator(Sources(results)).evaluated(reading)])
    assert [need.step for need in judged.needs] == list(checkpoints.steps("pythia-1b"))
    first = replace(reading, value='cell("table_3", "initial_median", entry="pythia-1b", step=0)')
    (judged,) = judge(row, read(row.id), [Evaluator(Sources(results)).evaluated(first)])
    assert [need.step for need in judged.needs] == [0]
    drawn = replace(reading, value='cell("table_5", "ratio", entry="pythia-1b")')
    (judged,) = judge(row, read(row.id), [Evaluator(Sources(results)).evaluated(drawn)])
    assert judged.needs == (Need("weights", "pythia-1b", 0),)


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ('cell("table_2", "medain")', "no column 'medain'"),
        ('cell("table_2")', "missing a required argument: 'column'"),
        ('printed("A1.k00")', "did you mean A1.k0"),
        ('theory("half_normal_shape", trim=0.85)', "has 0 rows"),
        ('printed("A1.k0") / 0', "division by zero"),
    ],
)
def test_a_reference_that_does_not_resolve_names_id_and_reading(results, formula, message, tmp_path):
    from audit_sources import weightless

    paths = dict(results.paths) | (weightless(tmp_path) if "theory" in formula else {})
    evaluator = Evaluator(Sources(Results(paths, COHORT)))
    with pytest.raises(ContractError, match=f"^id A1.lam0, reading literal: .*{message}"):
        evaluator.evaluated(Reading("A1.lam0", "literal", "arithmetic", formula, None, "Note."))


def test_each_reference_is_resolved_once(results, monkeypatch):
    asked = []
    monkeypatch.setattr(Results, "cell", lambda self, *arguments, **where: asked.append(arguments) or 1.0)
    evaluator = Evaluator(Sources(results))
    reading = Reading(
        "A1.k0", "literal", "weights", 'cell("table_1", "median") * 2', 'cell("table_1", "median")', "Note."
    )
    evaluator.evaluated(reading)
    evaluator.evaluated(reading)
    assert asked == [("table_1", "median")]
    assert evaluation.CELLS == ("cell", "cells")


# Pins.

FILE = {"path": "model.safetensors", "bytes": 10, "sha256": "a" * 64}
PIN = {
    "repository": "EleutherAI/pythia-70m",
    "revision": "main",
    "commit": "b" * 40,
    "available": True,
    "files": [FILE],
}
MANIFEST = {
    "entry": "pythia-70m",
    "repository": "EleutherAI/pythia-70m",
    "commit": "b" * 40,
    "files": [FILE | {"step": None}],
}


def test_weights_are_pinned_if_every_byte_is():
    assert pinned([MANIFEST], {"pythia-70m": [PIN]}) == {"pythia-70m"}
    assert pinned([MANIFEST], {}) == frozenset()
    assert pinned([], {"pythia-70m": [PIN]}) == frozenset()
    assert pinned([MANIFEST | {"entry": "other"}], {"pythia-70m": [PIN]}) == frozenset()


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("repository",), "someone/pythia-70m"),
        (("commit",), "c" * 40),
        (("commit",), None),
        (("files", 0, "sha256"), "c" * 64),
        (("files", 0, "path"), "other.safetensors"),
        (("files", 0, "bytes"), 11),
        (("files",), []),
        (("files",), [FILE, FILE | {"path": "second.safetensors"}]),
    ],
)
def test_anything_else_is_not_pinned(place, value):
    for document in (MANIFEST, PIN):
        changed = copy.deepcopy(document)
        part = changed
        for key in place[:-1]:
            part = part[key]
        part[place[-1]] = value
        manifest, pin = (changed, PIN) if document is MANIFEST else (MANIFEST, changed)
        assert pinned([manifest], {"pythia-70m": [pin]}) == frozenset(), (place, value)


def test_two_parts_make_an_entry_and_a_digest_of_git_proves_nothing():
    second = FILE | {"path": "second.safetensors"}
    pin = PIN | {"files": [FILE, second]}
    parts = [MANIFEST, MANIFEST | {"files": [second]}]
    assert pinned(parts, {"pythia-70m": [pin]}) == {"pythia-70m"}
    assert pinned(parts[:1], {"pythia-70m": [pin]}) == frozenset()
    blob = {"path": "model.safetensors", "bytes": 10, "blob": "d" * 40}
    assert pinned([MANIFEST], {"pythia-70m": [PIN | {"files": [blob]}]}) == frozenset()
    gone = {"repository": "EleutherAI/pythia-70m", "revision": "step0", "available": False}
    assert pinned([MANIFEST], {"pythia-70m": [PIN, gone]}) == {"pythia-70m"}


# Published sizes.


def weights_of(entry: paper.Entry) -> int:
    """Count all weights of a model from its shapes, as published configurations give them."""
    width, query, key = entry.width, entry.heads * entry.head_width, entry.key_heads * entry.head_width
    if entry.family == "Pythia":
        block = (
            3 * width**2
            + width**2
            + 2 * width * entry.hidden
            + 3 * width
            + width
            + entry.hidden
            + width
            + 4 * width
        )
        return entry.layers * block + 2 * entry.vocabulary * width + 2 * width
    block = 2 * width * query + 2 * width * key + 3 * width * entry.hidden
    norms = {"OLMo-1": 0, "OLMo-2": 4 * width}.get(entry.family, 2 * width)
    biases = {"Qwen2": query + 2 * key, "Qwen2.5": query + 2 * key, "Qwen3": 2 * entry.head_width}.get(
        entry.family, 0
    )
    vocabulary = 50304 if entry.family == "OLMo-1" else entry.vocabulary
    outer = (1 if entry.tied else 2) * vocabulary * width + (0 if entry.family == "OLMo-1" else width)
    return entry.layers * (block + norms + biases) + outer


def test_sizes_of_checkpoints_are_those_of_their_weights():
    for row in checkpoints.read():
        entry = paper.entries()[row.entry]
        held = weights_of(entry) * {"F32": 4}.get(row.dtype, 2)
        if entry.family == "Pythia" and row.dtype == "F16":
            held += entry.layers * (
                2048 * 2048 + 2 + entry.head_width // 8 * 2
            )  # causal mask, its value, frequencies
        allowance = 300_000 if row.basis == "file" else 0
        assert 0 <= row.bytes - held <= allowance, row
        assert row.repository == entry.repository
    sizes = {row.entry: row.bytes for row in checkpoints.read() if row.revision == "main"}
    assert set(sizes) == set(paper.entries())
    # "15 non-Pythia terminals 212 GB", "14 revisions x 5 sizes = 286 GB": the facts of the checkpoints.
    others = [size for key, size in sizes.items() if not key.startswith("pythia")]
    assert sum(others) / 1e9 == pytest.approx(212, abs=1)
    steps = [row.bytes for row in checkpoints.read() if row.step is not None]
    assert len(steps) == 70
    assert round(sum(steps) / 1e9) == 286


def test_what_would_decide_is_told_with_revision_and_bytes():
    told = described([Need("weights", "pythia-70m", 0), Need("weights", "pythia-70m", 1)])
    assert told == "pythia-70m (EleutherAI/pythia-70m at step0, step1, 563 MB)"
    told = described([Need("weights", "mistral-7b"), Need("file", "a.csv"), Need("file", "a.csv")])
    assert told == "mistral-7b (mistralai/Mistral-7B-v0.1 at main, 14.48 GB); file a.csv"
    steps = [Need("weights", "pythia-1b", step) for step in checkpoints.steps("pythia-1b")]
    assert described(steps) == (
        "pythia-1b (EleutherAI/pythia-1b at 14 revisions from step0 to step143000, 56.66 GB)"
    )
    assert "no known revision at step 7" in described([Need("weights", "mistral-7b", 7)])


def test_the_pins_that_are_committed_fit_their_contract():
    """None is committed until it was made against the real Hub."""
    for path in (Path(__file__).parents[2] / "cohorts").glob("*.pins.json"):
        assert json.loads(path.read_text(encoding="utf-8"))["entries"]


def test_a_null_that_rests_on_others_weights_is_none(results):
    value = 'cell("table_2", "median", entry="pythia-160m")'
    for entry, expected in (("pythia-160m", 4.2), ("pythia-70m", None)):
        null = f'cell("table_2", "median_null", entry="{entry}", pool="transmission")'
        reading = Reading("T2.pythia-160m.median", "literal", "weights", value, null, "Note.")
        assert Evaluator(Sources(results)).evaluated(reading).null == expected


def test_what_pools_all_blocks_is_not_a_block(results):
    made = replace(results, paths={"moments": Path("moments.parquet")})
    made._loaded["moments"] = [
        {"entry": "lab-70m", "block": block, "mean": block / 4} for block in (-1, 0, 1)
    ]
    assert made.cells("moments", "mean", entry="pythia-70m") == (0.0, 0.25)
    assert made.cell("moments", "mean", entry="pythia-70m", block=-1) == -0.25
    with pytest.raises(MissingData):
        made.cell("moments", "mean", entry="pythia-160m")
    with pytest.raises(UnknownReference, match="no column 'component'"):
        made.cells("moments", "mean", entry="pythia-70m", component="o")
