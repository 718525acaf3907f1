"""Which matrices of a model stand out by fixed rules: no law fits, or shape, scale, tail or modes are unusual."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightfit.paper.questions import ALL, questions

FAR = 5.0
"""Number of standard deviations from the other blocks beyond which a block is named."""

ENOUGH = 8
"""Least number of blocks from which the scatter of a kind is taken; with fewer it is that of all kinds together."""

OF_A_DEVIATION = 1.4826
"""Ratio of the standard deviation to the median absolute deviation of Gaussian values."""

TAIL_GROWTH = 2.0
"""Least factor by which the tail of a matrix must exceed the median of its kind to be named."""

ZEROS = 1e-3
"""Share of exact zeros beyond which a matrix is named, unless its format is quantised."""

Array = NDArray[np.float64]
Row = Mapping[str, Any]

RULES = {
    "no law": "no Weibull law fits",
    "shape": "the shape differs from the other blocks",
    "scale": "the scale differs from the other blocks",
    "tail": "the largest weight lies far outside",
    "second population": "the magnitudes have a second mode",
    "zeros": "many weights are exactly zero",
}
"""Every rule in the order in which it is told, with what it says."""


@dataclass(frozen=True)
class StandsOut:
    """A matrix that stands out by a rule.

    Attributes
    ----------
    rule
        One of `RULES`.
    value
        The statistic: R², shape, scale, largest magnitude over the 99 % quantile, or a share of weights.
    low, high
        Least and greatest value of the other blocks of its kind, or the limit of the rule and None.
    sentence
        What is unusual, without the name of the matrix.
    """

    component: str
    block: int
    tensor: str
    rule: str
    value: float
    low: float | None
    high: float | None
    sentence: str


@cache
def least_r_squared() -> float:
    """Return the R² that the paper prints as the least of its own fits."""
    # ASSUME no-weibull-law: below the least R² that the paper prints for its fits, a shape describes no law.
    return _printed("r_squared")[0]


@cache
def greatest_ratio() -> float:
    """Return the greatest median of max/q99 that the paper prints for a model."""
    return _printed("ratio")[1]


def _printed(statistic: str) -> tuple[float, float]:
    (limits,) = (question.limits[ALL] for question in questions() if question.of == statistic)
    return limits.low or 0.0, limits.high or math.inf


def standing_out(rows: Sequence[Row]) -> list[StandsOut]:
    """Return what stands out, by rule, kind and block.

    Parameters
    ----------
    rows
        Rows of ``matrices`` in the contract ``analysis``.

    Notes
    -----
    A block differs from the others of its kind in a statistic if it lies further from their median than `FAR` times the
    deviation that their scatter and its own standard error give together. The scatter is 1.4826 times the median
    absolute deviation of all blocks from the median of their kind: of the kind itself if it has `ENOUGH` blocks, and
    of all kinds of the model otherwise. Shapes and scales are only compared where a law fits; scales and tails are
    compared by their logarithms.
    """
    fitted = [row for row in rows if row["r_squared"] >= least_r_squared()]
    found = [_without_law(row, rows) for row in rows if row["r_squared"] < least_r_squared()]
    found += _far(fitted, "shape", lambda row: row["shape"], lambda row: row["shape_se"])
    found += _far(
        fitted, "scale", lambda row: math.log(row["scale"]), lambda row: row["scale_se"] / row["scale"]
    )
    found += _tails(rows)
    for row in rows:
        if row["bimodal"]:
            share = "" if row["small_share"] is None else f" of {row['small_share']:.2%} of the weights"
            sentence = f"a second population{share} among log |w|"
            found.append(_named(row, "second population", row["small_share"] or 0.0, None, None, sentence))
        if row["zeros"] > ZEROS and row["dip"] is not None:
            sentence = f"{row['zeros']:.2%} of the weights are exactly zero"
            found.append(_named(row, "zeros", row["zeros"], ZEROS, None, sentence))
    order = list(RULES)
    return sorted(found, key=lambda one: order.index(one.rule))


def standard_error(values: Array, errors: Array) -> float:
    """Return the standard error of a median over blocks from their robust spread, or of a single block from its fit.

    Parameters
    ----------
    values, errors
        Values for the blocks of one kind of matrix, and their standard errors.
    """
    from weightfit.studies.selection import median_error

    if values.size == 1:
        return float(errors[0])
    return median_error(max(_scatter(values - np.median(values)), float(np.median(errors))), values.size)


def _scatter(residuals: Array) -> float:
    return OF_A_DEVIATION * float(np.median(np.abs(residuals)))


def _without_law(row: Row, rows: Iterable[Row]) -> StandsOut:
    others = [other["r_squared"] for other in _others(row, rows)]
    told = f"; the others {_range(min(others), max(others), '.4f')}" if others else ""
    sentence = f"no Weibull law fits, R² {row['r_squared']:.4f}{told}"
    return _named(row, "no law", row["r_squared"], least_r_squared(), None, sentence)


def _far(
    rows: Sequence[Row], rule: str, value: Callable[[Row], float], error: Callable[[Row], float]
) -> list[StandsOut]:
    """Name the blocks that differ from the others of their kind in a statistic."""
    by_kind: dict[str, list[Row]] = {}
    for row in rows:
        by_kind.setdefault(row["component"], []).append(row)
    residuals = {kind: np.array([value(row) for row in own]) for kind, own in by_kind.items()}
    residuals = {kind: own - np.median(own) for kind, own in residuals.items()}
    every = np.concatenate([*residuals.values(), np.empty(0)])
    # ASSUME far-blocks: a block is named beyond five deviations, of the scatter and its own error together.
    found = []
    for kind, own in by_kind.items():
        scatter = _scatter(residuals[kind] if len(own) >= ENOUGH else every)
        if len(own) == 1 or every.size < ENOUGH:
            continue
        for row, residual in zip(own, residuals[kind], strict=True):
            if abs(residual) > FAR * math.hypot(scatter, error(row)):
                others = [other[rule] for other in _others(row, own)]
                form = ".3f" if rule == "shape" else ".3g"
                sentence = f"{rule} {row[rule]:{form}}; the others {_range(min(others), max(others), form)}"
                found.append(_named(row, rule, row[rule], min(others), max(others), sentence))
    return found


def _tails(rows: Sequence[Row]) -> list[StandsOut]:
    """Name the matrices whose largest weight lies further out than the paper prints or than in the other blocks."""
    logarithms = {
        (one.component, one.block)
        for one in _far(
            [{**row, "tail": row["ratio"]} for row in rows],
            "tail",
            lambda row: math.log(row["ratio"]),
            lambda row: row["ratio_se"] / row["ratio"],
        )
    }
    found = []
    for row in rows:
        own = [other["ratio"] for other in rows if other["component"] == row["component"]]
        # ASSUME tail-rule: beyond the printed medians of max/q99, or far from the kind and twice its median.
        grown = row["ratio"] > TAIL_GROWTH * float(np.median(own))
        if row["ratio"] > greatest_ratio() or (grown and (row["component"], row["block"]) in logarithms):
            usual = f"; Gaussian weights reach {row['ratio_null']:.1f}"
            sentence = f"largest weight {row['ratio']:.1f} times the 99 % quantile{usual}"
            found.append(_named(row, "tail", row["ratio"], greatest_ratio(), None, sentence))
    return found


def _others(row: Row, rows: Iterable[Row]) -> list[Row]:
    return [
        other for other in rows if other["component"] == row["component"] and other["block"] != row["block"]
    ]


def _range(low: float, high: float, form: str) -> str:
    return f"{low:{form}} to {high:{form}}"


def _named(
    row: Row, rule: str, value: float, low: float | None, high: float | None, sentence: str
) -> StandsOut:
    return StandsOut(row["component"], row["block"], row["tensor"], rule, value, low, high, sentence)
