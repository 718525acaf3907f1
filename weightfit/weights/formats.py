"""The formats of weight files. A file's content decides which of them reads it, not its name."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from weightfit.weights import gguf, pytorch, safetensors
from weightfit.weights.header import Header

START = 64
"""Number of bytes by which a file is recognised."""


@dataclass(frozen=True)
class Format:
    """A format of weight files.

    Attributes
    ----------
    endings
        Endings of the names of its files in a folder.
    recognises
        Tells by the first `START` bytes whether a file has the format.
    read_header
        Reads the header of a file.
    """

    endings: tuple[str, ...]
    recognises: Callable[[bytes], bool]
    read_header: Callable[[Path], Header]


FORMATS = (
    Format((".bin", ".pt", ".pth"), pytorch.recognises, pytorch.read_header),
    Format((".gguf",), gguf.recognises, gguf.read_header),
    # The last one takes what the others do not recognise, and says what such a file is.
    Format((".safetensors",), bool, safetensors.read_header),
)


def read_header(path: Path) -> Header:
    """Read the header of a weight file of any format; the weights are not read.

    Raises
    ------
    MalformedCheckpoint
        If the file violates its format or has none of these.
    OSError
        If the file cannot be opened or read.
    """
    with path.open("rb") as file:
        start = file.read(START)
    return next((one for one in FORMATS if one.recognises(start)), FORMATS[-1]).read_header(path)
