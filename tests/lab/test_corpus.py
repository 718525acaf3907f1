"""The training text: closed-form entropies, a made-up installation with every fault, and the real packages."""

import hashlib
import math
from base64 import urlsafe_b64encode
from collections import Counter
from copy import deepcopy
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from weightfit.errors import CohortError, CorpusError, WeightfitError
from weightfit.lab.corpus import Corpus, bigram_entropy, collect, read_corpus, write_corpus

REPOSITORY = Path(__file__).resolve().parents[2]


def described() -> dict[str, Any]:
    """Return `corpus` of the default cohort."""
    text = (REPOSITORY / "cohorts" / "offline.yaml").read_text(encoding="utf-8")
    corpus: dict[str, Any] = yaml.safe_load(text)["corpus"]
    return corpus


# Entropy.


def test_entropy_where_each_pair_occurs_once() -> None:
    # A de Bruijn sequence: after each of four letters each of the four follows exactly once, so ln 4.
    text = np.frombuffer(b"aabacadbbcbdccdda", np.uint8)
    assert len(set(pairwise(text))) == 16
    assert bigram_entropy(text) == pytest.approx(math.log(4), rel=1e-14)


def test_entropy_of_a_fair_and_a_certain_letter() -> None:
    # After a: a or b, half and half; after b: always a. Two thirds of the pairs begin with a.
    text = np.frombuffer(b"aab" * 4000 + b"a", np.uint8)
    assert bigram_entropy(text) == pytest.approx(math.log(2) * 2 / 3, rel=1e-14)


@given(st.binary(min_size=2, max_size=200))
def test_entropy_by_counting_in_a_dictionary(data: bytes) -> None:
    pairs = Counter(pairwise(data))
    firsts = Counter(data[:-1])
    expected = -sum(
        count / (len(data) - 1) * math.log(count / firsts[first]) for (first, _), count in pairs.items()
    )
    assert bigram_entropy(np.frombuffer(data, np.uint8)) == pytest.approx(expected, rel=1e-12, abs=1e-14)


def test_a_text_without_a_pair_is_refused() -> None:
    with pytest.raises(CorpusError, match="1 bytes"):
        bigram_entropy(np.zeros(1, np.uint8))


# A made-up installation: twenty modules in two folders, one of them numeric, and files that are not text.


def install(site: Path, *, tag: str = "py3-none-any", version: str = "1.2") -> dict[str, bytes]:
    files = {f"words/a/m{i}.py": f"# word {i}\n".encode() * (i + 1) for i in range(20)}
    files |= {f"words/numbers/m{i}.py": f"x{i} = {i}\n".encode() * (i + 1) for i in range(20)}
    others = {
        "words/a/tests/m.py": b"tests\n",
        "words/a/test_m.py": b"tests\n",
        "words/a/conftest.py": b"tests\n",
        "words/a/table.txt": b"no code\n",
        "words/elsewhere/m.py": b"not asked for\n",
    }
    record = []
    for name, content in (files | others).items():
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        digest = urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        record.append(f"{name},sha256={digest},{len(content)}")
    information = site / f"words-{version}.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: words\nVersion: {version}\n")
    (information / "WHEEL").write_text(f"Wheel-Version: 1.0\nTag: {tag}\n")
    (information / "RECORD").write_text("\n".join(reversed(record)) + "\n")
    return files


def whole(files: dict[str, bytes]) -> str:
    parts = [f"{name}\n{len(files[name])}\n".encode() + files[name] for name in sorted(files)]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def asked(files: dict[str, bytes]) -> dict[str, Any]:
    folders = ["words/a", "words/numbers"]
    return {
        "sha256": whole(files),
        "packages": {"words": {"version": "1.2", "folders": folders, "numeric": ["words/numbers"]}},
    }


