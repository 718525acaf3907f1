"""Damaged files of PyTorch: a named error, or what zipfile and Python's own pickle machine read in the same bytes."""

import io
import pickle
import struct
import time
import tracemalloc
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_file as by_hand

from weightfit.errors import MalformedCheckpoint
from weightfit.weights.header import Header
from weightfit.weights.pytorch import read_header

NUMBER = 1000
MEMORY = 8 << 20
WIDTHS = {"FloatStorage": 4, "HalfStorage": 2, "LongStorage": 8, "UntypedStorage": 1}


class Tensor(tuple):
    """Storage, offset, shape and strides, as a pickle gives them."""


class Machine(pickle._Unpickler):  # the one in Python, whose memo costs no memory
    """Python's machine, for which every name is one of these few harmless ones."""

    def find_class(self, module: str, name: str) -> Any:
        known = {
            "collections OrderedDict": OrderedDict,
            "torch._utils _rebuild_tensor_v2": lambda *held: Tensor(held[:4]),
            "torch._utils _rebuild_tensor_v3": lambda *held: Tensor(held[:4]),
            "torch._utils _rebuild_parameter": lambda tensor, *_: tensor,
            "torch Size": tuple,
            "torch device": lambda *held: held,
        }
        return known.get(f"{module} {name}", name)

    def persistent_load(self, identity: Any) -> Any:
        return identity


def by_other_means(data: bytes) -> dict[str, tuple[str, int, int, tuple[int, ...]]]:
    """Return member, offset and bytes, and shape of each tensor, by the names in the table of tensors."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        (name,) = (name for name in archive.namelist() if name.count("/") == 1 and name.endswith("/data.pkl"))
        root = Machine(io.BytesIO(archive.read(name))).load()
    tables = [root, *(value for value in root.values() if isinstance(value, dict))]
    (table, *_) = (
        held for held in tables if held and all(isinstance(value, Tensor) for value in held.values())
    )
    found = {}
    for key, ((_, kind, storage, _, _), offset, shape, _) in table.items():
        width = WIDTHS[kind]
        place = (name.removesuffix("data.pkl") + f"data/{storage}", offset * width)
        found[key] = (*place, int(np.prod(shape, dtype=object)) * width, shape)
    every = all(key.startswith("module.") for key in found)
    return {key.removeprefix("module." if every else ""): held for key, held in found.items()}


def require_right(header: Header, data: bytes) -> None:
    expected = by_other_means(data)
    assert {tensor.name for tensor in header.tensors} == set(expected)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for tensor in header.tensors:
            member, offset, size, shape = expected[tensor.name]
            assert (tensor.shape, tensor.end - tensor.begin) == (shape, size)
            item = archive.getinfo(member)
            name, extra = struct.unpack("<HH", data[item.header_offset + 26 : item.header_offset + 30])
            assert tensor.begin == item.header_offset + 30 + name + extra + offset
            assert tensor.begin <= tensor.end <= len(data)


def program() -> bytes:
    """Return a pickle of a training's state with a table of tensors in it, and settings."""
    inner = by_hand.described({f"module.h.{n}.weight": np.zeros((2, 3), np.float32) for n in range(2)})[2:-1]
    settings = b"}(" + by_hand.text("layers") + b"K\2" + by_hand.text("rate") + b"G" + bytes(8)
    settings += by_hand.text("names") + b"](X\1\0\0\0aX\1\0\0\0beu"
    return b"\x80\x02}(" + by_hand.text("model") + inner + by_hand.text("config") + settings + b"u."


def archived(text: bytes) -> bytes:
    storages = {f"data/{number}": np.arange(6, dtype="<f4").tobytes() for number in range(2)}
    return by_hand.archive({"data.pkl": text, "byteorder": b"little", **storages, "version": b"3\n"})


def mutated(random: np.random.Generator, data: bytes) -> bytes:
    """Return bytes that were changed, cut out, put in, doubled or cut off at one to three places."""
    changed = bytearray(data)
    for _ in range(random.integers(1, 4)):
        begin = int(random.integers(len(changed) + 1))
        length = int(random.integers(1, 9))
        match random.integers(6):
            case 0 if begin < len(changed):
                changed[begin] ^= 1 << random.integers(8)
            case 1:
                changed[begin : begin + length] = random.bytes(len(changed[begin : begin + length]))
            case 2:
                del changed[begin : begin + length]
            case 3:
                changed[begin:begin] = random.bytes(length)
            case 4:
                changed[begin:begin] = changed[begin : begin + 8 * length]
            case _:
                changed[begin : begin + 4] = random.choice(
                    [b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f"]
                )
    return bytes(changed) if random.integers(20) else bytes(changed[: random.integers(len(changed))])


def read_mutations(folder: Path, number: int, seed: int = 3) -> tuple[int, float, int]:
    """Read damaged files; return how many were read all the same, the longest CPU time and the peak memory."""
    random = np.random.default_rng(seed)
    file, text = archived(program()), program()
    certified = (Path(__file__).parents[1] / "certified/pytorch-2.14.1-training.pt").read_bytes()
    path = folder / "model.pt"
    survived, longest = 0, 0.0
    tracemalloc.start()
    for place in range(number):
        # A changed pickle is archived anew, since its checksum would tell.
        data = (
            archived(mutated(random, text))
            if place % 2
            else mutated(random, certified if place % 4 else file)
        )
        path.write_bytes(data)
        begin = time.process_time()
        try:
            header = read_header(path)
        except MalformedCheckpoint as refusal:
            assert str(refusal).startswith(str(path)) and len(str(refusal).splitlines()) == 1
        else:
            require_right(header, data)
            survived += 1
        longest = max(longest, time.process_time() - begin)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return survived, longest, peak


def test_the_sound_file_is_right(tmp_path: Path) -> None:
    (tmp_path / "m.pt").write_bytes(archived(program()))
    header = read_header(tmp_path / "m.pt")
    assert [tensor.name for tensor in header.tensors] == ["h.0.weight", "h.1.weight"]
    require_right(header, archived(program()))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_mutations_end_in_a_named_error_or_the_right_header(tmp_path: Path) -> None:
    survived, longest, peak = read_mutations(tmp_path, NUMBER)
    assert 0 < survived < NUMBER / 2
    assert longest < 2 and peak < MEMORY
