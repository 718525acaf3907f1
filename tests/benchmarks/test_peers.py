"""The environment of the peers is never needed: where it is absent or stale one line tells it; its lock is whole."""

import re

import peers
import pytest


@pytest.mark.parametrize(
    ("origin", "said"),
    [
        (
            None,
            "peers: .venv-peers is absent, run `make peers` (5 GB) to compare with them; not measured here\n",
        ),
        (
            "another lock",
            "peers: .venv-peers is not of envs/peers.lock, run `make peers`; not measured here\n",
        ),
    ],
)
def test_an_absent_or_stale_environment_is_told_in_one_line(tmp_path, monkeypatch, capsys, origin, said):
    environment = tmp_path / ".venv-peers"
    if origin:
        environment.mkdir()
        (environment / "origin").write_text(origin)
    monkeypatch.setattr(peers, "ENVIRONMENT", environment)
    assert list(peers.peers()) == []
    assert capsys.readouterr().out == said


def test_a_fresh_environment_is_used(tmp_path):
    (tmp_path / "origin").write_bytes(peers.LOCK.read_bytes())
    assert peers.absent(tmp_path) is None


def test_the_lock_has_what_is_compared_with_and_a_digest_of_each():
    lock = peers.LOCK.read_text()
    entries = dict(
        re.findall(r"^([a-z0-9-]+)==([^\s;]+)[^\n]*\\\n(?=    --hash=sha256:[0-9a-f]{64})", lock, re.M)
    )
    assert len(entries) == len(re.findall(r"^\S", lock, re.M))
    for line in peers.LOCK.with_suffix(".in").read_text().splitlines():
        name, _, pin = line.partition("==")
        assert pin in ("", entries[name])
    assert (
        peers.locked("WeightWatcher") == f"WeightWatcher {entries['weightwatcher']}" == "WeightWatcher 0.7.7"
    )
    assert peers.locked("weightlens") == "weightlens 0.3.0"
