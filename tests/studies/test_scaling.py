"""Scales over blocks and their ratios against sums by hand, and against the initialisation's own ratio."""

import math
from dataclasses import asdict

import numpy as np
import pytest

from weightfit import paper, table
from weightfit.counts.histogram import histogram_of
from weightfit.counts.part import count_part
from weightfit.fits.fit import fit_part
from weightfit.fits.probability_plot import fit, magnitudes
from weightfit.fits.units import Protocol
from weightfit.studies.scaling import growth, input_output_ratio, scaling
from weightfit.weights.initialize import initialize

FIXED = {"n": 100, "excluded": 0, "exactness": "f16", "zeros": 0, "shape_se": 0.01, "shape_null": 1.2,
         "scale_null": 0.02, "r_squared": 0.99, "r_squared_null": 0.99, "ks_distance": 0.1, "ks_distance_null": 0.1,
         "ks_distance_trimmed": 0.1, "ks_distance_trimmed_null": 0.1}  # fmt: skip
COMPONENTS = ("qkv", "o", "ffn_in", "ffn_out")


def build(rows):
    return table.of_rows("fits", [FIXED | row for row in rows])


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(81)
    return [
        {"entry": entry, "step": step, "terminal": step == 4, "block": block, "component": component}
        | {"protocol": protocol, "sign": sign, "trim": trim, "shape": 1 + random.random()}
        | {"scale": 0.01 + random.random(), "scale_se": 0.001 * (1 + random.random())}
        for entry in ("x", "y")
        for step in ((0, 4) if entry == "x" else (None,))
        for block in (0, 1, 2, 3, -1)
        for component in COMPONENTS
        for protocol, sign, trim in (("centred", "both", 0.8), ("centred", "both", 1.0), ("centred", "positive", 0.8),
                                     ("uncentred", "both", 0.8))
    ]  # fmt: skip


def chosen(rows, **wanted):
    wanted |= {"protocol": "centred", "sign": "both", "trim": 0.8}
    return [r for r in rows if r["block"] >= 0 and all(r[name] == value for name, value in wanted.items())]


def test_each_summary_is_that_of_its_own_blocks(rows):
    made = scaling(build(rows)).to_pylist()
    keys = [(row["entry"], row["step"], row["component"]) for row in made]
    assert keys == [
        (entry, step, component)
        for entry, step in (("x", 0), ("x", 4), ("y", None))
        for component in COMPONENTS
    ]
    for row in made:
        own = chosen(rows, entry=row["entry"], step=row["step"], component=row["component"])
        scale = np.array([one["scale"] for one in own])
        error = np.array([one["scale_se"] for one in own])
        assert row["blocks"] == 4
        assert row["terminal"] == (row["step"] == 4)
        assert row["scale_median"] == pytest.approx(np.median(scale), rel=1e-14)
        assert row["scale_q25"] == pytest.approx(np.percentile(scale, 25), rel=1e-14)
        assert row["scale_q75"] == pytest.approx(np.percentile(scale, 75), rel=1e-14)
        assert row["scale_mean"] == pytest.approx(scale.mean(), rel=1e-14)
        assert row["scale_mean_se"] == pytest.approx(math.sqrt((error**2).sum()) / 4, rel=1e-14)
        assert row["shape_median"] == pytest.approx(np.median([one["shape"] for one in own]), rel=1e-14)


def test_the_ratio_is_the_mean_of_both_pairs(rows):
    made = scaling(build(rows))
    mean = {
        c: np.mean([r["scale"] for r in chosen(rows, entry="x", step=0, component=c)]) for c in COMPONENTS
    }
    ratio, _ = input_output_ratio(made, "x", 0)
    expected = (mean["qkv"] / mean["o"] + mean["ffn_in"] / mean["ffn_out"]) / 2
    assert ratio == pytest.approx(expected, rel=1e-14)


def test_the_ratio_of_an_initialisation_and_its_error_are_those_of_many_drawn():
    sigma = {"qkv": 0.02, "o": 0.01, "ffn_in": 0.02, "ffn_out": 0.005}
    ratios, errors = [], []
    for replicate in range(150):
        random = np.random.default_rng([82, replicate])
        drawn = []
        for block in range(2):
            for component in COMPONENTS:
                weights = (sigma[component] * random.standard_normal(1500)).astype(np.float32)
                (one,) = fit(magnitudes(histogram_of(weights)), [0.80])
                drawn.append(
                    {"entry": "x", "step": 0, "terminal": True, "block": block, "component": component}
                )
                drawn[-1] |= {"protocol": "centred", "sign": "both", "trim": 0.80, "shape": one.shape}
                drawn[-1] |= {"scale": one.scale, "scale_se": one.scale_se}
        ratio, error = input_output_ratio(scaling(build(drawn)), "x", 0)
        ratios.append(ratio)
        errors.append(error)
    assert np.mean(ratios) == pytest.approx((2 + 4) / 2, abs=4 * np.std(ratios) / math.sqrt(150) + 0.002)
    assert np.mean(errors) == pytest.approx(np.std(ratios, ddof=1), rel=0.2)


@pytest.mark.parametrize("key", ["pythia-70m", "pythia-160m"])
def test_the_instrument_finds_the_ratio_of_a_true_size_initialization(tmp_path, key):
    """Weights to ratio through the whole chain: L / sqrt(10) within 3 of the errors that Table 5 prints."""
    facts = paper.entries()[key]
    files, _ = initialize(
        tmp_path / "weights",
        layers=facts.layers,
        width=facts.width,
        heads=facts.heads,
        hidden=facts.hidden,
        recipe=facts.initialization,
    )
    manifest = {"entry": "x", "files": [asdict(file) for file in files]}
    count_part(manifest, tmp_path / "weights", tmp_path / "x.parquet")
    fits, _ = fit_part(tmp_path / "x.parquet", [Protocol("centred", "both", (0.8,), True, "all")], {})
    ratio, error = input_output_ratio(scaling(fits), "x", 0)
    predicted = facts.layers / math.sqrt(10)
    assert abs(ratio - predicted) < 3 * error
    assert error < 0.001 * predicted


def test_growth_is_the_ratio_less_one_and_its_error_that_of_simulated_ratios():
    first = {"scale_mean": 0.02, "scale_mean_se": 0.0002, "scale_median": 0.019}
    last = {"scale_mean": 0.03, "scale_mean_se": 0.0006, "scale_median": 0.0285}
    found = growth(first, last)
    assert (found["growth_mean"], found["growth_median"]) == pytest.approx((0.5, 0.5), rel=1e-14)
    random = np.random.default_rng(82)
    means = [random.normal(row["scale_mean"], row["scale_mean_se"], 200_000) for row in (first, last)]
    assert found["growth_mean_se"] == pytest.approx(np.std(means[1] / means[0]), rel=0.01)
