"""Asks the Hub for the commit and the files of each revision of a cohort, with one API call for each revision."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import httpx2
from huggingface_hub import HfApi
from huggingface_hub.hf_api import DatasetInfo, ModelInfo

from weightfit.errors import DownloadFailed
from weightfit.hub.client import TIMEOUT
from weightfit.hub.errors import EqualRevisions, Unavailable
from weightfit.hub.repository import FilePin, HubSource, Revision
from weightfit.hub.retry import FRESH_TRIES, TRIES, WAIT, Tries, Trouble, trouble_of
from weightfit.hub.selection import chosen, weights
from weightfit.hub.transfer import fetch


def resolve(
    sources: Mapping[str, HubSource], tries: int = TRIES, wait: float = WAIT
) -> dict[str, list[Revision]]:
    """Ask the Hub for every revision of every entry.

    Parameters
    ----------
    sources
        Source of each entry, by its id.
    tries
        Number of consecutive tries without an answer after which this fails.
    wait
        Seconds before the second try; the wait doubles before each later try.

    Returns
    -------
    dict
        Revisions of each entry in their order. A gated or missing revision is listed as unavailable, with the reason.

    Raises
    ------
    DownloadFailed
        If the Hub does not answer as expected.
    UnusableRepository, MalformedCheckpoint
        If a repository holds no checkpoint that can be pinned.
    EqualRevisions
        If two revisions have a weight file in common and are not declared as equal.
    """
    pins = {}
    for entry, source in sources.items():
        pins[entry] = [
            _revision(source, revision, step, Tries(f"{source.repository} at {revision}", tries, wait))
            for revision, step in source.revisions.items()
        ]
    _refuse_equal(sources, pins)
    return pins


def _revision(source: HubSource, revision: str, step: int | None, tries: Tries) -> Revision:
    subject = f"{source.repository} at {revision}"
    found = Revision(source.kind, source.repository, revision, step, None)
    try:
        info = _info(source, revision, subject, tries)
        found = replace(found, commit=info.sha)
        siblings = info.siblings or []
        if source.files:
            return replace(found, files=chosen(siblings, source.files, subject))
        files, beside = weights(siblings, _reader(found, tries, source.mirror), subject)
        return replace(found, files=files, beside=beside)
    except Unavailable as refusal:
        return replace(found, commit=None, reason=refusal.reason, remedy=refusal.remedy)


def _info(source: HubSource, revision: str, subject: str, tries: Tries) -> ModelInfo | DatasetInfo:
    """Call the API with a time limit and several tries; by itself it waits for ever and tries once."""
    while True:
        try:
            try:
                return _ask(source, revision, subject)
            except httpx2.HTTPError as error:
                raise trouble_of(error, subject, source.mirror) from error
        except Trouble as trouble:
            tries.failed(trouble)


def _ask(source: HubSource, revision: str, subject: str) -> ModelInfo | DatasetInfo:
    try:
        info = HfApi().repo_info(
            source.repository,
            repo_type=source.kind,
            revision=revision,
            timeout=TIMEOUT,
            files_metadata=True,
        )
        if info.sha is not None:
            return info  # type: ignore[return-value]  # spaces and kernels are never asked for
    except (ValueError, TypeError, KeyError) as error:
        if isinstance(error, httpx2.HTTPError):
            raise
    reason = "the answer is not that of the Hub's API"
    final = DownloadFailed(f"{subject}: {reason}: check HF_ENDPOINT and proxies")
    raise Trouble(reason, final=final, tries=FRESH_TRIES)


def _reader(source: Revision, tries: Tries, mirror: str | None) -> Callable[[FilePin], bytes]:
    def read(file: FilePin) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "index"
            fetch(source, file, path, tries, mirror)
            return path.read_bytes()

    return read


def _refuse_equal(sources: Mapping[str, HubSource], pins: Mapping[str, list[Revision]]) -> None:
    """Raise if two revisions share a weight file and are not declared equal: branches have held wrong files before."""
    known = {(source.repository, *sorted(pair)) for source in sources.values() for pair in source.equal}
    found = [revision for revisions in pins.values() for revision in revisions if revision.available]
    for one, other in combinations(found, 2):
        same_repository = (one.kind, one.repository) == (other.kind, other.repository)
        if not same_repository or one.kind != "model" or one.revision == other.revision:
            continue
        shared = {file.sha256 for file in one.files} & {file.sha256 for file in other.files}
        if shared and (one.repository, *sorted((one.revision, other.revision))) not in known:
            raise EqualRevisions(
                f"{one.repository}: {one.revision} and {other.revision} have the same weights "
                f"(sha256 {min(map(str, shared))}), so one of them holds the wrong ones: leave one out, or declare "
                "them as equal in the cohort file if that is known"
            )
