"""8-bit weights and their scales, against ml_dtypes and whole matrices that numpy multiplies out."""

from dataclasses import replace
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from test_plan import HEADS, SMALL, header

from weightfit.counts import histogram
from weightfit.counts import scan as scanning
from weightfit.counts.histogram import Histogram
from weightfit.counts.scan import Scan
from weightfit.errors import IncompleteCheckpoint, MalformedCheckpoint, NonFiniteWeight, UnknownTensor
from weightfit.weights import decoding
from weightfit.weights.declared import declared
from weightfit.weights.decoding import read_matrix
from weightfit.weights.encodings import ENCODINGS
from weightfit.weights.families import FAMILIES, TABLES
from weightfit.weights.header import Header
from weightfit.weights.layer import read_layer
from weightfit.weights.plan import Plan, plan
from weightfit.weights.safetensors import read_header
from weightfit.weights.scales import with_scales
from weightfit.weights.writer import CheckpointWriter

FLOAT8 = {"F8_E4M3": ml_dtypes.float8_e4m3fn, "F8_E5M2": ml_dtypes.float8_e5m2}
SCALES = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "BF16": np.dtype(ml_dtypes.bfloat16)}
Q, K = "model.layers.0.self_attn.q_proj.weight", "model.layers.0.self_attn.k_proj.weight"


def write(path: Path, tensors: dict[str, np.ndarray]) -> Header:
    dtypes = {np.dtype(held): name for name, held in (FLOAT8 | SCALES).items()} | {np.dtype("u1"): "F8_E8M0"}
    with CheckpointWriter(path, [(name, dtypes[a.dtype], a.shape) for name, a in tensors.items()]) as writer:
        for array in tensors.values():
            writer.write(array.tobytes())
    return read_header(path)


def codes(shape: tuple[int, int], dtype: str, seed: int = 0) -> np.ndarray:
    """Return codes of every finite value, in any order."""
    every = np.arange(256, dtype=np.uint8)
    finite = every[np.isfinite(every.view(FLOAT8[dtype]).astype(np.float32))]
    return np.random.default_rng(seed).choice(finite, shape).view(FLOAT8[dtype])


