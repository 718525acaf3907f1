"""Body and tail against every single weight; planted laws give their own counts, outliers stand out one by one."""

import mpmath
import numpy as np
import pytest
from counted_entries import count, fits_of, shapes
from scipy import stats

from weightfit import table
from weightfit.errors import ContractError
from weightfit.studies.tail import BINS, tail
from weightfit.weights.planted_laws import HalfNormal, Outliers, Weibull

MEMBERS = ("o", "gate", "up", "down")
SIGMAS = {"q": 0.05, "k": 0.05, "v": 0.05, "o": 0.01, "gate": 0.02, "up": 0.02, "down": 0.006}


def draw(seed, width, hidden, laws, dtype=np.float32):
    """Draw two blocks whose components follow laws."""
    random = np.random.default_rng([230, seed])
    return {
        (block, name): laws[name].draw(random, shape[0] * shape[1]).reshape(shape).astype(dtype)
        for block in range(2)
        for name, shape in shapes(width, hidden).items()
    }


GAUSSIAN = {name: HalfNormal(sigma) for name, sigma in SIGMAS.items()}
STEPS = {"b": [0, 3, 5, 9], "a": [None], "only-o": [0]}
EXCLUDED = {
    "b": {"1.o": "for a test"},
    "only-o": {f"{block}.{name}": "for a test" for block in range(2) for name in ("gate", "up", "down")},
}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tail")
    weights = {
        (entry, step): {
            key: one + one.dtype.type(0.003)
            for key, one in draw(10 * i + (step or 0), 12, 20, GAUSSIAN, np.float16).items()
        }
        for i, (entry, steps) in enumerate(STEPS.items())
        for step in steps
    }
    parts = [count(folder, entry, {step: weights[entry, step] for step in STEPS[entry]}) for entry in STEPS]
    return weights, fits_of(parts, EXCLUDED), parts


def regions(made):
    """Return the columns of each region of each step of a table ``tail``."""
    found = {}
    for row in made.to_pylist():
        found.setdefault((row["entry"], row["step"], row["region"]), []).append(row)
    return {
        key: {name: np.array([row[name] for row in rows]) for name in rows[0]} for key, rows in found.items()
    }


def test_the_ends_and_the_milestones_of_each_pool_have_a_body_and_a_tail(cohort):
    _, fits, parts = cohort
    made = tail(fits, parts, [3, 100])
    keys = [("b", 0), ("b", 3), ("b", 9), ("a", None)]
    assert list(regions(made)) == [(*key, region) for key in keys for region in ("body", "tail")]
    assert made.num_rows == 2 * BINS * len(keys)
    assert set(made.filter(made["terminal"])["step"].to_pylist()) == {9, None}
    table.check("tail", made)


