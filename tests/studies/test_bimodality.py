"""The study of bimodality on planted checkpoints, from weight files to its table."""

import math
from dataclasses import asdict
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from weightfit import table
from weightfit.counts.histogram import histogram_of
from weightfit.counts.part import count_part
from weightfit.fits.fit import fit_part
from weightfit.fits.probability_plot import fit, magnitudes
from weightfit.fits.units import Protocol
from weightfit.studies.bimodality import bimodality, measure
from weightfit.studies.dip import critical_dip
from weightfit.weights.plant import COMPONENTS, Planted, plant
from weightfit.weights.planted_laws import LAWS

SIGMA = 0.02
FRACTION, CENTRE, SPREAD = 0.3, -4.5, 0.6
TWO = ("two-population", {"sigma": SIGMA, "fraction": FRACTION, "centre": CENTRE, "spread": SPREAD})
NORMAL = ("half-normal", {"sigma": SIGMA})
PROTOCOLS = [
    Protocol(name, "both", (0.80, 1.00), pools=True, steps="ends") for name in ("centred", "uncentred")
]
# A low shape without a second mode, and one with: the threshold of the shape cannot tell them apart.
TRUTH = {
    (0, "gate"): TWO,
    (0, "up"): ("weibull", {"shape": 0.5, "scale": SIGMA}),
    (0, "down"): ("student-t", {"degrees": 1.5, "scale": 0.01}),
    (1, "gate"): ("two-population", {"sigma": SIGMA, "fraction": 0.2, "centre": -3.7, "spread": 1.0}),
    (1, "up"): ("uniform", {"limit": 0.04}),
}


def planted(folder, dtype, truth):
    """Plant two blocks, count and fit them."""
    matrices = [
        Planted(block, [name], *truth.get((block, name), NORMAL)) for block in (0, 1) for name in COMPONENTS
    ]
    files, _ = plant(
        folder, matrices=matrices, width=128, heads=4, key_value_heads=4, hidden=192, seed=3, dtype=dtype
    )
    output = folder.with_suffix(".parquet")
    count_part({"entry": "planted", "files": [asdict(file) for file in files]}, folder, output)
    return output, fit_part(output, PROTOCOLS, {})[0]


@pytest.fixture(scope="module", params=["F32", "F16", "BF16"])
def made(request, tmp_path_factory):
    part, fits = planted(tmp_path_factory.mktemp("bimodality") / "planted", request.param, TRUTH)
    rows = bimodality([part], fits)
    return {(row["block"], row["component"]): row for row in rows.to_pylist()}, fits


def test_every_matrix_has_a_row_with_its_shapes(made):
    rows, fits = made
    assert sorted(rows) == sorted((block, name) for block in (0, 1) for name in COMPONENTS)
    for (block, name), row in rows.items():
        for protocol, suffix in (("centred", ""), ("uncentred", "_uncentred")):
            (found,) = fits.filter(
                (pc.field("block") == block) & (pc.field("component") == name)
                & (pc.field("protocol") == protocol) & (pc.field("trim") == 0.80)
            ).to_pylist()  # fmt: skip
            assert row[f"shape{suffix}"] == found["shape"]
            assert row[f"shape{suffix}_se"] == found["shape_se"]
        assert (row["entry"], row["step"], row["n"]) == ("planted", None, found["n"])
        assert row["shape_null"] == pytest.approx(1.2054, abs=1e-3)


def test_only_a_second_mode_is_called_one(made):
    rows, _ = made
    assert {key for key, row in rows.items() if row["bimodal"]} == {(0, "gate")}
    for row in rows.values():
        assert row["dip_critical"] == critical_dip(row["n"])
        assert row["bimodal"] == (row["dip"] > row["dip_critical"])
        assert row["dip_null"] < row["dip_critical"] / 4
        small = [value for name, value in row.items() if name.startswith("small_")]
        assert len(small) == 6 and all((value is not None) == row["bimodal"] for value in small)
    # Below the paper's threshold, with one mode: a heavy tail, a wide population that is a shoulder only.
    assert rows[0, "up"]["shape"] < 0.7
    assert rows[1, "gate"]["shape"] < 0.7


