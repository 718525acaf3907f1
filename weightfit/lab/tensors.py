"""Writes the arrays of a model as the tensors of a checkpoint, and reads them back."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from weightfit.errors import DivergedTraining, IncompleteCheckpoint
from weightfit.lab.architecture import OUTSIDE, Architecture, shapes
from weightfit.weights.header import Header
from weightfit.weights.manifest import WeightFile
from weightfit.weights.safetensors import read_header
from weightfit.weights.writer import CheckpointWriter

Arrays = Mapping[str, npt.NDArray[np.float32]]

GPT_NEOX_NAMES = {
    "embedding": "gpt_neox.embed_in.weight",
    "head": "embed_out.weight",
    "final_norm": "gpt_neox.final_layer_norm.weight",
    "final_norm_bias": "gpt_neox.final_layer_norm.bias",
    "attention_norm": "gpt_neox.layers.{i}.input_layernorm.weight",
    "attention_norm_bias": "gpt_neox.layers.{i}.input_layernorm.bias",
    "ffn_norm": "gpt_neox.layers.{i}.post_attention_layernorm.weight",
    "ffn_norm_bias": "gpt_neox.layers.{i}.post_attention_layernorm.bias",
    "qkv": "gpt_neox.layers.{i}.attention.query_key_value.weight",
    "qkv_bias": "gpt_neox.layers.{i}.attention.query_key_value.bias",
    "o": "gpt_neox.layers.{i}.attention.dense.weight",
    "o_bias": "gpt_neox.layers.{i}.attention.dense.bias",
    "ffn_in": "gpt_neox.layers.{i}.mlp.dense_h_to_4h.weight",
    "ffn_in_bias": "gpt_neox.layers.{i}.mlp.dense_h_to_4h.bias",
    "ffn_out": "gpt_neox.layers.{i}.mlp.dense_4h_to_h.weight",
    "ffn_out_bias": "gpt_neox.layers.{i}.mlp.dense_4h_to_h.bias",
}
"""Name of each array's tensor in the family that stores queries, keys and values as one tensor."""

SEPARATE_NAMES = {
    "embedding": ("model.embed_tokens.weight",),
    "head": ("lm_head.weight",),
    "final_norm": ("model.norm.weight",),
    "attention_norm": ("model.layers.{i}.input_layernorm.weight",),
    "ffn_norm": ("model.layers.{i}.post_attention_layernorm.weight",),
    "qkv": tuple(f"model.layers.{{i}}.self_attn.{part}_proj.weight" for part in "qkv"),
    "qkv_bias": tuple(f"model.layers.{{i}}.self_attn.{part}_proj.bias" for part in "qkv"),
    "q_norm": ("model.layers.{i}.self_attn.q_norm.weight",),
    "k_norm": ("model.layers.{i}.self_attn.k_norm.weight",),
    "o": ("model.layers.{i}.self_attn.o_proj.weight",),
    "ffn_in": ("model.layers.{i}.mlp.gate_proj.weight", "model.layers.{i}.mlp.up_proj.weight"),
    "ffn_out": ("model.layers.{i}.mlp.down_proj.weight",),
}
"""Names of each array's tensors, in the order of their rows, in families that store every matrix by itself."""

NORMS_AFTER = {
    "attention_norm": ("model.layers.{i}.post_attention_layernorm.weight",),
    "ffn_norm": ("model.layers.{i}.post_feedforward_layernorm.weight",),
}


def _names(architecture: Architecture, array: str) -> tuple[str, ...]:
    if architecture.block == "gpt-neox":
        return (GPT_NEOX_NAMES[array],)
    if architecture.family.norm_place == "after":
        return (SEPARATE_NAMES | NORMS_AFTER)[array]
    return SEPARATE_NAMES[array]


