"""The formats of weight files. A file's content decides which of them reads it, not its name."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from weightfit.weights import ctranslate2, gguf, pytorch, safetensors
from weightfit.weights.header import Header

START = 64
"""Number of bytes by which a file is recognised."""


@dataclass(frozen=True)
class Format:
    """A format of weight files.

    Attributes
    ----------
    endings
        Endings of the names of its files in a folder. Two formats may share one.
    recognises
        Tells by the first `START` bytes whether a file has the format.
    read_header
        Reads the header of a file.
    """

    endings: tuple[str, ...]
    recognises: Callable[[bytes], bool]
    read_header: Callable[[Path], Header]


# No two of the first recognise the same file: no version of CTranslate2 is the number with which an archive begins.
FORMATS = (
    Format((".bin", ".pt", ".pth"), pytorch.recognises, pytorch.read_header),
    Format((".bin",), ctranslate2.recognises, ctranslate2.read_header),
    Format((".gguf",), gguf.recognises, gguf.read_header),
    # The last one takes what the others do not recognise, and says what such a file is.
    Format((".safetensors",), bool, safetensors.read_header),
)

ENDINGS = tuple(one.endings for one in (FORMATS[-1], *FORMATS[:-1]))
"""The endings of each format, in the order in which a folder is searched: safetensors, then the others as above."""


def format_of(path: Path) -> Format:
    """Return the format of a weight file, by its content."""
    with path.open("rb") as file:
        start = file.read(START)
    return next((one for one in FORMATS if one.recognises(start)), FORMATS[-1])


def read_header(path: Path) -> Header:
    """Read the header of a weight file of any format; the weights are not read.

    Raises
    ------
    MalformedCheckpoint
        If the file violates its format or has none of these.
    OSError
        If the file cannot be opened or read.
    """
    return format_of(path).read_header(path)
