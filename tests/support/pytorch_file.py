"""Writes PyTorch checkpoints by hand: the pickle operation by operation, the archive with PyTorch's alignment.

The layout is that of a file that PyTorch 2.13.0 wrote (certified/pytorch-2.13.0.bin).
"""

import io
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import ml_dtypes
import numpy as np

STORAGES = {
    np.dtype(np.float32): "FloatStorage",
    np.dtype(np.float16): "HalfStorage",
    np.dtype(ml_dtypes.bfloat16): "BFloat16Storage",
    np.dtype(np.uint8): "ByteStorage",
    np.dtype(np.bool_): "BoolStorage",
    np.dtype(np.int64): "LongStorage",
}
ALIGNMENT = 64
DICTIONARY = b"ccollections\nOrderedDict\n)R"


def text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def integer(value: int) -> bytes:
    if value < 256:
        return b"K" + bytes([value])
    return b"J" + struct.pack("<i", value) if value < 2**31 else b"\x8a\x08" + struct.pack("<q", value)


def integers(values: tuple[int, ...]) -> bytes:
    return b"(" + b"".join(map(integer, values)) + b"t"


def storage(kind: str, key: str, elements: int) -> bytes:
    return (
        b"("
        + text("storage")
        + f"ctorch\n{kind}\n".encode()
        + text(key)
        + text("cpu")
        + integer(elements)
        + b"tQ"
    )


def tensor(held: bytes, shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0) -> bytes:
    arguments = held + integer(offset) + integers(shape) + integers(strides) + b"\x89" + DICTIONARY
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + arguments + b"tR"


def table(items: Mapping[str, bytes]) -> bytes:
    """Return the program of a state_dict, versions of modules included."""
    pairs = b"".join(text(name) + value for name, value in items.items())
    versions = b"}" + text("_metadata") + DICTIONARY + text("") + b"}" + text("version") + b"K\x01" + b"sssb"
    return b"\x80\x02" + DICTIONARY + b"(" + pairs + b"u" + versions + b"."


def described(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return the pickle of these arrays, each in a storage of its own."""
    items = {}
    for number, (name, array) in enumerate(arrays.items()):
        strides = tuple(stride // array.itemsize for stride in array.strides)
        items[name] = tensor(storage(STORAGES[array.dtype], str(number), array.size), array.shape, strides)
    return table(items)


def archive(
    members: Mapping[str, bytes], root: str = "pytorch_model", method: int = zipfile.ZIP_STORED
) -> bytes:
    """Return a ZIP archive whose members begin at multiples of 64 bytes."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as file:
        for name, data in members.items():
            item = zipfile.ZipInfo(f"{root}/{name}")
            item.compress_type = method
            begin = whole.tell() + 30 + len(item.filename) + 4
            padding = -begin % ALIGNMENT
            item.extra = b"FB" + struct.pack("<H", padding) + b"Z" * padding
            file.writestr(item, data)
    return whole.getvalue()


def members(arrays: Mapping[str, np.ndarray]) -> dict[str, bytes]:
    """Return the members of a checkpoint."""
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    return {
        "data.pkl": described(contiguous),
        "byteorder": b"little",
        **{f"data/{number}": array.tobytes() for number, array in enumerate(contiguous.values())},
        "version": b"3\n",
    }


def inside(key: str, program: bytes) -> bytes:
    """Return the program of a dict that has the table of another program under a key, and a number beside it."""
    return b"\x80\x02}(" + text("epoch") + b"K\x03" + text(key) + program[2:-1] + b"u."


def checkpoint(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return the bytes of a checkpoint."""
    return archive(members(arrays))


def write(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    path.write_bytes(checkpoint(arrays))
