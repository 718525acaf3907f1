"""GGUF: what a file says, against the gguf package; each way of breaking a law; and files with random damage."""

import struct
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import gguf_file as by_hand
import ml_dtypes
import numpy as np
import pytest
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFReader, GGUFWriter, quantize
from gguf.constants import MODEL_ARCH, MODEL_TENSORS, TENSOR_NAMES
from gguf_file import array, file, key, number, tensor, text

from weightfit.counts import scan as scanning
from weightfit.counts.histogram import Histogram, histogram_of
from weightfit.counts.scan import Scan
from weightfit.errors import (
    ContradictoryCheckpoint,
    IncompleteCheckpoint,
    MalformedCheckpoint,
    NonFiniteWeight,
    UnknownTensor,
    WeightfitError,
)
from weightfit.weights import formats
from weightfit.weights import gguf as reading
from weightfit.weights.decoding import read_matrix, require_countable
from weightfit.weights.encodings import ENCODINGS
from weightfit.weights.families import TABLES
from weightfit.weights.gguf import COUNT_LIMIT, NESTING_LIMIT, read_header
from weightfit.weights.gguf_types import QUANTISED, TYPES
from weightfit.weights.header import Header, Tensor
from weightfit.weights.plan import Piece, Plan, plan

MUTATIONS = 1_000
"""Number of damaged files; 10,000 take about ten times as long."""

NAMES = [kind.name for kind in QUANTISED]
WRITTEN = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"]  # the package also quantises to these
PLAIN = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "BF16": np.dtype(ml_dtypes.bfloat16)}


# Types and values.


def test_the_types_are_those_of_the_package() -> None:
    assert {number: kind.name for number, kind in TYPES.items()} == {
        kind.value: kind.name for kind in GGMLQuantizationType
    }
    assert {kind.name: (kind.block_values, kind.block_bytes) for kind in TYPES.values()} == {
        kind.name: sizes for kind, sizes in GGML_QUANT_SIZES.items()
    }


def test_every_type_that_the_package_decodes_can_be_counted() -> None:
    decoded = set()
    for kind, (_, size) in GGML_QUANT_SIZES.items():
        try:
            by_hand.values(kind.name, np.zeros((1, size), np.uint8))
        except NotImplementedError:
            continue
        decoded.add(kind.name)
    assert decoded == {name for name in ENCODINGS if not name.startswith("F8_")}
    assert len(NAMES) == len(decoded - PLAIN.keys()) == 23


@pytest.mark.parametrize("name", NAMES)
def test_blocks_have_the_values_that_the_package_gives_a_whole_array(name: str) -> None:
    data = by_hand.matrix(name, 19, 512)
    encoding = ENCODINGS[name]
    assert encoding.decode is not None and encoding.counted == "F32"
    found, expected = encoding.decode(data.reshape(-1)), by_hand.values(name, data)
    assert found.dtype == np.float32 and np.unique(expected).size > 50
    np.testing.assert_array_equal(found, expected.reshape(-1))


# What a file says.


def example() -> dict[str, tuple[str, np.ndarray]]:
    """Tensors of each type and of one to four dimensions."""
    random = np.random.default_rng(2)
    found = {f"{name}.weight": (name, by_hand.matrix(name, 3, 256)) for name in NAMES}
    for name, dtype in PLAIN.items():
        values = random.standard_normal((5, 7)).astype(dtype)
        found[f"{name}.weight"] = name, values.view(np.uint8) if name == "BF16" else values
    for size, width in enumerate((8, 16, 32, 64)):
        found[f"I{width}"] = f"I{width}", random.integers(0, 99, (2, 3, 4, 5)[size:]).astype(f"i{width // 8}")
    return found | {
        "F64": ("F64", random.standard_normal(3)),
        "Q8_K": ("Q8_K", random.integers(0, 256, (2, 292)).astype(np.uint8)),
        "empty": ("F32", np.zeros((0, 4), np.float32)),
    }


def described(path: Path) -> tuple[list[tuple[object, ...]], int]:
    """Return tensors and the begin of the data as the package reads them."""
    reader = GGUFReader(path)
    found = [
        (
            one.name,
            one.tensor_type.name,
            tuple(reversed(one.shape.tolist())),
            one.data_offset,
            one.data_offset + one.n_bytes,
        )
        for one in reader.tensors
    ]
    return sorted(found, key=lambda one: (one[3], one[4])), int(reader.data_offset)


def as_tuples(header: Header) -> list[tuple[object, ...]]:
    return [(one.name, one.dtype, one.shape, one.begin, one.end) for one in header.tensors]


