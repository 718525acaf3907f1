"""The text that the stand-ins are trained on: Python source of wheels that the lock file pins.

Only wheels without compiled code are used, because their files are the same on every platform and under every
version of Python. Each file must have the digest that its wheel's RECORD states; tests are left out. About one
file in eight, chosen by the digest of its name, is held out of training.
"""

import csv
import hashlib
import io
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from weightfit.documents import whole_file
from weightfit.errors import CohortError, CorpusError

Text = npt.NDArray[np.uint8]

REMEDY = "make the environment of requirements.lock again: remove .venv, then run `make environment`"


@dataclass(frozen=True)
class Corpus:
    """The text of all training runs.

    Attributes
    ----------
    training
        Bytes of the training text, shape (n,).
    numeric
        The part of `training` that continued pre-training uses, repeated to the length of `training`, so that
        the same compiled program can train on both.
    held_out
        Bytes of the files that no training run sees, shape (m,).
    sha256
        Digest of the whole text, both training and held-out.
    """

    training: Text
    numeric: Text
    held_out: Text
    sha256: str

    def text(self, name: str) -> Text:
        """Return the training text named ``whole`` or ``numeric``."""
        texts = {"whole": self.training, "numeric": self.numeric}
        if name not in texts:
            raise CohortError(f"text {name!r} is unknown; use one of {sorted(texts)}")
        return texts[name]


@dataclass(frozen=True)
class _File:
    path: str
    content: bytes
    numeric: bool

    @property
    def held_out(self) -> bool:
        return hashlib.sha256(self.path.encode()).digest()[0] < 32


def collect(corpus: Mapping[str, Any]) -> tuple[Corpus, dict[str, object]]:
    """Read the text from the installed packages.

    Parameters
    ----------
    corpus
        Description of the corpus: ``sha256`` of the whole text and, in ``packages``, for each distribution its
        ``version``, the ``folders`` whose .py files are taken (including subfolders), and ``numeric``, those folders
        that hold numerical code.

    Returns
    -------
    Corpus
    dict
        Contents of the manifest: packages, sizes, digest and bigram entropy.

    Raises
    ------
    CohortError
        If the description lacks a key or has an unknown one.
    CorpusError
        If a package is absent, of another version or not pure Python, a file was changed, or the whole text has
        another digest.
    """
    files = sorted(_files(_packages(corpus)), key=lambda file: file.path)
    _check_whole(files, str(corpus["sha256"]))
    training = _join([file for file in files if not file.held_out])
    part = _join([file for file in files if not file.held_out and file.numeric])
    held_out = _join([file for file in files if file.held_out])
    if min(part.size, held_out.size) == 0:
        raise CorpusError("the corpus has no numeric or no held-out text: name more folders under packages")
    made = Corpus(training, np.resize(part, training.size), held_out, str(corpus["sha256"]))
    return made, {
        "source": "corpus",
        "sha256": made.sha256,
        "packages": corpus["packages"],
        "files": len(files),
        "files_held_out": sum(file.held_out for file in files),
        "bytes_training": training.size,
        "bytes_numeric": part.size,
        "bytes_held_out": held_out.size,
        "bigram_entropy": bigram_entropy(training),
    }


def bigram_entropy(text: Text) -> float:
    """Return the entropy of a byte given the one before it, estimated from counts in the text itself.

    The plug-in estimate is H = - sum over pairs (a, b) of n_ab / n * ln(n_ab / n_a), where n_ab counts the
    occurrences of the pair (a, b) of neighbouring bytes in the text, n_a the pairs that begin with a, and n all
    pairs. No model that sees only the last byte can have a smaller cross-entropy on this text.

    Parameters
    ----------
    text
        Text of at least two bytes.

    Returns
    -------
    float
        Entropy in nats per byte.

    Raises
    ------
    CorpusError
        If the text is too short to have a pair of neighbours.

    Examples
    --------
    >>> bigram_entropy(np.frombuffer(b"abababa", np.uint8)) == 0.0
    True
    """
    if text.size < 2:
        raise CorpusError(f"a text of {text.size} bytes has no pair of neighbours: give a longer one")
    pairs = np.bincount(text[:-1] * np.intp(256) + text[1:], minlength=1 << 16).reshape(256, 256)
    first, second = np.nonzero(pairs)
    count = pairs[first, second].astype(np.float64)
    total = pairs.sum(1)[first]
    return float(abs(np.sum(count * np.log(total / count))) / (text.size - 1))


