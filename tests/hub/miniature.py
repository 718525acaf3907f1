"""Miniatures of the paper's families as the Hub serves them: right names, dtypes, files and config.json."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

import ml_dtypes
import numpy as np
from pytorch_file import checkpoint as pytorch_checkpoint
from server import Hub

from weightfit.weights.writer import CheckpointWriter

WIDTH, HEADS, HIDDEN, VOCABULARY = 64, 2, 128, 11
DTYPES = {"float16": "F16", "float32": "F32", "bfloat16": "BF16", "uint8": "U8"}

Arrays = Mapping[str, np.ndarray]


class Draw:
    """Draws weights; each miniature has a seed of its own."""

    def __init__(self, seed: int, dtype: type | np.dtype):
        self.random, self.dtype = np.random.default_rng([700, seed]), dtype

    def __call__(self, rows: int, columns: int, sigma: float = 0.02) -> np.ndarray:
        drawn = sigma * self.random.standard_t(8, (rows, columns))
        return drawn.astype(np.float32).astype(self.dtype)

    def ones(self, *shape: int) -> np.ndarray:
        return np.ones(shape, self.dtype)


def gpt_neox(
    seed: int, layers: int, dtype: type = np.float16, buffers: bool = False
) -> dict[str, np.ndarray]:
    """Return Pythia: fused q, k and v head by head, biases, and the buffers of old files."""
    draw = Draw(seed, np.float16)
    tensors = {"gpt_neox.embed_in.weight": draw.ones(VOCABULARY, WIDTH)}
    for block in range(layers):
        start = f"gpt_neox.layers.{block}."
        shapes = {
            "attention.query_key_value": (3 * WIDTH, WIDTH),
            "attention.dense": (WIDTH, WIDTH),
            "mlp.dense_h_to_4h": (4 * WIDTH, WIDTH),
            "mlp.dense_4h_to_h": (WIDTH, 4 * WIDTH),
        }
        for name, shape in shapes.items():
            tensors[f"{start}{name}.weight"] = draw(*shape, 0.02 if "4h_to_h" not in name else 0.012)
            tensors[f"{start}{name}.bias"] = draw.ones(shape[0])
        for norm in ("input_layernorm", "post_attention_layernorm"):
            tensors |= {f"{start}{norm}.{part}": draw.ones(WIDTH) for part in ("weight", "bias")}
        if buffers:
            tensors[f"{start}attention.bias"] = np.tril(np.ones((1, 1, 4, 4), np.uint8))
            tensors[f"{start}attention.masked_bias"] = np.array(-np.inf, np.float16)
            tensors[f"{start}attention.rotary_emb.inv_freq"] = draw.ones(4)
    tensors |= {f"gpt_neox.final_layer_norm.{part}": draw.ones(WIDTH) for part in ("weight", "bias")}
    tensors["embed_out.weight"] = draw.ones(VOCABULARY, WIDTH)
    # The F32 files of Pythia's steps hold F16 values.
    return {
        name: array if array.dtype == np.uint8 else array.astype(dtype) for name, array in tensors.items()
    }


def llama_type(
    seed: int,
    layers: int,
    dtype: type,
    key_heads: int = 1,
    extra: Mapping[str, int] | None = None,
    norms: tuple[str, ...] = ("input_layernorm", "post_attention_layernorm"),
    final_norm: bool = True,
    tied: bool = False,
    vocabulary: int = VOCABULARY,
) -> dict[str, np.ndarray]:
    """Return a model with separate projections; ``extra`` are vectors of each block and their lengths."""
    draw, head = Draw(seed, dtype), WIDTH // HEADS
    tensors = {"model.embed_tokens.weight": draw.ones(vocabulary, WIDTH)}
    shapes = {
        "self_attn.q_proj": (WIDTH, WIDTH),
        "self_attn.k_proj": (key_heads * head, WIDTH),
        "self_attn.v_proj": (key_heads * head, WIDTH),
        "self_attn.o_proj": (WIDTH, WIDTH),
        "mlp.gate_proj": (HIDDEN, WIDTH),
        "mlp.up_proj": (HIDDEN, WIDTH),
        "mlp.down_proj": (WIDTH, HIDDEN),
    }
    for block in range(layers):
        start = f"model.layers.{block}."
        tensors |= {f"{start}{name}.weight": draw(*shape) for name, shape in shapes.items()}
        tensors |= {f"{start}{norm}.weight": draw.ones(WIDTH) for norm in norms}
        tensors |= {f"{start}{name}": draw.ones(length) for name, length in (extra or {}).items()}
    if final_norm:
        tensors["model.norm.weight"] = draw.ones(WIDTH)
    return tensors if tied else tensors | {"lm_head.weight": draw.ones(VOCABULARY, WIDTH)}


def olmo_1_original(converted: Arrays, layers: int) -> dict[str, np.ndarray]:
    """Return the original form of OLMo-1 from its converted one: q, k, v stacked, and up before gate."""
    tensors = {
        "model.transformer.wte.weight": converted["model.embed_tokens.weight"],
        "model.transformer.ff_out.weight": converted["lm_head.weight"],
    }
    for block in range(layers):
        start, own = f"model.layers.{block}.", f"model.transformer.blocks.{block}."
        stacked = {
            "att_proj": [f"self_attn.{name}_proj" for name in "qkv"],
            "attn_out": ["self_attn.o_proj"],
            "ff_proj": ["mlp.up_proj", "mlp.gate_proj"],
            "ff_out": ["mlp.down_proj"],
        }
        for name, parts in stacked.items():
            tensors[f"{own}{name}.weight"] = np.concatenate(
                [converted[f"{start}{part}.weight"] for part in parts]
            )
    return tensors


def safetensors(arrays: Arrays) -> bytes:
    """Return the bytes of a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        tensors = [(name, DTYPES[array.dtype.name], array.shape) for name, array in arrays.items()]
        with CheckpointWriter(path, tensors) as writer:
            for array in arrays.values():
                writer.write(array.view("<u2") if array.dtype == ml_dtypes.bfloat16 else array)
        return path.read_bytes()