@pytest.mark.parametrize("alignment", [None, 8, 32, 256])
@pytest.mark.parametrize("buffer", [1 << 20, 40])
def test_each_field_is_what_the_package_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alignment: int | None, buffer: int
) -> None:
    monkeypatch.setattr(reading, "BUFFER_BYTES", buffer)
    path = tmp_path / "model.gguf"
    by_hand.write(path, example(), alignment)
    header = formats.read_header(path)
    assert (as_tuples(header), header.length) == described(path)
    assert {one.dtype for one in header.tensors} >= {*NAMES, *PLAIN, "F64", "I8", "I16", "I32", "I64", "Q8_K"}
    assert header.path == path
    assert header.metadata == {
        "general.architecture": "llama",
        "general.name": "A model \u2764",
        "general.file_type": "3",
    }
    assert header.config == {"num_hidden_layers": 1, "hidden_size": 512}


@pytest.mark.parametrize("name", [*PLAIN, *NAMES])
def test_the_values_of_a_matrix(tmp_path: Path, name: str) -> None:
    path = tmp_path / "model.gguf"
    by_hand.write(path, example())
    (one,) = (one for one in read_header(path).tensors if one.name == f"{name}.weight")
    (stored,) = (one for one in GGUFReader(path).tensors if one.name == f"{name}.weight")
    found = read_matrix(path, one)
    expected = by_hand.values(name, stored.data)
    assert found.shape == expected.shape == one.shape
    np.testing.assert_array_equal(found.astype(np.float32), expected)


