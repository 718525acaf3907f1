"""What a cohort costs: to the byte where it is pinned, as an estimate from the paper's tables elsewhere."""

import json
import subprocess
import sys

import pytest
from hub_bench import REPOSITORY

from weightfit.hub.cost import Cost, costs, described
from weightfit.hub.repository import FilePin, HubSource, Revision

SOURCE = HubSource("EleutherAI/pythia-70m", {"step0": 0, "step143000": 143000})
GIGABYTE = 10**9


def revision(name, *sizes):
    files = tuple(FilePin(f"model-{n}.safetensors", size, "0" * 64, None) for n, size in enumerate(sizes))
    return Revision("model", "a/b", name, None, "c" * 40, files)


def test_pins_are_counted_to_the_byte():
    pins = {"a": [revision("x", 3 * GIGABYTE, GIGABYTE), revision("y", 2 * GIGABYTE)]}
    (cost,) = costs({"a": SOURCE}, {"a": None}, pins)
    assert cost == Cost("a", 2, 3, (3 * GIGABYTE, GIGABYTE, 2 * GIGABYTE), "pinned", "")
    lines = described([cost], 2)
    assert lines[1].split() == ["a", "2", "3", "6.000", "3.000", "pinned"]
    assert lines[-2:] == [
        "1 entries from the Hub, 6.00 GB to fetch",
        "on disk at once with 2 cores: at most 2 files, 5.00 GB; none of them stays",
    ]


def test_what_cannot_be_had_is_told_with_its_remedy():
    gone = Revision("model", "a/b", "x", None, None, reason="a/b is gated", remedy="accept the licence")
    (cost,) = costs({"a": SOURCE}, {"a": None}, {"a": [gone]})
    assert (cost.files, cost.sizes, cost.note) == (0, (), "a/b is gated: accept the licence")


def test_what_is_not_pinned_is_estimated_from_the_papers_tables():
    """EleutherAI/pythia-70m: a step is 281,706,496 bytes of F32 tensors."""
    (cost,) = costs({"a": SOURCE}, {"a": "pythia-70m"}, None)
    assert cost == Cost("a", 2, None, (281_706_496,) * 2, "estimated", "")


def test_an_estimate_names_a_licence_that_must_be_granted():
    source = HubSource("meta-llama/Meta-Llama-3-8B", {"main": None})
    (cost,) = costs({"a": source}, {"a": "llama-3-8b"}, None)
    assert cost.note == "access must be granted"


def test_what_nobody_knows_is_unknown_and_not_nothing():
    (cost,) = costs({"a": SOURCE}, {"a": None}, None)
    assert cost.basis == "unknown"
    lines = described([cost], 1)
    assert "?" in lines[1]
    assert "and 1 of unknown size" in lines[-2]


@pytest.mark.parametrize("pins", [None, '{"entries": 7}'])
def test_the_command_asks_nobody(tmp_path, pins):
    path = tmp_path / "x.pins.json"
    if pins:
        path.write_text(pins)
    arguments = ["--chosen", "cohort=x", "--pins", str(path), "--cores", "2"]
    settings = {"repository": SOURCE.repository, "revisions": dict(SOURCE.revisions)}
    arguments += ["--sources", json.dumps({"a": settings}), "--papers", json.dumps({"a": "pythia-70m"})]
    run = subprocess.run(
        [sys.executable, "-m", "weightfit.hub.cost", *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "0.56 GB to fetch" in run.stdout
    assert ("note: x.pins.json" in run.stdout) == bool(pins)
