"""Trains one entry of the lab, step by step, and writes the weights of the steps that are kept.

The weights are trained in float32 and stored in F16, as Pythia's main files are.
"""

import itertools
import math
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax.experimental.compilation_cache import compilation_cache

import weightfit.lab  # noqa: F401  (fixes the number of threads)
from weightfit.documents import write_json
from weightfit.errors import CorpusError, DivergedTraining, IncompleteCheckpoint
from weightfit.lab.architecture import MATRICES, Architecture, configuration, shapes
from weightfit.lab.corpus import Corpus, Text, bigram_entropy
from weightfit.lab.initial import draw
from weightfit.lab.model import next_byte_loss
from weightfit.lab.settings import TrainingSettings, learning_rates
from weightfit.lab.tensors import read_checkpoint, write_checkpoint
from weightfit.task import Progress
from weightfit.weights.manifest import whole_folder

jax.config.update("jax_platforms", "cpu")  # type: ignore[no-untyped-call]

Vector = TypeVar("Vector", jax.Array, npt.NDArray[np.float32])
Values = TypeVar("Values", npt.NDArray[np.int32], npt.NDArray[np.float32])

AT_ONCE = 100
"""Number of steps whose schedule one call receives; calls for fewer steps run the same compiled program.

Between calls, the job notes how far it is.
"""

CURVE = 50
"""Number of points of the recorded loss curve; each is the mean over an equal part of the steps."""

WINDOWS = 16
"""Number of held-out sequences that are predicted at once."""


class State(NamedTuple):
    """State that a step changes: vectors over all weights, in the order of `shapes`."""

    weights: jax.Array
    mean: jax.Array
    square: jax.Array


class Schedule(NamedTuple):
    """Schedule of the steps: offsets in the text (steps, batch), learning rates and AdamW's two bias corrections."""

    offsets: npt.NDArray[np.int32]
    learning_rate: npt.NDArray[np.float32]
    mean_correction: npt.NDArray[np.float32]
    square_correction: npt.NDArray[np.float32]


Step = Callable[[State, jax.Array, jax.Array, Schedule, np.int32], tuple[State, jax.Array]]


