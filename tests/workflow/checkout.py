"""A copy of this checkout in which Snakemake runs as a person would run it, for the tests of the workflow."""

import hashlib
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from forked_python import program

REPOSITORY = Path(__file__).resolve().parents[2]
NEEDED = (
    "Snakefile",
    "config.yaml",
    "cohorts",
    "envs",
    "paper",
    "profiles",
    "scripts",
    "weightfit",
    "workflow",
)
TARGETS = ("all", "figures", "tables", "notebooks", "studies", "report")
USER = "nobody-of-this-name"


@dataclass(frozen=True)
class Run:
    """What one command of Snakemake printed and did; without forks, also how long that took the processor."""

    status: int
    text: str
    processor_seconds: float

    @property
    def planned(self) -> dict[str, int]:
        """Number of jobs of each rule that were to be run, the target rules of files alone left out."""
        table = re.search(r"^Job stats:\njob +count\n[- ]+\n(.*?)^total ", self.text, re.M | re.S)
        jobs = dict(line.split() for line in table[1].splitlines()) if table else {}
        return {rule: int(count) for rule, count in jobs.items() if rule not in TARGETS}

    @property
    def finished(self) -> list[str]:
        """Rules of the jobs that were run, sorted."""
        rules = re.findall(r"^Finished jobid: \d+ \(Rule: (\w+)\)", self.text, re.M)
        return sorted(rule for rule in rules if rule != "all")


class Checkout:
    """A copy of what a run needs."""

    seed = 1  # of the hashes in forks

    def __init__(self, path: Path, source: Path = REPOSITORY):
        self.path = path
        path.mkdir(parents=True)
        for name in NEEDED:
            if (source / name).is_dir():
                # With the compiled kernels, which are valid for the times of the copied files.
                shutil.copytree(source / name, path / name)
            else:
                shutil.copy2(source / name, path / name)

    @classmethod
    def existing(cls, path: Path) -> "Checkout":
        """Return a checkout that has been made before."""
        found = cls.__new__(cls)
        found.path = path
        return found

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "snakemake", *arguments]

    def environment(self) -> dict[str, str]:
        """Return this process's environment without what could reach into a run, and without a network."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "SNAKEMAKE", "NUMBA_", "PYTEST"))
        }
        nowhere = "http://127.0.0.1:9"
        return kept | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "LOGNAME": USER,
            "USER": USER,
            "http_proxy": nowhere,
            "https_proxy": nowhere,
            "PIP_NO_INDEX": "1",
        }

    def snakemake(self, *arguments: str, status: int | None = 0, forked: bool = True) -> Run:
        """Run Snakemake to its end and check its exit status, if one is expected.

        It and its jobs are forks of a process that has imported the libraries. If not ``forked``, each of them starts
        as it does for a person, which costs more of the processor.
        """
        command, environment = self.command(*arguments), self.environment()
        if forked:
            command[0] = str(program(self.seed))
            environment["PATH"] = f"{program(self.seed).parent}{os.pathsep}{environment['PATH']}"
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        result = subprocess.run(
            command,
            cwd=self.path,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        assert status in (None, result.returncode), result.stdout
        return Run(result.returncode, result.stdout, used)

    def plan(self, *arguments: str) -> dict[str, int]:
        """Return the number of jobs of each rule that a dry run plans."""
        run = self.snakemake("--dry-run", "--cores", "1", *arguments)
        assert run.planned or "Nothing to be done" in run.text, run.text
        return run.planned

    def kill_when(self, reached: Callable[[], bool], *arguments: str) -> None:
        """Start Snakemake and kill it with all its jobs, as a power cut would, when `reached` says so."""
        # Its own process group, so that nothing else is killed.
        process = subprocess.Popen(
            self.command(*arguments),
            cwd=self.path,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        limit = time.monotonic() + 300
        while not reached():
            assert process.poll() is None, f"Snakemake ended with {process.returncode} before it was killed"
            assert time.monotonic() < limit, "the moment to kill Snakemake never came"
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL

    def digests(self, cohort: str) -> dict[str, str]:
        """Return the sha256 of every result of a cohort; logs, run times and Snakemake's own marks are none."""
        results = self.path / "results" / cohort
        return {
            name: hashlib.sha256((results / name).read_bytes()).hexdigest()
            for name in files(results)
            if not name.startswith(("logs/", "benchmarks/")) and not name.endswith("/.snakemake_timestamp")
        }

    @contextmanager
    def edited(self, name: str, change: Callable[[str], str]) -> Iterator[None]:
        """Change a text file for the length of a block; its content and its time come back."""
        path = self.path / name
        text, state = path.read_text(encoding="utf-8"), path.stat()
        changed = change(text)
        assert changed != text, f"nothing in {name} was changed"
        path.write_text(changed, encoding="utf-8")
        try:
            yield
        finally:
            path.write_text(text, encoding="utf-8")
            os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def files(folder: Path) -> list[str]:
    """List all files and links below a folder, hidden ones too."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
