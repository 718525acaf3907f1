"""Draw matrices from known laws, as positive controls whose population values are known.

Every law is symmetric about 0, so it is described by the law of the magnitude |w|.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from weightfit.documents import write_json
from weightfit.errors import CohortError
from weightfit.weights.initialize import encode
from weightfit.weights.manifest import WeightFile, whole_folder
from weightfit.weights.planted_laws import Law, Values, make_law
from weightfit.weights.writer import CheckpointWriter

SIZE_LIMIT = 1 << 24
"""Largest number of values of a planted matrix, which is drawn as a whole in float64."""

COMPONENTS = {
    "q": "self_attn.q_proj",
    "k": "self_attn.k_proj",
    "v": "self_attn.v_proj",
    "o": "self_attn.o_proj",
    "gate": "mlp.gate_proj",
    "up": "mlp.up_proj",
    "down": "mlp.down_proj",
}
"""The seven matrices of a block, in the order of their seeds."""


@dataclass(frozen=True)
class Planted:
    """The law that the matrices of some components of one block follow.

    Attributes
    ----------
    components
        Keys of `COMPONENTS`.
    law
        Name of the law, a key of `LAWS`.
    parameters
        All parameters of the law except ``size``.
    """

    block: int
    components: Sequence[str]
    law: str
    parameters: Mapping[str, float]


def plant(
    folder: Path,
    *,
    matrices: Sequence[Planted],
    width: int,
    heads: int,
    key_value_heads: int,
    hidden: int,
    seed: int = 0,
    dtype: str = "F32",
) -> tuple[list[WeightFile], dict[str, object]]:
    """Write ``model.safetensors`` and ``config.json`` of a model whose matrices follow known laws.

    The tensor names are those of OLMo-1 in transformers, whose blocks consist of exactly seven matrices. A matrix
    depends only on ``seed``, its block, its component, its shape and its law. Peak memory is about four times that
    of the largest matrix in float64.

    Parameters
    ----------
    folder
        Folder to write; an existing one is replaced.
    matrices
        Laws of the matrices; together they name every component of the blocks 0, 1, ... exactly once.
    width, heads, key_value_heads, hidden
        Dimensions of the model, from which the shapes follow as in transformers: q and o are (width, width), k and v
        are (key_value_heads width / heads, width), gate and up are (hidden, width), and down is (width, hidden).
    dtype
        Stored dtype: F16, BF16 or F32. In F16, small magnitudes are multiples of 2^-24.

    Returns
    -------
    files : list of WeightFile
    settings : dict
        Settings for the manifest.

    Raises
    ------
    CohortError
        If the arguments do not fit together, or a value exceeds the range of ``dtype``.
    """
    if width % heads or heads % key_value_heads:
        raise CohortError(
            f"width {width}, heads {heads}, key_value_heads {key_value_heads}: each must divide the one before it"
        )
    if seed < 0:
        raise CohortError(f"seed {seed} is negative: use an integer from 0 on")
    encode(np.zeros(1, np.float32), dtype)  # an unknown dtype is refused before any work
    narrow = key_value_heads * (width // heads)
    shapes = {
        "q": (width, width),
        "k": (narrow, width),
        "v": (narrow, width),
        "o": (width, width),
        "gate": (hidden, width),
        "up": (hidden, width),
        "down": (width, hidden),
    }
    if width * max(width, hidden) > SIZE_LIMIT:
        raise CohortError(f"a matrix would have over {SIZE_LIMIT} values: choose a smaller width or hidden")
    laws = _laws(matrices, {component: math.prod(shape) for component, shape in shapes.items()})
    tensors = [
        (f"model.layers.{block}.{COMPONENTS[component]}.weight", dtype, shapes[component])
        for block, component in laws
    ]
    with whole_folder(folder) as unfinished:
        with CheckpointWriter(unfinished / "model.safetensors", tensors) as writer:
            for (block, component), law in laws.items():
                place = list(COMPONENTS).index(component)
                generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, block, place])))
                values = law.draw(generator, math.prod(shapes[component]))
                writer.write(_encode(values, dtype, f"block {block}, component {component}, {law}"))
        write_json(
            unfinished / "config.json",
            {
                "architectures": ["OlmoForCausalLM"],
                "model_type": "olmo",
                "num_hidden_layers": len(laws) // len(COMPONENTS),
                "hidden_size": width,
                "num_attention_heads": heads,
                "num_key_value_heads": key_value_heads,
                "head_dim": width // heads,
                "intermediate_size": hidden,
            },
        )
    settings: dict[str, object] = {
        "matrices": [asdict(planted) for planted in matrices],
        "width": width,
        "heads": heads,
        "key_value_heads": key_value_heads,
        "hidden": hidden,
        "seed": seed,
        "dtype": dtype,
    }
    return [WeightFile("model.safetensors", None, writer.bytes, writer.sha256)], settings


def _laws(matrices: Sequence[Planted], sizes: Mapping[str, int]) -> dict[tuple[int, str], Law]:
    """Return the law of every block and component, in the order of the file."""
    laws: dict[tuple[int, str], Law] = {}
    for planted in matrices:
        for component in planted.components:
            if component not in COMPONENTS:
                raise CohortError(
                    f"block {planted.block}: component {component!r} is none of {', '.join(COMPONENTS)}"
                )
            if (planted.block, component) in laws:
                raise CohortError(f"block {planted.block}, component {component}: it is planted twice")
            laws[planted.block, component] = make_law(planted.law, planted.parameters, sizes[component])
    blocks = range(len({block for block, _ in laws}))
    wanted = [(block, component) for block in blocks for component in COMPONENTS]
    missing = [key for key in wanted if key not in laws]
    if missing or not laws:
        block, component = (missing or [(0, "q")])[0]
        raise CohortError(
            f"block {block}, component {component}: nothing is planted there; blocks count from 0 and each "
            f"needs {', '.join(COMPONENTS)}"
        )
    return {key: laws[key] for key in wanted}


def _encode(values: Values, dtype: str, where: str) -> npt.NDArray[np.generic]:
    with np.errstate(over="ignore"):
        encoded = encode(values.astype(np.float32), dtype)
    # The exponent of an infinity in BF16 is all ones, as in F16 and F32.
    finite = encoded.view(np.uint16) & 0x7F80 != 0x7F80 if dtype == "BF16" else np.isfinite(encoded)
    if not finite.all():
        raise CohortError(
            f"{where}: a value exceeds the range of {dtype}: choose a wider dtype or another law"
        )
    return encoded
