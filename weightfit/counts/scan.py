"""Compute the histograms and the sha256 of a weight file in one pass."""

import hashlib
import math
import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from weightfit.counts.histogram import Histogram, Tally
from weightfit.errors import MalformedCheckpoint, NonFiniteWeight
from weightfit.weights.decoding import DECODED_VALUES, encoding_of
from weightfit.weights.encodings import WIDTHS, Encoding
from weightfit.weights.header import Header, Tensor
from weightfit.weights.plan import Piece, Plan

BUFFER_BYTES = 1 << 24
"""Size of each of the two reused buffers."""

SHORT_PERIOD = 1 << 18
"""Number of bytes of a period below which the parts of many periods are gathered before they are counted."""


class Scan:
    """One pass over a weight file, for the histogram of each of its matrices and the file's sha256.

    Parameters
    ----------
    header
        The file's header, from `weightfit.weights.formats.read_header`.
    plan
        Which tensors are counted and how they are split, from `weightfit.weights.plan.plan`.
    digest
        Whether every byte is hashed during the pass, in a second thread. If not, tensors that are left out are
        not read.

    Notes
    -----
    Iterate once over the object to get (block, component, histogram); afterwards ``sha256`` holds the digest. For
    a matrix with a value that is not finite, the error takes the place of the histogram, because the rest of the
    file can still be counted; the caller must raise or record it. The memory used is two buffers of 16 MiB, as much
    as one of them where the parts of many periods are gathered, the table of the current matrix, and at most 16 MiB of
    values for each open F32 matrix.
    """

    def __init__(self, header: Header, plan: Plan, digest: bool = True):
        self._header = header
        self._plan = plan
        self._digest = hashlib.sha256() if digest else None
        self.sha256: str | None = None

    def __iter__(self) -> Iterator[tuple[int, str, Histogram | NonFiniteWeight]]:
        with self._header.path.open("rb", buffering=0) as stream, ThreadPoolExecutor(1) as hasher:
            reader = _Reader(stream, self._header, hasher, self._digest)
            position = 0
            for tensor in self._header.tensors:
                pieces = self._plan.pieces.get(tensor.name)
                if pieces is not None:
                    if tensor.begin < position:
                        raise MalformedCheckpoint(
                            f"{self._header.path.name}: tensor {tensor.name!r} shares bytes with another "
                            "matrix that is counted: use a checkpoint in which each has its own"
                        )
                    # The bytes in between are left out or belong to no tensor.
                    reader.skip(tensor.begin - position)
                    yield from self._count(reader, tensor, pieces)
                    position = tensor.end
            reader.skip(os.fstat(stream.fileno()).st_size - position)
            reader.finish()
        if self._digest is not None:
            self.sha256 = self._digest.hexdigest()

    def _count(
        self, reader: "_Reader", tensor: Tensor, pieces: Sequence[Piece]
    ) -> Iterator[tuple[int, str, Histogram | NonFiniteWeight]]:
        encoding = encoding_of(self._header.path, tensor)
        tallies = [
            Tally(
                f"{self._header.path.name}: tensor {tensor.name!r}",
                encoding.counted,
                math.prod(tensor.shape) // piece.period * piece.length,
            )
            for piece in pieces
        ]
        # An output is a row, whose values lie one after the other, or a column, of which each row has one value.
        width = WIDTHS[encoding.counted]
        output = width if pieces[0].transposed else width * tensor.shape[1]
        order = sorted(range(len(pieces)), key=lambda index: pieces[index].start)
        edges = [0, *(output * (pieces[index].start + pieces[index].length) for index in order)]
        place = 0
        for data in _decoded(reader.read(tensor.end - tensor.begin, encoding.block_bytes), encoding):
            for part, values in _parts(data, place, edges, width):
                tallies[order[part]].add(values)
            place = (place + data.size) % edges[-1]
        for piece, tally in zip(pieces, tallies, strict=True):
            try:
                counted: Histogram | NonFiniteWeight = replace(tally.histogram(), dtype=tensor.dtype)
            except NonFiniteWeight as refusal:
                counted = refusal
            yield piece.block, piece.component, counted


