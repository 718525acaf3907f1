"""PyTorch's own form of checkpoints: what a file of PyTorch holds, and that no pickle does anything.

PyTorch is not installed for the tests: three files that PyTorch 2.13.0 and 2.14.1 wrote are kept, all others are
written by hand.
"""

import io
import os
import pickle
import struct
import time
import zipfile
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import pytorch_file as by_hand
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from weightfit.counts.histogram import histogram_of
from weightfit.errors import MalformedCheckpoint
from weightfit.weights import formats
from weightfit.weights.decoding import read_matrix
from weightfit.weights.header import Header, Tensor
from weightfit.weights.plan import plan
from weightfit.weights.pytorch import PICKLE_LIMIT, read_header
from weightfit.weights.tensor_pickle import read_tensors

DTYPES = {"F32": "<f4", "F16": "<f2", "BF16": ml_dtypes.bfloat16, "U8": "u1", "BOOL": "?", "I64": "<i8"}
DTYPES |= {"F8_E4M3": ml_dtypes.float8_e4m3fn, "F8_E5M2": ml_dtypes.float8_e5m2}
CERTIFIED = Path(__file__).parents[1] / "certified"

# The module of `certified/pytorch-2.13.0.bin`, which `torch.save(module.state_dict(), path)` wrote: values by rule.
MODULE = {
    "attention.weight": (np.arange(15).reshape(5, 3) / 16).astype(np.float16),
    "attention.bias": (-np.arange(5) / 4).astype(ml_dtypes.bfloat16),
    "attention.mask": np.tril(np.ones((3, 3), np.uint8)).reshape(1, 1, 3, 3),
    "attention.masked_bias": np.array(-np.inf, np.float16),
    "attention.flag": np.array([True, False]),
    "attention.ids": np.arange(3),
    "row": np.arange(4, 8, dtype=np.float32),  # a view into a longer storage
    "embed.weight": np.arange(8, dtype=np.float32).reshape(2, 4) + 0.5,
    "head.weight": np.arange(8, dtype=np.float32).reshape(2, 4) + 0.5,  # tied: the same bytes
}


def values(header: Header, tensor: Tensor) -> np.ndarray:
    with header.path.open("rb") as file:
        file.seek(tensor.begin)
        data = file.read(tensor.end - tensor.begin)
    return np.frombuffer(data, DTYPES[tensor.dtype]).reshape(tensor.shape)


def equal(header: Header, expected: dict[str, np.ndarray]) -> None:
    assert {tensor.name for tensor in header.tensors} == expected.keys()
    for tensor in header.tensors:
        found = values(header, tensor)
        assert found.dtype == expected[tensor.name].dtype
        if tensor.dtype.startswith("F8"):  # not all codes are numbers
            assert found.tobytes() == expected[tensor.name].tobytes()
        else:
            np.testing.assert_array_equal(found, expected[tensor.name])


def read(tmp_path: Path, data: bytes) -> Header:
    (tmp_path / "pytorch_model.bin").write_bytes(data)
    return read_header(tmp_path / "pytorch_model.bin")


def test_a_file_of_pytorch_itself() -> None:
    header = read_header(CERTIFIED / "pytorch-2.13.0.bin")
    equal(header, MODULE)
    begins = [tensor.begin for tensor in header.tensors]
    assert begins == sorted(begins) and header.length == begins[0] and header.metadata == {}
    tied = [tensor for tensor in header.tensors if tensor.name in ("embed.weight", "head.weight")]
    assert (tied[0].begin, tied[0].end) == (tied[1].begin, tied[1].end)


def test_the_state_of_a_training_of_pytorch_itself() -> None:
    """`torch.save` of a table: the state_dict of a DataParallel module beside AdamW's, a scheduler's and settings."""
    header = read_header(CERTIFIED / "pytorch-2.14.1-training.pt")
    equal(
        header,
        {
            "attention.weight": np.arange(15, dtype=np.float32).reshape(5, 3) / 16,
            "attention.bias": -np.arange(5, dtype=np.float32) / 4,
            "attention.ids": np.arange(3),
        },
    )
    assert b"module.attention.weight" in header.path.read_bytes()


