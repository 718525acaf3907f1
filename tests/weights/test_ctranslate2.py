"""CTranslate2 models: what the library wrote is read, and every way of breaking the format is named.

The library is not installed for the tests. `ctranslate2-4.8.5.bin` is a small Whisper with random weights that
`ctranslate2.specs.WhisperSpec` of CTranslate2 4.8.5 wrote (`optimize` and `save`; encoder of one block in float32,
decoder of two in float16). Its q, k and v, and its k and v of cross attention, were put together by
`ctranslate2.converters.utils.fuse_linear`. `ctranslate2-4.8.5.tsv` has the sha256 of each matrix as it was given to the
library. All other files are written by hand.
"""

import csv
import hashlib
import math
import struct
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import ctranslate2_file as by_hand
import ml_dtypes
import numpy as np
import pytest
from ctranslate2_file import entry, listed, name, start, variable
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from pytorch_file import checkpoint as pytorch_checkpoint

from weightfit.counts.histogram import histogram_of
from weightfit.counts.scan import Scan
from weightfit.errors import MalformedCheckpoint
from weightfit.weights import ctranslate2, formats
from weightfit.weights.ctranslate2 import DTYPES, HEADER_LIMIT, read_header, recognises
from weightfit.weights.decoding import require_countable
from weightfit.weights.header import Header, Tensor
from weightfit.weights.plan import plan
from weightfit.weights.safetensors import FOREIGN

LIBRARY = Path(__file__).with_name("ctranslate2-4.8.5.bin")
TIED = {"decoder/projection/weight": "decoder/embeddings/weight"}
KINDS = dict(zip(DTYPES, by_hand.NUMBERS, strict=True))

MUTATIONS = 1_000
"""Number of mutations that are tried; 10,000 take ten times as long."""


def values(header: Header, tensor: Tensor) -> np.ndarray:
    data = header.path.read_bytes()[tensor.begin : tensor.end]
    return np.frombuffer(data, KINDS[tensor.dtype]).reshape(tensor.shape)


def read(folder: Path, data: bytes) -> Header:
    (folder / "model.bin").write_bytes(data)
    return read_header(folder / "model.bin")


# What the library wrote.


@pytest.mark.parametrize(("stack", "blocks"), [("encoder", 1), ("decoder", 2)])
def test_the_matrices_of_a_file_are_those_that_the_library_was_given(stack: str, blocks: int) -> None:
    with LIBRARY.with_suffix(".tsv").open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream, delimiter="\t") if row["stack"] == stack]
    header = read_header(LIBRARY)
    layout = plan([header], None, stack=stack)
    found = {}
    for tensor in header.tensors:
        for piece in layout.pieces.get(tensor.name, ()):
            matrix = values(header, tensor)[piece.start : piece.start + piece.length]
            found[piece.block, piece.component] = (
                matrix.dtype.name,
                matrix.shape,
                hashlib.sha256(matrix.tobytes()).hexdigest(),
            )
    assert len(found) == len(rows) == blocks * (6 if stack == "encoder" else 10)
    for row in rows:
        shape = int(row["rows"]), int(row["columns"])
        assert found[int(row["block"]), row["component"]] == (row["dtype"], shape, row["sha256"])


def test_the_library_writes_byte_for_byte_what_is_written_by_hand() -> None:
    header = read_header(LIBRARY)
    arrays = {tensor.name: values(header, tensor) for tensor in header.tensors if tensor.name not in TIED}
    assert by_hand.model(arrays, TIED) == LIBRARY.read_bytes()
    assert len(arrays) == 74
    assert arrays["encoder/num_heads"] == 2 and arrays["encoder/num_heads"].dtype == np.int16
    assert arrays["decoder/activation"] == 3 and arrays["decoder/activation"].dtype == np.int8


def test_an_alias_is_a_tensor_that_shares_the_bytes_of_its_variable() -> None:
    found = {tensor.name: tensor for tensor in read_header(LIBRARY).tensors}
    for alias, of in TIED.items():
        assert found[alias] == Tensor(alias, "F16", (5, 8), found[of].begin, found[of].end)


def test_header_in_full(tmp_path: Path) -> None:
    arrays = {"b": np.arange(6, dtype=np.float16).reshape(2, 3), "a": np.array(1, np.int16)}
    data = by_hand.model(arrays, {"c": "b"})
    first = len(start()) + 4 + len(name("a")) + 1 + 1 + 4
    second = first + 2 + len(name("b")) + 1 + 8 + 1 + 4
    assert read(tmp_path, data) == Header(
        tmp_path / "model.bin",
        first,
        (
            Tensor("a", "I16", (), first, first + 2),
            Tensor("b", "F16", (2, 3), second, second + 12),
            Tensor("c", "F16", (2, 3), second, second + 12),
        ),
        {},
    )


