"""Training: the schedule, AdamW against numpy, learning on a made-up text, refusals, and the same bytes again."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from safetensors.numpy import load_file

import weightfit.lab  # noqa: F401  (before jax)
from weightfit.cohort import read_cohort
from weightfit.errors import CohortError, CorpusError, DivergedTraining, IncompleteCheckpoint
from weightfit.lab.architecture import shapes
from weightfit.lab.corpus import Corpus, bigram_entropy
from weightfit.lab.initial import draw
from weightfit.lab.model import next_byte_loss
from weightfit.lab.settings import TrainingSettings, learning_rates, read_settings
from weightfit.lab.training import (
    AT_ONCE,
    Schedule,
    State,
    decays,
    held_out_windows,
    kept_compilations,
    make_schedule,
    split,
    step_of,
    train,
)

# isort: split
import jax
import jax.numpy as jnp

REPOSITORY = Path(__file__).resolve().parents[2]

SHARED: dict[str, Any] = {
    "batch": 2,
    "warm_up": 0.1,
    "final_learning_rate": 0.1,
    "beta_1": 0.9,
    "beta_2": 0.95,
    "epsilon": 1e-8,
    "clip": 1.0,
    "held_out_bytes": 512,
}
OWN: dict[str, Any] = {
    "block": "llama",
    "layers": 1,
    "width": 16,
    "heads": 2,
    "key_heads": 1,
    "head_width": 8,
    "hidden": 24,
    "tied": False,
    "initialization": "recipe-b",
    "base": None,
    "text": "whole",
    "sequence": 16,
    "steps": 600,
    "learning_rate": 0.01,
    "weight_decay": 0.1,
    "seed": 1,
    "keep": [0, 1, 600],
}
TINY = read_settings("lab-tiny", SHARED, OWN)


@cache
def corpus() -> Corpus:
    """Make a text in which the last byte says little about the next one, and the last two bytes much."""
    generator = np.random.default_rng(3)
    words = [b"the ", b"then ", b"cat ", b"can ", b"hat ", b"nth ", b"tea ", b"ten "]
    text = b"".join(words[i] for i in generator.integers(0, len(words), 6000))
    letters = np.frombuffer(text, np.uint8)
    training = letters[:18000]
    return Corpus(training, np.resize(letters[:4000], training.size), letters[18000:], "ab" * 32)


@pytest.fixture(scope="module", autouse=True)
def compilations(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Compile a program once for all trainings of one shape."""
    with kept_compilations(tmp_path_factory.mktemp("compilations")):
        yield


# The schedule.


def test_the_learning_rate_rises_and_falls() -> None:
    rates = learning_rates(TINY)
    assert rates.shape == (600,)
    peak = 59  # step 60 = 0.1 of 600 steps
    assert rates[peak] == rates.max() == 0.01
    assert rates[:60] == pytest.approx(0.01 * np.arange(1, 61) / 60, rel=1e-12)
    assert rates[329] == pytest.approx(0.01 * 0.55, rel=1e-12)  # step 330: half of the fall from 1 to 0.1
    assert rates[-1] == pytest.approx(0.001, rel=1e-12)
    assert (np.diff(rates[peak:]) < 0).all()


def test_the_places_of_sequences_lie_in_the_text_and_depend_on_the_seed() -> None:
    schedule = make_schedule(TINY, 20)
    assert schedule.offsets.shape == (600, 2)
    # A sequence of 16 and the byte after it: places 0 to 3 of 20 bytes, and all of them occur.
    assert set(schedule.offsets.ravel().tolist()) == {0, 1, 2, 3}
    assert np.array_equal(schedule.offsets, make_schedule(TINY, 20).offsets)
    assert not np.array_equal(schedule.offsets, make_schedule(replace(TINY, seed=2), 20).offsets)


def test_held_out_sequences_are_spread_over_the_text() -> None:
    windows = held_out_windows(np.arange(200, dtype=np.uint8), 7, 100)
    assert windows.shape == (1, 16, 8)
    assert (np.diff(windows.astype(int), axis=-1) == 1).all()
    assert windows[0, 0, 0] == 0
    assert 180 <= windows[0, -1, -1] < 200
    with pytest.raises(CorpusError, match="held-out text of 7 bytes is shorter"):
        held_out_windows(np.zeros(7, np.uint8), 7, 100)


# AdamW.


