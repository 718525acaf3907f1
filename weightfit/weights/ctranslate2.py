"""Read headers of CTranslate2 models (``model.bin``) and check that they conform to the format; the data are not read.

All numbers are little-endian. A file is the version of the format (uint32), the name of the model's specification, its
revision (uint32), the number of variables (uint32), the variables, the number of aliases (uint32), and for each alias
its name and that of its variable. A variable is its name, its number of dimensions (uint8), its extents (uint32 each),
its dtype (uint8), its number of bytes (uint32) and its values. A name is a length (uint16), which counts a closing zero
byte, and characters.

The sources are ``python/ctranslate2/specs/model_spec.py`` and ``src/models/model.cc`` of OpenNMT/CTranslate2, up to
release 4.8.5. This is the layout of versions 4 to 6: version 5 changed how weights are rounded to int8, and version 6
moved options to config.json. Files before version 4 say how wide a value is, but not its dtype.
"""

import os
import struct
from collections.abc import Container
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import BinaryIO

from weightfit.documents import FETCH_AGAIN, quote
from weightfit.errors import MalformedCheckpoint
from weightfit.weights.header import Header, Tensor
from weightfit.weights.safetensors import BITS

VERSIONS = range(4, 7)
"""Versions of the format that are read."""

NUMBERED = range(1, 100)
"""Numbers that are taken for a version of the format, so that a message can name one that is not read."""

HEADER_LIMIT = 1 << 20
"""Most bytes that are read of one file, which are all but its values; a model of 1,000 variables has some 50,000."""

DTYPES = ("F32", "I8", "I16", "I32", "F16", "BF16")
"""Dtypes in the order of their numbers (``include/ctranslate2/types.h``)."""

LEAST_NAME = 4  # its length, one character and the zero byte
LEAST_VARIABLE = LEAST_NAME + 6  # its number of dimensions, its dtype and its number of bytes
START = struct.Struct("<IH")  # the version, and the length of the specification's name
CONVERT_AGAIN = "convert the model again with CTranslate2"


def recognises(start: bytes) -> bool:
    """Tell by its first bytes whether a file begins with a version and the name of a specification."""
    if len(start) < START.size:
        return False
    version, length = START.unpack_from(start)
    name = start[START.size : START.size + length]
    return version in NUMBERED and len(name) == length and _text(name) is not None


def read_header(path: Path) -> Header:
    """Read the header of a CTranslate2 model and check that the whole file has the format; the weights are not read.

    Returns
    -------
    Header
        Header with the tensors in the order of their bytes. Between tensors there are gaps (what the file says about
        each), and an alias is a tensor that shares the bytes of its variable. ``length`` is the offset of the first
        tensor.

    Raises
    ------
    MalformedCheckpoint
        If the file has another version or violates the format. The message names the file, the tensor, the law and the
        remedy.
    OSError
        If the file cannot be opened or read.
    """
    with path.open("rb") as file:
        reader = _Reader(path, file)
        (version,) = reader.numbers("<I", "the version")
        if version not in VERSIONS:
            raise MalformedCheckpoint(
                f"{path}: the file has version {version} of the format of CTranslate2, versions {VERSIONS[0]} to "
                f"{VERSIONS[-1]} are read: {CONVERT_AGAIN} 4.8.5"
            )
        reader.name("the specification")
        reader.numbers("<I", "the revision of the specification")
        tensors: dict[str, Tensor] = {}
        for place in range(reader.count("variables", LEAST_VARIABLE)):
            name = reader.new_name(f"variable {place}", tensors)
            tensors[name] = _variable(path, reader, name)
        variables = dict(tensors)
        for place in range(reader.count("aliases", 2 * LEAST_NAME)):
            name = reader.new_name(f"alias {place}", tensors)
            variable = reader.name(f"the variable of alias {place}")
            if variable not in variables:
                raise MalformedCheckpoint(
                    f"{path}: tensor {quote(name)} is an alias of {quote(variable)}, which is no variable of the file: "
                    f"{CONVERT_AGAIN}"
                )
            tensors[name] = replace(variables[variable], name=name)
        reader.finish()
    if not tensors:
        raise MalformedCheckpoint(f"{path}: the file lists no variables: {CONVERT_AGAIN}")
    in_order = sorted(tensors.values(), key=lambda tensor: (tensor.begin, tensor.end))
    return Header(path, in_order[0].begin, tuple(in_order), {})


