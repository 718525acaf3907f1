"""Tails of blocks against sorted arrays, planted outliers, scipy's survival function and simulated samples."""

import math

import numpy as np
import pytest
from scipy import stats

from weightfit import table
from weightfit.components import POOLED, POOLS
from weightfit.counts.histogram import histogram_of
from weightfit.fits.moments import moments as moments_of
from weightfit.fits.null import null_moments
from weightfit.fits.units import Protocol, fits_of_unit, units_of_step
from weightfit.studies.super_weights import BLOCK_POOLS, log10_survival, super_weights

PROTOCOL = Protocol("centred", "both", (0.80, 1.00), pools=True, steps="all")
FULL = {"q": 0.02, "k": 0.03, "v": 0.01, "o": 0.005, "ffn_in": 0.02, "ffn_out": 0.004}
N = 3000


def tables(drawn, protocol=PROTOCOL):
    """Fit arrays and take their moments: (entry, step) to blocks to components to arrays."""
    fits, moment_rows = [], []
    for (entry, step), blocks in drawn.items():
        terminal = step == max((s for e, s in drawn if e == entry and s is not None), default=None)
        counted = [
            (block, {name: histogram_of(array.astype(np.float32)) for name, array in found.items()})
            for block, found in blocks.items()
        ]
        for unit in units_of_step(step, counted, {}, True):
            key = {"entry": entry, "step": step, "terminal": terminal, "block": unit.block}
            key |= {"component": unit.component, "excluded": 0, "exactness": "f32", "n": unit.histogram.n}
            fits += [key | row for row in fits_of_unit(unit, [protocol])]
            kinds = zip(("", "_se"), moments_of(unit.histogram), strict=True)
            kinds = (*kinds, ("_null", null_moments(unit.law, unit.histogram.n)))
            moment_rows.append(key | {f"{n}{kind}": v for kind, made in kinds for n, v in vars(made).items()})
    return table.of_rows("fits", fits), table.of_rows("moments", moment_rows)


def draw(seed, sigmas, blocks):
    random = np.random.default_rng([161, seed])
    return {b: {name: s * random.standard_normal(N) for name, s in sigmas.items()} for b in range(blocks)}


DRAWN = {
    ("full", 0): draw(0, FULL, 2),
    ("full", 8): draw(1, FULL, 2),
    ("lone", None): draw(2, {"q": 0.02, "down": 0.01}, 2),
    ("attention", 3): draw(3, {"q": 0.02, "k": 0.01}, 1),
}
LONE = {"ffn": "down", "transmission": "down", "all": "all"}


@pytest.fixture(scope="module")
def made():
    return super_weights(*tables(DRAWN)).to_pylist()


def test_every_step_block_and_pool_has_one_row_that_says_what_was_measured(made):
    found = [(r["entry"], r["step"], r["block"], r["pool"], r["component"]) for r in made]
    expected = []
    for (entry, step), blocks in DRAWN.items():
        for block in (*blocks, POOLED):
            components = {"full": dict(zip(BLOCK_POOLS, BLOCK_POOLS, strict=True)), "lone": LONE}.get(
                entry, {"all": "all"}
            )
            expected += [(entry, step, block, pool, component) for pool, component in components.items()]
    assert found == expected
    terminal = {("full", 8), ("lone", None), ("attention", 3)}
    assert all(r["terminal"] == ((r["entry"], r["step"]) in terminal) for r in made)


def test_each_row_is_that_of_the_weights_it_pools(made):
    for row in made:
        blocks = DRAWN[row["entry"], row["step"]]
        members = POOLS[row["pool"]]
        arrays = [
            found[name]
            for block, found in blocks.items()
            if row["block"] in (block, POOLED)
            for name in members
            if name in found
        ]
        together = np.concatenate(arrays).astype(np.float32).astype(np.float64)
        magnitude = np.abs(together)
        assert row["n"] == together.size
        assert row["maximum"] == magnitude.max()
        assert row["q99"] == pytest.approx(np.quantile(magnitude, 0.99), rel=1e-12)
        assert row["ratio"] == pytest.approx(magnitude.max() / np.quantile(magnitude, 0.99), rel=1e-12)
        assert row["kurtosis"] == pytest.approx(stats.kurtosis(together), rel=1e-9)
        assert row["kurtosis_magnitude"] == pytest.approx(stats.kurtosis(magnitude), rel=1e-9)
        assert row["ratio_null"] == pytest.approx(row["maximum_null"] / row["q99_null"], rel=1e-14)


