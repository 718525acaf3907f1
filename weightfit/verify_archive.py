"""Fetches some files of an archive again, counts them and compares the histograms, row by row."""

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from weightfit import archive, table
from weightfit.counts.part import count_part
from weightfit.errors import BrokenArchive
from weightfit.hub.download import download
from weightfit.hub.repository import FilePin, Part, Revision
from weightfit.hub.retry import TRIES, WAIT
from weightfit.task import logged
from weightfit.weights.declared import declared
from weightfit.weights.families import Table

COUNTED = ("matrices", "refused", "contract", "entry")
"""What the metadata of a histogram say of the weights, and not of the code that counted them."""


def part_of(manifest: dict[str, Any]) -> Part:
    """Return what a manifest says was fetched."""
    settings = manifest["settings"]
    files = tuple(FilePin(file["path"], file["bytes"], file["sha256"], None) for file in manifest["files"])
    source = Revision(
        settings["kind"],
        manifest["repository"],
        settings["revision"],
        settings["step"],
        manifest["commit"],
        files,
        tuple(FilePin.of(file) for file in settings["beside"]),
    )
    return Part(manifest["entry"], source, None)


def chosen(folder: Path, sample: int, seed: int) -> tuple[list[str], int]:
    """Choose parts at random among those with a weight file from the Hub.

    Parameters
    ----------
    folder
        Of the archive.
    sample
        How many; all if there are fewer.
    seed
        The same seed chooses the same.

    Returns
    -------
    list of str
        Ids of the parts.
    int
        Number of those that cannot be fetched again, because they are not from the Hub or have no file.
    """
    parts = archive.read(folder)
    from_hub = [
        part for part in parts if _manifest(folder, part)["source"] == "download" and _files(folder, part)
    ]
    picked = random.Random(seed).sample(from_hub, min(sample, len(from_hub)))
    return sorted(picked), len(parts) - len(from_hub)


def _manifest(folder: Path, part: str) -> dict[str, Any]:
    text = (folder / archive.place("manifests", part)).read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def _files(folder: Path, part: str) -> list[dict[str, Any]]:
    files: list[dict[str, Any]] = _manifest(folder, part)["files"]
    return files


def verify(
    folder: Path, part: str, names: Table | None = None, tries: int = TRIES, wait: float = WAIT
) -> str:
    """Fetch and count a part again and compare it with the archive.

    Parameters
    ----------
    folder
        Of the archive.
    part
        Id of the part.
    names
        Of its tensors where a person declared them.
    tries, wait
        As `weightfit.hub.download.download` takes them.

    Returns
    -------
    str
        What agrees.

    Raises
    ------
    BrokenArchive
        If a file of the archive is not that of its list, the weights cannot be had any more, or what is counted now is
        not what the archive has.
    """
    with tempfile.TemporaryDirectory() as place:
        kept, again = Path(place, "kept.parquet"), Path(place, "again.parquet")
        archive.restore(folder, part, kept, Path(place, "kept.json"))
        made = download(part_of(_manifest(folder, part)), Path(place, "weights"), tries, wait)
        if not made["available"]:
            raise BrokenArchive(f"{part}: {made['reason']}, so it cannot be compared: {made['remedy']}")
        count_part(made, Path(place, "weights"), again, names)
        one, other = (table.read(path, "histograms") for path in (kept, again))
        first, second = (table.read_provenance(path) for path in (kept, again))
        if not one.equals(other) or any(first[key] != second[key] for key in COUNTED):
            raise BrokenArchive(
                f"{part}: counted again it has other values than the archive: do not use the archive"
            )
        return f"{part}: {made['files'][0]['bytes']} bytes fetched again, {one.num_rows} rows are the same"


def _names(declarations: Mapping[str, Any], part: str) -> Table | None:
    declaration = declarations.get(part.partition("/")[0])
    return declared(declaration) if declaration else None


def main(arguments: Sequence[str]) -> None:
    """Run as a command, see ``python -m weightfit.verify_archive --help``."""
    parser = argparse.ArgumentParser(prog="python -m weightfit.verify_archive", description=__doc__)
    parser.add_argument("--archive", type=Path, required=True, help="the folder of the archive")
    parser.add_argument("--sample", type=int, required=True, help="how many weight files")
    parser.add_argument("--seed", type=int, required=True, help="which of them")
    parser.add_argument(
        "--architectures", type=json.loads, default={}, help="by entry, as JSON: declared names"
    )
    parser.add_argument("--log", type=Path, required=True, help="the log of this run")
    options = parser.parse_args(arguments)
    lines: list[str] = []
    with logged(options.log):
        parts, others = chosen(options.archive, options.sample, options.seed)
        for part in parts:
            lines.append(verify(options.archive, part, _names(options.architectures, part)))
        lines.append(
            f"{len(parts)} weight files compared, chosen with seed {options.seed}; {others} other parts have none "
            "on the Hub and are not verified this way"
        )
        print("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main(sys.argv[1:])
