"""Densities against every single weight, Gaussian weights against their null, and planted second populations."""

import numpy as np
import pytest
from counted_entries import count, fits_of, shapes
from scipy import stats

from weightfit import table
from weightfit.studies.density import density
from weightfit.studies.log_bins import BINS_PER_DECADE, log10_quantiles
from weightfit.weights.planted_laws import HalfNormal, TwoPopulation

SIGMAS = {"q": 0.02, "k": 0.05, "v": 0.004, "o": 0.01, "gate": 0.02, "up": 0.02, "down": 0.01}
QKV = ("q", "k", "v")


def draw(seed, width, hidden, dtype=np.float32, mean=0.0):
    random = np.random.default_rng([220, seed])
    return {
        (block, name): (mean + SIGMAS[name] * random.standard_normal(shape)).astype(dtype)
        for block in range(2)
        for name, shape in shapes(width, hidden).items()
    }


def by_matrix(made):
    """Return the columns of each matrix of a table ``density``."""
    found = {}
    for row in made.to_pylist():
        key = (row["entry"], row["step"], row["block"], row["component"])
        found.setdefault(key, []).append(row)
    return {key: {name: [row[name] for row in rows] for name in rows[0]} for key, rows in found.items()}


STEPS = {"b": [0, 3, 5, 9], "a": [None]}
EXCLUDED = {"b": {"1.k": "for a test", "1.v": "for a test", "0.up": "for a test"}}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("density")
    weights = {
        (entry, step): draw(10 * i + (step or 0), 12, 20, np.float16 if entry == "b" else np.float32, 0.001)
        for i, (entry, steps) in enumerate(STEPS.items())
        for step in steps
    }
    parts = [count(folder, entry, {step: weights[entry, step] for step in STEPS[entry]}) for entry in STEPS]
    return weights, fits_of(parts, EXCLUDED), parts


def test_every_matrix_and_pool_stands_once_at_the_ends_and_the_milestones(cohort):
    _, fits, parts = cohort
    found = by_matrix(density(fits, parts, [3, 100]))
    names = ("down", "gate", "k", "o", "q", "up", "v", "qkv")
    expected = [
        (entry, step, block, name)
        for entry, steps in (("b", [0, 3, 9]), ("a", [None]))
        for step in steps
        for block in range(2)
        for name in names
        if f"{block}.{name}" not in EXCLUDED.get(entry, {})
    ]
    # Of q, k and v of this block only q is left, which is no pool.
    assert list(found) == [key for key in expected if key[::2] != ("b", 1) or key[3] != "qkv"]
    assert {key[1] for key, columns in found.items() if all(columns["terminal"])} == {9, None}
    assert density(fits, parts[::-1], [3, 100]).num_rows == sum(len(one["n"]) for one in found.values())


def test_shares_are_those_of_every_single_weight(cohort):
    weights, fits, parts = cohort
    for (entry, step, block, component), columns in by_matrix(density(fits, parts, [3])).items():
        members = QKV if component == "qkv" else (component,)
        arrays = [weights[entry, step][block, name].astype(np.float64).reshape(-1) for name in members]
        size = np.abs(np.concatenate(arrays))
        number, share = np.array(columns["bin"]), np.array(columns["share"])
        assert set(columns["n"]) == {size.size}
        assert np.array_equal(np.diff(number), np.ones(number.size - 1))
        assert columns["log10_low"][0] is None
        assert columns["log10_low"][1:] == [round(one / 10, 1) for one in number[1:]]
        edges = np.append(0.0, 10.0 ** ((number + 1) / BINS_PER_DECADE))
        assert (share * size.size).round(9).tolist() == np.histogram(size, edges)[0].tolist()
        assert share.sum() == pytest.approx(1, abs=1e-14)
        expected = np.mean(
            [np.diff(stats.halfnorm(scale=array.std()).cdf(edges)) for array in arrays], axis=0
        )
        null = np.array(columns["share_null"])
        assert null == pytest.approx(expected, rel=1e-6, abs=1e-12)
        # Beyond both ends there is no weight, and no more of Gaussian ones than was promised.
        assert share[0] == 0
        assert null[0] <= 1e-4
        assert 0 <= 1 - null.sum() <= 1e-4
        assert share[1] > 0 or null[0] > 1e-4 / 10 ** (1 / BINS_PER_DECADE) / 1.01
        assert share[-1] > 0 or 1 - null[:-1].sum() > 1e-4