def test_what_config_json_would_say(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    writer = GGUFWriter(path, "gemma3")
    writer.add_block_count(3)
    writer.add_embedding_length(8)
    writer.add_feed_forward_length(20)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_key_length(5)
    writer.add_value_length(6)
    by_hand.finish(writer, {"a": ("F32", np.ones(1, np.float32))})
    assert read_header(path).config == {
        "num_hidden_layers": 3,
        "hidden_size": 8,
        "intermediate_size": 20,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 5,
    }


def read(folder: Path, content: bytes) -> Header:
    path = folder / "model.gguf"
    path.write_bytes(content)
    return read_header(path)


ONE = tensor("a", (2, 3))


def test_the_architecture_may_follow_its_keys(tmp_path: Path) -> None:
    keys = [
        number("x.block_count", 3),
        number("y.embedding_length", 8),
        key("general.architecture", by_hand.TEXT, text("x")),
        key("x.attention.head_count", by_hand.ARRAY, array(by_hand.UINT32, 3, bytes(12))),
    ]
    header = read(tmp_path, file(keys, [ONE], 24))
    assert header.config == {"num_hidden_layers": 3}  # heads that differ from block to block are none
    assert header.metadata == {"general.architecture": "x"}


def test_a_file_that_does_not_say_its_architecture(tmp_path: Path) -> None:
    header = read(tmp_path, file([number("None.block_count", 3)], [ONE], 24))
    assert header.tensors == (Tensor("a", "F32", (3, 2), header.length, header.length + 24),)
    assert (header.metadata, header.config) == ({}, {})


@pytest.mark.parametrize("end", [4, 5, 32])
def test_padding_at_the_end_may_be_there_or_not(tmp_path: Path, end: int) -> None:
    assert len(read(tmp_path, file([], [tensor("a", (1,))], end)).tensors) == 1


def test_the_order_of_the_bytes_not_of_the_list(tmp_path: Path) -> None:
    listed = [
        tensor("b", (8,), 0, 32),
        tensor("c", (1,), 0, 64),
        tensor("a", (3,), 0, 0),
        tensor("e", (0,), 0, 32),
    ]
    header = read(tmp_path, file([], listed, 68))
    assert [one.name for one in header.tensors] == ["a", "e", "b", "c"]


def test_arrays_in_arrays(tmp_path: Path) -> None:
    held = array(by_hand.TEXT, 2, text("a") + text("b"))
    for _ in range(NESTING_LIMIT - 1):
        held = array(by_hand.ARRAY, 2, held + held)
    header = read(tmp_path, file([key("deep", by_hand.ARRAY, held), number("x", 1)], [ONE], 24))
    assert header.tensors[0].shape == (3, 2)


# Messages.

ARCHITECTURE = key("general.architecture", by_hand.TEXT, text("llama"))


def nested(depth: int) -> bytes:
    held = array(by_hand.UINT32, 0, b"")
    for _ in range(depth - 1):
        held = array(by_hand.ARRAY, 1, held)
    return key("deep", by_hand.ARRAY, held)


def with_alignment(value: int) -> bytes:
    return file([number("general.alignment", value)], [ONE], 24)


def two(first: bytes, second: bytes, data: int) -> bytes:
    return file([], [first, second], data)


MALFORMED = [
    # the frame
    ("empty", b"", "the version ends at byte 8 or later but the file has 0 bytes; the file is truncated"),
    ("another kind", b"PK\x03\x04" + bytes(99), "does not begin with GGUF"),
    ("only a version", b"GGUF\x03\0\0\0", "the number of keys ends at byte 24 or later but the file has 8"),
    ("version 1", b"GGUF\x01\0\0\0" + bytes(99), "is of version 1 of GGUF, this reads version 3"),
    ("version 2", file([], [ONE], 24, version=2), "is of version 2"),
    ("version 0", file([], [ONE], 24, version=0), "is of version 0"),
    ("version 4", file([], [ONE], 24, version=4), "is of version 4"),
    ("big-endian", b"GGUF" + struct.pack(">IQQ", 3, 1, 0) + bytes(99), "is big-endian: use one that is little-endian"),
    ("a vocabulary", file([ARCHITECTURE], [], 0), "the header lists no tensors"),
    ("many keys", file([], [ONE], 24, counts=(1, COUNT_LIMIT + 1)), "has 65537 keys, the limit is 65536"),
    ("many tensors", file([], [ONE], 24, counts=(2**64 - 1, 0)), "has 18446744073709551615 tensors, the limit is"),
    ("more keys than bytes", file([], [ONE], 24, counts=(1, 99)), "the header ends at byte 1244 or later but"),
    ("more tensors than there are", file([], [ONE], 99, counts=(2, 0)), "the name of tensor 1 is '', which is empty"),
    # keys
    ("no key", file([key("", 0, b"x")], [ONE], 24), "the name of key 0 is '', which is empty or has a control"),
    ("control character", file([key("a\x1b", 0, b"x")], [ONE], 24), "the name of key 0 is 'a\\x1b', which is empty"),
    ("not UTF-8", file([key(b"a\xff", 0, b"x")], [ONE], 24), "the name of key 0 is b'a\\xff', which is not UTF-8"),
    ("long key", file([key("x" * 65_536, 0, b"x")], [ONE], 24), "key 0 is a text of 65536 bytes, the limit is 65535"),
    ("endless key", file([struct.pack("<Q", 2**64 - 1)], [ONE], 24), "a text of 18446744073709551615 bytes"),
    ("key beyond the file", file([struct.pack("<Q", 999)], [ONE], 24), "the name of key 0 ends at byte 1031 or"),
    ("key twice", file([number("a", 1), number("a", 2)], [ONE], 24), "the header has the key 'a' twice"),
    ("unknown type", file([key("a", 13, bytes(8))], [ONE], 24), "key 'a' has a value of type 13, which the format"),
    ("unknown elements", file([key("a", 9, array(13, 1, b"x"))], [ONE], 24), "key 'a' has a value of type 13"),
    ("text beyond the file", file([key("a", 8, struct.pack("<Q", 10**15))], [ONE], 24), "key 'a' ends at byte 1000000"),
    ("numbers beyond", file([key("a", 9, array(10, 2**62, b""))], [ONE], 24), "key 'a' ends at byte 368934881474191"),
    ("texts beyond", file([key("a", 9, array(8, 2**60, b""))], [ONE], 24), "key 'a' ends at byte 92233720368547758"),
    ("one text beyond", file([key("a", 9, array(8, 1, b"\xff" * 8))], [ONE], 24), "key 'a' ends at byte 184467440737"),
    ("arrays beyond", file([key("a", 9, array(9, 2, array(0, 0, b"")))], [ONE], 24), "key 'a' ends at byte 26156"),
    ("many arrays", file([key("a", 9, array(9, 2**40, b""))], [ONE], 24), "1099511627776 arrays in others, the limit"),
    ("nested arrays", file([nested(NESTING_LIMIT + 1)], [ONE], 24), "key 'deep' has arrays nested more than 4 deep"),
    # keys that are needed
    ("architecture 7", file([number("general.architecture", 7)], [ONE], 24), "value of type 4, it must be of type 8"),
    ("name of names", file([key("general.name", 9, array(8, 0, b""))], [ONE], 24), "value of type 9, it must be of"),
    ("name not UTF-8", file([key("general.name", 8, text(b"\xff"))], [ONE], 24), "key 'general.name' is b'\\xff',"),
    ("long name", file([key("general.name", 8, text(b"x" * 65_536))], [ONE], 24), "'general.name' is a text of 65536"),
    ("alignment -8", file([key("general.alignment", 5, b"\xf8\xff\xff\xff")], [ONE], 24), "of type 5, it must be of"),
    ("alignment 0", with_alignment(0), "general.alignment is 0, it must be a power of two from 8 on"),
    ("alignment 4", with_alignment(4), "general.alignment is 4"),
    ("alignment 24", with_alignment(24), "general.alignment is 24"),
    ("alignment 2^31", with_alignment(1 << 31), "so ends at byte 2147483672, but the file has"),
    # tensors
    ("no name", file([], [tensor("", (2, 3))], 24), "the name of tensor 0 is '', which is empty or has a control"),
    ("name twice", two(ONE, ONE, 24), "the header has the tensor 'a' twice"),
    ("no dimension", file([], [tensor("a", ())], 24), "tensor 'a' has 0 dimensions, the format allows 1 to 4"),
    ("five dimensions", file([], [tensor("a", (1,) * 5)], 24), "tensor 'a' has 5 dimensions"),
    ("many dimensions", file([], [text("a") + b"\xff" * 40], 24), "tensor 'a' has 4294967295 dimensions"),
    ("cut in a shape", file([], [ONE], 24)[:40], "the header ends at byte 56 or later but the file has 40"),
    ("a type of old", file([], [tensor("a", (32,), 4)], 24), "is of type 4, which is none of 34 known types"),
    ("a type to come", file([], [tensor("a", (32,), 99)], 24), "tensor 'a' is of type 99"),
    ("half a block", file([], [tensor("a", (48, 2), 3)], 99), "has rows of 48 values, which are no whole blocks of 32"),
    ("not aligned", file([], [tensor("a", (2, 3), 0, 8)], 32), "begins at byte 8 of the data, which is no multiple of"),
    ("truncated", file([], [ONE], 23), "has shape [3, 2] in F32 and so ends at byte 120, but the file has 119"),
    ("no data", file([], [ONE], 0), "the file is truncated: fetch it again"),
    ("offset of 2^63", file([], [tensor("a", (2, 3), 0, 1 << 63)], 24), "so ends at byte 9223372036854775928"),
    ("extents of 2^64", file([], [tensor("a", (2**64 - 1,) * 4)], 24), "has shape [18446744073709551615, 184467"),
    ("a hole before", file([], [tensor("a", (2, 3), 0, 32)], 56), "begins 32 bytes after the begin of the data; the"),
    ("a hole", two(ONE, tensor("b", (1,), 0, 64), 68), "'b' begins 40 bytes after the end of tensor 'a'; the format"),
    ("overlap", two(tensor("a", (9,)), tensor("b", (1,), 0, 32), 36), "'b' overlaps the 4 bytes before the end of"),
    ("the same bytes", two(ONE, tensor("b", (1,)), 24), "tensor 'a' overlaps the 4 bytes before the end of tensor 'b'"),
    ("rest", file([], [ONE], 33), "the file goes on for 9 bytes after the end of tensor 'a'; the data end with"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "fragment"), [case[1:] for case in MALFORMED], ids=[case[0] for case in MALFORMED]
)
def test_a_malformed_file_is_refused_by_name(tmp_path: Path, content: bytes, fragment: str) -> None:
    with pytest.raises(MalformedCheckpoint) as caught:
        read(tmp_path, content)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'model.gguf'}: ")
    assert fragment in message
    assert "\n" not in message and message.isprintable()
    assert len(message) < len(str(tmp_path)) + 500


