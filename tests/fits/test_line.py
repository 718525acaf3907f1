"""The line, its standard errors and the distance from the data, each against extended precision and every point."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightfit.counts.histogram import histogram_of
from weightfit.fits.line import largest_distance, line_through, piece_sums
from weightfit.fits.plotting_positions import ranks_inside
from weightfit.fits.probability_plot import CHUNK, fit, magnitudes

TRIMS = (0.80, 0.90, 1.00)
Long = np.longdouble


def errors_in_extended_precision(sample, trim):
    """Return shape and standard error of the shape by the trapezoidal sum over the points, in long double."""
    n = sample.n
    first, last = ranks_inside(n, trim)
    kept = np.diff(np.clip(np.concatenate([[0], np.cumsum(sample.count)]), first - 1, last))
    inside = kept > 0
    rank = np.arange(first, last + 1, dtype=Long)
    y = np.log(-np.log((2 * (n - rank) + 1) / (2 * Long(n))))
    low = rank * 4 < n
    y[low] = np.log(-np.log1p(-(2 * rank[low] - 1) / (2 * Long(n))))
    weight = kept[inside].astype(Long)
    y = np.add.reduceat(y, np.cumsum(kept[inside]) - kept[inside]) / weight
    x = np.log(sample.value[inside].astype(Long))
    dx, dy = x - (weight @ x) / weight.sum(), y - (weight @ y) / weight.sum()
    shape = (weight * dx) @ dy / ((weight * dx) @ dx)
    slope = (dy - 2 * shape * dx) / ((weight * dx) @ dx)
    influence = np.concatenate([[0], np.cumsum(n * np.diff(x) * (slope[1:] + slope[:-1]) / 2)])
    weight[-1] += n - last
    mean = weight @ influence / n
    variance = (weight @ (influence - mean) ** 2 + (first - 1) * mean**2) / n
    return float(shape), float(np.sqrt(variance / n))


@pytest.mark.parametrize("trim", TRIMS)
@pytest.mark.parametrize(
    ("dtype", "n"), [(np.float16, 20_000), (np.float32, 3000), (np.float32, CHUNK + 900)]
)
def test_shape_and_error_have_the_digits_of_extended_precision(dtype, n, trim):
    made = histogram_of((np.random.default_rng(n).standard_t(5, n) * 0.02).astype(dtype))
    sample = magnitudes(made, made.mean)
    (found,) = fit(sample, [trim])
    shape, error = errors_in_extended_precision(sample, trim)
    assert found.shape == pytest.approx(shape, rel=1e-13)
    assert found.shape_se == pytest.approx(error, rel=1e-11 if trim == 1 else 1e-12)


@given(st.lists(st.integers(1, 39), max_size=6, unique=True), st.integers(0, 2**32))
def test_pieces_add_up_to_the_whole(cuts, seed):
    random = np.random.default_rng(seed)
    x, y = np.sort(random.standard_normal(40)), np.sort(random.standard_normal(40))
    count = random.integers(1, 9, 40)
    pieces = piece_sums(x, y * count, count, np.array([0, *sorted(cuts), 40]), 0.3)
    (whole,) = piece_sums(x, y * count, count, np.array([0, 40]), 0.3)
    # The first eight columns are plain sums; those of the integral begin anew in each piece.
    np.testing.assert_allclose(pieces[:, :8].sum(axis=0), whole[:8], rtol=1e-12, atol=1e-12)
    assert (pieces[0, 12], pieces[-1, 14]) == (whole[12], whole[14])


def test_a_line_is_numpys():
    random = np.random.default_rng(3)
    x, count = np.sort(random.standard_normal(60)), random.integers(1, 9, 60)
    y = 2 * x + 0.1 * random.standard_normal(60)
    found = line_through(x, y * count, count)
    slope, intercept = np.polyfit(x, y, 1, w=np.sqrt(count))
    assert found.shape == pytest.approx(slope, rel=1e-12)
    assert found.scale == pytest.approx(np.exp(-intercept / slope), rel=1e-12)


@pytest.mark.parametrize("points", [2, 3, 63, 64, 65, 66, 128, 129, 1000])
@pytest.mark.parametrize("seed", range(5))
def test_the_largest_distance_is_that_over_all_points(points, seed):
    random = np.random.default_rng([points, seed])
    value = np.sort(random.weibull(random.uniform(0.4, 3), points)) + 1e-9
    edges = np.concatenate([[0], np.cumsum(random.integers(1, 50, points))]) + int(random.integers(0, 100))
    n, below, through = int(edges[-1]) + 40, int(edges[0]) + 1, int(edges[-1]) - 1
    shape, log_scale = random.uniform(0.5, 2), random.uniform(-1, 1)
    law = 1 - np.exp(-np.exp(np.minimum(shape * (np.log(value) - log_scale), 6)))
    low, high = edges[:-1].copy(), edges[1:].copy()
    low[0], high[-1] = below, through
    expected = max((high / n - law).max(), (law - low / n).max())
    assert largest_distance(value, edges, below, through, n, shape, log_scale) == pytest.approx(
        expected, rel=1e-13
    )


def test_where_arrays_lie_in_memory_changes_no_digit():
    random = np.random.default_rng(4)
    made = histogram_of((random.standard_normal(5000) * 0.02).astype(np.float32))
    first = fit(magnitudes(made, made.mean), TRIMS)
    kept = []
    for _ in range(200):
        kept.append(np.empty(int(random.integers(1, 5000))))
        assert fit(magnitudes(made, made.mean), TRIMS) == first
