"""The page of models: one file for readers, which loads nothing from the network."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weightfit.analysis.analysis import Analysis


def write_page(path: Path, analyses: Sequence["Analysis"]) -> None:
    """Write the page of one or several models."""
    raise NotImplementedError(path, analyses)