def test_each_case_has_a_name_of_its_own() -> None:
    assert len({case[0] for case in MALFORMED}) == len(MALFORMED) >= 50


def test_a_file_that_shrinks_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = file([ARCHITECTURE], [ONE], 24)
    path = tmp_path / "model.gguf"
    path.write_bytes(whole)
    size = path.stat()
    path.write_bytes(whole[:30])
    monkeypatch.setattr("weightfit.weights.gguf.os.fstat", lambda number: size)
    with pytest.raises(MalformedCheckpoint, match="the file shrank while its header was read"):
        read_header(path)


def test_a_missing_file_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="absent"):
        read_header(tmp_path / "absent")


# Time and memory.


def measured(path: Path) -> tuple[Header | WeightfitError, float, int]:
    """Read a header; return what came of it, the CPU seconds and the largest memory in bytes."""
    tracemalloc.start()
    begin = time.process_time()
    try:
        result: Header | WeightfitError = read_header(path)
    except WeightfitError as refusal:
        result = refusal
    seconds, peak = time.process_time() - begin, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return result, seconds, peak


def with_vocabulary(tokens: int) -> bytes:
    texts = b"".join(text(b"x" * (place % 12)) for place in range(tokens))
    keys = [
        key("tokenizer.ggml.tokens", by_hand.ARRAY, array(by_hand.TEXT, tokens, texts)),
        key("tokenizer.ggml.scores", by_hand.ARRAY, array(6, tokens, bytes(4 * tokens))),
    ]
    return file([*keys, ARCHITECTURE], [ONE], 24)