def test_gaussian_mixtures_give_their_null(made):
    """Matrices of unlike spread have kurtosis and a wide tail without any outlier."""
    full = [row for row in made if row["entry"] == "full"]
    assert all(row["kurtosis_null"] > 0.5 for row in full if row["pool"] == "all")
    for row in full:
        assert abs(row["kurtosis"] - row["kurtosis_null"]) < 5 * row["kurtosis_se"]
        assert abs(row["q99"] - row["q99_null"]) < 5 * row["q99_se"]
    assert np.mean([r["ratio"] / r["ratio_null"] for r in full]) == pytest.approx(1, abs=0.07)
    assert np.mean([r["log10_tail"] / r["log10_tail_null"] for r in full]) == pytest.approx(1, abs=0.12)


@pytest.mark.parametrize(("shape", "scale"), [(1.2, 0.02), (0.7, 0.1), (3.0, 1.0)])
def test_the_tail_is_the_survival_of_the_law(shape, scale):
    for magnitude in (0.1 * scale, scale, 4 * scale):
        expected = stats.weibull_min.logsf(magnitude, shape, scale=scale) / math.log(10)
        assert log10_survival(magnitude, shape, scale) == pytest.approx(expected, rel=1e-12)
    # The probability itself would be zero here.
    assert log10_survival(1e4 * scale, shape, scale) == pytest.approx(-(1e4**shape) / math.log(10), rel=1e-12)


def test_the_tail_is_that_of_the_centred_fit_at_trim_080(made):
    fits, _ = tables(DRAWN)
    laws = {
        (r["entry"], r["step"], r["block"], r["component"]): r for r in fits.to_pylist() if r["trim"] == 0.80
    }
    for row in made:
        law = laws[row["entry"], row["step"], row["block"], row["component"]]
        assert row["log10_tail"] == log10_survival(row["maximum"], law["shape"], law["scale"])
        null = log10_survival(row["maximum_null"], law["shape_null"], law["scale_null"])
        assert row["log10_tail_null"] == null


def test_a_step_without_that_fit_has_no_tail():
    drawn = {("x", 0): draw(4, FULL, 1)}
    uncentred = Protocol("uncentred", "both", (0.80,), pools=True, steps="all")
    rows = super_weights(*tables(drawn, uncentred)).to_pylist()
    assert len(rows) == 6
    assert all(r["log10_tail"] is r["log10_tail_se"] is r["log10_tail_null"] is None for r in rows)
    assert all(r["ratio"] > 1 for r in rows)


def test_a_planted_outlier_is_found_where_it_is():
    """One weight of 25 sigma in one block, with the ratio, kurtosis and tail that arithmetic gives."""
    sigma, height, blocks = 0.02, 25.0, 3
    drawn = draw(5, {"o": sigma, "ffn_in": sigma, "ffn_out": sigma}, blocks)
    drawn[1]["ffn_out"][17] = -height * sigma
    rows = super_weights(*tables({("x", 9): drawn})).to_pylist()
    for row in rows:
        assert row["maximum_null"] < 5 * sigma
        if row["block"] == 0 or row["block"] == 2:
            assert row["ratio"] < 2.2
            assert row["log10_tail"] > -8
            continue
        ratio = height / stats.halfnorm.ppf(0.99)
        assert row["ratio"] == pytest.approx(ratio, rel=0.05)
        assert abs(row["log10_tail"] - log10_survival(height, 1.2054, 0.8875)) < 4
        # Fourth moment 3 + height^4 / n over the squared second moment 1 + height^2 / n.
        n = row["n"]
        assert row["kurtosis"] == pytest.approx((3 + height**4 / n) / (1 + height**2 / n) ** 2 - 3, rel=0.05)


def test_the_errors_are_the_spread_over_many_samples():
    """In the mean: the error of a maximum is a spacing, and scatters as much as one."""
    random = np.random.default_rng(162)
    drawn = {(f"{i}", 0): {0: {"o": random.standard_normal(4000)}} for i in range(400)}
    rows = super_weights(*tables(drawn)).to_pylist()
    rows = [row for row in rows if row["block"] == 0 and row["pool"] == "transmission"]
    assert {row["component"] for row in rows} == {"o"}
    for name in ("ratio", "log10_tail"):
        values = np.array([row[name] for row in rows])
        stated = np.array([row[f"{name}_se"] for row in rows])
        assert stated.mean() / values.std() == pytest.approx(1, abs=0.25), name
