"""Runs the Hub commands as a rule would, against a server of the test, and checks what must hold after each run."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub_contents import content
from server import Hub

REPOSITORY = Path(__file__).resolve().parents[2]
BEARER = "hf_a-token-that-must-not-be-seen"
SIZE = 3 << 20
DATA = random.Random(5).randbytes(SIZE)


@dataclass(frozen=True)
class Run:
    """What a run of a command left."""

    status: int
    sentence: str
    output: str
    log: str


@dataclass(frozen=True)
class Bench:
    """A server, a folder to work in, and the commands."""

    hub: Hub
    folder: Path
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        return kept | {
            "HF_ENDPOINT": self.hub.endpoint,
            "HF_HOME": str(self.folder / "home"),
            "HF_HUB_DOWNLOAD_TIMEOUT": "1",
            "HF_TOKEN": BEARER,
            "NO_PROXY": "127.0.0.1",
        }

    def start(self, module: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", f"weightfit.hub.{module}", "--wait", "0.01", *arguments]
        named = {name: value for name, value in (self.environment | environment).items() if value}
        process = subprocess.Popen(
            command, cwd=REPOSITORY, env=named, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.processes.append(process)
        return process

    def finish(self, process: subprocess.Popen[str], log: Path) -> Run:
        output, error = process.communicate(timeout=60)
        run = Run(process.returncode, error.strip(), output, log.read_text() if log.is_file() else "")
        self.check(run)
        return run

    def check(self, run: Run) -> None:
        """Check what holds after every run: the token stays home, and the sentence is one line without a trace."""
        assert not any("authorization" in r.headers for r in self.hub.requests if r.where == "cdn")
        assert "telemetry" not in self.hub.seen()
        texts = [run.sentence, run.output, *self.texts()]
        assert not any(BEARER in text or "Signature" in text for text in texts)
        assert "Traceback" not in run.sentence + run.log
        assert len(run.sentence.splitlines()) == (1 if run.status else 0), run.sentence
        assert run.sentence in run.log

    def texts(self) -> list[str]:
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        return [str(path) for path in files] + [path.read_bytes().decode("latin-1") for path in files]

    def arguments(self, part: Mapping[str, Any], name: str = "m") -> list[str]:
        places = {"folder": name, "manifest": f"{name}.json", "log": f"{name}.log"}
        options = [f"--{key}={self.folder / place}" for key, place in places.items()]
        return ["--part", json.dumps(part), *options]

    def download(self, part: Mapping[str, Any], *options: str, name: str = "m", **environment: str) -> Run:
        process = self.start("download", *self.arguments(part, name), *options, **environment)
        return self.finish(process, self.folder / f"{name}.log")

    def pins(self, sources: Mapping[str, Any], *options: str, **environment: str) -> Run:
        places = {"output": "cohort.pins.json", "log": "pins.log"}
        arguments = [f"--{key}={self.folder / place}" for key, place in places.items()]
        arguments += ["--cohort", "cohort", "--sources", json.dumps(sources), *options]
        return self.finish(self.start("pins", *arguments, **environment), self.folder / "pins.log")

    def manifest(self, name: str = "m") -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / f"{name}.json").read_text())
        return found

    def pinned(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "cohort.pins.json").read_text())
        return found

    def left(self) -> list[str]:
        """List what is in the folder beside the log and the Hub's own home; a part file without its digest."""
        paths = [path.relative_to(self.folder) for path in self.folder.rglob("*")]
        return sorted(path.as_posix() for path in paths if path.parts[0] != "home" and path.suffix != ".log")


def file_pin(path: str, data: bytes | Path) -> dict[str, Any]:
    """Return the pin of a file, from its bytes."""
    item = content(path, data)
    digest = {"sha256": item.sha256} if item.lfs else {"blob": item.blob}
    return {"path": path, "bytes": item.size} | digest


def part_of(
    commit: str,
    weights: Mapping[str, bytes | Path],
    beside: Mapping[str, bytes] | None = None,
    **changed: Any,
) -> dict[str, Any]:
    """Return a part as the command takes it."""
    source = {
        "kind": "model",
        "repository": "lab/model",
        "revision": "main",
        "step": 8,
        "available": True,
        "commit": commit,
        "files": [file_pin(path, data) for path, data in weights.items()],
        "beside": [file_pin(path, data) for path, data in (beside or {}).items()],
    }
    return {"entry": "model", "mirror": None, "source": source | changed}


def one_file(bench: Bench, **changed: Any) -> dict[str, Any]:
    """Serve one weight file and return its part."""
    files = {"model.safetensors": DATA}
    part = part_of(bench.hub.add("lab/model", files), files)
    part["source"] |= changed
    return part
