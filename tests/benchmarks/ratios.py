"""Print ratios of speed and memory, both sides measured in turn in one run: ``make bench``.

Each line gives medians over repetitions that alternate (ours, theirs, ours, theirs, ...), so that a machine that
slows down slows both. Compilation is done before the clock starts. The same lines go to results/benchmarks.tsv.
No test depends on these numbers.
"""

import csv
import hashlib
import operator
import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path

import npm_weibull
import numpy as np
from comparison import Comparison, alternate, compare
from fetching import served
from gguf import GGMLQuantizationType, GGUFReader
from large_model import large_model
from peak_memory import FILE, peak_memory
from peers import ENVIRONMENT, absent, locked, peers
from quantised import WEIGHTS, count, dequantised, quantised

from weightfit.counts.histogram import DISTINCT_LIMIT, Tally, histogram_of
from weightfit.counts.scan import BUFFER_BYTES, Scan
from weightfit.fits.probability_plot import fit, magnitudes
from weightfit.weights import formats
from weightfit.weights.plan import plan
from weightfit.weights.safetensors import read_header
from weightfit.weights.writer import CheckpointWriter

OUTPUT = Path(__file__).resolve().parents[2] / "results" / "benchmarks.tsv"
SIGMA = 0.02
TRIMS = {0.80: "mid_80", 0.90: "mid_90", 1.00: "full_range"}


