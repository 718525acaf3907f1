"""The file of a cohort's pins: reads and checks it, and tells the parts that its jobs fetch."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from weightfit.documents import parse_object, violation
from weightfit.errors import MalformedCheckpoint
from weightfit.hub.errors import StalePins
from weightfit.hub.pinned import HUB
from weightfit.hub.repository import HubSource, Part, Revision

Pins = Mapping[str, Sequence[Revision]]
"""By id of the entry: its revisions, in the order of the cohort file."""


def read_pins(path: Path, chosen: str, sources: Mapping[str, HubSource]) -> dict[str, list[Revision]]:
    """Read the pins of a cohort and check that they are of what its file asks for.

    Parameters
    ----------
    chosen
        What is said on the command line, such as ``cohort=paper``, for the remedy.
    sources
        By id of the entry.

    Returns
    -------
    dict
        The revisions of each entry.

    Raises
    ------
    StalePins
        If the file is missing, breaks its schema, or is of other repositories, revisions, steps or files.
    """
    remedy = f"run `snakemake --cores 1 pins --config {chosen}`"
    if not path.is_file():
        raise StalePins(f"{path}: what {chosen} needs from the Hub is not pinned: {remedy}")
    pins = load(path, remedy)
    for entry, source in sources.items():
        if not _fits(source, pins.get(entry, [])):
            raise StalePins(f"{path.name}: entries.{entry} is not what is asked for: {remedy}")
    return {entry: pins[entry] for entry in sources}


def load(path: Path, remedy: str) -> dict[str, list[Revision]]:
    """Read a file of pins without asking whose they are.

    Parameters
    ----------
    remedy
        What the message of an error ends with.

    Raises
    ------
    StalePins
        If the file breaks its schema.
    """
    try:
        document: Any = parse_object(path.read_bytes(), path.name)
    except MalformedCheckpoint as error:
        raise StalePins(f"{error}, or {remedy}") from error
    if broken := violation(document, "pins"):
        raise StalePins(f"{path.name}: {broken}: {remedy}")
    return {
        entry: [Revision.of(revision) for revision in revisions]
        for entry, revisions in document["entries"].items()
    }


def endpoint(path: Path) -> str:
    """Return where the pins of a file were made, of one that `load` has read."""
    return str(parse_object(path.read_bytes(), path.name)["endpoint"])


def foreign(endpoint: str) -> list[str]:
    """Say, in a line, what pins that were made elsewhere than at the Hub itself do not give."""
    if endpoint == HUB:
        return []
    return [f"made at {endpoint} and not at {HUB}: the audit takes none of it for the paper's own weights"]


def unavailable(path: Path, manifests: Path) -> dict[str, str]:
    """Return the entries of which nothing can be had, with the reason and what can be done.

    Parameters
    ----------
    path
        A file of pins; of one that breaks its schema nothing is told here, see `read_pins`.
    manifests
        Folder of the manifests that an earlier run left: what is pinned can be gone when it is fetched.
    """
    try:
        pins = load(path, "")
    except StalePins:
        return {}
    found = {}
    for entry, revisions in pins.items():
        told = [_refusal(part, manifests) for part in _parts(entry, revisions, None)]
        if told and all(told):
            found[entry] = str(told[0])
    return found


def _refusal(part: Part, manifests: Path) -> str | None:
    """Return why a part cannot be had, by its pin or its manifest; None if it can, or nobody has tried."""
    if not part.source.available:
        return f"{part.source.reason}; {part.source.remedy}"
    path = manifests / f"{part.id}.json"
    if not path.is_file():
        return None
    made = parse_object(path.read_bytes(), path.name)
    return None if made["available"] else f"{made['reason']}; {made['remedy']}"


def _fits(source: HubSource, revisions: Sequence[Revision]) -> bool:
    found = [(pin.kind, pin.repository, pin.revision, pin.step) for pin in revisions]
    asked = [(source.kind, source.repository, *pair) for pair in source.revisions.items()]
    named = sorted(source.files)
    return found == asked and all(
        not named or not pin.available or named == [file.path for file in pin.files] for pin in revisions
    )


def parts(pins: Pins, sources: Mapping[str, HubSource]) -> list[Part]:
    """Return what the jobs of a cohort fetch: one weight file each, or the record of a revision without any.

    Parameters
    ----------
    sources
        By id of the entry.

    Returns
    -------
    list of Part
        In the order of the pins.
    """
    return [
        part for entry, revisions in pins.items() for part in _parts(entry, revisions, sources[entry].mirror)
    ]


def _parts(entry: str, revisions: Sequence[Revision], mirror: str | None) -> list[Part]:
    alone = [
        one
        for revision in revisions
        for one in ([replace(revision, files=(file,)) for file in revision.files] or [revision])
    ]
    return [Part(entry, source, mirror) for source in alone]
