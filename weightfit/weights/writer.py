"""Write safetensors files as a stream, tensor by tensor."""

import hashlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np

from weightfit.documents import quote
from weightfit.errors import MalformedCheckpoint
from weightfit.weights.safetensors import HEADER_LIMIT, METADATA, check_metadata, tensor_bytes


class CheckpointWriter:
    """Writes a safetensors file as a stream; a file appears under its name only when it is complete.

    The bytes are written to a temporary file in the same folder. If the ``with`` block ends without an exception and
    exactly the announced number of bytes was written, the file takes its final name; otherwise it is removed.

    Parameters
    ----------
    tensors
        Name, dtype and shape of each tensor, in the order in which their bytes will be written.
    metadata
        Metadata of the header, written in sorted order.

    Attributes
    ----------
    sha256
        Digest of the whole file after the ``with`` block, in hexadecimal digits.
    bytes
        Size of the whole file.

    Raises
    ------
    MalformedCheckpoint
        If the tensors would not make a file that `read_header` accepts, or too few or too many bytes are
        written.

    Examples
    --------
    >>> import tempfile
    >>> from weightfit.weights.safetensors import read_header
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "model.safetensors"
    ...     with CheckpointWriter(path, [("a.weight", "F32", (2, 3))]) as writer:
    ...         writer.write(np.zeros((2, 3), "<f4"))
    ...     read_header(path).tensors[0].shape
    (2, 3)
    """

    def __init__(
        self,
        path: Path,
        tensors: Sequence[tuple[str, str, tuple[int, ...]]],
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        entries: dict[str, object] = {}
        if metadata:
            check_metadata(path, dict(metadata))
            entries[METADATA] = dict(sorted(metadata.items()))
        end = 0
        for name, dtype, shape in tensors:
            if name in entries:
                raise MalformedCheckpoint(
                    f"{path}: tensor {quote(name)} is given twice: give each name one tensor"
                )
            begin, end = end, end + tensor_bytes(path, name, dtype, list(shape))
            entries[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}
        if not tensors:
            raise MalformedCheckpoint(f"{path}: no tensors are given: a checkpoint holds at least one")
        header = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
        header += b" " * (-len(header) % 8)
        if len(header) > HEADER_LIMIT:
            raise MalformedCheckpoint(
                f"{path}: the header would take {len(header)} bytes, the limit is {HEADER_LIMIT}: use shards"
            )
        self.path = path
        self.bytes = 8 + len(header) + end
        self._header = len(header).to_bytes(8, "little") + header
        self._unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
        self._written = 0
        self._file: BinaryIO | None = None
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Digest of what has been written, in hexadecimal digits."""
        return self._digest.hexdigest()

    def __enter__(self) -> Self:
        self._file = self._unfinished.open("wb")
        try:
            self._append(memoryview(self._header))
        except BaseException:  # `__exit__` is not called when this method fails
            self._file.close()
            self._unfinished.unlink()
            raise
        return self

    def write(self, data: bytes | memoryview | np.ndarray) -> None:
        """Write the next bytes, in pieces of any size.

        Parameters
        ----------
        data
            Bytes, or an array, which must be little-endian and is written in C order.

        Raises
        ------
        MalformedCheckpoint
            If there are more bytes than the tensors hold, or the array is big-endian.
        """
        if isinstance(data, np.ndarray):
            if data.dtype.byteorder == ">" or (data.dtype.byteorder == "=" and sys.byteorder == "big"):
                raise MalformedCheckpoint(
                    f"{self.path}: the array is big-endian, the format is little-endian: convert it"
                )
            view = np.ascontiguousarray(data).reshape(-1).view(np.uint8).data
        else:
            view = memoryview(data).cast("B")
        excess = self._written + view.nbytes - self.bytes
        if excess > 0:
            raise MalformedCheckpoint(
                f"{self.path}: {excess} bytes are written after the last tensor: "
                "write as many as the shapes say"
            )
        self._append(view)

    def _append(self, view: memoryview) -> None:
        if self._file is None:
            raise ValueError("write only inside the `with` block")
        self._file.write(view)
        self._digest.update(view)
        self._written += view.nbytes

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._file is not None
        file, self._file = self._file, None
        try:
            file.close()
            if kind is None:
                if self._written != self.bytes:
                    raise MalformedCheckpoint(
                        f"{self.path}: {self.bytes - self._written} bytes of the tensors were not written: "
                        "write as many as the shapes say"
                    )
                self._unfinished.replace(self.path)
        finally:
            self._unfinished.unlink(missing_ok=True)