def gaussian(size: int) -> np.ndarray:
    """Return float32 weights; beyond 2^24 they repeat, which changes no count per second."""
    some = np.random.default_rng(1).standard_normal(min(size, 1 << 24), dtype=np.float32)
    return np.tile(some * np.float32(SIGMA), size // some.size)


def stored(weights: np.ndarray) -> dict[str, tuple[str, np.ndarray]]:
    """Return weights as they are stored: by what they are called, dtype and array."""
    halves = weights.astype(np.float16)
    return {
        "BF16": ("BF16", (weights.view("<u4") >> np.uint32(16)).astype("<u2")),
        "F16": ("F16", halves),
        "F32": ("F32", weights),
        "F32 that is F16-exact": ("F32", halves.astype(np.float32)),
    }


def copying() -> Iterator[Comparison]:
    """Counting against copying the same bytes, in memory."""
    size = 1 << 26
    for name, (dtype, array) in stored(gaussian(size)).items():
        data = array.view(np.uint8)
        copy = np.zeros_like(data)

        def count(data: np.ndarray = data, dtype: str = dtype) -> Tally:
            tally = Tally("weights", dtype, size)
            for begin in range(0, data.size, BUFFER_BYTES):
                tally.add(data[begin : begin + BUFFER_BYTES])
            return tally

        pairs = {
            "counting": count,
            "counting and its histogram": lambda count=count: count().histogram(),
        }
        for ours, work in pairs.items():
            mine, other = alternate(work, lambda data=data, copy=copy: np.copyto(copy, data), 7)
            yield compare(
                f"{ours}, {name}, 2^26 weights, 1 thread",
                (ours, data.size / mine / 1e9),
                ("numpy.copyto of the same bytes", data.size / other / 1e9),
                "GB/s",
                {"BF16": ">= 0.5"}.get(dtype, ">= 0.3") if ours == "counting" else "",
            )


def other_counters() -> Iterator[Comparison]:
    """Elements per second against the released library and numpy.bincount."""
    for exponent in (22, 24):
        arrays = stored(gaussian(1 << exponent))
        for name in ("F16", "F32", "F32 that is F16-exact"):
            array = arrays[name][1]
            codes = array.view("<u2") if name == "F16" else array.view("<u4") >> np.uint32(13)
            others: dict[str, tuple[Callable[[], object], str]] = {
                "npm_weibull.extract_to_histogram": (
                    lambda array=array: npm_weibull.extract_to_histogram(array),
                    ">= 10",
                ),
                "numpy.bincount of the top 16 or 19 bits": (lambda codes=codes: np.bincount(codes), ""),
            }
            for theirs, (work, aim) in others.items():
                mine, other = alternate(lambda array=array: histogram_of(array), work, 3)
                yield compare(
                    f"histogram of an array, {name}, 2^{exponent} weights",
                    ("histogram_of", array.size / mine / 1e6),
                    (theirs, array.size / other / 1e6),
                    "million weights/s",
                    aim,
                )


def gguf_files() -> Iterator[Comparison]:
    """Reading and counting quantised weights against what the gguf package takes to dequantise them."""
    weights = gaussian(1 << 22)
    with quantised(weights, GGMLQuantizationType.Q4_1, tokens=49_152) as file:
        reader = GGUFReader(file)
        others: dict[str, tuple[Callable[[], object], str]] = {
            "GGUFReader, dequantize and numpy.unique": (lambda: dequantised(GGUFReader(file), True), ">= 1"),
            "GGUFReader and dequantize": (lambda: dequantised(GGUFReader(file)), ">= 1"),
            "dequantize": (lambda: dequantised(reader), ""),
        }
        for theirs, (work, aim) in others.items():
            mine, other = alternate(lambda: count(file), work, 3)
            yield compare(
                f"GGUF file of {WEIGHTS / 1e6:.0f} million weights, Q4_1, with a vocabulary of 49,152 tokens",
                ("header and histograms", WEIGHTS / mine / 1e6),
                (theirs, WEIGHTS / other / 1e6),
                "million weights/s",
                aim,
            )
        mine, other = alternate(lambda: formats.read_header(file), lambda: GGUFReader(file), 3)
        yield compare(
            "header of a GGUF file with a vocabulary of 49,152 tokens",
            ("read_header", mine),
            ("GGUFReader", other),
            "s",
            "<= 0.05",
        )


def fitting() -> Iterator[Comparison]:
    """Time per fit, and what the released library's bins cost in shape."""
    weights = gaussian(1 << 22)
    for name, (dtype, array) in stored(weights).items():
        if dtype == "BF16":
            continue  # numpy has no such type; its histograms are smaller than those of F16
        histogram = histogram_of(array)
        bins = npm_weibull.extract_to_histogram(array)
        sample = magnitudes(histogram)
        measured = f"fit at three trims from a histogram, {name}, 2^22 weights"
        mine, other = alternate(
            lambda histogram=histogram: fit(magnitudes(histogram, histogram.mean), tuple(TRIMS)),
            lambda bins=bins: [npm_weibull.weibull_fit(bins, trim) for trim in TRIMS.values()],
            5,
        )
        yield compare(measured, ("fit", mine * 1e3), ("npm_weibull.weibull_fit", other * 1e3), "ms")
        for (trim, theirs), found in zip(TRIMS.items(), fit(sample, tuple(TRIMS)), strict=True):
            exact = exact_shape(array, trim)
            yield compare(
                f"error of shape against sorting every weight, trim {trim:.2f}, {name}, 2^22 weights, uncentred",
                ("fit", found.shape - exact),
                ("npm_weibull.weibull_fit", npm_weibull.weibull_fit(bins, theirs)["k"] - exact),
                "in shape",
                how=None,
            )


def exact_shape(weights: np.ndarray, trim: float) -> float:
    """Regress over every single weight, sorted."""
    magnitude = np.sort(np.abs(weights.astype(np.float64)))
    probability = (np.arange(magnitude.size) + 0.5) / magnitude.size
    y = np.log(-np.log1p(-probability))
    # Tied weights share the mean of their y; with equal x that leaves the slope as it is.
    inside = (np.abs(probability - 0.5) <= trim / 2 + 1e-12) & (magnitude > 0)
    x, y = np.log(magnitude[inside]), y[inside]
    x -= x.mean()
    return float(x @ y / (x @ x))


@contextmanager
def checkpoint(dtype: str, blocks: int, hidden: int, inner: int) -> Iterator[Path]:
    """Make a folder with a weight file of an OLMo-like model, and remove it afterwards."""
    shapes = {
        "self_attn.q_proj": (hidden, hidden),
        "self_attn.k_proj": (hidden, hidden),
        "self_attn.v_proj": (hidden, hidden),
        "self_attn.o_proj": (hidden, hidden),
        "mlp.gate_proj": (inner, hidden),
        "mlp.up_proj": (inner, hidden),
        "mlp.down_proj": (hidden, inner),
    }
    tensors = [
        (f"model.layers.{block}.{name}.weight", dtype, shape)
        for block in range(blocks)
        for name, shape in shapes.items()
    ]
    array = stored(gaussian(1 << 24))[dtype][1]
    with tempfile.TemporaryDirectory() as folder:
        with CheckpointWriter(Path(folder) / FILE, tensors) as writer:
            for _, _, (rows, columns) in tensors:
                writer.write(array[: rows * columns])
        yield Path(folder)


def hashing(folder: Path) -> Comparison:
    """Counting a file with its sha256 against its sha256 alone."""
    header = read_header(folder / FILE)
    layout = plan([header], None)
    buffer = bytearray(1 << 24)

    def count() -> None:
        for _ in Scan(header, layout, digest=True):
            pass

    def digest() -> None:
        sha256 = hashlib.sha256()
        with (folder / FILE).open("rb", buffering=0) as file:
            while size := file.readinto(buffer):
                sha256.update(memoryview(buffer)[:size])

    ours, theirs = alternate(count, digest, 5)
    gigabytes = (folder / FILE).stat().st_size / 1e9
    return compare(
        f"file of {gigabytes:.1f} GB, BF16, from the page cache, {os.cpu_count()} cores",
        ("counting with sha256", ours),
        ("hashlib.sha256 in reads of 16 MiB", theirs),
        "s",
        "<= 1.2",
    )


def memory(folder: Path, name: str) -> Iterator[Comparison]:
    """Peak memory of fresh processes."""
    gigabytes = (folder / FILE).stat().st_size / 1e9
    for work, ours in {"scan": "counting", "part": "counting into a Parquet table"}.items():
        peaks = [peak_memory(process, folder) for process in (work, "import")]
        if None in peaks:
            print("peak memory: only Linux tells it (VmHWM in /proc/self/status); not measured here")
            return
        yield compare(
            f"peak memory beyond the import, {name}, {gigabytes:.1f} GB",
            (ours, peaks[0] / 1e6),
            ("import weightfit.part", peaks[1] / 1e6),
            "MB",
            "<= 300",
            how=operator.sub,
        )


def fetching(folder: Path) -> Iterator[Comparison]:
    """Fetching a file from a server and counting it against fetching and hashing alone, on the same cores."""
    if not (shutil.which("curl") and shutil.which("sha256sum")):
        print("fetching: curl or sha256sum is not installed; not measured here")
        return
    peaks = []
    gigabytes = (folder / FILE).stat().st_size / 1e9
    with served(folder / FILE) as place:
        ours, theirs = alternate(lambda: peaks.append(place.ours()[1]), place.theirs, 3)
    yield compare(
        f"file of {gigabytes:.1f} GB, BF16, from a server on loopback, {os.cpu_count()} cores",
        ("fetching and counting, two commands", ours),
        ("curl, then sha256sum", theirs),
        "s",
        "<= 1.3",
    )
    if sys.platform != "linux":
        return  # elsewhere the peak has another unit
    yield compare(
        f"peak memory of fetching and counting a file of {gigabytes:.1f} GB",
        ("the larger of the two commands", max(peaks) / 1e6),
        ("nothing", 0.0),
        "MB",
        "<= 400",
        how=operator.sub,
    )


def files() -> Iterator[Comparison]:
    """What needs weight files."""
    with checkpoint("BF16", blocks=16, hidden=2048, inner=8192) as folder:
        yield hashing(folder)
        yield from fetching(folder)
        yield from memory(folder, "BF16 file")
    # The worst kind keeps each single value: the largest matrices that are not yet binned.
    side = int(DISTINCT_LIMIT**0.5) - 1
    with checkpoint("F32", blocks=2, hidden=side, inner=side) as folder:
        yield from memory(folder, "F32 file of matrices just under DISTINCT_LIMIT")


def large_models() -> Iterator[Comparison]:
    """The command on large files, and weightlens on the same files where its environment was made."""
    with tempfile.TemporaryDirectory() as place:
        lens = {locked("weightlens"): [ENVIRONMENT / "bin" / "lens", "analyze"]}
        yield from large_model(Path(place), {} if absent(ENVIRONMENT) else lens)


def processor() -> str:
    """Return the model of the processor: all that is said about the machine."""
    information = Path("/proc/cpuinfo")
    found = re.search(
        r"^model name\s*: (.+)$", information.read_text() if information.is_file() else "", re.M
    )
    return found[1] if found else platform.processor() or platform.machine()


def main() -> None:
    """Measure, print and write."""
    print(
        f"{processor()}, {os.cpu_count()} cores, load {_load()}; ours / theirs, medians of alternating runs"
    )
    OUTPUT.parent.mkdir(exist_ok=True)
    part = OUTPUT.with_name(f".{OUTPUT.name}.unfinished")
    with part.open("w", newline="", encoding="utf-8") as stream:
        names = [*(field.name for field in fields(Comparison)), "processor"]
        table = csv.DictWriter(stream, names, delimiter="\t", lineterminator="\n")
        table.writeheader()
        for group in (copying, other_counters, gguf_files, fitting, peers, large_models, files):
            for line in group():
                aim = f" (aim {line.aim}: {line.met})" if line.aim else ""
                result = f"{line.result}{aim}; " if line.result else ""
                print(
                    f"{line.measurement}: {result}{line.ours} {line.our_value:.4g} {line.unit}, "
                    f"{line.theirs} {line.their_value:.4g} {line.unit}",
                    flush=True,
                )
                table.writerow(asdict(line) | {"processor": processor()})
    part.replace(OUTPUT)
    print(f"load at the end {_load()}; {OUTPUT.relative_to(OUTPUT.parents[1])} is written")


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


if __name__ == "__main__":
    main()
