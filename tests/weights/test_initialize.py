"""Step 0 drawn at true size: sigmas, independence of tensors, rounding, bytes."""

import hashlib
import json
import math
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import special, stats

import weightfit.weights.initialize
from weightfit.documents import write_json
from weightfit.errors import CohortError
from weightfit.weights.families import components
from weightfit.weights.initialize import encode, initialize, normals, standard_deviations
from weightfit.weights.manifest import WeightFile, whole_folder, write_manifest
from weightfit.weights.plan import plan, read_config
from weightfit.weights.safetensors import read_header

SMALL = {"layers": 4, "width": 48, "heads": 4, "hidden": 96, "recipe": "recipe-a"}

# The paper's Table 5, column "Predicted ratio": layers, width, recipe, closed form.
TABLE_5 = [
    (6, 512, "recipe-a", 6 / math.sqrt(10)),
    (12, 768, "recipe-a", 12 / math.sqrt(10)),
    (24, 1024, "recipe-a", 24 / math.sqrt(10)),
    (16, 2048, "recipe-a", 16 / math.sqrt(10)),
    (32, 4096, "recipe-b", math.sqrt(64)),
]


def values(folder: Path) -> dict[str, np.ndarray]:
    """Read every tensor of step 0 by its offsets, as raw bits."""
    path = folder / "step0.safetensors"
    data = path.read_bytes()
    kinds = {"F16": "<f2", "BF16": "<u2", "F32": "<f4"}
    return {
        tensor.name: np.frombuffer(data[tensor.begin : tensor.end], kinds[tensor.dtype]).reshape(tensor.shape)
        for tensor in read_header(path).tensors
    }


@pytest.mark.parametrize(("layers", "width", "recipe", "ratio"), TABLE_5)
def test_sigma_ratio_is_that_of_the_papers_table_5(layers, width, recipe, ratio):
    sigma = standard_deviations(recipe, layers, width)
    assert sigma["qkv"] / sigma["o"] == pytest.approx(ratio, rel=1e-14)
    assert sigma["ffn_in"] / sigma["ffn_out"] == pytest.approx(ratio, rel=1e-14)


def test_sigmas_in_closed_form():
    # sqrt(2 / (5 * 640)) = 1/40 and 2 / (8 * sqrt(1024)) = 1/128 exactly.
    assert standard_deviations("recipe-a", 8, 640)["qkv"] == pytest.approx(1 / 40, rel=1e-15)
    assert standard_deviations("recipe-a", 8, 1024)["ffn_out"] == 1 / 128
    assert standard_deviations("recipe-b", 32, 7) == {
        "qkv": 0.02,
        "o": 0.0025,
        "ffn_in": 0.02,
        "ffn_out": 0.0025,
    }


@pytest.mark.parametrize("recipe", ["recipe-a", "recipe-b"])
@pytest.mark.parametrize("dtype", ["F16", "F32"])
def test_weights_are_gaussian_with_the_recipes_sigma(tmp_path, recipe, dtype):
    shape = {"layers": 9, "width": 256, "heads": 4, "hidden": 1024}
    _, settings = initialize(tmp_path / "w", **shape, recipe=recipe, dtype=dtype, blocks=1)
    for name, matrix in zip(("qkv", "o", "ffn_in", "ffn_out"), values(tmp_path / "w").values(), strict=True):
        sigma = standard_deviations(recipe, 9, 256)[name]
        assert settings["standard_deviations"][name] == sigma
        w = matrix.ravel().astype(np.float64) / sigma
        assert abs(w.std() - 1) < 4 / math.sqrt(2 * w.size)
        assert stats.kstest(w, "norm").pvalue > 1e-3
    blocks = {"qkv": (768, 256), "o": (256, 256), "ffn_in": (1024, 256), "ffn_out": (256, 1024)}
    assert [matrix.shape for matrix in values(tmp_path / "w").values()] == list(blocks.values())


