"""A miniature of the paper's checkpoints on a server that speaks the Hub's protocol, through the whole workflow."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import yaml
from checkout import REPOSITORY, Checkout, Run, files

sys.path.insert(0, str(REPOSITORY / "tests" / "hub"))

import miniature
from server import Hub

from weightfit import table
from weightfit.counts.histogram import histogram_of
from weightfit.counts.part import read_part
from weightfit.hub.growing_file import BUFFER
from weightfit.hub.pinned import HUB
from weightfit.hub.transfer import UNFINISHED
from weightfit.paper import exhibits, predictions_digest

BEARER = "hf_a-token-that-must-not-be-seen"
ARGUMENTS = ("--config", "cohort=miniature.yaml")
FETCHING = {"download", "histogram"}
# All but the notebooks, of which tests/report/test_notebook.py makes those of any cohort.
EVERYTHING = ("database", "page")


class HubCheckout(Checkout):
    """A copy of what a run needs, and the server that it asks."""

    def __init__(self, path: Path, hub: Hub, source: Path = REPOSITORY, shims: Path | None = None):
        super().__init__(path, source)
        self.hub, self.shims = hub, shims
        (self / "miniature.yaml").write_text(yaml.safe_dump(miniature.COHORT, sort_keys=False))

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in super().environment().items() if not name.startswith("HF_")}
        path = f"{self.shims}{os.pathsep}{kept['PATH']}" if self.shims else kept["PATH"]
        home = str(self.path.parent / "home")
        own = {"HF_ENDPOINT": self.hub.endpoint, "HF_HOME": home, "HF_TOKEN": BEARER, "PATH": path}
        return kept | own | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}

    @contextmanager
    def started(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run Snakemake in a group of processes of its own, of which none outlives the block."""
        process = subprocess.Popen(
            self.command(*arguments),
            cwd=self.path,
            env=self.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


class Finished:
    """The checkout after its first run, and what each step printed."""

    def __init__(self, checkout: HubCheckout, unpinned: Run, pins: Run, run: Run):
        self.checkout, self.unpinned, self.pins, self.run = checkout, unpinned, pins, run
        self.results = checkout / "results/miniature"
        self.asked = list(checkout.hub.requests)

    def another(self, path: Path, shims: Path | None = None) -> HubCheckout:
        """Make a checkout with the same pins, in which nothing was run; compiled kernels come along."""
        made = HubCheckout(path, self.checkout.hub, self.checkout.path, shims)
        shutil.copy2(self.checkout / "miniature.pins.json", made / "miniature.pins.json")
        return made

    def histogram(self, entry: str) -> list[tuple[int | None, int, dict[str, object]]]:
        return list(read_part(self.results / f"histograms/{entry}.parquet"))

    def fits(self, entry: str, step: int | None) -> list[dict[str, object]]:
        rows = table.read(self.results / "fits.parquet", "fits").to_pylist()
        return [row for row in rows if (row["entry"], row["step"]) == (entry, step)]


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with Hub() as found:
        found.tokens[BEARER] = set()
        miniature.serve(found)
        yield found


@pytest.fixture(scope="module")
def finished(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    checkout = HubCheckout(tmp_path_factory.mktemp("hub") / "checkout", hub)
    unpinned = checkout.snakemake("--dry-run", *EVERYTHING, *ARGUMENTS, status=1)
    pins = checkout.snakemake("--cores", "1", "pins", *ARGUMENTS)
    return Finished(checkout, unpinned, pins, checkout.snakemake("--cores", "2", *EVERYTHING, *ARGUMENTS))


def test_without_pins_the_run_names_the_command(finished: Finished) -> None:
    assert "run `snakemake --cores 1 pins --config cohort=miniature.yaml`" in finished.unpinned.text
    assert "Traceback (most recent call last)" not in finished.unpinned.text


def test_pins_say_what_was_found(finished: Finished) -> None:
    assert "16 revisions, 21 files" in finished.pins.text
    assert "2 unavailable" in finished.pins.text


def test_every_exhibit_is_made_and_tells_what_could_not_be_had(finished: Finished) -> None:
    for label, exhibit in exhibits.read().items():
        ending = {"figures": "svg", "tables": "html"}[exhibit.kind]
        assert (finished.results / f"{exhibit.kind}/{label}.{ending}").is_file()
    for name in ("figures/figure_05.svg", "figures/figure_09.svg", "tables/table_4.html"):
        text = (finished.results / name).read_text(encoding="utf-8")
        assert "llama-3-8b: meta-llama/Meta-Llama-3-8B at main is gated" in text, name
    assert "Qwen/Qwen2-7B at main" in (finished.results / "tables/table_7.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("entry", ["llama-3-8b", "qwen2-7b"])
def test_what_could_not_be_had_is_recorded_with_its_remedy(finished: Finished, entry: str) -> None:
    recorded = json.loads((finished.results / f"manifests/{entry}/main/unavailable.json").read_text())
    assert recorded["available"] is False
    assert recorded["files"] == []
    assert recorded["reason"]
    assert recorded["remedy"]


def test_manifests_are_the_pins(finished: Finished) -> None:
    pins = json.loads((finished.checkout / "miniature.pins.json").read_text())["entries"]
    for entry, revisions in pins.items():
        for revision in filter(lambda each: each["available"], revisions):
            for pin in revision["files"]:
                name = f"manifests/{entry}/{revision['revision']}/{Path(pin['path']).stem}.json"
                made = json.loads((finished.results / name).read_text())
                assert (made["repository"], made["commit"]) == (revision["repository"], revision["commit"])
                (file,) = made["files"]
                assert (file["path"], file["bytes"], file["sha256"]) == (
                    pin["path"],
                    pin["bytes"],
                    pin["sha256"],
                )


def test_no_weights_and_no_token_are_left(finished: Finished) -> None:
    resources = finished.checkout / "resources"
    assert not resources.exists() or files(resources) == []
    for name in files(finished.checkout.path):
        assert BEARER.encode() not in (finished.checkout / name).read_bytes(), name
    assert not any("authorization" in request.headers for request in finished.asked if request.where == "cdn")


def test_each_file_is_fetched_once(finished: Finished) -> None:
    fetched = [request.path for request in finished.asked if request.where == "cdn"]
    assert len(fetched) == len(set(fetched))


def test_matrices_of_two_files_are_those_that_are_served(finished: Finished) -> None:
    """OLMo-1 converted: a block is split over two files; Pythia-6.9b: files of PyTorch."""
    olmo = finished.histogram("olmo-1-7b-converted")
    assert [(step, block) for step, block, _ in olmo] == [(None, 0), (None, 1)]
    for _, block, found in olmo:
        for component, name in {
            "q": "self_attn.q_proj",
            "down": "mlp.down_proj",
            "gate": "mlp.gate_proj",
        }.items():
            expected = histogram_of(miniature.OLMO[f"model.layers.{block}.{name}.weight"])
            assert np.array_equal(found[component].value, expected.value)
            assert np.array_equal(found[component].count, expected.count)
    served = miniature.gpt_neox(6, 2, buffers=True)
    last = {block: found for step, block, found in finished.histogram("pythia-6.9b") if step == 143000}
    for block, found in last.items():
        fused = served[f"gpt_neox.layers.{block}.attention.query_key_value.weight"]
        heads = fused.reshape(miniature.HEADS, 3, -1, miniature.WIDTH)
        for place, component in enumerate("qkv"):
            assert np.array_equal(found[component].value, histogram_of(heads[:, place]).value)


def test_both_forms_of_olmo_1_have_the_same_histograms(finished: Finished) -> None:
    one, other = finished.histogram("olmo-1-7b"), finished.histogram("olmo-1-7b-converted")
    assert len(one) == len(other) == miniature.LAYERS
    for (_, _, first), (_, _, second) in zip(one, other, strict=True):
        assert first.keys() == second.keys()
        for component in first:
            assert np.array_equal(first[component].value, second[component].value)
            assert np.array_equal(first[component].count, second[component].count)


def test_main_in_f16_has_the_fits_of_the_last_step_in_f32(finished: Finished) -> None:
    one, other = finished.fits("pythia-70m", 143000), finished.fits("pythia-70m-main", None)
    assert len(one) == len(other) > 0
    key = ("block", "component", "protocol", "trim", "sign")
    one, other = (sorted(rows, key=lambda row: [row[name] for name in key]) for rows in (one, other))
    for first, second in zip(one, other, strict=True):
        assert {**first, "entry": "", "step": None} == {**second, "entry": "", "step": None}


@contextmanager
def tampered(path: Path) -> Iterator[None]:
    """Change one digit of the sha256 in a manifest for the length of a block."""
    data, state = path.read_bytes(), path.stat()
    made = json.loads(data)
    digest = made["files"][0]["sha256"]
    made["files"][0]["sha256"] = ("1" if digest[0] == "0" else "0") + digest[1:]
    path.write_text(json.dumps(made))
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    try:
        yield
    finally:
        restore({path: (data, state)})


def measured(finished: Finished) -> int:
    with (finished.results / "audit.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    decided = ("reproduced", "differs", "ambiguous")
    return sum(row["evidence"] == "weights" and row["verdict"] in decided for row in rows)


def scored(finished: Finished) -> set[str]:
    """Return what the predictions were scored beside; the values beside them are those of the readings."""
    results = finished.results
    with (results / "readings.csv").open(encoding="utf-8", newline="") as stream:
        readings = {(row["id"], row["reading"]): row for row in csv.DictReader(stream)}
    for row in table.read_csv(results / "predictions.csv", "foreseen").to_pylist():
        reading = readings[row["id"], row["reading"]]
        if row["weights"] is not None:
            assert reading["evidence"] == "weights"
            assert float(reading["value"]) == pytest.approx(row["weights"], rel=1e-9)
            assert row["weights_agree"] == (reading["outcome"] == "reproduced")
    against = set(table.read(results / "scores.parquet", "scores")["against"].to_pylist())
    missing = table.read_provenance(results / "scores.parquet")["missing"]
    assert missing == (None if "weights" in against else "needs the paper's own weights")
    return against


def test_weights_decide_only_if_they_were_pinned_at_the_hub_itself(finished: Finished) -> None:
    assert measured(finished) == 0
    page = (finished.results / "report/index.html").read_text(encoding="utf-8")
    assert "0 of the 221 measured numbers were recomputed" in page
    path = finished.checkout / "miniature.pins.json"
    text = path.read_text()
    try:
        path.write_text(text.replace(finished.checkout.hub.endpoint, HUB))
        run = finished.checkout.snakemake("--cores", "1", "audit", "scores", *ARGUMENTS)
        assert run.finished == ["audit", "scores"]
        genuine = measured(finished)
        assert genuine > 60
        assert scored(finished) == {"weights", "printed"}
        with tampered(finished.results / "manifests/pythia-70m/step143000/model.json"):
            # Its time stays: a newer manifest would rightly fetch the weights again.
            again = finished.checkout.snakemake("--cores", "1", "audit", "--forcerun", "audit", *ARGUMENTS)
            assert again.finished == ["audit"]
        assert 0 < measured(finished) < genuine
        # Predictions of a later date than the pins are not scored beside weights.
        path.write_text(path.read_text().replace(predictions_digest(), "0" * 64))
        later = finished.checkout.snakemake("--cores", "1", "audit", "scores", *ARGUMENTS)
        assert later.finished == ["audit", "scores"]
        assert scored(finished) == {"printed"}
        log = (finished.results / "logs/audit.log").read_text(encoding="utf-8")
        assert "paper/predictions.tsv has changed since the weights were pinned" in log
    finally:
        path.write_text(text)
        finished.checkout.snakemake("--cores", "1", *EVERYTHING, *ARGUMENTS)
    assert measured(finished) == 0


def test_a_second_run_asks_the_hub_nothing(finished: Finished) -> None:
    hub = finished.checkout.hub
    hub.requests.clear()
    run = finished.checkout.snakemake("--cores", "1", *EVERYTHING, *ARGUMENTS)
    assert "Nothing to be done" in run.text
    assert hub.requests == []


@pytest.mark.parametrize(
    "folder", ["weightfit", "scripts", "envs", "workflow/schemas", "workflow/report", "workflow/rules"]
)
def test_no_edit_of_code_or_environment_plans_a_download(finished: Finished, folder: str) -> None:
    """All files of a folder are edited together: if one of them started a download, this would."""
    root = finished.checkout / folder
    edited = [
        path
        for path in sorted(root.rglob("*"))
        if path.suffix in (".py", ".smk", ".yaml", ".css", ".js", ".j2", ".rst")
    ]
    kept = {path: (path.read_bytes(), path.stat()) for path in edited}
    mark = {".css": "/* */", ".js": "//", ".j2": "", ".rst": ""}
    try:
        for path in edited:
            if path.name == "histogram.py":
                continue  # holds HISTOGRAM_CONTRACT, which is raised on purpose; see below
            path.write_bytes(kept[path][0] + mark.get(path.suffix, "# a comment").encode() + b"\n")
        planned = finished.checkout.plan(*EVERYTHING, *ARGUMENTS)
    finally:
        restore(kept)
    assert not FETCHING & planned.keys()
    assert planned or folder in ("workflow/schemas", "workflow/rules", "envs")


def restore(kept: dict[Path, tuple[bytes, os.stat_result]]) -> None:
    for path, (data, state) in kept.items():
        path.write_bytes(data)
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("weightfit/counts/histogram.py", '"""', '"""Edited: '),
        ("config.yaml", "trims: [0.80, 0.90, 1.00]", "trims: [0.80, 1.00]"),
        ("config.yaml", "released_database: null", "released_database: results/miniature/tables"),
        ("config.yaml", "around: null", "around: offline"),
        ("config.yaml", "sample: 5\nseed: 1", "sample: 6\nseed: 2"),
        ("miniature.yaml", "description: Mini", "description: Other mini"),
        ("Snakefile", "min_version(", "# edited\nmin_version("),
    ],
)
def test_no_edit_of_a_choice_plans_a_download(finished: Finished, name: str, old: str, new: str) -> None:
    with finished.checkout.edited(name, lambda text: text.replace(old, new, 1)):
        assert not FETCHING & finished.checkout.plan(*EVERYTHING, *ARGUMENTS).keys()


def test_pins_that_were_only_checked_out_again_change_nothing(finished: Finished) -> None:
    path, record = finished.checkout / "miniature.pins.json", finished.checkout / ".snakemake"
    state = path.stat()
    # With its record Snakemake sees that the content is the same; in a clone that has none, times alone count.
    aside = record.rename(record.with_name("aside"))
    try:
        os.utime(path)
        assert finished.checkout.plan(*EVERYTHING, *ARGUMENTS) == {}
    finally:
        shutil.rmtree(record, ignore_errors=True)
        aside.rename(record)
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def test_a_moved_pin_fetches_its_entry_alone(finished: Finished) -> None:
    path = finished.checkout / "miniature.pins.json"
    text = path.read_text()
    document = json.loads(text)
    document["entries"]["qwen3-8b"][0]["commit"] = "d" * 40
    try:
        path.write_text(json.dumps(document))
        planned = finished.checkout.plan("fits", *ARGUMENTS)
    finally:
        path.write_text(text)
    assert planned == {"download": 1, "histogram": 1, "join": 1, "fit": 1, "fits": 1}


def test_another_contract_of_counting_fetches_everything(finished: Finished) -> None:
    with finished.checkout.edited(
        "weightfit/counts/histogram.py", lambda text: text.replace("CONTRACT = 1", "CONTRACT = 2")
    ):
        planned = finished.checkout.plan("fits", *ARGUMENTS)
    assert planned["download"] == planned["histogram"] == 21


# The disk, and a run that is killed.


def slow_counting(folder: Path) -> Path:
    """Make a `python` for jobs that waits before it counts."""
    folder.mkdir()
    shim = folder / "python"
    shim.write_text(
        f'#!/bin/sh\ncase "$*" in *weightfit.part*) echo >> {folder}/counted; sleep 1 ;; esac\n'
        f'exec {sys.executable} "$@"\n'
    )
    shim.chmod(0o755)
    return folder


def weight_files(checkout: Checkout) -> int:
    """Count the weight files on disk, those that are growing too."""
    found = (checkout / "resources").rglob("*")
    files_of_weights = (path for path in found if path.is_file() and ".json" not in path.name)
    return sum(any(end in path.name for end in (".safetensors", ".bin")) for path in files_of_weights)


def growing(checkout: Checkout) -> list[int]:
    """List the bytes of each weight file that is incomplete."""
    found = (checkout / "resources").rglob(f"*{UNFINISHED}")
    return [path.stat().st_size for path in found if path.is_file()]


@pytest.mark.parametrize(
    ("scheduler", "entries", "number"),
    [("ilp", ["pythia-70m"], 4), ("greedy", ["pythia-6.9b", "olmo-2-7b"], 6)],
    ids=["ilp", "greedy"],
)
def test_at_most_one_weight_file_for_each_core_is_on_disk(
    finished: Finished, tmp_path: Path, scheduler: str, entries: list[str], number: int
) -> None:
    shims = slow_counting(tmp_path / "shims")
    checkout = finished.another(tmp_path / "checkout", shims)
    wanted = [f"results/miniature/histograms/{entry}.parquet" for entry in entries]
    cores = 2
    most = 0
    with checkout.started("--cores", str(cores), "--scheduler", scheduler, *wanted, *ARGUMENTS) as process:
        while process.poll() is None:
            try:
                most = max(most, weight_files(checkout))
            except FileNotFoundError:
                continue  # a folder went while it was looked through
            time.sleep(0.005)
    assert process.returncode == 0
    assert len((shims / "counted").read_text().splitlines()) == number  # so many were made slower
    assert most == cores


def test_a_killed_download_goes_on_where_it_was(finished: Finished, tmp_path: Path) -> None:
    hub, checkout = finished.checkout.hub, finished.another(tmp_path / "checkout")
    target = ("--cores", "1", "results/miniature/histograms/qwen3-8b.parquet", *ARGUMENTS)
    hub.requests.clear()
    hub.fault("cdn", "stall", at=BUFFER + (BUFFER >> 3), seconds=30.0)
    try:
        # The full buffer has been written, and no other will be while the server is silent.
        checkout.kill_when(lambda: growing(checkout) == [BUFFER], *target)
    finally:
        hub.released.set()
    assert weight_files(checkout) == 1
    hub.requests.clear()
    refused = checkout.snakemake(*target, status=1)
    assert "--unlock" in refused.text
    checkout.snakemake("--unlock", *ARGUMENTS)
    checkout.snakemake(*target)
    asked = [request.headers.get("range") for request in hub.requests if request.where == "cdn"]
    assert asked == [f"bytes={BUFFER}-"]
    assert weight_files(checkout) == 0


def test_interrupting_is_answered_within_seconds(finished: Finished, tmp_path: Path) -> None:
    checkout = finished.another(tmp_path / "checkout")
    with checkout.started("--cores", "2", "fits", *ARGUMENTS) as process:
        while not any((checkout / "results/miniature/histograms").rglob("*.parquet")):
            assert process.poll() is None
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=30) != 0
    checkout.snakemake("--cores", "2", "results/miniature/histograms/pythia-70m.parquet", *ARGUMENTS)


def test_what_is_gone_when_it_is_fetched_is_told_by_the_next_run(finished: Finished, tmp_path: Path) -> None:
    hub, checkout = finished.checkout.hub, finished.another(tmp_path / "checkout")
    entries = {entry: miniature.COHORT["entries"][entry] for entry in ("mistral-7b", "qwen3-8b")}
    (checkout / "miniature.yaml").write_text(yaml.safe_dump(miniature.COHORT | {"entries": entries}))
    target = ("--cores", "2", "figure_05", *ARGUMENTS)
    repository = hub.repositories["model", "Qwen/Qwen3-8B"]
    repository.gated = True
    try:
        checkout.snakemake(*target)
    finally:
        repository.gated = False
    path = checkout / "results/miniature/manifests/qwen3-8b/main/model.json"
    assert json.loads(path.read_text())["available"] is False
    # Nothing is fetched for it any more, until its manifest is deleted.
    again = checkout.snakemake(*target)
    assert again.finished
    assert not FETCHING & set(again.finished)
    drawn = checkout / "results/miniature/figures/figure_05.svg"
    assert "Qwen/Qwen3-8B at main (config.json) is gated" in drawn.read_text(encoding="utf-8")
    path.unlink()
    last = checkout.snakemake(*target)
    assert last.finished.count("download") == last.finished.count("figure_05") == 1
    assert "gated" not in drawn.read_text(encoding="utf-8")
    made = table.read(checkout / "results/miniature/fits.parquet", "fits")
    assert set(made["entry"].to_pylist()) == entries.keys()


# The archive of the run.


@pytest.fixture(scope="module")
def archived(finished: Finished) -> Path:
    run = finished.checkout.snakemake("--cores", "1", "archive", *ARGUMENTS)
    assert "archive" in run.finished
    return finished.results / "archive"


def test_a_cohort_begins_from_the_archive_and_fetches_nothing(
    finished: Finished, archived: Path, tmp_path: Path
) -> None:
    hub = finished.checkout.hub
    checkout = HubCheckout(tmp_path / "checkout", hub, finished.checkout.path)
    # Four steps, two files of one step, and what could not be had.
    kept = ("pythia-70m", "olmo-1-7b-converted", "llama-3-8b")
    cohort = {
        "start": str(archived),
        "entries": {entry: miniature.COHORT["entries"][entry] for entry in kept},
    }
    (checkout / "miniature.yaml").write_text(yaml.safe_dump(miniature.COHORT | cohort, sort_keys=False))
    hub.requests.clear()
    run = checkout.snakemake("--cores", "2", "fits", *ARGUMENTS)
    assert set(run.finished) == {"restore", "join", "fit", "fits"}
    assert hub.requests == []
    own = checkout / "results/miniature"
    # What could not be had is no target of `fits`.
    starts = tuple(f"{stage}/{entry}/" for stage in ("histograms", "manifests") for entry in kept)
    restored = [name for name in files(archived) if name.startswith(starts) and "unavailable" not in name]
    assert len(restored) == 12
    for name in restored:
        assert (own / name).read_bytes() == (archived / name).read_bytes(), name
    one, other = (table.read(folder / "fits.parquet", "fits") for folder in (own, finished.results))
    assert one.equals(other.filter(pc.is_in(other["entry"], pa.array(kept))))
    planned = checkout.plan("all", *ARGUMENTS)
    assert not FETCHING & planned.keys()
    figure = checkout.snakemake("--cores", "1", "figure_09", *ARGUMENTS)
    assert figure.status == 0
    assert (
        "llama-3-8b: meta-llama/Meta-Llama-3-8B at main is gated"
        in (own / "figures/figure_09.svg").read_text()
    )


def test_an_archive_of_other_weights_stops_the_run(
    finished: Finished, archived: Path, tmp_path: Path
) -> None:
    checkout = HubCheckout(tmp_path / "checkout", finished.checkout.hub, finished.checkout.path)
    cohort = {"name": "miniature", "description": "Another.", "start": str(archived)}
    entries = {"qwen3-8b": miniature.entry("qwen3-8b", "Qwen/Qwen3-8B", other=None)}
    (checkout / "miniature.yaml").write_text(yaml.safe_dump(cohort | {"entries": entries}))
    run = checkout.snakemake("--dry-run", "fits", *ARGUMENTS, status=1)
    assert "of qwen3-8b the archive has main, and the cohort asks for other" in run.text


def test_files_of_the_archive_are_fetched_again_and_compared(finished: Finished, archived: Path) -> None:
    hub = finished.checkout.hub
    hub.requests.clear()
    sampled = ("--cores", "1", "verify-archive", "--config", "cohort=miniature.yaml", "sample=3", "seed=7")
    run = finished.checkout.snakemake(*sampled)
    assert run.text.count("fetched again") == 3
    assert "3 weight files compared, chosen with seed 7; 2 other parts have no file" in run.text
    assert sum(request.where == "cdn" for request in hub.requests) == 3


def test_an_archive_that_says_something_else_is_told(finished: Finished, archived: Path) -> None:
    for path in sorted((archived / "histograms").rglob("*.parquet")):
        data = path.read_bytes()
        path.unlink()
        path.write_bytes(data[:-1] + b"?")
    run = finished.checkout.snakemake("--cores", "1", "verify-archive", *ARGUMENTS, status=1)
    assert "its bytes are not those of SHA256SUMS; copy the archive again" in run.text
