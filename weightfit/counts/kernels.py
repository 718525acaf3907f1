"""Compiled loops over weights and over distinct values."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numba
import numpy as np
from numpy.typing import NDArray

P = ParamSpec("P")
R = TypeVar("R")
Float = TypeVar("Float", np.float32, np.float64)


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a kernel that runs without the global interpreter lock and may reorder sums for vectorization."""
    kernel: Callable[P, R] = numba.njit(nogil=True, cache=True, fastmath={"reassoc", "nsz", "contract"})(
        function
    )
    return kernel


@compiled
def count_codes(pairs: NDArray[np.uint32], table: NDArray[np.uint32]) -> None:
    """Count 16-bit codes, two in each word, into a table of 65,536."""
    for index in range(pairs.size):
        pair = pairs[index]
        table[pair & numba.uint32(0xFFFF)] += numba.uint32(1)
        table[pair >> numba.uint32(16)] += numba.uint32(1)


@compiled
def count_top_bits(
    bits: NDArray[np.uint32],
    values: NDArray[np.float32],
    table: NDArray[np.uint32],
    seen: NDArray[np.uint32],
    sums: NDArray[np.float64],
    extremes: NDArray[np.int32],
) -> None:
    """Count floats by their top 19 bits, and record what these counts do not show.

    Parameters
    ----------
    bits, values
        The same numbers, as bit patterns and as floats.
    table
        Counts by top 19 bits ``(2^19,)``.
    seen
        Three numbers, which are updated: the bitwise OR of all bit patterns, the number of zeros, and the number of
        negative zeros.
    sums
        Sum and sum of squares, which are updated.
    extremes
        Smallest and largest number, as integers that sort like the floats; they are updated.
    """
    # Blocks of constant length keep the inner loops vectorised and the rounding of the sums small.
    for begin in range(0, bits.size, 4096):
        block = bits[begin : begin + 4096]
        floats = values[begin : begin + 4096]
        total = 0.0
        squares = 0.0
        for index in range(floats.size):
            x = np.float64(floats[index])
            total += x
            squares += x * x
        sums[0] += total
        sums[1] += squares
        low = numba.uint32(0)
        smallest = extremes[0]
        largest = extremes[1]
        zeros = numba.int64(0)
        negative_zeros = numba.int64(0)
        for index in range(block.size):
            code = block[index]
            low |= code
            signed = numba.int32(code)
            ordered = signed ^ ((signed >> numba.int32(31)) & numba.int32(0x7FFFFFFF))
            smallest = min(smallest, ordered)
            largest = max(largest, ordered)
            zeros += code == numba.uint32(0)
            negative_zeros += code == numba.uint32(0x80000000)
        seen[0] |= low
        seen[1] += numba.uint32(zeros)
        seen[2] += numba.uint32(negative_zeros)
        extremes[0] = smallest
        extremes[1] = largest
        for index in range(block.size):
            table[block[index] >> numba.uint32(13)] += numba.uint32(1)


@compiled
def distinct(ordered: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the distinct values of an ascending array, and how often each occurs."""
    size = 1
    for index in range(1, ordered.size):
        size += ordered[index] != ordered[index - 1]
    value = np.empty(size, np.float32)
    count = np.empty(size, np.int64)
    begin = 0
    run = 0
    for index in range(1, ordered.size + 1):
        if index == ordered.size or ordered[index] != ordered[begin]:
            value[run] = ordered[begin]
            count[run] = index - begin
            run += 1
            begin = index
    return value, count


@numba.njit(nogil=True, cache=True)
def sums_of(value: NDArray[np.float32], count: NDArray[np.int64]) -> tuple[float, float]:
    """Sum values and squares with their counts, carrying each rounding error along (Knuth's two-sum).

    The relative error is 2^-53, or 2^-100 of the sum of magnitudes where terms cancel. `math.fsum` would need boxed
    numbers.
    """
    total = total_rest = squares = squares_rest = 0.0
    for index in range(value.size):
        x = np.float64(value[index])
        term = x * count[index]
        after = total + term
        part = after - total
        total_rest += (total - (after - part)) + (term - part)
        total = after
        term = x * x * count[index]
        after = squares + term
        part = after - squares
        squares_rest += (squares - (after - part)) + (term - part)
        squares = after
    return total + total_rest, squares + squares_rest


@compiled
def merge_counts(
    left: NDArray[Float],
    left_count: NDArray[np.int64],
    right: NDArray[Float],
    right_count: NDArray[np.int64],
) -> tuple[NDArray[Float], NDArray[np.int64]]:
    """Merge two ascending arrays of distinct values, adding the counts of values that both have."""
    value = np.empty(left.size + right.size, left.dtype)
    count = np.empty(value.size, np.int64)
    i = 0
    j = 0
    size = 0
    while i < left.size or j < right.size:
        if j == right.size or (i < left.size and left[i] < right[j]):
            value[size] = left[i]
            count[size] = left_count[i]
            i += 1
        elif i == left.size or right[j] < left[i]:
            value[size] = right[j]
            count[size] = right_count[j]
            j += 1
        else:
            value[size] = left[i]
            count[size] = left_count[i] + right_count[j]
            i += 1
            j += 1
        size += 1
    return value[:size], count[:size]
