"""The known laws from which planted matrices are drawn."""

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from weightfit.errors import CohortError

Values = npt.NDArray[np.float64]


class Law(ABC):
    """A law of weights, symmetric about 0."""

    @abstractmethod
    def draw(self, generator: np.random.Generator, size: int) -> Values:
        """Return ``size`` independent weights with their signs."""


@dataclass(frozen=True)
class HalfNormal(Law):
    """Gaussian weights of mean 0, whose magnitudes are half-normal."""

    sigma: float

    def draw(self, generator: np.random.Generator, size: int) -> Values:
        """Return ``size`` weights."""
        return self.sigma * generator.standard_normal(size)

    def cdf(self, magnitude: npt.ArrayLike) -> Values:
        """Return the probability that |w| is at most ``magnitude`` (from 0 on), erf(x / (sigma sqrt 2))."""
        return np.asarray(special.erf(np.asarray(magnitude) / (self.sigma * math.sqrt(2))))

    def quantile(self, probability: npt.ArrayLike) -> Values:
        """Return the inverse of `cdf`."""
        return np.asarray(self.sigma * math.sqrt(2) * special.erfinv(np.asarray(probability)))


@dataclass(frozen=True)
class Weibull(Law):
    """Weibull magnitudes with random signs."""

    shape: float
    scale: float

    def draw(self, generator: np.random.Generator, size: int) -> Values:
        """Return ``size`` weights."""
        return self.scale * generator.weibull(self.shape, size) * _signs(generator, size)


@dataclass(frozen=True)
class StudentT(Law):
    """Weights that follow Student's t law.

    Attributes
    ----------
    degrees
        Degrees of freedom.
    scale
        Scale parameter; not the standard deviation, which is scale sqrt(degrees / (degrees - 2)).
    """

    degrees: float
    scale: float

    def draw(self, generator: np.random.Generator, size: int) -> Values:
        """Return ``size`` weights."""
        return self.scale * generator.standard_t(self.degrees, size)


@dataclass(frozen=True)
class Uniform(Law):
    """Weights uniform between -limit and limit."""

    limit: float

    def draw(self, generator: np.random.Generator, size: int) -> Values:
        """Return ``size`` weights."""
        return generator.uniform(-self.limit, self.limit, size)


@dataclass(frozen=True)
class TwoPopulation(Law):
    """A Gaussian body and a population of small weights, as in the shallow Qwen blocks of the paper's Appendix C.

    Attributes
    ----------
    sigma
        Standard deviation of the body.
    fraction
        Fraction of the weights that are small.
    centre, spread
        Mean and standard deviation of log10|w| of the small weights.
    """

    sigma: float
    fraction: float
    centre: float
    spread: float

    # ASSUME planted-small-population: the small magnitudes are log-normal; the paper gives their range but no law.

    def draw(self, generator: np.random.Generator, size: int) -> Values:
        """Return ``size`` weights."""
        small = 10 ** generator.normal(self.centre, self.spread, size) * _signs(generator, size)
        body = HalfNormal(self.sigma).draw(generator, size)
        return np.where(generator.random(size) < self.fraction, small, body)

    def cdf(self, magnitude: npt.ArrayLike) -> Values:
        """Return the probability that |w| is at most ``magnitude``, weighted over both populations by their shares."""
        with np.errstate(divide="ignore"):  # log10 of 0 is minus infinity, where ndtr is 0
            small = special.ndtr((np.log10(np.asarray(magnitude)) - self.centre) / self.spread)
        return np.asarray((1 - self.fraction) * HalfNormal(self.sigma).cdf(magnitude) + self.fraction * small)

    def quantile(self, probability: npt.ArrayLike) -> Values:
        """Return the inverse of `cdf`, by bisection in log10|w| between the two populations' quantiles."""
        probability = np.asarray(probability, dtype=np.float64)
        with np.errstate(divide="ignore"):
            body = np.log10(HalfNormal(self.sigma).quantile(probability))
            small = self.centre + self.spread * special.ndtri(probability)
        low, high = np.minimum(body, small), np.maximum(body, small)
        for _ in range(60):  # each step gains one binary digit
            with np.errstate(invalid="ignore"):
                middle = (low + high) / 2
            below = self.cdf(10**middle) < probability
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return np.asarray(np.where(probability == 0, 0.0, 10**high))


@dataclass(frozen=True)
class Outliers(Law):
    """Gaussian weights of which a fixed number is replaced by plus or minus a multiple of sigma.

    Attributes
    ----------
    count
        How many of the weights are outliers.
    multiple
        Magnitude of every outlier in units of sigma.
    size
        Number of weights of the matrix.
    """

    sigma: float
    count: int
    multiple: float
    size: int

    def draw(self, generator: np.random.Generator, size: int) -> Values:
        """Return ``size`` weights with the outliers at random places; ``size`` must be the law's own."""
        if size != self.size:
            raise ValueError(f"size must be the law's own, {self.size}")
        values: Values = HalfNormal(self.sigma).draw(generator, size)
        places = generator.choice(size, self.count, replace=False)
        values[places] = self.multiple * self.sigma * _signs(generator, self.count)
        return values


def _signs(generator: np.random.Generator, size: int) -> Values:
    return np.where(generator.integers(0, 2, size) == 1, 1.0, -1.0)


LAWS: dict[str, type[Law]] = {
    "half-normal": HalfNormal,
    "weibull": Weibull,
    "student-t": StudentT,
    "uniform": Uniform,
    "two-population": TwoPopulation,
    "outliers": Outliers,
}
"""The laws by their names in a cohort file."""


def make_law(name: str, parameters: Mapping[str, float], size: int) -> Law:
    """Return a law from its name and parameters.

    Parameters
    ----------
    name
        Name of the law, a key of `LAWS`.
    parameters
        All parameters of the law except ``size``.
    size
        Number of weights of the matrix.

    Raises
    ------
    CohortError
        If there is no such law, or a parameter is missing, unknown or outside its range.

    Examples
    --------
    >>> make_law("weibull", {"shape": 1.2, "scale": 0.02}, size=4096)
    Weibull(shape=1.2, scale=0.02)
    """
    if name not in LAWS:
        raise CohortError(f"law {name!r} is unknown: use one of {', '.join(LAWS)}")
    law = LAWS[name]
    wanted = [parameter for parameter in inspect.signature(law).parameters if parameter != "size"]
    if sorted(parameters) != sorted(wanted):
        raise CohortError(
            f"law {name!r} has the parameters {', '.join(sorted(parameters)) or 'none'}, "
            f"it needs exactly {', '.join(wanted)}"
        )
    for parameter, value in parameters.items():
        if not _allowed(parameter, value, size):
            raise CohortError(
                f"law {name!r}: parameter {parameter} = {value!r} is outside its range: correct it"
            )
    return law(**parameters, **({"size": size} if law is Outliers else {}))


def _allowed(parameter: str, value: object, size: int) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return False
    if parameter == "count":
        return isinstance(value, int) and 1 <= value < size
    if parameter == "fraction":
        return 0 < value < 1
    return parameter == "centre" or value > 0
