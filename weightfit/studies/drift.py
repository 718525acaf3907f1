"""How far training moves the shape of each kind of matrix by the last step (the paper, section 2.2 and Figure 4)."""

import math
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from weightfit import table
from weightfit.components import CROSS_ATTENTION, POOLS
from weightfit.errors import ContractError
from weightfit.fits.null import GaussianMixture, null_fits
from weightfit.studies.selection import TRIM, in_blocks, of_components, protocol

KINDS = (*POOLS["all"], "qkv", *CROSS_ATTENTION)

_MEDIAN = math.sqrt(math.pi / 2)
"""Ratio of the standard error of the median of Gaussian values to that of their mean."""

Blocks = dict[int, dict[str, Any]]


def drift(fits: pa.Table, continued: Collection[str]) -> pa.Table:
    """Compare the shapes of each kind of matrix before and after training, over the blocks of an entry.

    Parameters
    ----------
    fits
        Table of contract ``fits``.
    continued
        Entries whose training started from trained weights, so that their step 0 is already trained.

    Returns
    -------
    pyarrow.Table
        Table of contract ``drift``, from centred fits at trim 0.80. Where an entry has no step 0 of untrained weights
        before its last step, the shape before training is the anchor, which is the shape that so many weights of one
        Gaussian law give.
    """
    ends_of_training = pc.field("terminal") | (pc.field("step") == 0)
    chosen = fits.filter(in_blocks() & protocol() & of_components(KINDS) & ends_of_training)
    ends: dict[str, dict[str, tuple[Blocks, Blocks]]] = {}
    for row in chosen.to_pylist():
        untrained, last = ends.setdefault(row["entry"], {}).setdefault(row["component"], ({}, {}))
        (last if row["terminal"] else untrained)[row["block"]] = row
    rows = [
        {"entry": entry, "component": kind} | _row(entry, kind, {} if entry in continued else first, last)
        for entry, kinds in ends.items()
        for kind in KINDS
        if kind in kinds
        for first, last in [kinds[kind]]
    ]
    return table.of_rows("drift", rows)


def _row(entry: str, kind: str, untrained: Blocks, last: Blocks) -> dict[str, object]:
    if untrained and untrained.keys() != last.keys():
        raise ContractError(
            f"{entry}: {kind}: blocks {sorted(untrained.keys() ^ last.keys())} are fitted at one end of training only; "
            "exclude them at both"
        )
    blocks = sorted(last)
    terminal, terminal_null = _shapes(last, blocks)
    if untrained:
        initial, initial_null = _shapes(untrained, blocks)
    else:
        # ASSUME drift-anchor: each untrained matrix is taken as one Gaussian; q, k and v share its sigma.
        initial = initial_null = np.array([anchor(last[block]["n"]) for block in blocks])
    own = terminal - initial
    return {
        "blocks": len(blocks),
        "step_initial": 0 if untrained else None,
        "step_terminal": last[blocks[0]]["step"],
        "initial_source": "measured" if untrained else "anchor",
        **_summary("initial", initial, initial_null),
        **_summary("terminal", terminal, terminal_null),
        "drift": float(np.median(terminal) - np.median(initial)),
        "drift_se": median_difference_se(terminal, initial),
        "drift_null": float(np.median(terminal_null) - np.median(initial_null)),
        **{f"drift_{name}": value for name, value in _quartiles(own).items()},
    }


def _shapes(rows: Mapping[int, Mapping[str, Any]], blocks: list[int]) -> tuple[NDArray[np.float64], ...]:
    return tuple(np.array([rows[block][name] for block in blocks]) for name in ("shape", "shape_null"))


def _summary(end: str, shape: NDArray[np.float64], null: NDArray[np.float64]) -> dict[str, object]:
    quartiles = _quartiles(shape)
    return {
        f"shape_{end}": quartiles["median"],
        f"shape_{end}_se": median_difference_se(shape, np.zeros(shape.size)),
        f"shape_{end}_null": float(np.median(null)),
        f"shape_{end}_q25": quartiles["q25"],
        f"shape_{end}_q75": quartiles["q75"],
    }


def _quartiles(values: NDArray[np.float64]) -> dict[str, float]:
    low, median, high = (float(value) for value in np.quantile(values, [0.25, 0.5, 0.75]))
    return {"q25": low, "median": median, "q75": high}


def anchor(n: int) -> float:
    """Return the shape that n weights of one Gaussian law give.

    Parameters
    ----------
    n
        Number of weights.

    Returns
    -------
    float
        The ``shape_null`` of a matrix with n weights, or of a pool whose matrices share one standard deviation.
    """
    (null,) = null_fits(GaussianMixture(np.ones(1), np.ones(1)), n, (TRIM,))
    return null.shape


def median_difference_se(one: NDArray[np.float64], other: NDArray[np.float64]) -> float | None:
    """Return the standard error of the difference between the medians of two paired samples.

    Parameters
    ----------
    one, other
        Values of each block ``(m,)``, in the same order of blocks.

    Returns
    -------
    float or None
        Standard error from the spread over blocks, for bivariate Gaussian values. The variances of the medians are
        pi/2 times those of the means, and their covariance is arcsin(correlation) times both standard deviations over
        m, because both values lie below their medians with probability 1/4 + arcsin(correlation) / (2 pi) (Sheppard,
        1899). None for a single pair.
    """
    if one.size < 2:
        return None
    (variance, covariance), (_, other_variance) = np.cov(one, other).tolist()
    spread = math.sqrt(variance * other_variance)
    shared = spread * math.asin(min(max(covariance / spread, -1.0), 1.0)) if spread > 0 else 0.0
    return math.sqrt(max(_MEDIAN**2 * (variance + other_variance) - 2 * shared, 0.0) / one.size)