def _variable(path: Path, reader: "_Reader", name: str) -> Tensor:
    what = f"tensor {quote(name)}"
    (dimensions,) = reader.numbers("<B", what)
    *shape, number, size = reader.numbers(f"<{dimensions}IBI", what)
    if number >= len(DTYPES):
        raise MalformedCheckpoint(
            f"{path}: {what} has dtype {number}, the format has 0 to {len(DTYPES) - 1}: {CONVERT_AGAIN}"
        )
    dtype = DTYPES[number]
    need = prod(shape) * BITS[dtype] // 8
    if size != need:
        raise MalformedCheckpoint(
            f"{path}: {what} has shape {quote(shape)} in {dtype} and so {quote(need)} bytes, but the file says {size}: "
            f"{FETCH_AGAIN}"
        )
    begin = reader.skip(size, f"the values of {what}")
    return Tensor(name, dtype, tuple(shape), begin, begin + size)


def _text(name: bytes) -> str | None:
    """Return the characters before the closing zero byte; None if these are no name.

    The library counts characters where it means bytes, so that it can write no others than those of ASCII.
    """
    if len(name) < 2 or name[-1] or not name.isascii():
        return None
    text = name[:-1].decode("ascii")
    return text if text.isprintable() else None


class _Reader:
    """Reads one part after the other and passes over values; nothing is read that the file is too short for."""

    def __init__(self, path: Path, file: BinaryIO):
        self._path = path
        self._file = file
        self._left = os.fstat(file.fileno()).st_size
        self._position = 0
        self._allowed = HEADER_LIMIT

    def _pass(self, size: int, what: str) -> None:
        if size > self._left:
            raise MalformedCheckpoint(
                f"{self._path}: the file ends at byte {self._position + self._left}, within {what}; "
                f"it is truncated: {FETCH_AGAIN}"
            )
        self._left -= size
        self._position += size

    def _take(self, size: int, what: str) -> bytes:
        self._pass(size, what)
        self._allowed -= size
        if self._allowed < 0:
            raise MalformedCheckpoint(
                f"{self._path}: names and shapes take more than {HEADER_LIMIT} bytes up to {what}: {FETCH_AGAIN}"
            )
        data = self._file.read(size)
        if len(data) != size:
            raise MalformedCheckpoint(
                f"{self._path}: the file shrank while its header was read: {FETCH_AGAIN}"
            )
        return data

    def numbers(self, form: str, what: str) -> tuple[int, ...]:
        """Read unsigned integers, of the form in which `struct` describes them."""
        return struct.unpack(form, self._take(struct.calcsize(form), what))

    def count(self, what: str, least: int) -> int:
        """Read how many parts of at least so many bytes follow."""
        (value,) = self.numbers("<I", f"the number of {what}")
        if value * least > self._left:
            raise MalformedCheckpoint(
                f"{self._path}: the file says that {value} {what} follow, but has only {self._left} more bytes: "
                f"{FETCH_AGAIN}"
            )
        return value

    def name(self, what: str) -> str:
        """Read a name."""
        (length,) = self.numbers("<H", f"the name of {what}")
        data = self._take(length, f"the name of {what}")
        text = _text(data)
        if text is None:
            raise MalformedCheckpoint(
                f"{self._path}: the name of {what} is {quote(data)}, it must be printable characters of ASCII and a "
                f"zero byte: {FETCH_AGAIN}"
            )
        return text

    def new_name(self, what: str, known: Container[str]) -> str:
        """Read a name that no other tensor has."""
        name = self.name(what)
        if name in known:
            raise MalformedCheckpoint(f"{self._path}: tensor {quote(name)} is there twice: {CONVERT_AGAIN}")
        return name

    def skip(self, size: int, what: str) -> int:
        """Pass over values and return the offset at which they begin."""
        begin = self._position
        self._pass(size, what)
        self._file.seek(size, os.SEEK_CUR)
        return begin

    def finish(self) -> None:
        """Raise if the file goes on."""
        if self._left:
            raise MalformedCheckpoint(
                f"{self._path}: the file goes on for {self._left} bytes after its aliases: {FETCH_AGAIN}"
            )