def test_the_small_population_is_the_planted_one(made):
    row = made[0][0, "gate"]
    for name, truth in (("share", FRACTION), ("centre", CENTRE), ("spread", SPREAD)):
        error = row[f"small_{name}_se"]
        assert abs(row[f"small_{name}"] - truth) < 4 * error
        assert error < 0.05
    assert abs(row["dip"] - population_dip()) < 1 / math.sqrt(row["n"])


@cache
def population_dip():
    """Return the dip of the planted law itself, from a sample so even that it has no noise."""
    quantiles = LAWS[TWO[0]](**TWO[1]).quantile((np.arange(100_000) + 0.5) / 100_000)
    return measure(histogram_of(quantiles.astype(np.float32)))["dip"]


def test_subtracting_the_mean_would_move_the_small_population():
    # Mean zero is planted; that of 2^14 weights is as large as the smaller of them.
    centre = -5.5
    law = LAWS["two-population"](sigma=SIGMA, fraction=0.3, centre=centre, spread=0.4)
    weights = law.draw(np.random.default_rng(115), 1 << 14)
    stored, shifted = (histogram_of(one.astype(np.float32)) for one in (weights, weights - weights.mean()))
    assert abs(weights.mean()) > 10 * 10**centre
    seen, moved = measure(stored), measure(shifted)
    assert abs(seen["small_centre"] - centre) < 4 * seen["small_centre_se"] < 0.1
    assert abs(seen["small_share"] - 0.3) < 4 * seen["small_share_se"]
    assert moved["small_centre"] == pytest.approx(math.log10(abs(weights.mean())), abs=0.3)
    (centred,) = fit(magnitudes(stored, stored.mean), [0.80])
    (uncentred,) = fit(magnitudes(stored), [0.80])
    assert centred.shape - uncentred.shape > 0.02


def test_the_null_is_the_mean_over_gaussian_samples():
    random = np.random.default_rng(111)
    n = 4096
    seen = [measure(histogram_of(SIGMA * random.standard_normal(n).astype(np.float32))) for _ in range(100)]
    dips = np.array([one["dip"] for one in seen])
    error = dips.std() * math.sqrt(1 / 100 + 1 / 32)
    assert abs(dips.mean() - seen[0]["dip_null"]) < 4 * error
    assert not any(one["bimodal"] for one in seen)


def test_matrices_without_a_fit_are_left_out_and_a_missing_protocol_is_null(tmp_path):
    part, fits = planted(tmp_path / "planted", "F16", {})
    kept = fits.filter(
        (pc.field("protocol") == "centred") & ~((pc.field("block") == 0) & (pc.field("component") == "q"))
    )
    rows = bimodality([part], kept)
    assert rows.num_rows == 13
    assert (0, "q") not in {(row["block"], row["component"]) for row in rows.to_pylist()}
    assert rows["shape_uncentred"].null_count == rows["shape_uncentred_se"].null_count == 13
    assert bimodality([], kept).schema.equals(table.arrow_schema("bimodality"))


def test_dead_weights_are_a_second_mode_of_unknown_place():
    random = np.random.default_rng(112)
    weights = (SIGMA * random.standard_normal(1 << 16)).astype(np.float32)
    weights[: 1 << 14] = 0
    row = measure(histogram_of(weights))
    assert row["bimodal"] and row["dip"] == pytest.approx(0.125, rel=0.05)
    assert row["small_share"] is None


def test_the_same_table_comes_out_twice(tmp_path):
    part, fits = planted(tmp_path / "planted", "F16", TRUTH)
    first: pa.Table = bimodality([part], fits)
    assert first.equals(bimodality([part], fits))
