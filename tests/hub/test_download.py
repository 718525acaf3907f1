"""What a download leaves, what it uses of what is there, and what it calls unavailable."""

import errno
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hub_bench import BEARER, DATA, REPOSITORY, SIZE, Bench, one_file, part_of
from hub_contents import content

from weightfit.hub.growing_file import GrowingFile
from weightfit.hub.repository import FilePin

CONFIG = b'{"num_attention_heads": 2}\n'
INDEX = b'{"weight_map": {"a": "model.safetensors"}}\n'
BESIDE = {"config.json": CONFIG, "model.safetensors.index.json": INDEX}
WEIGHTS = {"model.safetensors": DATA}
FRESH = ["head 302", "cdn 200"]
SMALL = ["head 200", "get 200"]
WHOLE = ["m", "m.json", "m/model.safetensors"]


def damaged(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


def test_a_download(bench: Bench) -> None:
    part = part_of(bench.hub.add("lab/model", WEIGHTS | BESIDE), WEIGHTS, BESIDE)
    run = bench.download(part)
    assert (run.status, run.output, bench.hub.seen()) == (0, "", SMALL * 2 + FRESH)
    assert {path.name: path.read_bytes() for path in (bench.folder / "m").iterdir()} == WEIGHTS | BESIDE
    source = part["source"]
    assert bench.manifest() == {
        "entry": "model",
        "source": "download",
        "repository": "lab/model",
        "commit": source["commit"],
        "available": True,
        "reason": None,
        "remedy": None,
        "files": [source["files"][0] | {"step": 8}],
        "settings": {"kind": "model", "revision": "main", "step": 8, "beside": source["beside"]},
    }
    assert {
        request.headers.get("authorization") for request in bench.hub.requests if request.where != "cdn"
    } == {f"Bearer {BEARER}"}
    assert not (bench.folder / "home").exists()  # nothing is written to the Hub's own folder


def test_the_same_again_asks_for_nothing_and_writes_the_same(bench: Bench) -> None:
    part = one_file(bench)
    bench.download(part)
    before, inode = bench.manifest(), (bench.folder / "m/model.safetensors").stat().st_ino
    bench.hub.requests.clear()
    run = bench.download(part)
    assert (run.status, bench.hub.requests, bench.manifest(), bench.left()) == (0, [], before, WHOLE)
    assert (bench.folder / "m/model.safetensors").stat().st_ino == inode


@pytest.mark.parametrize("files", [{"model.safetensors": damaged(DATA)}, WEIGHTS | {"other": b""}])
def test_a_folder_with_other_files_is_replaced(bench: Bench, files: dict[str, bytes]) -> None:
    part = one_file(bench)
    (bench.folder / "m").mkdir()
    for name, data in files.items():
        (bench.folder / "m" / name).write_bytes(data)
    assert bench.download(part).status == 0
    assert (bench.left(), (bench.folder / "m/model.safetensors").read_bytes()) == (WHOLE, DATA)


def test_without_a_token_none_is_sent(bench: Bench) -> None:
    assert bench.download(one_file(bench), HF_TOKEN="").status == 0
    assert not any("authorization" in request.headers for request in bench.hub.requests)


def test_the_token_of_the_hubs_own_login(bench: Bench) -> None:
    part = one_file(bench)
    (bench.folder / "home").mkdir()
    (bench.folder / "home/token").write_text(BEARER)
    process = bench.start("download", *bench.arguments(part), HF_TOKEN="")
    process.communicate(timeout=60)
    sent = [request.headers.get("authorization") for request in bench.hub.requests]
    assert (process.returncode, sent) == (0, [f"Bearer {BEARER}", None])


def test_the_token_goes_to_the_origin_of_the_endpoint_only() -> None:
    """huggingface_hub itself would send it to every origin that it knows as the Hub's."""
    program = """
import httpx2
from weightfit.hub.client import _client
hook, = _client().event_hooks["request"]
for url in ("https://mirror.example/a", "https://mirror.example:443/b", "http://mirror.example/a",
            "https://huggingface.co/a", "https://mirror.example:444/a", "https://mirror.example.org/a", "https://cdn.mirror.example/a"):
    request = httpx2.Request("GET", url, headers={"Authorization": "Bearer x"})
    hook(request)
    print("authorization" in request.headers)
"""
    environment = os.environ | {"HF_ENDPOINT": "https://mirror.example"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["True"] * 2 + ["False"] * 5


def test_a_redirect_to_elsewhere_takes_no_token_along(bench: Bench) -> None:
    part = one_file(bench)
    bench.hub.xet = True
    assert bench.download(part).status == 0
    # The address of the other protocol is passed over, and the redirect is followed without the token.
    assert bench.hub.seen() == ["head 302", "get 302", "cdn 200"]


def test_small_files_that_are_redirected_within_the_hub(bench: Bench) -> None:
    part = part_of(bench.hub.add("lab/model", WEIGHTS | BESIDE), WEIGHTS, {"config.json": CONFIG})
    bench.hub.caches = True
    assert (bench.download(part).status, bench.hub.seen()) == (0, ["head 307", *SMALL, *FRESH])


def test_a_data_set(bench: Bench) -> None:
    table = {"tables/medians.csv": b"model,shape\n"}
    commit = bench.hub.add("lab/tables", table, kind="dataset")
    run = bench.download(part_of(commit, table, kind="dataset", repository="lab/tables", step=None))
    assert (run.status, bench.left()) == (0, ["m", "m.json", "m/tables", "m/tables/medians.csv"])
    (file,) = bench.manifest()["files"]
    assert file == {
        "path": "tables/medians.csv",
        "bytes": 12,
        "step": None,
        "sha256": content("x.bin", table["tables/medians.csv"]).sha256,
    }
    assert all("/datasets/lab/tables/" in request.path for request in bench.hub.requests)


@pytest.mark.parametrize("path", ["../outside", "/outside", "a/../../outside", "a\\b", "."])
def test_a_path_that_leads_elsewhere(bench: Bench, path: str) -> None:
    part = one_file(bench)
    part["source"]["files"][0]["path"] = path
    process = bench.start("download", *bench.arguments(part))
    _, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"ValueError: {path!r} is not the path of a file in a repository" in error
    assert (bench.hub.requests, bench.left()) == ([], [])


def test_a_branch_that_has_moved(bench: Bench) -> None:
    part = one_file(bench)
    bench.hub.add("lab/model", {"model.safetensors": b"other"})
    run = bench.download(part)
    assert (run.status, (bench.folder / "m/model.safetensors").read_bytes()) == (0, DATA)


# Unavailable: a result.


def unavailable(bench: Bench, reason: str, remedy: str) -> None:
    assert bench.left() == ["m", "m.json"]  # the folder is empty
    found = bench.manifest()
    assert (found["available"], found["commit"], found["files"]) == (False, None, [])
    assert (found["reason"], found["remedy"]) == (reason, remedy)


WHAT = "lab/model at main (model.safetensors)"
ACCEPT = "accept the licence on its page and set HF_TOKEN to a token of that account"
CORRECT = "correct the name of the repository or revision, or make its pins again"
READABLE = "set HF_TOKEN to a token that may read it"


@pytest.mark.parametrize("status", [401, 403])
def test_a_gated_repository(bench: Bench, status: int) -> None:
    part = part_of(bench.hub.add("lab/model", WEIGHTS, gated=True), WEIGHTS)
    why = "and this token has no access" if status == 403 else "and no token was sent"
    run = bench.download(part, HF_TOKEN=BEARER if status == 403 else "")
    assert (run.status, bench.hub.seen()) == (0, [f"head {status}"] * 2)
    unavailable(bench, f"{WHAT} is gated {why} ({status})", ACCEPT)
    bench.hub.tokens[BEARER] = {"lab/model"}
    assert (bench.download(part).status, bench.manifest()["available"], bench.left()) == (0, True, WHOLE)


def test_a_gated_repository_with_a_mirror(bench: Bench) -> None:
    part = part_of(bench.hub.add("lab/model", WEIGHTS, gated=True), WEIGHTS) | {"mirror": "other/model"}
    bench.download(part)
    remedy = f"{ACCEPT}, or name its mirror other/model as the repository in the cohort file"
    unavailable(bench, f"{WHAT} is gated and this token has no access (403)", remedy)


@pytest.mark.parametrize("status", [401, 404])
def test_a_missing_repository(bench: Bench, status: int) -> None:
    run = bench.download(part_of("0" * 40, WEIGHTS), HF_TOKEN=BEARER if status == 404 else "")
    assert (run.status, bench.hub.seen()) == (0, [f"head {status}"] * 2)
    unavailable(bench, f"{WHAT} does not exist or is private ({status})", f"correct its name or {READABLE}")


def test_a_missing_commit(bench: Bench) -> None:
    run = bench.download(one_file(bench, commit="0" * 40))
    assert (run.status, bench.hub.seen()) == (0, ["head 404"] * 2)
    unavailable(bench, f"{WHAT} does not exist (404)", CORRECT)


def test_a_missing_file(bench: Bench) -> None:
    commit = bench.hub.add("lab/model", {"config.json": CONFIG})
    run = bench.download(part_of(commit, WEIGHTS, {"config.json": CONFIG}))
    assert (run.status, bench.hub.seen()) == (0, [*SMALL, "head 404", "head 404"])
    unavailable(bench, f"{WHAT} does not exist (404)", CORRECT)


def test_a_refusal_without_a_reason(bench: Bench) -> None:
    part = one_file(bench)
    bench.hub.fault("head", "status", status=403, times=None)
    assert bench.download(part).status == 0
    unavailable(bench, f"{WHAT} is refused (403)", READABLE)


def test_access_that_ends_halfway_leaves_no_part(bench: Bench) -> None:
    part = one_file(bench)
    bench.hub.fault("cdn", "cut", at=SIZE - 5)
    bench.hub.fault("head", "status", status=403, times=0)
    bench.hub.fault("head", "headers", headers={})
    bench.hub.fault("head", "status", status=403, times=None)
    run = bench.download(part)
    assert (run.status, bench.hub.seen()) == (0, [*FRESH, "head 403", "head 403"])
    unavailable(bench, f"{WHAT} is refused (403)", READABLE)


def test_what_was_unavailable_when_it_was_pinned_is_not_asked_for(bench: Bench) -> None:
    source = {"kind": "model", "repository": "lab/model", "revision": "main", "step": None}
    source |= {"available": False, "reason": "it is gated", "remedy": "accept the licence"}
    run = bench.download({"entry": "model", "mirror": None, "source": source})
    assert (run.status, bench.hub.requests) == (0, [])
    unavailable(bench, "it is gated", "accept the licence")


# Failures that are no answer of the Hub.


def test_a_token_that_the_hub_does_not_know(bench: Bench) -> None:
    part = one_file(bench)
    bench.hub.tokens.clear()
    run = bench.download(part)
    assert (run.status, bench.left(), bench.hub.seen()) == (1, [], ["head 401"])
    assert run.sentence == (
        f"DownloadFailed: {WHAT}: the Hub does not know the token: correct HF_TOKEN or log in again with "
        "`hf auth login`"
    )


def test_an_endpoint_where_nobody_listens(bench: Bench) -> None:
    part = one_file(bench)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        endpoint = f"http://127.0.0.1:{closed.getsockname()[1]}"
    run = bench.download(part, HF_ENDPOINT=endpoint)
    assert (run.status, bench.left(), bench.hub.seen()) == (1, [], [])
    assert run.sentence == (
        f"DownloadFailed: {WHAT}: [Errno 111] Connection refused (6 tries without progress): "
        "check the network and run the same command again"
    )


def test_offline(bench: Bench) -> None:
    run = bench.download(one_file(bench), HF_HUB_OFFLINE="1")
    assert (run.status, bench.left(), bench.hub.seen()) == (1, [], [])
    assert run.sentence == (
        "DownloadFailed: 127.0.0.1: HF_HUB_OFFLINE forbids requests and the file is not in the Hub cache: "
        "unset it and run again"
    )


FULL = """
import errno, os, pathlib, resource, sys
from weightfit.hub import download
from weightfit.hub.growing_file import GrowingFile
limit = 2 << 20
kind = sys.argv.pop(1)
if kind == "quota":  # of the kernel
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
else:
    class Full(pathlib.PosixPath):
        def open(self, *arguments, **named):
            file = super().open(*arguments, **named)
            class Disk:
                def __getattr__(self, name):
                    return getattr(file, name)
                def write(self, piece):
                    room = limit - file.tell()
                    if not room and kind == "silent":
                        return 0
                    if not room:
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                    return file.write(piece[:room])
            return Disk()
    begin = GrowingFile.__init__
    GrowingFile.__init__ = lambda growing, path, file: begin(growing, Full(path), file)
download.main(sys.argv[1:])
"""


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("quota", "file too large"),
        ("disk", "no space left on device"),
        # It neither writes nor fails: the program must not ask it for ever.
        ("silent", "no space left on device"),
    ],
)
def test_a_full_disk(bench: Bench, kind: str, words: str) -> None:
    part = one_file(bench)
    command = [sys.executable, "-c", FULL, kind, *bench.arguments(part)]
    process = subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=bench.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    bench.processes.append(process)  # which is killed with the test, if it has not ended
    run = bench.finish(process, bench.folder / "m.log")
    assert (run.status, bench.hub.seen(), len(bench.left())) == (1, FRESH, 2)
    (kept,) = (bench.folder / ".m.unfinished").iterdir()
    assert kept.read_bytes() == DATA[: 2 << 20]
    assert run.sentence == (
        f"DownloadFailed: model.safetensors: its 3.1 MB cannot be written ({words}): make room (what has "
        "been fetched is kept), and run the same command again"
    )
    # With room again the rest is fetched.
    bench.hub.requests.clear()
    run = bench.download(part)
    assert (run.status, bench.hub.seen(), bench.left()) == (
        0,
        ["head 302", f"cdn bytes={2 << 20}- 206"],
        WHOLE,
    )


