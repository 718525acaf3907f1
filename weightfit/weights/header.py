"""What the header of a weight file says, in every format: its tensors, and where their bytes lie."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from weightfit.documents import quotation, quote
from weightfit.errors import MalformedCheckpoint
from weightfit.weights.encodings import ENCODINGS

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
