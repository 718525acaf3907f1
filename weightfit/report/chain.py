"""The chain behind a table of a run: what it was made from, link by link, down to the weight files."""

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
"""Tables that a run leaves once per entry: of these only the entries behind a number are followed."""


@dataclass(frozen=True)
class Link:
    """One table of the chain.

    Attributes
    ----------
    name
        Its path in the results of the cohort.
    rule, script
        What made it.
    code
        Digest of the script and of all that it imports, as recorded; None where a file records none.
    inputs
        Name of each recorded input to its digest.
    versions
        Of the distributions that made it.
    files, contract
        Weight files that were counted, and `weightfit.counts.histogram.HISTOGRAM_CONTRACT` then; of histograms only.
    others
        Inputs of other entries, which the number does not rest on.
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
        """Whether it was counted from weight files, and not joined from tables that were."""
        return self.name.startswith(HISTOGRAMS) and self.rule == "histogram"


def chain(folder: Path, tables: Collection[str], entries: Collection[str]) -> list[Link]:
    """Follow tables down to the weight files.

    Parameters
    ----------
    folder
        Results of the cohort.
    tables
        Names of exhibits or studies, where the chain begins.
    entries
        Of the cohort, on whose weights the number rests.

    Returns
    -------
    list of Link
        Each table once, those that are made first last.

    Raises
    ------
    ContractError
        If a table of the chain is not there.
    """
    waiting, found = [_path(name) for name in tables], dict[str, Link]()
    while waiting:
        name = waiting.pop(0)
        if name in found:
            found[name] = found.pop(name)  # what two tables are made from stands below both
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
        # An exhibit's numbers are plain text and record nothing: its inputs are those that its item lists.
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
    """Return the entry whose table this is; an entry from the Hub has a folder of them."""
    return Path(name).parts[1].removesuffix(".parquet")


def verify(folder: Path, link: Link) -> Iterator[tuple[bool, str]]:
    """Compare what a table records with what is there now.

    Parameters
    ----------
    folder
        Results of the cohort.
    link
        Of the chain.

    Yields
    ------
    bool, str
        Whether it agrees, and what was compared. Weight files are not rehashed: what their manifest says is compared
        with what was counted, which is no verification of the files.
    """
    if link.contract is not None:
        # An edit of the code that counts makes no histogram stale: its contract does.
        yield link.contract == HISTOGRAM_CONTRACT, f"{link.name}: the contract of counting, {link.contract}"
    elif link.code is not None:
        now = code(link.script)
        yield now == link.code, f"{link.name}: code of {link.script}"
    for name, digest in link.inputs.items():
        path = folder / name if name.endswith(".parquet") else data(f"paper/{Path(name).name}")
        if digest is not None and path.is_file():
            yield sha256(path) == digest, f"{link.name}: its input {name}"


def manifest(folder: Path, link: Link) -> dict[str, Any]:
    """Return where the weights came from that a histogram was counted from."""
    path = folder / "manifests" / Path(link.name).relative_to(HISTOGRAMS).with_suffix(".json")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return {"stand_in": False} | found
