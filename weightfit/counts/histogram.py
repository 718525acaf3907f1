"""Exact histograms, which hold every distinct value of a matrix with its count, and pools of them."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from weightfit.counts.kernels import add_equal, count_codes, count_top_bits, distinct, merge_counts, sums_of
from weightfit.errors import DegenerateHistogram, MalformedCheckpoint, NonFiniteWeight

HISTOGRAM_CONTRACT = 1
"""Version of what is counted, to be raised when that changes; nothing else makes a kept histogram stale."""

Exactness = Literal["f16", "bf16", "f32", "19bit"]
"""How the values of a histogram are known: exactly, as codes of a format, or as mid-points of 19-bit bins."""

DISTINCT_LIMIT = 1 << 22
"""Largest number of elements with which an F32 matrix that fits no 16-bit format keeps every distinct value."""

_LOW_BITS = np.uint32(0x1FFF)
_HALF_BIN = np.uint32(0x1000)
_FLUSH = 1 << 31


@dataclass(frozen=True)
class Histogram:
    """The distribution of the values of one matrix, or of several pooled.

    Attributes
    ----------
    value
        Distinct values in ascending order, float32 ``(m,)``; -0.0 counts as 0.0. They are mid-points of bins if
        ``exactness`` is ``19bit``.
    count
        How often each value occurs, int64 ``(m,)``, all positive.
    dtype
        How the values are stored, as `weightfit.weights.header.Tensor.dtype` says it; ``mixed`` for a pool of several.
    exactness
        How the values are known; see `Exactness`.
    n
        Number of weights.
    sum, sum_of_squares
        Sum and sum of squares of the stored values, to double precision.
    minimum, maximum
        Smallest and largest stored value.
    """

    value: NDArray[np.float32]
    count: NDArray[np.int64]
    dtype: str
    exactness: Exactness
    n: int
    sum: float
    sum_of_squares: float
    minimum: float
    maximum: float

    @property
    def mean(self) -> float:
        """Mean of the weights."""
        return self.sum / self.n

    @property
    def standard_deviation(self) -> float:
        """Standard deviation of the weights about their mean (divided by n)."""
        return math.sqrt(max(self.sum_of_squares / self.n - self.mean**2, 0.0))


class Tally:
    """The running count of one matrix, whose bytes are added in pieces of any length."""

    def __init__(self, name: str, dtype: str, n: int):
        self.name = name
        self.dtype = dtype
        self.n = n
        self.seen = 0
        self._since_flush = 0
        if dtype == "F32":
            self._kept = np.empty(n, np.float32) if n <= DISTINCT_LIMIT else None
            bins = 0 if self._kept is not None else 1 << 19
        else:
            self._kept = None
            bins = 1 << 16
        self._table = np.zeros(bins, np.uint32)
        self._total = np.zeros(bins, np.int64)
        self._low = np.zeros(3, np.uint32)
        self._zeros = np.zeros(2, np.int64)
        self._sums = np.zeros(2)
        self._extremes = np.array([0x7FFFFFFF, -0x80000000], np.int32)

    def add(self, data: NDArray[np.uint8]) -> None:
        """Count the elements whose little-endian bytes are ``data``."""
        if self.dtype == "F32":
            bits = data.view("<u4")
            if self._kept is not None:
                self._kept[self.seen : self.seen + bits.size] = bits.view("<f4")
            else:
                self._low[1:] = 0
                count_top_bits(bits, bits.view("<f4"), self._table, self._low, self._sums, self._extremes)
                self._zeros += self._low[1:]
            size = bits.size
        else:
            codes = data.view("<u2")
            size = codes.size
            count_codes(codes[: size // 2 * 2].view("<u4"), self._table)
            if size % 2:
                self._table[codes[-1]] += 1
        self.seen += size
        self._since_flush += size
        if self._since_flush >= _FLUSH:
            self._flush()

    def _flush(self) -> None:
        self._total += self._table
        self._table[:] = 0
        self._since_flush = 0

    def histogram(self) -> Histogram:
        """Return the histogram of all elements that were added."""
        if self.seen != self.n:
            raise MalformedCheckpoint(
                f"{self.name}: {self.seen} of {self.n} elements were counted; read the file again"
            )
        self._flush()
        if self._kept is not None:
            bits = self._kept.view(np.uint32)
            # Counting codes is faster than sorting, unless the matrix is small compared with the table of codes.
            if self.n < 1 << 16 or np.bitwise_or.reduce(bits) & _LOW_BITS:
                return self._from_kept(self._kept)
            self._table = np.zeros(1 << 19, np.uint32)
            count_top_bits(bits, self._kept, self._table, self._low, self._sums, self._extremes)
            self._total = self._table.astype(np.int64)
        if self.dtype == "F32":
            return self._from_top_bits()
        codes = np.nonzero(self._total)[0].astype(np.uint32)
        values = _decode(codes, self.dtype)
        self._require_finite(values, self._total[codes])
        exactness: Exactness = "f16" if self.dtype == "F16" else "bf16"
        return _exact(*_sorted_sum(values, self._total[codes]), self.dtype, exactness)

    def _from_kept(self, kept: NDArray[np.float32]) -> Histogram:
        kept += np.float32(0)  # -0.0 becomes 0.0
        kept.sort()
        values, counts = distinct(kept)
        self._kept = None
        self._require_finite(values, counts)
        return _exact(values, counts, "F32", _format_that_holds(values))

    def _from_top_bits(self) -> Histogram:
        bins = np.nonzero(self._total)[0].astype(np.uint32)
        counts = self._total[bins]
        edges = bins << np.uint32(13)
        self._require_finite(edges.view(np.float32), counts)
        if not int(self._low[0]) & int(_LOW_BITS):
            values, counts = _sorted_sum(edges.view(np.float32), counts)
            return _exact(values, counts, "F32", _format_that_holds(values))
        values = (edges | _HALF_BIN).view(np.float32)
        counts = counts.copy()
        if self._zeros.any():
            # Exact zeros are separated from the subnormals that share their two bins.
            counts[bins == 0] -= self._zeros[0]
            counts[bins == 1 << 18] -= self._zeros[1]
            values = np.append(values, np.float32(0))
            counts = np.append(counts, self._zeros.sum())
        values, counts = _sorted_sum(values[counts > 0], counts[counts > 0])
        smallest, largest = (_float_from_order(int(code)) for code in self._extremes)
        return Histogram(
            values,
            counts,
            "F32",
            "19bit",
            self.n,
            float(self._sums[0]),
            float(self._sums[1]),
            smallest,
            largest,
        )

    def _require_finite(self, values: NDArray[np.float32], counts: NDArray[np.int64]) -> None:
        bad = ~np.isfinite(values)
        if bad.any():
            raise NonFiniteWeight(
                f"{self.name}: {int(counts[bad].sum())} of {self.n} weights are infinite or not a number; "
                "every counted weight must be finite: check the checkpoint or exclude the matrix"
            )


def _decode(codes: NDArray[np.uint32], dtype: str) -> NDArray[np.float32]:
    if dtype == "F16":
        return codes.astype(np.uint16).view(np.float16).astype(np.float32)
    return (codes << np.uint32(16)).view(np.float32)


def _float_from_order(ordered: int) -> float:
    code = ordered if ordered >= 0 else ordered ^ 0x7FFFFFFF
    return float(np.array(code & 0xFFFFFFFF, np.uint32).view(np.float32)) + 0.0


def _format_that_holds(values: NDArray[np.float32]) -> Exactness:
    """Name the smallest format that holds every value exactly."""
    low = int(np.bitwise_or.reduce(values.view(np.uint32)))
    if low & int(_LOW_BITS):  # neither format uses these bits, even in subnormals of F16
        return "f32"
    with np.errstate(over="ignore"):
        halves = values.astype(np.float16)
    if np.array_equal(halves.astype(np.float32), values):
        return "f16"
    return "f32" if low & 0xFFFF else "bf16"


def _sorted_sum(
    values: NDArray[np.float32], counts: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Sort by value and add the counts of equal values; -0.0 becomes 0.0."""
    values = values + np.float32(0)
    order = np.argsort(values, kind="stable")
    values, counts = values[order], counts[order]
    starts = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))
    return values[starts], np.add.reduceat(counts, starts)