def test_counts_are_those_of_every_single_weight(cohort):
    weights, fits, parts = cohort
    for (entry, step, region), found in regions(tail(fits, parts, [3])).items():
        arrays = [
            array.astype(np.float64).reshape(-1)
            for (block, name), array in weights[entry, step].items()
            if name in MEMBERS and f"{block}.{name}" not in EXCLUDED.get(entry, {})
        ]
        flat = np.concatenate(arrays)
        size = np.sort(np.abs(flat - flat.mean()))
        border = size[-(-99 * size.size // 100) - 1]
        ends = {"body": (0, border), "tail": (border, size[-1])}[region]
        edges = np.append(found["low"], found["high"][-1])
        assert edges == pytest.approx(np.linspace(*ends, BINS + 1), rel=1e-14)
        assert np.array_equal(found["high"][:-1], found["low"][1:])
        assert np.array_equal(found["bin"], np.arange(BINS))
        inside = size[size < border] if region == "body" else size[size >= border]
        assert found["count"].tolist() == np.histogram(inside, edges)[0].tolist()
        assert found["count"].sum() == inside.size
        assert set(found["n"]) == {size.size}
        (law,) = [
            row
            for row in fits.to_pylist()
            if (row["entry"], row["step"], row["block"], row["component"])
            == (entry, step, -1, "transmission")
            and (row["protocol"], row["trim"]) == ("centred", 0.80)
        ]
        weibull = np.diff(stats.weibull_min(law["shape"], scale=law["scale"]).cdf(edges))
        assert found["count_weibull"] == pytest.approx(size.size * weibull, rel=1e-6)
        null = sum(array.size * np.diff(stats.halfnorm(scale=array.std()).cdf(edges)) for array in arrays)
        assert found["count_null"] == pytest.approx(null, rel=1e-6)


def planted(folder, weights):
    part = count(folder, "planted", {0: weights})
    made = regions(tail(fits_of([part], {}), [part], []))
    return made["planted", 0, "body"], made["planted", 0, "tail"]


def deviations(found, expected):
    """Return the deviations in standard errors where enough weights are expected."""
    enough = found[expected] > 25
    return ((found["count"] - found[expected]) / np.sqrt(found[expected]))[enough]


def test_gaussian_weights_of_several_sigmas_give_the_mixture_and_not_the_extrapolated_law(tmp_path):
    body, end = planted(tmp_path, draw(1, 192, 480, GAUSSIAN))
    assert body["n"][0] == body["count"].sum() + end["count"].sum() == 2 * 192 * (192 + 3 * 480)
    for found, fewest in ((body, BINS), (end, 20)):
        z = deviations(found, "count_null")
        assert z.size >= fewest
        assert np.abs(z).max() < 4.5
        assert 1e-4 < stats.chi2.sf((z**2).sum(), z.size) < 1 - 1e-4
    assert np.abs(deviations(end, "count_weibull")).max() > 6


def test_weibull_weights_give_the_fitted_law_and_not_the_mixture(tmp_path):
    law = Weibull(1.2, 0.02)
    body, end = planted(tmp_path, draw(2, 192, 480, dict.fromkeys(SIGMAS, law)))
    for found, fewest in ((body, BINS), (end, 20)):
        z = deviations(found, "count_weibull")
        assert z.size >= fewest
        # The law is itself estimated, which moves all counts a little.
        assert np.abs(z).max() < 5
        assert (z**2).mean() < 2
    assert np.abs(deviations(end, "count_null")).max() > 6


def test_each_planted_outlier_stands_in_the_tail_where_no_law_expects_one(tmp_path):
    weights = draw(3, 128, 320, dict.fromkeys(SIGMAS, HalfNormal(0.02)))
    for number, (name, multiple) in enumerate((("o", 40.0), ("down", 20.0)), start=2):
        array = weights[1, name]
        law = Outliers(0.02, number, multiple, array.size)
        weights[1, name] = (
            law.draw(np.random.default_rng(231), array.size).reshape(array.shape).astype(np.float32)
        )
    _, end = planted(tmp_path, weights)
    far = end["low"] > 0.15
    assert end["count"][far].sum() == 5
    assert end["count"][-1] == 2
    at = (end["low"] <= 0.4) & (end["high"] > 0.4)
    assert end["count"][at].tolist() == [3]
    assert end["count_null"][far].sum() < 1e-6
    assert 0 < end["count_null"][at][0] < 1e-60
    with mpmath.workdps(120):
        # The two matrices with outliers are wider, so all the mixture is needed.
        expected = mpmath.mpf(0)
        for array in (one.astype(np.float64) for (_, name), one in weights.items() if name in MEMBERS):
            root = mpmath.mpf(float(array.std())) * mpmath.sqrt(2)
            low, high = (mpmath.erfc(mpmath.mpf(float(end[name][at][0])) / root) for name in ("low", "high"))
            expected += array.size * (low - high)
    assert end["count_null"][at][0] == pytest.approx(float(expected), rel=1e-6, abs=0)
    assert 0 < end["count_weibull"][at][0] < 1e-8


def test_where_many_weights_share_the_largest_magnitude_the_tail_is_one_point(tmp_path):
    weights = {
        key: np.clip(array, np.float32(-0.03), np.float32(0.03))
        for key, array in draw(4, 32, 48, dict.fromkeys(SIGMAS, HalfNormal(0.02))).items()
    }
    for (_, name), array in weights.items():
        if name in MEMBERS:  # each weight beside its opposite: the mean is exactly zero
            half = array.reshape(-1)[: array.size // 2]
            array[:] = np.concatenate([half, -half]).reshape(array.shape)
    body, end = planted(tmp_path, weights)
    largest = sum(
        np.count_nonzero(np.abs(a) == a.max()) for (_, name), a in weights.items() if name in MEMBERS
    )
    assert largest > 0.01 * body["n"][0]
    assert end["count"].tolist() == [0] * (BINS - 1) + [largest]
    assert set(end["low"]) == set(end["high"]) == {body["high"][-1]}
    assert end["count_null"].sum() == end["count_weibull"].sum() == 0
    assert body["count"].sum() + largest == body["n"][0]


def test_a_fitted_matrix_without_its_histogram_is_named(cohort):
    _, fits, parts = cohort
    with pytest.raises(ContractError, match="b: step 0, block 0, down is fitted, but no histogram"):
        tail(fits, parts[1:], [])
