"""Read headers of safetensors files and check that they conform to the format.

A file is the header's length (an unsigned 64-bit little-endian integer), the header (a JSON object) and the
data. The requirements are those of safetensors 0.8.0 (its README, "Format", and ``safetensors/src/tensor.rs``). This
reader also refuses what the format forbids but the library accepts, such as a name that occurs twice.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from weightfit.documents import FETCH_AGAIN, parse_object, quote
from weightfit.errors import MalformedCheckpoint
from weightfit.weights.header import Header, Tensor
from weightfit.weights.scales import with_scales

HEADER_LIMIT = 25_000_000
"""Longest header that is read, in bytes (the limit of huggingface_hub; the format itself allows 100 MB)."""

BITS = {
    "BOOL": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "U8": 8,
    "I8": 8,
    "F8_E5M2": 8,
    "F8_E4M3": 8,
    "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8,
    "I16": 16,
    "U16": 16,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "C64": 64,
    "F64": 64,
    "I64": 64,
    "U64": 64,
}
"""Bits per value of every dtype of the format."""

METADATA = "__metadata__"

# Files of other kinds that carry the name of a weight file: the first bytes, what the file is, and what to do.
FOREIGN = (
    (b"version https://git-lfs", "is a Git LFS pointer, not the file it points to: run `git lfs pull`"),
    (b"<!doctype", "is an HTML page, probably an answer of the server: fetch the file itself"),
    (b"<html", "is an HTML page, probably an answer of the server: fetch the file itself"),
    (b"<?xml", "is an XML page, probably an answer of the server: fetch the file itself"),
    (b"PK\x03\x04", "is a ZIP archive (a PyTorch .bin file or a wheel): convert or unpack it first"),
    (b"\x80\x02", "is a Python pickle (an old PyTorch .bin file), which is never loaded: convert it first"),
    (b"\x1f\x8b", "is compressed with gzip: decompress it first"),
    (b"lmgg", "is of GGML, the format before GGUF: use the checkpoint from which it was converted"),
    (b"\x89HDF", "is an HDF5 file: use the checkpoint in safetensors format"),
)
WRITE_AGAIN = "write it again with a safetensors library"


def read_header(path: Path) -> Header:
    """Read the header of a safetensors file and check that it conforms to the format; the data are not read.

    Returns
    -------
    Header
        Header with the tensors in the order of their bytes. Tensors of size zero keep their order in the header.

    Raises
    ------
    MalformedCheckpoint
        If the file violates the format. The message names the file, the tensor, the law and the remedy.
    OSError
        If the file cannot be opened or read.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        text = _header_text(path, file, size)
    length = 8 + len(text)
    entries = parse_object(text, f"{path}: the header")
    metadata = check_metadata(path, entries.pop(METADATA, {}))
    if not entries:
        raise MalformedCheckpoint(f"{path}: the header lists no tensors: {WRITE_AGAIN}")
    tensors = [_tensor(path, name, entry, length, size) for name, entry in entries.items()]
    tensors.sort(key=lambda tensor: (tensor.begin, tensor.end))
    _check_coverage(path, tensors, length, size)
    return Header(path, length, tuple(with_scales(path, tensors)), metadata)


def _header_text(path: Path, file: BinaryIO, size: int) -> bytes:
    if size == 0:
        raise MalformedCheckpoint(f"{path}: the file is empty: {FETCH_AGAIN}")
    start = file.read(64)
    law, remedy = None, FETCH_AGAIN
    length = int.from_bytes(start[:8], "little")
    is_header = start[8:9] == b"{"
    if size < 8:
        law = f"the file has {size} bytes, a header's length alone takes 8"
    elif length > HEADER_LIMIT and not is_header:
        law = "the file has none of the formats that are read (safetensors, PyTorch, CTranslate2, GGUF)"
        remedy = f"name a file of weights, or {FETCH_AGAIN}"
    elif length > HEADER_LIMIT:
        law = f"the header's length is given as {length} bytes, the limit is {HEADER_LIMIT}"
    elif 8 + length > size:
        law = f"the header ends at byte {8 + length} but the file has {size} bytes; the file is truncated"
    elif not is_header or length == 0:
        law = "the header does not begin with '{'"
    if law is not None:
        kind = next(
            (kind for magic, kind in FOREIGN if start.lstrip().lower().startswith(magic.lower())), None
        )
        raise MalformedCheckpoint(f"{path}: the file {kind}" if kind else f"{path}: {law}: {remedy}")
    file.seek(8)
    text = file.read(length)
    if len(text) != length:
        raise MalformedCheckpoint(f"{path}: the file shrank while its header was read: {FETCH_AGAIN}")
    return text


