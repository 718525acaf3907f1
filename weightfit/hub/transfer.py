"""Fetches one pinned file, resuming what an earlier try or process has left, and checks its digest."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
from huggingface_hub import get_hf_file_metadata, get_session, hf_hub_url
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status  # type: ignore[attr-defined]

from weightfit.errors import DigestMismatch, DownloadFailed
from weightfit.hub.client import TIMEOUT
from weightfit.hub.errors import ContradictoryAnswer
from weightfit.hub.growing_file import GrowingFile, amount
from weightfit.hub.repository import FilePin, Revision
from weightfit.hub.retry import FRESH_TRIES, Tries, Trouble, trouble_of

PROGRESS = 16 << 20
"""Number of bytes beyond the largest size reached before that counts as progress and resets the count of tries."""

UNFINISHED = ".unfinished"


def part_name(file: FilePin) -> str:
    """Return the name of a file while it is incomplete; the name depends on the digest of the complete file."""
    return f".{file.path.rpartition('/')[2]}.{file.digest[:16]}{UNFINISHED}"


def fetch(source: Revision, file: FilePin, path: Path, tries: Tries, mirror: str | None = None) -> None:
    """Fetch a file, and give it its name once its digest has been checked.

    Parameters
    ----------
    source
        Revision with a known commit.
    path
        Target path; its folder must exist. An incomplete file that an earlier call left there is continued.
    mirror
        Repository that the cohort file declares as a replacement for a gated one, for the remedy.

    Raises
    ------
    Unavailable
        If the repository, revision or file is gated or gone.
    DownloadFailed
        If the file could not be fetched within the limit of tries, or there is no space for it on disk.
    ContradictoryAnswer
        If the Hub announces a file other than the pinned one.
    DigestMismatch
        If the received bytes twice had another digest than the pin.
    """
    part = path.with_name(part_name(file))
    with _disk_errors(file), GrowingFile(part, file) as growing:
        _require_space(path.parent, file, file.bytes - growing.size)
        while True:
            try:
                if growing.size < file.bytes:
                    _continue(source, file, growing, tries, mirror)
                _check_digest(file, growing)
                break
            except Trouble as trouble:
                tries.failed(trouble)
        part.replace(path)


def _require_space(folder: Path, file: FilePin, need: int) -> None:
    free = shutil.disk_usage(folder).free
    if need > free:
        raise DownloadFailed(
            f"{file.path}: {amount(need)} are still to be fetched and {amount(free)} are free on the disk: "
            "make room and run the same command again"
        )


@contextmanager
def _disk_errors(file: FilePin) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        remedy = "make room (what has been fetched is kept)" if full else "correct that"
        raise DownloadFailed(
            f"{file.path}: its {amount(file.bytes)} cannot be written ({(error.strerror or str(error)).lower()}): "
            f"{remedy}, and run the same command again"
        ) from error


def _continue(
    source: Revision, file: FilePin, growing: GrowingFile, tries: Tries, mirror: str | None
) -> None:
    """Ask for a fresh address and append the missing bytes; raise `Trouble` if a request fails."""
    subject = f"{source.repository} at {source.revision} ({file.path})"
    try:
        address = _announced(source, file, subject)
        headers = build_hf_headers() | {"Accept-Encoding": "identity"}
        if growing.size:
            headers["Range"] = f"bytes={growing.size}-"
        with get_session().stream("GET", address, headers=headers) as response:
            hf_raise_for_status(response)
            _check_answer(response, file, growing)
            _receive(response, file, growing, tries)
    except httpx2.HTTPError as error:
        raise trouble_of(error, subject, mirror) from error
    if growing.size < file.bytes:
        raise Trouble(f"the answer ended after {growing.size} of {file.bytes} bytes")


def _receive(response: httpx2.Response, file: FilePin, growing: GrowingFile, tries: Tries) -> None:
    try:
        for piece in response.iter_raw():
            if growing.size + len(piece) > file.bytes:
                growing.restart()
                raise Trouble(f"more bytes came than the {file.bytes} that are pinned")
            growing.append(piece)
            if growing.size >= growing.reached + PROGRESS:
                growing.reached = growing.size
                tries.progressed()
    finally:
        growing.flush()


def _announced(source: Revision, file: FilePin, subject: str) -> str:
    """Return the address of a file's bytes, after checking that the Hub announces the pinned file."""
    url = hf_hub_url(source.repository, file.path, repo_type=source.kind, revision=source.commit)
    found = get_hf_file_metadata(url, timeout=TIMEOUT)
    if found.commit_hash is None or found.etag is None:
        reason = "the answer lacks X-Repo-Commit or ETag, so it is not the Hub's"
        final = DownloadFailed(f"{subject}: {reason}: check HF_ENDPOINT and proxies")
        raise Trouble(reason, final=final, tries=FRESH_TRIES)
    for what, pinned, announced in (
        ("commit", source.commit, found.commit_hash),
        (file.kind_of_digest, file.digest, found.etag),
        ("size", file.bytes, found.size),
    ):
        if pinned != announced:
            reason = f"the Hub announces {what} {announced}, the pin says {pinned}"
            contradiction = ContradictoryAnswer(f"{subject}: {reason}: make the pins again")
            raise Trouble(reason, final=contradiction, tries=FRESH_TRIES)
    # If the Xet protocol can fetch the file too, huggingface_hub itself does not trust the Location header.
    return url if found.xet_file_data else found.location


def _check_answer(response: httpx2.Response, file: FilePin, growing: GrowingFile) -> None:
    """Raise unless the body begins where the file on disk ends; a server may ignore the Range header."""
    if response.status_code == 206:
        expected = f"bytes {growing.size}-{file.bytes - 1}/{file.bytes}"
        answered = response.headers.get("Content-Range")
        if answered != expected:
            growing.restart()
            raise Trouble(f"the range {answered} came instead of {expected}")
    elif growing.size:
        print(f"{file.path}: the server ignores the range, so it is fetched from the beginning")
        growing.restart()
    length = response.headers.get("Content-Length")
    missing = file.bytes - growing.size
    if length is not None and length != str(missing):
        raise Trouble(f"{length} bytes are announced where {missing} are missing")


def _check_digest(file: FilePin, growing: GrowingFile) -> None:
    found = growing.digest()
    if found != file.digest:
        growing.restart()
        reason = f"the {file.kind_of_digest} of the received bytes is {found}, the pin says {file.digest}"
        mismatch = DigestMismatch(
            f"{file.path}: {reason}, twice: something between the Hub and here changes files; "
            "do not use them and try another network"
        )
        raise Trouble(reason, final=mismatch, tries=FRESH_TRIES)
