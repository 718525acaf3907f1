"""Fetch the wheels that a lock file pins, with pip; no wheel is ever installed, imported or run."""

import hashlib
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from weightfit.errors import CohortError, DigestMismatch, DownloadFailed

REQUIREMENT = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[A-Za-z0-9.!+]+)\s+--hash=sha256:(?P<sha256>[0-9a-f]{64})"
)


@dataclass(frozen=True)
class Lock:
    """A pinned wheel.

    Attributes
    ----------
    sha256
        Digest of the wheel, in hexadecimal digits.
    """

    name: str
    version: str
    sha256: str


def canonical(name: str) -> str:
    """Return the name of a distribution as indices compare it: the rule of PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_lock(path: Path) -> list[Lock]:
    """Read a lock file: lines ``name==version --hash=sha256:...``, apart from empty lines and comments.

    Raises
    ------
    CohortError
        If the file is missing, names a wheel twice or has any other content, for instance a host or an option of pip.
    """
    if not path.is_file():
        raise CohortError(f"{path}: there is no such lock file: correct the cohort file")
    stripped = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    lines = [REQUIREMENT.fullmatch(line) for line in stripped if line and not line.startswith("#")]
    locks = [Lock(found["name"], found["version"], found["sha256"]) for found in lines if found is not None]
    if not locks or None in lines:
        raise CohortError(
            f"{path}: a lock file has lines 'name==version --hash=sha256:DIGEST' with 64 digits and nothing else: "
            "correct it"
        )
    if len({canonical(lock.name) for lock in locks}) < len(locks):
        raise CohortError(f"{path}: a wheel is there twice: keep one of its lines")
    return locks


def pip_download(lock: Path, folder: Path) -> list[str]:
    """Return the command that fetches what a lock file names and nothing else.

    Parameters
    ----------
    folder
        Folder to which wheels are downloaded.
    """
    options = ["--no-deps", "--require-hashes", "--only-binary=:all:", "--no-input", "--progress-bar=off"]
    quiet = ["--disable-pip-version-check"]
    return [sys.executable, "-m", "pip", "download", *options, *quiet, "-r", str(lock), "-d", str(folder)]


def download(lock: Path, folder: Path) -> list[Path]:
    """Fetch the wheels that a lock file names, with pip.

    The output of pip is printed.

    Parameters
    ----------
    folder
        Empty folder to which the wheels are downloaded.

    Returns
    -------
    list of Path
        The wheels, sorted by name.

    Raises
    ------
    CohortError
        If the lock file is missing or malformed.
    DownloadFailed
        If pip did not fetch exactly one wheel for each line.
    DigestMismatch
        If the package index has another wheel than the one that was pinned.
    """
    pinned = read_lock(lock)
    done = subprocess.run(
        pip_download(lock, folder), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    print(done.stdout, done.stderr, sep="", end="")
    if done.returncode:
        raise _failure(pinned, lock.name, done.stderr)
    wheels = sorted(folder.glob("*.whl"))
    if len(wheels) != len(pinned):
        raise DownloadFailed(
            f"{_versions(pinned)}: pip left {len(wheels)} wheels where the lock file names {len(pinned)}: run again"
        )
    return wheels


def _versions(locks: Sequence[Lock]) -> str:
    return ", ".join(f"{lock.name}=={lock.version}" for lock in locks)


def _failure(pinned: Sequence[Lock], lock: str, said: str) -> DigestMismatch | DownloadFailed:
    """Return the error that describes in one sentence what pip wrote to its standard error."""
    what = _versions([one for one in pinned if _versions([one]) in said] or pinned)
    if "DO NOT MATCH THE HASHES" in said:
        return DigestMismatch(
            f"{what}: the package index serves a file whose sha256 is not the one in {lock}: do not use it; "
            "try another index"
        )
    if "WARNING: Retrying (" in said or "(from versions: none)" in said:
        return DownloadFailed(
            f"{what}: the package index cannot be reached or does not have it: check the network, run again"
        )
    errors = [line for line in said.splitlines() if line.strip() and not line.startswith("WARNING:")]
    reason = errors[0].removeprefix("ERROR:").strip() if errors else "nothing"
    return DownloadFailed(
        f"{what}: pip could not fetch it: correct {lock} or the package index (pip: {reason})"
    )


def pinned_wheels(wheels: Sequence[Path], locks: Sequence[Lock]) -> dict[Lock, Path]:
    """Return the wheel of each line of a lock file, found by its sha256.

    Raises
    ------
    DigestMismatch
        If there is none with the sha256 that the lock file pins.
    """
    found = {}
    for wheel in wheels:
        with wheel.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        lock = next((lock for lock in locks if lock.sha256 == sha256), None)
        if lock is None:
            stated = ", ".join(lock.sha256 for lock in locks)
            raise DigestMismatch(
                f"{wheel.name}: its sha256 is {sha256}, the lock file states {stated}: fetch it again"
            )
        found[lock] = wheel
    for lock in locks:
        if lock not in found:
            raise DigestMismatch(f"{_versions([lock])}: no wheel has its sha256: fetch it again")
    return found
