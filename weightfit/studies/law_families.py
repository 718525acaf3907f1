"""Families of laws for magnitudes: the density of the log magnitude, with its derivatives.

Every family has a scale. With t = ln(magnitude / scale), the density of the log magnitude is exp(h(t, a)), where a is
the log of the second parameter. The derivatives with respect to the log scale are therefore those with respect to -t.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, gammaln, polygamma

Values = NDArray[np.float64]

Terms = tuple[Values, Values, Values, Values, Values, Values]
"""h and its derivatives with respect to t, tt, a, ta and aa; each broadcasts against t."""

MOST_DEGREES = 1e5
"""Degrees of freedom from which a Student-t law is replaced by its limit, the half-normal law."""


@dataclass(frozen=True)
class Sketch:
    """Statistics from which first guesses are made, one value per matrix, ``(m,)``.

    Attributes
    ----------
    log_mean, log_deviation
        Mean and standard deviation of the log magnitude, in units of the standard deviation of the weights.
    excess_kurtosis
        Excess kurtosis of the weights, which are taken to follow the half-normal law within each cell.
    """

    log_mean: Values
    log_deviation: Values
    excess_kurtosis: Values

    def only(self, chosen: NDArray[np.bool_]) -> "Sketch":
        """Return the sketch of some of the matrices."""
        return Sketch(self.log_mean[chosen], self.log_deviation[chosen], self.excess_kurtosis[chosen])


class Family(ABC):
    """A family of laws.

    Attributes
    ----------
    name
        Name of the family in column ``law``.
    parameters
        Number of fitted parameters: the scale and, in most families, a second one.
    """

    name: str
    parameters: int = 2

    @abstractmethod
    def guess(self, sketch: Sketch) -> tuple[Values, Values]:
        """Return first guesses of the log scale (in standard deviations) and the log second parameter, ``(m,)``."""

    def at_limit(self, sketch: Sketch) -> NDArray[np.bool_]:
        """Return for which matrices the likelihood is largest at the family's limit, the half-normal law, ``(m,)``."""
        return np.zeros(sketch.log_mean.shape, np.bool_)

    @abstractmethod
    def terms(self, t: Values, a: Values) -> Terms:
        """Return h and its derivatives.

        Parameters
        ----------
        t
            Log of magnitude over scale, ``(m, nodes)``.
        a
            Log of the second parameter, ``(m, 1)``.
        """


def _exp(x: Values) -> Values:
    """Return exp(x), capped where every density is 0, so that squares of terms computed from it stay finite."""
    return np.exp(np.minimum(x, 150.0))


class HalfNormal(Family):
    """Magnitudes of Gaussian weights: exp(-x^2/2) sqrt(2/pi); the scale is sigma."""

    name = "half_normal"
    parameters = 1

    def guess(self, sketch: Sketch) -> tuple[Values, Values]:
        """Start at the standard deviation."""
        return np.zeros_like(sketch.log_mean), np.zeros_like(sketch.log_mean)

    def terms(self, t: Values, a: Values) -> Terms:  # noqa: ARG002 - it has no second parameter
        """Return h and its derivatives."""
        square = _exp(2 * t)
        none = np.zeros((1, 1))
        return t - square / 2 + math.log(2 / math.pi) / 2, 1 - square, -2 * square, none, none, none


class StudentLimit(HalfNormal):
    """The half-normal law as Student's t at infinite degrees of freedom; here a stands for 1 / degrees."""

    def terms(self, t: Values, a: Values) -> Terms:
        """Return h and its derivatives, without the second derivatives that involve a."""
        h, by_t, by_tt, none, _, _ = super().terms(t, a)
        square = _exp(2 * t)
        return h, by_t, by_tt, (square**2 - 2 * square - 1) / 4, none, none


class StudentT(Family):
    """Magnitudes of Student-t weights; the second parameter is the degrees of freedom."""

    name = "student_t"

    def at_limit(self, sketch: Sketch) -> NDArray[np.bool_]:
        """Return which matrices have no excess kurtosis: their likelihood falls as 1 / degrees rises from 0."""
        return sketch.excess_kurtosis <= 6 / MOST_DEGREES

    def guess(self, sketch: Sketch) -> tuple[Values, Values]:
        """Start at the degrees of freedom that have the observed excess kurtosis, or at 4 where this gives fewer."""
        degrees = 6 / np.minimum(sketch.excess_kurtosis, 1.5)
        return np.log1p(-2 / degrees) / 2, np.log(degrees)

    def terms(self, t: Values, a: Values) -> Terms:
        """Return h and its derivatives."""
        degrees = np.exp(a)
        half, upper = degrees / 2, (degrees + 1) / 2
        ratio = _exp(2 * t) / degrees
        log, share = np.log1p(ratio), ratio / (1 + ratio)
        bend = share / (1 + ratio)  # share (1 - share)
        constant, slope, bend_of_constant = _gamma_ratio(half)
        return (
            math.log(2 / math.pi) / 2 + constant + t - upper * log,
            1 - 2 * upper * share,
            -4 * upper * bend,
            slope - half * log + upper * share,
            2 * upper * bend - degrees * share,
            bend_of_constant - half * log + degrees * share - upper * bend,
        )


