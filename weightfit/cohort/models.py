"""Known facts of the model and the training behind an entry's own weights, as columns of the database."""

from collections.abc import Mapping
from typing import Any

from weightfit import paper
from weightfit.cohort import CohortEntry
from weightfit.lab.architecture import BLOCKS
from weightfit.weights.families import TABLES

# ASSUME database-convention: the paper's own weights are listed with the hyperparameters it prints.
CONVENTION = "paper"
"""Convention of `weightfit.paper.training` whose values are used."""

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
        Entry of a cohort.
    shared
        The cohort's ``training``, which all its trained entries share; None if it trains nothing.

    Returns
    -------
    dict
        ``paper_entry``, ``stand_in`` and the keys of `UNKNOWN`, each None where it is unknown. The paper's facts of a
        model are given for the model's own weights only, and its dimensions also where its initialization is simulated;
        a stand-in has facts of its own.
    """
    facts = dict(UNKNOWN)
    if entry.source == "train":
        facts |= _trained(entry.settings, shared or {})
    elif entry.source == "initialize":
        # Not all blocks of the model are drawn, so the model's size is not that of the drawn weights.
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
    """Return how a class of models stores q, k and v: as one tensor or separately."""
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
