"""The closure check against scipy's laws, raw arrays, planted laws and many simulated matrices."""

import json
import math

import numpy as np
import pytest
from scipy import stats

from weightfit import table
from weightfit.counts.histogram import histogram_of
from weightfit.counts.part import count_part
from weightfit.errors import ContractError
from weightfit.fits.fit import fit_part
from weightfit.fits.null import GaussianMixture, null_fits
from weightfit.fits.plotting_positions import ranks_inside
from weightfit.fits.probability_plot import fit, magnitudes
from weightfit.fits.units import Protocol
from weightfit.studies.closure import (
    READINGS,
    closure,
    half_normal,
    implied,
    measured,
    measured_influence,
    relative_errors,
)
from weightfit.weights.writer import CheckpointWriter

TRIM = 0.80
EDGES = [0.1, 0.9]


def trimmed(law):
    """Integrate the moments of a scipy law between its 10 % and 90 % quantiles: deviation, root mean square, mean."""
    low, high = law.ppf(EDGES)
    first, second = (
        law.expect(lambda x, r=r: x**r, lb=low, ub=high, epsabs=0, epsrel=1e-12) / TRIM for r in (1, 2)
    )
    return math.sqrt(second - first**2), math.sqrt(second), first


@pytest.mark.parametrize(("shape", "scale"), [(0.4, 0.01), (1.0, 1.0), (1.2054, 0.02), (3.0, 5.0)])
def test_what_a_weibull_law_implies_is_what_scipy_says(shape, scale):
    law = stats.weibull_min(shape, scale=scale)
    root = math.sqrt(law.moment(2))
    expected = (law.std(), law.std(), root, law.mean(), *trimmed(law))
    assert implied(shape, scale, TRIM) == pytest.approx(dict(zip(READINGS, expected, strict=True)), rel=1e-9)


def test_without_a_trim_the_trimmed_reading_is_that_of_the_whole_law():
    law = implied(1.2, 0.02, 1.0)
    for reading in ("standard_deviation", "root_mean_square", "mean_magnitude"):
        assert law[f"{reading}_trimmed"] == pytest.approx(law[reading], rel=1e-14)


def test_what_gaussian_weights_give_is_what_scipy_says():
    law = stats.halfnorm(scale=0.02)
    expected = (law.std(), 0.02, 0.02, law.mean(), *trimmed(law))
    assert half_normal(0.02, TRIM) == pytest.approx(dict(zip(READINGS, expected, strict=True)), rel=1e-9)


