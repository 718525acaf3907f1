"""What a download does when something goes wrong: outcome, exit status, the sentence, the requests, what is left."""

import re
from dataclasses import dataclass
from typing import Any

import pytest
from hub_bench import DATA, SIZE, Bench, one_file, part_of

WHAT = "lab/model at main (model.safetensors)"
WHOLE = ["m", "m.json", "m/model.safetensors"]
UNFINISHED = [".m.unfinished", ".m.unfinished/.model.safetensors.DIGEST.unfinished"]
FRESH = ["head 302", "cdn 200"]
MIDDLE = SIZE // 2 - 5
RESUMED = ["head 302", f"cdn bytes={MIDDLE}- 206"]
TEN = {"X-Linked-Size": "10"}


@dataclass(frozen=True)
class Case:
    """Faults of one kind, and what must come of them; without a sentence the download succeeds."""

    name: str
    where: str
    kind: str
    arguments: dict[str, Any]
    seen: list[str]
    sentence: str = ""
    left: tuple[str, ...] = ()


def passing(name: str, where: str, kind: str, seen: list[str], **arguments: Any) -> Case:
    """A fault that happens once and is overcome."""
    return Case(name, where, kind, arguments, seen, left=tuple(WHOLE))


def lasting(
    name: str, where: str, kind: str, seen: list[str], reason: str, *left: str, **arguments: Any
) -> Case:
    """A fault that happens in every try."""
    sentence = (
        f"DownloadFailed: {WHAT}: {reason} (6 tries without progress): "
        "check the network and run the same command again"
    )
    return Case(name, where, kind, arguments | {"times": None}, seen, sentence, left)


def final(
    name: str, where: str, kind: str, seen: list[str], sentence: str, *left: str, **arguments: Any
) -> Case:
    """A fault that a further try would not overcome."""
    return Case(name, where, kind, arguments | {"times": None}, seen, sentence, left)


def contradiction(what: str, announced: object, pinned: object) -> str:
    return (
        f"ContradictoryAnswer: {WHAT}: the Hub announces {what} {announced}, the pin says {pinned}: "
        "make the pins again"
    )


def closed(received: int, expected: int) -> str:
    return (
        "peer closed connection without sending complete message body "
        f"(received {received} bytes, expected {expected})"
    )


CASES = [
    # wrong bytes
    passing("a flipped byte", "cdn", "flip", FRESH * 2, at=2_000_000),
    final(
        "flipped bytes for ever",
        "cdn",
        "flip",
        FRESH * 2,
        "DigestMismatch: model.safetensors: the sha256 of the received bytes is DIGEST, the pin says DIGEST, twice: "
        "something between the Hub and here changes files; do not use them and try another network",
        at=0,
    ),
    # bodies that end early
    passing("cut before the first byte", "cdn", "cut", FRESH * 2, at=0),
    passing("cut in the middle", "cdn", "cut", [*FRESH, *RESUMED], at=MIDDLE),
    lasting("cut before the first byte for ever", "cdn", "cut", FRESH * 6, closed(0, SIZE), at=0),
    lasting(
        "cut in the middle for ever",
        "cdn",
        "cut",
        FRESH + RESUMED * 5,
        closed(0, SIZE - MIDDLE),
        *UNFINISHED,
        at=MIDDLE,
    ),
    passing("chunks that end early", "cdn", "short", [*FRESH, *RESUMED], at=MIDDLE),
    lasting(
        "chunks that end early for ever",
        "cdn",
        "short",
        FRESH + RESUMED * 5,
        f"the answer ended after {MIDDLE} of {SIZE} bytes",
        *UNFINISHED,
        at=MIDDLE,
    ),
    passing("a reset", "cdn", "reset", [*FRESH, *RESUMED], at=MIDDLE),
    lasting("resets for ever", "cdn", "reset", FRESH * 6, "[Errno 104] Connection reset by peer", at=0),
    passing("silence in the middle", "cdn", "stall", [*FRESH, *RESUMED], at=MIDDLE, seconds=5),
    passing("silence of the Hub", "head", "stall", ["head 0", *FRESH], seconds=5),
    # bodies that are another thing
    passing("a body too long", "cdn", "long", FRESH * 2, at=1),
    lasting(
        "bodies too long for ever",
        "cdn",
        "long",
        FRESH * 6,
        f"more bytes came than the {SIZE} that are pinned",
        at=1,
    ),
    passing("a page of HTML", "cdn", "page", FRESH * 2),
    lasting(
        "pages of HTML for ever",
        "cdn",
        "page",
        FRESH * 6,
        f"36 bytes are announced where {SIZE} are missing",
    ),
    passing("a wrong length", "cdn", "headers", FRESH * 2, headers={"Content-Length": "41"}),
    # answers that pass
    passing("429 on HEAD", "head", "status", ["head 429", *FRESH], status=429, headers={"Retry-After": "1"}),
    passing(
        "429 on GET",
        "cdn",
        "status",
        ["head 302", "cdn 429", *FRESH],
        status=429,
        headers={"RateLimit": '"resolvers";r=0;t=0'},
    ),
    final(
        "429 with a wait of hours",
        "head",
        "status",
        ["head 429"],
        f"DownloadFailed: {WHAT}: the server answers 429 and asks to wait 7200 s: run the same command "
        "again after that",
        status=429,
        headers={"Retry-After": "7200"},
    ),
    passing("500 on HEAD", "head", "status", ["head 500", *FRESH]),
    passing("503 on GET", "cdn", "status", ["head 302", "cdn 503", *FRESH], status=503),
    lasting("500 on HEAD for ever", "head", "status", ["head 500"] * 6, "the server answers 500"),
    lasting("500 on GET for ever", "cdn", "status", ["head 302", "cdn 500"] * 6, "the server answers 500"),
    final(
        "400",
        "head",
        "status",
        ["head 400"],
        f"DownloadFailed: {WHAT}: the server answers 400: check HF_ENDPOINT and the cohort file",
        status=400,
    ),
    passing("a refused address", "cdn", "status", ["head 302", "cdn 403", *FRESH], status=403),
    passing("a refusal taken back", "head", "status", ["head 401", *FRESH], status=401),
    # what the Hub announces
    passing("a wrong size once", "head", "headers", ["head 302", *FRESH], headers=TEN),
    final("a wrong size", "head", "headers", ["head 302"] * 2, contradiction("size", 10, SIZE), headers=TEN),
    final(
        "a wrong etag",
        "head",
        "headers",
        ["head 302"] * 2,
        contradiction("sha256", "abc", "DIGEST"),
        headers={"X-Linked-Etag": '"abc"'},
    ),
    final(
        "a wrong commit",
        "head",
        "headers",
        ["head 302"] * 2,
        contradiction("commit", "abc", "DIGEST"),
        headers={"X-Repo-Commit": "abc"},
    ),
    final(
        "no commit",
        "head",
        "headers",
        ["head 302"] * 2,
        f"DownloadFailed: {WHAT}: the answer lacks X-Repo-Commit or ETag, so it is not the Hub's: "
        "check HF_ENDPOINT and proxies",
        headers={"X-Repo-Commit": None},
    ),
]