def test_steps_are_those_of_adamw_in_numpy() -> None:
    settings = replace(TINY, clip=0.5, weight_decay=0.3)
    model = settings.architecture
    arrays = draw(model, "recipe-b", 1)
    weights = np.concatenate([arrays[name].ravel() for name in shapes(model)]).astype(np.float64)
    text = corpus().training
    schedule = make_schedule(settings, text.size)
    slope_of = jax.jit(jax.grad(lambda arrays, tokens: next_byte_loss(model, arrays, tokens)))
    decay = np.concatenate(
        [
            np.full(math.prod(s), 0.3 if len(s) > 1 and "norm" not in n else 0.0)
            for n, s in shapes(model).items()
        ]
    )
    assert np.array_equal(decays(settings), decay.astype(np.float32))
    mean, square, clipped = np.zeros_like(weights), np.zeros_like(weights), 0
    for t in range(1, 9):
        tokens = np.stack([text[place : place + 17] for place in schedule.offsets[t - 1]]).astype(np.int32)
        values = split(model, weights.astype(np.float32))
        slopes = slope_of({name: jnp.asarray(value) for name, value in values.items()}, tokens)
        slope = np.concatenate([np.asarray(slopes[name], np.float64).ravel() for name in shapes(model)])
        length = math.sqrt(float(slope @ slope))
        clipped += length > 0.5
        slope *= min(1.0, 0.5 / length)
        mean = 0.9 * mean + 0.1 * slope
        square = 0.95 * square + 0.05 * slope**2
        rate = learning_rates(settings)[t - 1]
        direction = mean / (1 - 0.9**t) / (np.sqrt(square / (1 - 0.95**t)) + 1e-8)
        weights = weights - rate * (direction + decay * weights)
    assert clipped == 8

    start = jnp.asarray(np.concatenate([arrays[name].ravel() for name in shapes(model)]))
    state = State(start, jnp.zeros_like(start), jnp.zeros_like(start))
    padded = Schedule(*(np.resize(part, (AT_ONCE, *part.shape[1:])) for part in schedule))
    state, losses = step_of(settings)(
        state, jnp.asarray(decays(settings)), jnp.asarray(text), padded, np.int32(8)
    )
    moved = np.abs(weights - np.asarray(draw_vector(settings))).max()
    assert moved > 1e-3
    assert np.abs(np.asarray(state.weights) - weights).max() < 1e-3 * moved
    assert (np.asarray(losses)[:8] > 3).all()
    assert (np.asarray(losses)[8:] == 0).all()


def draw_vector(settings: TrainingSettings) -> np.ndarray[Any, Any]:
    arrays = draw(settings.architecture, str(settings.initialization), settings.seed)
    return np.concatenate([arrays[name].ravel() for name in shapes(settings.architecture)])


# A whole training.


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("weights") / "lab-tiny"
    return folder, train(TINY, corpus(), folder, None)


def test_a_training_learns_more_than_pairs_of_bytes(trained: tuple[Path, dict[str, Any]]) -> None:
    _, manifest = trained
    loss = manifest["loss"]
    entropy = bigram_entropy(corpus().training)
    assert loss["bigram_entropy"] == entropy
    assert [point["step"] for point in loss["held_out"]] == [0, 600]
    first, last = (point["loss"] for point in loss["held_out"])
    assert abs(first - math.log(256)) < 0.5
    assert last < entropy
    assert len(loss["training"]) == 50
    assert [point["step"] for point in loss["training"]] == list(range(12, 601, 12))
    assert loss["training"][-1]["loss"] < entropy < loss["training"][0]["loss"]


