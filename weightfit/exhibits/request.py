"""The request for an exhibit: its item in the list, the entries of the cohort, and the tables that it reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from weightfit import paper, table
from weightfit.paper.exhibits import Exhibit, stands_for


@dataclass(frozen=True)
class Cast:
    """The entries of the paper that an exhibit shows, with the notes about them for the reader.

    Attributes
    ----------
    wanted
        Ids of entries in `paper/entries.tsv`, in the exhibit's order.
    shown
        Those of the wanted entries that this cohort has, each with the id of the entry that is shown for it.
    stand_ins
        Shown entries whose weights are not the paper's own.
    notes
        Sentences in the exhibit about stand-ins, missing entries with the reasons, and excluded matrices.
    """

    wanted: tuple[str, ...]
    shown: Mapping[str, str]
    stand_ins: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def heading(self) -> str:
        """Heading of the column of measured values."""
        if not self.stand_ins:
            return "measured"
        return "stand-in" if len(self.stand_ins) == len(self.shown) else "measured or stand-in"


@dataclass(frozen=True)
class Request:
    """The request for an exhibit.

    Attributes
    ----------
    exhibit
        Item of the exhibit in `paper/exhibits.yaml`.
    entries
        Facts of this cohort's entries by id: ``paper_entry``, ``stand_in``, ``exclude``, ``initialization_of``,
        ``model``; ``layers`` and ``width`` where they are trained here.
    cohort
        ``steps`` and ``blocks`` (those that stand for the ones that the paper names; empty where each stands for
        itself) and ``absent`` (entries of the paper that the cohort cannot include, with the reason).
    tables
        Path of each Parquet table of ``exhibit.inputs`` that the cohort has.
    paths
        Path of the file to write with each ending.
    """

    exhibit: Exhibit
    entries: Mapping[str, Mapping[str, Any]]
    cohort: Mapping[str, Mapping[Any, Any]]
    tables: Mapping[str, Path]
    paths: Mapping[str, Path]

    @property
    def content(self) -> Mapping[str, Any]:
        """Panels and series, or rows and columns, and further settings of the exhibit's item."""
        return self.exhibit.content

    def read(self, name: str) -> pa.Table:
        """Read one of the tables that the exhibit lists as inputs; a cohort without weights has empty ones."""
        if name not in self.tables and self.exhibit.draws_printed:
            return table.of_rows(name, [])
        return table.read(self.tables[name], name)

    @property
    def models(self) -> dict[str, Mapping[str, Any]]:
        """What is known of each real model outside the paper's cohort, by id of the entry, in the cohort's order."""
        return {entry: facts["model"] for entry, facts in self.entries.items() if facts.get("model")}

    def name(self, entry: str) -> str:
        """Return the name of an entry for readers, which says of a stand-in for what it stands and how small it is."""
        facts = self.entries[entry]
        if not facts["stand_in"]:
            return entry if facts["paper_entry"] is None else paper.entries()[facts["paper_entry"]].name
        size = f" ({facts['layers']} layers, width {facts['width']})" if _sized(facts) else ""
        return f"stand-in for {paper.entries()[facts['paper_entry']].name}{size}"

    def short_name(self, entry: str) -> str:
        """Return a name for marks and axes, which stand below a band about stand-ins: 'Qwen2.5-14B (6 × 80)'."""
        facts = self.entries[entry]
        if not facts["stand_in"]:
            return self.name(entry)
        size = f" ({facts['layers']} × {facts['width']})" if _sized(facts) else ""
        return f"{paper.entries()[facts['paper_entry']].name}{size}"

    @cached_property
    def cast(self) -> Cast:
        """The entries that the exhibit is about: those of ``content.cohort``, or those in ``content.entries``."""
        return self.cast_of(wanted_entries(self.content))

    def cast_of(self, wanted: Sequence[str]) -> Cast:
        """Return which of these entries of the paper are shown.

        Parameters
        ----------
        wanted
            Ids of entries in `paper/entries.tsv`.
        """
        own = {facts["paper_entry"]: entry for entry, facts in self.entries.items() if facts["paper_entry"]}
        shown = {key: own[key] for key in wanted if key in own}
        stand_ins = tuple(entry for entry in shown.values() if self.entries[entry]["stand_in"])
        sized = any(_sized(self.entries[entry]) for entry in stand_ins)
        notes = [stand_in_note(stand_ins, sized)] if stand_ins else []
        if self.exhibit.draws_printed and not shown:
            notes.append("From printed numbers alone: this cohort has no weights of these entries.")
        else:
            notes += missing_note(wanted, shown, self.cohort["absent"])
        notes += exclusion_notes(self.entries, list(shown.values()))
        return Cast(tuple(wanted), shown, stand_ins, tuple(notes))

    @property
    def available(self) -> list[str]:
        """The wanted entries that this cohort has; with ``content.initializations``, simulated ones count too."""
        simulated = {facts["initialization_of"] for facts in self.entries.values()}
        also = simulated if self.content.get("initializations") else set()
        return [key for key in self.cast.wanted if key in self.cast.shown or key in also]

    def own_step(self, printed: int) -> int:
        """Return this cohort's step that stands for one that the paper names."""
        return stands_for(printed, self.cohort["steps"])

    def own_block(self, printed: int) -> int:
        """Return this cohort's block that stands for one that the paper names."""
        return stands_for(printed, self.cohort["blocks"])

    def printed(self, *keys: object) -> str:
        """Return the text that the paper prints under ``content.printed``.

        Parameters
        ----------
        *keys
            Keys of the mapping under ``content.printed``, level by level. Keys beyond the deepest level are appended,
            with dots, to the text found there, which gives the id.
        """
        place: Any = self.content["printed"]
        rest = list(keys)
        while isinstance(place, Mapping):
            place = place[rest.pop(0)]
        return paper.printed(".".join([place, *map(str, rest)]))


