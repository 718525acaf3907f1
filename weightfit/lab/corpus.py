"""The text that the stand-ins learn: Python files of locked pure-Python wheels, the same bytes everywhere."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, PackagePath, distribution
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightfit.errors import CorpusError

HELD_OUT_SHARE = 16
"""The last of so many parts of each file is held out, so that both texts are of the same kinds."""

_LEFT_OUT = {"tests", "test", "testing"}


@dataclass(frozen=True)
class Corpus:
    """Bytes to train on, bytes held out, and the numeric part of the former; each uint8 ``(n,)``."""

    training: NDArray[np.uint8]
    held_out: NDArray[np.uint8]
    numeric: NDArray[np.uint8]
    sha256: str

    @property
    def bigram_entropy(self) -> float:
        """Entropy in nats of a byte given the one before it, over the pairs of the training text."""
        pairs = np.bincount(self.training[:-1].astype(np.int64) * 256 + self.training[1:], minlength=1 << 16)
        counts = pairs.reshape(256, 256).astype(np.float64)
        share = counts / counts.sum()
        conditional = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        return float(-(share[share > 0] * np.log(conditional[share > 0])).sum())


def collect(settings: Mapping[str, Any]) -> tuple[Corpus, dict[str, object]]:
    """Collect the text from the installed packages and check its digest.

    Parameters
    ----------
    settings
        ``corpus`` of the cohort file: ``sha256`` and ``packages``, from distribution to ``version``,
        ``folders`` (whose files are taken) and ``numeric`` (whether they are the numeric part).

    Returns
    -------
    corpus, manifest

    Raises
    ------
    CorpusError
        If a package is missing, has another version or files that differ from its wheel's record, or the
        whole text has another digest.
    """
    digest = hashlib.sha256()
    texts: dict[str, list[bytes]] = {"training": [], "held_out": [], "numeric": []}
    files = 0
    for name, wanted in sorted(settings["packages"].items()):
        for path in _files(name, wanted):
            text = _read(name, path)
            digest.update(f"{path}\0{len(text)}\0".encode() + text)
            files += 1
            cut = len(text) - len(text) // HELD_OUT_SHARE
            texts["held_out"].append(text[cut:])
            texts["training"].append(text[:cut])
            if wanted["numeric"]:
                texts["numeric"].append(text[:cut])
    if digest.hexdigest() != settings["sha256"]:
        raise CorpusError(
            f"the training text of {files} files has sha256 {digest.hexdigest()}, the cohort file states "
            f"{settings['sha256']}; the packages are of the right versions, so correct 'corpus' in the cohort file"
        )
    parts = {key: np.frombuffer(b"".join(pieces), np.uint8) for key, pieces in texts.items()}
    corpus = Corpus(**parts, sha256=digest.hexdigest())
    return corpus, {
        "sha256": corpus.sha256,
        "files": files,
        "packages": {name: wanted["version"] for name, wanted in sorted(settings["packages"].items())},
        "bytes": {key: int(part.size) for key, part in parts.items()},
        "bigram_entropy": corpus.bigram_entropy,
    }


def _files(name: str, wanted: Mapping[str, Any]) -> list[PackagePath]:
    remedy = "install envs/requirements.lock (make environment)"
    try:
        found: Distribution = distribution(name)
    except PackageNotFoundError:
        raise CorpusError(f"package {name} of the training text is not installed; {remedy}") from None
    if found.version != wanted["version"]:
        raise CorpusError(
            f"package {name} of the training text has version {found.version}, not {wanted['version']}; {remedy}"
        )
    chosen = [
        path
        for path in found.files or []
        if path.suffix == ".py"
        and not _LEFT_OUT & set(path.parts)
        and any(path.is_relative_to(folder) for folder in wanted["folders"])
    ]
    if not chosen:
        raise CorpusError(f"package {name} has no .py file in {wanted['folders']}; correct 'corpus' in the cohort file")
    return sorted(chosen, key=lambda path: path.parts)


def _read(name: str, path: PackagePath) -> bytes:
    text = path.read_binary()
    recorded = path.hash
    actual = base64.urlsafe_b64encode(hashlib.sha256(text).digest()).rstrip(b"=").decode()
    if recorded is None or recorded.mode != "sha256" or recorded.value != actual:
        raise CorpusError(
            f"{path} of package {name} is not the file of its wheel; it was edited after installation: "
            "remove .venv and install again"
        )
    return text


def write(corpus: Corpus, path: Path) -> None:
    """Write a corpus as an .npz file, the same bytes for the same text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.stem}.part.npz")
    np.savez(
        part,
        training=corpus.training,
        held_out=corpus.held_out,
        numeric=corpus.numeric,
        sha256=np.frombuffer(bytes.fromhex(corpus.sha256), np.uint8),
    )
    part.replace(path)


def read(path: Path) -> Corpus:
    """Read a corpus that `write` wrote."""
    with np.load(path, allow_pickle=False) as stored:
        return Corpus(
            stored["training"], stored["held_out"], stored["numeric"], stored["sha256"].tobytes().hex()
        )
