"""Reads and checks the pin file of a cohort, and lists the parts that its jobs fetch."""

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
"""Revisions of each entry by its id, in the order of the cohort file."""


def read_pins(path: Path, chosen: str, sources: Mapping[str, HubSource]) -> dict[str, list[Revision]]:
    """Read the pins of a cohort and check that they fit what its cohort file asks for.

    Parameters
    ----------
    chosen
        The cohort as given on the command line, such as ``cohort=paper``, for the remedy.
    sources
        Source of each entry, by its id.

    Returns
    -------
    dict
        The revisions of each entry, by its id.

    Raises
    ------
    StalePins
        If the file is missing, breaks its schema, or pins other repositories, revisions, steps or files.
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
    """Read a pin file without checking which cohort it belongs to.

    Parameters
    ----------
    remedy
        Remedy with which an error message ends.

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
    """Return the endpoint at which the pins of a file were made; `load` must have read the file without error."""
    return str(parse_object(path.read_bytes(), path.name)["endpoint"])


def recorded_predictions(path: Path) -> str | None:
    """Return the sha256 of the predictions that a pin file records; `load` must have read the file without error.

    None if the file records none, as files of earlier versions do.
    """
    found = parse_object(path.read_bytes(), path.name).get("predictions")
    return None if found is None else str(found)


def foreign(endpoint: str) -> list[str]:
    """Return a line of warning if pins were not made at the Hub itself, and no line if they were."""
    if endpoint == HUB:
        return []
    return [
        f"these pins were made at {endpoint} and not at {HUB}: the audit does not take their files "
        "for the paper's own weights"
    ]


def unavailable(path: Path, manifests: Path) -> dict[str, str]:
    """Return the entries that are unavailable as a whole, each with the reason and the remedy.

    Parameters
    ----------
    path
        Pin file. If it breaks its schema, no entry is returned; `read_pins` reports the fault.
    manifests
        Folder of the manifests of an earlier run: a pinned file can be gone by the time it is fetched.
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
    """Return why a part is unavailable by its pin or its manifest; None if it is available or was not fetched yet."""
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
    """Return the parts that the jobs of a cohort fetch: one weight file each, or an unavailable revision without any.

    Parameters
    ----------
    sources
        Source of each entry, by its id.

    Returns
    -------
    list of Part
        Parts in the order of the pins.
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
