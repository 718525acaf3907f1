"""Forecasts given by seven quantiles, and the scores of a forecast once the value is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtrit
from scipy.stats import t

from weightfit.errors import ContractError
from weightfit.paper.predictions import LEVELS, QUANTILES

# ASSUME log-score-t: the density of a forecast is that of Student's t with 5 degrees of freedom through its quantiles.
DEGREES = 5

_FORWARD: Mapping[str, Callable[[float], float]] = {"linear": float, "log": math.log, "fisher": math.atanh}
_BACK: Mapping[str, Callable[[float], float]] = {"linear": float, "log": math.exp, "fisher": math.tanh}
_SLOPE: Mapping[str, Callable[[float], float]] = {
    "linear": lambda _: 1.0,
    "log": lambda value: 1 / value,
    "fisher": lambda value: 1 / (1 - value**2),
}
_T = stdtrit(DEGREES, np.array(list(QUANTILES.values())))
"""Quantiles of the standard t law, in the order of `QUANTILES`."""


@dataclass(frozen=True)
class Forecast:
    """A forecast of one number.

    Attributes
    ----------
    quantiles
        Quantiles at the probabilities of `weightfit.paper.predictions.QUANTILES`, rising, in the units of the number.
    scale
        Scale on which a t law is laid through them, as in the column of `paper/predictions.tsv`.
    """

    quantiles: Sequence[float]
    scale: str = "linear"

    @classmethod
    def around(cls, median: float, reach: float, scale: str = "linear") -> Forecast:
        """Return the forecast by a t law about a median.

        Parameters
        ----------
        median
            Median, in the units of the number.
        reach
            Half the width of the central 95 % interval, on the scale.
        scale
            Scale of the law.
        """
        spread, centre = reach / _T[-1], _FORWARD[scale](median)
        return cls([_BACK[scale](centre + spread * float(point)) for point in _T], scale)

    @classmethod
    def normal(cls, mean: float, deviation: float) -> Forecast:
        """Return the forecast by a normal law."""
        return cls([mean + deviation * float(ndtri(p)) for p in QUANTILES.values()])

    @classmethod
    def uniform(cls, low: float, high: float) -> Forecast:
        """Return the forecast by a uniform law, as rounding gives it."""
        return cls([low + p * (high - low) for p in QUANTILES.values()])

    def interval(self, level: int) -> tuple[float, float]:
        """Return the ends of the central interval of one of `LEVELS`."""
        named = dict(zip(QUANTILES, self.quantiles, strict=True))
        return named[f"lower_{level}"], named[f"upper_{level}"]

    def interval_score(self, value: float) -> float:
        """Return the mean of the interval scores at `LEVELS`, in the units of the number; less is better.

        The score of a central interval [l, u] with probability 1 - a is u - l, and 2 / a times the distance by which
        the value misses it (Gneiting and Raftery, 2007, equation 43).
        """
        scores = []
        for level in LEVELS:
            low, high = self.interval(level)
            missed = max(low - value, value - high, 0.0)
            scores.append(high - low + 2 / (1 - level / 100) * missed)
        return math.fsum(scores) / len(scores)

    def log_score(self, value: float) -> float:
        """Return minus the logarithm of the density at a value, per unit of the number; less is better.

        The density is that of a t law with `DEGREES` degrees of freedom on the forecast's scale. Its location is the
        median, and its spread is that of the least-squares line through the median and the other quantiles.

        Raises
        ------
        ContractError
            If the value is outside the range of the scale.
        """
        try:
            place, *points = (_FORWARD[self.scale](point) for point in (value, *self.quantiles))
        except ValueError:
            raise ContractError(
                f"the value {value} has no place on the scale {self.scale}; correct the scale of the prediction"
            ) from None
        centre = points[len(points) // 2]
        spread = float(_T @ (np.array(points) - centre) / (_T @ _T))
        standard = (place - centre) / spread
        return float(-t.logpdf(standard, DEGREES) + math.log(spread) - math.log(_SLOPE[self.scale](value)))


def brier_score(probability: float, happened: bool) -> float:
    """Return the squared difference between a probability and what happened, 1 or 0 (Brier, 1950); less is better."""
    return (probability - happened) ** 2