def test_the_text_is_that_of_the_files_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = install(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    corpus, manifest = collect(asked(files))
    out = [name for name in sorted(files) if hashlib.sha256(name.encode()).digest()[0] < 32]
    assert 0 < len(out) < 15
    kept = [name for name in sorted(files) if name not in out]
    assert corpus.held_out.tobytes() == b"".join(files[name] for name in out)
    assert corpus.training.tobytes() == b"".join(files[name] for name in kept)
    part = b"".join(files[name] for name in kept if name.startswith("words/numbers/"))
    repeated = part * (corpus.training.size // len(part) + 1)
    assert corpus.numeric.tobytes() == repeated[: corpus.training.size]
    assert manifest["bytes_numeric"] == len(part)
    assert manifest["files"] == 40
    assert manifest["files_held_out"] == len(out)
    assert manifest["bigram_entropy"] == bigram_entropy(corpus.training)
    assert corpus.text("numeric") is corpus.numeric
    assert corpus.text("whole") is corpus.training
    with pytest.raises(CohortError, match="text 'part' is unknown"):
        corpus.text("part")


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        (
            "version",
            CorpusError,
            "words of the corpus is installed in version 1.3, not 1.2.*make environment",
        ),
        ("absent", CorpusError, "package wordz 1.2 .* is not installed.*make environment"),
        ("compiled", CorpusError, "words 1.2 .* not a pure Python wheel"),
        ("changed", CorpusError, "words/a/m3.py: .* was changed after installation.*make environment"),
        ("missing", CorpusError, "words/a/m3.py: the file of package words is missing"),
        ("no digest", CorpusError, "words/a/m3.py: the RECORD of package words has no sha256"),
        ("empty folder", CorpusError, r"no .py file in \['words/none'\]"),
        ("digest", CorpusError, "the corpus of 40 files has sha256 .*, not 0000"),
        ("no numeric", CorpusError, "no numeric or no held-out text"),
        ("key", CohortError, "corpus: keys .*'extra'"),
        ("package key", CohortError, "corpus.packages.words: keys .*'extra'"),
        ("stray numeric", CohortError, r"corpus.packages.words.numeric: \['words/b'\] is not among folders"),
    ],
)
def test_a_fault_is_refused_by_name(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    error: type[WeightfitError],
    message: str,
) -> None:
    files = install(
        tmp_path,
        tag="cp311-cp311-linux_x86_64" if fault == "compiled" else "py3-none-any",
        version="1.3" if fault == "version" else "1.2",
    )
    monkeypatch.syspath_prepend(tmp_path)
    corpus = asked(files)
    words = corpus["packages"]["words"]
    if fault == "absent":
        corpus["packages"] = {"wordz": words}
    elif fault == "changed":
        change(tmp_path / "words/a/m3.py", "word 3", "word 4")
    elif fault == "missing":
        (tmp_path / "words/a/m3.py").unlink()
    elif fault == "no digest":
        record = tmp_path / "words-1.2.dist-info/RECORD"
        (line,) = [line for line in record.read_text().splitlines() if line.startswith("words/a/m3.py,")]
        change(record, line, "words/a/m3.py,,")
    elif fault == "empty folder":
        words["folders"] = [*words["folders"], "words/none"]
    elif fault == "digest":
        corpus["sha256"] = "0" * 64
    elif fault == "no numeric":
        words["numeric"] = []
    elif fault == "key":
        corpus["extra"] = 1
    elif fault == "package key":
        words["extra"] = 1
    elif fault == "stray numeric":
        words["numeric"] = ["words/b"]
    with pytest.raises(error, match=message):
        collect(corpus)


# The file that trainings read.


def test_the_file_reads_back_and_has_the_same_bytes_each_time(tmp_path: Path) -> None:
    letters = np.arange(256, dtype=np.uint8)
    corpus = Corpus(letters, letters[::-1].copy(), letters[:7], "ab" * 32)
    for name in ("first.npz", "second.npz"):
        write_corpus(tmp_path / name, corpus)
    assert (tmp_path / "first.npz").read_bytes() == (tmp_path / "second.npz").read_bytes()
    # ZIP's earliest date stands where a clock would.
    assert b"PK\x03\x04" in (tmp_path / "first.npz").read_bytes()[:4]
    assert (tmp_path / "first.npz").read_bytes()[10:14] == b"\x00\x00\x21\x00"
    again = read_corpus(tmp_path / "first.npz")
    assert again.sha256 == corpus.sha256
    for field in ("training", "numeric", "held_out"):
        assert np.array_equal(getattr(again, field), getattr(corpus, field))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.npz", "second.npz"]


@pytest.mark.parametrize("content", [b"", b"no zip", b"\x93NUMPY\x01\x00", b"PK\x05\x06"])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "corpus.npz").write_bytes(content)
    with pytest.raises(CorpusError, match=r"corpus\.npz: not a corpus"):
        read_corpus(tmp_path / "corpus.npz")


def test_half_a_file_is_refused(tmp_path: Path) -> None:
    letters = np.arange(256, dtype=np.uint8)
    path = tmp_path / "corpus.npz"
    write_corpus(path, Corpus(letters, letters, letters, "ab" * 32))
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(CorpusError, match=r"corpus\.npz: not a corpus"):
        read_corpus(path)


def test_a_file_without_all_texts_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "corpus.npz", training=np.zeros(3, np.uint8))
    with pytest.raises(CorpusError, match=r"corpus\.npz: not a corpus"):
        read_corpus(tmp_path / "corpus.npz")


# The default cohort's text.


def test_the_real_text_has_its_digest_and_is_mostly_source() -> None:
    corpus, manifest = collect(described())
    assert corpus.sha256 == described()["sha256"]
    assert corpus.training.size == corpus.numeric.size == manifest["bytes_training"]
    assert 4e6 < corpus.training.size < 6e6
    assert b"def " in corpus.held_out.tobytes()
    assert 2.0 < bigram_entropy(corpus.training) < 3.0


def test_another_version_of_a_real_package_is_refused_by_name() -> None:
    corpus = deepcopy(described())
    corpus["packages"]["mpmath"]["version"] = "1.0"
    with pytest.raises(
        CorpusError, match=r"package mpmath of the corpus is installed in version .*, not 1\.0"
    ):
        collect(corpus)


def test_the_lock_file_pins_the_versions() -> None:
    lock = (REPOSITORY / "envs" / "requirements.lock").read_text(encoding="utf-8")
    pins = [f"{name}=={package['version']}" for name, package in described()["packages"].items()]
    assert [pin for pin in pins if f"\n{pin} " not in f"\n{lock}"] == []
