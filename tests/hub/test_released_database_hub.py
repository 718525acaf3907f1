"""The released database through the Hub's client: fetched, checked, and named after the edition that it is."""

import hashlib
import json

import pytest
import yaml
from hub_bench import REPOSITORY, Bench, Run
from jsonschema import Draft202012Validator

from weightfit.audit.database.released import editions, file_name
from weightfit.hub.released_database import table_name

HEADER = b"entry_id,k_median_o\n"
KNOWN, COHORT, NEWER = (
    HEADER + b"pythia-70m,1.16\n",
    HEADER + b"qwen3-8b,1.18\n",
    HEADER + b"pythia-70m,1.17\n",
)
FILES = ["DATABASE_v9_1.csv", "DATABASE_v9_1_qwen_cohort.csv"]
NAMES = ["DATABASE_v9_1.2026-08.csv", "DATABASE_v9_1_qwen_cohort.csv"]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def settings(**changed: object) -> dict[str, object]:
    known = dict(zip(map(sha256, (KNOWN, COHORT)), NAMES, strict=True))
    return {"repository": "lab/tables", "revisions": ["main"], "files": FILES, "tables": known} | changed


def serve(bench: Bench, table: bytes = KNOWN) -> str:
    contents = dict(zip(FILES, (table, COHORT), strict=True)) | {"README.md": b"not asked for"}
    return bench.hub.add("lab/tables", contents, kind="dataset")


def fetch(bench: Bench, **changed: object) -> Run:
    where = bench.folder / "settings.yaml"
    where.write_text(yaml.safe_dump(settings(**changed)))
    log = bench.folder / "run.log"
    arguments = ["--settings", str(where), "--folder", str(bench.folder / "tables"), "--log", str(log)]
    return bench.finish(bench.start("released_database", *arguments), log)


def tables(bench: Bench) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (bench.folder / "tables").glob("*.csv")}


def test_known_tables_take_the_names_that_the_audit_looks_for(bench: Bench) -> None:
    commit = serve(bench)
    run = fetch(bench)
    assert run.status == 0, run.sentence
    assert tables(bench) == dict(zip(NAMES, (KNOWN, COHORT), strict=True))
    assert editions(bench.folder / "tables") == ["2026-08"]
    manifest = json.loads((bench.folder / "tables/fetched/main.json").read_text())
    assert (manifest["commit"], manifest["settings"]["kind"]) == (commit, "dataset")
    assert [file["sha256"] for file in manifest["files"]] == [sha256(KNOWN), sha256(COHORT)]


def test_what_was_fetched_is_not_fetched_again(bench: Bench) -> None:
    serve(bench)
    fetch(bench)
    before = len(bench.hub.requests)
    assert fetch(bench).status == 0
    assert len(bench.hub.requests) - before == 1
    assert sorted(tables(bench)) == NAMES


def test_a_newer_table_does_not_pass_for_a_known_edition(bench: Bench) -> None:
    serve(bench)
    fetch(bench)
    commit = serve(bench, NEWER)
    run = fetch(bench)
    assert "moved from commit" in run.output
    assert tables(bench) == {f"DATABASE_v9_1.{commit[:12]}.csv": NEWER, NAMES[1]: COHORT}


def test_an_older_edition_is_fetched_by_its_commit(bench: Bench) -> None:
    old = serve(bench)
    new = serve(bench, NEWER)
    assert fetch(bench, revisions=["main", old]).status == 0
    assert set(tables(bench)) == {*NAMES, f"DATABASE_v9_1.{new[:12]}.csv"}


def test_a_data_set_that_is_gone_ends_the_run_in_a_sentence(bench: Bench) -> None:
    run = fetch(bench)
    assert run.status == 1
    assert run.sentence.startswith("DownloadFailed: lab/tables: ")
    assert tables(bench) == {}


def test_a_file_that_is_not_there_is_named(bench: Bench) -> None:
    serve(bench)
    run = fetch(bench, files=["other.csv"])
    assert (run.status, tables(bench)) == (1, {})
    assert "lab/tables at main: there is no other.csv" in run.sentence


def test_names() -> None:
    assert table_name("a/T.csv", "s", "0123456789abcdef", {"s": "known.csv"}) == "known.csv"
    assert table_name("a/T.csv", "s", "0123456789abcdef", {}) == "T.0123456789ab.csv"


def test_the_settings_obey_their_schema_and_name_the_tables_at_hand() -> None:
    schema, document = (
        yaml.safe_load((REPOSITORY / name).read_text(encoding="utf-8"))
        for name in ("workflow/schemas/released_database.schema.yaml", "paper/released_database.yaml")
    )
    Draft202012Validator(schema).validate(document)
    assert {file_name("2026-05"), file_name("2026-08"), file_name("qwen")} == set(document["tables"].values())
    folder = REPOSITORY.parent / "shared/released_database"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there: digests are not compared")
    assert document["tables"] == {sha256(path.read_bytes()): path.name for path in folder.glob("*.csv")}
