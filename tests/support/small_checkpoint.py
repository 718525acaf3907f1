"""Small checkpoints of two families, whose matrices all differ."""

import json
from pathlib import Path

import numpy as np

from weightfit.weights.writer import CheckpointWriter

HIDDEN, INNER, HEADS, BLOCKS = 32, 64, 4, 2
FAMILIES = {"gpt-neox": ("F16", "GPTNeoXForCausalLM"), "qwen-2": ("F32", "Qwen2ForCausalLM")}


def names(family: str) -> dict[str, tuple[int, ...]]:
    """Return name and shape of every tensor, blocks in descending order."""
    found: dict[str, tuple[int, ...]] = {}
    for block in reversed(range(BLOCKS)):
        if family == "gpt-neox":
            start = f"gpt_neox.layers.{block}."
            found[f"{start}attention.query_key_value.weight"] = (3 * HIDDEN, HIDDEN)
            found[f"{start}attention.query_key_value.bias"] = (3 * HIDDEN,)
            found[f"{start}attention.dense.weight"] = (HIDDEN, HIDDEN)
            found[f"{start}mlp.dense_h_to_4h.weight"] = (INNER, HIDDEN)
            found[f"{start}mlp.dense_4h_to_h.weight"] = (HIDDEN, INNER)
            found[f"{start}input_layernorm.weight"] = (HIDDEN,)
        else:
            start = f"model.layers.{block}."
            for head in "qkv":
                found[f"{start}self_attn.{head}_proj.weight"] = (HIDDEN, HIDDEN)
                found[f"{start}self_attn.{head}_proj.bias"] = (HIDDEN,)
            found[f"{start}self_attn.o_proj.weight"] = (HIDDEN, HIDDEN)
            found[f"{start}mlp.gate_proj.weight"] = (INNER, HIDDEN)
            found[f"{start}mlp.up_proj.weight"] = (INNER, HIDDEN)
            found[f"{start}mlp.down_proj.weight"] = (HIDDEN, INNER)
    found["gpt_neox.embed_in.weight" if family == "gpt-neox" else "model.embed_tokens.weight"] = (7, HIDDEN)
    return found


def weights(family: str) -> dict[str, np.ndarray]:
    """Return Student-t weights of another width in each tensor, so that no two matrices agree."""
    random = np.random.default_rng(7)
    kind = {"F16": np.float16, "F32": np.float32}[FAMILIES[family][0]]
    return {
        name: (random.standard_t(3 + number, shape) * 0.01 * (number + 1)).astype(kind)
        for number, (name, shape) in enumerate(names(family).items())
    }


def write(path: Path, tensors: dict[str, np.ndarray]) -> CheckpointWriter:
    """Write arrays to a safetensors file; the writer knows its sha256."""
    dtype = {"float16": "F16", "float32": "F32"}
    with CheckpointWriter(
        path, [(name, dtype[a.dtype.name], a.shape) for name, a in tensors.items()]
    ) as writer:
        for array in tensors.values():
            writer.write(array)
    return writer


def configuration(family: str) -> dict[str, object]:
    """Return what config.json says."""
    return {
        "architectures": [FAMILIES[family][1]],
        "num_hidden_layers": BLOCKS,
        "hidden_size": HIDDEN,
        "num_attention_heads": HEADS,
        "intermediate_size": INNER,
    }


def checkpoint(folder: Path, family: str) -> Path:
    """Make a folder with a checkpoint in one file."""
    folder.mkdir()
    write(folder / "model.safetensors", weights(family))
    (folder / "config.json").write_text(json.dumps(configuration(family)))
    return folder


def shard(folder: Path, family: str) -> None:
    """Replace the one file by two: the first has every other tensor, so each block is in both."""
    (folder / "model.safetensors").unlink()
    tensors, where = weights(family), {}
    for number in range(2):
        file = f"model-{number}.safetensors"
        some = dict(list(tensors.items())[number::2])
        write(folder / file, some)
        where |= dict.fromkeys(some, file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": where}))