def check_metadata(path: Path, metadata: object) -> dict[str, str]:
    """Return the metadata of a header; raise `MalformedCheckpoint` unless they are an object of strings."""
    if not isinstance(metadata, dict):
        raise MalformedCheckpoint(
            f"{path}: {METADATA} is {quote(metadata)}, it must be an object of strings: {WRITE_AGAIN}"
        )
    for key, value in metadata.items():
        for text in (key, value):
            if not isinstance(text, str) or not _is_unicode(text):
                raise MalformedCheckpoint(
                    f"{path}: {METADATA} has {quote(key)}: {quote(value)}, "
                    f"both must be strings of Unicode characters: {WRITE_AGAIN}"
                )
    return metadata


def _is_unicode(text: str) -> bool:
    # JSON can express half of a surrogate pair, which is not a character.
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**64  # bool is a subclass of int but not a count


def tensor_bytes(path: Path, name: str, dtype: object, shape: object) -> int:
    """Check the name, dtype and shape of a tensor, and return its number of bytes."""
    where = f"{path}: tensor {quote(name)}"
    if name == "" or name == METADATA:
        raise MalformedCheckpoint(f"{where}: this is no name for a tensor: {WRITE_AGAIN}")
    if not name.isprintable():
        raise MalformedCheckpoint(f"{where} has a control character in its name: {WRITE_AGAIN}")
    if not isinstance(dtype, str) or dtype not in BITS:
        raise MalformedCheckpoint(
            f"{where} has dtype {quote(dtype)}, which the format does not know: {WRITE_AGAIN}"
        )
    if not isinstance(shape, list) or not all(_is_count(extent) for extent in shape):
        raise MalformedCheckpoint(
            f"{where} has shape {quote(shape)}, it must be a list of integers from 0 on: {WRITE_AGAIN}"
        )
    bits = BITS[dtype]
    for extent in shape:
        # Readers in other languages multiply in 64 bits, so the product must fit even if another extent is zero.
        bits *= max(extent, 1)
        if bits >= 2**64:
            raise MalformedCheckpoint(
                f"{where} has shape {quote(shape)}, whose size exceeds 64 bits: {FETCH_AGAIN}"
            )
    whole, rest = divmod(0 if 0 in shape else bits, 8)
    if rest:
        raise MalformedCheckpoint(
            f"{where} has shape {quote(shape)} in {dtype}, which does not fill whole bytes: {WRITE_AGAIN}"
        )
    return whole


def _tensor(path: Path, name: str, entry: object, length: int, size: int) -> Tensor:
    where = f"{path}: tensor {quote(name)}"
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise MalformedCheckpoint(
            f"{where} is described by {quote(entry)}, it must have exactly dtype, shape and data_offsets: "
            f"{WRITE_AGAIN}"
        )
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    need = tensor_bytes(path, name, dtype, shape)
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(_is_count(offset) for offset in offsets):
        raise MalformedCheckpoint(
            f"{where} has data_offsets {quote(offsets)}, they must be two integers from 0 on: {WRITE_AGAIN}"
        )
    begin, end = offsets
    if begin > end:
        raise MalformedCheckpoint(f"{where} ends at byte {end} before its begin {begin}: {WRITE_AGAIN}")
    if length + end > size:
        raise MalformedCheckpoint(
            f"{where} ends at byte {end} but the file has {size - length} bytes of data; "
            f"the file is truncated: {FETCH_AGAIN}"
        )
    if end - begin != need:
        raise MalformedCheckpoint(
            f"{where} has shape {quote(shape)} in {dtype} and so {need} bytes, "
            f"but its data_offsets span {end - begin}: {WRITE_AGAIN}"
        )
    return Tensor(name, dtype, tuple(shape), length + begin, length + end)


def _check_coverage(path: Path, tensors: list[Tensor], length: int, size: int) -> None:
    """Raise unless the tensors, sorted by offset, cover the data without holes, overlaps or trailing bytes."""
    end, before = length, "the begin of the data"
    for tensor in tensors:
        if tensor.begin > end:
            raise MalformedCheckpoint(
                f"{path}: tensor {quote(tensor.name)} begins {tensor.begin - end} bytes after {before}; "
                f"the format allows no hole: {WRITE_AGAIN}"
            )
        if tensor.begin < end:
            raise MalformedCheckpoint(
                f"{path}: tensor {quote(tensor.name)} overlaps the {end - tensor.begin} bytes before "
                f"{before}; each byte belongs to one tensor: {WRITE_AGAIN}"
            )
        end, before = tensor.end, f"the end of tensor {quote(tensor.name)}"
    if end != size:
        raise MalformedCheckpoint(
            f"{path}: the file goes on for {size - end} bytes after {before}; "
            f"the data end with the last tensor: {FETCH_AGAIN}"
        )
