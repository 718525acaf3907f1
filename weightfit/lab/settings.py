"""Settings of a training run: those of one entry, those that all entries share, and the laws that they obey."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

import numpy as np
import numpy.typing as npt

from weightfit.errors import CohortError
from weightfit.lab.architecture import Architecture
from weightfit.lab.initial import INITIALIZATIONS


@dataclass(frozen=True)
class TrainingSettings:
    """Everything that the weights of one entry depend on, apart from the text.

    Attributes
    ----------
    entry
        Id of the entry.
    block, layers, width, heads, key_heads, head_width, hidden, tied
        Shape of the model, as in `weightfit.lab.architecture.Architecture`.
    initialization
        One of `weightfit.lab.initial.INITIALIZATIONS`, or None for an entry that continues its base.
    base
        Id of the entry whose last weights this one starts from, or None.
    text
        Training text: ``whole``, or ``numeric`` for continued pre-training.
    sequence
        Number of bytes that are predicted per sequence.
    steps
        Number of updates.
    learning_rate
        Peak of the learning rate.
    weight_decay
        Coefficient of decoupled decay, multiplied by the learning rate of the step.
    seed
        Seed of the initial weights and of the order of the text.
    keep
        Steps whose weights are written: 0, the last one, and any between.
    batch
        Number of sequences per step.
    warm_up
        Fraction of the steps in which the learning rate rises linearly from 0 to its peak.
    final_learning_rate
        Learning rate at which the cosine ends, as a fraction of the peak.
    beta_1, beta_2, epsilon
        Parameters of AdamW.
    clip
        Largest Euclidean norm of a gradient; a longer gradient is scaled down to it.
    held_out_bytes
        Number of bytes of the held-out text that are predicted to measure the loss.
    """

    entry: str
    block: str
    layers: int
    width: int
    heads: int
    key_heads: int
    head_width: int
    hidden: int
    tied: bool
    initialization: str | None
    base: str | None
    text: str
    sequence: int
    steps: int
    learning_rate: float
    weight_decay: float
    seed: int
    keep: tuple[int, ...]
    batch: int
    warm_up: float
    final_learning_rate: float
    beta_1: float
    beta_2: float
    epsilon: float
    clip: float
    held_out_bytes: int

    def __post_init__(self) -> None:
        laws = {
            "initialization and base: give exactly one of them, null for the other": (
                self.initialization is None
            )
            != (self.base is None),
            f"initialization: {self.initialization!r} is unknown; use one of {list(INITIALIZATIONS)}": (
                self.initialization in (None, *INITIALIZATIONS)
            ),
            f"text: {self.text!r} is unknown; use 'whole' or 'numeric'": self.text in ("whole", "numeric"),
            "sequence, steps and batch must be at least 1": min(self.sequence, self.steps, self.batch) >= 1,
            "held_out_bytes must be at least sequence": self.held_out_bytes >= self.sequence,
            "seed must not be negative": self.seed >= 0,
            "keep: give rising steps, the first 0 and the last equal to steps": len(self.keep) >= 2
            and list(self.keep) == sorted(set(self.keep))
            and (self.keep[0], self.keep[-1]) == (0, self.steps),
            "learning_rate, epsilon and clip must be positive": min(
                self.learning_rate, self.epsilon, self.clip
            )
            > 0,
            "weight_decay must not be negative": self.weight_decay >= 0,
            "warm_up, final_learning_rate, beta_1 and beta_2 must lie in [0, 1)": all(
                0 <= part < 1 for part in (self.warm_up, self.final_learning_rate, self.beta_1, self.beta_2)
            ),
        }
        for law, kept in laws.items():
            if not kept:
                raise CohortError(f"entries.{self.entry}.train: {law}")
        _ = self.architecture

    @property
    def architecture(self) -> Architecture:
        """The shape of the model."""
        try:
            return Architecture(
                self.block,
                self.layers,
                self.width,
                self.heads,
                self.key_heads,
                self.head_width,
                self.hidden,
                self.tied,
            )
        except CohortError as error:
            raise CohortError(f"entries.{self.entry}.train: {error}") from None

    @property
    def duration(self) -> float:
        """T / tau: the number of steps times the peak learning rate times the weight decay."""
        return self.steps * self.learning_rate * self.weight_decay


def read_settings(entry: str, training: Mapping[str, Any], own: Mapping[str, Any]) -> TrainingSettings:
    """Combine the settings that a cohort file gives for one entry.

    Parameters
    ----------
    entry
        Id of the entry.
    training
        Section ``training`` of the file: the settings that all entries share.
    own
        Section ``train`` of the entry: its own settings.

    Raises
    ------
    CohortError
        If a key is missing, unknown or given twice, or a value is of another type or breaks a law.
    """
    hints = get_type_hints(TrainingSettings)
    asked = {field.name for field in dataclasses.fields(TrainingSettings)} - {"entry"}
    where = f"entries.{entry}.train"
    for problem, keys in {
        "is unknown; remove it": (training.keys() | own.keys()) - asked,
        "is missing; add it": asked - training.keys() - own.keys(),
        "stands in 'training' too; keep one": training.keys() & own.keys(),
    }.items():
        if keys:
            raise CohortError(f"{where}: {sorted(keys)[0]!r} {problem}")
    values = {key: _typed(f"{where}.{key}", value, hints[key]) for key, value in {**training, **own}.items()}
    return TrainingSettings(entry=entry, **values)


def _typed(where: str, value: object, kind: object) -> Any:
    if kind == tuple[int, ...]:
        if isinstance(value, list) and all(type(item) is int for item in value):
            return tuple(value)
    elif kind is float:
        if type(value) in (int, float) and math.isfinite(value):  # type: ignore[arg-type]
            return float(value)  # type: ignore[arg-type]
    elif type(value) in (getattr(kind, "__args__", (kind,))):
        return value
    name = getattr(kind, "__name__", str(kind))
    raise CohortError(f"{where}: {value!r} is not of type {name}; correct it")


def learning_rates(settings: TrainingSettings) -> npt.NDArray[np.float64]:
    """Return the learning rate of each step: a linear warm-up, then half a cosine.

    Returns
    -------
    ndarray of float64, shape (steps,)
        Learning rate of step t = 1, 2, ..., steps.

    Notes
    -----
    The rate reaches the peak where the warm-up ends, and ``final_learning_rate`` times the peak at the last step.
    """
    step = np.arange(1, settings.steps + 1)
    warm_up = max(1.0, settings.warm_up * settings.steps)
    progress = np.clip((step - warm_up) / max(settings.steps - warm_up, 1.0), 0, 1)
    cosine = (1 + np.cos(np.pi * progress)) / 2
    falling = settings.final_learning_rate + (1 - settings.final_learning_rate) * cosine
    return settings.learning_rate * np.where(step < warm_up, step / warm_up, falling)
