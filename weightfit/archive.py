"""The archive of a run: histograms and manifests, from which everything else is computed, and the sha256 of each."""

import argparse
import json
import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from weightfit import table
from weightfit.counts.histogram import HISTOGRAM_CONTRACT
from weightfit.errors import BrokenArchive
from weightfit.provenance import sha256
from weightfit.task import logged

SUMS = "SHA256SUMS"
"""Name of the list of digests, which can be checked with ``sha256sum --check SHA256SUMS``."""

LINE = re.compile(r"([0-9a-f]{64})  ((?:histograms|manifests)/[^\n]+)")
KINDS = {"histograms": ".parquet", "manifests": ".json"}


def write(results: Path, parts: Sequence[str], folder: Path) -> None:
    """Write an archive; its folder appears only when it is complete.

    Parameters
    ----------
    results
        Results folder of a cohort.
    parts
        Ids of the cohort's parts: the name of an entry, or the entry, revision and weight file of an entry from the
        Hub.
    folder
        Folder of the archive; an existing one is replaced. Files are hard links where the file system supports
        them, which is safe because a histogram is replaced and never changed in place.
    """
    growing = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(growing, ignore_errors=True)
    lines = []
    for name in sorted(place(kind, part) for kind in KINDS for part in parts):
        lines.append(f"{sha256(results / name)}  {name}\n")
        target = growing / name
        target.parent.mkdir(parents=True, exist_ok=True)
        _link(results / name, target)
    (growing / SUMS).write_text("".join(lines), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    growing.replace(folder)


def place(kind: str, part: str) -> str:
    """Return the path of a part's histogram or manifest, relative to the results and to an archive."""
    return f"{kind}/{part}{KINDS[kind]}"


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def read(folder: Path) -> dict[str, dict[str, str]]:
    """Read the list of an archive.

    Parameters
    ----------
    folder
        Folder of the archive.

    Returns
    -------
    dict
        Digests by part, sorted: the sha256 of its file in ``histograms`` and of that in ``manifests``.

    Raises
    ------
    BrokenArchive
        If the list is missing, a line is malformed or leads out of the folder, or only one of the two files of a
        part is listed.
    """
    path = folder / SUMS
    if not path.is_file():
        raise BrokenArchive(f"{folder}: no {SUMS} is there; `start` must name a folder that `archive` wrote")
    found: dict[str, dict[str, str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        match = LINE.fullmatch(line)
        kind, _, rest = match[2].partition("/") if match else ("", "", "")
        if (
            match is None
            or not rest.endswith(KINDS[kind])
            or {"", ".", ".."} & set(PurePosixPath(rest).parts)
        ):
            raise BrokenArchive(f"{path}: {line!r} is no line of the list; copy the archive again")
        found.setdefault(rest.removesuffix(KINDS[kind]), {})[kind] = match[1]
    for part, digests in found.items():
        for kind in KINDS:
            if kind not in digests:
                raise BrokenArchive(f"{path}: {place(kind, part)} is not listed; copy the archive again")
    return dict(sorted(found.items()))


def of_entry(parts: Mapping[str, object], entry: str) -> list[str]:
    """Return the parts of one entry."""
    return [part for part in parts if part.partition("/")[0] == entry]


def unavailable(folder: Path, parts: Mapping[str, object]) -> dict[str, str]:
    """Return the entries that were recorded as unavailable, with the reason and the remedy."""
    found: dict[str, list[dict[str, object]]] = {}
    for part in parts:
        manifest = json.loads((folder / place("manifests", part)).read_text(encoding="utf-8"))
        found.setdefault(part.partition("/")[0], []).append(manifest)
    return {
        entry: f"{manifests[0]['reason']}; {manifests[0]['remedy']}"
        for entry, manifests in found.items()
        if not any(manifest.get("available", True) for manifest in manifests)
    }


def check(
    folder: Path, parts: Mapping[str, object], entry: str, revisions: Sequence[str], repository: str | None
) -> None:
    """Raise unless an archive has an entry in the form that the cohort asks for.

    Parameters
    ----------
    folder, parts
        Folder of the archive, and its parts as `read` returns them.
    entry
        Id of the entry in the cohort.
    revisions, repository
        Revisions and repository of an entry from the Hub; empty and None for any other entry.

    Raises
    ------
    BrokenArchive
        If the archive lacks the entry, or has other revisions of it, or revisions of another repository.
    """
    own, remedy = of_entry(parts, entry), "correct the cohort's entries, or leave `start` out and fetch them"
    found = {part.split("/")[1] for part in own if "/" in part}
    if not own or found != set(revisions):
        has = ", ".join(sorted(found)) or ("it as a whole" if own else "nothing of it")
        asked = ", ".join(revisions) or "it as a whole"
        raise BrokenArchive(
            f"{folder}: of {entry} the archive has {has}, and the cohort asks for {asked}: {remedy}"
        )
    for part in own if repository else []:
        manifest = json.loads((folder / place("manifests", part)).read_text(encoding="utf-8"))
        if manifest["repository"] != repository:
            raise BrokenArchive(
                f"{folder}: {part} is of {manifest['repository']}, and the cohort asks for {repository}: {remedy}"
            )


def restore(folder: Path, part: str, histogram: Path, manifest: Path) -> None:
    """Copy a part out of an archive.

    Parameters
    ----------
    folder
        Folder of the archive.
    part
        Id of the part.
    histogram, manifest
        Paths to which the two files are copied; neither file appears if anything is wrong.

    Raises
    ------
    BrokenArchive
        If a file is missing or does not have the listed sha256, or the histogram was counted under another
        contract.
    """
    digests = read(folder)[part]
    copies = {}
    try:
        for kind, target in {"histograms": histogram, "manifests": manifest}.items():
            source = folder / place(kind, part)
            if not source.is_file():
                raise BrokenArchive(
                    f"{source}: it is listed, but the archive lacks it; copy the archive again"
                )
            copies[target] = copy = target.with_name(f".{target.name}.unfinished")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)
            if sha256(copy) != digests[kind]:
                raise BrokenArchive(f"{source}: its bytes are not those of {SUMS}; copy the archive again")
        contract = table.read_provenance(copies[histogram])["contract"]
        if contract != HISTOGRAM_CONTRACT:
            raise BrokenArchive(
                f"{folder}: {part} was counted under contract {contract}, and this version counts under "
                f"{HISTOGRAM_CONTRACT}: leave `start` out and fetch the weights, or use the version that wrote it"
            )
        for target, copy in copies.items():
            copy.replace(target)
    finally:
        for copy in copies.values():
            copy.unlink(missing_ok=True)
    print(f"{part}: histogram and manifest are those of the archive")


def main(arguments: Sequence[str]) -> None:
    """Run the command; see ``python -m weightfit.archive --help``."""
    parser = argparse.ArgumentParser(
        prog="python -m weightfit.archive", description="Take a part out of an archive."
    )
    parser.add_argument("--archive", type=Path, required=True, help="the folder of the archive")
    parser.add_argument("--part", required=True, help="the id of the part to take out")
    for name in ("histogram", "manifest", "log"):
        parser.add_argument(f"--{name}", type=Path, required=True, help=f"where the {name} goes")
    options = parser.parse_args(arguments)
    with logged(options.log):
        restore(options.archive, options.part, options.histogram, options.manifest)


if __name__ == "__main__":
    main(sys.argv[1:])
