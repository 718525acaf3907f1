"""The values of a tensor of a weight file, from its bytes."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightfit.weights.encodings import ENCODINGS, Encoding
from weightfit.weights.header import Tensor

DECODED_VALUES = 1 << 18
"""Number of values that are decoded at once."""

_VALUES = {"F16": "<f2", "BF16": "<u2", "F32": "<f4"}


def encoding_of(tensor: Tensor) -> Encoding:
    """Return how a tensor's values are stored."""
    return ENCODINGS[tensor.dtype]


def read_matrix(path: Path, tensor: Tensor) -> NDArray[Any]:
    """Read a matrix into memory ``(rows, columns)``, in float16 or float32; BF16 becomes float32, which holds it."""
    encoding = encoding_of(tensor)
    stored = np.fromfile(path, np.uint8, tensor.end - tensor.begin, offset=tensor.begin)
    values = stored if encoding.decode is None else encoding.decode(stored).reshape(-1)
    values = values.view(_VALUES[encoding.counted])
    if encoding.counted == "BF16":
        values = (values.astype(np.uint32) << 16).view(np.float32)
    return values.reshape(tensor.shape)
