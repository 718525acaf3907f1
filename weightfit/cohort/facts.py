"""Facts of a cohort that studies and exhibits take as params of their rules, so that a change of a fact reruns them."""

from pathlib import Path
from typing import Any

from weightfit import paper
from weightfit.cohort import Cohort, CohortEntry
from weightfit.cohort.models import entry_facts
from weightfit.paper import exhibits
from weightfit.weights.plan import read_config


def continued(cohort: Cohort) -> list[str]:
    """List the entries whose training started from trained weights, so that their step 0 is already trained."""
    return [entry.id for entry in cohort.entries.values() if entry.settings.get("base")]


def of_entries(cohort: Cohort) -> dict[str, dict[str, Any]]:
    """Return the facts of each entry that exhibits need (see `weightfit.exhibits.request.Request`)."""
    return {
        entry.id: {
            "paper_entry": entry.paper_entry,
            "stand_in": entry.stand_in,
            "layers": entry.settings.get("layers"),
            "width": entry.settings.get("width"),
            "exclude": entry.exclude,
            "initialization_of": _initialization_of(entry),
            "model": entry.model,
        }
        for entry in cohort.entries.values()
    }


def origins(cohort: Cohort) -> dict[str, dict[str, Any]]:
    """Return the origin of the weights of each entry, as arguments of `weightfit.studies.steady_state.Origin`."""
    already_trained = continued(cohort)
    return {
        entry.id: {
            "paper_entry": entry.paper_entry,
            "stand_in": entry.stand_in,
            "initialization_of": _initialization_of(entry),
            "continued": entry.id in already_trained,
            "training": _training(cohort, entry),
        }
        for entry in cohort.entries.values()
    }


def of_models(cohort: Cohort) -> dict[str, dict[str, Any]]:
    """Return the known facts of each entry's model and training (see `weightfit.cohort.models.entry_facts`)."""
    return {entry.id: entry_facts(entry, cohort.training) for entry in cohort.entries.values()}


def _initialization_of(entry: CohortEntry) -> str | None:
    return str(entry.settings["of"]) if entry.source == "initialize" else None


def _training(cohort: Cohort, entry: CohortEntry) -> dict[str, float] | None:
    if entry.source != "train":
        return None
    chosen = {**(cohort.training or {}), **entry.settings}
    return {
        "peak_learning_rate": chosen["learning_rate"],
        "weight_decay": chosen["weight_decay"],
        "steps": chosen["steps"],
    }


def families(cohort: Cohort) -> dict[str, str]:
    """Return the family of the paper's entry that each entry is, stands for, or simulates before its first step.

    Simulated initialisations form a group of their own. If there are several of one model, the first is taken.
    """
    known = paper.entries()
    found = {
        entry.id: known[entry.paper_entry].family for entry in cohort.entries.values() if entry.paper_entry
    }
    simulated: dict[str, str] = {}
    for entry in cohort.entries.values():
        if entry.source == "initialize":
            simulated.setdefault(entry.settings["of"], entry.id)
    return found | {own: f"{known[of].family} initialization" for of, own in simulated.items()}


def excluded(cohort: Cohort) -> dict[str, dict[str, str]]:
    """Return the matrices that each entry leaves out, with the reasons."""
    return {entry.id: entry.exclude for entry in cohort.entries.values()}


def of_stored(cohort: Cohort) -> dict[str, dict[str, Any]]:
    """Return, of each entry that is stored in further formats, what its matrices are read by."""
    entries = (cohort.entries[entry] for entry in cohort.with_precision)
    return {
        entry.id: {"exclude": entry.exclude, "architecture": entry.architecture, "stack": entry.stack}
        for entry in entries
    }


def milestones(cohort: Cohort) -> list[int]:
    """List the cohort's steps that stand for the paper's steps whose distributions the exhibits draw."""
    printed = {
        step
        for exhibit in exhibits.read().values()
        if {"density", "tail"} & set(exhibit.inputs)
        for step in exhibit.content.get("steps", ())
    }
    return sorted({exhibits.stands_for(step, cohort.steps) for step in printed})


def main_entries(cohort: Cohort) -> list[str]:
    """List the entries that are, or stand for, entries of the paper's main cohort."""
    known = paper.entries()
    return [
        entry.id
        for entry in cohort.entries.values()
        if entry.paper_entry and "main" in known[entry.paper_entry].cohort
    ]


def heads(cohort: Cohort) -> dict[str, dict[str, Any]]:
    """Return the numbers of heads of each entry, in the words of config.json, as far as they are known."""
    found = {}
    for entry, known in of_models(cohort).items():
        own = cohort.entries[entry]
        if own.source == "link":
            told = read_config(Path(own.settings["folder"])) or {}
        else:
            told = {"num_attention_heads": known["n_q"], "num_key_value_heads": known["n_kv"]}
        kept = ("num_attention_heads", "num_key_value_heads")
        found[entry] = {name: told[name] for name in kept if told.get(name) is not None}
    return found


def stands_for(cohort: Cohort) -> dict[str, str | None]:
    """Return the name of the paper's model for which each stand-in stands, and None for other entries."""
    known = paper.entries()
    return {
        entry.id: known[entry.paper_entry].name if entry.stand_in and entry.paper_entry else None
        for entry in cohort.entries.values()
    }


def real_models(cohort: Cohort) -> dict[str, dict[str, Any]]:
    """Return what is known of each real model outside the paper's cohort, by id of its entry."""
    return {entry.id: entry.model for entry in cohort.entries.values() if entry.model}
