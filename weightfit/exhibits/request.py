"""What an exhibit is asked for: its item of the list, this cohort's entries, and the tables that it reads."""

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
    """Which of the paper's entries an exhibit shows, and what a reader must be told about them.

    Attributes
    ----------
    wanted
        Ids of `paper/entries.tsv`, in the exhibit's order.
    shown
        Those that this cohort has, each with the id of the entry that is shown for it.
    stand_ins
        The shown entries that are not the paper's own weights.
    notes
        Sentences that stand in the exhibit: stand-ins, what is missing and why, excluded matrices.
    """

    wanted: tuple[str, ...]
    shown: Mapping[str, str]
    stand_ins: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def heading(self) -> str:
        """What the column of measured values is headed."""
        if not self.stand_ins:
            return "measured"
        return "stand-in" if len(self.stand_ins) == len(self.shown) else "measured or stand-in"


@dataclass(frozen=True)
class Request:
    """What an exhibit is asked for.

    Attributes
    ----------
    exhibit
        Its item of `paper/exhibits.yaml`.
    entries
        Facts of this cohort's entries by id: ``paper_entry``, ``stand_in``, ``exclude``, ``initialization_of``.
    cohort
        ``steps`` and ``blocks`` (what stands for those that the paper names; empty where each stands for itself) and
        ``absent`` (entries of the paper that the cohort cannot have, with the reason).
    tables
        Where each Parquet table of ``exhibit.inputs`` is.
    paths
        Where each ending is written.
    """

    exhibit: Exhibit
    entries: Mapping[str, Mapping[str, Any]]
    cohort: Mapping[str, Mapping[Any, Any]]
    tables: Mapping[str, Path]
    paths: Mapping[str, Path]

    @property
    def content(self) -> Mapping[str, Any]:
        """Panels and series, or rows and columns, and what else the item lists."""
        return self.exhibit.content

    def read(self, name: str) -> pa.Table:
        """Read one of the tables that the exhibit lists as inputs."""
        return table.read(self.tables[name], name)

    @cached_property
    def cast(self) -> Cast:
        """The entries that the exhibit is about: those of ``content.cohort``, or ``content.entries`` one by one."""
        return self.cast_of(wanted_entries(self.content))

    def cast_of(self, wanted: Sequence[str]) -> Cast:
        """Return which of these entries of the paper are shown.

        Parameters
        ----------
        wanted
            Ids of `paper/entries.tsv`.
        """
        own = {facts["paper_entry"]: entry for entry, facts in self.entries.items() if facts["paper_entry"]}
        shown = {key: own[key] for key in wanted if key in own}
        stand_ins = tuple(entry for entry in shown.values() if self.entries[entry]["stand_in"])
        notes = [stand_in_note(stand_ins)] if stand_ins else []
        notes += missing_note(wanted, shown, self.cohort["absent"])
        notes += exclusion_notes(self.entries, list(shown.values()))
        return Cast(tuple(wanted), shown, stand_ins, tuple(notes))

    @property
    def available(self) -> list[str]:
        """The wanted entries that this cohort has; with ``content.initializations`` simulated ones count too."""
        simulated = {facts["initialization_of"] for facts in self.entries.values()}
        also = simulated if self.content.get("initializations") else set()
        return [key for key in self.cast.wanted if key in self.cast.shown or key in also]

    def own_step(self, printed: int) -> int:
        """Return this cohort's step for one that the paper names."""
        return stands_for(printed, self.cohort["steps"])

    def own_block(self, printed: int) -> int:
        """Return this cohort's block for one that the paper names."""
        return stands_for(printed, self.cohort["blocks"])

    def printed(self, *keys: object) -> str:
        """Return the text that the paper prints under ``content.printed``.

        Parameters
        ----------
        *keys
            Of the mapping under ``content.printed``, level by level; what is left of the way to the id is appended to
            the text found there, with dots.
        """
        place: Any = self.content["printed"]
        rest = list(keys)
        while isinstance(place, Mapping):
            place = place[rest.pop(0)]
        return paper.printed(".".join([place, *map(str, rest)]))


def wanted_entries(content: Mapping[str, Any]) -> list[str]:
    """Return the ids of the paper's entries that an exhibit is about, in order."""
    if "cohort" in content:
        return [key for key, entry in paper.entries().items() if content["cohort"] in entry.cohort]
    return list(content.get("entries", ()))


def stand_in_note(stand_ins: Sequence[str]) -> str:
    """Return the sentence that an exhibit made from at least one stand-in carries."""
    models = "1 small model" if len(stand_ins) == 1 else f"{len(stand_ins)} small models"
    return f"STAND-IN: {models} trained here from scratch (ids {stand_ins[0]} ...), not the paper's weights."


def missing_note(wanted: Sequence[str], shown: Mapping[str, str], absent: Mapping[str, str]) -> list[str]:
    """Return the sentence that names the entries which are not shown, with the reason; none if all are."""
    missing = [key for key in wanted if key not in shown]
    if not missing:
        return []
    told = [f"{key}: {absent[key]}" for key in missing if key in absent]
    others = [key for key in missing if key not in absent]
    if others:
        told.append(f"not in this cohort: {', '.join(others)}")
    return [f"{len(shown)} of {len(wanted)} entries; {'; '.join(told)}."]


def exclusion_notes(entries: Mapping[str, Mapping[str, Any]], used: Sequence[str]) -> list[str]:
    """Return one sentence per used entry from which the cohort file leaves matrices out, with the reasons."""
    return [
        f"Left out of {entry}: "
        + "; ".join(f"{matrix} ({reason})" for matrix, reason in entries[entry]["exclude"].items())
        + "."
        for entry in used
        if entries[entry]["exclude"]
    ]
