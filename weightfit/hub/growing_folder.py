"""A folder that grows under a hidden name, survives a killed process, and belongs to one process at a time."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def growing_folder(folder: Path) -> Iterator[Path]:
    """Yield the hidden folder in which ``folder`` grows until `take_name` gives it its name.

    Unless it is empty, the hidden folder stays when the block ends, so that the next process can continue it.
    Another process that asks for the same folder waits until this one has ended.

    Yields
    ------
    Path
        The hidden folder, with whatever an earlier process left in it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    handle = _lock(unfinished)
    try:
        yield unfinished
    finally:
        if _is_at(handle, unfinished) and not any(unfinished.iterdir()):
            unfinished.rmdir()
        os.close(handle)  # closing it releases the lock


def take_name(unfinished: Path, folder: Path) -> None:
    """Give the hidden folder its final name, and replace a folder that already has this name."""
    if folder.exists():
        shutil.rmtree(folder)
    unfinished.replace(folder)


def _lock(unfinished: Path) -> int:
    while True:
        unfinished.mkdir(exist_ok=True)
        handle = os.open(unfinished, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"{unfinished.name}: another process is at work on it; waiting until that has ended")
            fcntl.flock(handle, fcntl.LOCK_EX)
        # The other process may have renamed or removed the folder; this lock then belongs to another folder.
        if _is_at(handle, unfinished):
            return handle
        os.close(handle)


def _is_at(handle: int, path: Path) -> bool:
    return path.is_dir() and os.path.samestat(os.fstat(handle), path.stat())