def planted(folder, weights):
    part = count(folder, "planted", {0: weights})
    return by_matrix(density(fits_of([part], {}), [part], []))


def test_gaussian_weights_give_their_null(tmp_path):
    found = planted(tmp_path, draw(7, 128, 320))
    assert len(found) == 2 * (len(SIGMAS) + 1)
    probabilities = []
    for (*_, component), columns in found.items():
        n, share, null = (np.array(columns[name]) for name in ("n", "share", "share_null"))
        enough = null * n > 25
        assert enough.sum() > 15
        z = (share - null)[enough] / np.sqrt(null * (1 - null) / n)[enough]
        assert np.abs(z).max() < 4.5
        probabilities.append(stats.chi2.sf((z**2).sum(), enough.sum() - 1))
        if component == "qkv":
            one = stats.halfnorm(scale=np.sqrt(np.mean([SIGMAS[name] ** 2 for name in QKV])))
            edges = np.append(0.0, 10.0 ** ((np.array(columns["bin"]) + 1) / BINS_PER_DECADE))
            assert np.abs((share - np.diff(one.cdf(edges)))[enough] * np.sqrt(n[0])).max() > 10
    assert stats.kstest(probabilities, "uniform").pvalue > 0.001


def test_a_second_population_is_a_second_hump_that_the_null_lacks(tmp_path):
    weights = draw(8, 128, 320)
    law = TwoPopulation(0.02, 0.05, -5.0, 0.3)
    size = weights[0, "gate"].shape
    drawn = law.draw(np.random.default_rng(221), size[0] * size[1]).astype(np.float32)
    weights[0, "gate"] = drawn.reshape(size)
    # A mean larger than most of the small weights does not move them.
    assert abs(weights[0, "gate"].mean()) > 2e-5
    columns = planted(tmp_path, weights)["planted", 0, 0, "gate"]
    low = np.array([np.nan if one is None else one for one in columns["log10_low"]])
    share, null, n = (np.array(columns[name]) for name in ("share", "share_null", "n"))
    small = (low >= -6.5) & (low < -3.7)
    valley = (low >= -4.1) & (low < -3.7)
    hump = small & (low >= -5.3) & (low < -4.7)
    assert share[hump].mean() > 4 * share[valley].mean()
    assert share[hump].min() > 20 * null[hump].max()
    assert np.all(np.diff(null[small]) > 0)
    inside = np.diff(law.cdf(10.0 ** np.array([-6.5, -3.7])))[0]
    assert share[small].sum() == pytest.approx(inside, abs=4 * np.sqrt(inside / n[0]))
    for level in (0.01, 0.025, 0.5, 0.999):
        (found,) = log10_quantiles(np.array(columns["bin"]), share, [level])
        assert found == pytest.approx(np.log10(law.quantile(level)), abs=0.04)
        (found,) = log10_quantiles(np.array(columns["bin"]), null, [level])
        sigma = weights[0, "gate"].astype(np.float64).std()
        assert found == pytest.approx(np.log10(HalfNormal(sigma).quantile(level)), abs=1e-6)


def test_zeros_and_what_is_below_the_lowest_bin_stand_in_the_open_row(tmp_path):
    weights = draw(9, 16, 24)
    weights[0, "up"][8:16] = 0
    weights[0, "up"][8, :5] = np.array([1e-13, -1e-30, -0.0, 1.1e-12, -1.1e-12], np.float32)
    columns = planted(tmp_path, weights)["planted", 0, 0, "up"]
    assert (np.array(columns["share"][:2]) * 384).round(9).tolist() == [126, 2]
    assert columns["log10_low"][:2] == [None, -12.0]
    assert sum(columns["share"]) == pytest.approx(1, abs=1e-14)
    assert len(columns["bin"]) > 100


def test_the_table_keeps_its_contract(cohort, tmp_path):
    _, fits, parts = cohort
    made = density(fits, parts, [3])
    table.write(tmp_path / "density.parquet", "density", made, {})
    assert table.read(tmp_path / "density.parquet", "density").equals(made)
