"""The forms of a checkpoint, and the index of a sharded checkpoint."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from weightfit.documents import parse_object, quote
from weightfit.errors import CohortError, IncompleteCheckpoint, MalformedCheckpoint
from weightfit.weights.formats import ENDINGS, read_header

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


INDEX_LIMIT = 64 << 20
"""Largest index or configuration that is read, in bytes."""

PREFERRED = "pytorch_model*.bin"
"""Pattern of the names that transformers gives to PyTorch files; beside these, other names are left out."""

# Constants of transformers/trainer.py and accelerate/utils/constants.py.
TRAINING_STATE = ("training_args*", "optimizer*", "scheduler*", "scaler*", "sampler*", "rng_state*")
"""Patterns of the names under which a training keeps its own state, in files with the endings of weights."""


def candidates(folder: Path) -> list[Path]:
    """Return the files of a folder that have the ending of a weight file of any format, sorted by name."""
    known = {ending for endings in ENDINGS for ending in endings}
    return sorted(path for path in folder.glob("*") if path.suffix in known and not path.is_dir())


def deciding_files(folder: Path) -> list[Path]:
    """Return the files of a folder on which the weights that it gives may depend, sorted by name.

    These are its `candidates` and its JSON files, among them the index and config.json.
    """
    return sorted(path for path in [*candidates(folder), *folder.glob("*.json")] if path.is_file())


def index_of(folder: Path) -> Path | None:
    """Return the index that names the weight files of a folder, or None if it has none or another form precedes."""
    for endings in ENDINGS:
        for _, index, ending in FORMS:
            if ending in endings and (folder / index).is_file():
                return folder / index
        if _unlisted(folder, endings):
            break
    return None


def read_index(path: Path) -> dict[str, str]:
    """Read the index of a sharded checkpoint: the file of each tensor.

    Returns
    -------
    dict
        Tensor name to file name.

    Raises
    ------
    MalformedCheckpoint
        If the index is not an object with a ``weight_map`` from tensors to weight files in the same folder.
    """
    (ending,) = (ending for _, index, ending in FORMS if index == path.name)
    return weight_map(read_limited(path), ending, str(path))


def weight_files(folder: Path) -> list[Path]:
    """Return the weight files of a checkpoint, sorted by name; each tensor is in exactly one of them.

    A folder may hold the same weights in several formats, so the first format of `ENDINGS` that is there is taken. If
    it has an index, these are the files that the index names, because a folder may hold the same weights twice.
    Otherwise they are all files with its endings except for the state of a training (`TRAINING_STATE`), or, if some
    are named as transformers names PyTorch files (`PREFERRED`), these. `left_out` names the others.

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
    index = index_of(folder)
    where = read_index(index) if index else None
    if where is not None:
        paths = sorted({folder / name for name in where.values()})
    else:
        paths = next(filter(None, (_unlisted(folder, endings) for endings in ENDINGS)), [])
    if not paths:
        known = ", ".join(dict.fromkeys(ending for endings in ENDINGS for ending in endings))
        state = ", ".join(left_out(folder, []))
        empty = (
            "the folder is empty, without any weight files"
            if not any(folder.iterdir())
            else f"there are no weight files in it ({known})"
        )
        raise CohortError(
            f"{folder}: {empty}"
            f"{f' but the state of a training ({state})' if state else ''}: name the folder that holds them, or save "
            "them in one of these formats"
        )
    for path in paths:
        if not path.is_file():
            raise IncompleteCheckpoint(
                f"{path}: {'a link' if where is None else 'the index'} names this file but it is not there: fetch it"
            )
    _check_tensors(paths, where)
    return paths


def left_out(folder: Path, paths: Sequence[Path]) -> list[str]:
    """Return the names of the `candidates` of a folder that are not among its weight files, sorted."""
    return [path.name for path in candidates(folder) if path not in paths]


def _unlisted(folder: Path, endings: Sequence[str]) -> list[Path]:
    """Return the weight files with some endings in a folder without an index, sorted by name."""
    found = [
        path
        for path in candidates(folder)
        if path.suffix in endings and not any(fnmatchcase(path.name, state) for state in TRAINING_STATE)
    ]
    return [path for path in found if fnmatchcase(path.name, PREFERRED)] or found


def _check_tensors(paths: list[Path], where: Mapping[str, str] | None) -> None:
    found: dict[str, str] = {}
    for path in paths:
        try:
            tensors = read_header(path).tensors
        except MalformedCheckpoint as error:
            if where is not None or len(paths) == 1:
                raise
            raise MalformedCheckpoint(
                f"{error}; if it is no part of the checkpoint, take it out of the folder"
            ) from None
        for tensor in tensors:
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