@pytest.mark.parametrize("n", [37, 1000, 4001])
def test_what_is_measured_is_what_sorting_every_weight_gives(n):
    random = np.random.default_rng([131, n])
    # Coarse values: ties straddle both edges, and more than the lowest tenth are zeros about the mean.
    weights = np.round(3 * random.standard_normal(n)).astype(np.float32)
    weights[: n // 5] = 0
    made = histogram_of(weights)
    ordered = np.sort(np.abs(weights.astype(np.float64) - made.mean))
    first, last = ranks_inside(n, TRIM)
    inside = ordered[first - 1 : last]
    assert inside[0] == ordered[0]
    expected = (
        ordered.std(),
        weights.astype(np.float64).std(),
        weights.astype(np.float64).std(),
        ordered.mean(),
    )
    kept = (inside.std(), math.sqrt((inside**2).mean()), inside.mean())
    expected = dict(zip(READINGS, (*expected, *kept), strict=True))
    assert measured(magnitudes(made, made.mean), TRIM) == pytest.approx(expected, rel=1e-12)


LAWS = {
    "gaussian": lambda random, n: random.standard_normal(n),
    "laplace": lambda random, n: random.laplace(size=n),
}


@pytest.mark.parametrize("law", LAWS)
def test_the_influence_of_the_weights_gives_the_errors_of_what_is_measured(law):
    found, stated = [], []
    for replicate in range(500):
        made = histogram_of(LAWS[law](np.random.default_rng([137, replicate]), 2500).astype(np.float32))
        sample = magnitudes(made, made.mean)
        found.append([math.log(value) for value in measured(sample, TRIM).values()])
        share = sample.count / sample.n
        influences = measured_influence(sample, TRIM)
        spread = [share @ (influences[name] - share @ influences[name]) ** 2 for name in READINGS]
        stated.append(np.array(spread) / sample.n)
    observed = np.std(found, axis=0, ddof=1)
    assert np.sqrt(np.mean(stated, axis=0)) / observed == pytest.approx(np.ones(len(READINGS)), abs=0.1)


def errors_of(weights):
    """Return the error under each reading, and its standard error, of an array."""
    made = histogram_of(weights.astype(np.float32))
    sample = magnitudes(made, made.mean)
    (found,) = fit(sample, [TRIM])
    law, observed = implied(found.shape, found.scale, TRIM), measured(sample, TRIM)
    spread = relative_errors(sample, found.shape, TRIM)
    ratio = np.array([law[reading] / observed[reading] for reading in READINGS])
    return ratio - 1, ratio * np.array([spread[reading] for reading in READINGS])


@pytest.mark.parametrize("law", LAWS)
def test_the_standard_error_is_the_spread_over_many_samples(law):
    samples = [LAWS[law](np.random.default_rng([133, i]), 2500) for i in range(300)]
    errors, stated = (np.array(values) for values in zip(*map(errors_of, samples), strict=True))
    # The spread of 300 values is itself known to 4 %.
    assert np.sqrt((stated**2).mean(axis=0)) / errors.std(axis=0, ddof=1) == pytest.approx(
        np.ones(len(READINGS)), abs=0.15
    )


def test_gaussian_weights_give_the_null():
    n = 4000
    (null,) = null_fits(GaussianMixture(np.ones(1), np.ones(1)), n, (TRIM,))
    law, observed = implied(null.shape, null.scale, TRIM), half_normal(1.0, TRIM)
    expected = np.array([law[reading] / observed[reading] - 1 for reading in READINGS])
    errors = np.array([errors_of(np.random.default_rng([134, i]).standard_normal(n))[0] for i in range(400)])
    spread = errors.std(axis=0, ddof=1) / math.sqrt(len(errors))
    # A ratio of estimates is biased by about 1/n, which 400 samples of 4000 nearly see.
    assert np.all(np.abs(errors.mean(axis=0) - expected) < 4 * spread + 2 / n)
    assert np.all(np.abs(expected) > 10 * spread)


@pytest.mark.parametrize("shape", [0.7, 1.2, 2.0])
def test_planted_weibull_weights_close_under_each_reading_of_one_variable(shape):
    random = np.random.default_rng([135, int(10 * shape)])
    weights = 0.02 * random.weibull(shape, 1 << 18) * random.choice([-1.0, 1.0], 1 << 18)
    error, spread = errors_of(weights)
    law = implied(shape, 1.0, TRIM)
    # The law's standard deviation beside that of signed weights, which is its root mean square, does not close.
    mixed = law["standard_deviation"] / law["root_mean_square"] - 1
    expected = [mixed if reading == "standard_deviation" else 0 for reading in READINGS]
    assert np.all(np.abs(error - expected) < 4 * spread)
    assert np.all(spread < 0.01)
    assert mixed < -0.1


HEADS, HIDDEN, BLOCKS = 2, 16, 2
SIGMAS = {"q": 0.02, "k": 0.03, "v": 0.01, "o": 0.005, "ffn_in": 0.02, "ffn_out": 0.004}
CENTRED = Protocol("centred", "both", (0.80, 1.00), pools=True, steps="all")
ONE_SIGN = Protocol("centred", "positive", (0.80,), pools=False, steps="all")


def draw(seed, step):
    random = np.random.default_rng([136, seed, 99 if step is None else step])
    shapes = dict.fromkeys("qkvo", (HIDDEN, HIDDEN))
    shapes |= {"ffn_in": (4 * HIDDEN, HIDDEN), "ffn_out": (HIDDEN, 4 * HIDDEN)}
    return {
        (block, name): (0.001 + SIGMAS[name] * random.standard_normal(size)).astype(np.float16)
        for block in range(BLOCKS)
        for name, size in shapes.items()
    }


def count(folder, entry, steps):
    """Write one checkpoint of a small GPT-NeoX per step, count them and fit them."""
    folder.mkdir()
    files = []
    for step, weights in steps.items():
        arrays = {}
        for block in range(BLOCKS):
            name = f"gpt_neox.layers.{block}."
            fused = [weights[block, part].reshape(HEADS, HIDDEN // HEADS, HIDDEN) for part in "qkv"]
            arrays[f"{name}attention.query_key_value.weight"] = np.concatenate(fused, axis=1).reshape(
                -1, HIDDEN
            )
            arrays[f"{name}attention.dense.weight"] = weights[block, "o"]
            arrays[f"{name}mlp.dense_h_to_4h.weight"] = weights[block, "ffn_in"]
            arrays[f"{name}mlp.dense_4h_to_h.weight"] = weights[block, "ffn_out"]
        path = folder / f"step{step}.safetensors"
        with CheckpointWriter(path, [(name, "F16", array.shape) for name, array in arrays.items()]) as writer:
            for array in arrays.values():
                writer.write(array)
        files.append({"path": path.name, "step": step, "bytes": writer.bytes, "sha256": writer.sha256})
    config = {
        "architectures": ["GPTNeoXForCausalLM"],
        "num_attention_heads": HEADS,
        "num_hidden_layers": BLOCKS,
    }
    (folder / "config.json").write_text(json.dumps(config))
    output = folder.parent / f"{entry}.parquet"
    count_part({"entry": entry, "files": files}, folder, output)
    return output


STEPS = {"x": [0, 7], "y": [None]}
EXCLUDED = {"x": {"1.v": "for a test"}, "y": {}}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("closure")
    weights = {key: {step: draw(i, step) for step in steps} for i, (key, steps) in enumerate(STEPS.items())}
    parts = [count(folder / key, key, own) for key, own in weights.items()]
    fits = [fit_part(part, [CENTRED, ONE_SIGN], EXCLUDED[part.stem])[0] for part in parts]
    rows = [row for one in fits for row in one.to_pylist()]
    return weights, table.of_rows("fits", rows), parts


def test_each_single_matrix_at_the_last_step_has_one_row_per_reading(cohort):
    weights, fits, parts = cohort
    rows = closure(fits, parts).to_pylist()
    names = ("ffn_in", "ffn_out", "k", "o", "q", "v")
    expected = [
        (key, block, name, reading)
        for key in STEPS
        for block in range(BLOCKS)
        for name in names
        for reading in READINGS
        if f"{block}.{name}" not in EXCLUDED[key]
    ]
    assert [(row["entry"], row["block"], row["component"], row["reading"]) for row in rows] == expected
    assert {(row["entry"], row["step"]) for row in rows} == {("x", 7), ("y", None)}
    assert all(row["terminal"] for row in rows)
    for row in rows:
        array = weights[row["entry"]][row["step"]][row["block"], row["component"]].astype(np.float64)
        at = READINGS.index(row["reading"])
        error, spread = errors_of(array.reshape(-1))
        assert row["error"] == pytest.approx(error[at], rel=1e-7)
        assert row["error_se"] == pytest.approx(spread[at], rel=1e-7)
        assert row["error"] == row["implied"] / row["measured"] - 1
        (null,) = null_fits(GaussianMixture(np.ones(1), np.ones(1)), array.size, (TRIM,))
        ratio = implied(null.shape, null.scale, TRIM)[row["reading"]] / half_normal(1.0, TRIM)[row["reading"]]
        assert row["error_null"] == pytest.approx(ratio - 1, rel=1e-9)


def test_parts_are_read_in_any_order_and_unknown_ones_add_nothing(cohort):
    _, fits, parts = cohort
    made = closure(fits, parts)
    assert closure(fits, parts[::-1]).equals(made.sort_by([("entry", "descending")]))
    assert closure(fits.take(list(range(fits.num_rows))[::-1]), parts).equals(made)
    assert closure(fits.slice(0, 0), parts).num_rows == 0


def test_a_fitted_matrix_without_its_histogram_is_named(cohort):
    _, fits, parts = cohort
    with pytest.raises(ContractError, match="y: block 0, ffn_in is fitted, but no histogram"):
        closure(fits, parts[:1])
