"""Fetch some files of an archive again, count them and compare the histograms row by row."""

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
from weightfit.weights.declared import names_and_stack

COUNTED = ("matrices", "refused", "contract", "entry")
"""Metadata of a histogram that describe the weights, and not the code that counted them."""


def part_of(manifest: dict[str, Any]) -> Part:
    """Return the part that was fetched according to a manifest."""
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
        Folder of the archive.
    sample
        Number of parts to choose; all are chosen if there are fewer.
    seed
        Seed of the choice; the same seed chooses the same parts.

    Returns
    -------
    list of str
        Ids of the parts.
    int
        Number of the parts that cannot be fetched again, because they are not from the Hub or have no file.
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
    folder: Path,
    part: str,
    naming: Mapping[str, Any] | None = None,
    tries: int = TRIES,
    wait: float = WAIT,
) -> str:
    """Fetch and count a part again and compare it with the archive.

    Parameters
    ----------
    folder
        Folder of the archive.
    part
        Id of the part.
    naming
        Declared names of its tensors, or the stack; see `weightfit.weights.declared.names_and_stack`.
    tries, wait
        Number of tries and wait between them, as in `weightfit.hub.download.download`.

    Returns
    -------
    str
        Sentence that says what agrees.

    Raises
    ------
    BrokenArchive
        If a file of the archive does not have its listed sha256, the weights are no longer available, or the new
        count differs from the archive.
    """
    with tempfile.TemporaryDirectory() as place:
        kept, again = Path(place, "kept.parquet"), Path(place, "again.parquet")
        archive.restore(folder, part, kept, Path(place, "kept.json"))
        made = download(part_of(_manifest(folder, part)), Path(place, "weights"), tries, wait)
        if not made["available"]:
            raise BrokenArchive(f"{part}: {made['reason']}, so it cannot be compared: {made['remedy']}")
        count_part(made, Path(place, "weights"), again, *names_and_stack(naming))
        one, other = (table.read(path, "histograms") for path in (kept, again))
        first, second = (table.read_provenance(path) for path in (kept, again))
        if not one.equals(other) or any(first[key] != second[key] for key in COUNTED):
            raise BrokenArchive(
                f"{part}: the new count differs from that in the archive: do not use the archive"
            )
        return f"{part}: {made['files'][0]['bytes']} bytes fetched again, {one.num_rows} rows are the same"


def main(arguments: Sequence[str]) -> None:
    """Run the command; see ``python -m weightfit.verify_archive --help``."""
    parser = argparse.ArgumentParser(prog="python -m weightfit.verify_archive", description=__doc__)
    parser.add_argument("--archive", type=Path, required=True, help="the folder of the archive")
    parser.add_argument("--sample", type=int, required=True, help="the number of weight files to compare")
    parser.add_argument("--seed", type=int, required=True, help="the seed of their random choice")
    parser.add_argument(
        "--architectures",
        type=json.loads,
        default={},
        help="the declared tensor names of each entry, or its stack, as JSON",
    )
    parser.add_argument("--log", type=Path, required=True, help="the log of this run")
    options = parser.parse_args(arguments)
    lines: list[str] = []
    with logged(options.log):
        parts, others = chosen(options.archive, options.sample, options.seed)
        for part in parts:
            naming = options.architectures.get(part.partition("/")[0])
            lines.append(verify(options.archive, part, naming))
        lines.append(
            f"{len(parts)} weight files compared, chosen with seed {options.seed}; {others} other parts have no file "
            "on the Hub and are not verified this way"
        )
        print("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main(sys.argv[1:])
