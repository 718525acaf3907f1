"""Follow the chain of evidence behind a table of a run, link by link, down to the weight files."""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weightfit import table
from weightfit.counts.histogram import HISTOGRAM_CONTRACT
from weightfit.documents import data
from weightfit.errors import ContractError
from weightfit.paper import exhibits
from weightfit.provenance import code, sha256

HISTOGRAMS = "histograms/"
PARTS = ("fits/", "moments/", HISTOGRAMS)
"""Folders of tables that a run makes for each entry; only those of the entries behind a number are followed."""


@dataclass(frozen=True)
class Link:
    """One table of the chain.

    Attributes
    ----------
    name
        Path of the table in the results of the cohort.
    rule, script
        Rule and script that made it.
    code
        Recorded digest of the script and of all that it imports; None where a file records none.
    inputs
        Digest of each recorded input, by name.
    versions
        Versions of the distributions that made it.
    files, contract
        Weight files that were counted, and the value of `weightfit.counts.histogram.HISTOGRAM_CONTRACT` at that time;
        for histograms only.
    others
        Number of inputs of other entries, on which the number does not rest.
    """

    name: str
    rule: str
    script: str
    code: str | None
    inputs: dict[str, str | None]
    versions: dict[str, str]
    files: tuple[dict[str, Any], ...] = ()
    contract: int | None = None
    others: int = 0

    @property
    def counted(self) -> bool:
        """Whether it was counted from weight files, not joined from other histograms."""
        return self.name.startswith(HISTOGRAMS) and self.rule == "histogram"


def chain(folder: Path, tables: Collection[str], entries: Collection[str]) -> list[Link]:
    """Follow tables down to the weight files.

    Parameters
    ----------
    folder
        Results of the cohort.
    tables
        Names of the exhibits or studies at which the chain begins.
    entries
        Entries of the cohort on whose weights the number rests.

    Returns
    -------
    list of Link
        Each table once; the tables that are made first come last.

    Raises
    ------
    ContractError
        If a table of the chain is missing.
    """
    waiting, found = [_path(name) for name in tables], dict[str, Link]()
    while waiting:
        name = waiting.pop(0)
        if name in found:
            found[name] = found.pop(name)  # the common source of two tables comes after both
            continue
        if not (folder / name).is_file():
            raise ContractError(f"{name}: this run has no such file; run the workflow for the cohort again")
        found[name] = _link(folder, name, entries)
        waiting += [each for each in found[name].inputs if each.endswith(".parquet")]
    return list(found.values())


def _path(name: str) -> str:
    made = exhibits.read()
    return made[name].numbers if name in made else f"{name}.parquet"


def _link(folder: Path, name: str, entries: Collection[str]) -> Link:
    if name.endswith(".csv"):
        label = Path(name).stem
        made = exhibits.read()[label]
        # The CSV of an exhibit records nothing; its inputs are those that its item lists.
        inputs: dict[str, str | None] = {f"{each}.parquet": None for each in made.inputs}
        return Link(name, label, made.module, None, inputs, {})
    recorded = table.read_provenance(folder / name)
    own = {
        each: digest
        for each, digest in recorded["inputs"].items()
        if not each.startswith(PARTS) or _entry(each) in entries
    }
    return Link(
        name,
        recorded["rule"],
        recorded["script"],
        recorded["code"],
        own,
        recorded["versions"],
        tuple(recorded.get("files", ())),
        recorded.get("contract"),
        len(recorded["inputs"]) - len(own),
    )


def _entry(name: str) -> str:
    """Return the entry of a table; an entry from the Hub has a folder of tables."""
    return Path(name).parts[1].removesuffix(".parquet")


def verify(folder: Path, link: Link) -> Iterator[tuple[bool, str]]:
    """Compare the records of a table with the present state of its code and inputs.

    Parameters
    ----------
    folder
        Results of the cohort.
    link
        Table of the chain.

    Yields
    ------
    bool, str
        Whether a record agrees, and what was compared. Weight files are not hashed again: their manifest is compared
        with the record of the count, which does not verify the files.
    """
    if link.contract is not None:
        # Only a new contract makes a histogram stale, not an edit of the code that counts.
        yield link.contract == HISTOGRAM_CONTRACT, f"{link.name}: the contract of counting, {link.contract}"
    elif link.code is not None:
        now = code(link.script)
        yield now == link.code, f"{link.name}: code of {link.script}"
    for name, digest in link.inputs.items():
        path = folder / name if name.endswith(".parquet") else data(f"paper/{Path(name).name}")
        if digest is not None and path.is_file():
            yield sha256(path) == digest, f"{link.name}: its input {name}"


def manifest(folder: Path, link: Link) -> dict[str, Any]:
    """Return the manifest of the weights from which a histogram was counted."""
    path = folder / "manifests" / Path(link.name).relative_to(HISTOGRAMS).with_suffix(".json")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return {"stand_in": False} | found
