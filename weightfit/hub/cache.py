"""Finds pinned files in the user's own Hub cache; they are used in place and never copied, changed or deleted."""

from collections.abc import Iterator
from pathlib import Path

from huggingface_hub import constants, try_to_load_from_cache
from huggingface_hub.file_download import repo_folder_name

from weightfit.hub.repository import FilePin, Revision


def cached(source: Revision, file: FilePin) -> Path | None:
    """Return a file of the Hub cache that has exactly the pinned bytes, or None.

    Returns
    -------
    Path or None
        Path of the file itself, with links resolved.
    """
    for path in _candidates(source, file):
        if file.matches(path):
            print(f"{file.path}: used in place from the Hub cache")
            return path.resolve()
        print(f"{file.path}: the copy in the Hub cache is not the pinned file, so it is left alone")
    return None


def _candidates(source: Revision, file: FilePin) -> Iterator[Path]:
    found = try_to_load_from_cache(
        source.repository, file.path, revision=source.commit, repo_type=source.kind
    )
    if isinstance(found, str):
        yield Path(found)
        return
    # The cache names files by their digest, so another commit may have left the same bytes.
    folder = repo_folder_name(repo_id=source.repository, repo_type=source.kind)
    blob = Path(constants.HF_HUB_CACHE) / folder / "blobs" / file.digest
    if blob.is_file():
        yield blob