def test_parameters_and_8_bits_of_pytorch_itself() -> None:
    """`torch.save` of a table with a Parameter, rows 4 to 7 of all codes of one dtype, and all codes of the other."""
    codes = np.arange(256, dtype=np.uint8).reshape(16, 16)
    header = read_header(CERTIFIED / "pytorch-2.14.1-parameters.pt")
    equal(
        header,
        {
            "attention.weight": np.arange(15, dtype=np.float32).reshape(5, 3) / 16,
            "float8.e4m3fn": codes[4:8].view(ml_dtypes.float8_e4m3fn),
            "float8.e5m2": codes.view(ml_dtypes.float8_e5m2),
        },
    )


def test_files_by_hand_have_the_layout_of_pytorchs(tmp_path: Path) -> None:
    header = read(tmp_path, by_hand.checkpoint(MODULE))
    equal(header, MODULE)
    assert all(tensor.begin % by_hand.ALIGNMENT == 0 for tensor in header.tensors)


@given(
    st.dictionaries(
        st.text("abc.0", min_size=1, max_size=5),
        arrays_of.arrays(
            st.sampled_from([np.float32, np.float16, np.uint8, np.int64]),
            arrays_of.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_any_arrays(tmp_path_factory: pytest.TempPathFactory, arrays: dict[str, np.ndarray]) -> None:
    equal(read(tmp_path_factory.mktemp("any"), by_hand.checkpoint(arrays)), arrays)


def test_an_archive_beyond_32_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a small limit the archive is written as one of more than 4 GiB: sizes and offsets in ZIP64 fields."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 10)
    data = by_hand.checkpoint(MODULE)
    monkeypatch.undo()
    assert b"PK\x06\x06" in data
    equal(read(tmp_path, data), MODULE)


def test_the_names_of_pythia_are_planned_and_counted(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    width, heads = 8, 2
    prefix = "gpt_neox.layers.0."
    matrices = {
        f"{prefix}attention.query_key_value.weight": (3 * width, width),
        f"{prefix}attention.dense.weight": (width, width),
        f"{prefix}mlp.dense_h_to_4h.weight": (4 * width, width),
        f"{prefix}mlp.dense_4h_to_h.weight": (width, 4 * width),
    }
    arrays = {name: random.standard_normal(shape).astype(np.float16) for name, shape in matrices.items()}
    buffers = {
        f"{prefix}attention.bias": np.tril(np.ones((1, 1, 4, 4), np.uint8)),
        f"{prefix}attention.masked_bias": np.array(-np.inf, np.float16),
        f"{prefix}attention.rotary_emb.inv_freq": np.ones(2, np.float16),
    }
    header = read(tmp_path, by_hand.checkpoint(buffers | arrays))
    layout = plan([header], {"architectures": ["GPTNeoXForCausalLM"], "num_attention_heads": heads})
    assert set(layout.pieces) == set(arrays)
    assert set(layout.left_out.values()) == {"buffer"}
    for tensor in header.tensors:
        if tensor.name in arrays:
            found, expected = histogram_of(values(header, tensor)), histogram_of(arrays[tensor.name])
            np.testing.assert_array_equal(found.value, expected.value)
            np.testing.assert_array_equal(found.count, expected.count)


# Files of another form.

WEIGHT = {"weight": np.arange(6, dtype=np.float16).reshape(2, 3)}
GOOD = by_hand.checkpoint(WEIGHT)


def members(**changed: bytes | None) -> dict[str, bytes]:
    """The members of a good archive, some of them changed; None leaves one out."""
    good = {
        "data.pkl": by_hand.described(WEIGHT),
        "byteorder": b"little",
        "data/0": WEIGHT["weight"].tobytes(),
    }
    names = {"pickle": "data.pkl", "order": "byteorder", "storage": "data/0"}
    both = good | {names.get(name, name): data for name, data in changed.items()}
    return {name: data for name, data in both.items() if data is not None}


def two_checkpoints() -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as file:
        for root in ("a", "b"):
            file.writestr(f"{root}/data.pkl", by_hand.described(WEIGHT))
    return whole.getvalue()


def twice() -> bytes:
    whole = io.BytesIO(GOOD)
    with zipfile.ZipFile(whole, "a") as file, pytest.warns(UserWarning, match="Duplicate name"):
        file.writestr("pytorch_model/data/0", b"again")
    return whole.getvalue()


def at_another_place() -> bytes:
    """The archive's list says that the storage is where another member is."""
    data = bytearray(GOOD)
    place = data.rindex(b"pytorch_model/data/0") - 46
    assert data[place : place + 4] == b"PK\x01\x02"
    data[place + 42 : place + 46] = struct.pack("<I", 0)
    return bytes(data)


def too_long(size: int | None = None) -> bytes:
    """The archive's list says that the storage is as long as this, or as all from its header to the list."""
    data = bytearray(GOOD)
    place = data.rindex(b"pytorch_model/data/0") - 46
    (begin,) = struct.unpack("<I", data[place + 42 : place + 46])
    size = size or data.index(b"PK\1\2") - begin
    data[place + 20 : place + 28] = struct.pack("<II", size, size)
    return bytes(data)


def overlapping() -> bytes:
    """Two storages, of which the list says that the first runs into the second."""
    arrays = {"a": np.zeros(4, np.float32), "b": np.zeros(4, np.float32)}
    data = bytearray(by_hand.checkpoint(arrays))
    place = data.rindex(b"pytorch_model/data/0") - 46
    data[place + 20 : place + 28] = struct.pack("<II", 150, 150)
    return bytes(data)


def of(program: bytes) -> bytes:
    return by_hand.archive(members(pickle=program))


def weight(
    shape: tuple[int, ...] = (2, 3), strides: tuple[int, ...] = (3, 1), offset: int = 0, n: int = 6
) -> bytes:
    held = by_hand.storage("HalfStorage", "0", n)
    return of(by_hand.table({"weight": by_hand.tensor(held, shape, strides, offset)}))


FORMS = [
    ("empty", b"", "the file is empty: fetch it again"),
    ("legacy", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19." + bytes(99), "is of the form that PyTorch wrote before 1.6"),
    ("a pickle", pickle.dumps({}), "the file is a bare pickle, which is never loaded"),
    ("a page", b"<!DOCTYPE html><html></html>", "is an HTML page, probably an answer of the server, which is never"),
    ("a pointer", b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
    ("safetensors", struct.pack("<Q", 2) + b"{}", "the file is no ZIP archive, which is never loaded"),
    ("tar", b"pickle" + bytes(600), "the file is no ZIP archive"),
    ("cut", GOOD[:-30], "the ZIP archive is damaged (file is not a zip file): fetch it again"),
    ("cut in the data", GOOD[:300], "the ZIP archive is damaged"),
    ("a wheel", two_checkpoints()[:0] + by_hand.archive({"METADATA": b""}), "0 members named data.pkl"),
    ("two checkpoints", two_checkpoints(), "2 members named data.pkl"),
    ("compressed", by_hand.archive(members(), method=zipfile.ZIP_DEFLATED), "data/0' is compressed or encrypted"),
    ("a large pickle", by_hand.archive(members(pickle=bytes(PICKLE_LIMIT + 1))), "data.pkl exceeds 4194304 bytes"),
    ("big-endian", by_hand.archive(members(order=b"big")), "the weights are not little-endian"),
    ("no storage", by_hand.archive(members(storage=None)), "is in storage '0', which the archive lacks"),
    ("short storage", by_hand.archive(members(storage=b"12")), "of 6 values in F16, but the archive has 2 bytes of it"),
    ("at another place", at_another_place(), "member 'pytorch_model/data/0' is not where the archive's list says"),
    ("too long", too_long(0xFFFFFFFE), "member 'pytorch_model/data/0' does not lie before the archive's list"),
    ("a little too long", too_long(), "member 'pytorch_model/data/0' runs into the archive's list"),
    ("overlapping", overlapping(), "storage '1' overlaps the one before"),
    ("a name that is no text", by_hand.archive({**members(), "\xe9": b""}).replace(b"\xc3\xa9", b"\xc3\xff"),
     "the ZIP archive is damaged"),
    ("damaged pickle", GOOD.replace(b"HalfStorage", b"HalfStorags"), "the ZIP archive is damaged (bad crc-32"),
    # tensors
    ("transposed", weight((3, 2), (1, 3)), "tensor 'weight' has shape [3, 2] with strides [1, 3], so its values do"),
    ("expanded", weight((2, 3), (0, 1)), "has shape [2, 3] with strides [0, 1]"),
    ("beyond its storage", weight(offset=1), "tensor 'weight' runs over the end of its storage"),
    ("larger than its storage", weight(n=5), "a storage of 5 values in F16, but the archive has 12 bytes of it"),
    ("no tensors", of(by_hand.table({})), "the checkpoint lists no tensors"),
    ("no name", of(by_hand.described({"": WEIGHT["weight"]})), "tensor '': this is no name for a tensor"),
    ("a control character", of(by_hand.described({"a\x1b": WEIGHT["weight"]})), "tensor 'a\\x1b': this is no name"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "words"), [case[1:] for case in FORMS], ids=[case[0] for case in FORMS])
def test_a_file_of_another_form(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(MalformedCheckpoint) as refusal:
        read(tmp_path, data)
    message = str(refusal.value)
    assert words in message and message.startswith(str(tmp_path / "pytorch_model.bin")), message
    assert len(message.splitlines()) == 1 and len(message) < 1000


def test_a_member_that_is_there_twice(tmp_path: Path) -> None:
    with pytest.raises(MalformedCheckpoint, match="a member of the archive is there twice"):
        read(tmp_path, twice())


def test_strides_of_extents_of_one_do_not_matter(tmp_path: Path) -> None:
    (tensor,) = read(tmp_path, weight((6, 1), (1, 77))).tensors
    assert tensor.shape == (6, 1)


# Hostile pickles. What they would do if they were loaded: make a file.


class Hostile:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("inside", [False, True])
def test_what_a_hostile_pickle_names_is_never_called(tmp_path: Path, protocol: int, inside: bool) -> None:
    made = tmp_path / "made"
    thing: object = {"weight": Hostile(made)} if inside else Hostile(made)
    program = pickle.dumps(thing, protocol=protocol)
    pickle.loads(program)  # noqa: S301  it is what it says
    assert made.is_dir()
    made.rmdir()
    with pytest.raises(
        MalformedCheckpoint, match=r"names posix\.mkdir,|protocol \d, PyTorch writes 2|has the operation"
    ):
        read(tmp_path, of(program))
    assert not made.exists()


def test_a_hostile_name_beside_good_tensors(tmp_path: Path) -> None:
    good = by_hand.described(WEIGHT)
    hostile = good[:2] + b"cposix\nsystem\n" + good[2:]
    with pytest.raises(MalformedCheckpoint) as refusal:
        read(tmp_path, of(hostile))
    assert str(refusal.value).endswith(
        "data.pkl names posix.system, which is no part of a tensor: do not load it with anything, use a revision "
        "that has safetensors"
    )


T = b"ctorch._utils\n_rebuild_tensor_v2\n"
HELD = by_hand.storage("HalfStorage", "0", 6)
D = by_hand.DICTIONARY
TENSOR_OF_1, TENSOR_OF_2 = by_hand.tensor(HELD, (6,), (1,)), by_hand.tensor(HELD, (2, 3), (3, 1))
PARAMETER = b"ctorch._utils\n_rebuild_parameter\n"
OF_DTYPE = b"ctorch._utils\n_rebuild_tensor_v3\n"
BYTES = HELD.replace(b"torch\nHalfStorage", b"torch.storage\nUntypedStorage")
MADE = "calls torch._utils._rebuild_tensor_v2 with (Storage("
PROGRAMS = [
    ("eval", b"\x80\x02c__builtin__\neval\n.", "names __builtin__.eval"),
    ("torch's own loader", b"\x80\x02ctorch\nload\n.", "names torch.load"),
    ("another storage", b"\x80\x02ctorch\nQInt8Storage\n.", "names torch.QInt8Storage"),
    ("a dotted name", b"\x80\x02ccollections\nOrderedDict.fromkeys\n.", "names collections.OrderedDict.fromkeys"),
    ("a name from the stack", b"\x80\x02X\x05\0\0\0posixX\x06\0\0\0system\x93.", "has the operation STACK_GLOBAL"),
    ("an instance", b"\x80\x02(iposix\nsystem\n.", "has the operation INST at byte 3"),
    ("an object", b"\x80\x02(ccollections\nOrderedDict\no.", "has the operation OBJ"),
    ("a new object", b"\x80\x02ccollections\nOrderedDict\n)\x81.", "has the operation NEWOBJ"),
    ("an extension", b"\x80\x02\x82\x01.", "has the operation EXT1"),
    ("a persistent id in text", b"\x80\x02Pstorage\n.", "has the operation PERSID"),
    ("a copy", b"\x80\x02}2.", "has the operation DUP"),
    ("a frame", b"\x80\x02\x95\x01\0\0\0\0\0\0\0N.", "has the operation FRAME"),
    ("bytes", b"\x80\x02B\x01\0\0\0x.", "has the operation BINBYTES"),
    ("another protocol", b"\x80\x04N.", "has protocol 4, PyTorch writes 2"),
    ("a table with arguments", b"\x80\x02ccollections\nOrderedDict\n]\x85R.", "calls collections.OrderedDict with"),
    ("a call of a table", b"\x80\x02})R.", "calls {} with ()"),
    ("a tensor of no storage", b"\x80\x02" + T + b"(NK\0))\x89}tR.", "calls torch._utils._rebuild_tens"),
    ("a tensor with hooks", b"\x80\x02" + T + b"(" + HELD + b"K\0))\x89" + D + b"K\x01K\x01stR.", MADE),
    ("a negative offset", b"\x80\x02" + T + b"(" + HELD + b"J\xff\xff\xff\xff))\x89" + D + b"tR.", MADE),
    ("a negative extent", b"\x80\x02" + T + b"(" + HELD + b"K\0J\xff\xff\xff\xff\x85K\x01\x85\x89" + D + b"tR.", MADE),
    ("an extent that is true", b"\x80\x02" + T + b"(" + HELD + b"K\0\x88\x85K\x01\x85\x89" + D + b"tR.", MADE),
    ("more strides than extents", b"\x80\x02" + T + b"(" + HELD + b"K\0)K\x01\x85\x89" + D + b"tR.", MADE),
    ("a storage of another kind", b"\x80\x02" + by_hand.text("module") + b"\x85Q.", "refers to ('module',) inst"),
    ("a storage of a negative size", b"\x80\x02(" + by_hand.text("storage") + b"ctorch\nHalfStorage\n"
     + by_hand.text("0") + by_hand.text("cpu") + b"J\xff\xff\xff\xfftQ.", "instead of a storage"),
    ("another state", b"\x80\x02}}" + by_hand.text("x") + b"K\x01sb.", "gives {} the state {'x': 1}"),
    ("a state of a tuple", b"\x80\x02)}b.", "gives () the state {}"),
    ("items of a tuple", b"\x80\x02)K\x01K\x01s.", "sets items of ()"),
    ("an odd number of items", b"\x80\x02}(K\x01u.", "sets items of {}"),
    ("a key that is a list", b"\x80\x02}]K\x01s.", "has the key []"),
    ("a key twice", b"\x80\x02}K\x01K\x01sK\x01K\x02s.", "has the key 1 twice"),
    ("appending to a table", b"\x80\x02}K\x01a.", "appends to {}"),
    ("what was never put away", b"\x80\x02h\x07.", "asks at byte 2 for an object that it has not stored"),
    ("an end before the end", b"\x80\x02}.N.", "goes on for 2 bytes after its end"),
    ("too few for a tuple", b"\x80\x02N\x87.", "takes more from its stack than there is"),
    ("nothing to put away", b"\x80\x02q\x01.", "takes more from its stack than there is"),
    ("no mark", b"\x80\x02t.", "is no whole pickle (pop from empty list)"),
    ("two results", b"\x80\x02NN.", "is no whole pickle (too many values to unpack"),
    ("no end", b"\x80\x02N", "is no whole pickle (pickle exhausted before seeing STOP)"),
    ("an unknown operation", b"\x80\x02\xff.", "is no whole pickle (at position 2, opcode b'\\xff' unknown)"),
    ("a text that ends early", b"\x80\x02X\xff\xff\xff\x7fN.", "is no whole pickle"),
    ("a strange escape", b"\x80\x02ctor\\qch\nload\n.", "is no whole pickle (invalid escape sequence '\\q')"),
    ("a line in a name", b"\x80\x02ctor\x1bch\rload\n\n.", "names tor\\x1bch\\rload."),
    ("nothing", b"", "is no whole pickle (pickle exhausted"),
    ("a list", b"\x80\x02].", "holds [] instead of a table of tensors"),
    ("a number in the table", b"\x80\x02}" + by_hand.text("a") + b"K\x01s.", "has 'a': 1, a checkpoint has names"),
    ("an empty table in the table", b"\x80\x02}" + by_hand.text("model") + b"}s.", "has 'model': {}, a checkpoint"),
    ("a table of losses", b"\x80\x02}" + by_hand.text("loss") + b"}" + by_hand.text("a") + TENSOR_OF_1 + b"ss.",
     "has 'loss': {'a': StoredTensor("),
    ("a table of tensors and a number", b"\x80\x02}" + by_hand.text("model") + b"}(" + by_hand.text("a") + TENSOR_OF_2
     + by_hand.text("b") + b"K\x01us.", "has 'model': {'a': StoredTensor("),
    ("two tables of tensors", b"\x80\x02}(" + by_hand.text("epoch") + b"K\x03" + by_hand.text("ema")
     + b"}" + by_hand.text("a") + TENSOR_OF_2 + b"s" + by_hand.text("model") + b"}" + by_hand.text("a") + TENSOR_OF_2
     + b"su.", "has tables of tensors under 'ema' and 'model', and only one can be the checkpoint: save the one you"),
    ("a size that is no tuple", b"\x80\x02ctorch\nSize\n]\x85R.", "calls torch.Size with ([],)"),
    ("a device that is no text", b"\x80\x02ctorch\ndevice\nK\x01\x85R.", "calls torch.device with (1,)"),
    ("a parameter of no tensor", b"\x80\x02" + PARAMETER + b"N\x88" + D + b"\x87R.", "calls torch._utils._rebuild_par"),
    ("a parameter with hooks", b"\x80\x02" + PARAMETER + TENSOR_OF_2 + b"\x88}K\x01K\x01s\x87R.",
     "calls torch._utils._rebuild_parameter with (StoredTensor("),
    ("values to be negated", b"\x80\x02" + T + b"(" + HELD + b"K\0))\x89" + D + b"}" + by_hand.text("neg")
     + b"\x88stR.", MADE),
    ("a dtype without its storage", b"\x80\x02" + OF_DTYPE + b"(" + HELD + b"K\0))\x89" + D
     + b"ctorch\nfloat8_e5m2\ntR.", "calls torch._utils._rebuild_tensor_v3 with (Storage("),
    ("a dtype of whole numbers", b"\x80\x02" + OF_DTYPE + b"(" + BYTES + b"K\0))\x89" + D
     + b"ctorch\nint8\ntR.", "calls torch._utils._rebuild_tensor_v3 with (Storage("),
    ("another dtype of 8 bits", b"\x80\x02ctorch\nfloat8_e8m0fnu\n.", "names torch.float8_e8m0fnu, which is no part"),
    ("a set", b"\x80\x02c__builtin__\nset\n]\x85R.", "names __builtin__.set"),
    ("arguments of a command", b"\x80\x02cargparse\nNamespace\n)\x81.", "names argparse.Namespace"),
    ("a sparse tensor", b"\x80\x02ctorch._utils\n_rebuild_sparse_tensor\n.", "names torch._utils._rebuild_sparse_te"),
    ("a whole module", b"\x80\x02ctorch.nn.modules.linear\nLinear\n.", "names torch.nn.modules.linear.Linear"),
    ("a number as a name", b"\x80\x02}K\x01" + by_hand.tensor(HELD, (6,), (1,)) + b"s.", "has 1: StoredTensor("),
]  # fmt: skip


@pytest.mark.parametrize(
    ("program", "words"), [case[1:] for case in PROGRAMS], ids=[case[0] for case in PROGRAMS]
)
def test_a_program_that_is_no_table_of_tensors(program: bytes, words: str) -> None:
    with pytest.raises(MalformedCheckpoint) as refusal:
        read_tensors(program, "data.pkl")
    message = str(refusal.value)
    assert words in message, message
    assert len(message.splitlines()) == 1 and len(message) < 1000


@pytest.mark.parametrize("key", ["model_state_dict", "state_dict", "model", "module", "anything"])
def test_a_table_of_tensors_is_found_under_any_key(key: str) -> None:
    inner = b"}" + by_hand.text("a") + TENSOR_OF_2 + b"s"
    beside = by_hand.text("step") + b"M\xe8\x03" + by_hand.text("rng") + TENSOR_OF_1
    beside += (
        by_hand.text("optimizer")
        + b"}"
        + by_hand.text("state")
        + b"}K\0}"
        + by_hand.text("exp_avg")
        + TENSOR_OF_2
    )
    beside += b"sss" + by_hand.text("betas") + b"G" + bytes(8) + b"G" + bytes(8) + b"\x86"
    (found,) = read_tensors(b"\x80\x02}(" + beside + by_hand.text(key) + inner + b"u.", "data.pkl").items()
    assert found[0] == "a" and found[1].shape == (2, 3)


def test_one_table_under_two_keys_is_one() -> None:
    inner = b"}q\1" + by_hand.text("a") + TENSOR_OF_2 + b"s"
    program = b"\x80\x02}(" + by_hand.text("model") + inner + by_hand.text("state_dict") + b"h\1u."
    assert read_tensors(program, "data.pkl").keys() == {"a"}


@pytest.mark.parametrize("wrapper", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
def test_what_wraps_a_module_is_left_off_every_name_or_none(tmp_path: Path, wrapper: str) -> None:
    a, b = (np.full((2, 3), number, np.float32) for number in range(2))
    equal(
        read(tmp_path, by_hand.checkpoint({f"{wrapper}a": a, f"{wrapper}b.module.c": b})),
        {"a": a, "b.module.c": b},
    )
    equal(read(tmp_path, by_hand.checkpoint({f"{wrapper}a": a, "b": b})), {f"{wrapper}a": a, "b": b})
    with pytest.raises(MalformedCheckpoint, match="tensor '': this is no name for a tensor"):
        read(tmp_path, by_hand.checkpoint({wrapper: a}))


def test_8_bits_have_their_scale(tmp_path: Path) -> None:
    codes, scale = np.arange(6, dtype=np.uint8), np.float32([0.25])
    matrix = OF_DTYPE + b"(" + BYTES + b"K\0K\2K\3\x86K\3K\1\x86\x89" + D + b"ctorch\nfloat8_e4m3fn\ntR"
    program = by_hand.table(
        {"w": matrix, "w_scale": by_hand.tensor(by_hand.storage("FloatStorage", "1", 1), (1,), (1,))}
    )
    storages = {"data/0": codes.tobytes(), "data/1": scale.tobytes()}
    header = read(tmp_path, by_hand.archive({"data.pkl": program, "byteorder": b"little", **storages}))
    assert header.tensors[0].scale == header.tensors[1]
    expected = codes.view(ml_dtypes.float8_e4m3fn).astype(np.float32).reshape(2, 3) / 4
    np.testing.assert_array_equal(read_matrix(header.path, header.tensors[0]), expected)


def test_a_place_in_the_memo_costs_nothing() -> None:
    """Python's own unpickler makes a list as long as the number says: here 64 GB."""
    program = b"\x80\x02}r\xff\xff\xff\xffj\xff\xff\xff\xff0."
    with pytest.raises(MalformedCheckpoint, match="has the operation POP"):
        read_tensors(program, "data.pkl")


def test_references_do_not_multiply() -> None:
    """Lists of lists of lists, each twice in the next: 2^60 elements, if they were written out."""
    program = b"\x80\x02]q\0" + b"".join(
        b"](h" + bytes([level]) + b"h" + bytes([level]) + b"eq" + bytes([level + 1]) for level in range(60)
    )
    begin = time.monotonic()
    with pytest.raises(MalformedCheckpoint) as refusal:
        read_tensors(program + b"\x85.", "data.pkl")
    assert time.monotonic() - begin < 1 and len(str(refusal.value)) < 1000


def test_a_table_to_which_many_keys_refer_is_looked_at_once() -> None:
    """100,000 keys for one table of 100,000 tensors and a number at its end: 10^10 looks, if each were followed."""
    many = [by_hand.text(str(number)) for number in range(100_000)]
    inner = b"}q\1(" + many[0] + TENSOR_OF_2 + b"q\2" + b"".join(name + b"h\2" for name in many[1:])
    program = b"\x80\x02}(" + by_hand.text("x") + inner + by_hand.text("end") + b"K\1u"
    program += b"".join(name + b"h\1" for name in many) + b"u."
    begin = time.process_time()
    with pytest.raises(MalformedCheckpoint, match="has 'x': "):
        read_tensors(program, "data.pkl")
    assert time.process_time() - begin < 20


def test_the_longest_pickle_takes_seconds() -> None:
    program = b"\x80\x02(" + b"N" * (PICKLE_LIMIT - 5) + b"l."
    begin = time.monotonic()
    with pytest.raises(MalformedCheckpoint, match="has the operation LIST"):
        read_tensors(program, "data.pkl")
    assert time.monotonic() - begin < 30


@given(st.binary(max_size=60))
def test_no_bytes_do_anything_else(program: bytes) -> None:
    try:
        found = read_tensors(b"\x80\x02" + program, "data.pkl")
    except MalformedCheckpoint:
        return
    assert isinstance(found, dict)


@given(st.data())
def test_no_damage_does_anything_else(data: st.DataObject) -> None:
    program = bytearray(by_hand.described(WEIGHT))
    for _ in range(data.draw(st.integers(1, 3))):
        program[data.draw(st.integers(0, len(program) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = read_tensors(bytes(program), "data.pkl")
    except MalformedCheckpoint:
        return
    assert len(found) == 1


def test_a_safetensors_file_whose_length_begins_like_a_pickle(tmp_path):
    """The header of a safetensors file may be 640 bytes long: 80 02 in hexadecimal digits, from the least byte on."""
    header = b'{"a.weight":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}'.ljust(640)
    path = tmp_path / "model.safetensors"
    path.write_bytes((640).to_bytes(8, "little") + header + bytes(16))
    assert path.read_bytes()[:2] == b"\x80\x02"
    assert [tensor.name for tensor in formats.read_header(path).tensors] == ["a.weight"]
