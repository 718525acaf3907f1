"""An archive of a run, a run that begins from it, and a comparison with what the Hub has."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from checkout import REPOSITORY, Checkout, Run

sys.path.insert(0, str(REPOSITORY / "tests" / "hub"))

import miniature
from server import Hub

COMPONENTS = ["q", "k", "v", "o", "gate", "up", "down"]
MATRICES = [{"block": 0, "components": COMPONENTS, "law": "half-normal", "parameters": {"sigma": 0.02}}]
PLANTED = {
    "plant": {
        "width": 64,
        "heads": 4,
        "key_value_heads": 4,
        "hidden": 128,
        "seed": 3,
        "dtype": "F32",
        "matrices": MATRICES,
    }
}
COHORT = {
    "name": "kept",
    "description": "Two files of one entry, an entry that is gated, and a planted one.",
    "entries": {
        "olmo-1-7b": miniature.entry("olmo-1-7b", "allenai/OLMo-7B-hf"),
        "llama-3-8b": miniature.entry("llama-3-8b", "meta-llama/Meta-Llama-3-8B"),
        "planted": {"paper_entry": None, "stand_in": False, **PLANTED},
    },
}
OF_WEIGHTS = {"download", "histogram", "plant", "pins"}


class Kept(Checkout):
    """A copy of what a run needs, with an archive of its cohort and the server that it was fetched from."""

    def __init__(self, path: Path, hub: Hub):
        super().__init__(path)
        self.hub = hub
        self.cohort("kept")
        self.snakemake("--cores", "1", "pins", "--config", "cohort=kept.yaml")
        self.run = self.snakemake("--cores", "2", "fits", "archive", "--config", "cohort=kept.yaml")

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in super().environment().items() if not name.startswith("HF_")}
        own = {"HF_ENDPOINT": self.hub.endpoint, "HF_HOME": str(self.path.parent / "home")}
        return kept | own | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}

    def cohort(self, name: str, **changes: object) -> str:
        """Write a cohort file and return the argument that chooses it."""
        text = yaml.safe_dump(COHORT | {"name": name} | changes, sort_keys=False)
        (self / f"{name}.yaml").write_text(text, encoding="utf-8")
        return f"cohort={name}.yaml"

    def copy(self, name: str) -> Path:
        """Copy the archive, as another disk would have it."""
        return Path(shutil.copytree(self / "results/kept/archive", self / name))

    def verify(self, *config: str, status: int = 0) -> tuple[Run, list[str]]:
        """Return the run and the weight files that it fetched."""
        before = len(self.hub.requests)
        run = self.snakemake("--cores", "1", "verify-archive", "--config", *config, status=status)
        return run, [request.path for request in self.hub.requests[before:] if request.where == "cdn"]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    with Hub() as hub:
        miniature.serve(hub)
        yield Kept(tmp_path_factory.mktemp("archive") / "checkout", hub)


def parts(checkout: Kept, cohort: str) -> dict[str, str]:
    return {
        name: digest
        for name, digest in checkout.digests(cohort).items()
        if name.startswith(("histograms/", "manifests/", "fits", "moments"))
    }


def test_a_run_begins_from_an_archive_without_weights_pins_or_network(kept: Kept) -> None:
    kept.copy("from another disk")
    chosen = kept.cohort("begun", start="from another disk")
    asked = len(kept.hub.requests)
    assert not OF_WEIGHTS & set(kept.plan("all", "--config", chosen))
    run = kept.snakemake("--cores", "2", "fits", "archive", "--config", chosen)
    assert set(run.finished) == {"restore", "join", "fit", "fits", "archive"}
    assert run.finished.count("restore") == 4
    assert len(kept.hub.requests) == asked
    assert not (kept / "resources/begun").exists()
    assert parts(kept, "begun") == parts(kept, "kept")
    sums = [(kept / f"results/{name}/archive/SHA256SUMS").read_bytes() for name in ("kept", "begun")]
    assert sums[0] == sums[1]
    assert kept.plan("fits", "archive", "--config", chosen) == {}


def test_all_else_can_be_deleted(kept: Kept) -> None:
    """What README says may be deleted: the fits come again from histograms, and no weights are made."""
    before = parts(kept, "kept")
    shutil.rmtree(kept / "resources", ignore_errors=True)
    for path in (kept / "results/kept").iterdir():
        if path.name in ("histograms", "manifests"):
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    run = kept.snakemake("--cores", "2", "fits", "archive", "--config", "cohort=kept.yaml")
    assert set(run.finished) == {"fit", "fits", "archive"}
    assert parts(kept, "kept") == before


def test_a_changed_byte_is_refused_and_nothing_of_it_stays(kept: Kept) -> None:
    folder = kept.copy("changed")
    path = folder / "histograms/planted.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    chosen = kept.cohort("harmed", start="changed")
    run = kept.snakemake("--cores", "1", "results/harmed/fits/planted.parquet", "--config", chosen, status=1)
    log = (kept / "results/harmed/logs/restore/planted.log").read_text(encoding="utf-8")
    assert "changed/histograms/planted.parquet: its bytes are not those of SHA256SUMS" in run.text + log
    assert not list((kept / "results/harmed").rglob("*planted*.parquet*"))
    assert not (kept / "results/harmed/manifests/planted.json").exists()


@pytest.mark.parametrize(
    ("start", "revisions", "message"),
    [
        ("nowhere", {"main": None}, "nowhere: no SHA256SUMS is there; `start` must name a folder"),
        ("other", {"main": None, "step0": 0}, "has main, and the cohort asks for main, step0"),
    ],
)
def test_another_archive_is_refused_before_anything_is_begun(
    kept: Kept, start: str, revisions: dict[str, int | None], message: str
) -> None:
    if start == "other":
        kept.copy(start)
    entries = COHORT["entries"] | {
        "olmo-1-7b": miniature.entry("olmo-1-7b", "allenai/OLMo-7B-hf", **revisions)
    }
    chosen = kept.cohort("refused", start=start, entries=entries)
    run = kept.snakemake("--cores", "1", "fits", "--config", chosen, status=1)
    assert message in run.text
    assert "Traceback (most recent call last)" not in run.text
    assert not (kept / "results/refused").exists()


def test_files_are_fetched_again_and_compared(kept: Kept) -> None:
    run, fetched = kept.verify("cohort=kept.yaml", "sample=5")
    assert len(fetched) == 2
    assert run.text.count("rows are the same") == 2
    assert "2 weight files compared, chosen with seed 1; 2 other parts have no file on the Hub" in run.text
    assert len(kept.verify("cohort=kept.yaml", "sample=1", "seed=2")[1]) == 1


def test_an_archive_of_other_values_does_not_pass(kept: Kept) -> None:
    """Its list agrees with its files, so only counting again can tell: one file's histogram under another's name."""
    folder = kept.copy("forged")
    one, other = sorted((folder / "histograms/olmo-1-7b/main").iterdir())
    sums = folder / "SHA256SUMS"
    lines = dict(reversed(line.split("  ")) for line in sums.read_text().splitlines())
    names = [path.relative_to(folder).as_posix() for path in (one, other)]
    shutil.copyfile(other, one)
    lines[names[0]] = lines[names[1]]
    sums.write_text("".join(f"{digest}  {name}\n" for name, digest in lines.items()))
    run, _ = kept.verify(kept.cohort("lied", start="forged"), status=1)
    assert "the new count differs from that in the archive: do not use the archive" in run.text
    manifest = json.loads((folder / "manifests/olmo-1-7b/main" / f"{one.stem}.json").read_text())
    assert manifest["available"] is True
