"""Link the weight files of a folder that the user names, without copying them."""

import hashlib
import shutil
from pathlib import Path

from weightfit.documents import parse_object
from weightfit.errors import CohortError
from weightfit.weights.index import index_of, left_out, read_limited, weight_files
from weightfit.weights.manifest import WeightFile, whole_folder


def link(source: Path, folder: Path) -> tuple[list[WeightFile], dict[str, object]]:
    """Make symbolic links to the weight files of ``source`` and a copy of its ``config.json``, if it has one.

    Each file is read once for its sha256, in pieces.

    Parameters
    ----------
    source
        Folder of the weight files; a relative path is relative to the working folder.
    folder
        Folder for the links; an existing one is replaced.

    Returns
    -------
    files : list of WeightFile
        Weight files sorted by name; their step is None.
    settings : dict
        Settings for the manifest: ``index`` and ``config`` (whether there is one), and ``left_out`` (names of further
        files with the ending of a weight file). The path of ``source`` is omitted because it belongs to one machine.

    Raises
    ------
    CohortError, IncompleteCheckpoint, MalformedCheckpoint
        As in `weight_files`, and if ``config.json`` is not a JSON object.
    """
    paths = weight_files(source)
    if folder.resolve() == source.resolve() or folder.resolve() in source.resolve().parents:
        raise CohortError(
            f"{source}: it lies where the links are to be made: link a folder outside of resources"
        )
    config = source / "config.json"
    if config.is_file():
        parse_object(read_limited(config), str(config))
    files = []
    with whole_folder(folder) as unfinished:
        for path in paths:
            (unfinished / path.name).symlink_to(path.resolve())
            with path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
                files.append(WeightFile(path.name, None, file.tell(), sha256))
        if config.is_file():
            shutil.copyfile(config, unfinished / "config.json")
    settings: dict[str, object] = {
        "index": index_of(source) is not None,
        "config": config.is_file(),
        "left_out": left_out(source, paths),
    }
    return files, settings


TOLD = "sha256 of the folder's path: "


def told_folder(source: Path) -> str:
    """Return the line by which a job says whose weights it linked, for `require_same_folder`."""
    # Results may be shown to others, so they do not name the folder itself.
    return f"{TOLD}{hashlib.sha256(str(source.resolve()).encode()).hexdigest()}"


def require_same_folder(source: Path, log: Path) -> None:
    """Raise `CohortError` if earlier results of the same name are those of another folder.

    Parameters
    ----------
    source
        Folder of the weights.
    log
        Log of the job that linked the weights of the earlier results, if there is one.
    """
    told = log.read_text(encoding="utf-8").splitlines() if log.is_file() else []
    folders = [line for line in told if line.startswith(TOLD)]
    if folders and told_folder(source) not in folders:
        raise CohortError(
            f"{source}: results under this name are those of another folder and would be replaced: rename the folder, "
            f"move {log.parents[2]} away, or name the model in a cohort file"
        )
