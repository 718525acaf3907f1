"""What is known of an entry's model and of its training: columns of the database, for these very weights."""

from collections.abc import Mapping
from typing import Any

from weightfit import paper
from weightfit.cohort import CohortEntry
from weightfit.lab.architecture import BLOCKS
from weightfit.weights.families import TABLES

# ASSUME database-convention: beside the paper's own weights stand the hyperparameters that the paper prints.
CONVENTION = "paper"
"""The set of `weightfit.paper.training` whose values are taken."""

UNKNOWN: Mapping[str, Any] = dict.fromkeys(
    (
        "family",
        "size",
        "storage",
        "n_q",
        "n_kv",
        "qk_norm",
        "training_tokens",
        "eta_peak",
        "lambda_wd",
        "T_steps",
        "hp_confidence",
    )
)


def entry_facts(entry: CohortEntry, shared: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the facts of an entry.

    Parameters
    ----------
    entry
        Of a cohort.
    shared
        The cohort's ``training``: what all trainings of it share; None if it trains nothing.

    Returns
    -------
    dict
        ``paper_entry``, ``stand_in`` and the keys of `UNKNOWN`, None where nothing is known. What the paper says of a
        model stands only beside its own weights, or its own shape where its initialization is simulated; a stand-in
        has its own.
    """
    facts = dict(UNKNOWN)
    if entry.source == "train":
        facts |= _trained(entry.settings, shared or {})
    elif entry.source == "initialize":
        # Not all blocks of the model are drawn, so that its size is not theirs.
        facts |= _architecture(paper.entries()[entry.settings["of"]]) | {"size": None}
    elif entry.paper_entry is not None and not entry.stand_in:
        facts |= _published(paper.entries()[entry.paper_entry])
    return {"paper_entry": entry.paper_entry, "stand_in": entry.stand_in} | facts


def _trained(own: Mapping[str, Any], shared: Mapping[str, Any]) -> dict[str, Any]:
    block = BLOCKS[own["block"]]
    return {
        "family": own["block"],
        "storage": _storage(block.model_class),
        "n_q": own["heads"],
        "n_kv": own["key_heads"],
        "qk_norm": block.query_key_norm != "none",
        "training_tokens": str(own["steps"] * own["sequence"] * shared["batch"]),
        "eta_peak": own["learning_rate"],
        "lambda_wd": own["weight_decay"],
        "T_steps": own["steps"],
        "hp_confidence": "own",
    }


def _storage(model_class: str) -> str:
    """Return whether a class of models stores q, k and v as one tensor."""
    (family,) = (family for family in TABLES.values() if model_class in family.architectures)
    merged = any({"q", "k", "v"} <= set(held) for _, held in family.counted.values())
    return "merged" if merged else "separate"


def _architecture(model: paper.Entry) -> dict[str, Any]:
    return {
        "family": model.family,
        "size": model.name.rpartition("-")[2],
        "storage": model.storage,
        "n_q": model.heads,
        "n_kv": model.key_heads,
        "qk_norm": model.qk_norm,
    }


def _published(model: paper.Entry) -> dict[str, Any]:
    values = paper.training(CONVENTION).get(model.id, {})
    steps = values.get("steps")
    return _architecture(model) | {
        "training_tokens": model.tokens,
        "eta_peak": values.get("peak_learning_rate"),
        "lambda_wd": values.get("weight_decay"),
        "T_steps": None if steps is None else round(steps),
        "hp_confidence": CONVENTION if values else None,
    }