def scales(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    return np.random.default_rng(7).lognormal(-5, 1, shape).astype(SCALES[dtype])


def whole(array: np.ndarray, scale: np.ndarray | None, blocks: bool = False) -> np.ndarray:
    """Return the values of a whole matrix as float32: what the formats' own libraries do."""
    values = array.astype(np.float32)
    if scale is None:
        return values
    factors = scale.astype(np.float32)
    if blocks:
        factors = factors.repeat(128, 0).repeat(128, 1)[: array.shape[0], : array.shape[1]]
    elif factors.size == array.shape[0]:
        factors = factors.reshape(-1, 1)
    return values * factors


def counted(found: Header) -> Histogram:
    """Count a file of one matrix Q."""
    rows = next(tensor for tensor in found.tensors if tensor.name == Q).shape[0]
    layout = Plan("test", {Q: (scanning.Piece(0, "q", 0, rows, rows),)}, {})
    ((_, _, made),) = Scan(found, layout)
    if isinstance(made, NonFiniteWeight):
        raise made
    return made


def require_equal(made: Histogram, expected: np.ndarray) -> None:
    value, count = np.unique(np.where(expected == 0, np.float32(0), expected), return_counts=True)
    np.testing.assert_array_equal(made.value, value)
    np.testing.assert_array_equal(made.count, count)
    assert made.n == expected.size


@pytest.mark.parametrize("dtype", FLOAT8)
def test_every_code_is_decoded_like_ml_dtypes(dtype):
    every = np.arange(256, dtype=np.uint8)
    found = ENCODINGS[dtype].decode(every)
    assert found.dtype == np.float16
    expected = every.view(FLOAT8[dtype]).astype(np.float32)
    np.testing.assert_array_equal(found.astype(np.float32), expected)
    np.testing.assert_array_equal(np.signbit(found[expected == 0]), np.signbit(expected[expected == 0]))


@pytest.mark.parametrize("dtype", FLOAT8)
def test_without_a_scale_a_matrix_has_exactly_its_codes(tmp_path, dtype):
    array = codes((33, 70), dtype)
    found = write(tmp_path / "m", {Q: array})
    made = counted(found)
    require_equal(made, array.astype(np.float32))
    assert (made.dtype, made.exactness) == (dtype, "f16")
    matrix = read_matrix(found.path, found.tensors[0])
    assert matrix.dtype == np.float16
    np.testing.assert_array_equal(matrix, array.astype(np.float16))


@pytest.mark.parametrize(
    ("dtype", "code"), [("F8_E4M3", 0x7F), ("F8_E4M3", 0xFF), ("F8_E5M2", 0x7C), ("F8_E5M2", 0xFD)]
)
@pytest.mark.parametrize("scale", [None, np.float32(0.5)])
def test_a_code_that_is_no_number_is_refused_by_name(tmp_path, dtype, code, scale):
    array = codes((5, 7), dtype)
    array.view("u1")[3, 4] = code
    tensors = {Q: array} | ({} if scale is None else {Q + "_scale": np.array([scale])})
    with pytest.raises(NonFiniteWeight, match=f"'{Q}': 1 of 35 weights are infinite or not a number"):
        counted(write(tmp_path / "m", tensors))


KINDS = [("_scale", ()), ("_scale", (1,)), ("_scale", (200,)), ("_scale", (200, 1)), ("_scale_inv", (2, 3))]


@pytest.mark.parametrize("dtype", FLOAT8)
@pytest.mark.parametrize("of_scale", SCALES)
@pytest.mark.parametrize(("ending", "shape"), KINDS)
@pytest.mark.parametrize("first", [False, True])
def test_a_scaled_matrix_is_the_product(tmp_path, monkeypatch, dtype, of_scale, ending, shape, first):
    """Slices end anywhere in a row, and the scale lies at an odd byte after the matrix or before it."""
    monkeypatch.setattr(decoding, "DECODED_VALUES", 1009)
    monkeypatch.setattr(scanning, "DECODED_VALUES", 1013)
    monkeypatch.setattr(scanning, "BUFFER_BYTES", 10_007)
    array, scale = codes((200, 301), dtype), scales(shape, of_scale)
    odd = {"a": codes((1, 3), dtype)}
    tensors = odd | ({Q + ending: scale, Q: array} if first else {Q: array, Q + ending: scale})
    found = write(tmp_path / "m", tensors)
    expected = whole(array, scale, ending == "_scale_inv")
    made = counted(found)
    require_equal(made, expected)
    assert made.dtype == dtype
    (tensor,) = (tensor for tensor in found.tensors if tensor.name == Q)
    np.testing.assert_array_equal(read_matrix(found.path, tensor), expected)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (128, 128), (129, 128), (256, 1)])
