"""Maximum-likelihood fit of a body of weights and a population of smaller ones to counts of log10 abs(w)."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, gammainc, gammaincc, logit, ndtr

Values = NDArray[np.float64]

LOG_EDGES: Values = np.linspace(-12.05, 3.0, 302)
"""Edges of the cells of log10 abs(w); the first cell also holds all smaller weights, the last all larger ones."""

_OPEN = 0.999
_MOST_STEPS = 200
_SMALL_GAIN = 1e-6
_LONGEST_STEP = 0.5
_SHORTEST_STEP = 1e-9
_FLAT = 1e-9


@dataclass(frozen=True)
class SmallPopulation:
    """The population of smaller weights in a mixture with a generalised normal body.

    Attributes
    ----------
    share, share_se
        Share of the small population among all weights, and its standard error.
    centre, centre_se
        Mean of log10 abs(w) over the small population, and its standard error.
    spread, spread_se
        Standard deviation of log10 abs(w) over the small population, and its standard error.
    """

    share: float
    share_se: float
    centre: float
    centre_se: float
    spread: float
    spread_se: float


def valley(counts: Values) -> int:
    """Return the cell where the density of log10 abs(w) dips deepest between two higher places.

    Parameters
    ----------
    counts
        Counts in the cells between `LOG_EDGES`, which are first averaged over a quarter of a decade.
    """
    smooth = np.convolve(counts, np.full(5, 0.2), mode="same")
    left = np.maximum.accumulate(smooth)
    right = np.maximum.accumulate(smooth[::-1])[::-1]
    return int(np.argmax(np.minimum(left, right) - smooth))


def small_population(counts: Values) -> SmallPopulation | None:
    """Fit a mixture of a generalised normal body and a log-normal population of smaller weights to counts.

    Parameters
    ----------
    counts
        Counts in the cells between `LOG_EDGES`, with two modes.

    Returns
    -------
    SmallPopulation or None
        The small population, or None where the likelihood has no maximum near the weights below the valley.

    Notes
    -----
    The largest 0.1 % of the weights form one cell, so that outliers do not shape the body. The fit uses Fisher's
    scoring, which starts from the weights below and above the valley. Standard errors come from the expected
    information, for independent weights that follow the two laws.
    """
    # ASSUME two-populations: a generalised normal body, log-normal smaller weights; the paper names no law.
    split = valley(counts)
    if not counts[:split].any():
        return None
    top = int(np.searchsorted(np.cumsum(counts), _OPEN * counts.sum())) + 1
    kept = np.append(counts[:top], counts[top:].sum())
    edges = np.append(LOG_EDGES[1 : top + 1], np.inf)
    point = _first_guess(counts, split)
    likelihood = _log_likelihood(kept, point, edges)
    for _ in range(_MOST_STEPS):
        gradient, information = _score(kept, point, edges)
        step = np.linalg.lstsq(information, gradient, rcond=1e-12)[0]
        if gradient @ step / 2 < _SMALL_GAIN:
            return _result(point, information)
        step *= min(1.0, _LONGEST_STEP / float(np.abs(step).max()))
        while _log_likelihood(kept, point + step, edges) < likelihood:
            step /= 4
            if np.abs(step).max() < _SHORTEST_STEP:
                return None
        point = point + step
        likelihood = _log_likelihood(kept, point, edges)
    return None


def _first_guess(counts: Values, split: int) -> Values:
    """Return ln alpha and ln beta of the body, and logit share, centre and ln spread of the small population."""
    middle = (LOG_EDGES[1:] + LOG_EDGES[:-1]) / 2
    small, body = counts[:split], counts[split:]
    share = small.sum() / counts.sum()
    centre = small @ middle[:split] / small.sum()
    spread = math.sqrt(small @ (middle[:split] - centre) ** 2 / small.sum() + 1e-4)
    # Outliers do not move the median: 0.6745 sigma for a half-normal body, whose alpha is sqrt(2) sigma.
    median = middle[split + int(np.searchsorted(np.cumsum(body), body.sum() / 2))]
    log_alpha = median * math.log(10) + math.log(math.sqrt(2) / 0.6745)
    return np.array([log_alpha, math.log(2), logit(share), centre, math.log(spread)])


def _probabilities(point: Values, log_edges: Values) -> Values:
    """Return the probability of each cell that ends at an edge; the first cell begins at magnitude 0."""
    log_alpha, log_beta, log_odds, centre, log_spread = point
    beta = math.exp(log_beta)
    exponent = np.minimum(beta * (log_edges * math.log(10) - log_alpha), 6.0)
    below, above = gammainc(1 / beta, np.exp(exponent)), gammaincc(1 / beta, np.exp(exponent))
    score = (log_edges - centre) * math.exp(-log_spread)
    share = expit(log_odds)
    cdf = (1 - share) * below + share * ndtr(score)
    survival = (1 - share) * above + share * ndtr(-score)
    # The difference is taken of the smaller of the two functions, which keeps its digits.
    inside = np.where(cdf[1:] < 0.5, np.diff(cdf), -np.diff(survival))
    return np.asarray(np.maximum(np.concatenate([cdf[:1], inside]), 1e-300))


def _log_likelihood(counts: Values, point: Values, log_edges: Values) -> float:
    return float(counts @ np.log(_probabilities(point, log_edges)))


def _score(counts: Values, point: Values, log_edges: Values) -> tuple[Values, Values]:
    """Return the gradient of the log likelihood, and its expected information."""
    shifts = 1e-5 * np.eye(point.size)
    change = np.array(
        [
            (_probabilities(point + shift, log_edges) - _probabilities(point - shift, log_edges)) / 2e-5
            for shift in shifts
        ]
    )
    probability = _probabilities(point, log_edges)
    return change @ (counts / probability), counts.sum() * (change / probability) @ change.T


def _result(point: Values, information: Values) -> SmallPopulation | None:
    unit = np.sqrt(np.maximum(np.diagonal(information), 1e-300))
    correlation = information / unit / unit[:, None]
    if np.linalg.eigvalsh(correlation)[0] < _FLAT:
        return None
    errors = np.sqrt(np.diagonal(np.linalg.inv(correlation))) / unit
    share, spread = float(expit(point[2])), math.exp(point[4])
    return SmallPopulation(
        share=share,
        share_se=share * (1 - share) * float(errors[2]),
        centre=float(point[3]),
        centre_se=float(errors[3]),
        spread=spread,
        spread_se=spread * float(errors[4]),
    )