def write_corpus(path: Path, corpus: Corpus) -> None:
    """Write the text as an uncompressed ``.npz`` file, which appears complete or not at all."""
    buffer = io.BytesIO()
    np.savez(
        buffer,
        training=corpus.training,
        numeric=corpus.numeric,
        held_out=corpus.held_out,
        sha256=np.frombuffer(corpus.sha256.encode(), np.uint8),
    )
    with whole_file(path) as unfinished:
        unfinished.write_bytes(buffer.getvalue())


def read_corpus(path: Path) -> Corpus:
    """Read what `write_corpus` wrote.

    Raises
    ------
    CorpusError
        If the file is not one that `write_corpus` wrote.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            return Corpus(
                stored["training"], stored["numeric"], stored["held_out"], stored["sha256"].tobytes().decode()
            )
    except (ValueError, KeyError, EOFError, TypeError, BadZipFile) as error:
        raise CorpusError(
            f"{path.name}: not a corpus ({error}): remove it and run rule corpus again"
        ) from None


def _packages(corpus: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    if set(corpus) != {"sha256", "packages"}:
        raise CohortError(f"corpus: keys {sorted(corpus)}; give exactly sha256 and packages")
    for name, package in corpus["packages"].items():
        where = f"corpus.packages.{name}"
        if set(package) != {"version", "folders", "numeric"}:
            raise CohortError(f"{where}: keys {sorted(package)}; give exactly version, folders and numeric")
        if stray := set(package["numeric"]) - set(package["folders"]):
            raise CohortError(f"{where}.numeric: {sorted(stray)} is not among folders; add it there")
    packages: Mapping[str, Mapping[str, Any]] = corpus["packages"]
    return packages


def _files(packages: Mapping[str, Mapping[str, Any]]) -> Iterator[_File]:
    for name, package in packages.items():
        distribution = _distribution(name, str(package["version"]))
        taken: set[str] = set()
        # RECORD itself is read, because Distribution.files may skip files that are missing.
        for name_in_record, digest, *_ in csv.reader((distribution.read_text("RECORD") or "").splitlines()):
            path = PurePosixPath(name_in_record)
            folders = {parent.as_posix() for parent in path.parents}
            if path.suffix != ".py" or not folders.intersection(package["folders"]) or _is_test(path):
                continue
            taken |= folders
            content = _content(name, path, digest, Path(str(distribution.locate_file(name_in_record))))
            yield _File(path.as_posix(), content, bool(folders.intersection(package["numeric"])))
        if empty := sorted(set(package["folders"]) - taken):
            raise CorpusError(
                f"{name} {package['version']} has no .py file in {empty}: correct corpus.packages"
            )


def _distribution(name: str, version: str) -> metadata.Distribution:
    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        raise CorpusError(f"package {name} {version} of the corpus is not installed: {REMEDY}") from None
    if distribution.version != version:
        raise CorpusError(
            f"package {name} of the corpus is installed in version {distribution.version}, not {version}: {REMEDY}"
        )
    tags = [line for line in (distribution.read_text("WHEEL") or "").splitlines() if line.startswith("Tag:")]
    if not tags or not all(tag.endswith("-none-any") for tag in tags):
        raise CorpusError(
            f"package {name} {version} of the corpus is not a pure Python wheel, so its text may differ between "
            "platforms: choose another package"
        )
    return distribution


def _is_test(path: PurePosixPath) -> bool:
    return bool({"test", "tests", "testing"}.intersection(path.parts)) or path.name.startswith(
        ("test_", "conftest")
    )


def _content(name: str, entry: PurePosixPath, digest: str, path: Path) -> bytes:
    if not digest.startswith("sha256="):
        raise CorpusError(f"{entry.as_posix()}: the RECORD of package {name} has no sha256 of it: {REMEDY}")
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise CorpusError(f"{entry.as_posix()}: the file of package {name} is missing: {REMEDY}") from None
    found = urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    if found != digest.removeprefix("sha256="):
        raise CorpusError(
            f"{entry.as_posix()}: the file of package {name} was changed after installation: {REMEDY}"
        )
    return content


def _check_whole(files: list[_File], expected: str) -> None:
    # The digest covers the names too, because they decide what is held out.
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.path}\n{len(file.content)}\n".encode() + file.content)
    if digest.hexdigest() != expected:
        raise CorpusError(
            f"the corpus of {len(files)} files has sha256 {digest.hexdigest()}, not {expected} as the cohort file "
            f"states, although each package has the stated version: {REMEDY}; if corpus.packages was edited on "
            "purpose, correct corpus.sha256"
        )


def _join(files: list[_File]) -> Text:
    return np.frombuffer(b"".join(file.content for file in files), np.uint8)
