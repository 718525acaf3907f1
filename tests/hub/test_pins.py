"""Pins: one call for each revision, the right files, what moved, and what is refused."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from hub_bench import BEARER, REPOSITORY, Bench, file_pin

from weightfit.hub.errors import StalePins
from weightfit.hub.pin_file import foreign, parts, read_pins
from weightfit.hub.repository import HubSource, Part
from weightfit.paper import predictions_digest

CONFIG = b"{}\n"
SINGLE = {"model.safetensors": b"single", "config.json": CONFIG}
SHARDS = {"model-00001-of-00002.safetensors": b"first", "model-00002-of-00002.safetensors": b"second"}
BINARIES = {"pytorch_model-00001-of-00002.bin": b"1", "pytorch_model-00002-of-00002.bin": b"2"}
MODEL = {"repository": "lab/model", "revisions": {"main": None}}
SAID = f"paper/predictions.tsv has sha256 {predictions_digest()}"


def index(files: Mapping[str, bytes], **changed: object) -> bytes:
    names = {f"tensor.{number}": name for number, name in enumerate(files)}
    return json.dumps({"metadata": {"total_size": 11}, "weight_map": names | changed}).encode()


INDEX = "model.safetensors.index.json"
SHARDED = SHARDS | {INDEX: index(SHARDS), "config.json": CONFIG}
BINARY = BINARIES | {"pytorch_model.bin.index.json": index(BINARIES), "config.json": CONFIG}


def test_what_is_written(bench: Bench) -> None:
    commit = bench.hub.add(
        "lab/model", SINGLE | {"README.md": b"#\n", "pytorch_model.bin": b"of other bytes"}
    )
    run = bench.pins({"model": MODEL})
    assert run.status == 0
    assert bench.pinned() == {
        "cohort": "cohort",
        "endpoint": bench.hub.endpoint,
        "predictions": predictions_digest(),
        "entries": {
            "model": [
                {
                    "kind": "model",
                    "repository": "lab/model",
                    "revision": "main",
                    "step": None,
                    "available": True,
                    "commit": commit,
                    "files": [file_pin("model.safetensors", b"single")],
                    "beside": [file_pin("config.json", CONFIG)],
                }
            ]
        },
    }
    lines = [
        f"model main: pinned, commit {commit}, 1 files, 0.000 GB",
        "1 revisions, 1 files, 0.000 GB; 1 changed, 0 unavailable",
        SAID,
        *foreign(bench.hub.endpoint),
    ]
    assert "not at https://huggingface.co: the audit does not take" in lines[-1]
    assert run.output.splitlines() == run.log.splitlines() == lines
    assert bench.hub.seen() == ["api 200"]
    assert bench.hub.requests[0].path == "/api/models/lab/model/revision/main?blobs=true"
    assert sorted(path.name for path in bench.folder.iterdir()) == ["cohort.pins.json", "pins.log"]


@pytest.mark.parametrize(
    ("files", "weights", "beside"),
    [
        (SINGLE, ["model.safetensors"], ["config.json"]),
        ({"model.safetensors": b"x"}, ["model.safetensors"], []),
        (SHARDED, sorted(SHARDS), ["config.json", INDEX]),
        # As transformers chooses: the single file before the index, safetensors before .bin.
        (SHARDED | SINGLE, ["model.safetensors"], ["config.json"]),
        (BINARY | SINGLE, ["model.safetensors"], ["config.json"]),
        (SHARDED | BINARY, sorted(SHARDS), ["config.json", INDEX]),
        (BINARY, sorted(BINARIES), ["config.json", "pytorch_model.bin.index.json"]),
        ({"pytorch_model.bin": b"x", **BINARY}, ["pytorch_model.bin"], ["config.json"]),
        # The same weights again, of another kind, which no index names.
        (
            SHARDED | {"consolidated.safetensors": b"x", "original/x.bin": b"x"},
            sorted(SHARDS),
            ["config.json", INDEX],
        ),
    ],
)
def test_which_files_are_the_weights(
    bench: Bench, files: dict[str, bytes], weights: list[str], beside: list[str]
) -> None:
    bench.hub.add("lab/model", files)
    assert bench.pins({"model": MODEL}).status == 0
    (found,) = bench.pinned()["entries"]["model"]
    assert [file["path"] for file in found["files"]] == weights
    assert [file["path"] for file in found["beside"]] == beside
    assert found["files"] == [file_pin(name, files[name]) for name in weights]
    assert bench.hub.seen() == ["api 200"] + ["head 200", "get 200"] * any("index" in name for name in beside)


WHERE = "lab/model at main"


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"README.md": b"#"}, f"UnusableRepository: {WHERE}: there is no model.safetensors or "
         "model.safetensors.index.json or pytorch_model.bin or pytorch_model.bin.index.json: use another repository "
         "or revision"),
        ({INDEX: index(SHARDS), "model-00001-of-00002.safetensors": b"first"}, f"UnusableRepository: {WHERE}: {INDEX} "
         "names model-00002-of-00002.safetensors, which is not there: use another revision"),
        (SHARDS | {INDEX: index(SHARDS, z="../x.safetensors")}, f"MalformedCheckpoint: {WHERE}: {INDEX}: tensor 'z' is "
         "said to be in '../x.safetensors', which is no name of a .safetensors file in the same folder: fetch "
         "it again, or use another revision"),
        (SHARDS | {INDEX: index(SHARDS, z="pytorch_model.bin")}, f"MalformedCheckpoint: {WHERE}: {INDEX}: tensor 'z' "
         "is said to be in 'pytorch_model.bin', which is no name of a .safetensors file in the same folder: fetch "
         "it again, or use another revision"),
        (SHARDS | {INDEX: b"{}"}, f"MalformedCheckpoint: {WHERE}: {INDEX}: there is no weight_map with tensors: fetch "
         "it again, or use another revision"),
        (SHARDS | {INDEX: b"<html>"}, f"MalformedCheckpoint: {WHERE}: {INDEX} is not JSON (Expecting value: line 1 "
         "column 1 (char 0)): fetch it again"),
    ],
)  # fmt: skip
def test_a_repository_without_a_checkpoint(bench: Bench, files: dict[str, bytes], sentence: str) -> None:
    bench.hub.add("lab/model", files)
    run = bench.pins({"model": MODEL})
    assert (run.status, run.sentence, bench.left()) == (1, sentence, [])


def test_a_weight_file_without_sha256(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub_contents.LFS_ENDINGS", ())
    bench.hub.add("lab/model", SINGLE)
    run = bench.pins({"model": MODEL})
    assert run.sentence == (
        f"UnusableRepository: {WHERE}: the Hub states no sha256 of model.safetensors, so it cannot be checked: use "
        "another repository or revision"
    )


def test_steps_in_the_order_of_the_cohort_file(bench: Bench) -> None:
    for step in (0, 1, 512):
        bench.hub.add("lab/model", {"model.safetensors": b"%d" % step}, f"step{step}")
    steps = {"step0": 0, "step512": 512, "step1": 1}
    bench.pins({"model": MODEL | {"revisions": steps}, "again": MODEL | {"revisions": {"step1": None}}})
    found = bench.pinned()["entries"]["model"]
    assert {revision["revision"]: revision["step"] for revision in found} == steps
    assert bench.hub.seen() == ["api 200"] * 4


def test_the_same_again_changes_no_byte(bench: Bench) -> None:
    bench.hub.add("lab/model", SHARDED)
    bench.pins({"model": MODEL})
    before = (bench.folder / "cohort.pins.json").read_bytes()
    run = bench.pins({"model": MODEL})
    assert run.output.splitlines()[0] == "1 revisions, 2 files, 0.000 GB; 0 changed, 0 unavailable"
    assert (bench.folder / "cohort.pins.json").read_bytes() == before


def test_predictions_are_recorded_and_a_change_is_told(bench: Bench) -> None:
    """A pin file of an earlier version records none, which is no change."""
    bench.hub.add("lab/model", SHARDED)
    path = bench.folder / "cohort.pins.json"
    assert SAID in bench.pins({"model": MODEL}).output.splitlines()
    now = bench.pinned()
    earlier = {key: value for key, value in now.items() if key != "predictions"}
    for before, told in ((now, 0), (now | {"predictions": "0" * 64}, 1), (earlier, 0)):
        path.write_text(json.dumps(before))
        lines = bench.pins({"model": MODEL}).output.splitlines()
        assert sum("paper/predictions.tsv has changed since" in line for line in lines) == told
        assert bench.pinned() == now


def test_what_moved_is_reported(bench: Bench) -> None:
    sources = {
        "a": {"repository": "lab/a", "revisions": {"main": None, "step1": 1}},
        "b": {"repository": "lab/b", "revisions": {"main": None}},
        "c": {"repository": "lab/c", "revisions": {"main": None}},
    }
    old = bench.hub.add("lab/a", SINGLE)
    bench.hub.add("lab/a", {"model.safetensors": b"x"}, "step1")
    older = bench.hub.add("lab/b", SINGLE)
    kept = bench.hub.add("lab/c", SINGLE)
    bench.pins(sources)
    before = bench.pinned()["entries"]["c"]
    new = bench.hub.add("lab/a", SINGLE | {"model.safetensors": b"new"})
    newer = bench.hub.add("lab/b", SINGLE | {"README.md": b"#"})
    del bench.hub.repositories["model", "lab/c"]
    del sources["a"]["revisions"]["step1"]
    run = bench.pins(sources)
    reason = "lab/c at main does not exist or is private (404)"
    remedy = "correct its name or set HF_TOKEN to a token that may read it"
    assert run.output.splitlines()[:-1] == [
        f"c main: stays pinned to commit {kept}; now {reason}: {remedy}",
        f"a main: moved from commit {old} to {new}, other weights",
        f"b main: moved from commit {older} to {newer}, the same weights",
        "a step1: no longer asked for",
        "3 revisions, 3 files, 0.000 GB; 3 changed, 0 unavailable",
        SAID,
    ]
    assert bench.pinned()["entries"]["c"] == before


def test_what_was_never_there_is_recorded_until_it_is(bench: Bench) -> None:
    sources = {"c": {"repository": "lab/c", "revisions": {"main": None}}}
    reason = "lab/c at main does not exist or is private (404)"
    remedy = "correct its name or set HF_TOKEN to a token that may read it"
    assert bench.pins(sources).output.splitlines()[0] == f"c main: unavailable, {reason}: {remedy}"
    assert bench.pinned()["entries"]["c"][0] == {
        "kind": "model",
        "repository": "lab/c",
        "revision": "main",
        "step": None,
        "available": False,
        "reason": reason,
        "remedy": remedy,
    }
    bench.hub.add("lab/c", SINGLE)
    assert "c main: pinned, commit" in bench.pins(sources).output


def test_another_repository_is_reported(bench: Bench) -> None:
    bench.hub.add("lab/model", SINGLE)
    bench.hub.add("lab/mirror", SINGLE)
    bench.pins({"model": MODEL})
    run = bench.pins({"model": MODEL | {"repository": "lab/mirror"}})
    assert run.output.splitlines()[0] == "model main: moved from lab/model to lab/mirror, 1 files, 0.000 GB"


def test_pins_that_are_damaged_are_replaced(bench: Bench) -> None:
    bench.hub.add("lab/model", SINGLE)
    path = bench.folder / "cohort.pins.json"
    path.write_text('{"cohort": "cohort"}')
    run = bench.pins({"model": MODEL})
    assert run.status == 0 and "is a required property: it is replaced" in run.log
    assert bench.pinned()["entries"]["model"][0]["available"]


@pytest.mark.parametrize("bearer", ["", BEARER])
def test_a_gated_repository_is_a_result(bench: Bench, bearer: str) -> None:
    bench.hub.add("lab/model", SINGLE)
    bench.hub.add("lab/gated", SINGLE, gated=True)
    gated = {"repository": "lab/gated", "revisions": {"main": None}, "mirror": "other/model"}
    run = bench.pins({"gated": gated, "model": MODEL}, HF_TOKEN=bearer)
    assert (run.status, bench.hub.seen()) == (0, [f"api {403 if bearer else 401}"] * 2 + ["api 200"])
    found = bench.pinned()["entries"]
    assert found["model"][0]["available"]
    assert "lab/gated at main is gated" in found["gated"][0]["reason"]
    assert found["gated"][0]["remedy"].endswith(
        "or name its mirror other/model as the repository in the cohort file"
    )


def test_a_missing_revision_is_a_result(bench: Bench) -> None:
    bench.hub.add("lab/model", SINGLE)
    run = bench.pins({"model": MODEL | {"revisions": {"main": None, "step7": 7}}})
    assert (run.status, bench.hub.seen()) == (0, ["api 200", "api 404", "api 404"])
    assert bench.pinned()["entries"]["model"][1]["reason"] == "lab/model at step7 does not exist (404)"


def test_an_index_that_is_gated_although_the_list_is_not(bench: Bench) -> None:
    bench.hub.add("lab/model", SHARDED)
    bench.hub.fault("head", "status", status=403, times=None, headers={"X-Error-Code": "GatedRepo"})
    assert bench.pins({"model": MODEL}).status == 0
    assert bench.pinned()["entries"]["model"][0]["available"] is False


FAULTS = [
    ("429", {"kind": "status", "status": 429, "headers": {"RateLimit": '"api";r=0;t=0'}}, ["api 429", "api 200"], ""),
    ("500 then good", {"kind": "status", "times": 5}, ["api 500"] * 5 + ["api 200"], ""),
    ("500 for ever", {"kind": "status", "times": None}, ["api 500"] * 6, f"DownloadFailed: {WHERE}: the server answers "
     "500 (6 tries without progress): check the network and run the same command again"),
    ("silence", {"kind": "stall", "seconds": 5}, ["api 0", "api 200"], ""),
    ("a page", {"kind": "page", "times": None}, ["api 200"] * 2, f"DownloadFailed: {WHERE}: the answer is not that of "
     "the Hub's API: check HF_ENDPOINT and proxies"),
    ("a page once", {"kind": "page"}, ["api 200"] * 2, ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "seen", "sentence"), [case[1:] for case in FAULTS], ids=[case[0] for case in FAULTS]
)
def test_a_fault_of_the_api(bench: Bench, fault: dict[str, Any], seen: list[str], sentence: str) -> None:
    bench.hub.add("lab/model", SINGLE)
    (bench.folder / "cohort.pins.json").write_text("{}")
    bench.hub.fault("api", **fault)
    run = bench.pins({"model": MODEL})
    assert (run.status, run.sentence, bench.hub.seen()) == (1 if sentence else 0, sentence, seen)
    assert bench.left() == ["cohort.pins.json"]
    assert (bench.pinned() == {}) is bool(sentence)  # what is there stays until the new one is whole


def test_two_revisions_with_equal_weights_are_refused(bench: Bench) -> None:
    bench.hub.add("lab/model", SHARDED, "step0")
    bench.hub.add("lab/model", SHARDED | {"model-00001-of-00002.safetensors": b"other"}, "step1")
    bench.hub.add("lab/other", SHARDED, "step1")
    source = MODEL | {"revisions": {"step0": 0, "step1": 1}}
    other = {"repository": "lab/other", "revisions": {"step1": 1}}
    run = bench.pins({"model": source, "other": other})
    digest = file_pin("x.bin", b"second")["sha256"]
    assert (run.status, bench.left()) == (1, [])
    assert run.sentence == (
        f"EqualRevisions: lab/model: step0 and step1 have the same weights (sha256 {digest}), so one of them holds the "
        "wrong ones: leave one out, or declare them as equal in the cohort file if that is known"
    )
    assert bench.pins({"model": source, "other": other | {"equal": [["step0", "step1"]]}}).status == 1
    assert bench.pins({"model": source | {"equal": [["step1", "step0"]]}, "other": other}).status == 0


def test_what_was_expected_gives_a_note(bench: Bench) -> None:
    commit = bench.hub.add("lab/model", SINGLE)
    sha256 = file_pin("model.safetensors", b"single")["sha256"]
    expected = {"commit": commit, "sha256": {"model.safetensors": sha256}}
    assert "note" not in bench.pins({"model": MODEL | {"expected": {"main": expected}}}).output
    other = {"commit": "0" * 40, "sha256": {"model.safetensors": "0" * 64, "absent.safetensors": "1" * 64}}
    run = bench.pins({"model": MODEL | {"expected": {"main": other}}})
    assert run.status == 0
    assert run.output.splitlines()[:3] == [
        f"note: model main: commit {commit}, expected {'0' * 40}",
        f"note: model main: absent.safetensors has sha256 None, expected {'1' * 64}",
        f"note: model main: model.safetensors has sha256 {sha256}, expected {'0' * 64}",
    ]


TABLES = {
    "repository": "lab/tables",
    "kind": "dataset",
    "revisions": {"main": None},
    "files": ["b.csv", "a/a.csv"],
}


def test_a_data_set(bench: Bench) -> None:
    files = {"a/a.csv": b"a\n", "b.csv": b"b\n", "c.csv": b"c\n"}
    bench.hub.add("lab/tables", files, kind="dataset")
    assert bench.pins({"tables": TABLES}).status == 0
    (found,) = bench.pinned()["entries"]["tables"]
    assert (found["files"], found["beside"]) == (
        [file_pin(name, files[name]) for name in ("a/a.csv", "b.csv")],
        [],
    )
    assert bench.hub.requests[0].path == "/api/datasets/lab/tables/revision/main?blobs=true"
    run = bench.pins({"tables": TABLES | {"files": ["d.csv"]}})
    assert (
        run.sentence == "UnusableRepository: lab/tables at main: there is no d.csv: correct the cohort file"
    )


# The pins as the graph of jobs reads them.


def read(bench: Bench, sources: Mapping[str, Any]) -> list[Part]:
    known = {entry: HubSource.of(settings) for entry, settings in sources.items()}
    return parts(read_pins(bench.folder / "cohort.pins.json", "cohort=paper", known), known)


def test_the_parts_of_a_cohort(bench: Bench) -> None:
    bench.hub.add("lab/model", SHARDED)
    sources = {
        "model": MODEL,
        "gone": {"repository": "lab/gone", "revisions": {"main": 5}, "mirror": "lab/mirror"},
    }
    bench.pins(sources)
    first, second, gone = read(bench, sources)
    assert [[file.path for file in part.source.files] for part in (first, second, gone)] == [
        [n] for n in SHARDS
    ] + [[]]
    assert [part.id for part in (first, second, gone)] == [
        "model/main/model-00001-of-00002",
        "model/main/model-00002-of-00002",
        "gone/main/unavailable",
    ]
    assert (gone.entry, gone.mirror, gone.source.step, gone.source.available) == (
        "gone",
        "lab/mirror",
        5,
        False,
    )
    for number, part in enumerate((first, second, gone)):
        assert Part.of(json.loads(json.dumps(part.described()))) == part
        assert bench.download(part.described(), name=f"part{number}").status == 0
    assert (bench.folder / "part1/model-00002-of-00002.safetensors").read_bytes() == b"second"
    assert (bench.folder / f"part1/{INDEX}").read_bytes() == SHARDED[INDEX]
    assert bench.manifest("part2")["reason"] == "lab/gone at main does not exist or is private (404)"


def test_pins_that_are_missing(bench: Bench) -> None:
    with pytest.raises(StalePins) as refusal:
        read(bench, {"model": MODEL})
    assert str(refusal.value) == (
        f"{bench.folder / 'cohort.pins.json'}: what cohort=paper needs from the Hub is not pinned: run `snakemake "
        "--cores 1 pins --config cohort=paper`"
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"model": MODEL | {"repository": "lab/other"}},
        {"model": MODEL | {"kind": "dataset"}},
        {"model": MODEL | {"revisions": {"main": 0}}},
        {"model": MODEL | {"revisions": {"main": None, "step1": 1}}},
        {"model": MODEL | {"files": ["other.csv"]}},
        {"model": MODEL, "other": MODEL},
    ],
)
def test_pins_of_another_cohort_file(bench: Bench, changed: Mapping[str, Any]) -> None:
    bench.hub.add("lab/model", SINGLE)
    bench.pins({"model": MODEL})
    assert len(read(bench, {"model": MODEL})) == 1
    with pytest.raises(
        StalePins,
        match=r"is not what is asked for: run `snakemake --cores 1 pins --config cohort=paper`",
    ):
        read(bench, changed)


def test_pins_of_entries_that_are_no_longer_there_do_not_matter(bench: Bench) -> None:
    bench.hub.add("lab/model", SINGLE)
    bench.pins({"model": MODEL, "other": MODEL})
    assert [part.entry for part in read(bench, {"other": MODEL})] == ["other"]


REVISION = {
    "kind": "model",
    "repository": "lab/model",
    "revision": "main",
    "step": None,
    "available": True,
    "commit": "0" * 40,
    "files": [{"path": "model.safetensors", "bytes": 1, "sha256": "0" * 64}],
    "beside": [],
}
GONE = {key: REVISION[key] for key in ("kind", "repository", "revision", "step")} | {"available": False}
FILE = REVISION["files"][0]


def validated(bench: Bench, revision: object) -> None:
    document = {"cohort": "cohort", "endpoint": "https://hub.example", "entries": {"model": [revision]}}
    (bench.folder / "cohort.pins.json").write_text(json.dumps(document))
    read(bench, {"model": MODEL})


@pytest.mark.parametrize(
    "revision",
    [
        REVISION | {"commit": "main"},
        REVISION | {"commit": "0" * 40 + "\n"},
        REVISION | {"step": -1},
        REVISION | {"kind": "space"},
        REVISION | {"repository": "model"},
        REVISION | {"extra": 1},
        REVISION | {"files": []},
        REVISION | {"files": [FILE | {"path": "../x"}]},
        REVISION | {"files": [FILE | {"path": "/x"}]},
        REVISION | {"files": [FILE | {"path": "a/.hidden"}]},
        REVISION | {"files": [FILE | {"bytes": -1}]},
        REVISION | {"files": [FILE | {"sha256": "0" * 63}]},
        REVISION | {"files": [FILE | {"blob": "0" * 40}]},
        REVISION | {"files": [{"path": "x", "bytes": 1}]},
        REVISION | {"reason": "gone"},
        {key: value for key, value in REVISION.items() if key != "beside"},
        GONE,
        GONE | {"reason": "it is gated", "remedy": ""},
        GONE | {"reason": "it is gated", "remedy": "accept", "commit": "0" * 40},
    ],
)
def test_pins_that_break_their_schema(bench: Bench, revision: object) -> None:
    with pytest.raises(StalePins, match=r"entries\.model\.0.*run `snakemake --cores 1 pins"):
        validated(bench, revision)


def test_pins_that_keep_their_schema(bench: Bench) -> None:
    validated(bench, REVISION)
    validated(bench, GONE | {"reason": "it is gated", "remedy": "accept the licence"})


def test_every_key_of_the_schema_is_explained() -> None:
    schema = yaml.safe_load((REPOSITORY / "workflow/schemas/pins.schema.yaml").read_text())
    revision = schema["properties"]["entries"]["additionalProperties"]["items"]["properties"]
    known = set(REVISION) | {"reason", "remedy"}
    assert known == revision.keys()
    assert all("description" in law for key, law in revision.items() if key != "repository")
