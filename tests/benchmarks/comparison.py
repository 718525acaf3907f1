"""A comparison of two measurements, and the clock for both sides of it."""

import operator
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Comparison:
    """Two measurements, and what became of the aim; ``result`` is their ratio, their difference or empty."""

    measurement: str
    ours: str
    our_value: float
    theirs: str
    their_value: float
    unit: str
    result: str
    aim: str
    met: str


def compare(
    measurement: str,
    ours: tuple[str, float],
    theirs: tuple[str, float],
    unit: str,
    aim: str = "",
    how: Callable[[float, float], float] | None = operator.truediv,
) -> Comparison:
    """Compare two values by ``how``; ``aim`` is like ``>= 0.5``, about the result."""
    if how is None:
        return Comparison(measurement, *ours, *theirs, unit, "", "", "")
    result = how(ours[1], theirs[1])
    met = ""
    if aim:
        relation, limit = aim.split()
        kept = {">=": operator.ge, "<=": operator.le}[relation](result, float(limit))
        met = "met" if kept else "missed"
    return Comparison(measurement, *ours, *theirs, unit, f"{result:.3g}", aim, met)


def alternate(
    ours: Callable[[], object], theirs: Callable[[], object], repetitions: int
) -> tuple[float, float]:
    """Return the median seconds of each side, run in turn after one run of each that does not count."""

    def timed(work: Callable[[], object]) -> float:
        begin = time.perf_counter()
        work()
        return time.perf_counter() - begin

    return alternate_measured(lambda: timed(ours), lambda: timed(theirs), repetitions)


def alternate_measured(
    ours: Callable[[], float], theirs: Callable[[], float], repetitions: int
) -> tuple[float, float]:
    """Return the median of what each side says of itself, run in turn after one run of each that does not count."""
    values: tuple[list[float], list[float]] = ([], [])
    for repetition in range(-1, repetitions):
        for side, measured in zip(values, (ours, theirs), strict=True):
            value = measured()
            if repetition >= 0:
                side.append(value)
    return statistics.median(values[0]), statistics.median(values[1])
