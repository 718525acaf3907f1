"""The null of every statistic: the value that exactly Gaussian weights would give."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, erfc, ndtri

from weightfit.fits.moments import Moments
from weightfit.fits.plotting_positions import ranks_inside, y_sums
from weightfit.fits.probability_plot import Magnitudes, fit
from weightfit.fits.released import EDGES, released_fit

SEED = 20261123
REPLICATES = 32
"""Number of simulated samples over which each expected R² and KS distance is averaged."""

_GROUPS_EXACT = 2048
_GROUPS_SAMPLED = 192


# ASSUME null-zero-mean: the null has mean zero and each matrix's own standard deviation about its mean.
@dataclass(frozen=True)
class GaussianMixture:
    """The law of weights drawn from several zero-mean Gaussians.

    Attributes
    ----------
    sigma
        Standard deviations, positive, float64 ``(j,)``, in units of the weights.
    share
        Shares of the weights that follow each Gaussian ``(j,)``; they add up to one.
    """

    sigma: NDArray[np.float64]
    share: NDArray[np.float64]

    @classmethod
    def of(cls, sigma: Sequence[float], n: Sequence[int]) -> "GaussianMixture":
        """Build the mixture for matrices with ``n`` weights and standard deviation ``sigma`` each.

        Matrices of equal standard deviation form one component. A constant matrix (``sigma`` zero) is left out.
        """
        sizes: dict[float, int] = {}
        for one, size in sorted(zip(sigma, n, strict=True)):
            if one > 0:
                sizes[one] = sizes.get(one, 0) + size
        shares = np.array(list(sizes.values()), np.float64)
        return cls(np.array(list(sizes)), shares / shares.sum())

    @property
    def single(self) -> bool:
        """Whether the mixture is a single Gaussian."""
        return self.sigma.size == 1

    @cached_property
    def _score_table(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        low, high = math.log(1e-9 * self.sigma[0]), math.log(9 * self.sigma[-1])
        log_x = np.linspace(low, high, 4096)
        ratio = np.exp(log_x)[:, None] / (self.sigma * math.sqrt(2))
        below = erf(ratio) @ self.share
        # Above the median the upper tail has more digits.
        half = int(np.searchsorted(below, 0.5))
        above = erfc(ratio[half:]) @ self.share
        score = np.concatenate([ndtri((1 + below[:half]) / 2), -ndtri(above / 2)])
        return np.log(score), log_x

    def log_quantile(self, log_score: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return ln of the quantile of the magnitude.

        Parameters
        ----------
        log_score
            ln z, where z is the quantile of the standard half-normal law at the same probability; a score
            resolves both ends of (0, 1), which a probability does not.

        Returns
        -------
        ndarray of float64
            Exact for one Gaussian. For mixtures it is interpolated in ln z, to about 1e-6, or to 2e-5 where the
            standard deviations differ a thousandfold.
        """
        if self.single:
            return log_score + math.log(self.sigma[0])
        return np.interp(log_score, *self._score_table)

    def cdf(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return P(magnitude <= x)."""
        distribution: NDArray[np.float64] = erf(x[..., None] / (self.sigma * math.sqrt(2))) @ self.share
        return distribution


@dataclass(frozen=True)
class NullFit:
    """The values that the estimator gives for Gaussian weights of the same number and standard deviations.

    Attributes
    ----------
    shape, scale
        Values for the exact quantiles at the n plotting positions, free of simulation noise.
    r_squared, ks_distance, ks_distance_trimmed
        Means over `REPLICATES` seeded samples, because sampling noise shifts these statistics by more than it
        shifts shape and scale. The order statistics are simulated at up to some 400 ranks with their exact joint
        law, so the KS distances are too low by a few per cent of their noise.
    """

    shape: float
    scale: float
    r_squared: float
    ks_distance: float
    ks_distance_trimmed: float


def null_fits(law: GaussianMixture, n: int, trims: Sequence[float]) -> list[NullFit]:
    """Return the null of a probability-plot fit at each trim.

    Parameters
    ----------
    law
        The Gaussian mixture.
    n
        Number of weights.
    trims
        Kept fractions of the plot.
    """
    if law.single:
        sigma = float(law.sigma[0])
        return [
            NullFit(
                null.shape, null.scale * sigma, null.r_squared, null.ks_distance, null.ks_distance_trimmed
            )
            for null in _standard_null_fits(n, tuple(trims))
        ]
    return _null_fits(law, n, tuple(trims))


@lru_cache(maxsize=4096)
def _standard_null_fits(n: int, trims: tuple[float, ...]) -> list[NullFit]:
    return _null_fits(GaussianMixture(np.ones(1), np.ones(1)), n, trims)


def _null_fits(law: GaussianMixture, n: int, trims: tuple[float, ...]) -> list[NullFit]:
    fine = _groups(n, trims, _GROUPS_EXACT)
    exact = Magnitudes(np.exp(law.log_quantile(fine.log_score)), fine.through - fine.before, n)
    groups = _groups(n, trims, _GROUPS_SAMPLED)
    samples = law.log_quantile(_sampled_log_scores(n, trims))
    return [
        NullFit(expected.shape, expected.scale, *_sampled_statistics(samples, groups, n, trim))
        for trim, expected in zip(trims, fit(exact, trims, "gaussian null"), strict=True)
    ]


@dataclass(frozen=True)
class _Groups:
    before: NDArray[np.int64]
    through: NDArray[np.int64]
    middle: NDArray[np.int64]
    log_score: NDArray[np.float64]
    y_sum: NDArray[np.float64]


@lru_cache(maxsize=256)
def _groups(n: int, trims: tuple[float, ...], number: int) -> _Groups:
    """Split the ranks into groups that are narrow at both ends and break at every trim edge."""
    near = np.unique(np.geomspace(1, max(n // 2, 1), number // 2).astype(np.int64))
    even = np.linspace(0, n, number).astype(np.int64)
    edges = [edge for trim in trims for edge in (ranks_inside(n, trim)[0] - 1, ranks_inside(n, trim)[1])]
    cuts = np.unique(np.concatenate([[0, n], near, n - near, even, edges]))
    before, through = cuts[:-1], cuts[1:]
    probability = (before + through) / (2 * n)
    score = np.where(probability < 0.5, ndtri((1 + probability) / 2), -ndtri((1 - probability) / 2))
    return _Groups(before, through, (before + through + 1) // 2, np.log(score), y_sums(n, cuts))


@lru_cache(maxsize=64)
def _sampled_log_scores(n: int, trims: tuple[float, ...]) -> NDArray[np.float64]:
    """Simulate ln z at the middle rank of each group: uniform order statistics are ratios of gamma sums."""
    middle = _groups(n, trims, _GROUPS_SAMPLED).middle
    random = np.random.default_rng([SEED, n])
    steps = np.diff(np.concatenate([[0], middle, [n + 1]])).astype(np.float64)
    spacings = random.standard_gamma(steps, (REPLICATES, steps.size))
    total = spacings.sum(axis=1, keepdims=True)
    below = np.cumsum(spacings, axis=1)[:, :-1] / total
    above = np.cumsum(spacings[:, ::-1], axis=1)[:, ::-1][:, 1:] / total
    score: NDArray[np.float64] = np.where(below < 0.5, ndtri((1 + below) / 2), -ndtri(above / 2))
    return np.log(score)


def _sampled_statistics(
    samples: NDArray[np.float64], groups: _Groups, n: int, trim: float
) -> tuple[float, float, float]:
    first, last = ranks_inside(n, trim)
    inside = (groups.before >= first - 1) & (groups.through <= last)
    weight = (groups.through - groups.before)[inside].astype(np.float64)
    weight /= weight.sum()
    x = samples[:, inside]
    y = groups.y_sum[inside] / (groups.through - groups.before)[inside]
    dy = y - weight @ y
    mean_x = x @ weight
    dx = x - mean_x[:, None]
    sum_xy = (dx * dy) @ weight
    sum_xx = (dx * dx) @ weight
    shape = sum_xy / sum_xx
    r_squared = sum_xy**2 / (sum_xx * (weight @ dy**2))
    log_scale = mean_x - (weight @ y) / shape
    law = -np.expm1(-np.exp(np.minimum(shape[:, None] * (samples - log_scale[:, None]), 6.7)))
    distance = np.maximum(groups.middle / n - law, law - (groups.middle - 1) / n)
    return (
        float(r_squared.mean()),
        float(distance.max(axis=1).mean()),
        float(distance[:, inside].max(axis=1).mean()),
    )


def released_null(law: GaussianMixture, n: int, trim: float) -> NullFit:
    """Return the values that the released estimator gives for the expected counts of Gaussian weights.

    Parameters
    ----------
    law
        The Gaussian mixture.
    n
        Number of weights.
    trim
        Kept fraction of the plot.

    Returns
    -------
    NullFit
        The null; all its fields are free of sampling noise.
    """
    # Counts are rounded, so that bins with far less than one expected weight stay empty as in data.
    expected = np.diff(np.rint(law.cdf(10.0**EDGES) * n))
    null = released_fit(expected, trim, "gaussian null")
    return NullFit(null.shape, null.scale, null.r_squared, null.ks_distance, null.ks_distance_trimmed)


def null_moments(law: GaussianMixture, n: int) -> Moments:
    """Return the moments of Gaussian weights in closed form, and the expected maximum of n weights by quadrature.

    Parameters
    ----------
    law
        The Gaussian mixture.
    n
        Number of weights, for the expected maximum.

    Returns
    -------
    Moments
        The Gini coefficient is sum_ij p_i p_j sqrt(s_i^2 + s_j^2) / sum_i p_i s_i - 1, from
        E max(|X|, |Y|) = sqrt(2/pi) sqrt(s_i^2 + s_j^2) for independent half-normal magnitudes.
    """
    share, sigma = law.share, law.sigma
    first = math.sqrt(2 / math.pi) * float(share @ sigma)
    second = float(share @ sigma**2)
    third = 2 * math.sqrt(2 / math.pi) * float(share @ sigma**3)
    fourth = 3 * float(share @ sigma**4)
    variance = second - first**2
    central_fourth = fourth - 4 * first * third + 6 * first**2 * second - 3 * first**4
    pairs = float(share @ np.sqrt(sigma[:, None] ** 2 + sigma**2) @ share)
    probability = np.array([0.10, 0.50, 0.90, 0.99, 0.999])
    quantiles = np.exp(law.log_quantile(np.log(ndtri((1 + probability) / 2))))
    return Moments(
        mean=0.0,
        standard_deviation=math.sqrt(second),
        mean_magnitude=first,
        standard_deviation_magnitude=math.sqrt(variance),
        root_mean_square=math.sqrt(second),
        kurtosis=fourth / second**2 - 3,
        kurtosis_magnitude=central_fourth / variance**2 - 3,
        maximum=_expected_maximum(law, n),
        q10=float(quantiles[0]),
        q50=float(quantiles[1]),
        q90=float(quantiles[2]),
        q99=float(quantiles[3]),
        q999=float(quantiles[4]),
        gini=pairs / float(share @ sigma) - 1,
        zeros=0.0,
    )


@lru_cache(maxsize=4096)
def _maximum_log_scores(n: int) -> NDArray[np.float64]:
    """Return ln z of the maximum of n weights at 512 mid-points of the distribution of this maximum."""
    level = (np.arange(512) + 0.5) / 512
    above = -np.expm1(np.log(level) / n)
    score: NDArray[np.float64] = np.log(-ndtri(above / 2))
    return score


def _expected_maximum(law: GaussianMixture, n: int) -> float:
    return float(np.exp(law.log_quantile(_maximum_log_scores(n))).mean())
