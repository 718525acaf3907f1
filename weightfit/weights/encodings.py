"""How the values of a matrix are stored, and what the stored bytes mean: one row for each type."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightfit.weights.gguf_types import QUANTISED, dequantised

Bytes = NDArray[np.uint8]
Decode = Callable[[Bytes], NDArray[Any]]
"""Turns whole blocks, one after the other, into their values: float16 or float32 by `Encoding.counted`."""


@dataclass(frozen=True)
class Encoding:
    """How a type stores values.

    Attributes
    ----------
    block_bytes, block_values
        Bytes of a block, and the values that they hold. A row of a matrix is whole blocks.
    counted
        Dtype in which the values are counted, ``F16``, ``BF16`` or ``F32``.
    decode
        Gives the values of blocks; None if the bytes are the values.
    """

    block_bytes: int
    block_values: int
    counted: str
    decode: Decode | None = None


WIDTHS: Mapping[str, int] = {"F16": 2, "BF16": 2, "F32": 4}
"""Bytes of a value of each dtype in which values are counted."""

ENCODINGS: Mapping[str, Encoding] = {
    **{dtype: Encoding(width, 1, dtype) for dtype, width in WIDTHS.items()},
    **{
        kind.name: Encoding(kind.block_bytes, kind.block_values, "F32", partial(dequantised, kind.name))
        for kind in QUANTISED
    },
}
"""Every type whose values can be counted, by the name that `weightfit.weights.header.Tensor.dtype` has."""