def _exact(
    values: NDArray[np.float32], counts: NDArray[np.int64], dtype: str, exactness: Exactness
) -> Histogram:
    if values.size <= 1 << 17:  # more than any 16-bit format has
        wide = values.astype(np.float64)
        total, squares = math.fsum((wide * counts).tolist()), math.fsum((wide * wide * counts).tolist())
    else:
        total, squares = sums_of(values, counts)
    return Histogram(
        values,
        counts,
        dtype,
        exactness,
        int(counts.sum()),
        total,
        squares,
        float(values[0]),
        float(values[-1]),
    )


def histogram_of(
    values: NDArray[np.generic], name: str = "array", stored: Literal["BF16"] | None = None
) -> Histogram:
    """Count the values of an array that is in memory.

    Parameters
    ----------
    values
        float16 or float32 array of any shape.
    name
        Name of the array in error messages.
    stored
        ``BF16`` says that the values of a float32 array are those of bfloat16, which numpy does not have.

    Raises
    ------
    DegenerateHistogram
        If the array is empty or of another type.
    NonFiniteWeight
        If a value is infinite or not a number.
    """
    dtype = {"float16": "F16", "float32": "F32"}.get(values.dtype.name)
    if dtype is None or values.size == 0:
        raise DegenerateHistogram(
            f"{name}: {values.dtype.name} array of {values.size} elements; give at least one float16 or float32"
        )
    flat = np.ascontiguousarray(values).reshape(-1)
    if stored == "BF16":
        dtype, flat = "BF16", (flat.view(np.uint32) >> np.uint32(16)).astype(np.uint16)
    tally = Tally(name, dtype, values.size)
    tally.add(flat.view(np.uint8))
    return tally.histogram()


