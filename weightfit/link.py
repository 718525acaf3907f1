"""Links the weight files of a folder that the user names, without copying them."""

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path

from weightfit.checkpoint import parse_object, quote, read_header
from weightfit.errors import CohortError, IncompleteCheckpoint, MalformedCheckpoint
from weightfit.source import WeightFile, whole_folder

INDEX = "model.safetensors.index.json"

INDEX_LIMIT = 64 << 20
"""Largest index or configuration that is read, in bytes."""


def read_index(path: Path) -> dict[str, str]:
    """Read the index of a sharded checkpoint: the file of each tensor.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict
        Tensor name to file name.

    Raises
    ------
    MalformedCheckpoint
        If it is not an object with a ``weight_map`` from tensors to safetensors files in the same folder.
    """
    found = _read_object(path).get("weight_map")
    if not isinstance(found, dict) or not found:
        raise MalformedCheckpoint(f"{path}: there is no weight_map with tensors: fetch it again")
    for tensor, file in found.items():
        if not isinstance(file, str) or not file.endswith(".safetensors") or "/" in file or "\\" in file:
            raise MalformedCheckpoint(
                f"{path}: tensor {quote(tensor)} is said to be in {quote(file)}, which is no name of a "
                "safetensors file in the same folder: fetch it again"
            )
    return found


def weight_files(folder: Path) -> list[Path]:
    """Return the weight files of a checkpoint, sorted by name; each tensor is in exactly one of them.

    With a ``model.safetensors.index.json`` these are the files that it names, for a folder may hold the same
    weights twice; without one, all ``*.safetensors``.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    list of Path

    Raises
    ------
    CohortError
        If the folder is missing or has no weight files.
    IncompleteCheckpoint
        If index and files do not agree, or a tensor is in two files.
    MalformedCheckpoint
        If the index or a file breaks a law of its format.
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


def link(source: Path, folder: Path) -> tuple[list[WeightFile], dict[str, object]]:
    """Make symbolic links to the weight files of ``source`` and a copy of its ``config.json``, if it has one.

    Each file is read once for its sha256, in pieces.

    Parameters
    ----------
    source : Path
        Relative paths are relative to the working folder.
    folder : Path
        Replaced if it is there.

    Returns
    -------
    files : list of WeightFile
        Sorted by name, without a step.
    settings : dict
        For the manifest: ``index`` and ``config`` (whether there is one), and ``left_out``, the weight files
        that the index does not name. The path of ``source`` is not there, for it belongs to one machine.

    Raises
    ------
    CohortError, IncompleteCheckpoint, MalformedCheckpoint
        As `weight_files`; also if ``config.json`` is not a JSON object.
    """
    paths = weight_files(source)
    if folder.resolve() == source.resolve() or folder.resolve() in source.resolve().parents:
        raise CohortError(
            f"{source}: it lies where the links are to be made: link a folder outside of resources"
        )
    config = source / "config.json"
    if config.is_file():
        _read_object(config)
    files = []
    with whole_folder(folder) as part:
        for path in paths:
            (part / path.name).symlink_to(path.resolve())
            with path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
                files.append(WeightFile(path.name, None, file.tell(), sha256))
        if config.is_file():
            shutil.copyfile(config, part / "config.json")
    names = {path.name for path in paths}
    settings: dict[str, object] = {
        "index": (source / INDEX).is_file(),
        "config": config.is_file(),
        "left_out": sorted(path.name for path in source.glob("*.safetensors") if path.name not in names),
    }
    return files, settings


def _read_object(path: Path) -> dict[str, object]:
    size = path.stat().st_size
    if size > INDEX_LIMIT:
        raise MalformedCheckpoint(
            f"{path}: the file has {size} bytes, the limit is {INDEX_LIMIT}: fetch it again"
        )
    return parse_object(path.read_bytes(), str(path))