def _gamma_ratio(z: Values) -> tuple[Values, Values, Values]:
    """Return r = ln(Gamma(z + 1/2) / (Gamma(z) sqrt(z))) and its first two derivatives with respect to ln z.

    For large z, where differences of gamma functions lose their digits, they are computed by Stirling's series.
    """
    inverse = 1 / np.maximum(z, 100.0)
    third, fifth = inverse**3, inverse**5
    near = np.minimum(z, 100.0)
    digammas = digamma(near + 0.5) - digamma(near)
    trigammas = polygamma(1, near + 0.5) - polygamma(1, near)
    far = z > near
    return (
        np.where(
            far,
            -inverse / 8 + third / 192 - fifth / 640,
            gammaln(near + 0.5) - gammaln(near) - np.log(near) / 2,
        ),
        np.where(far, inverse / 8 - third / 64 + fifth / 128, near * digammas - 0.5),
        np.where(far, -inverse / 8 + 3 * third / 64 - 5 * fifth / 128, near * digammas + near**2 * trigammas),
    )


class GeneralisedNormal(Family):
    """exp(-x^b) b / Gamma(1/b); the second parameter is b, which is 2 for Gaussian and 1 for Laplace weights."""

    name = "generalised_normal"

    def guess(self, sketch: Sketch) -> tuple[Values, Values]:
        """Start at the half-normal law."""
        return np.full_like(sketch.log_mean, math.log(2) / 2), np.full_like(sketch.log_mean, math.log(2))

    def terms(self, t: Values, a: Values) -> Terms:
        """Return h and its derivatives."""
        b = np.exp(a)
        bt = b * t
        power = _exp(bt)
        mean = digamma(1 / b) / b
        return (
            t + a - gammaln(1 / b) - power,
            1 - b * power,
            -(b**2) * power,
            1 + mean - bt * power,
            -b * power * (1 + bt),
            -mean - polygamma(1, 1 / b) / b**2 - bt * power * (1 + bt),
        )


class LogNormal(Family):
    """Gaussian log magnitudes; the scale is the median, and the second parameter the standard deviation of ln x."""

    name = "lognormal"

    def guess(self, sketch: Sketch) -> tuple[Values, Values]:
        """Start at the mean and standard deviation of the log magnitude."""
        return sketch.log_mean, np.log(sketch.log_deviation)

    def terms(self, t: Values, a: Values) -> Terms:
        """Return h and its derivatives."""
        precision = np.exp(-2 * a)
        square = precision * t**2
        return (
            -math.log(2 * math.pi) / 2 - a - square / 2,
            -precision * t,
            -precision,
            square - 1,
            2 * precision * t,
            -2 * square,
        )


class Gamma(Family):
    """x^(s - 1) exp(-x) / Gamma(s); the second parameter is s."""

    name = "gamma"

    def guess(self, sketch: Sketch) -> tuple[Values, Values]:
        """Start at the shape s whose log magnitudes have the observed variance, trigamma(s) = 1/s + 1/(2 s^2) + ..."""
        variance = sketch.log_deviation**2
        shape = (1 + np.sqrt(1 + 2 * variance)) / (2 * variance)
        return sketch.log_mean - digamma(shape), np.log(shape)

    def terms(self, t: Values, a: Values) -> Terms:
        """Return h and its derivatives."""
        shape = np.exp(a)
        power = _exp(t)
        rise = shape * (t - digamma(shape))
        return (
            shape * t - power - gammaln(shape),
            shape - power,
            -power,
            rise,
            shape,
            rise - shape**2 * polygamma(1, shape),
        )


class Weibull(Family):
    """k x^(k - 1) exp(-x^k); the second parameter is the shape k."""

    name = "weibull"

    def guess(self, sketch: Sketch) -> tuple[Values, Values]:
        """Start at the law whose log magnitudes have the observed mean and standard deviation."""
        shape = math.pi / (math.sqrt(6) * sketch.log_deviation)
        return sketch.log_mean + np.euler_gamma / shape, np.log(shape)

    def terms(self, t: Values, a: Values) -> Terms:
        """Return h and its derivatives."""
        shape = np.exp(a)
        kt = shape * t
        power = _exp(kt)
        return (
            a + kt - power,
            shape * (1 - power),
            -(shape**2) * power,
            1 + kt - kt * power,
            shape * (1 - power - kt * power),
            kt * (1 - power - kt * power),
        )


HALF_NORMAL = HalfNormal()
STUDENT_LIMIT = StudentLimit()

FAMILIES: tuple[Family, ...] = (
    HALF_NORMAL,
    StudentT(),
    GeneralisedNormal(),
    LogNormal(),
    Gamma(),
    Weibull(),
)
"""Every family that is fitted, in the order of the rows."""