def pool(histograms: Sequence[Histogram]) -> Histogram:
    """Add histograms to the distribution of all their weights together.

    In a pool of more than `DISTINCT_LIMIT` weights, members whose values fit no 16-bit format are re-binned to
    the top 19 bits, as in a single matrix of that size, so that memory stays bounded. The other members keep
    their values, which are few.

    Parameters
    ----------
    histograms
        Histograms of the members; at least one.
    """
    if len(histograms) == 1:
        return histograms[0]
    kinds = {part.exactness for part in histograms}
    dtypes = {part.dtype for part in histograms}
    n = sum(part.n for part in histograms)
    coarse = "19bit" in kinds or (n > DISTINCT_LIMIT and "f32" in kinds)
    runs = [
        _top_bits(part) if coarse and part.exactness == "f32" else (part.value, part.count)
        for part in histograms
    ]
    while len(runs) > 1:
        pairs = [merge_counts(*a, *b) for a, b in zip(runs[::2], runs[1::2], strict=False)]
        runs = pairs + runs[len(pairs) * 2 :]
    values, counts = runs[0]
    exactness: Exactness = "19bit" if coarse else kinds.pop() if len(kinds) == 1 else "f32"
    return Histogram(
        values,
        counts,
        dtypes.pop() if len(dtypes) == 1 else "mixed",
        exactness,
        n,
        math.fsum(part.sum for part in histograms),
        math.fsum(part.sum_of_squares for part in histograms),
        min(part.minimum for part in histograms),
        max(part.maximum for part in histograms),
    )


class Pool:
    """A pool to which histograms are added one by one, so that its members need not be kept.

    Parameters
    ----------
    pools
        Pools whose members it has from the beginning.

    Attributes
    ----------
    deviations
        Standard deviation and number of weights of each member.
    """

    def __init__(self, pools: Iterable["Pool"] = ()):
        self.deviations: list[tuple[float, int]] = []
        # The members of a 16-bit format are pooled by themselves, because a large pool re-bins the others.
        self._runs: dict[str, list[Histogram]] = {}
        for other in pools:
            self.deviations += other.deviations
            for kind, runs in other._runs.items():
                for run in runs:
                    self._push(kind, run)

    def add(self, histogram: Histogram) -> None:
        """Add a member."""
        self.deviations.append((histogram.standard_deviation, histogram.n))
        self._push("f32" if histogram.exactness == "19bit" else histogram.exactness, histogram)

    def _push(self, kind: str, histogram: Histogram) -> None:
        runs = self._runs.setdefault(kind, [])
        runs.append(histogram)
        # Runs of like size are merged, so that a value is moved a few times only, however many members there are.
        while len(runs) > 1 and 3 * runs[-1].value.size >= 2 * runs[-2].value.size:
            runs[-2:] = [pool(runs[-2:])]

    def histogram(self) -> Histogram:
        """Return the distribution of all weights of all members together, as `pool` gives it."""
        for runs in self._runs.values():
            while len(runs) > 1:
                runs[-2:] = [pool(runs[-2:])]
        return pool([run for runs in self._runs.values() for run in runs])


def _top_bits(part: Histogram) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    coarse = part.value.copy()
    bits = coarse.view(np.uint32)
    bits &= ~_LOW_BITS
    bits |= _HALF_BIN
    coarse[part.value == 0] = 0
    return add_equal(coarse, part.count.copy())
