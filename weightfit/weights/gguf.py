"""Read headers of GGUF files, in which llama.cpp keeps quantised models, and check that they conform to the format.

A file is a magic number, the version, the numbers of tensors and of keys, the keys with their values, a description of
each tensor, and the data (docs/gguf.md of ggml-org/ggml, version 3; what that leaves open is decided as in
``src/gguf.cpp`` there). The header holds the vocabulary too, which is most of it. It is read once, through a buffer of
fixed size, and values that are not needed are passed over.
"""

import os
import struct
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from weightfit.documents import FETCH_AGAIN, quote
from weightfit.errors import MalformedCheckpoint
from weightfit.weights.gguf_types import TYPES, BlockType
from weightfit.weights.header import Header, Tensor

MAGIC = b"GGUF"
VERSION = 3

HEADER_LIMIT = 1 << 27
"""Longest header that is read, in bytes; a vocabulary of 262,144 tokens has one of 6.5 MB."""

COUNT_LIMIT = 1 << 16
"""Largest number of keys, of tensors and of arrays that are elements of others."""

TEXT_LIMIT = 65_535
"""Longest key, tensor name or kept text in bytes; the format's limit for keys, tensor names have 64."""

NESTING_LIMIT = 4
"""How deep arrays may be nested; llama.cpp refuses any array of arrays."""

DIMENSIONS_LIMIT = 4

BUFFER_BYTES = 1 << 20
"""Number of bytes that are read at once."""

CONFIG = {
    "num_hidden_layers": "block_count",
    "hidden_size": "embedding_length",
    "intermediate_size": "feed_forward_length",
    "num_attention_heads": "attention.head_count",
    "num_key_value_heads": "attention.head_count_kv",
    "head_dim": "attention.key_length",
}
"""For each key of config.json, the key that stands for it after the name of the architecture."""

