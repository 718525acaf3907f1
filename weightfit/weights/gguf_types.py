"""The types in which GGUF stores values: their blocks, and the values that quantised blocks mean.

Numbers, names and blocks are those of ``ggml_type`` in ggml.h of ggml-org/ggml; the values of quantised blocks are
those of the gguf package.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class BlockType(NamedTuple):
    """A type of GGUF.

    Attributes
    ----------
    block_values, block_bytes
        Values of a block, and the bytes that they take. The values of a row of a matrix are whole blocks.
    """

    name: str
    block_values: int
    block_bytes: int


TYPES: Mapping[int, BlockType] = {
    0: BlockType("F32", 1, 4),
    1: BlockType("F16", 1, 2),
    2: BlockType("Q4_0", 32, 18),
    3: BlockType("Q4_1", 32, 20),
    6: BlockType("Q5_0", 32, 22),
    7: BlockType("Q5_1", 32, 24),
    8: BlockType("Q8_0", 32, 34),
    9: BlockType("Q8_1", 32, 40),
    10: BlockType("Q2_K", 256, 84),
    11: BlockType("Q3_K", 256, 110),
    12: BlockType("Q4_K", 256, 144),
    13: BlockType("Q5_K", 256, 176),
    14: BlockType("Q6_K", 256, 210),
    15: BlockType("Q8_K", 256, 292),
    16: BlockType("IQ2_XXS", 256, 66),
    17: BlockType("IQ2_XS", 256, 74),
    18: BlockType("IQ3_XXS", 256, 98),
    19: BlockType("IQ1_S", 256, 50),
    20: BlockType("IQ4_NL", 32, 18),
    21: BlockType("IQ3_S", 256, 110),
    22: BlockType("IQ2_S", 256, 82),
    23: BlockType("IQ4_XS", 256, 136),
    24: BlockType("I8", 1, 1),
    25: BlockType("I16", 1, 2),
    26: BlockType("I32", 1, 4),
    27: BlockType("I64", 1, 8),
    28: BlockType("F64", 1, 8),
    29: BlockType("IQ1_M", 256, 56),
    30: BlockType("BF16", 1, 2),
    34: BlockType("TQ1_0", 256, 54),
    35: BlockType("TQ2_0", 256, 66),
    39: BlockType("MXFP4", 32, 17),
    40: BlockType("NVFP4", 64, 36),
    41: BlockType("Q1_0", 128, 18),
}
"""Every type by its number in a file. Numbers that are not here were given up or are newer."""

_WITHOUT_VALUES = ("Q8_1", "Q8_K", "Q1_0")  # the gguf package has no values for them

QUANTISED = tuple(
    kind for kind in TYPES.values() if kind.block_values > 1 and kind.name not in _WITHOUT_VALUES
)
"""The types whose blocks `dequantised` turns into values."""


def dequantised(name: str, blocks: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the values that quantised blocks mean, as `gguf.quants.dequantize` of the gguf package gives them.

    Parameters
    ----------
    name
        Name of one of `QUANTISED`.
    blocks
        Whole blocks, one after the other.

    Returns
    -------
    NDArray
        All values in one row; infinite, or not a number, where the scale of a block makes them so.
    """
    # Imported here, because the package takes its time and few weights are quantised.
    from gguf.constants import GGMLQuantizationType
    from gguf.quants import dequantize

    # Values that are not finite are refused where they are counted; a warning beside that says no more.
    with np.errstate(over="ignore", invalid="ignore"):
        return dequantize(blocks, GGMLQuantizationType[name])