def test_blocks_at_the_edges(tmp_path, shape):
    blocks = (-(-shape[0] // 128), -(-shape[1] // 128))
    array, scale = codes(shape, "F8_E4M3"), scales(blocks, "F32")
    require_equal(
        counted(write(tmp_path / "m", {Q: array, Q + "_scale_inv": scale})), whole(array, scale, True)
    )


def test_a_large_matrix_goes_through_19_bit_bins(tmp_path, monkeypatch):
    monkeypatch.setattr(histogram, "DISTINCT_LIMIT", 1000)
    array, scale = codes((200, 300), "F8_E4M3"), scales((200, 1), "F32")
    made = counted(write(tmp_path / "m", {Q: array, Q + "_scale": scale}))
    expected = whole(array, scale)
    assert (made.exactness, made.n, made.maximum) == ("19bit", expected.size, expected.max())
    bits = expected.view(np.uint32)
    binned = np.where(expected == 0, np.uint32(0), bits & np.uint32(0xFFFFE000) | np.uint32(0x1000)).view(
        np.float32
    )
    require_equal(made, binned)


@pytest.mark.parametrize("value", [np.inf, np.nan, 3e38])
def test_products_that_are_no_numbers_are_refused_by_name(tmp_path, value):
    array, scale = np.full((2, 2), 448, FLOAT8["F8_E4M3"]), np.array([1, value], np.float32)
    with pytest.raises(NonFiniteWeight, match="2 of 4 weights"):
        counted(write(tmp_path / "m", {Q: array, Q + "_scale": scale}))


def test_a_layer_of_scaled_matrices(tmp_path):
    """Fused rows of one matrix have the scales of their rows."""
    prefix = "gpt_neox.layers.0."
    shapes = {
        "attention.query_key_value": (24, 8),
        "attention.dense": (8, 8),
        "mlp.dense_h_to_4h": (32, 8),
        "mlp.dense_4h_to_h": (8, 32),
    }
    arrays = {f"{prefix}{name}.weight": codes(shape, "F8_E4M3") for name, shape in shapes.items()}
    factors = {f"{name}_scale": scales((len(array), 1), "F32") for name, array in arrays.items()}
    write(tmp_path / "model.safetensors", arrays | factors)
    (tmp_path / "config.json").write_text('{"num_attention_heads": 2}')
    found = read_layer(tmp_path, 0)
    name = f"{prefix}attention.query_key_value.weight"
    fused = whole(arrays[name], factors[f"{name}_scale"]).reshape(2, 3, 4, 8)
    for place, component in enumerate("qkv"):
        np.testing.assert_array_equal(found[component], fused[:, place].reshape(8, 8))
    headers = [read_header(tmp_path / "model.safetensors")]
    layout = plan(headers, {"num_attention_heads": 2})
    for _, component, made in Scan(headers[0], layout):
        require_equal(made, found[component])
    assert set(layout.left_out.values()) == {"scale"}


@pytest.mark.parametrize("family", FAMILIES)
def test_scales_are_left_out_in_every_family(family):
    tensors = [(name, "F8_E4M3" if len(shape) == 2 else dtype, shape) for name, dtype, shape in SMALL[family]]
    matrices = [name for name, dtype, _ in tensors if dtype == "F8_E4M3"]
    extra = [(name + "_scale", "F32", (1,)) for name in matrices]
    stems = [name.removesuffix("weight") for name in matrices if name.endswith(".weight")]
    extra += [(stem + name, "F32", ()) for stem in stems for name in ("input_scale", "k_scale", "v_scale")]
    whole_file = header([*tensors, *extra])
    scaled = replace(whole_file, tensors=tuple(with_scales(whole_file.path, whole_file.tensors)))
    found = plan([scaled], HEADS, stack=TABLES[family].stack)
    assert {name for name, reason in found.left_out.items() if reason == "scale"} == {one[0] for one in extra}
    plain = plan([header(SMALL[family])], HEADS, stack=TABLES[family].stack)
    assert found.pieces == plain.pieces
    assert "scale" not in {reason for table in TABLES.values() for reason in table.left_out.values()}


LLAMA = [(name, "F8_E4M3" if "proj" in name else dtype, shape) for name, dtype, shape in SMALL["llama"]]


def read(tmp_path: Path, tensors: list, **scale: np.ndarray) -> Header:
    kinds = {"F32": np.float32, "BF16": SCALES["BF16"], **FLOAT8}
    arrays = {name: np.zeros(shape, kinds[dtype]) for name, dtype, shape in tensors}
    return write(tmp_path / "model.safetensors", arrays | {Q + name: array for name, array in scale.items()})


@pytest.mark.parametrize(
    ("scale", "words"),
    [
        ({"_scale": np.ones((1, 8), "f4")}, r"has shape \[1, 8\] in F32, .* \[8, 8\] are one, or one for each row"),
        ({"_scale": np.ones((8, 2), "f4")}, r"has shape \[8, 2\] in F32"),
        ({"_scale": np.ones((7,), "f4")}, r"has shape \[7\] in F32"),
        ({"_scale": np.ones((1,), "u1")}, r"in F8_E8M0, .* in F16, BF16, F32: use the checkpoint from which it was"),
        ({"_scale_inv": np.ones((), "f4")}, r"has shape \[\] in F32, .* are one for each block of 128 times 128"),
        ({"_scale_inv": np.ones((8, 1), "f4")}, r"has shape \[8, 1\] in F32"),
        ({"_scale_inv": np.ones((1, 1), "f4"), "_scale": np.ones((), "f4")}, "q_proj.weight' has two scales, "),
    ],
)  # fmt: skip
def test_another_scale_is_refused(tmp_path, scale, words):
    with pytest.raises(MalformedCheckpoint, match=words):
        plan([read(tmp_path, LLAMA, **scale)], None)


@pytest.mark.parametrize("ending", ["_scale", "_scale_inv"])
@pytest.mark.parametrize("indexed", [False, True])
def test_a_scale_in_another_file_is_refused(tmp_path, ending, indexed):
    one = header(LLAMA, "1.safetensors")
    other = header([(Q + ending, "F32", (1, 1))], "2.safetensors")
    where = {tensor.name: file.path.name for file in (one, other) for tensor in file.tensors}
    with pytest.raises(
        IncompleteCheckpoint, match=rf"q_proj\.weight' has its scale '{Q}{ending}' in another file"
    ):
        plan([one] if indexed else [one, other], None, where if indexed else None)


def test_a_file_of_scales_of_others_is_planned_by_the_index():
    """The files of a large checkpoint are counted one by one, each with what the index says about the others."""
    parts = [header(LLAMA, "1.safetensors"), header([(K + "_scale", "F32", ())], "2.safetensors")]
    where = {tensor.name: file.path.name for file in parts for tensor in file.tensors}
    assert plan([parts[1]], None, where) == Plan("llama", {}, {K + "_scale": "scale"})


def test_a_scale_of_what_is_not_in_8_bits_is_an_unknown_name():
    with pytest.raises(UnknownTensor, match=r"q_proj\.weight_scale' is no name of llama"):
        plan([header([*SMALL["llama"], (Q + "_scale", "F32", (1,))])], None)


def test_scales_alone_are_no_checkpoint():
    with pytest.raises(UnknownTensor, match="k_scale', like all others, is no name of a known architecture"):
        plan([header([("model.layers.0.self_attn.k_scale", "F32", ())])], None)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("model.layers.0.mlp.experts.0.gate_proj.weight", "is of an expert of a mixture, .*: use a dense model"),
        ("model.layers.1.block_sparse_moe.experts.7.w1.weight", "is of an expert of a mixture"),
        ("model.layers.0.mlp.down_proj_blocks", r"shared exponents \(MXFP4\), which is not decoded: use the"),
        ("model.layers.0.mlp.down_proj_scales", "MXFP4"),
        (Q + "_scale_2", "NVFP4 or integers"),
        (Q + "_packed", "NVFP4 or integers"),
        (Q + "_global_scale", "NVFP4 or integers"),
        (Q + "_zero_point", "NVFP4 or integers"),
        ("model.layers.0.self_attn.q_proj.g_idx", "by GPTQ"),
        ("model.layers.0.self_attn.q_proj.qweight", "by AWQ"),
        ("model.layers.0.self_attn.q_proj.qzeros", "by AWQ"),
        (Q + ".absmax", "by bitsandbytes"),
        (Q + ".nested_quant_map", "by bitsandbytes"),
        (Q + ".quant_state.bitsandbytes__nf4", "by bitsandbytes"),
        ("model.layers.0.self_attn.q_proj.SCB", "by bitsandbytes"),
    ],
)  # fmt: skip
def test_another_quantization_is_refused_by_its_name(name, words):
    with pytest.raises(UnknownTensor, match=words) as caught:
        plan([header([*LLAMA, (name, "U8", (1,))])], None)
    assert f"tensor '{name}' is of " in str(caught.value) and "\n" not in str(caught.value)


def test_gptq_is_told_from_awq_by_what_it_has_more():
    start = "model.layers.0.self_attn.q_proj."
    with pytest.raises(UnknownTensor, match="by GPTQ"):
        plan(
            [header([*LLAMA, *((start + name, "U8", (1,)) for name in ("qweight", "qzeros", "g_idx"))])], None
        )


def test_a_declared_name_is_never_taken_for_a_quantization():
    names = {f"h.{{block}}.{kind}.weight": kind for kind in ("q", "k", "v", "o", "ffn_in", "ffn_out")}
    table = declared({"matrices": names, "left_out": {"h.{block}.g_idx": "other"}})
    tensors = [(name.replace("{block}", "0"), "F32", (8, 8)) for name in names]
    found = plan([header([*tensors, ("h.0.g_idx", "U8", (1,))])], None, declared=table)
    assert found.left_out == {"h.0.g_idx": "other"}
