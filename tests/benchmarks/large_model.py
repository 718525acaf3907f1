"""`weightfit analyze` of a large file: its time beside reading and hashing the file, its memory, and the peers'."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from comparison import Comparison, alternate_measured, compare

from weightfit.weights.writer import CheckpointWriter

HIDDEN, KEYS, INNER = 2048, 512, 5632
SHAPES = {
    "self_attn.q_proj": (HIDDEN, HIDDEN),
    "self_attn.k_proj": (KEYS, HIDDEN),
    "self_attn.v_proj": (KEYS, HIDDEN),
    "self_attn.o_proj": (HIDDEN, HIDDEN),
    "mlp.gate_proj": (INNER, HIDDEN),
    "mlp.up_proj": (INNER, HIDDEN),
    "mlp.down_proj": (HIDDEN, INNER),
}
SIGMA = 0.02
HASH = "import hashlib, sys; hashlib.file_digest(open(sys.argv[1], 'rb'), 'sha256')"
ONE_THREAD = dict.fromkeys(
    ["OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"], "1"
)


def write(path: Path, gigabytes: float, dtype: str) -> int:
    """Write Gaussian weights under the names of Llama, in F16 or F32; return the number of matrices."""
    kind = {"F16": np.float16, "F32": np.float32}[dtype]
    of_block = sum(rows * columns for rows, columns in SHAPES.values()) * np.dtype(kind).itemsize
    blocks = round(gigabytes * 1e9 / of_block)
    drawn = np.random.default_rng(1).standard_normal(INNER * HIDDEN, np.float32) * np.float32(SIGMA)
    names = [
        (f"model.layers.{block}.{name}.weight", dtype, shape)
        for block in range(blocks)
        for name, shape in SHAPES.items()
    ]
    with CheckpointWriter(path, names) as writer:
        for number, (_, _, (rows, columns)) in enumerate(names):
            matrix = drawn[: rows * columns].reshape(rows, columns) * np.float32(1 + 0.001 * number)
            writer.write(matrix.astype(kind))
    return len(names)


def used(command: Sequence[Path | str]) -> tuple[float, int]:
    """Return the CPU seconds of a command, and the most memory that it held, in bytes."""
    process = subprocess.Popen(command, env=os.environ | ONE_THREAD, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, command
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def large_model(folder: Path, peers: dict[str, Sequence[Path | str]] | None = None) -> Iterator[Comparison]:
    """Compare the analysis of files of 2 GB (F16) and 1 GB (F32) with reading and hashing them, and with peers.

    Parameters
    ----------
    folder
        Folder for the files, which are removed afterwards.
    peers
        Commands of the peers by name; the path of the file is their last argument.
    """
    small = folder / "small.safetensors"
    write(small, 0.1, "F16")
    analyze = [sys.executable, "-m", "weightfit", "analyze"]
    _, at_rest = used([sys.executable, "-c", "import weightfit.analysis.analysis, weightfit.analysis.text"])
    for dtype, gigabytes in (("F16", 2.0), ("F32", 1.0)):
        path = folder / f"{dtype}.safetensors"
        matrices = write(path, gigabytes, dtype)
        what = f"{dtype} file of {path.stat().st_size / 1e9:.1f} GB, {matrices} matrices"
        start = used([*analyze, small])[0] - used([sys.executable, "-c", HASH, small])[0]
        ours, hashing = alternate_measured(
            lambda path=path: used([*analyze, path])[0],
            lambda path=path: used([sys.executable, "-c", HASH, path])[0],
            3,
        )
        yield compare(
            f"CPU time: {what}",
            ("weightfit analyze, less its start", ours - start),
            ("reading and hashing the file", hashing),
            "s",
            "<= 1.3",
        )
        yield compare(
            f"peak memory over import: {what}",
            ("weightfit analyze", (used([*analyze, path])[1] - at_rest) / 1e6),
            ("aim", 400.0),
            "MB",
            "<= 1",
        )
        for name, command in (peers or {}).items():
            yield compare(
                f"times as fast in CPU time, 1 thread: {what}, from the command to the table",
                ("weightfit analyze", ours),
                (name, used([*command, path])[0]),
                "s",
                ">= 1",
                how=lambda mine, theirs: theirs / mine,
            )
        path.unlink()
