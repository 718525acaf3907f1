"""What a training run is told."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from weightfit.errors import CohortError

Block = Literal["gpt-neox", "olmo-1", "olmo-2", "llama", "qwen-2", "qwen-3"]
BLOCKS: tuple[Block, ...] = ("gpt-neox", "olmo-1", "olmo-2", "llama", "qwen-2", "qwen-3")
INITIALIZATIONS = ("recipe-a", "recipe-b", "truncated-normal", "base")


@dataclass(frozen=True)
class Training:
    """What all runs of a cohort share.

    Attributes
    ----------
    batch
        Sequences a step.
    warm_up
        Share of the steps in which the learning rate rises from 0 to its peak.
    final_rate
        Learning rate at the end of the cosine, as a share of the peak.
    beta_1, beta_2, epsilon, clip
        Of AdamW, and the largest norm of a gradient.
    evaluation
        Held-out sequences on which the loss is measured.
    """

    batch: int
    warm_up: float
    final_rate: float
    beta_1: float
    beta_2: float
    epsilon: float
    clip: float
    evaluation: int


@dataclass(frozen=True)
class Run:
    """One training run: the model's shape, its optimisation and what is kept.

    Attributes
    ----------
    block
        Kind of block, one of `BLOCKS`.
    layers, width, heads, key_heads, head_width, hidden
        Number of blocks, residual width, query heads, key and value heads, width of a head, inner width of
        the feed-forward part.
    initialization
        ``recipe-a``, ``recipe-b``, ``truncated-normal``, or ``base`` to continue another run.
    sequence
        Bytes of context.
    steps, learning_rate, weight_decay, seed
        Optimisation; ``learning_rate`` is the peak.
    keep
        Steps whose weights are written; the first is 0, the last ``steps``.
    text
        ``training``, or ``numeric`` for continued pre-training.
    base
        Id of the entry that is continued, or None.
    """

    block: Block
    layers: int
    width: int
    heads: int
    key_heads: int
    head_width: int
    hidden: int
    initialization: str
    sequence: int
    steps: int
    learning_rate: float
    weight_decay: float
    seed: int
    keep: tuple[int, ...]
    text: str
    base: str | None


def run_settings(entry: str, document: Mapping[str, Any]) -> Run:
    """Check what a cohort file says of a trained entry.

    Raises
    ------
    CohortError
        If a key is missing, extra or contradicts another.
    """
    known = {field.name for field in fields(Run)}
    strange = sorted(set(document) ^ known)
    if strange:
        raise CohortError(f"entries.{entry}.train: keys {strange} are missing or unknown; give exactly {sorted(known)}")
    run = Run(**{**document, "keep": tuple(document["keep"])})
    laws = {
        "block": run.block in BLOCKS,
        "initialization": run.initialization in INITIALIZATIONS and (run.initialization == "base") == bool(run.base),
        "key_heads": run.heads % run.key_heads == 0 and (run.block != "gpt-neox" or run.heads == run.key_heads),
        "keep": run.keep == tuple(sorted(set(run.keep))) and run.keep[0] == 0 and run.keep[-1] == run.steps,
        "text": run.text in ("training", "numeric"),
        "head_width": run.head_width % 2 == 0,
    }
    for key, holds in laws.items():
        if not holds:
            raise CohortError(
                f"entries.{entry}.train.{key}: {getattr(run, key)!r} does not fit; see weightfit/lab/settings.py"
            )
    return run
