"""Chooses the weight files of a repository and pins them."""

from collections.abc import Callable, Mapping, Sequence

from huggingface_hub.hf_api import RepoSibling

from weightfit.hub.errors import UnusableRepository
from weightfit.hub.repository import FilePin
from weightfit.weights.index import FORMS, weight_map

CONFIG = "config.json"


def pin(sibling: RepoSibling, subject: str) -> FilePin:
    """Return the pin of a file that the API lists.

    Raises
    ------
    UnusableRepository
        If the API states no size or no digest.
    """
    sha256 = sibling.lfs.sha256 if sibling.lfs else None
    size = sibling.lfs.size if sibling.lfs else sibling.size
    if size is None or not (sha256 or sibling.blob_id):
        raise UnusableRepository(
            f"{subject}: the Hub states no size or digest of {sibling.rfilename}, so it cannot be checked: "
            "leave this revision out of the cohort file"
        )
    return FilePin(sibling.rfilename, size, sha256, None if sha256 else sibling.blob_id)


def weights(
    siblings: Sequence[RepoSibling], read: Callable[[FilePin], bytes], subject: str
) -> tuple[tuple[FilePin, ...], tuple[FilePin, ...]]:
    """Choose the weight files of a model and the small files that are needed with them.

    Files are never matched by a pattern, because repositories hold the same weights in several forms.

    Parameters
    ----------
    siblings
        Files of the repository that the API lists.
    read
        Function that returns the bytes of a small file; it is called for an index only.
    subject
        Repository and revision, for messages.

    Returns
    -------
    files, beside : tuple of FilePin
        Weight files and small files, each sorted by path.

    Raises
    ------
    UnusableRepository
        If there is no checkpoint, an index names a file that is not there, or a weight file has no sha256.
    MalformedCheckpoint
        If the index is malformed.
    """
    listed = {sibling.rfilename: sibling for sibling in siblings}
    beside = [CONFIG] if CONFIG in listed else []
    for single, index, ending in FORMS:
        if single in listed:
            return _pins([single], listed, subject, True), _pins(beside, listed, subject)
        if index in listed:
            named = set(weight_map(read(pin(listed[index], subject)), ending, f"{subject}: {index}").values())
            absent = sorted(named - listed.keys())
            if absent:
                raise UnusableRepository(
                    f"{subject}: {index} names {absent[0]}, which is not there: use another revision"
                )
            return _pins(sorted(named), listed, subject, True), _pins([*beside, index], listed, subject)
    forms = " or ".join(name for single, index, _ in FORMS for name in (single, index))
    raise UnusableRepository(f"{subject}: there is no {forms}: use another repository or revision")


def chosen(siblings: Sequence[RepoSibling], names: Sequence[str], subject: str) -> tuple[FilePin, ...]:
    """Pin the files that a cohort file names one by one, as for a data set.

    Raises
    ------
    UnusableRepository
        If the repository lacks one of them.
    """
    listed = {sibling.rfilename: sibling for sibling in siblings}
    for name in names:
        if name not in listed:
            raise UnusableRepository(f"{subject}: there is no {name}: correct the cohort file")
    return _pins(sorted(names), listed, subject)


def _pins(
    names: Sequence[str], listed: Mapping[str, RepoSibling], subject: str, weights: bool = False
) -> tuple[FilePin, ...]:
    pins = tuple(pin(listed[name], subject) for name in names)
    for file in pins:
        if weights and file.sha256 is None:
            raise UnusableRepository(
                f"{subject}: the Hub states no sha256 of {file.path}, so it cannot be checked: "
                "use another repository or revision"
            )
    return pins
