"""The values of a tensor of a weight file, from its bytes."""

from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightfit.documents import quote
from weightfit.errors import MalformedCheckpoint
from weightfit.weights.encodings import ENCODINGS, Bytes, Encoding
from weightfit.weights.header import Tensor
from weightfit.weights.scales import extent_of_scale

DECODED_VALUES = 1 << 18
"""Number of values that are decoded at once."""

_VALUES = {"F16": "<f2", "BF16": "<u2", "F32": "<f4"}


def encoding_of(path: Path, tensor: Tensor) -> Encoding:
    """Return how a tensor's values are stored.

    Parameters
    ----------
    path
        File of the tensor, from which its scales are read.

    Notes
    -----
    If the tensor has a scale, the encoding is good for one pass over the tensor's bytes in their order, because it
    counts the values to know the scale of each.
    """
    encoding = ENCODINGS[tensor.dtype]
    return encoding if tensor.scale is None else Encoding(1, 1, "F32", _Scaled(path, tensor, encoding))


class _Scaled:
    """Decodes a matrix of 8-bit values in slices and multiplies each with its scale, in float32."""

    def __init__(self, path: Path, tensor: Tensor, encoding: Encoding):
        scale = tensor.scale
        assert scale is not None and encoding.decode is not None
        self._values = encoding.decode(np.arange(256, dtype=np.uint8)).astype(np.float32)
        # Not read into memory: there may be as many scales as values.
        self._scales = np.memmap(path, _VALUES[scale.dtype], "r", scale.begin, prod(scale.shape))
        self._dtype = scale.dtype
        self._rows, self._columns = extent_of_scale(path, tensor)
        self._row_values = tensor.shape[1]
        self._row_scales = -(-tensor.shape[1] // self._columns)
        self._seen = 0

    def __call__(self, stored: Bytes) -> NDArray[np.float32]:
        """Return the values of the next bytes of the matrix."""
        found = np.empty(stored.size, np.float32)
        for begin in range(0, stored.size, DECODED_VALUES):
            codes = stored[begin : begin + DECODED_VALUES]
            place = np.arange(self._seen, self._seen + codes.size)
            row = place // self._row_values
            column = place - row * self._row_values
            scales = self._scales[row // self._rows * self._row_scales + column // self._columns]
            # ASSUME scaled-products: a weight in 8 bits with a scale is the product of the two in float32.
            with np.errstate(over="ignore", invalid="ignore"):  # a tally refuses what is not finite
                found[begin : begin + codes.size] = self._values[codes] * _as_float32(scales, self._dtype)
            self._seen += codes.size
        return found


def _as_float32(values: NDArray[Any], dtype: str) -> NDArray[np.float32]:
    if dtype == "BF16":
        return (values.astype(np.uint32) << 16).view(np.float32)
    return values.astype(np.float32)


def read_matrix(path: Path, tensor: Tensor) -> NDArray[Any]:
    """Read a matrix into memory ``(rows, columns)``, in float16 or float32; BF16 becomes float32, which holds it."""
    encoding = encoding_of(path, tensor)
    stored = np.fromfile(path, np.uint8, tensor.end - tensor.begin, offset=tensor.begin)
    values = stored if encoding.decode is None else encoding.decode(stored).reshape(-1)
    values = values.view(_VALUES[encoding.counted])
    return (_as_float32(values, "BF16") if encoding.counted == "BF16" else values).reshape(tensor.shape)


def require_countable(path: Path, tensor: Tensor) -> None:
    """Raise unless the tensor is a matrix whose values can be counted, with at least one row and one column.

    Parameters
    ----------
    path
        File of the tensor, for the error message.

    Raises
    ------
    MalformedCheckpoint
    """
    where = f"{path}: tensor {quote(tensor.name)}"
    if tensor.dtype not in ENCODINGS:
        raise MalformedCheckpoint(
            f"{where} has dtype {tensor.dtype}, weights are counted in {', '.join(ENCODINGS)}: "
            "use a checkpoint that is not quantized otherwise or convert it"
        )
    if len(tensor.shape) != 2:
        raise MalformedCheckpoint(
            f"{where} has {len(tensor.shape)} dimensions, a weight matrix has 2: "
            "use a checkpoint of the architecture that its names say"
        )
    if 0 in tensor.shape:
        raise MalformedCheckpoint(
            f"{where} has shape {list(tensor.shape)} and so no values, a weight matrix has some: "
            "use a checkpoint of the architecture that its names say"
        )
