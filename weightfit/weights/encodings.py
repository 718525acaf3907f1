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


def _float8_e4m3() -> NDArray[np.float16]:
    """Return the values of the codes of E4M3 in the variant without infinity (arXiv:2209.05433), which F16 holds."""
    codes = np.arange(256)
    exponent, fraction = codes >> 3 & 15, codes & 7
    size = np.ldexp(np.where(exponent > 0, fraction + 8, fraction), np.maximum(exponent, 1) - 10)
    size[codes & 127 == 127] = np.nan
    return np.asarray(np.where(codes < 128, size, -size), np.float16)


def _float8_e5m2() -> NDArray[np.float16]:
    """Return the values of the codes of E5M2, which are the upper halves of those of F16."""
    return (np.arange(256, dtype=np.uint16) << 8).view(np.float16)


ENCODINGS: Mapping[str, Encoding] = {
    **{dtype: Encoding(width, 1, dtype) for dtype, width in WIDTHS.items()},
    "F8_E4M3": Encoding(1, 1, "F16", _float8_e4m3().__getitem__),
    "F8_E5M2": Encoding(1, 1, "F16", _float8_e5m2().__getitem__),
    **{
        kind.name: Encoding(kind.block_bytes, kind.block_values, "F32", partial(dequantised, kind.name))
        for kind in QUANTISED
    },
}
"""Every type whose values can be counted, by the name that `weightfit.weights.header.Tensor.dtype` has."""
