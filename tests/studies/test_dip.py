"""The dip against a linear program, the reference implementation and its known distribution."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import linprog

from weightfit.studies.dip import UNIFORM_QUANTILE, critical_dip, dip


def dip_by_linear_program(edges, counts):
    """Minimise the distance to a unimodal distribution function, over every place of its mode.

    The unknowns are the function at the edges, once more at the mode from the right (it may jump there), and
    the distance.
    """
    distribution = np.concatenate([[0], np.cumsum(counts)]) / np.sum(counts)
    size, width = distribution.size, np.diff(edges)
    best = math.inf
    for mode in range(size):
        rows, bounds = [], []

        def at_least(terms, value, rows=rows, bounds=bounds):
            row = np.zeros(size + 2)
            for place, factor in terms:
                row[place] -= factor
            rows.append(row)
            bounds.append(-value)

        left = list(range(mode + 1))
        right = [size, *range(mode + 1, size)]  # the mode from the right, then the other edges
        at = {place: edges[mode] if place == size else edges[place] for place in [*left, *right]}
        for places, sign in ((left, 1), (right, -1)):
            for a, b in pairwise(places):
                at_least([(b, 1), (a, -1)], 0)
            for a, b, c in zip(places, places[1:], places[2:], strict=False):
                first, second = 1 / (at[b] - at[a]), 1 / (at[c] - at[b])
                at_least([(c, sign * second), (b, -sign * (first + second)), (a, sign * first)], 0)
        at_least([(size, 1), (mode, -1)], 0)
        for place in [*left, *right]:
            seen = distribution[mode if place == size else place]
            at_least([(place, 1), (size + 1, 1)], seen)
            at_least([(place, -1), (size + 1, 1)], -seen)
        target = np.zeros(size + 2)
        target[-1] = 1
        found = linprog(target, A_ub=np.array(rows), b_ub=bounds, bounds=[(0, 1)] * (size + 2))
        assert found.success
        best = min(best, found.fun)
    assert width.min() > 0
    return best


@pytest.mark.parametrize("seed", range(25))
def test_the_dip_is_the_distance_to_the_nearest_unimodal_law(seed):
    random = np.random.default_rng([106, seed])
    size = int(random.integers(3, 14))
    edges = np.concatenate([[0], np.cumsum(random.uniform(0.2, 2, size))])
    counts = random.integers(0, 20, size) if seed % 2 else random.exponential(1, size) ** 3
    counts = counts + (counts.sum() == 0)
    assert dip(edges, counts.astype(float)) == pytest.approx(dip_by_linear_program(edges, counts), abs=1e-9)


def test_a_sample_has_the_dip_of_the_reference_implementation():
    # diptest 0.12.0 (a port of Maechler's R package) gives 0.06048387096774194 for this sample.
    sample = np.array(
        [30, 33, 35, 36, 37, 37, 39, 39, 39, 39, 39, 40, 40, 40, 40, 41, 42, 43, 43, 43, 44, 44, 45, 45, 46, 47,
         47, 48, 48, 48, 49, 50, 50, 51, 52, 52, 53, 53, 53, 53, 53, 54, 54, 57, 57, 59, 60, 60, 60, 61, 61, 61,
         61, 62, 62, 62, 62, 63, 66, 70, 72, 72]
    )  # fmt: skip
    value, count = np.unique(sample, return_counts=True)
    # A step of the empirical distribution function is a very narrow cell.
    edges = np.stack([value - 1e-9, value + 1e-9], axis=1).ravel()
    counts = np.zeros(edges.size - 1)
    counts[::2] = count
    assert dip(edges, counts) == pytest.approx(0.06048387096774194, abs=1e-8)


@pytest.mark.parametrize(
    "density",
    [
        np.ones(40),
        np.exp(-(np.linspace(-3, 3, 40) ** 2)),
        np.exp(np.linspace(0, 9, 40)),
        np.exp(-np.linspace(0, 9, 40)),
        np.r_[np.zeros(10), 1, np.zeros(10)],
    ],
)
def test_one_mode_has_no_dip(density):
    assert dip(np.arange(density.size + 1.0), density) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5])
def test_two_separate_modes_have_half_of_the_smaller_ones_share(share):
    counts = np.zeros(200)
    counts[10], counts[150] = share, 1 - share
    assert dip(np.arange(201.0), counts) == pytest.approx(share / 2, rel=0.02)


def test_the_critical_dip_is_that_of_uniform_values():
    # diptest 0.12.0, critical values at n = 72,000: 99.9 % at 0.73856 / sqrt(n), 50 % at 0.37848 / sqrt(n).
    assert pytest.approx(0.73856, abs=1e-3) == UNIFORM_QUANTILE
    assert critical_dip(10_000) == UNIFORM_QUANTILE / 100
    random, n = np.random.default_rng(107), 1_000_000
    samples = random.multinomial(n, np.full(400, 1 / 400), 3000).astype(float)
    seen = np.array([dip(np.arange(401.0), sample) for sample in samples]) * math.sqrt(n)
    assert np.median(seen) == pytest.approx(0.3785, rel=0.1)  # cells hide what lies within them
    assert np.quantile(seen, 0.99) == pytest.approx(0.633, rel=0.06)
    assert (seen > UNIFORM_QUANTILE).sum() < 10


def test_small_samples_of_one_mode_are_safe_too():
    random = np.random.default_rng(108)
    for n in (100, 1000):
        samples = random.multinomial(n, np.full(400, 1 / 400), 1000).astype(float)
        seen = [dip(np.arange(401.0), sample) for sample in samples]
        assert np.sum(np.array(seen) > critical_dip(n)) <= 4
