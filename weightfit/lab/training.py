"""Trains one model with AdamW and keeps its weights at chosen steps."""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from weightfit.errors import DivergedTraining
from weightfit.lab import tensors
from weightfit.lab.corpus import Corpus
from weightfit.lab.model import Parameters, decayed, initial_parameters, loss
from weightfit.lab.settings import Run, Training
from weightfit.source import WeightFile

CURVE_POINTS = 25
WINDOW = 50
"""Steps over which a point of the loss curve is averaged."""

State = tuple[Parameters, Parameters, Parameters, jax.Array]
"""Parameters, first and second moments, loss of every step."""


def train(
    run: Run, training: Training, corpus: Corpus, folder: Path, base: Path | None, compilation: Path
) -> tuple[list[WeightFile], dict[str, object], dict[str, object]]:
    """Train a model and write its weights.

    Parameters
    ----------
    run, training
        What to train and how.
    corpus
        The text.
    folder
        Where config.json and ``step{n}.safetensors`` go; it exists.
    base
        Weight file of the run that is continued, or None.
    compilation
        Folder of compiled programs that runs of equal shape share; safe to delete.

    Returns
    -------
    files, settings, results
        For the manifest; results are the loss curve, held-out losses at both ends, bigram entropy, number of
        parameters and versions.

    Raises
    ------
    DivergedTraining
        If the held-out loss does not end below the bigram entropy of the text, or a weight does not fit F16.

    Notes
    -----
    Computed in float32 and stored in F16, as Pythia's main files are. The learning rate of the first
    iteration is 0, as in Pythia, so that step 1 holds the weights of step 0.
    """
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_compilation_cache_dir", str(compilation))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    parameters = initial_parameters(run) if base is None else tensors.read(run, base)
    text = np.resize(getattr(corpus, run.text), corpus.training.size)
    random = np.random.default_rng([run.seed, 1])
    offsets = random.integers(0, text.size - run.sequence, (run.steps, training.batch), np.int32)
    held_out = _evaluation(run, training, corpus)
    advance = jax.jit(partial(_advance, run, training), donate_argnums=0)
    state: State = (
        {name: jnp.asarray(value) for name, value in parameters.items()},
        {name: jnp.zeros_like(value) for name, value in parameters.items()},
        {name: jnp.zeros_like(value) for name, value in parameters.items()},
        jnp.zeros(run.steps, jnp.float32),
    )
    data = (jnp.asarray(text), jnp.asarray(offsets))
    rates = jnp.asarray([run.learning_rate, run.weight_decay], jnp.float32)
    tensors.write_config(run, folder)
    files: list[WeightFile] = []
    first_loss = held_out(state[0])
    done = 0
    for step in run.keep:
        state = advance(state, data, rates, done, step)
        done = step
        path = folder / f"step{step}.safetensors"
        written = tensors.write(run, state[0], path)
        files.append(WeightFile(path.name, step, written.bytes, written.sha256))
    last_loss = held_out(state[0])
    entropy = corpus.bigram_entropy
    print(f"held-out loss {first_loss:.4f} -> {last_loss:.4f} nats a byte; bigram entropy {entropy:.4f}")
    if not last_loss < entropy:
        raise DivergedTraining(
            f"held-out loss ends at {last_loss:.4f} nats a byte, not below the bigram entropy {entropy:.4f} of the "
            "text; the model did not learn: change its learning rate or its steps in the cohort file"
        )
    results = {
        "parameters": int(sum(value.size for value in parameters.values())),
        "corpus": corpus.sha256,
        "bigram_entropy": entropy,
        "held_out_loss": {"first": first_loss, "last": last_loss},
        "loss_curve": _curve(np.asarray(state[3])),
        "versions": {name: version(name) for name in ("jax", "jaxlib", "numpy")},
    }
    return files, asdict(run) | {"shared": asdict(training)}, results


def _evaluation(run: Run, training: Training, corpus: Corpus) -> Callable[[Parameters], float]:
    random = np.random.default_rng(0)
    starts = random.integers(0, corpus.held_out.size - run.sequence, training.evaluation)
    windows = corpus.held_out[starts[:, None] + np.arange(run.sequence + 1)].astype(np.int32)
    measure = jax.jit(partial(loss, run))
    return lambda parameters: float(measure(parameters, jnp.asarray(windows)))


def _advance(
    run: Run,
    training: Training,
    state: State,
    data: tuple[jax.Array, jax.Array],
    rates: jax.Array,
    begin: jax.Array,
    end: jax.Array,
) -> State:
    """Take the steps from begin to end; bounds and rates are traced, so that one program serves all."""
    text, offsets = data
    warm_up = training.warm_up * run.steps

    def step(index: jax.Array, state: State) -> State:
        parameters, first, second, losses = state
        windows = jax.vmap(lambda start: jax.lax.dynamic_slice(text, (start,), (run.sequence + 1,)))(offsets[index])
        value, gradient = jax.value_and_grad(partial(loss, run))(parameters, windows.astype(jnp.int32))
        norm = jnp.sqrt(sum(jnp.vdot(part, part) for part in gradient.values()))
        shrink = jnp.minimum(1.0, training.clip / (norm + 1e-12))
        at = index.astype(jnp.float32)
        progress = jnp.clip((at - warm_up) / (run.steps - warm_up), 0.0, 1.0)
        cosine = training.final_rate + (1 - training.final_rate) * (1 + jnp.cos(jnp.pi * progress)) / 2
        rate = rates[0] * jnp.where(at < warm_up, at / warm_up, cosine)
        first_scale = 1 / (1 - training.beta_1 ** (at + 1))
        second_scale = 1 / (1 - training.beta_2 ** (at + 1))
        moved, new_first, new_second = {}, {}, {}
        for name, weight in parameters.items():
            part = shrink * gradient[name]
            m = training.beta_1 * first[name] + (1 - training.beta_1) * part
            v = training.beta_2 * second[name] + (1 - training.beta_2) * part * part
            change = m * first_scale / (jnp.sqrt(v * second_scale) + training.epsilon)
            if decayed(name):
                change = change + rates[1] * weight
            moved[name], new_first[name], new_second[name] = weight - rate * change, m, v
        return moved, new_first, new_second, losses.at[index].set(value)

    return jax.lax.fori_loop(begin, end, step, state)


def _curve(losses: NDArray[np.float32]) -> list[dict[str, float]]:
    """Average the training loss over the steps before each of some evenly spread ones."""
    ends = np.unique(np.linspace(min(WINDOW, losses.size), losses.size, CURVE_POINTS).astype(int))
    return [
        {"step": int(end), "training_loss": float(losses[max(end - WINDOW, 0) : end].mean(dtype=np.float64))}
        for end in ends
    ]
