"""The laws of the magnitudes of planted weights, from scipy: what draws and estimates are held against."""

import math

import numpy as np
from scipy import integrate, optimize, stats

from weightfit.weights.planted_laws import HalfNormal, Law, StudentT, TwoPopulation, Uniform, Weibull


class FoldedT:
    """The law of |t| from scipy's law of t."""

    def __init__(self, degrees: float, scale: float):
        self.degrees, self.scale = degrees, scale
        self.t = stats.t(degrees, scale=scale)

    def cdf(self, x):
        return 1 - 2 * self.t.sf(x)

    def ppf(self, probability):
        return self.t.isf((1 - np.asarray(probability)) / 2)

    def moment(self, order):
        if order >= self.degrees:
            return math.inf
        # In x = tan(a), the integral of a power of the tail is one over a finite interval.
        law = stats.t(self.degrees)
        found, _ = integrate.quad(
            lambda a: 2 * math.tan(a) ** order * law.pdf(math.tan(a)) / math.cos(a) ** 2,
            *(0, math.pi / 2),
            epsabs=0,
            epsrel=1e-10,
            limit=500,
        )
        return self.scale**order * found


class Mixture:
    """A half-normal body and log-normal small magnitudes."""

    def __init__(self, law: TwoPopulation):
        self.share = law.fraction
        self.body = stats.halfnorm(scale=law.sigma)
        self.small = stats.lognorm(s=law.spread * math.log(10), scale=10**law.centre)

    def cdf(self, x):
        return (1 - self.share) * self.body.cdf(x) + self.share * self.small.cdf(x)

    def ppf(self, probability):
        return np.array(
            [
                10 ** optimize.brentq(lambda x, p=p: self.cdf(10**x) - p, -30, 3, xtol=1e-14)
                for p in np.atleast_1d(probability)
            ]
        )


def folded(law: Law):
    """Return scipy's law of the magnitudes of planted weights: ``cdf``, ``ppf`` and, where it has one, ``moment``."""
    match law:
        case HalfNormal(sigma):
            return stats.halfnorm(scale=sigma)
        case Weibull(shape, scale):
            return stats.weibull_min(shape, scale=scale)
        case StudentT(degrees, scale):
            return FoldedT(degrees, scale)
        case Uniform(limit):
            return stats.uniform(0, limit)
        case TwoPopulation():
            return Mixture(law)
    raise TypeError(f"no law of scipy for {law}")
