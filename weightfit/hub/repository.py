"""Describes what is pinned of a repository on the Hub: its revisions, and the size and digest of each file."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Self

PIECE = 1 << 20


@dataclass(frozen=True)
class FilePin:
    """One file of a repository at one commit.

    Attributes
    ----------
    path
        Path of the file in the repository.
    sha256
        Digest in hexadecimal digits, which the Hub states for large files.
    blob
        The id that git gives to a small file: the sha1 of the word ``blob``, the file's size and its bytes. Exactly
        one of the two digests is given; it is also the file's ETag.
    """

    path: str
    bytes: int
    sha256: str | None
    blob: str | None

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Read a pin as `described` writes it."""
        return cls(document["path"], document["bytes"], document.get("sha256"), document.get("blob"))

    def described(self) -> dict[str, Any]:
        """Return the pin as a document for JSON, without the unknown digest."""
        digest = {"sha256": self.sha256} if self.sha256 else {"blob": self.blob}
        return {"path": self.path, "bytes": self.bytes} | digest

    @property
    def digest(self) -> str:
        """The sha256, or the git id of a small file."""
        digest = self.sha256 or self.blob
        assert digest is not None
        return digest

    @property
    def kind_of_digest(self) -> str:
        """The kind of digest that `digest` is, for messages."""
        return "sha256" if self.sha256 else "git id"

    def begin_digest(self) -> "hashlib._Hash":
        """Return a hash object for the digest, to which the bytes of the file are still to be added."""
        if self.sha256:
            return hashlib.sha256()
        return hashlib.sha1(b"blob %d\0" % self.bytes, usedforsecurity=False)

    def matches(self, path: Path) -> bool:
        """Return whether a file has exactly the pinned bytes; it is read in pieces."""
        if not path.is_file() or path.stat().st_size != self.bytes:
            return False
        digest = self.begin_digest()
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                digest.update(piece)
        return digest.hexdigest() == self.digest

    def place_in(self, folder: Path) -> Path:
        """Return the path of the file in a folder.

        Raises
        ------
        ValueError
            If the path leads out of the folder.
        """
        path = PurePosixPath(self.path)
        if path.is_absolute() or not path.parts or {"..", ""} & set(path.parts) or "\\" in self.path:
            raise ValueError(f"{self.path!r} is not the path of a file in a repository")
        return folder / path


@dataclass(frozen=True)
class Revision:
    """One revision of a repository, as it was found on the Hub.

    Attributes
    ----------
    kind
        ``model`` or ``dataset``.
    revision
        Branch, tag or commit, as the cohort file names it.
    commit
        Commit of the revision; None if the revision is unavailable.
    files
        The weight files, or the files of a data set.
    beside
        Small files that each weight file needs: config.json and the index.
    reason, remedy
        Why the revision is unavailable, and what can be done about it.
    """

    kind: str
    repository: str
    revision: str
    step: int | None
    commit: str | None
    files: tuple[FilePin, ...] = ()
    beside: tuple[FilePin, ...] = ()
    reason: str | None = None
    remedy: str | None = None

    @property
    def available(self) -> bool:
        """Whether the revision could be pinned."""
        return self.commit is not None

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Read a revision as `described` writes it."""
        files, beside = (
            tuple(FilePin.of(file) for file in document.get(key, ())) for key in ("files", "beside")
        )
        plain = {key: value for key, value in document.items() if key not in ("available", "files", "beside")}
        return cls(**{"commit": None} | plain, files=files, beside=beside)

    def described(self) -> dict[str, Any]:
        """Return the revision as a document for JSON."""
        named = {
            "kind": self.kind,
            "repository": self.repository,
            "revision": self.revision,
            "step": self.step,
        }
        if not self.available:
            return named | {"available": False, "reason": self.reason, "remedy": self.remedy}
        return named | {
            "available": True,
            "commit": self.commit,
            "files": [file.described() for file in self.files],
            "beside": [file.described() for file in self.beside],
        }


@dataclass(frozen=True)
class Part:
    """The part of an entry that one job fetches.

    Attributes
    ----------
    entry
        Id of the entry in its cohort.
    source
        Revision with the job's weight file as its only one, or without any if it is unavailable.
    mirror
        Repository that the cohort file declares as a replacement in case this one is gated.
    """

    entry: str
    source: Revision
    mirror: str | None

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Read a part as `described` writes it."""
        return cls(document["entry"], Revision.of(document["source"]), document["mirror"])

    @property
    def id(self) -> str:
        """Path of the part's files below the folders of weights, manifests and histograms."""
        name = Path(self.source.files[0].path).stem if self.source.files else "unavailable"
        return f"{self.entry}/{self.source.revision}/{name}"

    def described(self) -> dict[str, Any]:
        """Return the part as a document for JSON, with all that its jobs depend on."""
        return {"entry": self.entry, "source": self.source.described(), "mirror": self.mirror}


@dataclass(frozen=True)
class HubSource:
    """What a cohort file says about an entry that comes from the Hub.

    Attributes
    ----------
    revisions
        Training step of each branch, tag or commit, or None if it has no step.
    kind
        ``model`` or ``dataset``.
    mirror
        Repository that may be named instead if this one is gated.
    files
        Files of a data set; for a model this is empty, because its weight files are found.
    expected
        The ``commit`` and the ``sha256`` of each file that were seen earlier, by revision; a difference gives a note.
    equal
        Pairs of revisions that are known to have the same weights.
    """

    repository: str
    revisions: Mapping[str, int | None]
    kind: str = "model"
    mirror: str | None = None
    files: Sequence[str] = ()
    expected: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    equal: Sequence[Sequence[str]] = ()

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Read the settings of an entry."""
        return cls(**settings)
