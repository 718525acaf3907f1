"""The archive: what is written is read, checked by others too, and nothing of it is taken that is not whole."""

import json
import shutil
import subprocess

import pytest
from counted_entries import count, shapes

from weightfit import table
from weightfit.archive import KINDS, SUMS, check, of_entry, place, read, restore, unavailable, write
from weightfit.errors import BrokenArchive
from weightfit.verify_archive import chosen

PARTS = ["small", "hub-entry/step0/model", "hub-entry/step1/model"]


@pytest.fixture
def archive(tmp_path):
    import numpy as np

    random = np.random.default_rng(1)
    weights = {
        (0, name): random.standard_normal(shape).astype(np.float16) for name, shape in shapes(8, 12).items()
    }
    counted = count(tmp_path / "made", "small", {None: weights})
    results = tmp_path / "results"
    for part in PARTS:
        histogram, manifest = results / place("histograms", part), results / place("manifests", part)
        for path in (histogram, manifest):
            path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(counted, histogram)
        told = {"entry": part.split("/")[0], "files": [], "available": part != "hub-entry/step0/model"}
        told["repository"] = "lab/model" if "/" in part else None
        manifest.write_text(json.dumps(told | {"reason": "gated", "remedy": "ask"}))
    write(results, PARTS, results / "archive")
    return results / "archive"


def test_an_archive_is_read_as_it_was_written(archive):
    found = read(archive)
    assert list(found) == sorted(PARTS)
    assert of_entry(found, "hub-entry") == sorted(PARTS)[:2]
    assert all(set(digests) == {"histograms", "manifests"} for digests in found.values())


def test_sha256sum_checks_it_without_us(archive):
    tool = shutil.which("sha256sum")
    if tool is None:
        pytest.skip("sha256sum is not installed: that it reads the list is not tested")
    run = subprocess.run(
        [tool, "--check", "--strict", SUMS], cwd=archive, stdout=subprocess.PIPE, text=True, check=True
    )
    assert run.stdout.count(": OK") == 2 * len(PARTS)


def test_it_is_written_again_with_the_same_bytes_and_costs_no_disk(archive):
    first = (archive / SUMS).read_bytes()
    write(archive.parent, PARTS, archive)
    assert (archive / SUMS).read_bytes() == first
    one, other = archive / place("histograms", "small"), archive.parent / place("histograms", "small")
    assert one.stat().st_ino == other.stat().st_ino
    assert not list(archive.parent.glob(".*.unfinished"))


def taken(archive, tmp_path, part="hub-entry/step1/model"):
    histogram, manifest = tmp_path / "out/a.parquet", tmp_path / "out/a.json"
    restore(archive, part, histogram, manifest)
    return histogram, manifest


def test_what_is_taken_out_is_what_was_put_in(archive, tmp_path):
    histogram, manifest = taken(archive, tmp_path)
    assert histogram.read_bytes() == (archive.parent / place("histograms", PARTS[2])).read_bytes()
    assert json.loads(manifest.read_text())["entry"] == "hub-entry"


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.unlink()  # the result of the run is another link to the same bytes
    path.write_bytes(data)


def replace_in_list(path, old, new):
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda a: flip(a / place("histograms", PARTS[2])), "its bytes are not those of SHA256SUMS"),
        (lambda a: flip(a / place("manifests", PARTS[2])), "its bytes are not those of SHA256SUMS"),
        (lambda a: (a / place("manifests", PARTS[2])).unlink(), "it is listed, but the archive lacks it"),
        (lambda a: (a / SUMS).unlink(), "must name a folder that `archive` wrote"),
        (lambda a: (a / SUMS).write_text("nonsense\n"), "'nonsense' is no line of the list"),
        (
            lambda a: replace_in_list(a / SUMS, "histograms/hub", "histograms/../hub"),
            "is no line of the list",
        ),
        (
            lambda a: replace_in_list(a / SUMS, "manifests/small", "manifests/other"),
            "small.json is not listed",
        ),
    ],
)
def test_nothing_is_taken_out_of_a_broken_archive(archive, tmp_path, harm, message):
    harm(archive)
    with pytest.raises(BrokenArchive, match=message):
        taken(archive, tmp_path)
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


def test_another_contract_of_counting_is_refused(archive, tmp_path, monkeypatch):
    monkeypatch.setattr("weightfit.archive.HISTOGRAM_CONTRACT", 2)
    with pytest.raises(
        BrokenArchive, match="counted under contract 1, and this version counts under 2: leave `start`"
    ):
        taken(archive, tmp_path)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("entry", "revisions", "message"),
    [
        ("absent", [], "of absent the archive has nothing of it, and the cohort asks for it as a whole"),
        ("hub-entry", ["step0"], "has step0, step1, and the cohort asks for step0"),
        (
            "hub-entry",
            ["step0", "step1", "step2"],
            "asks for step0, step1, step2: correct the cohort's entries",
        ),
        ("small", ["main"], "has it as a whole, and the cohort asks for main"),
    ],
)
def test_an_archive_of_other_weights_is_refused(archive, entry, revisions, message):
    with pytest.raises(BrokenArchive, match=message):
        check(archive, read(archive), entry, revisions, "lab/model" if revisions else None)


def test_an_archive_of_these_weights_is_taken(archive):
    check(archive, read(archive), "hub-entry", ["step1", "step0"], "lab/model")
    check(archive, read(archive), "small", [], None)


def test_an_archive_of_another_repository_is_refused(archive):
    with pytest.raises(
        BrokenArchive, match="hub-entry/step0/model is of lab/model, and the cohort asks for lab/other"
    ):
        check(archive, read(archive), "hub-entry", ["step1", "step0"], "lab/other")


def test_what_could_not_be_had_is_told(archive):
    found = read(archive)
    assert unavailable(archive, found) == {}
    path = archive / place("manifests", "small")
    told = json.loads(path.read_text()) | {"available": False}
    path.unlink()
    path.write_text(json.dumps(told))
    assert unavailable(archive, found) == {"small": "gated; ask"}


def test_a_histogram_of_the_archive_keeps_its_contract(archive, tmp_path):
    histogram, _ = taken(archive, tmp_path)
    table.check("histograms", table.read(histogram, "histograms"))


def test_a_seed_chooses_among_the_weight_files_of_the_hub(tmp_path):
    hub = [f"entry/step{number}/model" for number in range(20)]
    for part in ["small", "gated/main/unavailable", *hub]:
        path = tmp_path / place("manifests", part)
        path.parent.mkdir(parents=True, exist_ok=True)
        source = "plant" if part == "small" else "download"
        path.write_text(
            json.dumps({"source": source, "files": [{}] if part != "gated/main/unavailable" else []})
        )
    lines = [
        f"{0:064x}  {place(kind, part)}\n"
        for part in ("small", "gated/main/unavailable", *hub)
        for kind in KINDS
    ]
    (tmp_path / SUMS).write_text("".join(lines))
    picked, others = chosen(tmp_path, 5, 1)
    assert others == 2
    assert len(set(picked)) == 5
    assert set(picked) <= set(hub)
    assert chosen(tmp_path, 5, 1) == (picked, others)
    assert len({tuple(chosen(tmp_path, 5, seed)[0]) for seed in range(6)}) == 6
    assert chosen(tmp_path, 50, 1)[0] == sorted(hub)