def test_numpys_float32_normals_have_the_tail_of_the_law():
    # Counts beyond 3, 4 and 4.5 sigma are binomial; by hand the same was done for 1e8 numbers.
    counts, edges, n = np.zeros(3), np.array([3.0, 4.0, 4.5]), 1 << 23
    for piece in normals((0, 1), n):
        beyond = np.abs(piece[np.abs(piece) > 3])
        counts += [np.count_nonzero(beyond > edge) for edge in edges]
    share = 2 * special.ndtr(-edges)
    assert np.all(np.abs(counts - n * share) < 4 * np.sqrt(n * share))


@given(count=st.integers(0, 300), piece=st.integers(1, 301))
def test_normals_do_not_depend_on_the_pieces(count, piece):
    whole = np.random.Generator(np.random.PCG64(np.random.SeedSequence([3, 5]))).standard_normal(
        count, dtype=np.float32
    )
    parts = [part.copy() for part in normals((3, 5), count, piece)]
    assert np.array_equal(np.concatenate([np.empty(0, np.float32), *parts]), whole)


def test_a_tensor_does_not_depend_on_the_others(tmp_path):
    initialize(tmp_path / "all", **SMALL)
    initialize(tmp_path / "two", **SMALL, blocks=2)
    every, two = values(tmp_path / "all"), values(tmp_path / "two")
    assert len(every) == 16 and len(two) == 8
    assert all(np.array_equal(every[name], two[name]) for name in two)
    flat = [matrix.ravel()[:1000].astype(np.float64) for matrix in every.values()]
    assert np.abs(np.corrcoef(flat) - np.eye(16)).max() < 5 / math.sqrt(1000)


@pytest.mark.parametrize("change", [{"seed": 1}, {"layers": 5, "blocks": 4}])
def test_another_seed_or_model_gives_other_numbers(tmp_path, change):
    initialize(tmp_path / "a", **SMALL, dtype="F32")
    initialize(tmp_path / "b", **(SMALL | {"dtype": "F32"} | change))
    for a, b in zip(values(tmp_path / "a").values(), values(tmp_path / "b").values(), strict=True):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 5 / math.sqrt(a.size)


def test_dtypes_round_the_same_draws(tmp_path):
    for dtype in ("F16", "BF16", "F32"):
        initialize(tmp_path / dtype, **SMALL, dtype=dtype)
    for name, exact in values(tmp_path / "F32").items():
        assert np.array_equal(values(tmp_path / "F16")[name], exact.astype(np.float16))
        rounded = exact.astype(ml_dtypes.bfloat16).view(np.uint16)
        assert np.array_equal(values(tmp_path / "BF16")[name], rounded)


@given(hnp.arrays(np.float32, 32, elements=st.floats(-(2.0**126), 2.0**126, width=32)))
def test_bf16_rounds_to_nearest_even(x):
    assert np.array_equal(encode(x, "BF16"), x.astype(ml_dtypes.bfloat16).view(np.uint16))


def test_ties_go_to_even():
    for upper in (
        0x3F80,
        0x3F81,
        0x0000,
        0x0001,
        0x8001,
        0xBF7F,
    ):  # every neighbourhood of a tie, below, at, above
        bits = (np.uint32(upper) << 16) + np.array([0x7FFF, 0x8000, 0x8001], np.uint32)
        assert list(encode(bits.view(np.float32), "BF16")) == [upper, upper + (upper & 1), upper + 1]


@given(hnp.arrays(np.float32, 32, elements=st.floats(-6e4, 6e4, width=32)))
def test_f16_rounds_to_nearest_even(x):
    # Scaled so that the grid of F16 (or its subnormal grid, 2^-24) is the integers, where rint is exact.
    exponent = np.maximum(np.frexp(x)[1] - 11, -24)
    expected = np.ldexp(np.rint(np.ldexp(x.astype(np.float64), -exponent)), exponent)
    assert np.array_equal(encode(x, "F16").astype(np.float64), expected)


