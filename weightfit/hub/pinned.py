"""Checks whether the weights that a run measured are, byte for byte, those that are pinned."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Manifest = Mapping[str, Any]
Pins = Mapping[str, Sequence[Mapping[str, Any]]]
"""Revisions of each entry by its id, as under ``entries`` in a file that keeps the contract ``pins``."""


HUB = "https://huggingface.co"
"""Endpoint that holds the paper's weights; files that were pinned elsewhere are not known to be those."""


def of_the_hub(document: Mapping[str, Any]) -> Pins:
    """Return the pins in a file of the contract ``pins``, or none if they were not made at the Hub itself."""
    entries: Pins = document["entries"] if document["endpoint"] == HUB else {}
    return entries


def pinned(manifests: Iterable[Manifest], pins: Pins) -> frozenset[str]:
    """Return the entries whose files are exactly those of their pins.

    Parameters
    ----------
    manifests
        Manifests of all parts of a run; an entry can have several.
    pins
        Committed pins; empty if there are none.

    Returns
    -------
    frozenset of str
        Ids of the entries for which the pins give the repository, commit, path, size and sha256 of every measured
        file, and every pinned weight file was measured. A pin without a sha256 proves nothing, so an entry with such
        a pin is left out.
    """
    measured: dict[str, set[tuple[Any, ...]]] = {}
    for manifest in manifests:
        found = measured.setdefault(manifest["entry"], set())
        found |= {
            (manifest["repository"], manifest["commit"], file["path"], file["bytes"], file["sha256"])
            for file in manifest["files"]
        }
    return frozenset(
        entry
        for entry, revisions in pins.items()
        if measured.get(entry) and measured[entry] == _files(revisions)
    )


def _files(revisions: Sequence[Mapping[str, Any]]) -> set[tuple[Any, ...]]:
    return {
        (revision["repository"], revision["commit"], file["path"], file["bytes"], file.get("sha256"))
        for revision in revisions
        if revision["available"]
        for file in revision["files"]
    }
