"""Fetches a weight file from a server on loopback and counts it, or hashes it alone."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "tests" / "hub"))

from hub_bench import part_of  # noqa: E402
from server import Hub  # noqa: E402

NAME = "model.safetensors"
# Linux counts in the peak of a process what it was forked from: a small one starts the commands.
STARTER = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
"""


@dataclass(frozen=True)
class Place:
    """A served file, the folder to fetch it to, and what the commands need."""

    part: str
    url: str
    folder: Path
    environment: dict[str, str]

    def ours(self) -> tuple[float, float]:
        """Fetch and count by the commands of the rules; return seconds and the larger peak memory in bytes."""
        places = [f"--folder={self.folder}/model", f"--manifest={self.folder}/model.json"]
        commands = [
            ["weightfit.hub.download", "--part", self.part, *places, f"--log={self.folder}/download.log"],
            ["weightfit.part", *places, f"--output={self.folder}/h.parquet", f"--log={self.folder}/part.log"],
        ]
        return self._timed([[sys.executable, "-m", *command] for command in commands])

    def theirs(self) -> tuple[float, float]:
        """Fetch with curl and hash with sha256sum; return the same."""
        copy = str(self.folder / NAME)
        return self._timed(
            [["curl", "--silent", "--location", "--fail", "--output", copy, self.url], ["sha256sum", copy]]
        )

    def _timed(self, commands: Sequence[Sequence[str]]) -> tuple[float, float]:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        begin, peak = time.perf_counter(), 0
        for command in commands:
            started = [sys.executable, "-S", "-c", STARTER, *command]
            done = subprocess.run(
                started, cwd=REPOSITORY, env=self.environment, stdout=subprocess.PIPE, check=True
            )
            peak = max(peak, int(done.stdout))
        return time.perf_counter() - begin, peak


@contextmanager
def served(file: Path) -> Iterator[Place]:
    """Serve a file; what is fetched is removed afterwards."""
    with Hub() as hub, tempfile.TemporaryDirectory() as folder:
        part = part_of(hub.add("lab/model", {NAME: file}), {NAME: file})
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        own = {"HF_ENDPOINT": hub.endpoint, "HF_HOME": f"{folder}/home", "NO_PROXY": "127.0.0.1"}
        yield Place(
            json.dumps(part),
            f"{hub.endpoint}/lab/model/resolve/main/{NAME}",
            Path(folder, "fetched"),
            kept | own,
        )
