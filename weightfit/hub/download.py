"""Fetches one pinned weight file from the Hub into a folder of its own, with the small files that it needs."""

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from weightfit.documents import write_json
from weightfit.hub.cache import cached
from weightfit.hub.errors import Unavailable
from weightfit.hub.growing_folder import growing_folder, take_name
from weightfit.hub.repository import FilePin, Part, Revision
from weightfit.hub.retry import TRIES, WAIT, Tries, add_patience
from weightfit.hub.transfer import fetch, part_name
from weightfit.task import logged
from weightfit.weights.manifest import WeightFile


def download(part: Part, folder: Path, tries: int = TRIES, wait: float = WAIT) -> dict[str, Any]:
    """Fetch the files of a part into a folder, which appears only when it is complete.

    Parameters
    ----------
    folder
        Target folder; replaced if it has other contents, and empty afterwards if the files are unavailable.
    tries
        Number of consecutive tries without progress after which a file counts as failed.
    wait
        Seconds before the second try; the wait doubles before each later try.

    Returns
    -------
    dict
        The manifest.

    Raises
    ------
    DownloadFailed, ContradictoryAnswer, DigestMismatch
        As in `weightfit.hub.transfer.fetch`. Bytes that were fetched are kept for the next run.
    """
    source = part.source
    files = (*source.beside, *source.files)
    with growing_folder(folder) as growing:
        if source.available and _is_whole(folder, files):
            print(f"{folder.name}: all files are there already")
            _keep_only(growing, set())
            return manifest(part, source, folder)
        wanted = {file.place_in(growing) for file in files}
        _keep_only(growing, wanted | {file.place_in(growing).with_name(part_name(file)) for file in files})
        try:
            for file in files:
                errand = f"{source.repository} at {source.revision} ({file.path})"
                _provide(part, file, file.place_in(growing), Tries(errand, tries, wait))
        except Unavailable as refusal:
            reason, remedy = refusal.reason, refusal.remedy
            source = replace(source, commit=None, files=(), beside=(), reason=reason, remedy=remedy)
        if not source.available:
            print(f"unavailable: {source.reason}: {source.remedy}")
            wanted = set()
        _keep_only(growing, wanted)
        take_name(growing, folder)
    return manifest(part, source, folder)


def _is_whole(folder: Path, files: Sequence[FilePin]) -> bool:
    """Return whether a folder holds exactly these files."""
    found = {path for path in folder.rglob("*") if not path.is_dir()}
    return found == {file.place_in(folder) for file in files} and all(
        file.matches(file.place_in(folder)) for file in files
    )


def _provide(part: Part, file: FilePin, path: Path, tries: Tries) -> None:
    """Put a file in its place: keep it if it is there, link to the Hub cache, or fetch it."""
    if file.matches(path):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    found = cached(part.source, file)
    if found is None:
        fetch(part.source, file, path, tries, part.mirror)
        print(f"{file.path}: complete, and its {file.kind_of_digest} is that of the pin")
    else:
        path.symlink_to(found)


def _keep_only(folder: Path, kept: set[Path]) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        elif path not in kept:
            path.unlink()


def manifest(part: Part, source: Revision, folder: Path) -> dict[str, Any]:
    """Return the manifest of a part, in the form that `weightfit.weights.manifest.write_manifest` also writes.

    Parameters
    ----------
    source
        Revision of the part after the download, which may have found it to be unavailable.
    folder
        Folder that holds the files.
    """
    files = []
    for file in source.files:
        sha256 = file.sha256
        if sha256 is None:
            with file.place_in(folder).open("rb") as stream:
                sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        files.append(asdict(WeightFile(file.path, source.step, file.bytes, sha256)))
    return {
        "entry": part.entry,
        "source": "download",
        "repository": source.repository,
        "commit": source.commit,
        "available": source.available,
        "reason": source.reason,
        "remedy": source.remedy,
        "files": files,
        "settings": {
            "kind": source.kind,
            "revision": source.revision,
            "step": source.step,
            "beside": [file.described() for file in source.beside],
        },
    }


def main(arguments: Sequence[str]) -> None:
    """Run as a command; see ``python -m weightfit.hub.download --help``."""
    parser = argparse.ArgumentParser(prog="python -m weightfit.hub.download", description=__doc__)
    parser.add_argument("--part", type=json.loads, required=True, help="the part to fetch, as JSON")
    for name, words in (
        ("folder", "folder for the files, which appears only when it is complete"),
        ("manifest", "the manifest of the fetched files"),
        ("log", "the log of this run"),
    ):
        parser.add_argument(f"--{name}", type=Path, required=True, help=words)
    add_patience(parser)
    options = parser.parse_args(arguments)
    with logged(options.log):
        part = Part.of(options.part)
        write_json(options.manifest, download(part, options.folder, options.tries, options.wait))


if __name__ == "__main__":
    main(sys.argv[1:])
