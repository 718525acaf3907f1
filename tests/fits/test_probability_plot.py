"""The paper's estimator against sorting every single weight, scipy, exact quantiles and simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from weightfit.counts import histogram
from weightfit.counts.histogram import histogram_of, pool
from weightfit.errors import DegenerateHistogram
from weightfit.fits.probability_plot import MINIMUM_DISTINCT, Fit, Magnitudes, fit, magnitudes
from weightfit.weights.planted_laws import Law, StudentT, TwoPopulation

TRIMS = (0.80, 0.90, 1.00)
PERCENT = {0.80: 80, 0.90: 90, 1.00: 100}


def sorted_distances(weights: np.ndarray, centre: float) -> np.ndarray:
    return np.sort(np.abs(weights.reshape(-1).astype(np.float64) - centre))


def by_sorting(weights: np.ndarray, trim: float, centre: float) -> dict[str, float]:
    """Fit by sorting every weight: no histogram, no sums over ties, trims in whole numbers."""
    magnitude = sorted_distances(weights, centre)
    n = magnitude.size
    rank = np.arange(1, n + 1)
    inside, x, y = plot(magnitude, trim)
    tie = np.concatenate([[0], np.cumsum(np.diff(x) != 0)])
    shape, scale, r_squared = line(x, (np.bincount(tie, y) / np.bincount(tie))[tie])
    law = -np.expm1(-((magnitude / scale) ** shape))
    over, under = rank / n - law, law - (rank - 1) / n
    # The empirical function has no step between tied weights.
    over[:-1][magnitude[1:] == magnitude[:-1]] = 0
    under[1:][magnitude[1:] == magnitude[:-1]] = 0
    limits = np.maximum(rank[inside] / n - law[inside], law[inside] - (rank[inside] - 1) / n)
    return {
        "shape": shape,
        "scale": scale,
        "r_squared": r_squared,
        "ks_distance": max(over.max(), under.max()),
        "ks_distance_trimmed": limits.max(),
        "zeros": int((magnitude == 0).sum()),
    }


def plot(magnitude: np.ndarray, trim: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return which of the sorted magnitudes are inside a trim, and the coordinates of those."""
    n = magnitude.size
    rank = np.arange(1, n + 1)
    inside = 100 * (2 * rank - 1) >= n * (100 - PERCENT[trim])
    inside &= 100 * (2 * rank - 1) <= n * (100 + PERCENT[trim])
    inside &= magnitude > 0
    return inside, np.log(magnitude[inside]), np.log(-np.log1p(-(rank[inside] - 0.5) / n))


