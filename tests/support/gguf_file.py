"""Writes GGUF files: by hand, piece by piece, and with the writer of the gguf package."""

import struct
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFWriter, dequantize

TEXT, ARRAY, UINT32 = 8, 9, 4
VOCABULARY = ("a", "", "bcd" * 9, "\u00e4")


def text(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(data)) + data


def key(name: str | bytes, kind: int, value: bytes) -> bytes:
    return text(name) + struct.pack("<I", kind) + value


def number(name: str, value: int) -> bytes:
    return key(name, UINT32, struct.pack("<I", value))


def array(kind: int, elements: int, data: bytes) -> bytes:
    return struct.pack("<IQ", kind, elements) + data


def tensor(name: str | bytes, extents: Sequence[int], kind: int = 0, offset: int = 0) -> bytes:
    shape = struct.pack(f"<I{len(extents)}Q", len(extents), *extents)
    return text(name) + shape + struct.pack("<IQ", kind, offset)


def file(
    keys: Sequence[bytes] = (),
    tensors: Sequence[bytes] = (),
    data: int | bytes = 0,
    *,
    version: int = 3,
    counts: tuple[int, int] | None = None,
    alignment: int = 32,
) -> bytes:
    """Return a file whose data are these bytes, or this number of zeros; it is not padded at its end."""
    tensors_and_keys = counts or (len(tensors), len(keys))
    start = b"GGUF" + struct.pack("<IQQ", version, *tensors_and_keys) + b"".join([*keys, *tensors])
    return start + bytes(-len(start) % alignment) + (bytes(data) if isinstance(data, int) else data)


def values(name: str, data: np.ndarray) -> np.ndarray:
    """Return what the gguf package makes of an array ``(rows, bytes of a row)`` or of one row."""
    with np.errstate(over="ignore", invalid="ignore"):
        return dequantize(data, GGMLQuantizationType[name])


@cache
def blocks(name: str, number: int, finite: bool = True) -> np.ndarray:
    """Return blocks ``(number, bytes)`` of random bytes, all of whose values are finite, or of whose some are not."""
    size = GGML_QUANT_SIZES[GGMLQuantizationType[name]][1]
    drawn = (
        np.random.default_rng(1).integers(0, 256, ((2 if finite else 500) * number, size)).astype(np.uint8)
    )
    good = np.isfinite(values(name, drawn.reshape(-1)).reshape(len(drawn), -1)).all(axis=1)
    found = drawn[good == finite][:number]
    assert len(found) == number
    return found


def matrix(name: str, rows: int, columns: int) -> np.ndarray:
    """Return random finite blocks as the bytes of a matrix ``(rows, bytes of a row)``."""
    return blocks(name, rows * columns // GGML_QUANT_SIZES[GGMLQuantizationType[name]][0]).reshape(rows, -1)


def write(path: Path, tensors: Mapping[str, tuple[str, np.ndarray]], alignment: int | None = None) -> None:
    """Write tensors, each with its type, below keys of every kind, with the writer of the gguf package."""
    writer = GGUFWriter(path, "llama")
    writer.add_name("A model \u2764")
    writer.add_file_type(3)
    writer.add_block_count(1)
    writer.add_uint64("llama.embedding_length", 512)
    for width in (8, 16, 32, 64):
        getattr(writer, f"add_int{width}")(f"test.int{width}", -1)
        getattr(writer, f"add_uint{width}")(f"test.uint{width}", 1)
    writer.add_float32("test.float32", 0.5)
    writer.add_float64("test.float64", 0.5)
    writer.add_bool("test.bool", True)
    writer.add_string("test.string", "kept by nobody")
    writer.add_token_list(VOCABULARY)
    writer.add_token_scores([0.5] * len(VOCABULARY))
    writer.add_array("test.nested", [[1, 2], [3]])
    if alignment:
        writer.add_custom_alignment(alignment)
    finish(writer, tensors)


def finish(writer: GGUFWriter, tensors: Mapping[str, tuple[str, np.ndarray]]) -> None:
    """Write what a writer has of keys, and these tensors."""
    for name, (kind, data) in tensors.items():
        writer.add_tensor(name, data, raw_dtype=GGMLQuantizationType[kind])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
