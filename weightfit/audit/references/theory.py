"""Resolve references to theory: constants from quadrature, and weights drawn from a recipe."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from weightfit import paper
from weightfit.audit import printed
from weightfit.components import POOLS
from weightfit.errors import ContractError, UnknownReference
from weightfit.fits.null import GaussianMixture
from weightfit.fits.population import half_normal_log_quantile, population_fit
from weightfit.formula.interval import Interval
from weightfit.weights.initialize import standard_deviations

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

# ASSUME tail-noise: two counts of a tail agree if they differ by at most three standard deviations of sampling noise.
SPREAD = 3
"""Standard deviations of sampling noise within which two counts agree."""


@cache
def mixture(entry: str, component: str) -> tuple[GaussianMixture, int]:
    """Return the law of an entry's weights before training, and their number.

    Parameters
    ----------
    entry
        Id of an entry whose initialization is a recipe of the paper's Appendix A.2.
    component
        A kind of matrix, or a pool of kinds.

    Returns
    -------
    GaussianMixture
        Mixture of the kinds' standard deviations, weighted by their numbers of weights.
    int
        Number of weights in all blocks.
    """
    known = paper.find_entry(entry)
    sigma = standard_deviations(known.initialization, known.layers, known.width)
    width, hidden = known.width, known.hidden
    sizes = {"qkv": 3 * width**2, "o": width**2, "ffn_in": width * hidden, "ffn_out": width * hidden}
    kinds = [kind for kind in POOLS.get(component, (component,)) if kind in sizes]
    kinds = [component] if component in sizes else kinds
    if not kinds:
        raise UnknownReference(
            f"{entry} has no matrices {component!r} of a known initialization; name another"
        )
    law = GaussianMixture.of([sigma[kind] for kind in kinds], [sizes[kind] for kind in kinds])
    return law, known.layers * sum(sizes[kind] for kind in kinds)


@cache
def gaussian(entry: str, quantity: str, component: str, trim: float = 0.80) -> float:
    """Return a statistic of an entry's weights before training, in the limit of many weights: ``gaussian(...)``.

    Parameters
    ----------
    entry, component
        Arguments as for `mixture`.
    quantity
        ``shape`` or ``scale`` of the fit, ``standard_deviation``, or ``count``, the number of weights.
    trim
        Fraction of the plot that is kept.
    """
    law, n = mixture(entry, component)
    if quantity == "count":
        return float(n)
    if quantity == "standard_deviation":
        return math.sqrt(float(law.sigma**2 @ law.share))
    fit = population_fit(_log_quantile(law), trim)
    if quantity not in fit:
        raise ContractError(f"gaussian gives shape, scale, standard_deviation or count, not {quantity!r}")
    return fit[quantity]


def tail_at_start(entry: str, component: str, shape: str, scale: str, beyond: str, says: str) -> str:
    """Return whether the tail of untrained weights has the count that a printed fit predicts: ``tail_at_start(...)``.

    Parameters
    ----------
    entry, component
        Arguments as for `mixture`.
    shape, scale, beyond
        Ids of the printed fit and of the printed percentile beyond which the tail begins.
    says
        Statement in words; its negation begins with "not". It holds if the two counts differ by at most `SPREAD`
        standard deviations of sampling noise for some fit that agrees with the printed numbers.
    """
    n, above, predicted = _tail(entry, component, shape, scale, beyond)
    observed, noise = n * above, SPREAD * math.sqrt(n * above * (1 - above))
    agrees = n * predicted.low - noise <= observed <= n * predicted.high + noise
    return says if agrees else f"not {says}"


def tail_predicted(entry: str, component: str, shape: str, scale: str, beyond: str) -> Interval:
    """Return the share of untrained weights that a printed fit predicts in their tail: ``tail_predicted(...)``.

    Parameters
    ----------
    entry, component, shape, scale, beyond
        Arguments as for `tail_at_start`.

    Returns
    -------
    Interval
        Predicted share over the actual share; 1 if the prediction is right.
    """
    _, above, predicted = _tail(entry, component, shape, scale, beyond)
    return Interval(predicted.low / above, predicted.high / above)


def _tail(entry: str, component: str, shape: str, scale: str, beyond: str) -> tuple[int, float, Interval]:
    """Return the number of weights, their share in the tail, and the range of shares that printed fits predict."""
    law, n = mixture(entry, component)
    percentile = printed.read(beyond).number
    shapes, scales = printed.read(shape).number, printed.read(scale).number
    if percentile is None or shapes is None or scales is None:
        raise ContractError("the tail is told by ids of printed numbers; correct the reference")
    above = 1 - percentile.stands / 100
    border = math.exp(float(_log_quantile(law)(np.array([1 - above]), np.array([above]))[0]))
    predicted = [
        math.exp(-((border / scale) ** shape))
        for shape in (shapes.allowed.low, shapes.allowed.high)
        for scale in (scales.allowed.low, scales.allowed.high)
    ]
    return n, above, Interval(min(predicted), max(predicted))


def _log_quantile(
    law: GaussianMixture,
) -> Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]:
    return lambda below, above: law.log_quantile(half_normal_log_quantile(below, above))


class Theory:
    """The table ``theory``, as formulas refer to it."""

    def __init__(self, rows: Sequence[Mapping[str, object]]):
        self._rows = rows

    def value(
        self,
        quantity: str,
        trim: float | None = None,
        probability: float | None = None,
        degrees: int | None = None,
        n: int | None = None,
    ) -> float:
        """Return a computed quantity: ``theory(quantity, trim=...)``; arguments not given must not apply to it."""
        told = {"trim": trim, "probability": probability, "degrees": degrees, "n": n}
        found = [
            row["value"]
            for row in self._rows
            if row["quantity"] == quantity and all(_equal(row[key], value) for key, value in told.items())
        ]
        if len(found) != 1:
            raise UnknownReference(f"theory has {len(found)} rows of {quantity} at {told}; name exactly one")
        return float(found[0])  # type: ignore[arg-type]


def _equal(one: object, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(float(one), other, rel_tol=1e-9)  # type: ignore[arg-type]


REFERENCES: Mapping[str, Callable[..., object]] = {
    "gaussian": gaussian,
    "tail_at_start": tail_at_start,
    "tail_predicted": tail_predicted,
}
"""Function that resolves each reference, by its name in a formula; a run adds its table ``theory``."""
