"""Small checkpoints of the Llama type, as a person might have them in a folder."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from counted_entries import NAMES
from safetensors.numpy import save_file

WIDTH, BLOCKS, HEADS, HIDDEN = 64, 2, 4, 96
SHAPES = {"gate": (HIDDEN, WIDTH), "up": (HIDDEN, WIDTH), "down": (WIDTH, HIDDEN)}


def name(block: int, component: str) -> str:
    return f"model.layers.{block}.{NAMES[component]}.weight"


def checkpoint(matrices: Mapping[tuple[int, str], np.ndarray]) -> dict[str, np.ndarray]:
    """Return the tensors of a checkpoint: these matrices, Gaussian ones for the rest, norms and embedding."""
    generator = np.random.default_rng(20)
    tensors = {}
    for block in range(BLOCKS):
        for component in NAMES:
            drawn = 0.02 * generator.standard_normal(SHAPES.get(component, (WIDTH, WIDTH)))
            tensors[name(block, component)] = np.asarray(matrices.get((block, component), drawn), np.float32)
        for norm in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"model.layers.{block}.{norm}.weight"] = np.ones(WIDTH, np.float32)
    tensors["model.norm.weight"] = np.ones(WIDTH, np.float32)
    tensors["model.embed_tokens.weight"] = np.ones((10, WIDTH), np.float32)
    return tensors


def write(folder: Path, *shards: Mapping[str, np.ndarray]) -> None:
    """Write a checkpoint as one file, or as several with their index, beside a config.json."""
    folder.mkdir()
    names = ["model.safetensors"]
    if len(shards) > 1:
        names = [f"model-{place + 1:05}-of-{len(shards):05}.safetensors" for place in range(len(shards))]
        where = {tensor: file for file, shard in zip(names, shards, strict=True) for tensor in shard}
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": where}))
    for file, shard in zip(names, shards, strict=True):
        save_file(dict(shard), folder / file)
    config = {
        "architectures": ["LlamaForCausalLM"],
        "num_hidden_layers": BLOCKS,
        "hidden_size": WIDTH,
        "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS,
        "head_dim": WIDTH // HEADS,
        "intermediate_size": HIDDEN,
    }
    (folder / "config.json").write_text(json.dumps(config))
