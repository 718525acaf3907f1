"""Draws the weights of a model before its first step."""

import math

import numpy as np
import numpy.typing as npt

from weightfit.errors import CohortError
from weightfit.lab.architecture import MATRICES, Architecture, shapes
from weightfit.weights.initialize import standard_deviations

INITIALIZATIONS = ("recipe-a", "recipe-b", "truncated-normal")
"""Names of the initializations, as `paper/entries.tsv` spells them."""

CUTOFF = 3.0
"""Bound of a truncated normal number, in standard deviations of the normal one (OLMo, olmo/model.py)."""


def scales(initialization: str, layers: int, width: int) -> dict[str, float]:
    """Return the standard deviation with which each kind of matrix is drawn, before truncation.

    Recipe A is that of `weightfit.weights.initialize`. Recipe B, like the paper's, divides the standard deviation of
    matrices that write to the residual stream by sqrt(2 L), but this standard deviation scales with the width, where
    the paper has 0.02. The truncated normal is recipe B with each number redrawn until it lies within three standard
    deviations.

    Parameters
    ----------
    initialization
        One of `INITIALIZATIONS`.

    Returns
    -------
    dict
        Standard deviations under the keys ``embedding``, ``head``, ``qkv``, ``o``, ``ffn_in``, ``ffn_out``.

    Raises
    ------
    CohortError
        If the initialization is unknown.

    Examples
    --------
    >>> sigma = scales("recipe-b", layers=8, width=40)
    >>> round(sigma["qkv"], 6), round(sigma["qkv"] / sigma["o"], 6)
    (0.1, 4.0)
    """
    if initialization not in INITIALIZATIONS:
        raise CohortError(f"initialization {initialization!r} is unknown; use one of {list(INITIALIZATIONS)}")
    # ASSUME lab-initialization: sigma is sqrt(2 / (5 d)) everywhere; 0.02 at a width of 40 to 80 would be too small.
    chosen = standard_deviations("recipe-a", layers, width)
    reading = chosen["qkv"]
    if initialization != "recipe-a":
        chosen["o"] = chosen["ffn_out"] = reading / math.sqrt(2 * layers)
    return {"embedding": reading, "head": reading, **chosen}


def draw(architecture: Architecture, initialization: str, seed: int) -> dict[str, npt.NDArray[np.float32]]:
    """Draw the arrays of a model; the numbers of a matrix depend only on its kind, its shape and the seed.

    Parameters
    ----------
    initialization
        One of `INITIALIZATIONS`.

    Returns
    -------
    dict
        Float32 arrays by name, as `shapes` lists them: matrices are random, biases zero, and weights of norms one.
    """
    sigma = scales(initialization, architecture.layers, architecture.width)
    arrays = {}
    for name, shape in shapes(architecture).items():
        if name in MATRICES:
            generator = np.random.default_rng([seed, MATRICES.index(name)])
            normal = generator.standard_normal(shape, np.float32)
            if initialization == "truncated-normal":
                _redraw(normal, generator)
            arrays[name] = normal * np.float32(sigma[name])
        else:
            arrays[name] = np.full(shape, 0 if name.endswith("_bias") else 1, np.float32)
    return arrays


def _redraw(normal: npt.NDArray[np.float32], generator: np.random.Generator) -> None:
    while (outside := np.abs(normal) > CUTOFF).any():
        normal[outside] = generator.standard_normal(int(outside.sum()), np.float32)
