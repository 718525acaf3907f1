"""Histograms against numpy.unique, numpy reshapes, hashlib, math.fsum and ml_dtypes."""

import hashlib
import math
from dataclasses import replace
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from weightfit.counts import histogram
from weightfit.counts import scan as scanning
from weightfit.counts.histogram import Histogram, Pool, histogram_of, pool
from weightfit.counts.kernels import merge_counts
from weightfit.counts.scan import Scan
from weightfit.errors import DegenerateHistogram, MalformedCheckpoint, NonFiniteWeight
from weightfit.weights.plan import Piece, Plan, plan
from weightfit.weights.safetensors import read_header
from weightfit.weights.writer import CheckpointWriter

NUMPY = {"F16": np.dtype("<f2"), "BF16": np.dtype(ml_dtypes.bfloat16), "F32": np.dtype("<f4")}
LOW_BITS, HALF_BIN = np.uint32(0x1FFF), np.uint32(0x1000)


def scan(folder: Path, tensors: dict[str, np.ndarray], layout: Plan | None = None, digest: bool = True):
    """Write tensors of any dtype, count them and return the histograms by block and component, and the scan."""
    names = {dtype: name for name, dtype in NUMPY.items()} | {np.dtype("<i8"): "I64"}
    path = folder / "model.safetensors"
    described = [(name, names[array.dtype], array.shape) for name, array in tensors.items()]
    with CheckpointWriter(path, described) as writer:
        for array in tensors.values():
            writer.write(array.tobytes())
    if layout is None:
        layout = Plan("test", {name: whole(array) for name, array in tensors.items()}, {})
    counted = Scan(read_header(path), layout, digest)
    found = {(block, component): made for block, component, made in counted}
    return found, counted


def whole(array: np.ndarray) -> tuple[Piece, ...]:
    return (Piece(0, "q", 0, array.shape[0], array.shape[0]),)


def count(folder: Path, array: np.ndarray) -> Histogram:
    found, _ = scan(folder, {"a": array.reshape(-1, 1)})
    made = found[0, "q"]
    if isinstance(made, NonFiniteWeight):
        raise made
    return made


