"""Fetches the released database, a data set on the Hub, and names each table after the edition whose bytes it has."""

import argparse
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from weightfit.documents import write_json
from weightfit.errors import DownloadFailed
from weightfit.hub.download import download
from weightfit.hub.pin_file import load
from weightfit.hub.pins import pin
from weightfit.hub.repository import HubSource, Part
from weightfit.hub.retry import add_patience
from weightfit.task import logged

ENTRY = "released_database"


def provide(settings: Mapping[str, Any], folder: Path, tries: int, wait: float) -> Iterator[str]:
    """Fetch the tables of every revision, and yield a line of the report for each thing done.

    Parameters
    ----------
    settings
        Settings, as in `paper/released_database.yaml`.
    folder
        Target folder: receives the tables, ``pins.json`` and, below ``fetched``, files and manifest of each revision.
    tries
        Number of consecutive tries without progress after which this fails.
    wait
        Seconds before the second try.

    Raises
    ------
    DownloadFailed
        If the data set is unavailable, or the Hub does not answer as expected.
    UnusableRepository
        If the data set lacks one of the files.
    """
    revisions = dict.fromkeys(settings["revisions"])
    source = HubSource(settings["repository"], revisions, kind="dataset", files=settings["files"])
    yield from pin(ENTRY, {ENTRY: source}, folder / "pins.json", tries, wait)
    named: dict[str, Path] = {}
    for revision in load(folder / "pins.json", "run this again")[ENTRY]:
        place = folder / "fetched" / revision.revision
        found = download(Part(ENTRY, revision, None), place, tries, wait)
        if not found["available"]:
            raise DownloadFailed(f"{source.repository}: {found['reason']}: {found['remedy']}")
        write_json(place.with_name(f"{place.name}.json"), found)
        for file in found["files"]:
            name = table_name(file["path"], file["sha256"], found["commit"], settings["tables"])
            named[name] = place / file["path"]
    for old in folder.glob("*.csv"):
        if old.name not in named:
            old.unlink()
    for name, path in sorted(named.items()):
        shutil.copyfile(path, folder / f".{name}")
        (folder / f".{name}").replace(folder / name)
        yield f"{name}: {path.relative_to(folder / 'fetched').as_posix()}"


def table_name(path: str, sha256: str, commit: str, tables: Mapping[str, str]) -> str:
    """Return the name of a table: that of the known edition with the same bytes, else its own with the commit.

    A table with unknown bytes never takes the place of a known edition; what only that edition decides stays pending.

    Parameters
    ----------
    path
        Path of the table in the data set.
    sha256, commit
        Digest of the file, and commit of the revision that it was fetched from.
    tables
        Name of each known edition, by its sha256.
    """
    known = Path(path)
    return tables.get(sha256, f"{known.stem}.{commit[:12]}{known.suffix}")


def main(arguments: Sequence[str]) -> None:
    """Run as a command; see ``python -m weightfit.hub.released_database --help``."""
    parser = argparse.ArgumentParser(prog="python -m weightfit.hub.released_database", description=__doc__)
    parser.add_argument(
        "--settings", type=Path, required=True, help="YAML file that says where the database is"
    )
    parser.add_argument("--folder", type=Path, required=True, help="folder for the tables")
    parser.add_argument("--log", type=Path, required=True, help="the log of this run")
    add_patience(parser)
    options = parser.parse_args(arguments)
    with logged(options.log):
        settings = yaml.safe_load(options.settings.read_text(encoding="utf-8"))
        lines = list(provide(settings, options.folder, options.tries, options.wait))
        print("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main(sys.argv[1:])