def _rows(architecture: Architecture, array: str) -> list[npt.NDArray[np.intp]]:
    """Return, for each tensor of an array, the rows of the array that it holds, in the tensor's order."""
    width, key_width, hidden = architecture.width, architecture.key_width, architecture.hidden
    if array in ("qkv", "qkv_bias"):
        if architecture.block == "gpt-neox":  # queries, keys and values of one head after another
            whole = np.arange(3 * width).reshape(3, architecture.heads, architecture.head_width)
            return [whole.swapaxes(0, 1).ravel()]
        return np.split(np.arange(width + 2 * key_width), [width, width + key_width])
    if array == "ffn_in" and architecture.family.gated:
        return np.split(np.arange(2 * hidden), 2)
    shape = shapes(architecture)[array]
    return [np.arange(shape[0 if array in OUTSIDE else 1])]


def _places(
    architecture: Architecture,
) -> Iterator[tuple[str, str, tuple[int | slice | npt.NDArray[np.intp], ...]]]:
    """Yield the name of every tensor, the array that holds it, and its place in the array."""
    arrays = shapes(architecture)
    for array in arrays:
        if array in OUTSIDE:
            yield _names(architecture, array)[0], array, (slice(None),)
    for block in range(architecture.layers):
        for array in arrays:
            if array not in OUTSIDE:
                for name, rows in zip(_names(architecture, array), _rows(architecture, array), strict=True):
                    yield name.format(i=block), array, (block, rows)


def write_checkpoint(folder: Path, step: int, architecture: Architecture, arrays: Arrays) -> WeightFile:
    """Write ``step{N}.safetensors`` with every weight rounded to the nearest F16 number.

    Parameters
    ----------
    folder
        The entry's folder of weights.
    arrays
        Float32 arrays by name, as `shapes` lists them.

    Raises
    ------
    DivergedTraining
        If a weight is not finite or rounds to a number beyond the largest of F16.
    """
    path = folder / f"step{step}.safetensors"
    tensors = {name: arrays[array][place] for name, array, place in _places(architecture)}
    for name, values in tensors.items():
        largest = float(np.abs(values).max())
        if not largest < 65520:  # rounds to infinity from here on; NaN fails the comparison too
            raise DivergedTraining(
                f"{path.name}: tensor {name!r} holds {largest}, which F16 cannot hold; the training diverged: "
                "lower learning_rate"
            )
    with CheckpointWriter(path, [(name, "F16", values.shape) for name, values in tensors.items()]) as writer:
        for values in tensors.values():
            writer.write(np.ascontiguousarray(values, "<f2"))
    return WeightFile(path.name, step, writer.bytes, writer.sha256)


def read_checkpoint(path: Path, architecture: Architecture) -> dict[str, npt.NDArray[np.float32]]:
    """Read the arrays of a checkpoint that `write_checkpoint` wrote.

    Returns
    -------
    dict
        Float32 arrays by name, as `shapes` lists them.

    Raises
    ------
    MalformedCheckpoint
        If the file breaks a law of its format.
    IncompleteCheckpoint
        If its tensors are not exactly those of the architecture, in F16.
    """
    header = read_header(path)
    stored = _stored(header)
    arrays = {name: np.empty(shape, np.float32) for name, shape in shapes(architecture).items()}
    places = list(_places(architecture))
    expected = {name: ("F16", arrays[array][place].shape) for name, array, place in places}
    found = {tensor.name: (tensor.dtype, tensor.shape) for tensor in header.tensors}
    if found != expected:
        wrong = sorted(found.items() ^ expected.items())[0][0]
        raise IncompleteCheckpoint(
            f"{path.name}: tensor {wrong!r} is {found.get(wrong, 'absent')} but the entry's settings ask for "
            f"{expected.get(wrong, 'none')}; give an entry and its base the same shape"
        )
    for name, array, place in places:
        arrays[array][place] = stored[name]
    return arrays


def _stored(header: Header) -> dict[str, npt.NDArray[np.float16]]:
    data = np.memmap(header.path, np.uint8, "r")
    return {
        tensor.name: data[tensor.begin : tensor.end].view("<f2").reshape(tensor.shape)
        for tensor in header.tensors
        if tensor.dtype == "F16"
    }