def test_architecture_knows_what_is_written(tmp_path):
    for blocks, number in ((None, 4), (2, 2)):
        initialize(tmp_path / "w", **SMALL, blocks=blocks)
        header, config = read_header(tmp_path / "w/step0.safetensors"), read_config(tmp_path / "w")
        found = plan([header], config)
        assert found.family == "gpt-neox" and not found.left_out
        assert {(p.block, p.component) for pieces in found.pieces.values() for p in pieces} == {
            (block, component) for block in range(number) for component in components("gpt-neox")
        }
        assert config["num_hidden_layers"] == 4
        assert config.get("weightfit_blocks") == (None if blocks is None else [0, 1])


def test_bytes_are_the_same_again_and_the_manifest_states_them(tmp_path):
    for name in ("a", "b"):
        files, settings = initialize(tmp_path / name / "weights", **SMALL, dtype="BF16", blocks=1)
        write_manifest(
            tmp_path / name / "m.json",
            entry="e",
            source="initialize",
            stand_in=True,
            files=files,
            settings=settings,
        )
    a, b = ((tmp_path / name) for name in ("a", "b"))
    for path in ("m.json", "weights/step0.safetensors", "weights/config.json"):
        assert (a / path).read_bytes() == (b / path).read_bytes()
    manifest = json.loads((a / "m.json").read_text())
    data = (a / "weights/step0.safetensors").read_bytes()
    assert manifest["files"] == [
        {
            "path": "step0.safetensors",
            "step": 0,
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
        }
    ]
    assert manifest["settings"]["blocks"] == [0] and manifest["settings"]["dtype"] == "BF16"
    assert manifest["repository"] is None and manifest["commit"] is None
    assert sorted(path.name for path in (a / "weights").iterdir()) == ["config.json", "step0.safetensors"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"recipe": "kaiming"}, "initialization 'kaiming' cannot be drawn"),
        ({"dtype": "F64"}, "dtype 'F64' cannot be written"),
        ({"heads": 5}, "width 48 is no multiple of the 5 heads"),
        ({"blocks": 0}, "0 blocks are asked for"),
        ({"blocks": 5}, "5 blocks are asked for, the model has 4"),
        ({"seed": -1}, "seed -1 is negative"),
    ],
)
def test_refusals_leave_nothing(tmp_path, change, words):
    with pytest.raises(CohortError, match=words):
        initialize(tmp_path / "deep" / "w", **(SMALL | change))
    assert list(tmp_path.iterdir()) == []


def test_a_failure_while_drawing_leaves_nothing(tmp_path, monkeypatch):
    initialize(tmp_path / "w", **SMALL)
    before = (tmp_path / "w/step0.safetensors").read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(weightfit.weights.initialize, "write_json", fail)
    with pytest.raises(OSError, match="disk full"):
        initialize(tmp_path / "w", **SMALL, seed=1)
    assert [path.name for path in tmp_path.iterdir()] == ["w"]
    assert (tmp_path / "w/step0.safetensors").read_bytes() == before


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    (tmp_path / "w").mkdir()
    (tmp_path / "w/old").touch()
    with whole_folder(tmp_path / "w") as part:
        (part / "new").touch()
    assert [path.name for path in (tmp_path / "w").iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["w"]


@pytest.mark.parametrize("value", [math.nan, math.inf, Path("p")])
def test_a_manifest_that_cannot_be_written_leaves_nothing(tmp_path, value):
    with pytest.raises((TypeError, ValueError)):
        write_json(tmp_path / "m.json", {"a": value})
    with pytest.raises((TypeError, ValueError)):
        write_manifest(
            tmp_path / "m.json",
            entry="e",
            source="s",
            stand_in=False,
            files=[WeightFile("f", None, 1, "00")],
            settings={"a": value},
        )
    assert list(tmp_path.iterdir()) == []