def test_what_a_full_disk_did_not_take_is_not_written_later(tmp_path: Path) -> None:
    """Room can come back while the program ends: the file must stay a beginning of the one that is pinned."""
    data = os.urandom(1000)
    pin = FilePin("m", len(data), hashlib.sha256(data).hexdigest(), None)
    growing = GrowingFile(tmp_path / "m.unfinished", pin)
    disk = growing._file
    room = [400, None, 1000]

    class Disk:
        def __getattr__(self, name: str) -> object:
            return getattr(disk, name)

        def write(self, piece: memoryview) -> int:
            taken = room.pop(0)
            if taken is None:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return disk.write(piece[:taken])

    growing._file = Disk()  # type: ignore[assignment]
    growing.append(data)
    with pytest.raises(OSError, match="No space left"):
        growing.flush()
    growing.flush()
    assert (tmp_path / "m.unfinished").read_bytes() == data[:400]
    growing.__exit__()


def test_more_than_the_disk_has_room_for(bench: Bench) -> None:
    part = one_file(bench)
    part["source"]["files"][0]["bytes"] = 10**18
    run = bench.download(part)
    assert (run.status, bench.hub.seen(), bench.left()) == (1, [], [])
    assert run.sentence.startswith(
        "DownloadFailed: model.safetensors: 1000000000.00 GB are still to be fetched and "
    )
    assert run.sentence.endswith(" GB are free on the disk: make room and run the same command again")


