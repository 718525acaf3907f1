"""Read the weight matrices of one layer of a checkpoint as arrays."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightfit.components import COMPONENTS
from weightfit.errors import ContractError
from weightfit.weights.declared import Architecture
from weightfit.weights.decoding import read_matrix
from weightfit.weights.formats import read_header
from weightfit.weights.index import weight_files
from weightfit.weights.plan import Piece, plan, read_config


def read_layer(
    source: Path, layer: int, stack: str | None = None, declared: Architecture | None = None
) -> dict[str, NDArray[Any]]:
    """Read the weight matrices of one layer; no other weights are read.

    Parameters
    ----------
    source
        A folder with all weight files of one checkpoint and its config.json, or one such file.
    layer
        Number of the block, from 0.
    stack
        ``encoder`` or ``decoder``, if the model has both.
    declared
        Names of the tensors of an architecture that is not known.

    Returns
    -------
    dict
        Matrices ``(outputs, inputs)`` by component, in the order of `weightfit.components.COMPONENTS`, in float16 or
        float32 as `weightfit.weights.decoding.read_matrix` returns them. Fused tensors are split.

    Raises
    ------
    ContractError
        If the checkpoint has no such layer.
    WeightfitError
        If the checkpoint has any other fault; see `weightfit.weights.formats.read_header` and
        `weightfit.weights.plan.plan`.
    """
    paths = [source] if source.is_file() else weight_files(source)
    headers = [read_header(path) for path in paths]
    pieces = plan(headers, read_config(paths[0].parent), declared=declared, stack=stack).pieces
    blocks = sorted({piece.block for held in pieces.values() for piece in held})
    if layer not in blocks:
        raise ContractError(f"{source}: there is no layer {layer}; the layers are {blocks}")
    found: dict[str, NDArray[Any]] = {}
    for header in headers:
        for tensor in header.tensors:
            held = pieces.get(tensor.name, ())
            if held and held[0].block == layer:
                matrix = read_matrix(header.path, tensor)
                found |= {piece.component: matrix_of(matrix, piece) for piece in held}
    return {component: found[component] for component in COMPONENTS if component in found}


def matrix_of(tensor: NDArray[Any], piece: Piece) -> NDArray[Any]:
    """Return the matrix ``(outputs, inputs)`` that a tensor, or a part of it, holds; its outputs keep their order."""
    outputs = np.ascontiguousarray(tensor.T) if piece.transposed else tensor
    if piece.length == piece.period:
        return outputs
    place = np.arange(outputs.shape[0]) % piece.period - piece.start
    return outputs[(place >= 0) & (place < piece.length)]
