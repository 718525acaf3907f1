"""Writes CTranslate2 models by hand, field by field.

The layout is that of a file that CTranslate2 4.8.5 wrote (tests/weights/ctranslate2-4.8.5.bin).
"""

import struct
from collections.abc import Mapping

import ml_dtypes
import numpy as np

NUMBERS = {
    np.dtype(np.float32): 0,
    np.dtype(np.int8): 1,
    np.dtype(np.int16): 2,
    np.dtype(np.int32): 3,
    np.dtype(np.float16): 4,
    np.dtype(ml_dtypes.bfloat16): 5,
}


def name(text: str) -> bytes:
    return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"


def entry(text: str, shape: tuple[int, ...], number: int, data: bytes, size: int | None = None) -> bytes:
    """Return a variable, whose number of bytes may be another than it has."""
    extents = struct.pack(f"<{len(shape)}I", *shape)
    head = name(text) + bytes([len(shape)]) + extents + bytes([number])
    return head + struct.pack("<I", len(data) if size is None else size) + data


def variable(text: str, array: np.ndarray) -> bytes:
    return entry(text, array.shape, NUMBERS[array.dtype], np.ascontiguousarray(array).tobytes())


def start(version: int = 6, specification: str = "WhisperSpec", revision: int = 3) -> bytes:
    return struct.pack("<I", version) + name(specification) + struct.pack("<I", revision)


def listed(parts: list[bytes]) -> bytes:
    return struct.pack("<I", len(parts)) + b"".join(parts)


def model(
    arrays: Mapping[str, np.ndarray], aliases: Mapping[str, str] | None = None, version: int = 6
) -> bytes:
    """Return the bytes of a model, its variables sorted by name as the library writes them."""
    pairs = [name(alias) + name(of) for alias, of in (aliases or {}).items()]
    return start(version) + listed([variable(text, arrays[text]) for text in sorted(arrays)]) + listed(pairs)