# The user's own Hub cache.


def fill_cache(bench: Bench, commit: str, data: bytes, blob: str) -> Path:
    """Lay a file as huggingface_hub does: the bytes by digest, and a link to them by commit."""
    folder = bench.folder / "home/hub/models--lab--model"
    (folder / "blobs").mkdir(parents=True)
    (folder / "blobs" / blob).write_bytes(data)
    snapshot = folder / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").symlink_to(Path("../../blobs") / blob)
    return folder / "blobs" / blob


@pytest.mark.parametrize("pinned", [True, False], ids=["of the commit", "of another commit"])
def test_a_cached_file_is_used_in_place(bench: Bench, pinned: bool) -> None:
    part = one_file(bench)
    source = part["source"]
    commit = source["commit"] if pinned else "1" * 40
    blob = fill_cache(bench, commit, DATA, source["files"][0]["sha256"])
    before = blob.stat()
    run = bench.download(part, HF_HUB_OFFLINE="1")
    link = bench.folder / "m/model.safetensors"
    assert (run.status, bench.hub.requests, link.is_symlink(), link.resolve()) == (0, [], True, blob)
    shutil.rmtree(bench.folder / "m")  # what Snakemake does with a temporary folder
    assert (blob.read_bytes(), blob.stat().st_mtime_ns) == (DATA, before.st_mtime_ns)
    assert bench.manifest()["files"][0]["sha256"] == source["files"][0]["sha256"]