def config(architecture: str, layers: int, key_heads: int = HEADS, hidden: int = HIDDEN) -> bytes:
    """Return config.json."""
    return json.dumps(
        {
            "architectures": [architecture],
            "num_hidden_layers": layers,
            "hidden_size": WIDTH,
            "num_attention_heads": HEADS,
            "num_key_value_heads": key_heads,
            "intermediate_size": hidden,
        }
    ).encode()


def whole(arrays: Arrays, told: bytes) -> dict[str, bytes]:
    """Return the files of a repository with one weight file."""
    return {"model.safetensors": safetensors(arrays), "config.json": told}


def sharded(arrays: Arrays, told: bytes, cut: int, pytorch: bool = False) -> dict[str, bytes]:
    """Return the files of a repository with two weight files and their index; ``cut`` can lie within a block."""
    stem, ending = ("pytorch_model", "bin") if pytorch else ("model", "safetensors")
    names = list(arrays)
    files = {
        f"{stem}-{n}-of-00002.{ending}": part for n, part in (("00001", names[:cut]), ("00002", names[cut:]))
    }
    index = {"metadata": {}, "weight_map": {name: file for file, part in files.items() for name in part}}
    index_name = f"{stem}.{'safetensors' if not pytorch else 'bin'}.index.json"
    write = pytorch_checkpoint if pytorch else safetensors
    made = {file: write({name: arrays[name] for name in part}) for file, part in files.items()}
    return made | {index_name: json.dumps(index).encode(), "config.json": told}


NEOX = config("GPTNeoXForCausalLM", 2, hidden=4 * WIDTH)
LAYERS = 2
OLMO = llama_type(20, LAYERS, np.float32, key_heads=HEADS, norms=(), final_norm=False)