@contextmanager
def kept_compilations(folder: Path) -> Iterator[None]:
    """Reuse compiled programs from a folder and leave new ones there, for entries of equal shape.

    jax writes into its cache without a lock, so another process could read an incomplete file. Each process
    therefore uses a folder of its own, and moves its programs to the shared folder by renaming them.

    Parameters
    ----------
    folder
        Folder of compiled programs, which processes that run at the same time may share.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".", dir=folder) as name:
        own = Path(name)
        for program in folder.glob("*-cache"):
            os.link(program, own / program.name)
        compilation_cache.reset_cache()  # it reads the folder's name only once
        jax.config.update("jax_compilation_cache_dir", str(own.resolve()))  # type: ignore[no-untyped-call]
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.3)  # type: ignore[no-untyped-call]
        # Otherwise the folder's name is part of the key by which a program is looked up.
        jax.config.update("jax_persistent_cache_enable_xla_caches", "none")  # type: ignore[no-untyped-call]
        try:
            yield
        finally:
            compilation_cache.reset_cache()
            jax.config.update("jax_compilation_cache_dir", None)  # type: ignore[no-untyped-call]
            for program in own.glob("*-cache"):
                program.replace(folder / program.name)


def train(settings: TrainingSettings, corpus: Corpus, folder: Path, base: Path | None) -> dict[str, object]:
    """Train an entry and write ``config.json`` and one ``step{N}.safetensors`` for each step that is kept.

    Step 0 of an entry that continues a base is the last step of the base, bit for bit.

    Parameters
    ----------
    folder
        Folder of the entry's weights, which appears complete or not at all.
    base
        Folder of the weights of the entry that this one continues, or None.

    Returns
    -------
    dict
        Contents of the manifest: files, settings, number of parameters, losses and versions.

    Raises
    ------
    CorpusError
        If the text is shorter than a sequence.
    IncompleteCheckpoint
        If the base is missing, was not asked for, or has another shape.
    DivergedTraining
        If a weight does not fit into F16, or the held-out loss does not end below the bigram entropy.
    """
    architecture = settings.architecture
    text = corpus.text(settings.text)
    windows = held_out_windows(corpus.held_out, settings.sequence, settings.held_out_bytes)
    if text.size <= settings.sequence:
        raise CorpusError(
            f"a text of {text.size} bytes is shorter than a sequence of {settings.sequence}: lower sequence"
        )
    arrays = _first_weights(settings, base)
    entropy = bigram_entropy(corpus.training)
    schedule = make_schedule(settings, text.size)
    step, evaluate = step_of(settings), jax.jit(partial(_held_out_loss, architecture))
    weights = jnp.asarray(np.concatenate([arrays[name].ravel() for name in shapes(architecture)]))
    state = State(weights, jnp.zeros_like(weights), jnp.zeros_like(weights))
    decay, on_device = jnp.asarray(decays(settings)), jnp.asarray(text)
    losses: list[npt.NDArray[np.float32]] = []
    held_out = {0: float(evaluate(state.weights, windows))}
    with whole_folder(folder) as unfinished:
        write_json(unfinished / "config.json", configuration(architecture, settings.sequence))
        files = [write_checkpoint(unfinished, 0, architecture, arrays)]
        progress = Progress(settings.steps, "steps")
        for begin, end in _segments(settings.keep):
            count = end - begin
            state, loss = step(state, decay, on_device, _cut(schedule, begin, end), np.int32(count))
            losses.append(np.asarray(loss)[:count])
            progress.add(count)
            if end in settings.keep:
                files.append(
                    write_checkpoint(
                        unfinished, end, architecture, split(architecture, np.asarray(state.weights))
                    )
                )
        held_out[settings.steps] = float(evaluate(state.weights, windows))
        if not held_out[settings.steps] < entropy:
            raise DivergedTraining(
                f"{settings.entry}: the held-out loss ends at {held_out[settings.steps]:.4f} nats per byte, not "
                f"below the bigram entropy of {entropy:.4f}: lower learning_rate or raise steps"
            )
    return {
        "files": [asdict(file) for file in files],
        "settings": asdict(settings),
        "seed": settings.seed,
        "parameters": int(weights.size),
        "loss": {
            "unit": "nats per byte",
            "training": _curve(np.concatenate(losses)),
            "held_out": [{"step": at, "loss": loss} for at, loss in held_out.items()],
            "bigram_entropy": entropy,
        },
        "corpus": corpus.sha256,
        "versions": {name: version(name) for name in ("jax", "jaxlib", "numpy")},
    }


def step_of(settings: TrainingSettings) -> Step:
    """Return the compiled loop over steps of AdamW with a clipped gradient.

    m and v are running means of the gradient g and of its square, and step t with learning rate r changes the
    weights w by -r (m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon) + decay w) (Loshchilov and Hutter,
    arXiv 1711.05101).

    Parameters
    ----------
    settings
        Settings of an entry; entries with the same shape, sequence, batch, betas, epsilon and clip share a program.

    Returns
    -------
    callable
        Function of the state (which it consumes), the decay of each weight, the text, the schedule of `AT_ONCE`
        steps, and the number of them to take; it returns the new state and the loss of each step, shape (AT_ONCE,).
    """
    architecture = settings.architecture
    sequence, beta_1, beta_2 = settings.sequence, settings.beta_1, settings.beta_2
    epsilon, clip = settings.epsilon, settings.clip

    def steps(
        state: State, decay: jax.Array, text: jax.Array, schedule: Schedule, count: np.int32
    ) -> tuple[State, jax.Array]:
        offsets, rate, mean_correction, square_correction = map(jnp.asarray, schedule)

        def one(i: jax.Array, carried: tuple[State, jax.Array]) -> tuple[State, jax.Array]:
            (weights, mean, square), losses = carried
            tokens = text[offsets[i][:, None] + np.arange(sequence + 1)]
            arrays = split(architecture, weights)
            loss, slopes = jax.value_and_grad(partial(next_byte_loss, architecture))(arrays, tokens)
            slope = jnp.concatenate([slopes[name].ravel() for name in shapes(architecture)])
            slope *= jnp.minimum(1, clip / jnp.sqrt(jnp.vdot(slope, slope)))
            mean = beta_1 * mean + (1 - beta_1) * slope
            square = beta_2 * square + (1 - beta_2) * slope * slope
            direction = mean * mean_correction[i] / (jnp.sqrt(square * square_correction[i]) + epsilon)
            weights = weights - rate[i] * (direction + decay * weights)
            return State(weights, mean, square), losses.at[i].set(loss)

        # The bound is traced, so that one program serves every number of steps.
        done: tuple[State, jax.Array] = jax.lax.fori_loop(0, count, one, (state, jnp.zeros(AT_ONCE)))
        return done

    compiled: Step = jax.jit(steps, donate_argnums=0)
    return compiled


def split(architecture: Architecture, vector: Vector) -> dict[str, Vector]:
    """Cut a vector of all weights into the arrays of `shapes`.

    Returns
    -------
    dict
        Arrays by name.
    """
    arrays, begin = {}, 0
    for name, shape in shapes(architecture).items():
        end = begin + math.prod(shape)
        arrays[name] = vector[begin:end].reshape(shape)
        begin = end
    return arrays


def decays(settings: TrainingSettings) -> npt.NDArray[np.float32]:
    """Return the weight decay of each weight: that of the settings for matrices, zero for biases and norms."""
    return np.concatenate(
        [
            np.full(math.prod(shape), settings.weight_decay if name in MATRICES else 0, np.float32)
            for name, shape in shapes(settings.architecture).items()
        ]
    )


def make_schedule(settings: TrainingSettings, size: int) -> Schedule:
    """Draw where each step's sequences begin in the text, and tabulate the values that depend on the step's number.

    Parameters
    ----------
    size
        Number of bytes of the text.

    Returns
    -------
    Schedule
        Schedule of all steps.
    """
    generator = np.random.default_rng([settings.seed, len(MATRICES)])  # no matrix is drawn with this seed
    step = np.arange(1, settings.steps + 1)
    return Schedule(
        generator.integers(0, size - settings.sequence, (settings.steps, settings.batch), np.int32),
        learning_rates(settings).astype(np.float32),
        (1 / (1 - settings.beta_1**step)).astype(np.float32),
        (1 / (1 - settings.beta_2**step)).astype(np.float32),
    )


def held_out_windows(text: Text, sequence: int, count: int) -> npt.NDArray[np.uint8]:
    """Take equally spaced sequences from the held-out text.

    Parameters
    ----------
    sequence
        Number of bytes that are predicted per sequence.
    count
        Number of bytes that are predicted in all, rounded up to whole groups of sequences.

    Raises
    ------
    CorpusError
        If the text is shorter than a sequence.
    """
    if text.size <= sequence:
        raise CorpusError(
            f"a held-out text of {text.size} bytes is shorter than a sequence of {sequence}: lower sequence"
        )
    groups = math.ceil(count / sequence / WINDOWS)
    begin = np.arange(groups * WINDOWS) * (text.size - sequence) // (groups * WINDOWS)
    windows: Text = text[begin[:, None] + np.arange(sequence + 1)]
    return windows.reshape(groups, WINDOWS, sequence + 1)


def _held_out_loss(architecture: Architecture, weights: jax.Array, windows: jax.Array) -> jax.Array:
    arrays = split(architecture, weights)
    return jnp.mean(jax.lax.map(partial(next_byte_loss, architecture, arrays), windows))


def _first_weights(settings: TrainingSettings, base: Path | None) -> dict[str, npt.NDArray[np.float32]]:
    if settings.initialization is not None and base is None:
        return draw(settings.architecture, settings.initialization, settings.seed)
    if settings.base is None or base is None:
        raise IncompleteCheckpoint(
            f"{settings.entry}: its settings name base {settings.base!r} but the folder given is "
            f"{None if base is None else base.name!r}; give both or neither"
        )
    steps = {int(path.stem.removeprefix("step")): path for path in base.glob("step*.safetensors")}
    if not steps:
        raise IncompleteCheckpoint(
            f"{base.name}: there is no step*.safetensors of base {settings.base!r}; train it first"
        )
    return read_checkpoint(steps[max(steps)], settings.architecture)


def _segments(keep: tuple[int, ...]) -> list[tuple[int, int]]:
    """Cut the range of steps at the steps that are kept, and into segments of at most `AT_ONCE` steps."""
    stops = sorted({*keep, *range(0, keep[-1], AT_ONCE)})
    return list(itertools.pairwise(stops))


def _cut(schedule: Schedule, begin: int, end: int) -> Schedule:
    def padded(values: Values) -> Values:
        part = np.zeros((AT_ONCE, *values.shape[1:]), values.dtype)
        part[: end - begin] = values[begin:end]
        return part

    return Schedule(
        padded(schedule.offsets),
        padded(schedule.learning_rate),
        padded(schedule.mean_correction),
        padded(schedule.square_correction),
    )


def _curve(losses: npt.NDArray[np.float32]) -> list[dict[str, float]]:
    """Return the mean training loss of equal parts of the run, each with its last step."""
    parts = np.array_split(losses.astype(np.float64), min(CURVE, losses.size))
    last = np.cumsum([part.size for part in parts])
    return [{"step": int(step), "loss": float(part.mean())} for step, part in zip(last, parts, strict=True)]
