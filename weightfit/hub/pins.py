"""Pins what a cohort needs from the Hub: asks for every revision, writes the answers and reports what changed."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from huggingface_hub import constants

from weightfit.documents import write_json
from weightfit.hub.errors import StalePins
from weightfit.hub.pin_file import Pins, foreign, load, recorded_predictions
from weightfit.hub.repository import HubSource, Revision
from weightfit.hub.resolve import resolve
from weightfit.hub.retry import add_patience
from weightfit.paper import predictions_digest
from weightfit.paper.predictions import FILE, changed
from weightfit.task import logged


def changes(before: Pins, after: Pins) -> Iterator[str]:
    """Yield a line for each revision that differs between two sets of pins."""
    old = {(entry, pin.revision): pin for entry, revisions in before.items() for pin in revisions}
    for entry, revisions in after.items():
        for pin in revisions:
            was = old.pop((entry, pin.revision), None)
            if was != pin:
                yield f"{entry} {pin.revision}: {_change(was, pin)}"
    for entry, revision in old:
        yield f"{entry} {revision}: no longer asked for"


def kept(before: Pins, after: Pins) -> tuple[dict[str, list[Revision]], list[str]]:
    """Keep the old pin of each revision that has become unavailable; another token may make it available again.

    Parameters
    ----------
    before, after
        Pins before and after the Hub was asked again.

    Returns
    -------
    pins : dict
        The pins ``after``, with the kept pins in place of those that are unavailable.
    told : list of str
        A line for each kept pin.
    """
    old = {(entry, pin.repository, pin.revision): pin for entry, pins in before.items() for pin in pins}
    found: dict[str, list[Revision]] = {}
    told = []
    for entry, revisions in after.items():
        for pin in revisions:
            was = old.get((entry, pin.repository, pin.revision))
            if not pin.available and was is not None and was.available:
                told.append(
                    f"{entry} {pin.revision}: stays pinned to commit {was.commit}; now {pin.reason}: {pin.remedy}"
                )
                pin = was
            found.setdefault(entry, []).append(pin)
    return found, told


def _change(was: Revision | None, pin: Revision) -> str:
    if not pin.available:
        return f"unavailable, {pin.reason}: {pin.remedy}"
    if was is None or not was.available:
        return f"pinned, commit {pin.commit}, {_size([pin])}"
    if was.repository != pin.repository:
        return f"moved from {was.repository} to {pin.repository}, {_size([pin])}"
    commits = f"moved from commit {was.commit} to {pin.commit}" if was.commit != pin.commit else "changed"
    files = "other weights" if was.files != pin.files else "the same weights"
    return f"{commits}, {files}"


def differences(pins: Pins, sources: Mapping[str, HubSource]) -> Iterator[str]:
    """Yield a line for each commit or digest on the Hub that is not the one that the cohort file expects."""
    for entry, source in sources.items():
        for pin in pins[entry]:
            expected = source.expected.get(pin.revision, {})
            if not pin.available or not expected:
                continue
            if expected.get("commit", pin.commit) != pin.commit:
                yield f"{entry} {pin.revision}: commit {pin.commit}, expected {expected['commit']}"
            found = {file.path: file.sha256 for file in pin.files}
            for path, sha256 in sorted(expected.get("sha256", {}).items()):
                if found.get(path) != sha256:
                    yield f"{entry} {pin.revision}: {path} has sha256 {found.get(path)}, expected {sha256}"


def _size(revisions: Sequence[Revision]) -> str:
    sizes = [file.bytes for revision in revisions for file in revision.files]
    return f"{len(sizes)} files, {sum(sizes) / 1e9:.3f} GB"


def report(before: Pins, after: Pins, sources: Mapping[str, HubSource]) -> list[str]:
    """Report what changed, what differs from what the cohort file expects, and the total size.

    Parameters
    ----------
    before, after
        Pins before and after the Hub was asked again.
    sources
        Source of each entry, by its id.

    Returns
    -------
    list of str
        Lines of the report.
    """
    revisions = [pin for pins in after.values() for pin in pins]
    gone = sum(not pin.available for pin in revisions)
    moved = list(changes(before, after))
    notes = [f"note: {difference}" for difference in differences(after, sources)]
    summary = f"{len(revisions)} revisions, {_size(revisions)}; {len(moved)} changed, {gone} unavailable"
    return [*moved, *notes, summary]


def pin(cohort: str, sources: Mapping[str, HubSource], path: Path, tries: int, wait: float) -> list[str]:
    """Resolve all revisions and write the pin file; an existing file stays until the new one is complete.

    Parameters
    ----------
    cohort
        Name of the cohort.
    sources
        Source of each entry, by its id.
    path
        Pin file to write.
    tries
        Number of consecutive tries without an answer after which this fails.
    wait
        Seconds before the second try.

    Returns
    -------
    list of str
        Lines of the report.
    """
    before: Pins = {}
    foreseen = None
    try:
        if path.is_file():
            before, foreseen = load(path, "it is replaced"), recorded_predictions(path)
    except StalePins as error:
        print(error)
    after, stay = kept(before, resolve(sources, tries, wait))
    entries = {entry: [revision.described() for revision in revisions] for entry, revisions in after.items()}
    digest = predictions_digest()
    write_json(
        path,
        {"cohort": cohort, "endpoint": constants.ENDPOINT, "predictions": digest, "entries": entries},
    )
    told = [f"note: {line}" for line in changed(foreseen)]
    return [
        *stay,
        *report(before, after, sources),
        *told,
        f"{FILE} has sha256 {digest}",
        *foreign(constants.ENDPOINT),
    ]


def main(arguments: Sequence[str]) -> None:
    """Run as a command; see ``python -m weightfit.hub.pins --help``."""
    parser = argparse.ArgumentParser(prog="python -m weightfit.hub.pins", description=__doc__)
    parser.add_argument("--cohort", required=True, help="name of the cohort")
    parser.add_argument(
        "--sources", type=json.loads, required=True, help="settings of the cohort's Hub entries, as JSON"
    )
    parser.add_argument("--output", type=Path, required=True, help="the pin file to write")
    parser.add_argument("--log", type=Path, required=True, help="the log of this run")
    add_patience(parser)
    options = parser.parse_args(arguments)
    with logged(options.log):
        sources = {entry: HubSource.of(settings) for entry, settings in options.sources.items()}
        lines = pin(options.cohort, sources, options.output, options.tries, options.wait)
        print("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main(sys.argv[1:])
