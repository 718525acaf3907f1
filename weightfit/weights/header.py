"""What the header of a weight file says, in every format: its tensors, and where their bytes lie."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from weightfit.documents import quotation

quotation.maxstring = 200
quotation.maxother = 200


@dataclass(frozen=True)
class Tensor:
    """One tensor of a weight file.

    Attributes
    ----------
    dtype
        How its values are stored: a dtype in the spelling of safetensors (``F16``, ``BF16``, ``F32``, ...) or a
        quantised type in that of GGUF (``Q4_1``, ...).
    shape
        Rows and columns of a matrix; the values of a row lie one after the other.
    begin, end
        Absolute byte offsets in the file.
    scale
        The tensor of the same file by which the stored values are multiplied, if there is one.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int
    scale: "Tensor | None" = None


@dataclass(frozen=True)
class Header:
    """The header of one file.

    Attributes
    ----------
    length
        Number of bytes before the data.
    tensors
        Tensors in the order of their bytes in the file.
    config
        What the file says about the model's shape, under the keys of config.json; empty if the format has no place for
        that.
    """

    path: Path
    length: int
    tensors: tuple[Tensor, ...]
    metadata: dict[str, str]
    config: Mapping[str, object] = field(default_factory=dict)
