"""A file that grows piece by piece and is hashed as it grows."""

import errno
import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Self

from weightfit.hub.repository import FilePin
from weightfit.task import Progress

BUFFER = 4 << 20
"""Bytes of each of the two buffers; at most this many are lost when the program is killed."""


class GrowingFile:
    """A file that grows, with the digest of its bytes so far, which another thread computes.

    Unless it is empty, the file stays when the program ends, so that the next run can continue it. Bytes pass
    through two buffers that are used again and again: one is filled while the other is hashed.

    Parameters
    ----------
    path
        Path of the file; bytes that it already holds are hashed and kept.
    file
        Pin of the complete file.

    Attributes
    ----------
    size
        Number of bytes so far, including those in the buffer.
    reached
        Largest number of bytes reached so far: the size at the start, later the number that the caller sets.
    """

    def __init__(self, path: Path, file: FilePin) -> None:
        self._path = path
        self._pin = file
        self._file = path.open("a+b", buffering=0)
        self._hasher = ThreadPoolExecutor(1)
        self._buffers = [memoryview(bytearray(BUFFER)) for _ in range(2)]
        self._hashing: Future[None] | None = None
        self._begin()
        self._read()
        self.reached = self.size
        self._progress = Progress(file.bytes, "bytes", self.size)
        if self.size > file.bytes:
            self.restart()
        elif self.size:
            print(f"{file.path}: {amount(self.size)} are already there from an earlier run")

    def _begin(self) -> None:
        self._digest = self._pin.begin_digest()
        self._filled = 0
        self.size = 0

    def _read(self) -> None:
        self._file.seek(0)
        while self.size <= self._pin.bytes and (got := self._file.readinto(self._buffers[0])):
            self.size += got
            self._hash(self._buffers[0][:got])

    def _hash(self, piece: memoryview) -> None:
        self._wait()
        self._hashing = self._hasher.submit(self._digest.update, piece)
        self._buffers.reverse()

    def _wait(self) -> None:
        if self._hashing is not None:
            self._hashing.result()

    def append(self, piece: bytes) -> None:
        """Add the next bytes, which are written to disk when a buffer is full, or by `flush`."""
        view = memoryview(piece)
        self.size += len(view)
        while view:
            taken = min(len(view), BUFFER - self._filled)
            self._buffers[0][self._filled : self._filled + taken] = view[:taken]
            self._filled += taken
            view = view[taken:]
            if self._filled == BUFFER:
                self.flush()

    def flush(self) -> None:
        """Write what is still in the buffer.

        Raises
        ------
        OSError
            If the disk accepts no more bytes. The rest is dropped, so that the file remains a prefix of the whole.
        """
        piece = self._buffers[0][: self._filled]
        self._filled = 0
        rest = piece
        while rest:
            taken = self._file.write(rest)
            if not taken:  # otherwise a disk that neither writes nor fails would be tried for ever
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            rest = rest[taken:]
        if piece:
            self._hash(piece)
        self._progress.done = self.size

    def restart(self) -> None:
        """Drop all bytes."""
        self._wait()
        self._file.truncate(0)
        self._begin()

    def digest(self) -> str:
        """Return the digest of all bytes, in hexadecimal digits."""
        self._wait()
        return self._digest.hexdigest()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._hasher.shutdown()
        self._file.close()
        if self._path.exists() and not self._path.stat().st_size:
            self._path.unlink()


def amount(size: int) -> str:
    """Return a number of bytes as text, in MB or GB."""
    return f"{size / 1e6:.1f} MB" if size < 1e9 else f"{size / 1e9:.2f} GB"
