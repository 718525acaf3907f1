"""The released estimator against the released library itself, npm-weibull-py 0.4.0."""

import ml_dtypes
import npm_weibull
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from weightfit.counts import histogram
from weightfit.counts.histogram import histogram_of, pool
from weightfit.errors import DegenerateHistogram
from weightfit.fits.released import EDGES, binned, released_fit
from weightfit.weights.planted_laws import StudentT, TwoPopulation

TRIMS = {0.80: "mid_80", 0.90: "mid_90", 1.00: "full_range"}


def matrices():
    random = np.random.default_rng(11)
    gaussian = 0.02 * random.standard_normal(30_000)
    student = StudentT(3, 0.02).draw(random, 30_000)
    mixed = TwoPopulation(0.02, 0.3, -6.5, 2.0).draw(random, 30_000)
    mixed[:500] = 0.0
    mixed[500:510] = [1e-12, 9.99e-13, 1e-13, 1e-14, 1e-30, 1e-45, -1e-12, 99.0, -100.0, 1.0]
    found = {}
    for name, values in {"gaussian": gaussian, "student": student, "mixed": mixed}.items():
        single = values.astype(np.float32)
        found[f"{name} f32"] = single
        found[f"{name} f16"] = values.astype(np.float16)
        found[f"{name} f16 in f32"] = values.astype(np.float16).astype(np.float32)
        found[f"{name} bf16 in f32"] = single.astype(ml_dtypes.bfloat16).astype(np.float32)
    # Edges of bins, and the neighbours of each: where a count could fall on the other side.
    edges = (10.0 ** np.linspace(-12, 2, 1025)[::3]).astype(np.float32)
    found["edges"] = np.concatenate(
        [edges, np.nextafter(edges, np.float32(0)), np.nextafter(edges, np.float32(9e9))]
    )
    return found


@pytest.mark.parametrize("name", matrices())
def test_counts_and_fits_are_the_librarys(name):
    values = matrices()[name]
    counts = binned(histogram_of(values))
    theirs = npm_weibull.extract_to_histogram(values)
    assert counts.dtype == np.int64
    np.testing.assert_array_equal(counts, theirs["hist"])
    np.testing.assert_array_equal(EDGES, theirs["edges"])
    for trim, word in TRIMS.items():
        one, other = released_fit(counts, trim), npm_weibull.weibull_fit(theirs, word)
        assert other["ok"]
        assert one.shape == pytest.approx(other["k"], rel=1e-12)
        assert one.scale == pytest.approx(other["lambda"], rel=1e-12)
        assert one.r_squared == pytest.approx(other["R2"], rel=1e-12)
        assert one.ks_distance == pytest.approx(other["KS"], rel=1e-12)
        assert one.n == theirs["hist"].sum()


def test_weights_beyond_the_last_edge_are_dropped_as_there():
    values = np.concatenate([np.float32([100.0, 100.1, 1e6]), 0.02 * np.ones(200, np.float32)])
    counts = binned(histogram_of(values))
    np.testing.assert_array_equal(counts, npm_weibull.extract_to_histogram(values)["hist"])
    assert 200 <= counts.sum() <= 201  # 100 itself is on the last edge


@given(hnp.arrays(np.uint16, st.integers(1, 300)))
def test_counts_of_any_half_precision_weights_are_the_librarys(bits):
    values = bits[bits & 0x7C00 != 0x7C00].view(np.float16)
    if values.size:
        np.testing.assert_array_equal(
            binned(histogram_of(values)), npm_weibull.extract_to_histogram(values)["hist"]
        )


def test_counts_add():
    parts = [values for name, values in matrices().items() if name.endswith("32")]
    pooled = binned(pool([histogram_of(part) for part in parts]))
    np.testing.assert_array_equal(pooled, sum(binned(histogram_of(part)) for part in parts))


def test_19_bit_bins_move_few_counts(monkeypatch):
    values = matrices()["student f32"]
    exact = binned(histogram_of(values))
    monkeypatch.setattr(histogram, "DISTINCT_LIMIT", 100)
    made = histogram_of(values)
    assert made.exactness == "19bit"
    coarse = binned(made)
    assert coarse.sum() == exact.sum()
    # A 19-bit bin is at most 1/32 of a bin of the library wide, so fewer than that share may cross an edge.
    assert np.abs(coarse - exact).sum() < values.size / 32
    for trim in TRIMS:
        assert released_fit(coarse, trim).shape == pytest.approx(released_fit(exact, trim).shape, rel=2e-3)


def test_too_little_to_fit_is_refused_where_the_library_gives_not_a_number():
    few = np.zeros(1024, np.int64)
    few[300:310] = 9
    assert not npm_weibull.weibull_fit({"edges": EDGES, "hist": few})["ok"]
    with pytest.raises(DegenerateHistogram, match=r"m: .* 90 magnitudes, but at least 100 are needed"):
        released_fit(few, 0.8, "m")
    narrow = np.zeros(1024, np.int64)
    narrow[300:304] = 1000
    assert not npm_weibull.weibull_fit({"edges": EDGES, "hist": narrow})["ok"]
    with pytest.raises(DegenerateHistogram, match=r"m: .* 4 bins inside the trim, but at least 5 are needed"):
        released_fit(narrow, 0.8, "m")


def test_standard_errors_are_the_spread_of_simulated_fits():
    found, errors = [], []
    for replicate in range(300):
        weights = np.random.default_rng([12, replicate]).standard_normal(4000).astype(np.float32)
        counts = binned(histogram_of(weights))
        fits = [released_fit(counts, trim) for trim in TRIMS]
        found.append([[one.shape, np.log(one.scale)] for one in fits])
        errors.append([[one.shape_se, one.scale_se / one.scale] for one in fits])
    ratio = np.mean(errors, axis=0) / np.std(found, axis=0, ddof=1)
    np.testing.assert_allclose(ratio, 1, atol=0.10)


def test_magnitudes_beside_an_edge_fall_in_the_bin_of_their_logarithm():
    edges = (10.0**EDGES).astype(np.float32)
    steps = np.arange(-40, 41, dtype=np.int32)
    near = (edges.view(np.int32)[:, None] + steps).view(np.float32).ravel()
    made = histogram_of(near)
    logarithm = np.log10(np.maximum(made.value, np.float32(1e-13)))
    expected, _ = np.histogram(logarithm, EDGES, weights=made.count)
    np.testing.assert_array_equal(binned(made), expected)
