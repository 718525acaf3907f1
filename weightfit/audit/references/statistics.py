"""Resolve references to what chance alone gives."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from scipy.stats import t

from weightfit.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def correlation_limit(points: int, level: float, held: int = 0) -> float:
    """Return the absolute correlation that independent numbers exceed with a probability: ``correlation_limit(...)``.

    Parameters
    ----------
    points
        Number of pairs of Gaussian numbers.
    level
        Probability, two-sided.
    held
        Number of other quantities that a partial correlation holds fixed.

    Returns
    -------
    float
        t / sqrt(f + t^2) at f = points - 2 - held degrees of freedom, with t the quantile of Student's law.
    """
    freedom = points - 2 - held
    if freedom < 1 or not 0 < level < 1:
        raise ContractError(
            f"{points} points leave {freedom} degrees of freedom at level {level:g}; take more points"
        )
    quantile = float(t.ppf(1 - level / 2, freedom))
    return quantile / math.sqrt(freedom + quantile**2)


REFERENCES: Mapping[str, Callable[..., object]] = {"correlation_limit": correlation_limit}
"""Function that resolves each reference, by its name in a formula."""
