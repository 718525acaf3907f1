"""Every block type against a forward pass in plain numpy, written from the architectures' definitions.

The reference reads the weights back from the safetensors file by transformers' names, so names, orientations
and the order of rows are proved with the mathematics.
"""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from safetensors.numpy import load_file
from scipy.special import erf

import weightfit.lab  # noqa: F401  (before jax)
from weightfit.errors import CohortError, DivergedTraining, IncompleteCheckpoint
from weightfit.lab.architecture import BLOCKS, MATRICES, OUTSIDE, Architecture, configuration, shapes
from weightfit.lab.initial import draw, scales
from weightfit.lab.model import next_byte_loss, predict
from weightfit.lab.tensors import read_checkpoint, write_checkpoint
from weightfit.weights.plan import plan
from weightfit.weights.safetensors import read_header

# isort: split
import jax
import jax.numpy as jnp

Array = npt.NDArray[np.float64]
Weights = dict[str, Array]

SEPARATE = {"layers": 2, "width": 16, "heads": 4, "key_heads": 2, "head_width": 4, "hidden": 24}
MODELS = {
    "gpt-neox": Architecture("gpt-neox", 2, 16, 2, 2, 8, 24, tied=False),
    "olmo-1": Architecture("olmo-1", 2, 16, 4, 4, 4, 24, tied=False),
    "olmo-2": Architecture("olmo-2", **SEPARATE, tied=False),
    "llama": Architecture("llama", **SEPARATE, tied=False),
    "mistral": Architecture("mistral", **SEPARATE, tied=False),
    "qwen-2": Architecture("qwen-2", **SEPARATE, tied=False),
    "qwen-2 tied": Architecture("qwen-2", **SEPARATE, tied=True),
    "qwen-3": Architecture("qwen-3", **SEPARATE, tied=False),
}
TOKENS = np.random.default_rng(5).integers(0, 256, (2, 12))


def rough_weights(architecture: Architecture) -> dict[str, npt.NDArray[np.float32]]:
    """Draw weights of which none is zero or one: a bias or a norm that is left out shows."""
    generator = np.random.default_rng(11)
    arrays = {}
    for name, shape in shapes(architecture).items():
        middle = 1.0 if "norm" in name and not name.endswith("_bias") else 0.0
        width = 1.0 if name in ("embedding", "head") else 0.3
        # Rounded to F16, as the file will have them.
        arrays[name] = generator.normal(middle, width, shape).astype(np.float16).astype(np.float32)
    return arrays


# The reference.


def softmax(scores: Array) -> Array:
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def layer_norm(x: Array, weight: Array | float = 1.0, bias: Array | float = 0.0) -> Array:
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + 1e-5) * weight + bias


def rms_norm(x: Array, weight: Array, epsilon: float) -> Array:
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + epsilon) * weight


