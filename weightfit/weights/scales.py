"""The scales of 8-bit weights: which tensor scales which matrix, and which values share a scale.

A stored value stands for its product with its scale, also where the scale is called an inverse: ``weight_scale`` of
compressed-tensors (``_dequantize`` in quantization/lifecycle/forward.py) and of FBGEMM
(transformers/integrations/fbgemm_fp8.py), ``weight_scale_inv`` of DeepSeek-V3 (``weight_dequant`` in
inference/kernel.py) and of transformers 5.23.0 (``Fp8Dequantize`` in integrations/finegrained_fp8.py).
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from weightfit.documents import quote
from weightfit.errors import IncompleteCheckpoint, MalformedCheckpoint
from weightfit.weights.encodings import WIDTHS
from weightfit.weights.header import Tensor

SCALED = ("F8_E4M3", "F8_E5M2")
"""Dtypes whose values may have scales."""

SCALE, SCALE_OF_BLOCKS = "_scale", "_scale_inv"
"""What follows the name of a matrix in the name of its scale: one for all or for each row, or one for each block."""

BLOCK = 128
"""Number of rows, and of columns, of a block that shares a scale."""

ACTIVATIONS = ("input_scale", "k_scale", "v_scale")
"""Last parts of the names of scales by which no weight is multiplied: of inputs, and of cached keys and values."""

USE_ANOTHER = "use the checkpoint from which it was quantized, or convert it to BF16"


def with_scales(path: Path, tensors: Sequence[Tensor]) -> list[Tensor]:
    """Return the tensors of a file, those in `SCALED` with their scale if the file has it.

    Raises
    ------
    MalformedCheckpoint
        If a tensor has two scales.
    """
    known = {tensor.name: tensor for tensor in tensors}
    found = []
    for tensor in tensors:
        if tensor.dtype in SCALED:
            scales = [
                known[tensor.name + ending]
                for ending in (SCALE, SCALE_OF_BLOCKS)
                if tensor.name + ending in known
            ]
            if len(scales) > 1:
                raise MalformedCheckpoint(
                    f"{path}: tensor {quote(tensor.name)} has two scales, {quote(scales[0].name)} and "
                    f"{quote(scales[1].name)}: {USE_ANOTHER}"
                )
            found.append(replace(tensor, scale=scales[0] if scales else None))
        else:
            found.append(tensor)
    return found


def is_scale(name: str, names: Container[str], tensors: Mapping[str, tuple[Path, Tensor]]) -> bool:
    """Tell whether a tensor is a scale, by its name and the other names of the checkpoint.

    Parameters
    ----------
    names
        Names of all tensors of the checkpoint.
    tensors
        Those of them that are at hand, by name. A tensor that is not may be in `SCALED`.
    """
    for ending in (SCALE, SCALE_OF_BLOCKS):
        scaled = name.removesuffix(ending)
        if name.endswith(ending) and scaled in names:
            return scaled not in tensors or tensors[scaled][1].dtype in SCALED
    return name.rpartition(".")[2] in ACTIVATIONS


def require_scale(path: Path, tensor: Tensor, names: Container[str]) -> None:
    """Raise unless the values of a counted matrix are known: it has a scale of a known shape, or none at all.

    Parameters
    ----------
    path
        File of the tensor, for the error message.
    names
        Names of all tensors of the checkpoint.

    Raises
    ------
    IncompleteCheckpoint
        If its scale is in another file.
    MalformedCheckpoint
        As in `extent_of_scale`.
    """
    if tensor.scale is not None:
        extent_of_scale(path, tensor)
    elif tensor.dtype in SCALED:
        for ending in (SCALE, SCALE_OF_BLOCKS):
            if tensor.name + ending in names:
                raise IncompleteCheckpoint(
                    f"{path}: tensor {quote(tensor.name)} has its scale {quote(tensor.name + ending)} in another file: "
                    "write the checkpoint again with both in one"
                )


def extent_of_scale(path: Path, tensor: Tensor) -> tuple[int, int]:
    """Return how many rows and columns of a matrix share a scale.

    Parameters
    ----------
    path
        File of the tensor, for the error message.
    tensor
        A matrix with a scale.

    Raises
    ------
    MalformedCheckpoint
        If the scale has another dtype than `weightfit.weights.encodings.WIDTHS` or another shape than one for the
        tensor, for each row or for each block.
    """
    scale, (rows, columns) = tensor.scale, tensor.shape
    assert scale is not None
    known: dict[tuple[int, ...], tuple[int, int]]
    if scale.name.endswith(SCALE_OF_BLOCKS):
        known = {(-(-rows // BLOCK), -(-columns // BLOCK)): (BLOCK, BLOCK)}
        law = f"one for each block of {BLOCK} times {BLOCK}"
    else:
        known = dict.fromkeys([(rows,), (rows, 1)], (1, columns)) | dict.fromkeys([(), (1,)], (rows, columns))
        law = "one, or one for each row"
    if scale.dtype not in WIDTHS or scale.shape not in known:
        raise MalformedCheckpoint(
            f"{path}: tensor {quote(scale.name)} has shape {list(scale.shape)} in {scale.dtype}, scales of a matrix "
            f"with shape {list(tensor.shape)} are {law}, in {', '.join(WIDTHS)}: {USE_ANOTHER}"
        )
    return known[scale.shape]