def anonymous(text: str) -> str:
    """Replace digests, and their beginnings in names of files."""
    return re.sub(r"\b[0-9a-f]{40,64}\b|(?<=\.)[0-9a-f]{16}(?=\.unfinished)", "DIGEST", text)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_a_fault(bench: Bench, case: Case) -> None:
    part = one_file(bench)
    bench.hub.fault(case.where, case.kind, **case.arguments)
    run = bench.download(part)
    assert (anonymous(run.sentence), run.status) == (case.sentence, 1 if case.sentence else 0)
    assert bench.hub.seen() == case.seen
    assert [anonymous(path) for path in bench.left()] == list(case.left)
    if not case.sentence:
        assert (bench.folder / "m/model.safetensors").read_bytes() == DATA
        assert bench.manifest()["available"] is True


def test_a_range_that_is_ignored(bench: Bench) -> None:
    part = one_file(bench)
    bench.hub.fault("cdn", "cut", at=MIDDLE)
    bench.hub.fault("cdn", "whole")
    run = bench.download(part)
    assert (run.status, bench.left()) == (0, WHOLE)
    assert bench.hub.seen() == [*FRESH, "head 302", f"cdn bytes={MIDDLE}- 200"]
    assert "the server ignores the range, so it is fetched from the beginning" in run.log


def test_ranges_that_are_ignored_are_no_progress(bench: Bench) -> None:
    """Each try reaches the same byte: without a bound it would go on for ever."""
    part = one_file(bench)
    bench.hub.fault("cdn", "whole", at=MIDDLE, times=None)
    run = bench.download(part)
    assert (run.status, bench.hub.seen("cdn")) == (1, ["cdn 200"] + [f"cdn bytes={MIDDLE}- 200"] * 5)


def test_another_range_than_was_asked_for(bench: Bench) -> None:
    part = one_file(bench)
    bench.hub.fault("cdn", "cut", at=MIDDLE)
    bench.hub.fault("cdn", "shift", at=7)
    run = bench.download(part)
    assert (run.status, bench.left()) == (0, WHOLE)
    assert bench.hub.seen() == [*FRESH, *RESUMED, *FRESH]


def test_an_address_that_has_expired(bench: Bench) -> None:
    part = one_file(bench)
    bench.hub.lifetime = -1.0
    run = bench.download(part)
    assert run.sentence == (
        f"DownloadFailed: {WHAT}: the storage behind the Hub answers 403, as for an expired address "
        "(6 tries without progress): check the network and run the same command again"
    )
    assert (run.status, bench.hub.seen()) == (1, ["head 302", "cdn 403"] * 6)
    assert bench.left() == []


def test_waits_grow_and_respect_what_the_server_asks(bench: Bench) -> None:
    part = one_file(bench)
    bench.hub.fault("head", "status", status=500, times=2)
    bench.hub.fault("head", "status", status=429, headers={"Retry-After": "1"})
    run = bench.download(part)
    waits = re.findall(r"next try in (\S+) s", run.log)
    assert (run.status, waits) == (0, ["0.01", "0.02", "1"])


def test_tries_are_counted_anew_after_progress(bench: Bench) -> None:
    """Every answer breaks off after 17 MiB more; with two tries the file would never arrive."""
    size = 70 << 20
    data = bytes(size)
    part = part_of(bench.hub.add("lab/model", {"model.safetensors": data}), {"model.safetensors": data})
    for end in range(17, 70, 17):
        bench.hub.fault("cdn", "cut", at=end << 20)
    run = bench.download(part, "--tries", "2")
    assert (run.status, len(bench.hub.seen("cdn"))) == (0, 5)
    assert len(run.log.splitlines()) < 30