def test_what_a_training_leaves(trained: tuple[Path, dict[str, Any]]) -> None:
    folder, manifest = trained
    names = ["config.json", "step0.safetensors", "step1.safetensors", "step600.safetensors"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert sorted(path.name for path in folder.parent.iterdir()) == ["lab-tiny"]
    assert [(file["path"], file["step"]) for file in manifest["files"]] == [
        ("step0.safetensors", 0),
        ("step1.safetensors", 1),
        ("step600.safetensors", 600),
    ]
    assert manifest["parameters"] == sum(math.prod(shape) for shape in shapes(TINY.architecture).values())
    assert manifest["seed"] == manifest["settings"]["seed"] == 1
    assert manifest["versions"]["jax"] == jax.__version__
    text = json.dumps(manifest, allow_nan=False)
    assert str(folder.parent) not in text
    first = load_file(folder / "step0.safetensors")
    drawn = draw(TINY.architecture, "recipe-b", 1)
    assert np.array_equal(first["lm_head.weight"], drawn["head"].astype(np.float16))
    # One step of Adam moves a weight by about the learning rate, and only few weights have no slope at all.
    moved = load_file(folder / "step1.safetensors")["lm_head.weight"].astype(float) - first["lm_head.weight"]
    assert 0 < np.abs(moved).max() < 2 * learning_rates(TINY)[0] + 2**-11


def test_continued_training_starts_from_the_last_step_of_its_base(
    tmp_path: Path, trained: tuple[Path, dict[str, Any]]
) -> None:
    folder, base = trained
    settings = replace(
        TINY,
        entry="lab-more",
        initialization=None,
        base="lab-tiny",
        text="numeric",
        steps=20,
        keep=(0, 20),
        learning_rate=1e-4,
    )
    manifest: dict[str, Any] = train(settings, corpus(), tmp_path / "lab-more", folder)
    assert manifest["files"][0]["sha256"] == base["files"][-1]["sha256"]
    assert manifest["files"][1]["sha256"] != base["files"][-1]["sha256"]
    first, last = (point["loss"] for point in manifest["loss"]["held_out"])
    assert first == pytest.approx(base["loss"]["held_out"][-1]["loss"], abs=1e-3)  # the base in F16
    assert abs(last - first) < 0.1
    with pytest.raises(IncompleteCheckpoint, match="give an entry and its base the same shape"):
        train(replace(settings, hidden=32), corpus(), tmp_path / "other", folder)
    assert not (tmp_path / "other").exists()


# Refusals; none leaves anything.


def test_a_training_that_learns_nothing_leaves_nothing(tmp_path: Path) -> None:
    settings = replace(TINY, steps=2, keep=(0, 2))
    with pytest.raises(
        DivergedTraining, match=r"lab-tiny: the held-out loss ends at .* not below the bigram"
    ):
        train(settings, corpus(), tmp_path / "lab-tiny", None)
    assert list(tmp_path.iterdir()) == []


def test_a_training_that_explodes_leaves_nothing(tmp_path: Path) -> None:
    settings = replace(TINY, steps=2, keep=(0, 2), learning_rate=1e30)
    with pytest.raises(DivergedTraining, match=r"step2.safetensors: tensor .* which F16 cannot"):
        train(settings, corpus(), tmp_path / "lab-tiny", None)
    assert list(tmp_path.iterdir()) == []


def test_a_base_must_be_given_exactly_if_named(tmp_path: Path) -> None:
    with pytest.raises(IncompleteCheckpoint, match="name base None but the folder given is 'base'"):
        train(TINY, corpus(), tmp_path / "lab-tiny", tmp_path / "base")
    continued = replace(TINY, initialization=None, base="lab-base")
    with pytest.raises(IncompleteCheckpoint, match="name base 'lab-base' but the folder given is None"):
        train(continued, corpus(), tmp_path / "lab-tiny", None)
    (tmp_path / "base").mkdir()
    with pytest.raises(
        IncompleteCheckpoint, match=r"base: there is no step\*.safetensors of base 'lab-base'"
    ):
        train(continued, corpus(), tmp_path / "lab-tiny", tmp_path / "base")
    assert [path.name for path in tmp_path.iterdir()] == ["base"]


def test_a_text_shorter_than_a_sequence_is_refused(tmp_path: Path) -> None:
    short = replace(corpus(), training=corpus().training[:16])
    with pytest.raises(CorpusError, match="a text of 16 bytes is shorter than a sequence of 16"):
        train(TINY, short, tmp_path / "lab-tiny", None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"depth": 3}, "'depth' is unknown"),
        ({"steps": None}, "steps: None is not of type int"),
        ({"steps": True}, "steps: True is not of type int"),
        ({"steps": 3.0}, "steps: 3.0 is not of type int"),
        ({"learning_rate": "1e-3"}, "learning_rate: '1e-3' is not of type float"),
        ({"learning_rate": float("nan")}, "learning_rate: nan is not of type float"),
        ({"keep": "all"}, "keep: 'all' is not of type"),
        ({"tied": 1}, "tied: 1 is not of type bool"),
        ({"batch": 2}, "'batch' stands in 'training' too"),
        ({"initialization": "kaiming"}, "'kaiming' is unknown"),
        ({"initialization": None}, "give exactly one of them"),
        ({"base": "lab-other"}, "give exactly one of them"),
        ({"text": "half"}, "text: 'half' is unknown"),
        ({"sequence": 0}, "at least 1"),
        ({"sequence": 600}, "held_out_bytes must be at least sequence"),
        ({"seed": -1}, "seed must not be negative"),
        ({"keep": [0, 5, 5, 600]}, "keep: give rising steps"),
        ({"keep": [1, 600]}, "keep: give rising steps"),
        ({"keep": [0, 599]}, "keep: give rising steps"),
        ({"learning_rate": 0}, "must be positive"),
        ({"weight_decay": -0.1}, "weight_decay must not be negative"),
        ({"heads": 3}, "heads x head_width"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(CohortError, match=rf"entries\.lab-tiny\.train.*{message}"):
        read_settings("lab-tiny", SHARED, OWN | changes)


def test_settings_that_are_missing_are_refused() -> None:
    with pytest.raises(CohortError, match=r"entries\.lab-tiny\.train: 'width' is missing; add it"):
        read_settings("lab-tiny", SHARED, {key: OWN[key] for key in OWN if key != "width"})
    with pytest.raises(CohortError, match=r"must lie in \[0, 1\)"):
        read_settings("lab-tiny", SHARED | {"beta_2": 1}, OWN)


# The default cohort.


def test_the_cohort_stands_in_for_every_entry_of_the_paper() -> None:
    document = yaml.safe_load((REPOSITORY / "cohorts" / "offline.yaml").read_text(encoding="utf-8"))
    cohort = read_cohort("offline")
    entries = {key: cohort.entries[key] for key in cohort.of("train")}
    settings = {
        key: read_settings(key, document["training"], entry.settings) for key, entry in entries.items()
    }
    assert len({entry.paper_entry for entry in entries.values()}) == len(entries) == 20
    assert all(entry.stand_in and f"lab-{entry.paper_entry}" == key for key, entry in entries.items())
    assert len({own.seed for own in settings.values()}) == 20
    family = [own for own in settings.values() if own.block == "gpt-neox"]
    steps = (0, *(2**i for i in range(10)), 1000, 2000, 3000)
    assert [own.keep for own in family] == [steps] * 5
    # T / tau as the paper has it: 143,000 steps x learning rate x 0.01.
    rates = {"70m": 1e-3, "160m": 6e-4, "410m": 3e-4, "1b": 3e-4, "6.9b": 1.2e-4}
    for own in family:
        paper = 143_000 * rates[own.entry.removeprefix("lab-pythia-")] * 0.01
        assert own.duration == pytest.approx(paper, rel=5e-3)
    for own in set(settings.values()) - set(family):
        assert own.keep == (0, own.steps)
        if own.base is None:
            assert own.duration == pytest.approx(1.25, rel=2e-3)
        else:
            base = settings[own.base]
            assert own.architecture == base.architecture
            assert own.sequence == base.sequence
            assert (own.text, base.text) == ("numeric", "whole")
            assert own.duration == pytest.approx(0.103, rel=2e-2)


# Determinism: each training in a process of its own.

PROGRAM = """
import sys
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import test_training as tests
from weightfit.lab.training import kept_compilations, train
settings = replace(tests.TINY, steps=300, keep=(0, 300))
with kept_compilations(Path(sys.argv[2])):
    manifest = train(settings, tests.corpus(), Path(sys.argv[3]), None)
print(*[file["sha256"] for file in manifest["files"]], manifest["loss"])
"""


def start(compilation: Path, folder: Path) -> subprocess.Popen[str]:
    environment = {key: value for key, value in os.environ.items() if key != "NPROC"}
    environment["PYTHONPATH"] = str(REPOSITORY)
    command = [sys.executable, "-W", "error", "-c", PROGRAM, str(REPOSITORY / "tests" / "lab")]
    return subprocess.Popen(
        [*command, str(compilation), str(folder)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_same_seed_same_bytes_side_by_side_and_with_a_warm_cache(tmp_path: Path) -> None:
    shared = tmp_path / "compilation"
    pair = [start(shared, tmp_path / name) for name in ("first", "second")]
    outputs = [process.communicate()[0] for process in pair]
    programs = sorted(path.name for path in shared.iterdir())
    assert programs
    assert all(name.startswith("jit_") and name.endswith("-cache") for name in programs), programs
    warm = start(shared, tmp_path / "third")
    outputs.append(warm.communicate()[0])
    assert [process.returncode for process in (*pair, warm)] == [0, 0, 0], outputs
    assert sorted(path.name for path in shared.iterdir()) == programs, "the warm run compiled anew"
    assert len(set(outputs)) == 1
    files = [
        [(tmp_path / name / step).read_bytes() for step in ("step0.safetensors", "step300.safetensors")]
        for name in ("first", "second", "third")
    ]
    assert files[0] == files[1] == files[2]
    assert files[0][0] != files[0][1]


def test_jax_before_the_lab_is_refused() -> None:
    environment = {key: value for key, value in os.environ.items() if key != "NPROC"}
    environment["PYTHONPATH"] = str(REPOSITORY)
    program = "import sys, types; sys.modules['jax'] = types.ModuleType('jax'); import weightfit.lab"
    result = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode != 0
    assert "LateThreadLimit: jax was imported before weightfit.lab" in result.stderr
    assert "start Python with NPROC=1" in result.stderr
