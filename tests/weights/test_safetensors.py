"""Laws of the safetensors format: each way of breaking one, and agreement with the library on whole files."""

import hashlib
import io
import json
import struct
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import safetensors
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weightfit.documents import parse_object, quote
from weightfit.errors import MalformedCheckpoint
from weightfit.weights.decoding import require_countable
from weightfit.weights.header import Header, Tensor
from weightfit.weights.safetensors import BITS, HEADER_LIMIT, read_header
from weightfit.weights.writer import CheckpointWriter


def framed(header, data=b""):
    """A file from the header's text and the data's bytes."""
    text = header if isinstance(header, bytes) else header.encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(begin, end, dtype="F32", shape=None):
    shape = [(end - begin) // 4] if shape is None else shape
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def file(entries, data=0):
    return framed(json.dumps(entries), bytes(data))


def one(text, data=8):
    """A file whose only tensor is described by this JSON text."""
    return framed('{"a":' + text + "}", bytes(data))


VALID = file({"a": entry(0, 8), "b": entry(8, 20)}, 20)
DIGITS = one('{"dtype":"F32","shape":[' + "9" * 5000 + '],"data_offsets":[0,8]}')

MALFORMED = [
    # the frame
    ("empty", b"", "the file is empty"),
    ("seven bytes", b"\x02\0\0\0\0\0\0", "has 7 bytes, a header's length alone takes 8"),
    ("only a length", struct.pack("<Q", 2), "ends at byte 10 but the file has 8"),
    ("header beyond the file", struct.pack("<Q", 100) + b"{}", "ends at byte 108 but the file has 10"),
    ("truncated in the header", VALID[:40], "the file is truncated: fetch it again"),
    ("header above the limit", struct.pack("<Q", HEADER_LIMIT + 1) + b"{}", "the limit is 25000000"),
    ("length of 2^64 - 1", b"\xff" * 16, "none of the formats that are read"),
    ("empty header", framed(""), "does not begin with '{'"),
    ("leading space", framed(" {}"), "does not begin with '{'"),
    ("byte order mark", framed(b"\xef\xbb\xbf{}"), "does not begin with '{'"),
    ("a list", framed("[]"), "does not begin with '{'"),
    # a file of another kind
    ("html", b"<!DOCTYPE html><html><body>404</body></html>", "is an HTML page"),
    ("html after a blank line", b"\n<html><head></head></html>", "is an HTML page"),
    ("xml", b'<?xml version="1.0"?><Error>AccessDenied</Error>', "is an XML page"),
    ("git lfs", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "is a Git LFS pointer"),
    ("zip", b"PK\x03\x04" + bytes(100), "is a ZIP archive"),
    ("pickle", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "is a Python pickle"),
    ("gzip", b"\x1f\x8b\x08\x08abcd" + bytes(50), "is compressed with gzip"),
    ("gzip, no date", b"\x1f\x8b\x08" + bytes(600_000), "is compressed with gzip"),
    ("hdf5", b"\x89HDF\r\n\x1a\n" + bytes(100), "is an HDF5 file"),
    # the JSON
    ("not utf-8", framed(b'{"\xff":1}'), "not UTF-8 at its byte 2"),
    ("not json", framed("{a:1}"), "is not JSON"),
    ("cut json", framed('{"a":'), "is not JSON"),
    ("two objects", framed("{}{}"), "is not JSON"),
    ("zero bytes as padding", framed(b"{}\0\0"), "is not JSON"),
    ("newline in a name", framed('{"a\n":1}'), "is not JSON"),
    ("NaN", one('{"dtype":"F32","shape":[NaN],"data_offsets":[0,8]}'), "holds NaN, which JSON does not"),
    ("Infinity", one('{"dtype":"F32","shape":[-Infinity],"data_offsets":[0,8]}'), "holds -Infinity"),
    ("nested lists", one("[" * 200_000), "nested too deep"),
    ("nested objects", framed('{"a":' * 200_000), "nested too deep"),
    ("nested less deep", one("[" * 500 + "]" * 500), "is described by [[["),
    ("name twice", framed('{"a":1,"a":2}'), "has the key 'a' twice"),
    ("name twice, spelled otherwise", framed('{"a":1,"\\u0061":2}'), "has the key 'a' twice"),
    ("key of an entry twice", one('{"dtype":"F32","dtype":"F32"}'), "has the key 'dtype' twice"),
    ("metadata twice", framed('{"__metadata__":{},"__metadata__":{}}'), "has the key '__metadata__' twice"),
    # __metadata__ and names
    ("metadata null", file({"__metadata__": None, "a": entry(0, 8)}, 8), "must be an object of strings"),
    ("metadata list", file({"__metadata__": [], "a": entry(0, 8)}, 8), "must be an object of strings"),
    ("metadata number", file({"__metadata__": {"x": 1}, "a": entry(0, 8)}, 8), "'x': 1, both must be"),
    ("metadata surrogate", file({"__metadata__": {"x": "\ud800"}, "a": entry(0, 8)}, 8), "of Unicode"),
    ("no tensors", framed("{}"), "lists no tensors"),
    ("only metadata", file({"__metadata__": {"x": "y"}}), "lists no tensors"),
    ("empty name", file({"": entry(0, 8)}, 8), "tensor '': this is no name"),
    ("control character in a name", file({"a\x1b[2J": entry(0, 8)}, 8), "tensor 'a\\x1b[2J' has a control"),
    ("direction mark in a name", file({"a\u202eb": entry(0, 8)}, 8), "has a control character"),
    ("surrogate in a name", file({"a\ud800": entry(0, 8)}, 8), "has a control character"),
    # the entries
    ("entry null", file({"a": None}), "is described by None"),
    ("entry number", file({"a": 1}), "is described by 1,"),
    ("no dtype", one('{"shape":[2],"data_offsets":[0,8]}'), "must have exactly dtype"),
    ("no shape", one('{"dtype":"F32","data_offsets":[0,8]}'), "must have exactly dtype"),
    ("no offsets", one('{"dtype":"F32","shape":[2]}'), "must have exactly dtype"),
    ("extra key", file({"a": {**entry(0, 8), "strides": [1]}}, 8), "must have exactly dtype"),
    ("unknown dtype", file({"a": entry(0, 8, "F31")}, 8), "has dtype 'F31', which the format does not know"),
    ("dtype in lower case", file({"a": entry(0, 8, "f32")}, 8), "has dtype 'f32'"),
    ("dtype number", file({"a": entry(0, 8, 32)}, 8), "has dtype 32"),
    ("dtype list", file({"a": entry(0, 8, ["F32"])}, 8), "has dtype ['F32']"),
    ("shape number", file({"a": entry(0, 8, shape=2)}, 8), "has shape 2, it must be a list"),
    ("shape object", file({"a": entry(0, 8, shape={})}, 8), "has shape {}, it must be a list"),
    ("negative extent", file({"a": entry(0, 8, shape=[-2, -1])}, 8), "has shape [-2, -1], it must be"),
    ("extent -0", one('{"dtype":"F32","shape":[-0],"data_offsets":[0,0]}', 0), "has shape [-0.0], it must"),
    ("extent true", file({"a": entry(0, 4, shape=[True])}, 4), "has shape [True], it must be"),
    ("extent float", file({"a": entry(0, 8, shape=[2.0])}, 8), "has shape [2.0], it must be"),
    ("extent string", file({"a": entry(0, 8, shape=["2"])}, 8), "has shape ['2'], it must be"),
    ("extent of 2^64", file({"a": entry(0, 8, shape=[2**64])}, 8), "it must be a list of integers"),
    ("extent of 5000 digits", DIGITS, "has shape [inf], it must be"),
    ("product overflows", file({"a": entry(0, 0, shape=[2**32, 2**32])}), "size exceeds 64 bits"),
    ("product overflows before a zero", file({"a": entry(0, 0, shape=[2**63, 2, 0])}), "exceeds 64 bits"),
    ("bits overflow", file({"a": entry(0, 0, shape=[2**60])}), "size exceeds 64 bits"),
    ("half a byte", file({"a": entry(0, 2, "F4", [3])}, 2), "does not fill whole bytes"),
    ("offsets number", file({"a": {**entry(0, 8), "data_offsets": 8}}, 8), "has data_offsets 8, they must"),
    ("one offset", file({"a": {**entry(0, 8), "data_offsets": [8]}}, 8), "has data_offsets [8]"),
    ("three offsets", file({"a": {**entry(0, 8), "data_offsets": [0, 8, 8]}}, 8), "[0, 8, 8], they must"),
    ("offset false", file({"a": {**entry(0, 8), "data_offsets": [False, 8]}}, 8), "[False, 8], they must"),
    ("offset float", file({"a": {**entry(0, 8), "data_offsets": [0, 8.0]}}, 8), "[0, 8.0], they must"),
    ("negative offset", file({"a": {**entry(0, 8), "data_offsets": [-8, 0]}}, 8), "[-8, 0], they must"),
    ("offset of 2^64", file({"a": {**entry(0, 8), "data_offsets": [0, 2**64]}}, 8), "they must be two"),
    ("end before begin", file({"a": entry(8, 0, shape=[2])}, 8), "ends at byte 0 before its begin 8"),
    ("end of 2^63", file({"a": entry(0, 2**63, shape=[2**61])}, 8), "size exceeds 64 bits"),
    ("end beyond the file", file({"a": entry(0, 2**40)}, 8), "but the file has 8 bytes of data"),
    ("truncated in the data", VALID[:-1], "tensor 'b' ends at byte 20 but the file has 19 bytes of data"),
    ("smaller than the shape", file({"a": entry(0, 8, shape=[3])}, 8), "so 12 bytes, but its data_offsets"),
    (
        "larger than the shape",
        file({"a": entry(0, 8, shape=[1])}, 8),
        "so 4 bytes, but its data_offsets span 8",
    ),
    ("size of another dtype", file({"a": entry(0, 8, "F16", [2])}, 8), "in F16 and so 4 bytes"),
    # the coverage
    ("rest", file({"a": entry(0, 8)}, 9), "goes on for 1 bytes after the end of tensor 'a'"),
    ("rest after nothing", file({"a": entry(0, 0)}, 9), "goes on for 9 bytes"),
    ("hole at the begin", file({"a": entry(4, 8)}, 8), "begins 4 bytes after the begin of the data"),
    ("hole", file({"a": entry(0, 4), "b": entry(8, 12)}, 12), "'b' begins 4 bytes after the end of"),
    ("overlap", file({"a": entry(0, 8), "b": entry(4, 12)}, 12), "'b' overlaps the 4 bytes before the end"),
    ("the same bytes twice", file({"a": entry(0, 8), "b": entry(0, 8)}, 8), "'b' overlaps the 8 bytes"),
    ("inside another", file({"a": entry(0, 12), "b": entry(4, 8)}, 12), "'b' overlaps the 8 bytes"),
    ("empty inside another", file({"a": entry(0, 8), "b": entry(4, 4)}, 8), "'b' overlaps the 4 bytes"),
]


@pytest.mark.parametrize(
    ("content", "fragment"), [case[1:] for case in MALFORMED], ids=[case[0] for case in MALFORMED]
)
def test_malformed_file_is_refused_by_name(tmp_path, content, fragment):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(MalformedCheckpoint) as caught:
        read_header(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert fragment in message
    assert "\n" not in message and message.isprintable()
    assert len(message) < len(str(path)) + 500


def test_each_case_has_a_name_of_its_own():
    assert len({case[0] for case in MALFORMED}) == len(MALFORMED) >= 35


def test_long_names_and_values_are_cut_in_messages(tmp_path):
    path = tmp_path / "m"
    path.write_bytes(file({"x" * 1_000_000: {"dtype": "y" * 1_000_000}}))
    with pytest.raises(MalformedCheckpoint) as caught:
        read_header(path)
    assert len(str(caught.value)) < 1000


def test_many_tensors_on_the_same_bytes_are_refused_soon(tmp_path):
    path = tmp_path / "m"
    path.write_bytes(file({f"{number}": entry(0, 8) for number in range(20_000)}, 8))
    with pytest.raises(MalformedCheckpoint, match="overlaps"):
        read_header(path)


def test_many_extents_are_multiplied_in_bounded_time(tmp_path):
    path = tmp_path / "m"
    path.write_bytes(file({"a": entry(0, 8, shape=[3_000_000_000] * 500_000)}, 8))
    with pytest.raises(MalformedCheckpoint, match="exceeds 64 bits"):
        read_header(path)


def test_missing_file_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent"):
        read_header(tmp_path / "absent")


def test_header_up_to_the_limit_is_read(tmp_path):
    text = json.dumps({"a": entry(0, 8)}).encode()
    path = tmp_path / "m"
    path.write_bytes(framed(text.ljust(HEADER_LIMIT), bytes(8)))
    assert read_header(path).tensors[0].begin == 8 + HEADER_LIMIT


def test_only_the_header_is_read_and_once(tmp_path, monkeypatch):
    path = tmp_path / "m"
    path.write_bytes(file({"a": entry(0, 2**20)}, 2**20))
    opened = []
    read = []

    class Counted(io.FileIO):
        def read(self, size=-1):
            data = super().read(size)
            read.append(len(data))
            return data

    def counted(self, mode):
        opened.append(Counted(self, mode))
        return opened[-1]

    monkeypatch.setattr(Path, "open", counted)
    header = read_header(path)
    assert len(opened) == 1 and opened[0].closed
    assert sum(read) <= 64 + header.length
    assert header.tensors == (Tensor("a", "F32", (2**18,), header.length, header.length + 2**20),)


def test_a_file_that_shrinks_while_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "m"
    path.write_bytes(VALID)
    size = path.stat()
    path.write_bytes(VALID[:40])
    monkeypatch.setattr("weightfit.weights.safetensors.os.fstat", lambda number: size)
    with pytest.raises(MalformedCheckpoint, match="the file shrank while its header was read"):
        read_header(path)


def test_order_of_the_file_not_of_the_header(tmp_path):
    path = tmp_path / "m"
    entries = {"z": entry(8, 12), "a": entry(12, 20), "m": entry(0, 8), "e": entry(8, 8), "f": entry(20, 20)}
    path.write_bytes(file(entries, 20))
    assert [tensor.name for tensor in read_header(path).tensors] == ["m", "e", "z", "a", "f"]


@pytest.mark.parametrize("padding", ["", " ", "   ", "\n", " \n\t"])
def test_padding_is_not_relied_on(tmp_path, padding):
    path = tmp_path / "m"
    path.write_bytes(framed(json.dumps({"a": entry(0, 8)}) + padding, bytes(8)))
    assert read_header(path).tensors[0].shape == (2,)


def test_scalars_and_empty_tensors_belong_to_the_format(tmp_path):
    path = tmp_path / "m"
    path.write_bytes(file({"s": entry(0, 4, shape=[]), "e": entry(4, 4, shape=[3, 0, 2])}, 4))
    assert [tensor.shape for tensor in read_header(path).tensors] == [(3, 0, 2), ()][::-1]


@pytest.mark.parametrize(
    ("dtype", "shape", "size"),
    [("F4", [2, 3], 3), ("F6_E2M3", [4], 3), ("F6_E3M2", [8], 6), ("F8_E8M0", [5], 5), ("C64", [2], 16)],
)
def test_dtypes_of_odd_widths(tmp_path, dtype, shape, size):
    path = tmp_path / "m"
    path.write_bytes(file({"a": entry(0, size, dtype, shape)}, size))
    assert read_header(path).tensors[0].dtype == dtype
    assert {name for name, _ in safetensors.deserialize(path.read_bytes())} == {"a"}


def test_dtypes_are_those_of_the_library():
    """The library accepts exactly the dtypes that we know: source of truth is the installed safetensors."""
    assert safetensors.__version__ == "0.8.0"
    for dtype, bits in BITS.items():
        safetensors.deserialize(file({"a": entry(0, bits, dtype, [8])}, bits))
    for dtype in ("F31", "C32", "I4", "F128", "C128"):
        with pytest.raises(safetensors.SafetensorError, match="unknown variant"):
            safetensors.deserialize(file({"a": entry(0, 8, dtype, [8])}, 8))


@pytest.mark.parametrize(
    ("dtype", "shape", "fragment"),
    [
        ("U8", (2, 3), "has dtype U8, weights are counted in F16, BF16, F32"),
        ("F64", (2, 3), "has dtype F64"),
        ("F8_E8M0", (2, 3), "not quantized otherwise"),
        ("F16", (), "has 0 dimensions"),
        ("F16", (6,), "has 1 dimensions, a weight matrix has 2"),
        ("F32", (1, 2, 3), "has 3 dimensions"),
        ("BF16", (0, 3), "has shape [0, 3] and so no values"),
        ("BF16", (3, 0), "has shape [3, 0] and so no values"),
    ],
)
def test_what_cannot_be_counted(dtype, shape, fragment):
    with pytest.raises(MalformedCheckpoint) as caught:
        require_countable(Path("m.safetensors"), Tensor("a.weight", dtype, shape, 0, 0))
    assert str(caught.value).startswith("m.safetensors: tensor 'a.weight' ")
    assert fragment in str(caught.value)


@pytest.mark.parametrize("dtype", ["F16", "BF16", "F32", "F8_E4M3", "F8_E5M2"])
def test_what_can_be_counted(dtype):
    require_countable(Path("m"), Tensor("a", dtype, (1, 2), 0, 0))


def test_json_object_keeps_floats_and_negatives():
    """A config.json holds such numbers; only in a header are they refused."""
    assert parse_object(b'{"a":[1e-5,-1,12,null]}', "x") == {"a": [1e-5, -1, 12, None]}
    with pytest.raises(MalformedCheckpoint, match=r"^x is not a JSON object"):
        parse_object(b"[1]", "x")
    assert quote("a\nb") == r"'a\nb'"


# --- the writer ---


def write(path, arrays, metadata=None):
    """Write arrays of name -> (dtype, array)."""
    listing = [(name, dtype, array.shape) for name, (dtype, array) in arrays.items()]
    with CheckpointWriter(path, listing, metadata) as writer:
        for _, array in arrays.values():
            writer.write(array)
    return writer


def sample():
    random = np.random.default_rng(7)
    half = random.normal(size=(3, 5)).astype("<f2")
    return {
        "z.weight": ("F32", random.normal(size=(4, 3)).astype("<f4")),
        "a.weight": ("F16", half),
        "b.weight": ("BF16", random.normal(size=(2, 2)).astype(ml_dtypes.bfloat16)),
        "empty": ("F32", np.zeros((0, 3), "<f4")),
        "scalar": ("F64", np.array(0.5, "<f8")),
        "mask": ("U8", np.arange(7, dtype="|u1")),
    }


def test_writer_agrees_with_the_library(tmp_path):
    path = tmp_path / "model.safetensors"
    arrays = sample()
    writer = write(path, arrays, {"format": "pt", "about": "é"})
    content = path.read_bytes()
    assert writer.bytes == len(content)
    assert writer.sha256 == hashlib.sha256(content).hexdigest()

    theirs = dict(safetensors.deserialize(content))
    assert theirs.keys() == arrays.keys()
    for name, (dtype, array) in arrays.items():
        assert theirs[name]["dtype"] == dtype
        assert tuple(theirs[name]["shape"]) == array.shape
        assert bytes(theirs[name]["data"]) == array.tobytes()
    with safetensors.safe_open(path, framework="np") as opened:
        assert opened.metadata() == {"format": "pt", "about": "é"}
        assert opened.offset_keys() == list(arrays)

    header = read_header(path)
    assert [tensor.name for tensor in header.tensors] == list(arrays)
    assert header.metadata == {"format": "pt", "about": "é"}
    assert header.length % 8 == 0
    for tensor in header.tensors:
        assert content[tensor.begin : tensor.end] == arrays[tensor.name][1].tobytes()


def test_reader_agrees_with_files_of_the_library(tmp_path):
    path = tmp_path / "model.safetensors"
    arrays = {name: array for name, (dtype, array) in sample().items()}
    safetensors.numpy.save_file(arrays, path, {"format": "np"})
    content = path.read_bytes()
    header = read_header(path)
    assert header.metadata == {"format": "np"}
    assert {tensor.name for tensor in header.tensors} == arrays.keys()
    with safetensors.safe_open(path, framework="np") as opened:
        for tensor in header.tensors:
            part = opened.get_slice(tensor.name)
            assert (part.get_dtype(), tuple(part.get_shape())) == (tensor.dtype, tensor.shape)
            assert content[tensor.begin : tensor.end] == arrays[tensor.name].tobytes()


def test_pieces_of_any_size_give_the_same_file(tmp_path):
    listing = [("a", "F16", (3, 5)), ("b", "U8", (7,))]
    data = bytes(range(37))
    contents = set()
    for size in (1, 2, 13, 37):
        path = tmp_path / f"{size}"
        with CheckpointWriter(path, listing) as writer:
            for begin in range(0, 37, size):
                writer.write(memoryview(data)[begin : begin + size])
        contents.add(path.read_bytes())
    assert len(contents) == 1
    # Golden: the header by hand from the format, padded with spaces to a multiple of 8 bytes.
    header = (
        b'{"a":{"dtype":"F16","shape":[3,5],"data_offsets":[0,30]},'
        b'"b":{"dtype":"U8","shape":[7],"data_offsets":[30,37]}}'
    )
    assert contents == {framed(header.ljust(-(-len(header) // 8) * 8), data)}


def test_metadata_are_written_in_sorted_order(tmp_path):
    write(tmp_path / "1", sample(), {"b": "2", "a": "1"})
    write(tmp_path / "2", sample(), {"a": "1", "b": "2"})
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


def test_arrays_are_written_in_c_order(tmp_path):
    array = np.arange(12, dtype="<f4").reshape(3, 4)
    for name, given_ in (
        ("c", array),
        ("f", np.asfortranarray(array)),
        ("s", np.repeat(array, 2, 1)[:, ::2]),
    ):
        write(tmp_path / name, {"a": ("F32", given_)})
    assert (tmp_path / "c").read_bytes() == (tmp_path / "f").read_bytes() == (tmp_path / "s").read_bytes()


@pytest.mark.parametrize(
    ("listing", "metadata", "fragment"),
    [
        ([], None, "no tensors are given"),
        ([("a", "F32", (1,)), ("a", "F32", (1,))], None, "tensor 'a' is given twice"),
        ([("a", "float32", (1,))], None, "has dtype 'float32', which the format does not know"),
        ([("", "F32", (1,))], None, "this is no name"),
        ([("__metadata__", "F32", (1,))], None, "this is no name"),
        ([("__metadata__", "F32", (1,))], {"x": "y"}, "'__metadata__' is given twice"),
        ([("a\0", "F32", (1,))], None, "has a control character"),
        ([("a", "F32", (-1,))], None, "has shape [-1]"),
        ([("a", "F32", (True,))], None, "has shape [True]"),
        ([("a", "F4", (3,))], None, "does not fill whole bytes"),
        ([("a", "F32", (2**40, 2**40))], None, "exceeds 64 bits"),
        ([("a", "F32", (1,))], {"x": 1}, "both must be strings"),
        ([("a", "F32", (1,))], {"x": "y" * HEADER_LIMIT}, "the limit is 25000000: use shards"),
    ],
)
def test_writer_refuses_what_the_reader_would(tmp_path, listing, metadata, fragment):
    with pytest.raises(MalformedCheckpoint) as caught:
        CheckpointWriter(tmp_path / "m", listing, metadata)
    assert fragment in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("data", "law"),
    [
        (b"123", "1 bytes of the tensors were not written"),
        (b"12345", "1 bytes are written after the last tensor"),
        (np.zeros(1, ">f4"), "the array is big-endian"),
    ],
)
def test_other_bytes_than_announced_leave_no_file(tmp_path, data, law):
    writer = CheckpointWriter(tmp_path / "m", [("a", "F32", (1,))])
    with pytest.raises(MalformedCheckpoint, match=law), writer:
        writer.write(data)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_outside_the_block(tmp_path):
    with pytest.raises(ValueError, match="only inside"):
        CheckpointWriter(tmp_path / "m", [("a", "F32", (1,))]).write(b"1234")


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_exception_leaves_the_folder_as_it_was(tmp_path, error):
    path = tmp_path / "m"
    path.write_bytes(b"before")
    with pytest.raises(error), CheckpointWriter(path, [("a", "F32", (1,))]) as writer:
        writer.write(b"1234")
        assert path.read_bytes() == b"before"
        raise error
    assert [item.name for item in tmp_path.iterdir()] == ["m"]
    assert path.read_bytes() == b"before"


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    """The header is the first thing that is written; `__exit__` is not called when that fails."""

    def full(self, view):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(CheckpointWriter, "_append", full)
    with pytest.raises(OSError, match="No space"), CheckpointWriter(tmp_path / "m", [("a", "F32", (1,))]):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_file_appears_only_when_whole(tmp_path):
    path = tmp_path / "m"
    with CheckpointWriter(path, [("a", "F32", (2,))]) as writer:
        writer.write(b"1234")
        assert not path.exists()
        assert [item.parent for item in tmp_path.iterdir()] == [tmp_path]
        writer.write(b"5678")
    assert [item.name for item in tmp_path.iterdir()] == ["m"]


# --- laws ---

texts = st.text(st.characters(codec="utf-8"), max_size=8)
names = texts.filter(lambda text: text != "" and text.isprintable())
tensors = st.tuples(
    names,
    st.sampled_from(["F16", "BF16", "F32", "F64", "U8", "I64", "BOOL"]),
    st.lists(st.integers(0, 4), max_size=3).map(tuple),
)
listings = st.lists(tensors, min_size=1, max_size=6, unique_by=lambda tensor: tensor[0])


def replace(path, content):
    path.unlink(missing_ok=True)  # overwriting makes some file systems flush
    path.write_bytes(content)


def ours_and_theirs(path):
    """The tensors of a file as this package and as the library reads them."""
    header = read_header(path)
    content = path.read_bytes()
    ours = {
        tensor.name: (tensor.dtype, tensor.shape, content[tensor.begin : tensor.end])
        for tensor in header.tensors
    }
    theirs = {
        name: (view["dtype"], tuple(view["shape"]), bytes(view["data"]))
        for name, view in safetensors.deserialize(content)
    }
    return ours, theirs


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(listings, st.dictionaries(texts, texts, max_size=3), st.randoms(use_true_random=False))
def test_random_files_make_the_round_trip(tmp_path, listing, metadata, random):
    sizes = [int(np.prod(shape, dtype=object)) * BITS[dtype] // 8 for _, dtype, shape in listing]
    data = [random.randbytes(size) for size in sizes]
    path = tmp_path / "m"
    with CheckpointWriter(path, listing, metadata) as writer:
        writer.write(b"".join(data))
    ours, theirs = ours_and_theirs(path)
    assert ours == theirs
    assert ours == {
        name: (dtype, shape, piece) for (name, dtype, shape), piece in zip(listing, data, strict=True)
    }
    header = read_header(path)
    assert header.metadata == metadata
    assert header.tensors[-1].end == writer.bytes == path.stat().st_size


BASE = file(
    {
        "__metadata__": {"format": "pt"},
        "model.a": entry(0, 12, "F16", [2, 3]),
        "b\u00e9": entry(12, 28, "BF16", [8]),
        "s": entry(28, 32, shape=[]),
        "e": entry(32, 32, shape=[0, 5]),
    },
    32,
)
pieces = st.binary(min_size=1, max_size=3) | st.sampled_from([bytes([byte]) for byte in b'019-.e",:[]{} \\'])
mutations = st.lists(
    st.tuples(st.sampled_from(["set", "insert", "delete"]), st.integers(0, len(BASE)), pieces),
    min_size=1,
    max_size=3,
)


def mutate(content, changes):
    for kind, place, piece in changes:
        rest = place if kind == "insert" else place + len(piece)
        content = content[:place] + (b"" if kind == "delete" else piece) + content[rest:]
    return content


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mutations, st.booleans())
def test_mutated_files_are_refused_or_read_as_the_library_reads_them(tmp_path, changes, in_header):
    content = mutate(BASE, changes)
    if in_header:  # keep the length right, so that the change reaches the JSON
        content = struct.pack("<Q", max(0, len(content) - 40)) + content[8:]
    path = tmp_path / "m"
    replace(path, content)
    try:
        read_header(path)
    except MalformedCheckpoint as error:
        assert str(error).startswith(f"{path}: ")
    else:
        ours, theirs = ours_and_theirs(path)
        assert ours == theirs


def test_every_single_byte_of_a_header_changed(tmp_path):
    """Exhaustive where the random test only samples: each byte of the frame, replaced by telling bytes."""
    path = tmp_path / "m"
    length = 8 + int.from_bytes(BASE[:8], "little")
    accepted = refused = 0
    for place in range(length):
        for byte in b'\x00\xff0149-. ,:"[]{}\\aF':
            replace(path, BASE[:place] + bytes([byte]) + BASE[place + 1 :])
            try:
                read_header(path)
            except MalformedCheckpoint:
                refused += 1
            else:
                accepted += 1
                ours, theirs = ours_and_theirs(path)
                assert ours == theirs
    assert accepted > 100 and refused > 1000


def test_header_in_full(tmp_path):
    path = tmp_path / "m"
    path.write_bytes(VALID)
    begin = len(VALID) - 20
    tensors = (Tensor("a", "F32", (2,), begin, begin + 8), Tensor("b", "F32", (3,), begin + 8, begin + 20))
    assert read_header(path) == Header(path, begin, tensors, {})