_NUMBER = struct.Struct("<I")
_LENGTH = struct.Struct("<Q")
_VERSION = struct.Struct("<4sI")
_COUNTS = struct.Struct("<QQ")
_ARRAY_START = struct.Struct("<IQ")  # type and number of its elements
_TENSOR_END = struct.Struct("<IQ")  # type, offset
_SCALARS = {
    number: struct.Struct(f"<{code}")
    for number, code in {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?"}.items()
} | {number: struct.Struct(f"<{code}") for number, code in {10: "Q", 11: "q", 12: "d"}.items()}
_TEXT, _ARRAY = 8, 9

# Keys whose values are needed, and the types that these must have.
_ALIGNMENT = "general.alignment"
_KEPT = ("general.architecture", "general.name", "general.file_type")
_KINDS = {"general.architecture": _TEXT, "general.name": _TEXT, "general.file_type": 4, _ALIGNMENT: 4}

_SHORTEST_KEY = _LENGTH.size + _NUMBER.size
_SHORTEST_TENSOR = _LENGTH.size + _NUMBER.size + _LENGTH.size + _TENSOR_END.size

_WRITE_AGAIN = "convert the model again with llama.cpp"


def recognises(start: bytes) -> bool:
    """Tell by its first bytes whether a file is a GGUF file."""
    return start.startswith(MAGIC)


def read_header(path: Path) -> Header:
    """Read the header of a GGUF file and check that it conforms to the format; the data are not read.

    Returns
    -------
    Header
        Header with the tensors in the order of their bytes, between which there may be padding. ``metadata`` has the
        architecture, the name and the file type, and ``config`` what `CONFIG` names, as far as the file says it.

    Raises
    ------
    MalformedCheckpoint
        If the file violates the format, is of another version or big-endian. The message names the file, the key or
        tensor, the law and the remedy.
    OSError
        If the file cannot be opened or read.
    """
    with path.open("rb") as file:
        source = _Source(path, file)
        tensors, keys = _start(source)
        values = _values(source, keys)
        described = _descriptions(source, tensors)
    alignment = _alignment(path, values)
    length = _padded(source.position, alignment)
    located = [_located(path, name, one, length, alignment, source.size) for name, one in described.items()]
    located.sort(key=lambda tensor: (tensor.begin, tensor.end))
    _check_coverage(path, located, length, alignment, source.size)
    metadata = {key: str(values[key]) for key in _KEPT if key in values}
    return Header(path, length, tuple(located), metadata, _config(values))


class _Source:
    """Reads a header from front to back, through one buffer."""

    def __init__(self, path: Path, file: BinaryIO):
        self.path = path
        self.size = os.fstat(file.fileno()).st_size
        self.nested = 0
        self._file = file
        self._buffer = b""
        self._begin = 0  # of the buffer, in the file
        self._place = 0  # of the next byte, in the buffer or beyond its end

    @property
    def position(self) -> int:
        """Offset of the next byte in the file."""
        return self._begin + self._place

    def require(self, size: int, what: str) -> None:
        """Raise unless the next ``size`` bytes are in the file and within `HEADER_LIMIT`."""
        end = self.position + size
        if end > self.size:
            raise MalformedCheckpoint(
                f"{self.path}: {what} ends at byte {end} or later but the file has {self.size} bytes; "
                f"the file is truncated: {FETCH_AGAIN}"
            )
        if end > HEADER_LIMIT:
            raise MalformedCheckpoint(
                f"{self.path}: {what} ends at byte {end} or later, the limit of a header is {HEADER_LIMIT}: "
                f"{_WRITE_AGAIN}"
            )

    def require_count(self, number: int, what: str) -> None:
        """Raise if there are more than `COUNT_LIMIT` of something."""
        if number > COUNT_LIMIT:
            raise MalformedCheckpoint(
                f"{self.path}: the header has {number} {what}, the limit is {COUNT_LIMIT}: {_WRITE_AGAIN}"
            )

    def unpack(self, form: struct.Struct, what: str) -> tuple[Any, ...]:
        """Return the next numbers."""
        self._fill(form.size, what)
        found = form.unpack_from(self._buffer, self._place)
        self._place += form.size
        return found

    def text(self, what: str) -> str:
        """Return the next text."""
        (size,) = self.unpack(_LENGTH, what)
        if size > TEXT_LIMIT:
            raise MalformedCheckpoint(
                f"{self.path}: {what} is a text of {size} bytes, the limit is {TEXT_LIMIT}: {_WRITE_AGAIN}"
            )
        self._fill(size, what)
        found = self._buffer[self._place : self._place + size]
        self._place += size
        try:
            return found.decode()
        except UnicodeDecodeError as error:
            raise MalformedCheckpoint(
                f"{self.path}: {what} is {quote(found)}, which is not UTF-8: {_WRITE_AGAIN}"
            ) from error

    def skip(self, size: int, what: str) -> None:
        """Pass over bytes."""
        self.require(size, what)
        self._place += size

    def skip_texts(self, number: int, what: str) -> None:
        """Pass over texts, of which only the lengths are read."""
        unpack = _LENGTH.unpack_from
        while number:
            self.require(number * _LENGTH.size, what)
            self._fill(_LENGTH.size, what)
            buffer, place, last = self._buffer, self._place, len(self._buffer) - _LENGTH.size
            while number and place <= last:  # this loop is most of the work
                place += _LENGTH.size + unpack(buffer, place)[0]
                number -= 1
            self._place = place
        self.require(0, what)

    def _fill(self, size: int, what: str) -> None:
        """Have the next ``size`` bytes in the buffer."""
        if self._place + size <= len(self._buffer):
            return
        self.require(size, what)
        self._begin, self._place = self.position, 0
        self._file.seek(self._begin)
        self._buffer = self._file.read(max(size, BUFFER_BYTES))
        if len(self._buffer) < size:
            raise MalformedCheckpoint(
                f"{self.path}: the file shrank while its header was read: {FETCH_AGAIN}"
            )


def _start(source: _Source) -> tuple[int, int]:
    """Return the numbers of tensors and of keys."""
    magic, version = source.unpack(_VERSION, "the version")
    if magic != MAGIC:
        raise MalformedCheckpoint(f"{source.path}: the file does not begin with GGUF: {FETCH_AGAIN}")
    if version == VERSION << 24:
        raise MalformedCheckpoint(f"{source.path}: the file is big-endian: use one that is little-endian")
    if version != VERSION:
        raise MalformedCheckpoint(
            f"{source.path}: the file is of version {version} of GGUF, this reads version {VERSION}: {_WRITE_AGAIN}"
        )
    tensors, keys = source.unpack(_COUNTS, "the number of keys")
    if not tensors:
        raise MalformedCheckpoint(
            f"{source.path}: the header lists no tensors: use a file that has some, not one of the vocabulary alone"
        )
    source.require_count(keys, "keys")
    source.require_count(tensors, "tensors")
    source.require(keys * _SHORTEST_KEY + tensors * _SHORTEST_TENSOR, "the header")
    return tensors, keys


def _values(source: _Source, number: int) -> dict[str, object]:
    """Return the value of each key; None for an array, and for a text that is not needed."""
    values: dict[str, object] = {}
    for place in range(number):
        key = _name(source, f"the name of key {place}")
        if key in values:
            raise MalformedCheckpoint(
                f"{source.path}: the header has the key {quote(key)} twice: {_WRITE_AGAIN}"
            )
        values[key] = _value(source, key, f"key {quote(key)}")
    return values


def _name(source: _Source, what: str) -> str:
    name = source.text(what)
    if not name or not name.isprintable():
        raise MalformedCheckpoint(
            f"{source.path}: {what} is {quote(name)}, which is empty or has a control character: {_WRITE_AGAIN}"
        )
    return name


def _value(source: _Source, key: str, what: str) -> object:
    (kind,) = source.unpack(_NUMBER, what)
    if kind != _KINDS.get(key, kind):
        raise MalformedCheckpoint(
            f"{source.path}: {what} has a value of type {kind}, it must be of type {_KINDS[key]}: {_WRITE_AGAIN}"
        )
    if kind == _ARRAY:
        _skip_array(source, what, 1)
        return None
    if kind != _TEXT:
        return source.unpack(_scalar(source, kind, what), what)[0]
    if key in _KINDS:
        return source.text(what)
    source.skip_texts(1, what)
    return None


def _scalar(source: _Source, kind: int, what: str) -> struct.Struct:
    if kind not in _SCALARS:
        raise MalformedCheckpoint(
            f"{source.path}: {what} has a value of type {kind}, which the format does not know: {_WRITE_AGAIN}"
        )
    return _SCALARS[kind]


def _skip_array(source: _Source, what: str, depth: int) -> None:
    kind, number = source.unpack(_ARRAY_START, what)
    if kind == _TEXT:
        source.skip_texts(number, what)
    elif kind == _ARRAY:
        if depth == NESTING_LIMIT:
            raise MalformedCheckpoint(
                f"{source.path}: {what} has arrays nested more than {NESTING_LIMIT} deep: {_WRITE_AGAIN}"
            )
        source.nested += number
        source.require_count(source.nested, "arrays in others")
        for _ in range(number):
            _skip_array(source, what, depth + 1)
    else:
        source.skip(number * _scalar(source, kind, what).size, what)


class _Description(NamedTuple):
    """What the header says about a tensor; the offset counts from the begin of the data."""

    kind: BlockType
    shape: tuple[int, ...]
    offset: int


def _descriptions(source: _Source, number: int) -> dict[str, _Description]:
    described: dict[str, _Description] = {}
    for place in range(number):
        name = _name(source, f"the name of tensor {place}")
        if name in described:
            raise MalformedCheckpoint(
                f"{source.path}: the header has the tensor {quote(name)} twice: {_WRITE_AGAIN}"
            )
        what = f"tensor {quote(name)}"
        (dimensions,) = source.unpack(_NUMBER, what)
        if not 1 <= dimensions <= DIMENSIONS_LIMIT:
            raise MalformedCheckpoint(
                f"{source.path}: {what} has {dimensions} dimensions, the format allows 1 to {DIMENSIONS_LIMIT}: "
                f"{_WRITE_AGAIN}"
            )
        extents = source.unpack(struct.Struct(f"<{dimensions}Q"), what)
        kind, offset = source.unpack(_TENSOR_END, what)
        if kind not in TYPES:
            raise MalformedCheckpoint(
                f"{source.path}: {what} is of type {kind}, which is none of {len(TYPES)} known types: {_WRITE_AGAIN}"
            )
        # The format has the extent along a row first.
        described[name] = _Description(TYPES[kind], extents[::-1], offset)
    return described


def _alignment(path: Path, values: Mapping[str, object]) -> int:
    alignment = values.get(_ALIGNMENT, 32)
    assert isinstance(alignment, int)
    if alignment < 8 or alignment & (alignment - 1):
        raise MalformedCheckpoint(
            f"{path}: {_ALIGNMENT} is {alignment}, it must be a power of two from 8 on: {_WRITE_AGAIN}"
        )
    return alignment


def _padded(position: int, alignment: int) -> int:
    return -(-position // alignment) * alignment


def _located(
    path: Path, name: str, described: _Description, length: int, alignment: int, size: int
) -> Tensor:
    where = f"{path}: tensor {quote(name)}"
    kind, shape, offset = described
    if shape[-1] % kind.block_values:
        raise MalformedCheckpoint(
            f"{where} has rows of {shape[-1]} values, which are no whole blocks of {kind.block_values} as {kind.name} "
            f"has them: {_WRITE_AGAIN}"
        )
    if offset % alignment:
        raise MalformedCheckpoint(
            f"{where} begins at byte {offset} of the data, which is no multiple of the alignment {alignment}: "
            f"{_WRITE_AGAIN}"
        )
    end = length + offset + prod(shape) // kind.block_values * kind.block_bytes
    if end > size:
        raise MalformedCheckpoint(
            f"{where} has shape {quote(list(shape))} in {kind.name} and so ends at byte {end}, but the file has {size} "
            f"bytes; the file is truncated: {FETCH_AGAIN}"
        )
    return Tensor(name, kind.name, shape, length + offset, end)


def _check_coverage(path: Path, tensors: list[Tensor], length: int, alignment: int, size: int) -> None:
    """Raise unless the tensors, sorted by offset, follow one another with nothing but padding between and after."""
    end, before = length, "the begin of the data"
    for tensor in tensors:
        if tensor.begin < end:
            raise MalformedCheckpoint(
                f"{path}: tensor {quote(tensor.name)} overlaps the {end - tensor.begin} bytes before {before}; "
                f"each byte belongs to one tensor: {_WRITE_AGAIN}"
            )
        if tensor.begin > _padded(end, alignment):
            raise MalformedCheckpoint(
                f"{path}: tensor {quote(tensor.name)} begins {tensor.begin - end} bytes after {before}; "
                f"the format allows no hole but padding to {alignment} bytes: {_WRITE_AGAIN}"
            )
        end, before = tensor.end, f"the end of tensor {quote(tensor.name)}"
    if size > _padded(end, alignment):
        raise MalformedCheckpoint(
            f"{path}: the file goes on for {size - end} bytes after {before}; the data end with the last tensor and "
            f"its padding: {FETCH_AGAIN}"
        )


def _config(values: Mapping[str, object]) -> dict[str, object]:
    architecture = values.get("general.architecture")
    if architecture is None:
        return {}
    found = {key: values.get(f"{architecture}.{name}") for key, name in CONFIG.items()}
    return {key: value for key, value in found.items() if value is not None}