def test_a_vocabulary_takes_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BUFFER_BYTES", 1 << 14)
    path = tmp_path / "model.gguf"
    path.write_bytes(with_vocabulary(20_000))
    header, _, peak = measured(path)
    assert isinstance(header, Header) and header.metadata == {"general.architecture": "llama"}
    assert header.length > 300_000 and peak < 100_000


def test_a_vocabulary_takes_little_time(tmp_path: Path) -> None:
    """The gguf package takes ten seconds for one of this size."""
    content = with_vocabulary(262_144)
    begin = time.process_time()
    read(tmp_path, content)
    assert time.process_time() - begin < 1


@pytest.mark.parametrize(
    ("start", "counts", "words"),
    [
        (
            key("a", by_hand.ARRAY, array(by_hand.TEXT, 1 << 32, b"")),
            (1, 2),
            "or later, the limit of a header is",
        ),
        (key("a", by_hand.ARRAY, array(by_hand.TEXT, 1 << 15, b"")), (1, 2), "the name of key 1 is ''"),
        (key("a", by_hand.ARRAY, array(by_hand.ARRAY, 1 << 14, b"")), (1, 2), "the name of key 1 is ''"),
        (key("a", by_hand.ARRAY, array(12, 1 << 32, b"")), (1, 2), "or later, the limit of a header is"),
        (key("a", by_hand.TEXT, struct.pack("<Q", 1 << 32)), (1, 2), "or later, the limit of a header is"),
        (tensor("a", (1 << 36, 1)), (1, 0), "so ends at byte 274877907040, but the file has 68719476736"),
    ],
    ids=("texts", "empty texts", "empty arrays", "numbers", "a text", "a tensor"),
)
def test_a_large_file_of_zeros_does_not_take_long(
    tmp_path: Path, start: bytes, counts: tuple[int, int], words: str
) -> None:
    """Its size allows any count, so that only the limits bound the work."""
    path = tmp_path / "model.gguf"
    with path.open("wb") as stream:
        stream.write(file([], [start], 0, counts=counts))
        stream.truncate(1 << 36)
    refusal, seconds, peak = measured(path)
    assert isinstance(refusal, MalformedCheckpoint) and words in str(refusal)
    assert seconds < 3 and peak < 3 * reading.BUFFER_BYTES


# Counting.


def whole(rows: int) -> tuple[Piece, ...]:
    return (Piece(0, "q", 0, rows, rows),)


def counted(path: Path, layout: Plan) -> dict[str, Histogram | NonFiniteWeight]:
    return {component: made for _, component, made in Scan(formats.read_header(path), layout)}


def require_equal(found: object, values: np.ndarray, dtype: str) -> None:
    assert isinstance(found, Histogram)
    expected = histogram_of(values)
    assert found.dtype == dtype
    assert (found.n, found.exactness, found.sum, found.sum_of_squares, found.minimum, found.maximum) == (
        expected.n,
        expected.exactness,
        expected.sum,
        expected.sum_of_squares,
        expected.minimum,
        expected.maximum,
    )
    np.testing.assert_array_equal(found.value, expected.value)
    np.testing.assert_array_equal(found.count, expected.count)


