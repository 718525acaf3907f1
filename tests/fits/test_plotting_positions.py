"""Plotting positions against exact fractions and against summing rank by rank in extended precision."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightfit.fits import plotting_positions
from weightfit.fits.plotting_positions import ranks_inside, weibull_y, y_sums

TRIMS = ("0.80", "0.90", "1.00", "0.5", "0.333", "0.001")


@given(st.integers(1, 400), st.sampled_from(TRIMS))
def test_ranks_inside_a_trim_are_decided_exactly(n, trim):
    half = (1 - Fraction(trim)) / 2
    inside = [i for i in range(1, n + 1) if half <= Fraction(2 * i - 1, 2 * n) <= 1 - half]
    first, last = ranks_inside(n, float(trim))
    assert list(range(first, last + 1)) == inside


@pytest.mark.parametrize("n", [10, 1000, 10**9 + 5, 5 * 10**11])
def test_a_rank_exactly_on_the_edge_is_kept(n):
    # F = (i - 1/2)/n = 1/10 at i = n/10 + 1/2, a rank only where n/5 is odd.
    first, last = ranks_inside(n, 0.80)
    assert Fraction(2 * first - 1, 2 * n) >= Fraction(1, 10) > Fraction(2 * first - 3, 2 * n)
    assert Fraction(2 * last - 1, 2 * n) <= Fraction(9, 10) < Fraction(2 * last + 1, 2 * n)
    assert first + last == n + 1


def test_a_trim_may_come_as_a_numpy_number():
    assert ranks_inside(1000, np.float64(0.8)) == ranks_inside(1000, 0.8) == (101, 900)


def cumulative(n: int) -> np.ndarray:
    """Return sums of y over the first ranks, in extended precision."""
    rank = np.arange(1, n + 1, dtype=np.longdouble)
    # 1 - F from the other end, so that the last ranks keep their digits.
    y = np.log(-np.log((2 * (n - rank) + 1) / (2 * np.longdouble(n))))
    small = rank * 4 < n
    y[small] = np.log(-np.log1p(-(2 * rank[small] - 1) / (2 * np.longdouble(n))))
    return np.concatenate([[0], np.cumsum(y)])


def test_the_ordinate():
    assert weibull_y(np.array([1 - np.exp(-1)])) == pytest.approx(0, abs=1e-15)
    assert weibull_y(np.array([1e-9, 0.5])) == pytest.approx(
        [np.log(1e-9) + 5e-10, np.log(np.log(2))], rel=1e-15
    )


@given(st.integers(1, 3000), st.data())
def test_sums_below_the_limit(n, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, n), min_size=2, max_size=8)))
    expected = np.diff(cumulative(n)[cuts]).astype(np.float64)
    np.testing.assert_allclose(y_sums(n, np.array(cuts)), expected, rtol=0, atol=1e-10)


@given(st.integers(129, 5000), st.data())
def test_integrated_sums_equal_summing_by_rank(n, data):
    # Every way of cutting: near an end, wide, both, narrow, empty.
    cuts = sorted([*data.draw(st.lists(st.integers(0, n), min_size=2, max_size=8)), 0, n])
    expected = np.diff(cumulative(n)[cuts]).astype(np.float64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plotting_positions, "_TABLE_LIMIT", 100)
        made = y_sums(n, np.array(cuts))
    # 64 ranks from an end the next term of the series, 7/5760 of the third derivative, is below 1e-8.
    np.testing.assert_allclose(made, expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("n", [(1 << 20) + 1, 3_000_001])
def test_integrated_sums_at_true_size(n):
    random = np.random.default_rng(n)
    cuts = np.unique(
        np.concatenate(
            [
                [0, 1, 2, 63, 64, 65, 200, n // 2, n - 200, n - 65, n - 64, n - 63, n - 1, n],
                random.integers(0, n, 3000),
                np.geomspace(1, n, 200).astype(np.int64),
                n - np.geomspace(1, n, 200).astype(np.int64),
            ]
        )
    )
    table = cumulative(n)
    for chosen in (cuts, np.array([0, n]), np.array([0, n // 3, n])):
        expected = (table[chosen[1:]] - table[chosen[:-1]]).astype(np.float64)
        made = y_sums(n, chosen)
        mean_error = np.abs(made - expected) / np.diff(chosen)
        assert np.abs(made - expected).max() < 2e-8
        assert mean_error.max() < 1e-9


def test_a_run_of_no_ranks_sums_to_nothing(monkeypatch):
    at = np.array([0, 5, 64, 500, 936, 1000])
    np.testing.assert_array_equal(y_sums(1000, np.repeat(at, 2))[::2], 0)
    monkeypatch.setattr(plotting_positions, "_TABLE_LIMIT", 100)
    np.testing.assert_array_equal(y_sums(1000, np.repeat(at, 2))[::2], 0)
