"""Draw the weights of a Pythia model at initialization, at full size.

The standard deviations are those of the two recipes in the paper's Appendix A.2. Only the weight matrices of the
blocks are drawn; biases, norms and embeddings are not, because the paper does not fit them. The numbers are
independent and Gaussian, so this source tests the analysis and says nothing about training.
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from weightfit.documents import write_json
from weightfit.errors import CohortError
from weightfit.task import each
from weightfit.weights.manifest import WeightFile, whole_folder
from weightfit.weights.writer import CheckpointWriter

PIECE = 1 << 16
"""How many normal numbers are drawn at a time: 256 kB in float32, which stay in a core's cache."""

TENSORS = {
    "qkv": "attention.query_key_value",
    "o": "attention.dense",
    "ffn_in": "mlp.dense_h_to_4h",
    "ffn_out": "mlp.dense_4h_to_h",
}
"""The four matrices of a GPT-NeoX block, in the order of their seeds."""


def standard_deviations(recipe: str, layers: int, width: int) -> dict[str, float]:
    """Return the standard deviation that a recipe gives to each of a block's matrices.

    Recipe A is ``small_init`` for matrices that read the residual stream and ``wang_init`` for those that write to
    it; recipe B is ``normal`` and ``scaled_normal``, respectively (the paper, Appendix A.2; initialisers of GPT-NeoX).

    Parameters
    ----------
    recipe
        Name of the recipe, as in the column ``initialization`` of ``paper/entries.tsv``.
    layers
        Number of blocks of the whole model.
    width
        Width of the residual stream.

    Returns
    -------
    dict
        Standard deviations under the keys ``qkv``, ``o``, ``ffn_in`` and ``ffn_out``.

    Raises
    ------
    CohortError
        If there is no such recipe.

    Examples
    --------
    >>> sigma = standard_deviations("recipe-b", layers=32, width=4096)
    >>> sigma["qkv"], sigma["o"]
    (0.02, 0.0025)
    """
    if recipe == "recipe-a":
        reading, writing = math.sqrt(2 / (5 * width)), 2 / (layers * math.sqrt(width))
    elif recipe == "recipe-b":
        reading, writing = 0.02, 0.02 / math.sqrt(2 * layers)
    else:
        raise CohortError(
            f"initialization {recipe!r} cannot be drawn: use an entry of 'recipe-a' or 'recipe-b'"
        )
    return {"qkv": reading, "o": writing, "ffn_in": reading, "ffn_out": writing}


def normals(seed: Sequence[int], count: int, piece: int = PIECE) -> Iterator[npt.NDArray[np.float32]]:
    """Yield standard normal numbers in pieces; the numbers do not depend on the size of the pieces.

    Parameters
    ----------
    seed
        Entropy of the seed sequence of the PCG64 generator.

    Yields
    ------
    ndarray of float32, shape (<= piece,)
        A buffer that the next piece overwrites.
    """
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(list(seed))))
    buffer = np.empty(min(piece, count), np.float32)
    for begin in range(0, count, piece):
        part = buffer[: min(piece, count - begin)]
        generator.standard_normal(dtype=np.float32, out=part)
        yield part


def encode(values: npt.NDArray[np.float32], dtype: str) -> npt.NDArray[np.generic]:
    """Round values to a dtype of safetensors, to nearest with ties to even.

    Parameters
    ----------
    values
        Numbers that are finite before and after rounding.

    Returns
    -------
    ndarray
        Array of float16, uint16 (the bits of BF16) or float32.

    Raises
    ------
    CohortError
        If there is no such dtype.
    RuntimeWarning
        From numpy, if a value exceeds the range of F16.

    Examples
    --------
    >>> [hex(bits) for bits in encode(np.array([1.0, -0.02], np.float32), "BF16")]
    ['0x3f80', '0xbca4']
    """
    if dtype == "F16":
        return values.astype("<f2")
    if dtype == "BF16":
        # BF16 is the upper half of a float32. Adding just under half a unit of the upper half, and one more bit if
        # that half is odd, carries into it exactly when rounding to nearest, ties to even, rounds up.
        bits = values.view(np.uint32)
        return (
            (bits + (np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1)))) >> np.uint32(16)
        ).astype("<u2")
    if dtype == "F32":
        return values.astype("<f4", copy=False)
    raise CohortError(f"dtype {dtype!r} cannot be written: use 'F16', 'BF16' or 'F32'")


