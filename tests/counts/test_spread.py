"""Counts between edges against counts of the numbers before they were rounded to a format."""

import numpy as np
import pytest

from weightfit.counts.histogram import histogram_of
from weightfit.counts.spread import counts_below, counts_between

N = 400_000
EDGES = np.concatenate([[0.0], np.geomspace(1e-5, 0.1, 150), [np.inf]])


def bf16(values):
    """Round to the upper half of a float32, ties to even."""
    bits = values.astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)).view(np.float32)


FORMATS = {"f32": np.float32, "f16": np.float16, "bf16": bf16}


@pytest.fixture(scope="module")
def weights():
    return 0.02 * np.random.default_rng(101).standard_normal(N)


def rounded(weights, kind):
    make = FORMATS[kind]
    return make(weights) if kind == "bf16" else weights.astype(make)


@pytest.mark.parametrize("centre", [0.0, 0.0123])
@pytest.mark.parametrize("kind", FORMATS)
def test_counts_are_those_before_rounding(weights, kind, centre):
    made = histogram_of(rounded(weights, kind))
    assert made.exactness == kind
    found = counts_between(made, centre, EDGES)
    assert found.sum() == pytest.approx(N, rel=1e-14)
    before, _ = np.histogram(np.abs(weights - centre), EDGES)
    if kind == "f32":
        assert np.abs(found - before).max() <= 1
    else:
        # Cells narrower than a step hold what is expected of them, so the noise of the counts themselves shows.
        assert np.all(np.abs(found - before) < 4.5 * np.sqrt(before + 1))
        stored, _ = np.histogram(np.abs(rounded(weights, kind).astype(np.float64) - centre), EDGES)
        wide = EDGES[1:] > 1e-3
        assert np.abs(found - before)[wide].mean() < np.abs(stored - before)[wide].mean() / 2


def test_bins_of_nineteen_bits_are_spread_over_themselves(monkeypatch, weights):
    monkeypatch.setattr("weightfit.counts.histogram.DISTINCT_LIMIT", 1000)
    made = histogram_of(weights.astype(np.float32))
    assert made.exactness == "19bit"
    before, _ = np.histogram(np.abs(weights), EDGES)
    found = counts_between(made, 0.0, EDGES)
    assert found.sum() == N
    assert np.all(np.abs(found - before) < 4.5 * np.sqrt(before + 1))


def test_an_edge_cuts_the_interval_that_a_value_stands_for():
    made = histogram_of(np.array([0.5, 0.5, 0.75, -0.5], np.float16))
    up, down = 2.0**-11, 2.0**-12  # steps above and below a power of two
    cuts = {
        0.5 - down / 2: 1,
        0.5: 1 + 2 * (down / (down + up)),
        0.5 + up / 2: 3,
        0.75 - up / 2: 3,
        0.75: 3.5,
        0.75 + up / 4: 3.75,
        -0.5: up / (down + up),
        -np.inf: 0,
        np.inf: 4,
    }
    np.testing.assert_allclose(counts_below(made, np.array(list(cuts))), list(cuts.values()), rtol=1e-12)


def test_zeros_stand_for_what_rounds_to_zero():
    made = histogram_of(np.array([0.0] * 10 + [1.0], np.float16))
    half = 2.0**-25  # of the smallest step of float16
    found = counts_below(made, np.array([-half, -half / 2, 0.0, half]))
    np.testing.assert_allclose(found, [0, 2.5, 5, 10], atol=1e-12)