def _decoded(pieces: Iterator[NDArray[np.uint8]], encoding: Encoding) -> Iterator[NDArray[np.uint8]]:
    """Yield the bytes of the values that stored blocks mean, at most `DECODED_VALUES` values at a time."""
    if encoding.decode is None:
        yield from pieces
        return
    step = max(1, DECODED_VALUES // encoding.block_values) * encoding.block_bytes
    for data in pieces:
        for begin in range(0, data.size, step):
            yield encoding.decode(data[begin : begin + step]).reshape(-1).view(np.uint8)


def _parts(
    data: NDArray[np.uint8], place: int, edges: Sequence[int], width: int
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield the bytes of each part of some data, every byte once.

    Parameters
    ----------
    place
        Number of bytes between the begin of a period and that of the data.
    edges
        Where the parts begin and end in a period, from 0 to its number of bytes.
    width
        Number of bytes of a value.
    """
    period = edges[-1]
    head = min(-place % period, data.size)
    whole = (data.size - head) // period * period if len(edges) > 2 and period < SHORT_PERIOD else 0
    yield from _runs(data[: head if whole else data.size], place, edges)
    if whole:
        periods = data[head : head + whole].view(f"<u{width}").reshape(-1, period // width)
        for part, (begin, end) in enumerate(pairwise(edges)):
            gathered = np.ascontiguousarray(periods[:, begin // width : end // width])
            yield part, gathered.reshape(-1).view(np.uint8)
        yield from _runs(data[head + whole :], 0, edges)


def _runs(
    data: NDArray[np.uint8], place: int, edges: Sequence[int]
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield each stretch of some data that belongs to one part, in their order."""
    if len(edges) == 2:
        yield 0, data
        return
    begin = 0
    while begin < data.size:
        part = bisect_right(edges, place) - 1
        taken = min(edges[part + 1] - place, data.size - begin)
        yield part, data[begin : begin + taken]
        begin += taken
        place = (place + taken) % edges[-1]


class _Reader:
    """Sequential reads through two reused buffers, hashed in another thread while they are counted."""

    def __init__(
        self, stream: BinaryIO, header: Header, hasher: ThreadPoolExecutor, digest: "hashlib._Hash | None"
    ):
        self._stream = stream
        self._header = header
        self._hasher = hasher
        self._digest = digest
        self._buffers = [np.empty(BUFFER_BYTES, np.uint8) for _ in range(2)]
        self._hashing: list[Future[None] | None] = [None, None]
        self._turn = 0

    def read(self, size: int, block: int = 1) -> Iterator[NDArray[np.uint8]]:
        """Yield the next ``size`` bytes in pieces, each of which is valid until the second piece after it is read.

        All pieces are whole blocks of ``block`` bytes.
        """
        longest = BUFFER_BYTES // block * block
        while size:
            turn = self._turn
            self._turn = 1 - turn
            self._wait(turn)
            piece = self._buffers[turn][: min(size, longest)]
            self._fill(piece)
            if self._digest is not None:
                self._hashing[turn] = self._hasher.submit(self._digest.update, piece.data)
            yield piece
            size -= piece.size

    def skip(self, size: int) -> None:
        """Pass over bytes that are not counted, hashing them if a digest is wanted."""
        if self._digest is None:
            self._stream.seek(size, 1)
        else:
            for _ in self.read(size):
                pass

    def finish(self) -> None:
        """Wait for the hashing of the last pieces."""
        for turn in range(2):
            self._wait(turn)

    def _wait(self, turn: int) -> None:
        pending = self._hashing[turn]
        if pending is not None:
            pending.result()
            self._hashing[turn] = None

    def _fill(self, piece: NDArray[np.uint8]) -> None:
        view = piece.data
        filled = 0
        while filled < piece.size:
            got = self._stream.readinto(view[filled:])  # type: ignore[attr-defined]
            if not got:
                raise MalformedCheckpoint(
                    f"{self._header.path.name}: the file became shorter while it was read; "
                    "let its writer finish and start again"
                )
            filled += got