def rotary(x: Array, rotated: int) -> Array:
    """Rotate one head, shape (sequence, head width), pair by pair as complex numbers."""
    turned = x.copy()
    for position in range(x.shape[0]):
        for pair in range(rotated // 2):
            number = complex(x[position, pair], x[position, pair + rotated // 2])
            number *= np.exp(1j * position * 10000.0 ** (-2 * pair / rotated))
            turned[position, pair], turned[position, pair + rotated // 2] = number.real, number.imag
    return turned


def attend(q: Array, k: Array, v: Array) -> Array:
    """Attention of one head, each (sequence, head width), position by position."""
    return np.stack(
        [softmax(q[t] @ k[: t + 1].T / math.sqrt(q.shape[1])) @ v[: t + 1] for t in range(len(q))]
    )


def gpt_neox(w: Weights, tokens: npt.NDArray[np.int64], model: Architecture) -> Array:
    x = w["gpt_neox.embed_in.weight"][tokens]
    for i in range(model.layers):
        own = {key.removeprefix(f"gpt_neox.layers.{i}."): value for key, value in w.items()}
        z = layer_norm(x, own["input_layernorm.weight"], own["input_layernorm.bias"])
        fused = z @ own["attention.query_key_value.weight"].T + own["attention.query_key_value.bias"]
        fused = fused.reshape(len(x), model.heads, 3 * model.head_width)  # as transformers' view
        outputs = []
        for head in range(model.heads):
            q, k, v = np.split(fused[:, head], 3, axis=-1)
            turn = model.head_width // 4
            outputs.append(attend(rotary(q, turn), rotary(k, turn), v))
        attention = (
            np.concatenate(outputs, -1) @ own["attention.dense.weight"].T + own["attention.dense.bias"]
        )
        z = layer_norm(x, own["post_attention_layernorm.weight"], own["post_attention_layernorm.bias"])
        z = z @ own["mlp.dense_h_to_4h.weight"].T + own["mlp.dense_h_to_4h.bias"]
        z = z * (1 + erf(z / math.sqrt(2))) / 2
        x = x + attention + z @ own["mlp.dense_4h_to_h.weight"].T + own["mlp.dense_4h_to_h.bias"]
    x = layer_norm(x, w["gpt_neox.final_layer_norm.weight"], w["gpt_neox.final_layer_norm.bias"])
    return x @ w["embed_out.weight"].T


def separate(w: Weights, tokens: npt.NDArray[np.int64], model: Architecture) -> Array:
    """Compute OLMo, Llama, Mistral and Qwen models."""
    epsilon = {"olmo-2": 1e-6, "qwen-2": 1e-6, "qwen-3": 1e-6}.get(model.block, 1e-5)

    def norm(x: Array, name: str) -> Array:
        if model.block == "olmo-1":
            assert f"{name}.weight" not in w
            return layer_norm(x)
        return rms_norm(x, w[f"{name}.weight"], epsilon)

    x = w["model.embed_tokens.weight"][tokens]
    for i in range(model.layers):
        layer = f"model.layers.{i}"
        after = model.block == "olmo-2"
        z = x if after else norm(x, f"{layer}.input_layernorm")
        projected = {}
        for part in "qkv":
            projected[part] = z @ w[f"{layer}.self_attn.{part}_proj.weight"].T
            if model.block == "qwen-2":
                projected[part] += w[f"{layer}.self_attn.{part}_proj.bias"]
        if model.block == "olmo-2":  # over the whole width
            for part in "qk":
                projected[part] = norm(projected[part], f"{layer}.self_attn.{part}_norm")
        width = model.head_width
        outputs = []
        for head in range(model.heads):
            shared = head // (model.heads // model.key_heads)
            q = projected["q"][:, head * width : (head + 1) * width]
            k = projected["k"][:, shared * width : (shared + 1) * width]
            v = projected["v"][:, shared * width : (shared + 1) * width]
            if model.block == "qwen-3":  # per head
                q = norm(q, f"{layer}.self_attn.q_norm")
                k = norm(k, f"{layer}.self_attn.k_norm")
            outputs.append(attend(rotary(q, width), rotary(k, width), v))
        attention = np.concatenate(outputs, -1) @ w[f"{layer}.self_attn.o_proj.weight"].T
        x = x + (norm(attention, f"{layer}.post_attention_layernorm") if after else attention)
        z = x if after else norm(x, f"{layer}.post_attention_layernorm")
        gate = z @ w[f"{layer}.mlp.gate_proj.weight"].T
        z = gate / (1 + np.exp(-gate)) * (z @ w[f"{layer}.mlp.up_proj.weight"].T)
        z = z @ w[f"{layer}.mlp.down_proj.weight"].T
        x = x + (norm(z, f"{layer}.post_feedforward_layernorm") if after else z)
    return norm(x, "model.norm") @ w.get("lm_head.weight", w["model.embed_tokens.weight"]).T


def reference_loss(logits: Array, wanted: npt.NDArray[np.int64]) -> float:
    return float(
        np.mean([-math.log(softmax(row)[target]) for row, target in zip(logits, wanted, strict=True)])
    )


def reference(model: Architecture) -> Callable[[Weights, npt.NDArray[np.int64], Architecture], Array]:
    return gpt_neox if model.block == "gpt-neox" else separate


def stored(folder: Path, model: Architecture, arrays: dict[str, npt.NDArray[np.float32]]) -> Weights:
    file = write_checkpoint(folder, 3, model, arrays)
    assert (file.path, file.step) == ("step3.safetensors", 3)
    return {name: value.astype(np.float64) for name, value in load_file(folder / file.path).items()}


# Forward pass and gradient.


def test_mistral_is_computed_as_llama() -> None:
    llama = BLOCKS["llama"]
    assert replace(BLOCKS["mistral"], model_class=llama.model_class, model_type=llama.model_type) == llama


@pytest.mark.parametrize("name", [name for name in MODELS if name != "mistral"])
def test_a_block_computes_what_its_architecture_defines(tmp_path: Path, name: str) -> None:
    model = MODELS[name]
    arrays = rough_weights(model)
    weights = stored(tmp_path, model, arrays)
    assert ("lm_head.weight" in weights or "embed_out.weight" in weights) is not model.tied

    def both(arrays: dict[str, jax.Array], tokens: jax.Array) -> tuple[jax.Array, jax.Array]:
        seen = jax.nn.one_hot(tokens[:, :-1], 256, dtype=jnp.float32)
        return next_byte_loss(model, arrays, tokens), predict(model, arrays, seen)

    # Compiling takes longer than computing, unless the compiler leaves the program as it is.
    plain = {"xla_backend_optimization_level": 0}
    slopes_and_more = jax.jit(jax.value_and_grad(both, has_aux=True), compiler_options=plain)
    (loss, logits), slopes = slopes_and_more(
        {key: jnp.asarray(value) for key, value in arrays.items()}, TOKENS
    )
    compute = partial(reference(model), model=model)
    expected = np.stack([compute(weights, row[:-1]) for row in TOKENS])
    assert np.abs(np.asarray(logits) - expected).max() < 2e-4 * np.abs(expected).max()

    def whole_loss(weights: Weights) -> float:
        return float(np.mean([reference_loss(compute(weights, row[:-1]), row[1:]) for row in TOKENS]))

    assert float(loss) == pytest.approx(whole_loss(weights), rel=1e-5)

    # The slope of the reference along a random direction, by central differences in float64. A direction is
    # given a name in the file by the same writer, so it passes through the same permutations.
    direction = {
        key: np.random.default_rng(7).normal(0, 1, value.shape).astype(np.float16).astype(np.float32)
        for key, value in arrays.items()
    }
    moved = stored(tmp_path, model, direction)
    small = 1e-6
    ahead = whole_loss({key: value + small * moved[key] for key, value in weights.items()})
    behind = whole_loss({key: value - small * moved[key] for key, value in weights.items()})
    along = sum(float(np.vdot(np.asarray(slopes[key], np.float64), direction[key])) for key in arrays)
    assert along == pytest.approx((ahead - behind) / (2 * small), rel=2e-3, abs=1e-4)


# Tensors.


@pytest.mark.parametrize("name", MODELS)
def test_a_reader_of_real_checkpoints_knows_every_tensor(tmp_path: Path, name: str) -> None:
    model = MODELS[name]
    arrays = rough_weights(model)
    weights = stored(tmp_path, model, arrays)
    header = read_header(tmp_path / "step3.safetensors")
    config = json.loads(json.dumps(configuration(model, 12)))
    found = plan([header], config)
    assert found.family == ("llama" if model.block == "mistral" else model.block)
    assert found.pieces.keys() | found.left_out.keys() == {tensor.name for tensor in header.tensors}
    assert {tensor.dtype for tensor in header.tensors} == {"F16"}
    # The parts that are counted as q, k, v ... are those of the arrays that the model computes with.
    width, keys = model.width, model.key_width
    expected = {
        "q": arrays["qkv"][:, :width],
        "k": arrays["qkv"][:, width : width + keys],
        "v": arrays["qkv"][:, width + keys :],
        "o": arrays["o"],
    }
    if model.family.gated:
        expected |= {"gate": arrays["ffn_in"][:, : model.hidden], "up": arrays["ffn_in"][:, model.hidden :]}
        expected |= {"down": arrays["ffn_out"]}
    else:
        expected |= {"ffn_in": arrays["ffn_in"], "ffn_out": arrays["ffn_out"]}
    seen = set()
    for tensor, pieces in found.pieces.items():
        for piece in pieces:
            row = np.arange(len(weights[tensor])) % piece.period
            part = weights[tensor][(piece.start <= row) & (row < piece.start + piece.length)]
            assert np.array_equal(part, expected[piece.component][piece.block])
            seen.add((piece.block, piece.component))
    assert seen == {(block, component) for block in range(model.layers) for component in expected}
    again = read_checkpoint(tmp_path / "step3.safetensors", model)
    assert again.keys() == arrays.keys()
    assert all(np.array_equal(again[key], arrays[key]) for key in arrays)


def test_a_weight_is_rounded_to_the_nearest(tmp_path: Path) -> None:
    model = MODELS["llama"]
    arrays = rough_weights(model)
    arrays["o"][0, 0, :3] = [1 + 2**-12, 1 + 2**-10 - 2**-13, 65519.0]
    weights = stored(tmp_path, model, arrays)
    assert weights["model.layers.0.self_attn.o_proj.weight"][0, :3].tolist() == [1.0, 1 + 2**-10, 65504.0]


@pytest.mark.parametrize("value", [65520.0, -1e30, np.inf, np.nan])
def test_a_weight_that_does_not_fit_is_refused(tmp_path: Path, value: float) -> None:
    arrays = rough_weights(MODELS["llama"])
    arrays["ffn_out"][1, 2, 3] = value
    with pytest.raises(
        DivergedTraining, match=r"step3.safetensors: tensor 'model.layers.1.mlp.down_proj.weight'"
    ):
        write_checkpoint(tmp_path, 3, MODELS["llama"], arrays)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("other", ["qwen-2", "qwen-2 tied", "gpt-neox"])
def test_a_checkpoint_of_another_architecture_is_refused(tmp_path: Path, other: str) -> None:
    write_checkpoint(tmp_path, 0, MODELS["llama"], rough_weights(MODELS["llama"]))
    with pytest.raises(IncompleteCheckpoint, match="give an entry and its base the same shape"):
        read_checkpoint(tmp_path / "step0.safetensors", MODELS[other])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"block": "gpt-2"}, "block 'gpt-2' is unknown"),
        ({"layers": 0}, "at least 1"),
        ({"key_heads": 3}, "multiple of key_heads"),
        ({"width": 20}, r"heads x head_width \(4 x 4\) must equal width \(20\)"),
        ({"width": 12, "head_width": 3}, "3 of 3 numbers of a head are rotated"),
        ({"block": "gpt-neox"}, "1 of 4 numbers of a head are rotated"),
        ({"block": "olmo-1"}, "as many key_heads as heads"),
        ({"block": "olmo-2", "tied": True}, "an output head of its own"),
    ],
)
def test_a_shape_that_cannot_be_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(CohortError, match=message):
        Architecture(**({"block": "llama", **SEPARATE, "tied": False} | changes))  # type: ignore[arg-type]


