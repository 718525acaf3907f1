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
    """Compile a kernel that runs without the global interpreter lock and may reorder sums for vectorization.

    A sum must be a local variable. If it is stored in an array at each step, its order, and so its last digit, depends
    on where the arrays happen to be in memory.
    """
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
    # The comparisons are added to the indices instead of branched on, because no processor can predict them.
    while i < left.size and j < right.size:
        from_left = int(left[i] <= right[j])
        from_right = int(right[j] <= left[i])
        value[size] = min(left[i], right[j])
        count[size] = from_left * left_count[i] + from_right * right_count[j]
        i += from_left
        j += from_right
        size += 1
    rest = left.size - i
    value[size : size + rest] = left[i:]
    count[size : size + rest] = left_count[i:]
    size += rest
    rest = right.size - j
    value[size : size + rest] = right[j:]
    count[size : size + rest] = right_count[j:]
    size += rest
    return value[:size], count[:size]


@compiled
def fold(
    value: NDArray[np.float32], count: NDArray[np.int64], centre: float, first_above: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Merge the distances from a centre of ascending values on both of its sides, adding the counts of equal distances.

    Different weights that are far smaller than the centre can round to the same distance from it.

    Parameters
    ----------
    value, count
        Distinct values in rising order with their counts ``(m,)``.
    centre
        Value from which distances are taken, in float64.
    first_above
        Index of the first value whose distance is not negative.

    Returns
    -------
    tuple of ndarray
        Distinct distances in rising order and their counts.
    """
    distance = np.empty(value.size, np.float64)
    total = np.empty(value.size, np.int64)
    below = first_above - 1
    above = first_above
    size = 0
    while below >= 0 and above < value.size:
        low = centre - np.float64(value[below])
        high = np.float64(value[above]) - centre
        from_below = int(low <= high)
        from_above = int(high <= low)
        distance[size] = min(low, high)
        total[size] = from_below * count[below] + from_above * count[above]
        below -= from_below
        above += from_above
        size += 1
    for index in range(below, -1, -1):
        distance[size] = centre - np.float64(value[index])
        total[size] = count[index]
        size += 1
    for index in range(above, value.size):
        distance[size] = np.float64(value[index]) - centre
        total[size] = count[index]
        size += 1
    return add_equal(distance[:size], total[:size])


@compiled
def add_equal(value: NDArray[Float], count: NDArray[np.int64]) -> tuple[NDArray[Float], NDArray[np.int64]]:
    """Add the counts of equal values in a non-falling array, in place, and return the part that holds the sums."""
    size = min(value.size, 1)
    while size < value.size and value[size] != value[size - 1]:
        size += 1
    for index in range(size, value.size):
        if value[index] == value[size - 1]:
            count[size - 1] += count[index]
        else:
            value[size] = value[index]
            count[size] = count[index]
            size += 1
    return value[:size], count[:size]
