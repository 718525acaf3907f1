"""What the test server serves: repositories with branches, commits and files, as the Hub keeps them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

LFS_ENDINGS = (".safetensors", ".bin", ".h5", ".parquet")
LFS_BYTES = 10 << 20


@dataclass(frozen=True)
class Content:
    """One file: bytes in memory or a file on disk."""

    data: bytes | Path
    size: int
    sha256: str
    blob: str
    lfs: bool

    @property
    def etag(self) -> str:
        return self.sha256 if self.lfs else self.blob

    def read(self, begin: int, end: int) -> bytes:
        if isinstance(self.data, bytes):
            return self.data[begin:end]
        with self.data.open("rb") as file:
            file.seek(begin)
            return file.read(end - begin)

    def described(self, path: str) -> dict[str, object]:
        """Return the item of ``siblings`` in an answer of the API."""
        lfs = {"sha256": self.sha256, "size": self.size, "pointerSize": 134}
        return {"rfilename": path, "size": self.size, "blobId": self.blob} | (
            {"lfs": lfs} if self.lfs else {}
        )

    def listed(self, path: str) -> dict[str, object]:
        """Return the item of a tree in an answer of the API."""
        lfs = {"oid": self.sha256, "size": self.size, "pointerSize": 134}
        item = {"type": "file", "path": path, "size": self.size, "oid": self.blob}
        return item | ({"lfs": lfs} if self.lfs else {})


def content(path: str, data: bytes | Path) -> Content:
    """Describe a file; what git would keep of a large one is a pointer of three lines."""
    if isinstance(data, Path):
        with data.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        size = data.stat().st_size
    else:
        sha256, size = hashlib.sha256(data).hexdigest(), len(data)
    lfs = path.endswith(LFS_ENDINGS) or size >= LFS_BYTES
    if lfs:
        kept = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()
    else:
        kept = data if isinstance(data, bytes) else data.read_bytes()
    blob = hashlib.sha1(b"blob %d\0" % len(kept) + kept, usedforsecurity=False).hexdigest()
    return Content(data, size, sha256, blob, lfs)


@dataclass
class Repository:
    """A repository: every commit stays, a branch names the newest of its own."""

    name: str
    kind: str
    gated: bool = False
    branches: dict[str, str] = field(default_factory=dict)
    commits: dict[str, dict[str, Content]] = field(default_factory=dict)

    def commit(self, branch: str, files: Mapping[str, bytes | Path]) -> str:
        """Make ``files`` the contents of a branch; return the id of the commit."""
        contents = {path: content(path, data) for path, data in sorted(files.items())}
        text = "".join(f"{path} {item.blob}\n" for path, item in contents.items())
        before = self.branches.get(branch, "")
        seed = f"{self.kind} {self.name} {branch} {before}\n{text}"
        commit = hashlib.sha1(seed.encode(), usedforsecurity=False).hexdigest()
        self.commits[commit] = contents
        self.branches[branch] = commit
        return commit

    def resolve(self, revision: str) -> str | None:
        """Return the commit of a branch or of a whole commit id, or None."""
        return self.branches.get(revision) or (revision if revision in self.commits else None)