def initialize(
    folder: Path,
    *,
    layers: int,
    width: int,
    heads: int,
    hidden: int,
    recipe: str,
    seed: int = 0,
    dtype: str = "F16",
    blocks: int | None = None,
) -> tuple[list[WeightFile], dict[str, object]]:
    """Write ``step0.safetensors`` and ``config.json`` of a GPT-NeoX model that was never trained.

    The numbers of a tensor depend only on ``seed``, ``layers``, ``width`` and the tensor's place in the whole
    model. They do not depend on which other tensors are drawn, nor on ``dtype``, which only rounds them. Peak memory
    is that of numpy plus about 4 MB.

    Parameters
    ----------
    folder
        Folder to write; an existing one is replaced.
    layers, width, heads, hidden
        Dimensions of the whole model: number of blocks, width of the residual stream, number of attention heads, and
        feed-forward width.
    blocks
        Number of blocks to write, from the first on; all by default. The standard deviations stay those of a model
        with ``layers`` blocks.

    Returns
    -------
    files : list of WeightFile
    settings : dict
        Settings for the manifest.

    Raises
    ------
    CohortError
        If the arguments do not fit together.
    """
    drawn = layers if blocks is None else blocks
    sigma = standard_deviations(recipe, layers, width)
    encode(np.zeros(1, np.float32), dtype)  # an unknown dtype is refused before any work
    if width % heads:
        raise CohortError(f"width {width} is no multiple of the {heads} heads: correct one of them")
    if not 1 <= drawn <= layers:
        raise CohortError(f"{drawn} blocks are asked for, the model has {layers}: ask for 1 to {layers}")
    if seed < 0:
        raise CohortError(f"seed {seed} is negative: use an integer from 0 on")

    shapes = {
        "qkv": (3 * width, width),
        "o": (width, width),
        "ffn_in": (hidden, width),
        "ffn_out": (width, hidden),
    }
    tensors = [
        (f"gpt_neox.layers.{block}.{name}.weight", dtype, shapes[matrix])
        for block in range(drawn)
        for matrix, name in TENSORS.items()
    ]
    config: dict[str, object] = {
        "architectures": ["GPTNeoXForCausalLM"],
        "model_type": "gpt_neox",
        "num_hidden_layers": layers,
        "hidden_size": width,
        "num_attention_heads": heads,
        "num_key_value_heads": heads,
        "head_dim": width // heads,
        "intermediate_size": hidden,
    }
    if drawn < layers:
        config["weightfit_blocks"] = list(range(drawn))

    with whole_folder(folder) as unfinished:
        with CheckpointWriter(unfinished / "step0.safetensors", tensors) as writer:
            for index in each(range(len(tensors)), "matrices"):
                matrix = list(TENSORS)[index % len(TENSORS)]
                scale = np.float32(sigma[matrix])
                # The model's shape is part of the seed, so that the entries of a family are independent samples.
                for piece in normals((seed, layers, width, index), math.prod(shapes[matrix])):
                    np.multiply(piece, scale, out=piece)
                    writer.write(encode(piece, dtype))
        write_json(unfinished / "config.json", config)
    settings = {
        "recipe": recipe,
        "standard_deviations": sigma,
        "seed": seed,
        "dtype": dtype,
        "blocks": list(range(drawn)),
        "layers": layers,
        "width": width,
        "heads": heads,
        "hidden": hidden,
    }
    return [WeightFile("step0.safetensors", 0, writer.bytes, writer.sha256)], settings