@pytest.fixture(params=[(1 << 18, 1 << 24), (512, 4096), (1, 1 << 24)], ids=str)
def slices(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Values that are decoded, and bytes that are read, at once."""
    monkeypatch.setattr(scanning, "DECODED_VALUES", request.param[0])
    monkeypatch.setattr(scanning, "BUFFER_BYTES", request.param[1])
    return None


@pytest.mark.parametrize("name", NAMES)
def test_each_type_is_counted_in_any_slices(tmp_path: Path, slices: None, name: str) -> None:
    data = by_hand.matrix(name, 30, 256)
    path = tmp_path / "model.gguf"
    before = np.arange(7, dtype=np.float32)
    by_hand.write(path, {"before": ("F32", before), "a": (name, data), "after": ("F32", before)})
    values = by_hand.values(name, data)
    pieces = tuple(Piece(0, part, 2 * place, 2, 6) for place, part in enumerate("qkv"))
    found = counted(path, Plan("test", {"a": whole(30)}, {}))
    require_equal(found["q"], values, name)
    found = counted(path, Plan("test", {"a": pieces}, {}))
    for place, part in enumerate("qkv"):
        require_equal(found[part], values.reshape(5, 3, 2, 256)[:, place], name)


@pytest.mark.parametrize("name", WRITTEN)
def test_weights_that_the_package_quantised(tmp_path: Path, name: str) -> None:
    weights = np.random.default_rng(5).standard_normal((64, 96), dtype=np.float32) * np.float32(0.02)
    data = quantize(weights, GGMLQuantizationType[name])
    path = tmp_path / "model.gguf"
    by_hand.write(path, {"a": (name, data)})
    values = by_hand.values(name, data)
    assert 0 < np.abs(values - weights).max() < 0.02
    require_equal(counted(path, Plan("test", {"a": whole(64)}, {}))["q"], values, name)


@pytest.mark.parametrize("name", PLAIN)
def test_weights_that_are_not_quantised(tmp_path: Path, name: str) -> None:
    weights = np.random.default_rng(5).standard_normal((64, 96)).astype(PLAIN[name])
    path = tmp_path / "model.gguf"
    by_hand.write(path, {"a": (name, weights.view(np.uint8) if name == "BF16" else weights)})
    found = counted(path, Plan("test", {"a": whole(64)}, {}))["q"]
    assert isinstance(found, Histogram) and found.dtype == name
    value, count = np.unique(weights.astype(np.float32), return_counts=True)
    np.testing.assert_array_equal(found.value, value)
    np.testing.assert_array_equal(found.count, count)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "NVFP4"])  # whose scales are all finite
def test_a_scale_that_is_not_finite_is_refused_by_name(tmp_path: Path, name: str) -> None:
    """Without a warning, which would be an error here."""
    block_values = ENCODINGS[name].block_values
    data = by_hand.matrix(name, 8, block_values)
    data[5] = by_hand.blocks(name, 1, finite=False)
    path = tmp_path / "model.gguf"
    by_hand.write(path, {"a": (name, data), "b": (name, data[:5])})
    found = counted(path, Plan("test", {"a": whole(8), "b": (Piece(0, "k", 0, 5, 5),)}, {}))
    bad = int((~np.isfinite(by_hand.values(name, data))).sum())
    assert bad and isinstance(found["q"], NonFiniteWeight)
    assert f"model.gguf: tensor 'a': {bad} of {8 * block_values} weights are infinite" in str(found["q"])
    require_equal(found["k"], by_hand.values(name, data[:5]), name)


# Names.

SIZES = {"hidden": 512, "inner": 768, "query": 512, "key": 256}
SHAPES = {
    "attn_q": ("query", "hidden"),
    "attn_k": ("key", "hidden"),
    "attn_v": ("key", "hidden"),
    "attn_output": ("hidden", "query"),
    "ffn_gate": ("inner", "hidden"),
    "ffn_up": ("inner", "hidden"),
    "ffn_down": ("hidden", "inner"),
}
COMPONENTS = dict(zip(SHAPES, ("q", "k", "v", "o", "gate", "up", "down"), strict=True))


def model(blocks: int = 11, dtype: str = "Q4_1", **others: tuple[str, tuple[int, ...]]) -> list[Tensor]:
    """The tensors of a model; further ones are named with underscores for dots."""
    names = {
        f"blk.{block}.{name}.weight": (dtype, tuple(SIZES[extent] for extent in extents))
        for block in range(blocks)
        for name, extents in SHAPES.items()
    }
    names |= others
    return [
        Tensor(name, dtype, shape, 100 * place, 100 * place + 100)
        for place, (name, (dtype, shape)) in enumerate(names.items())
    ]


def test_a_model_from_its_file_to_its_histograms(tmp_path: Path) -> None:
    """The content decides about the format, not the name."""
    types = dict(zip(SHAPES, ("Q5_0", "Q5_0", "Q8_0", "Q4_K", "Q5_0", "F16", "Q6_K"), strict=True))
    random = np.random.default_rng(4)
    tensors = {
        "token_embd.weight": ("F64", np.full((9, 512), np.nan)),
        "blk.0.attn_norm.weight": ("F32", np.ones(512, np.float32)),
    }
    expected = {}
    for name, extents in SHAPES.items():
        rows, columns = (SIZES[extent] for extent in extents)
        if types[name] == "F16":
            data = expected[name] = random.standard_normal((rows, columns)).astype(np.float16)
        else:
            few = by_hand.blocks(types[name], 50)
            number = rows * columns // ENCODINGS[types[name]].block_values
            data = few[random.integers(0, 50, number)].reshape(rows, -1)
            expected[name] = by_hand.values(types[name], data)
        tensors[f"blk.0.{name}.weight"] = types[name], data
    path = tmp_path / "model.safetensors"
    by_hand.write(path, tensors)
    layout = plan([formats.read_header(path)], None)
    assert layout.left_out == {"token_embd.weight": "embedding", "blk.0.attn_norm.weight": "norm"}
    found = counted(path, layout)
    assert len(found) == len(SHAPES)
    for name, component in COMPONENTS.items():
        require_equal(found[component], expected[name], types[name])


def header_of(tensors: list[Tensor], **config: object) -> Header:
    return Header(Path("folder/model.gguf"), 0, tuple(tensors), {}, config)


def test_blocks_are_found_in_the_names() -> None:
    found = plan([header_of(model(), num_hidden_layers=11, num_attention_heads=4, head_dim=128)], None)
    assert found.family == "gguf" and len(found.pieces) == 77
    for name, (piece,) in found.pieces.items():
        _, block, kind, _ = name.split(".")
        assert (piece.block, piece.component) == (int(block), COMPONENTS[kind])
        assert (piece.start, piece.length, piece.period) == (0, piece.period, SIZES[SHAPES[kind][0]])


# Blocks of models with experts have routers; the rotary frequencies of each block are of old files.
OF_OTHER_MODELS = {"blk.{bid}.ffn_gate_inp", "blk.{bid}.attn_rot_embd"}


@pytest.mark.parametrize("architecture", ["LLAMA", "MISTRAL3", "GEMMA", "GEMMA2", "GEMMA3", "QWEN2", "QWEN3"])
def test_the_names_of_an_architecture_are_known(architecture: str) -> None:
    table = TABLES["gguf"]
    names = {TENSOR_NAMES[one] for one in MODEL_TENSORS[MODEL_ARCH[architecture]]}
    assert len(names) > 10
    for name in names - OF_OTHER_MODELS:
        template = f"{name.replace('{bid}', '{i}')}.weight"
        assert template in table or template in table.refused, template
        assert not (template in table.refused and "exps" not in template)


def test_every_name_is_one_of_the_package() -> None:
    table = TABLES["gguf"]
    for template in (*table.counted, *table.left_out, *table.refused):
        stem, _, ending = template.rpartition(".")
        assert ending in ("weight", "bias")
        assert stem.replace("{i}", "{bid}") in TENSOR_NAMES.values()


@pytest.mark.parametrize(
    ("name", "shape", "words"),
    [
        (
            "blk.0.attn_qkv.weight",
            (128, 64),
            "holds queries, keys and values together, and the file does not say how",
        ),
        ("blk.0.attn_qkv.bias", (128,), "holds queries, keys and values together"),
        (
            "blk.0.ffn_gate_exps.weight",
            (8, 96, 64),
            "holds the matrices of all experts together, which are not",
        ),
        ("blk.0.ffn_down_exps.weight", (8, 64, 96), "holds the matrices of all experts together"),
        ("blk.0.ffn_gate_inp.weight", (8, 64), "is no name of gguf, the family of the others"),
        ("blk.0.attn_q.scale", (1,), "is no name of gguf"),
        ("blk.0.0.attn_q.weight", (64, 64), "is no name of gguf"),
        ("model.layers.0.mlp.up_proj.weight", (96, 64), "is no name of gguf"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(name: str, shape: tuple[int, ...], words: str) -> None:
    tensors = model(1) + [Tensor("position_embd.weight", "F32", (9, 64), 0, 0)] * (
        "qkv" in name or "exps" in name
    )
    with pytest.raises(UnknownTensor) as caught:
        plan([header_of([*tensors, Tensor(name, "F16", shape, 0, 0)])], None)
    assert f"folder/model.gguf: tensor {name!r} {words}" in str(caught.value)
    assert "declare its names" in str(caught.value)


def test_types_without_values_may_be_left_out_but_not_counted() -> None:
    others = {
        "token_embd.weight": ("I8", (99, 64)),
        "rope_freqs.weight": ("F64", (8,)),
        "output.weight": ("Q8_K", (99, 256)),
    }
    assert len(plan([header_of(model(1, **others))], None).left_out) == 3
    for dtype in ("I8", "I32", "F64", "Q8_1", "Q8_K", "Q1_0"):
        (first, *rest) = model(1)
        wrong = Tensor(first.name, dtype, first.shape, 0, 0)
        with pytest.raises(
            MalformedCheckpoint, match=rf"'blk\.0\.attn_q\.weight' has dtype {dtype}, weights are"
        ):
            plan([header_of([wrong, *rest])], None)
        with pytest.raises(MalformedCheckpoint, match="use a checkpoint that is not quantized otherwise"):
            require_countable(Path("model.gguf"), wrong)


@pytest.mark.parametrize(
    ("config", "error", "words"),
    [
        ({"num_hidden_layers": 12}, IncompleteCheckpoint, "q of block 11 is missing (gguf)"),
        (
            {"num_hidden_layers": 10},
            ContradictoryCheckpoint,
            "belongs to none of the 10 blocks that the header",
        ),
        (
            {"hidden_size": 96},
            IncompleteCheckpoint,
            "the hidden width would be 512, but by the header it is 96",
        ),
        (
            {"num_hidden_layers": 0},
            MalformedCheckpoint,
            "the header has num_hidden_layers 0, it must be a positive",
        ),
        ({"head_dim": 1.5}, MalformedCheckpoint, "the header has head_dim 1.5"),
        (
            {"num_attention_heads": 3, "hidden_size": 512},
            ContradictoryCheckpoint,
            "the header has hidden_size 512,",
        ),
        (
            {"num_attention_heads": 3, "num_key_value_heads": 2},
            ContradictoryCheckpoint,
            "the header has 3 heads,",
        ),
    ],
)
def test_the_header_and_the_tensors_must_agree(
    config: dict[str, object], error: type[WeightfitError], words: str
) -> None:
    with pytest.raises(error) as caught:
        plan([header_of(model(), **config)], None)
    assert str(caught.value).startswith("folder/model.gguf: ") and words in str(caught.value)
    assert (
        len(plan([header_of(model(), **config)], {"num_hidden_layers": 11}).pieces) == 77
    )  # config.json decides


# Damage.

EXTREMES = (
    0,
    1,
    2,
    1 << 15,
    (1 << 31) - 1,
    1 << 31,
    (1 << 32) - 1,
    1 << 40,
    (1 << 63) - 1,
    1 << 63,
    (1 << 64) - 1,
)


def fields(path: Path) -> list[tuple[int, int]]:
    """Return offset and width of each number in a header that is a count, a length, a type, an extent or an offset."""
    reader = GGUFReader(path)
    found = [(4, 4), (8, 8), (16, 8)]
    for one in [*list(reader.fields.values())[3:], *(held.field for held in reader.tensors)]:
        place = one.offset
        for part in one.parts:
            if part.dtype.itemsize > 1:
                found += [(place + index * part.itemsize, part.itemsize) for index in range(part.size)]
            place += part.nbytes
    return found


def damaged(whole: bytes, numbers: list[tuple[int, int]], end: int, random: np.random.Generator) -> bytes:
    """Return the file with one to three damages, most of them in its header."""
    data = bytearray(whole)
    for _ in range(random.integers(1, 4)):
        place = int(random.integers(0, end if random.random() < 0.9 else len(whole)))
        kind = random.integers(0, 5)
        if kind == 0:
            data[place : place + 1] = (
                bytes([data[place] ^ (1 << random.integers(0, 8))]) if place < len(data) else b""
            )
        elif kind == 1:
            del data[place:]
        elif kind == 2:
            data[place:place] = random.bytes(int(random.integers(1, 40)))
        elif kind == 3:
            del data[place : place + int(random.integers(1, 40))]
        else:
            offset, width = numbers[random.integers(0, len(numbers))]
            value = EXTREMES[random.integers(0, len(EXTREMES))] + int(random.integers(-1, 2)) * (
                random.random() < 0.5
            )
            data[offset : offset + width] = (value % (1 << 8 * width)).to_bytes(width, "little")
    return bytes(data)


def test_a_damaged_file_is_refused_by_name_or_read_right(tmp_path: Path) -> None:
    sound = tmp_path / "sound.gguf"
    tensors = example()
    by_hand.write(sound, {name: tensors[f"{name}.weight"] for name in ("Q4_1", "F32", "Q6_K", "BF16")}, 32)
    whole, numbers, end = sound.read_bytes(), fields(sound), read_header(sound).length
    assert len(numbers) > 100
    random = np.random.default_rng(20260101)
    path = tmp_path / "model.gguf"
    refused = right = 0
    for _ in range(MUTATIONS):
        path.unlink(missing_ok=True)  # to write over a young file waits for the disk
        path.write_bytes(damaged(whole, numbers, end, random))
        result, seconds, peak = measured(path)
        assert seconds < 1 and peak < 3 * reading.BUFFER_BYTES
        if isinstance(result, WeightfitError):
            assert isinstance(result, MalformedCheckpoint)
            message = str(result)
            assert message.startswith(f"{path}: ") and message.isprintable() and len(message) < 1000
            refused += 1
        else:
            assert (as_tuples(result), result.length) == described(path)
            right += 1
    assert refused > MUTATIONS // 2 and right > MUTATIONS // 50