def line(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    mean_x, mean_y = x.mean(), y.mean()
    dx, dy = x - mean_x, y - mean_y
    shape = (dx @ dy) / (dx @ dx)
    return shape, math.exp(mean_x - mean_y / shape), (dx @ dy) ** 2 / ((dx @ dx) * (dy @ dy))


def require_equal(weights: np.ndarray, tolerance: float = 1e-9) -> list[Fit]:
    made = histogram_of(weights)
    found = fit(magnitudes(made, made.mean), TRIMS)
    for trim, one in zip(TRIMS, found, strict=True):
        expected = by_sorting(weights, trim, made.mean)
        for name, value in expected.items():
            assert getattr(one, name) == pytest.approx(value, rel=tolerance, abs=tolerance), (trim, name)
        assert one.n == weights.size
    return found


def student(random: np.random.Generator, n: int) -> np.ndarray:
    return StudentT(4, 0.02).draw(random, n)


def two_population(random: np.random.Generator, n: int) -> np.ndarray:
    return TwoPopulation(0.02, 0.3, -4.5, 0.6).draw(random, n)


def gaussian(random: np.random.Generator, n: int) -> np.ndarray:
    return 0.02 * random.standard_normal(n)


LAWS = {"gaussian": gaussian, "student": student, "two-population": two_population}


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("n", [30, 1600, 99_991])
def test_a_fit_equals_sorting_every_weight(law, dtype, n):
    require_equal(LAWS[law](np.random.default_rng([n, 1]), n).astype(dtype))


def test_a_large_matrix_beyond_the_table_of_ordinates_equals_sorting():
    require_equal(student(np.random.default_rng(2), (1 << 20) + 7).astype(np.float16))
    weights = two_population(np.random.default_rng(3), 1_300_001).astype(np.float32)
    require_equal((weights.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32))  # BF16's values


@pytest.mark.parametrize("law", LAWS)
def test_19_bit_bins_cost_little(law):
    weights = LAWS[law](np.random.default_rng(4), histogram.DISTINCT_LIMIT + 1).astype(np.float32)
    made = histogram_of(weights)
    assert made.exactness == "19bit"
    magnitude = sorted_distances(weights, made.mean)
    for trim, one in zip(TRIMS, fit(magnitudes(made, made.mean), TRIMS), strict=True):
        _, x, y = plot(magnitude, trim)
        shape, scale, _ = line(x, y)
        limit = 2e-4 if trim == 1 else 2e-5
        assert one.shape == pytest.approx(shape, abs=limit, rel=0)
        assert one.scale == pytest.approx(scale, rel=limit)


# Ties, trim edges, zeros.


@pytest.mark.parametrize("levels", [9, 20, 45])
@pytest.mark.parametrize("n", [100, 101, 997, 5000])
def test_heavy_ties_straddle_the_edges_of_the_trim(levels, n):
    random = np.random.default_rng([levels, n])
    weights = np.rint(random.standard_normal(n) * levels / 4).astype(np.float32) + np.float32(0.25)
    weights[: 2 * levels] = np.arange(-levels, levels) * np.float32(0.3)
    found = require_equal(weights)
    assert found[0].shape > 0


@pytest.mark.parametrize("share", [0.02, 0.0999, 0.1, 0.3, 0.85])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_zeros_keep_their_ranks(share, dtype):
    random = np.random.default_rng(5)
    weights = random.standard_normal(4000).astype(dtype)
    weights[: round(share * 4000)] = random.choice(np.array([0.0, -0.0], dtype), round(share * 4000))
    made = histogram_of(weights)
    for trim, one in zip(TRIMS, fit(magnitudes(made), TRIMS), strict=True):
        for name, value in by_sorting(weights, trim, 0.0).items():
            assert getattr(one, name) == pytest.approx(value, rel=1e-9), (trim, name)


@given(
    hnp.arrays(np.int16, st.integers(12, 80), elements=st.integers(-40, 40)),
    st.sampled_from([-3.0, 0.0, 0.1]),
)
def test_small_matrices_with_any_ties_equal_sorting(steps, centre):
    weights = steps.astype(np.float32)
    sample = magnitudes(histogram_of(weights), centre)
    for trim in TRIMS:
        try:
            (one,) = fit(sample, [trim])
        except DegenerateHistogram:
            distinct = np.unique(np.abs(weights - centre))
            assert (distinct > 0).sum() < MINIMUM_DISTINCT or trim < 1
            continue
        for name, value in by_sorting(weights, trim, centre).items():
            assert getattr(one, name) == pytest.approx(value, rel=1e-9, abs=1e-9), (trim, name)


@given(
    hnp.arrays(np.float32, st.integers(1, 60), elements=st.floats(-8, 8, width=32)),
    st.floats(-8, 8, width=32),
    st.sampled_from(["both", "positive", "negative"]),
)
def test_magnitudes_are_the_sorted_distances_from_the_centre(weights, centre, sign):
    sample = magnitudes(histogram_of(weights), centre, sign)
    shifted = weights.astype(np.float64) - centre
    chosen = {"both": shifted, "positive": shifted[shifted > 0], "negative": shifted[shifted < 0]}[sign]
    value, count = np.unique(np.abs(chosen), return_counts=True)
    np.testing.assert_array_equal(sample.value, value)
    np.testing.assert_array_equal(sample.count, count)
    assert (sample.n, sample.zeros) == (chosen.size, (chosen == 0).sum())


def test_distances_that_round_to_the_same_number_are_one_magnitude():
    weights = np.array([1e-30, 2e-30, 3e-30, 1.0, 2.0], np.float32)
    sample = magnitudes(histogram_of(weights), 0.5)
    assert sample.value.tolist() == [0.5, 1.5]
    assert sample.count.tolist() == [4, 1]


# Laws.


@given(st.floats(1e-6, 1e6), st.integers(0, 5))
def test_a_fit_is_scale_equivariant(factor, seed):
    sample = magnitudes(histogram_of(np.random.default_rng(seed).standard_normal(300).astype(np.float16)))
    scaled = Magnitudes(sample.value * factor, sample.count, sample.n)
    for one, other in zip(fit(sample, TRIMS), fit(scaled, TRIMS), strict=True):
        assert other.shape == pytest.approx(one.shape, rel=1e-10)
        assert other.scale == pytest.approx(one.scale * factor, rel=1e-10)
        assert other.scale_se == pytest.approx(one.scale_se * factor, rel=1e-9)
        for name in ("shape_se", "r_squared", "ks_distance", "ks_distance_trimmed"):
            assert getattr(other, name) == pytest.approx(getattr(one, name), rel=1e-9)


@given(st.integers(0, 1000), st.floats(-1, 1))
def test_the_sign_of_all_weights_does_not_matter(seed, shift):
    weights = (np.random.default_rng(seed).standard_normal(200) + shift).astype(np.float32)
    one, other = (histogram_of(values) for values in (weights, -weights))
    assert fit(magnitudes(one, one.mean), TRIMS) == fit(magnitudes(other, other.mean), TRIMS)
    positive, negative = magnitudes(one, one.mean, "positive"), magnitudes(other, other.mean, "negative")
    assert fit(positive, TRIMS) == fit(negative, TRIMS)


@given(st.integers(2, 6), st.integers(0, 100))
def test_counting_every_weight_several_times_keeps_the_histogram_law(copies, seed):
    made = histogram_of(np.random.default_rng(seed).standard_normal(100).astype(np.float32))
    pooled = pool([made] * copies)
    sample = magnitudes(pooled, pooled.mean)
    assert sample.n == copies * 100
    assert (sample.count % copies == 0).all()


@pytest.mark.parametrize("shape", [0.3, 0.9, 1.2054, 3.5])
@pytest.mark.parametrize("n", [20, 1600, (1 << 20) + 1])
def test_exact_weibull_quantiles_give_their_own_shape_and_scale(shape, n):
    probability = (np.arange(1, n + 1) - 0.5) / n
    sample = Magnitudes(0.02 * (-np.log1p(-probability)) ** (1 / shape), np.ones(n, np.int64), n)
    for one in fit(sample, TRIMS):
        assert one.shape == pytest.approx(shape, rel=1e-10)
        assert one.scale == pytest.approx(0.02, rel=1e-10)
        assert one.r_squared == pytest.approx(1, abs=1e-11)
        assert one.ks_distance == pytest.approx(0.5 / n, rel=1e-6)


@pytest.mark.parametrize("trim", TRIMS)
def test_exact_half_normal_quantiles_give_the_certified_values(trim, certified):
    n = 2_000_000
    half = stats.halfnorm.ppf((np.arange(1, n + 1) - 0.5) / n)
    (one,) = fit(Magnitudes(half, np.ones(n, np.int64), n), [trim])
    values = certified["half_normal"]
    # The plotting positions leave half a rank at each end; only the full plot feels it.
    tolerance = 1e-4 if trim == 1 else 1e-9
    assert one.shape == pytest.approx(values[f"shape_{trim:.2f}"], rel=tolerance)
    assert one.scale == pytest.approx(values[f"scale_{trim:.2f}"], rel=tolerance)
    assert one.r_squared == pytest.approx(values[f"r_squared_{trim:.2f}"], rel=tolerance)


@pytest.mark.parametrize("law", LAWS)
def test_the_ks_distance_is_scipys(law):
    weights = LAWS[law](np.random.default_rng(6), 5000).astype(np.float32)
    sample = magnitudes(histogram_of(weights))
    for one in fit(sample, TRIMS):
        other = stats.kstest(
            np.repeat(sample.value, sample.count), stats.weibull_min(one.shape, scale=one.scale).cdf
        )
        assert one.ks_distance == pytest.approx(other.statistic, rel=1e-10)
        assert one.ks_distance_trimmed <= one.ks_distance


# Standard errors.


class LogNormal(Law):
    """Magnitudes whose logarithm is Gaussian."""

    def draw(self, generator, size):
        return np.exp(0.7 * generator.standard_normal(size)) * generator.choice([-1.0, 1.0], size)

    cdf = quantile = moment = None


@pytest.mark.parametrize("name", ["gaussian", "student", "lognormal"])
def test_standard_errors_are_the_spread_of_simulated_fits(name):
    draw = LogNormal().draw if name == "lognormal" else LAWS[name]
    found, errors = [], []
    for replicate in range(300):
        values = draw(np.random.default_rng([7, replicate]), 2500).astype(np.float32)
        fits = fit(magnitudes(histogram_of(values)), TRIMS)
        found.append([[one.shape, math.log(one.scale)] for one in fits])
        errors.append([[one.shape_se, one.scale_se / one.scale] for one in fits])
    ratio = np.mean(errors, axis=0) / np.std(found, axis=0, ddof=1)
    # The spread of 300 fits is itself known to 1/sqrt(600) = 4 %.
    np.testing.assert_allclose(ratio, 1, atol=0.10)


def test_standard_errors_fall_with_the_root_of_n():
    one, other = (
        fit(magnitudes(histogram_of(gaussian(np.random.default_rng(8), n).astype(np.float32))), [0.8])[0]
        for n in (10_000, 160_000)
    )
    assert one.shape_se / other.shape_se == pytest.approx(4, rel=0.05)
    assert one.scale_se / other.scale_se == pytest.approx(4, rel=0.05)


# Refusals.


def test_all_zero_is_refused():
    with pytest.raises(
        DegenerateHistogram, match=r"block 3, q: all 64 magnitudes are zero.*exclude the matrix"
    ):
        fit(magnitudes(histogram_of(np.zeros(64, np.float16))), [0.8], "block 3, q")


def test_a_constant_is_refused():
    made = histogram_of(np.full(64, 0.1, np.float32))
    with pytest.raises(
        DegenerateHistogram, match=r"m: 1 distinct non-zero magnitudes inside trim 1.00, but .* at least 8"
    ):
        fit(magnitudes(made), TRIMS, "m")
    with pytest.raises(DegenerateHistogram, match="m: "):
        fit(magnitudes(made, made.mean), TRIMS, "m")


def test_too_few_distinct_values_inside_a_trim_are_refused():
    weights = np.concatenate([np.repeat(np.arange(1.0, 8.0), 100), np.arange(100.0, 110.0)]).astype(
        np.float32
    )
    sample = magnitudes(histogram_of(weights))
    with pytest.raises(DegenerateHistogram, match=r"7 distinct non-zero magnitudes inside trim 0\.80"):
        fit(sample, [0.8])
    assert fit(sample, [1.0])[0].shape > 0


def test_distinct_weights_at_one_distance_from_the_mean_are_refused():
    tiny = np.repeat(np.arange(1, 11, dtype=np.float32) * np.float32(1e-30), 100)
    made = histogram_of(np.append(tiny, np.float32(1)))
    with pytest.raises(DegenerateHistogram, match="distinct non-zero magnitudes"):
        fit(magnitudes(made, made.mean), [0.8])
