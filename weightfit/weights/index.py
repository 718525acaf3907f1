"""The forms of a checkpoint, and the index of a sharded checkpoint."""

from collections.abc import Mapping
from pathlib import Path

from weightfit.documents import parse_object, quote
from weightfit.errors import CohortError, IncompleteCheckpoint, MalformedCheckpoint
from weightfit.weights.formats import read_header

FORMS = (
    ("model.safetensors", "model.safetensors.index.json", ".safetensors"),
    ("pytorch_model.bin", "pytorch_model.bin.index.json", ".bin"),
)
"""Single file, index and suffix of each form of a checkpoint, in the order in which transformers looks for them."""


def weight_map(text: bytes, ending: str, what: str) -> dict[str, str]:
    """Read the index of a sharded checkpoint: the file of each tensor.

    Parameters
    ----------
    ending
        Suffix of the files that the index may name.
    what
        Name of the index in error messages.

    Raises
    ------
    MalformedCheckpoint
        If the index has no ``weight_map`` from tensors to files in the same folder.
    """
    found = parse_object(text, what).get("weight_map")
    if not isinstance(found, dict) or not found:
        raise MalformedCheckpoint(
            f"{what}: there is no weight_map with tensors: fetch it again, or use another revision"
        )
    for tensor, file in found.items():
        if not isinstance(file, str) or not file.endswith(ending) or "/" in file or "\\" in file:
            raise MalformedCheckpoint(
                f"{what}: tensor {quote(tensor)} is said to be in {quote(file)}, which is no name of a "
                f"{ending} file in the same folder: fetch it again, or use another revision"
            )
    return found


INDEX = "model.safetensors.index.json"
INDEX_LIMIT = 64 << 20
"""Largest index or configuration that is read, in bytes."""


def read_index(path: Path) -> dict[str, str]:
    """Read the index of a sharded checkpoint: the file of each tensor.

    Returns
    -------
    dict
        Tensor name to file name.

    Raises
    ------
    MalformedCheckpoint
        If the index is not an object with a ``weight_map`` from tensors to safetensors files in the same folder.
    """
    return weight_map(read_limited(path), ".safetensors", str(path))


def weight_files(folder: Path) -> list[Path]:
    """Return the weight files of a checkpoint, sorted by name; each tensor is in exactly one of them.

    If there is a ``model.safetensors.index.json``, these are the files that it names, because a folder may hold the
    same weights twice. Otherwise they are all ``*.safetensors``.

    Raises
    ------
    CohortError
        If the folder is missing or has no weight files.
    IncompleteCheckpoint
        If the index and the files disagree, or a tensor is in two files.
    MalformedCheckpoint
        If the index or a file violates its format.
    """
    if not folder.is_dir():
        raise CohortError(f"{folder}: there is no such folder: correct the path in the cohort file")
    index = folder / INDEX
    where = read_index(index) if index.is_file() else None
    paths = sorted({folder / name for name in where.values()} if where else folder.glob("*.safetensors"))
    if not paths:
        raise CohortError(
            f"{folder}: there are no *.safetensors in it: name the folder that holds them, or save them "
            "in that format"
        )
    for path in paths:
        if not path.is_file():
            raise IncompleteCheckpoint(
                f"{path}: {'the index' if where else 'a link'} names this file but it is not there: fetch it"
            )
    _check_tensors(paths, where)
    return paths


def _check_tensors(paths: list[Path], where: Mapping[str, str] | None) -> None:
    found: dict[str, str] = {}
    for path in paths:
        for tensor in read_header(path).tensors:
            if tensor.name in found:
                raise IncompleteCheckpoint(
                    f"{path}: tensor {quote(tensor.name)} is also in {found[tensor.name]}; a tensor "
                    "belongs to one file: link a folder that holds one checkpoint"
                )
            if where is not None and where.get(tensor.name) != path.name:
                says = f"says {where[tensor.name]}" if tensor.name in where else "does not list it"
                raise IncompleteCheckpoint(
                    f"{path}: tensor {quote(tensor.name)} is here but the index {says}: fetch both again"
                )
            found[tensor.name] = path.name
    for name in sorted(set(where or ()) - set(found)):
        assert where is not None
        raise IncompleteCheckpoint(
            f"{paths[0].with_name(where[name])}: the index says that tensor {quote(name)} is here but it is "
            "not: fetch both again"
        )


def read_limited(path: Path) -> bytes:
    """Return the bytes of an index or a configuration of at most `INDEX_LIMIT` bytes."""
    size = path.stat().st_size
    if size > INDEX_LIMIT:
        raise MalformedCheckpoint(
            f"{path}: the file has {size} bytes, the limit is {INDEX_LIMIT}: fetch it again"
        )
    return path.read_bytes()