def wanted_entries(content: Mapping[str, Any]) -> list[str]:
    """Return the ids of the paper's entries that an exhibit is about, in the exhibit's order."""
    if "cohort" in content:
        return [key for key, entry in paper.entries().items() if content["cohort"] in entry.cohort]
    return list(content.get("entries", ()))


def _sized(facts: Mapping[str, Any]) -> bool:
    return facts.get("layers") is not None


def stand_in_note(stand_ins: Sequence[str], sized: bool = False) -> str:
    """Return the note for an exhibit that is made from at least one stand-in.

    Parameters
    ----------
    stand_ins
        Ids of the stand-ins.
    sized
        Whether their names are followed by their sizes in brackets.
    """
    models = "1 small model" if len(stand_ins) == 1 else f"{len(stand_ins)} small models"
    told = f"STAND-IN: {models} trained here from scratch (ids {stand_ins[0]} ...), not the paper's weights."
    return f"{told} Sizes: layers × width." if sized else told


def missing_note(wanted: Sequence[str], shown: Mapping[str, str], absent: Mapping[str, str]) -> list[str]:
    """Return the sentence that names the entries that are not shown and the reasons; empty if all are shown."""
    missing = [key for key in wanted if key not in shown]
    if not missing:
        return []
    told = [f"{key}: {absent[key]}" for key in missing if key in absent]
    others = [key for key in missing if key not in absent]
    if others:
        told.append(f"not in this cohort: {', '.join(others)}")
    return [f"{len(shown)} of {len(wanted)} entries; {'; '.join(told)}."]


def exclusion_notes(entries: Mapping[str, Mapping[str, Any]], used: Sequence[str]) -> list[str]:
    """Return a sentence for each used entry of which the cohort file leaves out matrices, with the reasons."""
    return [
        f"Left out of {entry}: "
        + "; ".join(f"{matrix} ({reason})" for matrix, reason in entries[entry]["exclude"].items())
        + "."
        for entry in used
        if entries[entry]["exclude"]
    ]