def serve(hub: Hub) -> None:
    """Put a miniature of every family of the paper on a server."""
    for revision, seed in (("step0", 1), ("step1", 2), ("step5000", 3), ("step143000", 4)):
        hub.add("EleutherAI/pythia-70m", whole(gpt_neox(seed, 2, np.float32), NEOX), revision)
    hub.add("EleutherAI/pythia-70m", whole(gpt_neox(4, 2, buffers=True), NEOX), "main")
    for revision, seed in (("step0", 5), ("step143000", 6)):
        tensors = gpt_neox(seed, 2, buffers=True)
        hub.add("EleutherAI/pythia-6.9b", sharded(tensors, NEOX, 19, pytorch=True), revision)
    hub.add("allenai/OLMo-7B", whole(olmo_1_original(OLMO, LAYERS), b'{"n_heads": 2, "d_model": 64}'))
    hub.add("allenai/OLMo-7B-hf", sharded(OLMO, config("OlmoForCausalLM", LAYERS), 5))
    olmo_2 = llama_type(
        21,
        LAYERS,
        np.float32,
        key_heads=HEADS,
        extra={"self_attn.q_norm.weight": WIDTH, "self_attn.k_norm.weight": WIDTH},
        norms=("post_attention_layernorm", "post_feedforward_layernorm"),
    )
    hub.add("allenai/OLMo-2-1124-7B", sharded(olmo_2, config("Olmo2ForCausalLM", LAYERS), 9))
    llama = llama_type(22, LAYERS, ml_dtypes.bfloat16)
    hub.add("meta-llama/Meta-Llama-3-8B", whole(llama, config("LlamaForCausalLM", LAYERS, 1)), gated=True)
    mistral = llama_type(23, LAYERS, ml_dtypes.bfloat16)
    hub.add("mistralai/Mistral-7B-v0.1", sharded(mistral, config("MistralForCausalLM", LAYERS, 1), 8))
    biases = {f"self_attn.{name}_proj.bias": WIDTH if name == "q" else WIDTH // HEADS for name in "qkv"}
    for name, seed, layers, tied in (("Qwen2.5-3B", 24, 3, True), ("Qwen2.5-14B", 25, 3, False)):
        qwen = llama_type(seed, layers, ml_dtypes.bfloat16, extra=biases, tied=tied)
        hub.add(f"Qwen/{name}", sharded(qwen, config("Qwen2ForCausalLM", layers, 1), 16))
    head = WIDTH // HEADS
    qwen_3 = llama_type(
        26,
        LAYERS,
        ml_dtypes.bfloat16,
        extra={"self_attn.q_norm.weight": head, "self_attn.k_norm.weight": head},
        vocabulary=60_000,  # a file of 8 MB, large enough to be cut off in the middle
    )
    hub.add("Qwen/Qwen3-8B", whole(qwen_3, config("Qwen3ForCausalLM", LAYERS, 1)))


def entry(paper_entry: str | None, repository: str, **revisions: int | None) -> dict[str, object]:
    """Return an item of a cohort file."""
    download = {"repository": repository, "revisions": revisions or {"main": None}}
    return {"paper_entry": paper_entry, "stand_in": False, "download": download}


COHORT = {
    "name": "miniature",
    "description": "Miniatures of the paper's families, from a server of the tests.",
    "entries": {
        "pythia-70m": entry(
            "pythia-70m", "EleutherAI/pythia-70m", step0=0, step1=1, step5000=5000, step143000=143000
        ),
        "pythia-70m-main": entry(None, "EleutherAI/pythia-70m"),
        "pythia-6.9b": entry("pythia-6.9b", "EleutherAI/pythia-6.9b", step0=0, step143000=143000),
        "olmo-1-7b": entry("olmo-1-7b", "allenai/OLMo-7B"),
        "olmo-1-7b-converted": entry(None, "allenai/OLMo-7B-hf"),
        "olmo-2-7b": entry("olmo-2-7b", "allenai/OLMo-2-1124-7B"),
        "llama-3-8b": entry("llama-3-8b", "meta-llama/Meta-Llama-3-8B"),
        "mistral-7b": entry("mistral-7b", "mistralai/Mistral-7B-v0.1"),
        "qwen2.5-3b": entry("qwen2.5-3b", "Qwen/Qwen2.5-3B"),
        "qwen2.5-14b": entry("qwen2.5-14b", "Qwen/Qwen2.5-14B"),
        "qwen3-8b": entry("qwen3-8b", "Qwen/Qwen3-8B"),
        "qwen2-7b": entry("qwen2-7b", "Qwen/Qwen2-7B"),
    },
}
"""One is gated and one is missing."""
