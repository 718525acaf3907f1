"""A model that can be measured: its matrices, one after the other, and what of it is left out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from weightfit.counts.histogram import Histogram
from weightfit.counts.scan import Scan
from weightfit.errors import CohortError, NonFiniteWeight
from weightfit.task import Progress
from weightfit.weights.declared import Architecture
from weightfit.weights.decoding import read_matrix
from weightfit.weights.formats import read_header
from weightfit.weights.header import Header
from weightfit.weights.index import FORMS, left_out, weight_files
from weightfit.weights.layer import matrix_of
from weightfit.weights.manifest import WeightFile
from weightfit.weights.plan import Piece, Plan, plan, read_config

Matrices = Iterator[tuple[int, str, Histogram | NonFiniteWeight]]
"""Block, component and histogram of each matrix; an error takes the place of one with a value that is not finite."""


@dataclass
class Model:
    """A model whose matrices have not been counted yet, or not here.

    Attributes
    ----------
    name
        Name for readers, which holds no path of this machine.
    origin
        Where the weights are from, in a few words for readers.
    family
        Family of the tensor names; see `weightfit.weights.families.FAMILIES`.
    config
        What config.json says; empty without one.
    tensors
        Name of the tensor that holds each matrix, by block and component.
    left_out
        Number of tensors that are not counted, by reason; None where that is not known any more.
    unread
        Names of other files with the ending of a weight file.
    count
        Counts the matrices, in the order of their bytes. It is called once.
    files
        The weight files; those of a local model are known once its matrices have been counted.
    read
        Reads a matrix ``(outputs, inputs)`` by block and component; None where the weights are not at hand.
    attention
        Kind of attention, ``MHA``, ``GQA`` or ``MQA``, where it is known from elsewhere than config.json.
    stands_for
        Name of the model that this one stands for with other weights, or None.
    """

    name: str
    origin: str
    family: str
    config: Mapping[str, Any]
    tensors: Mapping[tuple[int, str], str]
    left_out: Mapping[str, int] | None
    unread: Sequence[str]
    count: Callable[[], Matrices]
    files: list[WeightFile] = field(default_factory=list)
    read: Callable[[int, str], NDArray[Any]] | None = None
    attention: str | None = None
    stands_for: str | None = None

    def tensor(self, block: int, component: str) -> str:
        """Return the name of the tensor of a matrix, or ``block.component`` where it is not known."""
        return self.tensors.get((block, component), f"{block}.{component}")


def local(path: Path, architecture: Architecture | None = None, stack: str | None = None) -> Model:
    """Open a checkpoint on this machine; only its headers are read.

    Parameters
    ----------
    path
        A folder with all weight files of one checkpoint, or one such file; config.json beside them is read.
    architecture
        Names of the tensors, if they are declared.
    stack
        ``encoder`` or ``decoder``, if the model has both.

    Raises
    ------
    CohortError
        If there is no such file or folder, or the folder has no weight files.
    WeightfitError
        If the checkpoint has any other fault; see `weightfit.weights.formats.read_header` and
        `weightfit.weights.plan.plan`.
    """
    if not path.exists():
        raise CohortError(f"{path}: there is no such file or folder: correct the path")
    paths = [path] if path.is_file() else weight_files(path)
    headers = [read_header(one) for one in paths]
    config = read_config(paths[0].parent)
    layout = plan(headers, config, declared=architecture, stack=stack)
    files: list[WeightFile] = []
    return Model(
        name=_name(path.resolve()),
        origin="a file" if path.is_file() else "a folder",
        family=layout.family,
        config=config or headers[0].config,
        tensors=names_of_matrices(layout),
        left_out=reasons(layout),
        unread=[] if path.is_file() else left_out(path, paths),
        count=lambda: _counted(headers, layout, files),
        files=files,
        read=lambda block, component: _read(headers, layout, block, component),
    )


def _name(path: Path) -> str:
    """Return the name of a folder or a file; a file that every model has is named after its folder."""
    if path.is_dir():
        return path.name
    return path.parent.name if path.name in (single for single, _, _ in FORMS) else path.stem


def _read(headers: Sequence[Header], layout: Plan, block: int, component: str) -> NDArray[Any]:
    name, piece = held_by(layout, block, component)
    path, tensor = next(
        (one.path, tensor) for one in headers for tensor in one.tensors if tensor.name == name
    )
    return matrix_of(read_matrix(path, tensor), piece)


def _counted(headers: Sequence[Header], layout: Plan, files: list[WeightFile]) -> Matrices:
    sizes = [header.path.stat().st_size for header in headers]
    progress = Progress(sum(sizes), "bytes")
    tensors = names_of_matrices(layout)
    before = 0
    for header, size in zip(headers, sizes, strict=True):
        ends = {tensor.name: tensor.end for tensor in header.tensors}
        scan = Scan(header, layout)
        for block, component, histogram in scan:
            progress.done = before + ends[tensors[block, component]]
            yield block, component, histogram
        before += size
        progress.done = before
        assert scan.sha256 is not None
        files.append(WeightFile(header.path.name, None, size, scan.sha256))


def held_by(layout: Plan, block: int, component: str) -> tuple[str, Piece]:
    """Return the name of the tensor that holds a matrix, and the part of the tensor that is the matrix."""
    return next(
        (name, piece)
        for name, held in layout.pieces.items()
        for piece in held
        if (piece.block, piece.component) == (block, component)
    )


def names_of_matrices(layout: Plan) -> dict[tuple[int, str], str]:
    """Return the name of the tensor that holds each matrix, by block and component."""
    return {(piece.block, piece.component): name for name, held in layout.pieces.items() for piece in held}


def reasons(layout: Plan) -> dict[str, int]:
    """Return the number of tensors that are not counted, by reason."""
    found: dict[str, int] = {}
    for reason in sorted(layout.left_out.values()):
        found[reason] = found.get(reason, 0) + 1
    return found