# First weights.


def test_matrices_start_with_the_scales_of_their_recipe() -> None:
    model = Architecture("gpt-neox", 8, 64, 8, 8, 8, 256, tied=False)
    read, wang, scaled = math.sqrt(2 / (5 * 64)), 2 / (8 * math.sqrt(64)), math.sqrt(2 / (5 * 64)) / 4
    for recipe, write in (("recipe-a", wang), ("recipe-b", scaled)):
        arrays = draw(model, recipe, seed=3)
        for name, sigma in {
            "qkv": read,
            "ffn_in": read,
            "embedding": read,
            "o": write,
            "ffn_out": write,
        }.items():
            n = arrays[name].size
            assert arrays[name].std() == pytest.approx(sigma, rel=5 / math.sqrt(2 * n))
            assert abs(arrays[name].mean()) < 5 * sigma / math.sqrt(n)
        assert {float(arrays[name].min()) for name in arrays if name.endswith("_bias")} == {0.0}
        assert {float(arrays[name].max()) for name in arrays if name.endswith("_bias")} == {0.0}
        assert all((arrays[name] == 1).all() for name in arrays if name.endswith("norm"))
    assert scales("recipe-a", 8, 64)["qkv"] / scales("recipe-a", 8, 64)["o"] == pytest.approx(
        8 / math.sqrt(10)
    )