def test_a_cached_file_that_is_damaged_is_left_alone(bench: Bench) -> None:
    part = one_file(bench)
    blob = fill_cache(bench, part["source"]["commit"], damaged(DATA), part["source"]["files"][0]["sha256"])
    run = bench.download(part)
    path = bench.folder / "m/model.safetensors"
    assert (run.status, bench.hub.seen(), path.is_symlink(), path.read_bytes()) == (0, FRESH, False, DATA)
    assert blob.read_bytes() == damaged(DATA)
    assert "the copy in the Hub cache is not the pinned file, so it is left alone" in run.log


# Processes that end, and processes at once.


def wait_for(condition: "object", process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 20
    while not condition():  # type: ignore[operator]
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_download_is_resumed(bench: Bench, ending: signal.Signals) -> None:
    data = os.urandom(40 << 20)
    part = part_of(bench.hub.add("lab/model", {"model.safetensors": data}), {"model.safetensors": data})
    bench.hub.fault("cdn", "stall", at=30 << 20, seconds=30)
    process = bench.start("download", *bench.arguments(part), HF_HUB_DOWNLOAD_TIMEOUT="30")
    wait_for(lambda: bench.hub.requests and bench.hub.requests[-1].sent == 30 << 20, process)
    kept = (
        bench.folder
        / ".m.unfinished"
        / f".model.safetensors.{part['source']['files'][0]['sha256'][:16]}.unfinished"
    )
    wait_for(lambda: kept.stat().st_size >= 28 << 20, process)
    process.send_signal(ending)
    process.communicate(timeout=20)
    assert process.returncode and bench.left()[0] == ".m.unfinished" and "m.json" not in bench.left()
    size = kept.stat().st_size
    bench.hub.requests.clear()
    run = bench.download(part)
    assert (run.status, bench.left(), bench.hub.seen()) == (0, WHOLE, ["head 302", f"cdn bytes={size}- 206"])
    assert (30 << 20) - size <= 16 << 20
    assert (bench.folder / "m/model.safetensors").read_bytes() == data
    assert f"{size / 1e6:.1f} MB are already there from an earlier run" in run.log


def test_what_another_pin_has_left_is_not_continued(bench: Bench) -> None:
    part = one_file(bench)
    (bench.folder / ".m.unfinished").mkdir()
    (bench.folder / ".m.unfinished/.model.safetensors.0123456789abcdef.unfinished").write_bytes(
        b"of the old pin"
    )
    run = bench.download(part)
    assert (run.status, bench.hub.seen(), bench.left()) == (0, FRESH, WHOLE)


@pytest.mark.parametrize("size", [SIZE, SIZE + 1])
def test_what_is_left_may_be_whole_or_too_long(bench: Bench, size: int) -> None:
    part = one_file(bench)
    (bench.folder / ".m.unfinished").mkdir()
    digest = part["source"]["files"][0]["sha256"][:16]
    (bench.folder / f".m.unfinished/.model.safetensors.{digest}.unfinished").write_bytes((DATA + b"?")[:size])
    run = bench.download(part)
    assert (run.status, bench.hub.seen(), bench.left()) == (0, [] if size == SIZE else FRESH, WHOLE)


def test_two_runs_at_once(bench: Bench) -> None:
    part = one_file(bench)
    bench.hub.fault("cdn", "stall", at=SIZE // 2, seconds=30)
    patient = {"HF_HUB_DOWNLOAD_TIMEOUT": "30"}
    first = bench.start("download", *bench.arguments(part), **patient)
    wait_for(lambda: bench.hub.seen("cdn"), first)
    log = bench.folder / "other.log"
    arguments = [text.replace("m.log", log.name) for text in bench.arguments(part)]
    second = bench.start("download", *arguments, **patient)
    wait_for(lambda: log.is_file() and "waiting until that has ended" in log.read_text(), second)
    bench.hub.released.set()
    runs = [bench.finish(first, bench.folder / "m.log"), bench.finish(second, log)]
    assert [run.status for run in runs] == [0, 0]
    assert bench.left() == WHOLE
    assert runs[1].log == (
        ".m.unfinished: another process is at work on it; waiting until that has ended\n"
        "m: all files are there already\n"
    )
    # One of them fetched, and only what the break made necessary a second time.
    assert bench.hub.seen("cdn") == ["cdn 200", f"cdn bytes={SIZE // 2}- 206"]


def test_memory_and_log_are_bounded(bench: Bench) -> None:
    source = bench.folder / "home/large"
    source.parent.mkdir()
    with source.open("wb") as file:
        file.truncate(200 << 20)  # a hole: no disk is used here
    part = part_of(bench.hub.add("lab/model", {"model.safetensors": source}), {"model.safetensors": source})
    program = (
        "import sys; from weightfit.hub.download import main; main(sys.argv[1:]); "
        "print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *bench.arguments(part)],
        cwd=REPOSITORY,
        env=bench.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) < 100_000  # KiB
    lines = (bench.folder / "m.log").read_text().splitlines()
    # A line every ten seconds, if it takes that long, and one at the end.
    told = r"m: [\d,]+ of 209,715,200 bytes(, about \d+ \w+ left)? \(\d+ \w+ so far\)"
    assert all(re.fullmatch(told, line) for line in lines[:-1])
    assert lines[-1] == "model.safetensors: complete, and its sha256 is that of the pin"
    (bench.folder / "m/model.safetensors").unlink()


def test_the_help_says_what_each_option_is() -> None:
    for module in ("download", "pins"):
        command = [sys.executable, "-m", f"weightfit.hub.{module}", "--help"]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
        assert "seconds before the second try (default: 1.0)" in done.stdout
