"""`weightfit analyze ORG/NAME`: the numbers of the files, one file at a time, going on after faults."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hub_bench import REPOSITORY, Bench
from small_checkpoint import checkpoint, shard

FAMILY = "qwen-2"


def start(bench: Bench, *arguments: str) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-m",
        "weightfit",
        "analyze",
        *arguments,
        "--cache",
        str(bench.folder / "cache"),
    ]
    process = subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=bench.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    bench.processes.append(process)
    return process


def finish(bench: Bench, *arguments: str) -> tuple[int, str, str]:
    process = start(bench, *arguments)
    out, err = process.communicate(timeout=120)
    assert "Traceback" not in err
    return process.returncode, out, err


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkpoint in two files."""
    made = checkpoint(tmp_path / "source", FAMILY)
    shard(made, FAMILY)
    return made


def test_a_killed_analysis_goes_on_and_gives_the_numbers_of_the_files(bench: Bench, folder: Path) -> None:
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    commit = bench.hub.add("lab/model", files)
    bench.hub.fault("cdn", "stall", path="model-1", at=1000, seconds=60)
    process = start(bench, "lab/model", "--csv")
    kept = bench.folder / "cache/lab--model" / commit
    until = time.monotonic() + 60
    while not list(kept.glob(".model-1.unfinished/*")) and time.monotonic() < until:
        time.sleep(0.05)
    assert (kept / "model-0.parquet").is_file()
    assert not (kept / "model-0").exists()  # counted, so the weights are gone before the next file is fetched
    process.kill()
    process.communicate()
    bench.hub.faults.clear()
    bench.hub.requests.clear()
    status, out, err = finish(bench, "lab/model", "--csv")
    assert status == 0
    assert "model-0.safetensors: counted by an earlier call" in err
    assert not any("model-0.safetensors" in request.path for request in bench.hub.requests)
    local = subprocess.run(
        [sys.executable, "-m", "weightfit", str(folder), "--csv"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert out == local.stdout
    assert not list(kept.rglob("*.safetensors"))
    # The histograms are kept: the next call asks for the commit and the index alone.
    bench.hub.requests.clear()
    status, out, _ = finish(bench, f"lab/model@{commit}", "--json")
    assert "cdn" not in {request.where for request in bench.hub.requests}
    document = json.loads(out)
    assert document["model"]["origin"] == f"lab/model on the Hub, commit {commit}"
    assert [file["path"] for file in document["model"]["files"]] == sorted(
        name for name in files if re.fullmatch(r"model-\d\.safetensors", name)
    )
    assert document["coverage"]["left_out"] == {"bias": 6, "embedding": 1}


def test_what_cannot_be_had_is_told_in_one_sentence(bench: Bench) -> None:
    bench.hub.add("lab/closed", {"model.safetensors": b"closed"}, gated=True)
    told = {
        "lab/closed": "lab/closed at main is gated and this token has no access (403): accept the licence on its page",
        "lab/nothing": "lab/nothing ",
    }
    for name, words in told.items():
        status, out, err = finish(bench, name)
        assert (status, out) == (1, "")
        print(err)
        assert err.splitlines()[-1].startswith(words)
