"""A server, a folder and the commands for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_bench import BEARER, Bench
from server import Hub

import weightfit.hub  # noqa: F401  before huggingface_hub, which would otherwise send a request of its own


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Hub() as hub:
        hub.tokens[BEARER] = set()
        made = Bench(hub, tmp_path)
        yield made
        for process in made.processes:  # those of a test that has failed
            process.kill()
            process.communicate()