def brute(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    wide = array.reshape(-1).astype(np.float32)
    return np.unique(np.where(wide == 0, np.float32(0), wide), return_counts=True)


def coarse(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Apply the law of 19-bit bins weight by weight."""
    bits = array.view(np.uint32)
    return brute(np.where(array == 0, np.uint32(0), bits & ~LOW_BITS | HALF_BIN).view(np.float32))


def require_equal(made: Histogram, expected: tuple[np.ndarray, np.ndarray]) -> None:
    assert made.value.dtype == np.float32
    assert made.count.dtype == np.int64
    np.testing.assert_array_equal(made.value, expected[0])
    np.testing.assert_array_equal(made.count, expected[1])
    assert not np.signbit(made.value[made.value == 0]).any()


def require_exact(made: Histogram, array: np.ndarray) -> None:
    """Compare an exact histogram with brute force in every field but the formats."""
    require_equal(made, brute(array))
    wide = array.reshape(-1).astype(np.float64)
    assert made.n == wide.size
    assert made.sum == math.fsum(wide)
    assert made.sum_of_squares == pytest.approx(math.fsum(wide * wide), rel=1e-15)
    assert (made.minimum, made.maximum) == (wide.min(), wide.max())


def sample(dtype: str, size: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng([seed, size])
    values = (random.standard_normal(size) * 0.02).astype(np.float32).astype(NUMPY[dtype])
    smallest = np.array([1], "<u4" if dtype == "F32" else "<u2").view(NUMPY[dtype])[0]
    special = np.array([0.0, -0.0, smallest, -smallest, 3 * smallest, 1.0, -1.0], NUMPY[dtype])
    return np.concatenate([special, values])[:size] if size > 7 else values


# Single matrices.


@pytest.mark.parametrize("dtype", NUMPY)
@pytest.mark.parametrize("size", [1, 2, 3, 8, 1000, 4095, 4096, 4097, 20_001])
def test_a_matrix_is_counted_like_numpy_unique(tmp_path, dtype, size):
    values = sample(dtype, size)
    made = count(tmp_path, values)
    require_exact(made, values)
    assert made.dtype == dtype


@pytest.mark.parametrize("dtype", ["F16", "BF16"])
def test_every_finite_code_is_decoded_like_ml_dtypes(tmp_path, dtype):
    codes = np.arange(1 << 16, dtype=np.uint16)
    finite = np.isfinite(codes.view(NUMPY[dtype]).astype(np.float32))
    repeated = np.repeat(codes[finite], 1 + np.arange(finite.sum()) % 3)
    values = np.random.default_rng(1).permutation(repeated).view(NUMPY[dtype])
    made = count(tmp_path, values)
    require_exact(made, values)
    assert made.value.size == finite.sum() - 1  # the two zeros are one
    assert made.exactness == dtype.lower()


@pytest.mark.parametrize(
    ("values", "exactness"),
    [
        (sample("F16", 5000).astype(np.float32), "f16"),
        (sample("BF16", 5000).astype(np.float32) * np.float32(2.0**40), "bf16"),
        (np.arange(-3000, 3000, dtype=np.float32) * np.float32(2.0**60 + 2.0**52), "f32"),
        (sample("F16", 5000).astype(np.float32) * np.float32(2.0**40), "f32"),
        (sample("F32", 5000), "f32"),
    ],
)
@pytest.mark.parametrize("limit", [1 << 22, 64])
def test_f32_keeps_distinct_values_or_falls_back_to_bins(tmp_path, monkeypatch, values, exactness, limit):
    monkeypatch.setattr(histogram, "DISTINCT_LIMIT", limit)
    made = count(tmp_path, values)
    assert made.dtype == "F32"
    if limit > values.size or not (values.view(np.uint32) & LOW_BITS).any():
        assert made.exactness == exactness
        require_exact(made, values)
    else:
        assert made.exactness == "19bit"
        require_equal(made, coarse(values))


def test_the_limit_itself_is_inside(tmp_path, monkeypatch):
    values = sample("F32", 1001)
    monkeypatch.setattr(histogram, "DISTINCT_LIMIT", 1001)
    assert count(tmp_path, values).exactness == "f32"
    monkeypatch.setattr(histogram, "DISTINCT_LIMIT", 1000)
    assert count(tmp_path, values).exactness == "19bit"


@pytest.mark.parametrize("seed", range(3))
def test_19_bit_bins_are_those_of_the_bits(tmp_path, monkeypatch, seed):
    monkeypatch.setattr(histogram, "DISTINCT_LIMIT", 10)
    random = np.random.default_rng(seed)
    bits = random.integers(0, 1 << 32, 30_000, dtype=np.uint32)
    values = bits[np.isfinite(bits.view(np.float32))].view(np.float32)
    values = values[np.abs(values) < 1e18]  # their squares stay finite
    values[:: 100 + seed] = 0.0
    values[1 :: 100 + seed] = -0.0
    subnormal = np.array([1e-45, 5e-42, 1e-40], np.float32)
    values = np.concatenate([values, subnormal, -subnormal])
    made = count(tmp_path, values)
    assert made.exactness == "19bit"
    require_equal(made, coarse(values))
    wide = values.astype(np.float64)
    assert made.count[made.value == 0] == (values == 0).sum()
    assert (made.n, made.minimum, made.maximum) == (values.size, wide.min(), wide.max())
    assert made.sum == pytest.approx(math.fsum(wide), abs=1e-13 * math.fsum(np.abs(wide)))
    assert made.sum_of_squares == pytest.approx(math.fsum(wide * wide), rel=1e-12)
    # No weight is further from the mid-point of its bin than 2^-11 of itself, subnormals apart.
    normal = values[np.abs(values) > 1e-37]
    middle = (normal.view(np.uint32) & ~LOW_BITS | HALF_BIN).view(np.float32)
    assert np.abs(middle / normal.astype(np.float64) - 1).max() < 2.0**-11
    assert np.isin(middle, made.value).all()


def test_19_bit_extremes_of_one_sign(tmp_path, monkeypatch):
    monkeypatch.setattr(histogram, "DISTINCT_LIMIT", 10)
    values = np.abs(sample("F32", 500)[7:]) + np.float32(1e-3)
    for signed in (values, -values, np.append(values, np.float32(-0.0)), np.append(-values, np.float32(0))):
        made = count(tmp_path, signed)
        assert (made.minimum, made.maximum) == (float(signed.min()), float(signed.max()))
        assert math.copysign(1, made.minimum) == (-1 if made.minimum < 0 else 1)


@pytest.mark.parametrize("dtype", NUMPY)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("limit", [1 << 22, 10])
def test_a_value_that_is_not_finite_is_refused_by_name(tmp_path, monkeypatch, dtype, bad, limit):
    monkeypatch.setattr(histogram, "DISTINCT_LIMIT", limit)
    values = sample(dtype, 99)
    values[[5, 7]] = bad
    with pytest.raises(NonFiniteWeight, match=r"model\.safetensors: tensor 'a': 2 of 99 weights") as caught:
        count(tmp_path, values)
    assert "exclude the matrix" in str(caught.value)


def test_the_matrices_beside_one_that_is_not_finite_are_counted(tmp_path):
    array = sample("F16", 60 * 7).reshape(60, 7)
    array[5, 3] = np.nan
    pieces = tuple(Piece(0, name, 4 * place, 4, 12) for place, name in enumerate("qkv"))
    found, counted = scan(tmp_path, {"a": array}, Plan("test", {"a": pieces}, {}))
    assert isinstance(found[0, "k"], NonFiniteWeight)
    for place, name in ((0, "q"), (2, "v")):
        require_exact(found[0, name], array.reshape(5, 3, 4, 7)[:, place])
    assert counted.sha256 == hashlib.sha256((tmp_path / "model.safetensors").read_bytes()).hexdigest()


def test_a_nan_whose_upper_bits_are_those_of_infinity_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(histogram, "DISTINCT_LIMIT", 10)
    values = sample("F32", 99)
    values.view(np.uint32)[3] = 0x7F800001
    with pytest.raises(NonFiniteWeight, match="1 of 99"):
        count(tmp_path, values)


def test_mean_and_standard_deviation_are_those_of_the_values(tmp_path):
    values = sample("F32", 5000) + np.float32(0.3)
    made = count(tmp_path, values)
    wide = values.astype(np.float64)
    assert made.mean == pytest.approx(wide.mean(), rel=1e-14)
    assert made.standard_deviation == pytest.approx(wide.std(), rel=1e-12)
    assert count(tmp_path, np.full(30, 0.1, np.float32)).standard_deviation < 1e-8


def test_arrays_in_memory_are_counted_alike():
    values = sample("F16", 1001)
    for array in (values, values[:1000].reshape(10, 100)[:, ::2], values.astype(np.float32)):
        require_exact(histogram_of(array), np.ascontiguousarray(array))
    for array in (np.zeros(0, np.float32), np.zeros(3), np.zeros(3, np.int32)):
        with pytest.raises(DegenerateHistogram, match="give at least one float16 or float32"):
            histogram_of(array, "x")


def test_a_counter_is_emptied_before_it_can_overflow(monkeypatch):
    assert histogram._FLUSH + scanning.BUFFER_BYTES // 2 < 1 << 32, "a 32-bit counter could overflow"
    monkeypatch.setattr(histogram, "_FLUSH", 1000)
    monkeypatch.setattr(histogram, "DISTINCT_LIMIT", 10)
    for dtype in NUMPY:
        values = np.full(100 * 77, 1.001, NUMPY[dtype])
        tally = histogram.Tally("x", dtype, values.size)
        for part in np.split(values, 100):
            tally.add(part.view(np.uint8))
            assert tally._table.max() < 1000
        require_equal(tally.histogram(), coarse(values) if dtype == "F32" else brute(values))


# Files.


def pythia_like(heads: int, width: int, dtype: str) -> dict[str, np.ndarray]:
    random = np.random.default_rng(heads)
    hidden = heads * width

    def matrix(rows: int, columns: int) -> np.ndarray:
        return random.standard_normal((rows, columns)).astype(np.float32).astype(NUMPY[dtype])

    tensors = {}
    for block in range(2):
        name = f"gpt_neox.layers.{block}."
        tensors[f"{name}attention.query_key_value.bias"] = np.full(3 * hidden, np.nan, NUMPY[dtype])
        tensors[f"{name}attention.query_key_value.weight"] = matrix(3 * hidden, hidden)
        tensors[f"{name}attention.rotary_emb.inv_freq"] = np.arange(7)  # 56 bytes of another dtype
        tensors[f"{name}attention.dense.weight"] = matrix(hidden, hidden)
        tensors[f"{name}mlp.dense_h_to_4h.weight"] = matrix(4 * hidden, hidden)
        tensors[f"{name}mlp.dense_4h_to_h.weight"] = matrix(hidden, 4 * hidden)
    return tensors


@pytest.mark.parametrize("buffer", [1 << 24, 4096, 512])
@pytest.mark.parametrize(("heads", "width"), [(4, 8), (3, 3), (1, 5)])
@pytest.mark.parametrize("dtype", NUMPY)
@pytest.mark.parametrize("digest", [True, False])
def test_a_checkpoint_with_fused_tensors(tmp_path, monkeypatch, buffer, heads, width, dtype, digest):
    monkeypatch.setattr(scanning, "BUFFER_BYTES", buffer)
    tensors = pythia_like(heads, width, dtype)
    hidden = heads * width
    path = tmp_path / "plan.safetensors"
    with CheckpointWriter(
        path,
        [(name, "I64" if a.dtype == np.int64 else dtype, a.shape) for name, a in tensors.items()],
    ) as writer:
        for array in tensors.values():
            writer.write(array.tobytes())
    layout = plan([read_header(path)], {"num_attention_heads": heads, "hidden_size": hidden})
    found, counted = scan(tmp_path, tensors, layout, digest)
    expected = {}
    for block in range(2):
        name = f"gpt_neox.layers.{block}."
        fused = tensors[f"{name}attention.query_key_value.weight"].reshape(heads, 3, width, hidden)
        expected |= {(block, part): fused[:, place] for place, part in enumerate("qkv")}
        expected[block, "o"] = tensors[f"{name}attention.dense.weight"]
        expected[block, "ffn_in"] = tensors[f"{name}mlp.dense_h_to_4h.weight"]
        expected[block, "ffn_out"] = tensors[f"{name}mlp.dense_4h_to_h.weight"]
    assert found.keys() == expected.keys()
    for key, array in expected.items():
        require_exact(found[key], array)
    whole_file = (tmp_path / "model.safetensors").read_bytes()
    assert counted.sha256 == (hashlib.sha256(whole_file).hexdigest() if digest else None)


def test_pieces_of_unequal_length_and_any_order(tmp_path):
    array = sample("BF16", 60 * 7).reshape(60, 7)
    pieces = (Piece(3, "v", 12, 3, 15), Piece(3, "q", 0, 8, 15), Piece(3, "k", 8, 4, 15))
    found, _ = scan(tmp_path, {"a": array}, Plan("test", {"a": pieces}, {}))
    rows = np.arange(60) % 15
    for piece in pieces:
        inside = (rows >= piece.start) & (rows < piece.start + piece.length)
        require_exact(found[3, piece.component], array[inside])


def test_a_file_that_shrinks_while_it_is_read_is_refused(tmp_path):
    array = sample("F16", 4000).reshape(40, 100)
    scan(tmp_path, {"a": array})
    header = read_header(tmp_path / "model.safetensors")
    whole_file = header.path.read_bytes()
    header.path.write_bytes(whole_file[:-2])
    with pytest.raises(MalformedCheckpoint, match=r"model\.safetensors: the file became shorter"):
        list(Scan(header, Plan("test", {"a": whole(array)}, {})))


@pytest.mark.parametrize("digest", [True, False])
def test_tensors_that_share_bytes_are_read_once_or_refused(tmp_path, digest):
    """Files of PyTorch can hold the same bytes under two names, such as a head that is tied to the embedding."""
    array = sample("F16", 4000).reshape(40, 100)
    _, counted = scan(tmp_path, {"a": array, "b": sample("F16", 400).reshape(4, 100)})
    header = read_header(tmp_path / "model.safetensors")
    first, second = header.tensors
    tied = replace(first, name="tied")
    inside = replace(first, name="inside", shape=(4, 100), begin=first.begin + 200, end=first.begin + 1000)
    header = replace(header, tensors=(first, tied, inside, second))
    layout = Plan("test", {"a": whole(array), "b": (Piece(0, "k", 0, 4, 4),)}, {})
    again = Scan(header, layout, digest)
    found = {component: made for _, component, made in again}
    assert found.keys() == {"q", "k"}
    require_exact(found["q"], array)
    assert again.sha256 == (counted.sha256 if digest else None)
    for other, rows in (("tied", 40), ("inside", 4)):
        both = Plan("test", layout.pieces | {other: (Piece(0, "v", 0, rows, rows),)}, {})
        with pytest.raises(MalformedCheckpoint, match=rf"tensor '{other}' shares bytes with another matrix"):
            list(Scan(header, both, digest))


def test_a_tally_that_lacks_elements_is_refused():
    tally = histogram.Tally("a.safetensors: tensor 'x'", "F16", 5)
    tally.add(np.zeros(3, np.float16).view(np.uint8))
    with pytest.raises(MalformedCheckpoint, match="tensor 'x': 3 of 5 elements"):
        tally.histogram()


# Laws of addition.

halves = hnp.arrays(np.uint16, st.integers(1, 40)).map(lambda bits: bits[bits & 0x7C00 != 0x7C00])
singles = hnp.arrays(np.uint32, st.integers(1, 40)).map(
    lambda bits: bits[(bits & 0x7F800000 != 0x7F800000) & (bits & 0x7F800000 < 0x5F000000)]
)
f16_parts = st.lists(halves.map(lambda bits: bits.view(np.float16)).filter(len), min_size=1, max_size=5)
f32_parts = st.lists(singles.map(lambda bits: bits.view(np.float32)).filter(len), min_size=1, max_size=5)


@given(st.one_of(f16_parts, f32_parts))
def test_histograms_add(parts):
    together = np.concatenate(parts)
    pooled = pool([histogram_of(part) for part in parts])
    require_equal(pooled, brute(together))
    wide = together.astype(np.float64)
    assert pooled.n == pooled.count.sum() == together.size
    assert pooled.sum == pytest.approx(math.fsum(wide), abs=1e-15 * math.fsum(np.abs(wide)))
    assert pooled.sum_of_squares == pytest.approx(math.fsum(wide * wide), rel=1e-14)
    assert (pooled.minimum, pooled.maximum) == (wide.min(), wide.max())


@given(f32_parts, st.randoms(use_true_random=False))
def test_the_order_of_members_does_not_matter(parts, random):
    members = [histogram_of(part) for part in parts]
    shuffled = random.sample(members, len(members))
    one, other = pool(members), pool(shuffled)
    require_equal(one, (other.value, other.count))
    for field in ("n", "sum", "sum_of_squares", "minimum", "maximum", "exactness", "dtype"):
        assert getattr(one, field) == getattr(other, field)


@given(f32_parts.filter(lambda parts: sum(map(len, parts)) > 1))
def test_counting_in_pieces_is_counting_at_once(parts):
    together = np.concatenate(parts)
    with pytest.MonkeyPatch.context() as patch:
        for limit in (1 << 22, 1):
            patch.setattr(histogram, "DISTINCT_LIMIT", limit)
            tally = histogram.Tally("x", "F32", together.size)
            for part in parts:
                tally.add(part.view(np.uint8))
            made, at_once = tally.histogram(), histogram_of(together)
            require_equal(made, (at_once.value, at_once.count))
            assert made.exactness == at_once.exactness


def full(values: np.ndarray) -> np.ndarray:
    """Set the lowest bit, so that no value fits a 16-bit format or a bin's edge."""
    return (values.view(np.uint32) | np.uint32(1)).view(np.float32)


@given(f32_parts.filter(lambda parts: len(parts) > 1))
def test_a_pool_above_the_limit_has_the_bins_of_a_single_matrix_of_that_size(parts):
    parts = [full(part) for part in parts]
    together = np.concatenate(parts)
    members = [histogram_of(part) for part in parts]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(histogram, "DISTINCT_LIMIT", together.size)
        assert pool(members).exactness == "f32"
        patch.setattr(histogram, "DISTINCT_LIMIT", together.size - 1)
        pooled, at_once = pool(members), histogram_of(together)
    assert pooled.exactness == at_once.exactness == "19bit"
    require_equal(pooled, coarse(together))
    require_equal(pooled, (at_once.value, at_once.count))


def test_a_pool_of_formats_keeps_16_bit_values_exact(monkeypatch):
    small, large = sample("F16", 300).astype(np.float32), full(sample("F32", 300))
    members = [histogram_of(small), histogram_of(large)]
    monkeypatch.setattr(histogram, "DISTINCT_LIMIT", 500)
    pooled = pool(members)
    assert (pooled.exactness, pooled.dtype, pooled.n) == ("19bit", "F32", 600)
    expected = np.concatenate([np.repeat(*brute(small)), np.repeat(*coarse(large))])
    require_equal(pooled, brute(expected))
    assert pool([histogram_of(sample("F16", 9)), histogram_of(small)]).dtype == "mixed"
    halves_twice = pool([histogram_of(sample("F16", 400)), histogram_of(small)])
    assert halves_twice.exactness == "f16"  # a 16-bit format has few values, whatever the size


def test_a_pool_with_a_19_bit_member_is_19_bit(monkeypatch):
    values = full(sample("F32", 200))
    exact = histogram_of(values)
    monkeypatch.setattr(histogram, "DISTINCT_LIMIT", 100)
    binned = histogram_of(values)
    monkeypatch.setattr(histogram, "DISTINCT_LIMIT", 1 << 22)
    pooled = pool([exact, binned])
    assert pooled.exactness == "19bit"
    require_equal(pooled, coarse(np.concatenate([values, values])))


def test_a_pool_of_one_is_itself():
    alone = histogram_of(sample("F32", 100))
    assert pool([alone]) is alone


@given(
    st.lists(st.tuples(st.sampled_from(["F16", "BF16", "F32"]), st.integers(1, 40)), min_size=1, max_size=9),
    st.integers(1, 200),
    st.integers(0, 9),
)
def test_a_pool_that_grows_is_the_pool_of_its_members(kinds, limit, own):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(histogram, "DISTINCT_LIMIT", limit)
        members = [
            histogram_of(array if dtype == "F16" else array.astype(np.float32))
            for dtype, array in ((dtype, sample(dtype, number, number)) for dtype, number in kinds)
        ]
        part = Pool()
        for member in members[:own]:
            part.add(member)
        whole = Pool([part])
        for member in members[own:]:
            whole.add(member)
        grown, expected = whole.histogram(), pool(members)
        again = whole.histogram()
    require_equal(grown, (expected.value, expected.count))
    for name in ("dtype", "exactness", "n", "minimum", "maximum"):
        assert getattr(grown, name) == getattr(again, name) == getattr(expected, name)
    assert grown.sum == pytest.approx(expected.sum, rel=1e-14, abs=1e-14)
    assert whole.deviations == [(member.standard_deviation, member.n) for member in members]


@given(f32_parts.filter(lambda parts: len(parts) > 1))
def test_merging_two_runs(parts):
    (left, left_count), (right, right_count) = brute(parts[0]), brute(parts[1])
    value, number = merge_counts(left, left_count, right, right_count)
    expected = brute(np.concatenate(parts[:2]))
    np.testing.assert_array_equal(value, expected[0])
    np.testing.assert_array_equal(number, expected[1])
