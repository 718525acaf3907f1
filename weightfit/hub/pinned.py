"""Whether the weights that a run measured are those that are pinned, byte by byte."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Manifest = Mapping[str, Any]
Pins = Mapping[str, Sequence[Mapping[str, Any]]]
"""By id of the entry its revisions, as ``entries`` in a file of contract ``pins`` has them."""


HUB = "https://huggingface.co"
"""Where the paper's weights are; what was pinned at another place is not known to be theirs."""


def of_the_hub(document: Mapping[str, Any]) -> Pins:
    """Return the pins of a file of contract ``pins``; none if they were not made at the Hub itself."""
    entries: Pins = document["entries"] if document["endpoint"] == HUB else {}
    return entries


def pinned(manifests: Iterable[Manifest], pins: Pins) -> frozenset[str]:
    """Return the entries whose files are exactly those of their pins.

    Parameters
    ----------
    manifests
        Of all parts of a run; an entry can have several.
    pins
        Committed pins; empty if there are none.

    Returns
    -------
    frozenset of str
        Ids of the entries of which repository, commit, path, size and sha256 of every measured file stand in the pins,
        and every pinned weight file was measured. A file whose pin has no sha256 proves nothing.
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
