"""The calibration against fits and dips of large samples."""

import math

import numpy as np
import pytest
from scipy import stats

from weightfit import table
from weightfit.counts.histogram import histogram_of
from weightfit.studies.bimodality import measure
from weightfit.studies.calibration import CENTRES, FRACTIONS, SPREADS, calibration


@pytest.fixture(scope="module")
def made():
    found = calibration()
    table.check("calibration", found)
    return found


@pytest.fixture(scope="module")
def rows(made):
    return {(row["centre"], row["spread"], row["fraction"]): row for row in made.to_pylist()}


def sample(key, n, seed):
    centre, spread, fraction = key
    random = np.random.default_rng([113, seed])
    small = 10 ** random.normal(centre, spread, n)
    return np.where(random.random(n) < fraction, small, np.abs(random.standard_normal(n)))


KEYS = [(-3.0, 0.6, 0.15), (-2.0, 0.3, 0.05), (-1.0, 1.0, 0.50), (-4.0, 0.3, 0.20), (-3.5, 1.0, 0.30)]


def test_the_grid_is_complete(rows):
    assert list(rows) == [(c, s, f) for c in CENTRES for s in SPREADS for f in FRACTIONS]


def plot_slope(magnitudes):
    """Least squares on the plot, written out."""
    rank = (np.arange(magnitudes.size) + 0.5) / magnitudes.size
    inside = (rank >= 0.1) & (rank <= 0.9)
    return stats.linregress(np.log(np.sort(magnitudes))[inside], np.log(-np.log1p(-rank[inside]))).slope


@pytest.mark.parametrize("key", KEYS)
def test_the_shape_is_that_of_a_large_sample(rows, key):
    spread = np.std([plot_slope(sample(key, 20_000, seed)) for seed in range(1, 13)])
    # A sample 50 times as large; its error is that much smaller.
    assert abs(rows[key]["shape"] - plot_slope(sample(key, 1_000_000, 0))) < 5 * spread / math.sqrt(50)


@pytest.mark.parametrize("key", KEYS)
def test_the_dip_is_that_of_a_large_sample(rows, key):
    n = 1_000_000
    seen = measure(histogram_of(sample(key, n, 0).astype(np.float32)))["dip"]
    assert abs(seen - rows[key]["dip"]) < 0.7 / math.sqrt(n)


@pytest.mark.parametrize("key", [(-3.0, 0.6, 0.15), (-2.0, 0.3, 0.10)])
def test_so_many_weights_show_the_second_mode(rows, key):
    needed = rows[key]["weights_needed"]
    assert needed == pytest.approx((0.739 / rows[key]["dip"]) ** 2, rel=1e-12)
    shown = {
        times: sum(
            measure(histogram_of(sample(key, int(times * needed), seed).astype(np.float32)))["bimodal"]
            for seed in range(20)
        )
        for times in (0.2, 3.0)
    }
    assert shown[0.2] <= 4 and shown[3.0] == 20


def test_the_null_and_the_directions(rows):
    # The half-normal law at trim 0.80: shape 1.20543431902, by quadrature.
    assert all(row["shape_null"] == pytest.approx(1.20543431902, abs=1e-6) for row in rows.values())
    for centre in CENTRES:
        for spread in SPREADS:
            own = [rows[centre, spread, fraction] for fraction in FRACTIONS[:-1]]  # at a half, roles change
            assert np.all(
                np.diff([row["shape"] for row in own[:-1]]) < 0
            )  # a half is half-way to the other law
            assert np.all(np.diff([row["dip"] for row in own]) >= 0)
            assert own[0]["shape"] == pytest.approx(1.2054, abs=0.01)
            assert all((row["weights_needed"] is None) == (row["dip"] == 0) for row in own)


def test_a_low_shape_needs_no_second_mode(rows):
    unimodal = [row for row in rows.values() if row["dip"] == 0]
    assert min(row["shape"] for row in unimodal) < 0.7
    assert max(row["shape"] for row in rows.values() if row["dip"] > 0) > 1.0