@given(
    st.dictionaries(
        st.text("abc/_0", min_size=1, max_size=8),
        st.sampled_from(list(by_hand.NUMBERS)).flatmap(
            lambda kind: arrays_of.arrays(
                kind,
                arrays_of.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
                elements=st.integers(0, 9),
            )
        ),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from([4, 5, 6]),
)
@settings(max_examples=60)
def test_any_arrays(
    tmp_path_factory: pytest.TempPathFactory, arrays: dict[str, np.ndarray], version: int
) -> None:
    aliases = {f"{text}/alias": text for text in arrays}
    header = read(tmp_path_factory.mktemp("any"), by_hand.model(arrays, aliases, version))
    expected = arrays | {alias: arrays[of] for alias, of in aliases.items()}
    assert {tensor.name for tensor in header.tensors} == expected.keys()
    begins = [tensor.begin for tensor in header.tensors]
    assert begins == sorted(begins) and header.length == begins[0]
    for tensor in header.tensors:
        found = values(header, tensor)
        assert found.dtype == expected[tensor.name].dtype
        np.testing.assert_array_equal(found, expected[tensor.name])


@pytest.mark.parametrize("kind", [np.float32, np.float16, ml_dtypes.bfloat16])
def test_matrices_are_counted_in_every_dtype(tmp_path: Path, kind: type) -> None:
    random = np.random.default_rng(11)
    stacked = random.standard_normal((24, 8)).astype(kind)
    rest = {
        "self_attention/linear_1": (8, 8),
        "ffn/linear_0": (12, 8),
        "ffn/linear_1": (8, 12),
    }
    arrays = {
        f"encoder/layer_0/{text}/weight": random.standard_normal(s).astype(kind) for text, s in rest.items()
    }
    arrays["encoder/layer_0/self_attention/linear_0/weight"] = stacked
    header = read(tmp_path, by_hand.model(arrays | {"encoder/num_heads": np.array(2, np.int16)}))
    scan = Scan(header, plan([header], None, stack="encoder"))
    found = {component: histogram for _, component, histogram in scan}
    for component, part in zip("qkv", np.split(stacked, 3), strict=True):
        expected = histogram_of(part.astype(np.float32))
        np.testing.assert_array_equal(found[component].value, expected.value)
        np.testing.assert_array_equal(found[component].count, expected.count)
    assert scan.sha256 == hashlib.sha256(header.path.read_bytes()).hexdigest()


# What is refused.


@pytest.mark.parametrize(("kind", "dtype"), [(np.int8, "I8"), (np.int16, "I16"), (np.int32, "I32")])
def test_quantised_matrices_are_refused_by_name(tmp_path: Path, kind: type, dtype: str) -> None:
    """The names are those of files that the library wrote in int8 and in int16, with the scale of each matrix."""
    weights = "encoder/layer_0/ffn/linear_0/weight"
    arrays = {weights: np.ones((4, 2), kind), f"{weights}_scale": np.ones(4, np.float32)}
    header = read(tmp_path, by_hand.model(arrays))
    words = f"tensor '{weights}' has dtype {dtype}, weights are counted in F16, BF16, F32"
    with pytest.raises(MalformedCheckpoint, match=words):
        plan([header], None, stack="encoder")
    (tensor,) = (tensor for tensor in header.tensors if tensor.name == weights)
    with pytest.raises(MalformedCheckpoint, match=words):
        require_countable(header.path, tensor)


WEIGHT = variable("a", np.arange(6, dtype=np.float16).reshape(2, 3))
NONE = listed([])
GOOD = start() + listed([WEIGHT]) + NONE


def of(*variables: bytes) -> bytes:
    return start() + listed(list(variables)) + NONE


FORMS = [
    ("empty", b"", "the file ends at byte 0, within the version; it is truncated: fetch it again"),
    ("half a version", b"\6\0", "the file ends at byte 2, within the version"),
    ("only a version", struct.pack("<I", 6), "the file ends at byte 4, within the name of the specification"),
    ("version 3", start(3) + listed([WEIGHT]) + NONE, "has version 3 of the format of CTranslate2, versions 4 to 6"),
    ("version 7", start(7) + listed([WEIGHT]) + NONE, "versions 4 to 6 are read: convert the model again with CTransl"),
    ("version 2^32 - 1", b"\xff" * 40, "has version 4294967295 of the format"),
    ("a specification without end", struct.pack("<IH", 6, 3) + b"abc" + bytes(20), "the name of the specification is"),
    ("no revision", start()[:-4], "within the revision of the specification"),
    ("no number of variables", start(), "within the number of variables"),
    # counts
    ("no variables", start() + NONE + NONE, "the file lists no variables: convert the model again"),
    ("2^32 - 1 variables", start() + b"\xff" * 4 + WEIGHT + NONE, "says that 4294967295 variables follow, but has"),
    ("variables more", start() + struct.pack("<I", 4) + WEIGHT + NONE, "4 variables follow, but has only"),
    ("a variable that is none", start() + struct.pack("<I", 2) + WEIGHT + NONE, "the name of variable 1 is b''"),
    ("one variable less", start() + struct.pack("<I", 1) + WEIGHT + WEIGHT + NONE, "aliases follow, but has only"),
    ("2^32 - 1 aliases", start() + listed([WEIGHT]) + b"\xff" * 4, "4294967295 aliases follow, but has only 0 more"),
    ("no aliases", start() + listed([WEIGHT]), "within the number of aliases"),
    # names
    ("a name of 65,535", of(b"\xff\xff" + bytes(8)), "within the name of variable 0"),
    ("an empty name", of(entry("", (), 1, b"1")), "the name of variable 0 is b'\\x00', it must be printable"),
    ("no name", of(struct.pack("<H", 0) + bytes(10)), "the name of variable 0 is b''"),
    ("a name without end", of(WEIGHT.replace(b"a\0", b"ab")), "the name of variable 0 is b'ab'"),
    ("a zero in a name", of(entry("a\0b", (), 1, b"1")), "the name of variable 0 is b'a\\x00b\\x00'"),
    ("a control character", of(entry("a\x1b[2J", (), 1, b"1")), "the name of variable 0 is b'a\\x1b[2J\\x00'"),
    ("a letter beyond ASCII", of(struct.pack("<H", 3) + b"\xc3\xa9\0" + bytes(9)), "the name of variable 0 is b'\\xc3"),
    ("a name twice", of(WEIGHT, WEIGHT), "tensor 'a' is there twice"),
    ("a long name", of(struct.pack("<H", 60_001) + b"x" * 60_001), "the name of variable 0 is b'xxxx"),
    # variables
    ("cut in a shape", (start() + listed([WEIGHT]))[: -12 - 6], "within tensor 'a'"),
    ("255 dimensions", of(name("a") + b"\xff" + bytes(9)), "within tensor 'a'"),
    ("255 great extents", of(entry("a", (2**32 - 1,) * 255, 0, b"")), "has shape [4294967295, 4294967295, 4294967"),
    ("dtype 6", of(entry("a", (2,), 6, bytes(4))), "tensor 'a' has dtype 6, the format has 0 to 5"),
    ("dtype 255", of(entry("a", (2,), 255, bytes(4))), "tensor 'a' has dtype 255"),
    ("bytes for another dtype", of(entry("a", (2, 3), 4, bytes(24))), "has shape [2, 3] in F16 and so 12 bytes, but"),
    ("a byte too few", of(entry("a", (2, 3), 4, bytes(11))), "12 bytes, but the file says 11: fetch it again"),
    ("a scalar without value", of(entry("a", (), 0, b"")), "has shape [] in F32 and so 4 bytes, but the file says 0"),
    ("bytes of an empty tensor", of(entry("a", (0, 3), 0, bytes(4))), "in F32 and so 0 bytes, but the file says 4"),
    ("cut in the values", (start() + listed([WEIGHT]))[:-1], "within the values of tensor 'a'; it is truncated"),
    ("values beyond the end", of(entry("a", (2**31,), 1, b"", 2**31)), "within the values of tensor 'a'"),
    # aliases
    ("an alias of nothing", start() + listed([WEIGHT]) + listed([name("b") + name("c")]),
     "tensor 'b' is an alias of 'c', which is no variable of the file"),
    ("an alias of an alias", start() + listed([WEIGHT]) + listed([name("b") + name("a"), name("c") + name("b")]),
     "tensor 'c' is an alias of 'b', which is no variable"),
    ("an alias of itself", start() + listed([WEIGHT]) + listed([name("b") + name("b")]), "'b' is an alias of 'b'"),
    ("an alias of a variable's name", start() + listed([WEIGHT]) + listed([name("a") * 2]), "'a' is there twice"),
    ("an alias twice", start() + listed([WEIGHT]) + listed([name("b") + name("a")] * 2), "tensor 'b' is there twice"),
    ("an alias without name", start() + listed([WEIGHT]) + listed([bytes(8)]), "the name of alias 0 is b''"),
    ("a variable of an alias without end", start() + listed([WEIGHT]) + listed([name("b") + b"\2\0ab"]),
     "the name of the variable of alias 0 is b'ab'"),
    # the end
    ("a byte more", GOOD + b"\0", "the file goes on for 1 bytes after its aliases: fetch it again"),
    ("twice", GOOD + GOOD, f"the file goes on for {len(GOOD)} bytes after its aliases"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "words"), [case[1:] for case in FORMS], ids=[case[0] for case in FORMS])
def test_a_file_of_another_form(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(MalformedCheckpoint) as refusal:
        read(tmp_path, data)
    message = str(refusal.value)
    assert words in message and message.startswith(f"{tmp_path / 'model.bin'}: "), message
    assert len(message.splitlines()) == 1 and len(message) < 1000


def test_every_truncation_is_told(tmp_path: Path) -> None:
    assert [tensor.name for tensor in read(tmp_path, GOOD).tensors] == ["a"]
    for length in range(len(GOOD)):
        with pytest.raises(MalformedCheckpoint, match=r"is truncated|but has only"):
            read(tmp_path, GOOD[:length])


def test_names_and_shapes_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = len(GOOD) - 12
    monkeypatch.setattr(ctranslate2, "HEADER_LIMIT", told)
    read(tmp_path, GOOD)
    monkeypatch.setattr(ctranslate2, "HEADER_LIMIT", told - 1)
    with pytest.raises(
        MalformedCheckpoint, match=f"take more than {told - 1} bytes up to the number of aliases"
    ):
        read(tmp_path, GOOD)


def test_the_longest_header_takes_seconds(tmp_path: Path) -> None:
    """As many variables as may be named: each is a scalar of one byte."""
    number = HEADER_LIMIT // 15
    data = start() + listed([entry(f"{place:06x}", (), 1, b"1") for place in range(number)]) + NONE
    begin = time.process_time()
    with pytest.raises(MalformedCheckpoint, match=f"take more than {HEADER_LIMIT} bytes up to"):
        read(tmp_path, data)
    assert time.process_time() - begin < 30


def test_a_file_that_shrinks_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weightfit.weights.ctranslate2.os.fstat", lambda _: SimpleNamespace(st_size=999))
    with pytest.raises(
        MalformedCheckpoint, match="the file shrank while its header was read: fetch it again"
    ):
        read(tmp_path, GOOD[:-1])


# Damage of every kind. Another reader, which looks at all bytes at once, says what is right.

VARIED = by_hand.model(
    {
        "encoder/layer_0/a": np.arange(6, dtype=np.float16).reshape(2, 3),
        "encoder/layer_0/b": np.arange(4, dtype=np.float32),
        "empty": np.ones((0, 3), ml_dtypes.bfloat16),
        "number": np.array(7, np.int16),
        "list": np.arange(3, dtype=np.int32),
        "text": np.frombuffer(b"abc", np.int8),
    },
    {"encoder/layer_1/a": "encoder/layer_0/a", "x": "number"},
)


class Unreadable(Exception):
    pass


def by_definition(data: bytes) -> list[Tensor]:
    """Read all tensors of a file, variables first, or raise `Unreadable`."""
    place = 0

    def take(form: str) -> tuple:
        nonlocal place
        size = struct.calcsize(form)
        if place + size > len(data):
            raise Unreadable
        found = struct.unpack_from(form, data, place)
        place += size
        return found

    def text() -> str:
        (length,) = take("<H")
        (raw,) = take(f"{length}s")
        if length < 2 or not all(32 <= byte < 127 for byte in raw[:-1]) or raw[-1]:
            raise Unreadable
        return raw[:-1].decode()

    found: dict[str, Tensor] = {}
    (version,) = take("<I")
    if version not in (4, 5, 6):
        raise Unreadable
    text()
    (_, number) = take("<II")
    for _ in range(number):
        label, (rank,) = text(), take("<B")
        shape, (kind, size) = take(f"<{rank}I"), take("<BI")
        if label in found or kind > 5 or size != math.prod(shape) * (4, 1, 2, 4, 2, 2)[kind]:
            raise Unreadable
        begin = place
        take(f"{size}s")
        found[label] = Tensor(label, ("F32", "I8", "I16", "I32", "F16", "BF16")[kind], shape, begin, place)
    known = dict(found)
    (number,) = take("<I")
    for _ in range(number):
        label, variable_of = text(), text()
        if label in found or variable_of not in known:
            raise Unreadable
        one = known[variable_of]
        found[label] = Tensor(label, one.dtype, one.shape, one.begin, one.end)
    if place != len(data) or not found:
        raise Unreadable
    return list(found.values())


EXTREMES = [
    b"\xff" * 2,
    b"\xff" * 4,
    b"\0" * 4,
    b"\0\0\0\x80",
    b"\xff\xff\xff\x7f",
    b"\xff",
    b"\0\0",
    b"\x01\0\0\0",
]


def mutate(random: np.random.Generator, data: bytes) -> bytes:
    kind = random.integers(6)
    place = int(random.integers(len(data)))
    piece = random.bytes(int(random.integers(1, 5)))
    if kind == 0:  # one bit
        return data[:place] + bytes([data[place] ^ 1 << int(random.integers(8))]) + data[place + 1 :]
    if kind == 1:
        return data[:place]
    if kind == 2:
        return data[:place] + piece + data[place:]
    if kind == 3:
        return data[:place] + data[place + len(piece) :]
    if kind == 4:  # an extreme length or extent
        piece = EXTREMES[random.integers(len(EXTREMES))]
    return data[:place] + piece + data[place + len(piece) :]


def test_damage_is_named_or_the_header_is_right(tmp_path: Path) -> None:
    random = np.random.default_rng(29)
    path = tmp_path / "model.bin"
    bases = (VARIED, LIBRARY.read_bytes())
    outcomes = {"named": 0, "right": 0}
    for number in range(MUTATIONS):
        data = mutate(random, bases[number % 8 == 0])
        for _ in range(number % 3):
            data = mutate(random, data) if data else data
        path.write_bytes(data)
        with bounded(traced=number % 10 == 0):
            found = tensors_or_message(path)
        outcomes["named" if isinstance(found, str) else "right"] += 1
        if isinstance(found, str):
            assert found.startswith(f"{path}: ") and len(found.splitlines()) == 1 and len(found) < 1000
            with pytest.raises(Unreadable):
                by_definition(data)
        else:
            assert found == sorted(by_definition(data), key=lambda tensor: (tensor.begin, tensor.end))
    assert min(outcomes.values()) > MUTATIONS // 20, outcomes


def tensors_or_message(path: Path) -> list[Tensor] | str:
    try:
        return list(read_header(path).tensors)
    except MalformedCheckpoint as error:
        return str(error)


@contextmanager
def bounded(traced: bool) -> Iterator[None]:
    """Take less than a second and, where memory is traced, which is slow, less than a megabyte."""
    begin = time.process_time()
    if traced:
        tracemalloc.start()
    yield
    if traced:
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
        tracemalloc.stop()
    assert time.process_time() - begin < 1


# How a file is recognised.


def test_what_is_recognised() -> None:
    for data in (LIBRARY.read_bytes(), GOOD, start(4), start(99), start(1, "x")):
        assert recognises(data[: formats.START])
    for data in (
        b"",
        GOOD[:5],
        GOOD[:7],
        start(0),
        start(100),
        start(6, ""),
        start(6, "a\x1b"),
        start(6, "é"),
        start(6, "x" * formats.START),
        start(6).replace(b"\0", b"x"),
        struct.pack("<Q", 6) + b"{}    ",
        pytorch_checkpoint({"a": np.zeros(2, np.float32)}),
        *(magic + bytes(formats.START) for magic, _ in FOREIGN),
    ):
        assert not recognises(data[: formats.START]), data


def test_the_content_decides_and_not_the_name(tmp_path: Path) -> None:
    arrays = {"a": np.arange(6, dtype=np.float16).reshape(2, 3)}
    mixed = {"pytorch_model.bin": by_hand.model(arrays), "model.bin": pytorch_checkpoint(arrays)}
    for file, data in mixed.items():
        (tmp_path / file).write_bytes(data)
        (tensor,) = formats.read_header(tmp_path / file).tensors
        assert (tensor.name, tensor.dtype, tensor.shape) == ("a", "F16", (2, 3))
        assert data[tensor.begin : tensor.end] == arrays["a"].tobytes()
    for one in formats.FORMATS[:-1]:
        for data in mixed.values():
            told = [other for other in formats.FORMATS[:-1] if other.recognises(data[: formats.START])]
            assert len(told) == 1, one