def test_the_truncated_normal_ends_at_three() -> None:
    model = Architecture("olmo-1", 4, 64, 4, 4, 16, 176, tied=False)
    arrays = draw(model, "truncated-normal", seed=3)
    sigma = scales("truncated-normal", 4, 64)
    for name in MATRICES:
        largest = float(np.abs(arrays[name]).max()) / sigma[name]
        assert 2.9 < largest < 3.0001
    # The standard deviation of a normal law cut at three: sqrt(1 - 6 phi(3) / (2 Phi(3) - 1)).
    cut = math.sqrt(1 - 6 * math.exp(-4.5) / math.sqrt(2 * math.pi) / math.erf(3 / math.sqrt(2)))
    ratio = float(arrays["ffn_in"].std()) / sigma["ffn_in"]
    assert ratio == pytest.approx(cut, abs=5 / math.sqrt(2 * arrays["ffn_in"].size))
    assert ratio < 1 - 3 / math.sqrt(2 * arrays["ffn_in"].size)


def test_a_seed_decides_every_matrix() -> None:
    model = MODELS["llama"]
    first, again, other = (draw(model, "recipe-b", seed) for seed in (1, 1, 2))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    matrices = [name for name in first if name in MATRICES]
    assert not any(np.array_equal(first[name], other[name]) for name in matrices)
    starts = {first[name].ravel()[0] / scales("recipe-b", 2, 16)[name] for name in matrices}
    assert len(starts) == len(matrices)
    assert set(OUTSIDE) & set(first) == {"embedding", "head", "final_norm"}


def test_an_unknown_initialization_is_refused() -> None:
    with pytest.raises(CohortError, match="initialization 'unknown' is unknown; use one of"):
        draw(MODELS["llama"], "unknown", 1)
