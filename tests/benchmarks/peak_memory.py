"""The most memory that a fresh process took: ``python peak_memory.py import | scan FOLDER | part FOLDER``.

``import`` only imports the package, ``scan`` counts the folder's weight file and keeps nothing, ``part`` is the
work of rule ``histogram``: it counts the file and writes its Parquet table. Prints bytes, or nothing where the
system does not tell (VmHWM of /proc/self/status: Linux).
"""

import hashlib
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import weightfit.part
from weightfit.counts.scan import Scan
from weightfit.weights.plan import plan
from weightfit.weights.safetensors import read_header

FILE = "model.safetensors"


def peak_memory(work: str, folder: Path) -> int | None:
    """Return the peak of a fresh process that does ``work``, in bytes; None where the system does not tell."""
    command = [sys.executable, __file__, work, str(folder)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return int(text[-1]) if text else None


def scan(folder: Path) -> None:
    header = read_header(folder / FILE)
    for _ in Scan(header, plan([header], None), digest=True):
        pass


def part(folder: Path) -> None:
    with (folder / FILE).open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    manifest = {"entry": "benchmark", "files": [{"path": FILE, "step": None, "sha256": sha256}]}
    with tempfile.TemporaryDirectory() as elsewhere:
        # What the job prints is not wanted here.
        sys.stdout, stdout = sys.stderr, sys.stdout
        weightfit.counts.part.count_part(manifest, folder, Path(elsewhere) / "benchmark.parquet")
        sys.stdout = stdout


if __name__ == "__main__":
    {"import": lambda folder: None, "scan": scan, "part": part}[sys.argv[1]](Path(sys.argv[2]))
    status = Path("/proc/self/status")
    found = re.search(r"^VmHWM:\s*(\d+) kB$", status.read_text(), re.M) if status.is_file() else None
    if found:
        print(int(found[1]) * 1024)
