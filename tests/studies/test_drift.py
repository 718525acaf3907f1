"""Drift of the shape against medians by hand, planted laws and simulated pairs."""

import numpy as np
import pytest

from weightfit import table
from weightfit.components import COMPONENTS
from weightfit.counts.histogram import histogram_of
from weightfit.errors import ContractError
from weightfit.fits.units import Protocol, fits_of_unit, units_of_step
from weightfit.studies.drift import anchor, drift, median_difference_se

FIXED = {"excluded": 0, "exactness": "f16", "zeros": 0, "scale": 0.02, "shape_se": 0.01, "scale_se": 1e-4,
         "scale_null": 0.02, "r_squared": 0.99, "r_squared_null": 0.99, "ks_distance": 0.1, "ks_distance_null": 0.1,
         "ks_distance_trimmed": 0.1, "ks_distance_trimmed_null": 0.1}  # fmt: skip
KINDS = (*COMPONENTS, "qkv")
ENTRIES = {"b": [0, 1, 5], "a": [0, 9], "late": [3, 9], "untrained": [0], "none": [None]}
SIZE = {"q": 64, "k": 32, "v": 32, "qkv": 128}


def build(rows):
    return table.of_rows("fits", [FIXED | row for row in rows])


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(141)
    return [
        {"entry": entry, "step": step, "terminal": step == steps[-1], "block": block, "component": component}
        | {"protocol": protocol, "sign": sign, "trim": trim, "n": SIZE.get(component, 256)}
        | {"shape": 1 + random.random(), "shape_null": 1 + random.random()}
        for entry, steps in ENTRIES.items()
        for step in steps
        for block in (2, 0, 1, 3, -1)
        for component in ("qkv", "all", "o", "q", "k", "v", "down")
        for protocol, sign, trim in (("centred", "both", 0.8), ("centred", "both", 1.0), ("centred", "positive", 0.8),
                                     ("uncentred", "both", 0.8))
    ]  # fmt: skip


def chosen(rows, name, **wanted):
    wanted |= {"protocol": "centred", "sign": "both", "trim": 0.8}
    own = [
        row for row in rows if row["block"] >= 0 and all(row[key] == value for key, value in wanted.items())
    ]
    return np.array([row[name] for row in sorted(own, key=lambda row: row["block"])])


@pytest.mark.parametrize("continued", [[], ["b"]])
def test_each_row_is_that_of_its_own_blocks(rows, continued):
    made = drift(build(rows), continued).to_pylist()
    kinds = ["q", "k", "v", "o", "down", "qkv"]
    assert [(row["entry"], row["component"]) for row in made] == [
        (e, kind) for e in ENTRIES for kind in kinds
    ]
    for row in made:
        entry, kind = row["entry"], row["component"]
        steps = ENTRIES[entry]
        where = {"entry": entry, "component": kind}
        last, null = (chosen(rows, name, step=steps[-1], **where) for name in ("shape", "shape_null"))
        if entry in {"a", "b"} - set(continued):
            first, first_null = (chosen(rows, name, step=0, **where) for name in ("shape", "shape_null"))
            assert (row["initial_source"], row["step_initial"]) == ("measured", 0)
        else:
            first = first_null = np.full(4, anchor(SIZE.get(kind, 256)))
            assert (row["initial_source"], row["step_initial"]) == ("anchor", None)
        assert (row["blocks"], row["step_terminal"]) == (4, steps[-1])
        for end, shape, gaussian in (("initial", first, first_null), ("terminal", last, null)):
            assert row[f"shape_{end}"] == pytest.approx(np.median(shape), rel=1e-14)
            assert row[f"shape_{end}_null"] == pytest.approx(np.median(gaussian), rel=1e-14)
            for name, level in (("q25", 25), ("q75", 75)):
                assert row[f"shape_{end}_{name}"] == pytest.approx(np.percentile(shape, level), rel=1e-14)
            expected = np.sqrt(np.pi / 2) * shape.std(ddof=1) / 2
            assert row[f"shape_{end}_se"] == pytest.approx(expected, rel=1e-9, abs=1e-15)
        assert row["drift"] == pytest.approx(row["shape_terminal"] - row["shape_initial"], rel=1e-12)
        assert row["drift_null"] == pytest.approx(np.median(null) - np.median(first_null), rel=1e-12)
        own = np.percentile(last - first, [25, 50, 75])
        assert [row[f"drift_{name}"] for name in ("q25", "median", "q75")] == pytest.approx(own, rel=1e-12)
        assert row["drift_se"] == median_difference_se(last, first)


def test_a_single_block_has_no_spread(rows):
    (row,) = drift(
        build([r for r in rows if (r["entry"], r["component"], r["block"]) == ("b", "o", 1)]), []
    ).to_pylist()
    assert row["blocks"] == 1
    assert row["drift_se"] is row["shape_initial_se"] is row["shape_terminal_se"] is None
    assert row["drift"] == row["drift_q25"] == row["drift_q75"] == row["drift_median"]


def test_blocks_at_one_end_only_are_refused(rows):
    left = [r for r in rows if (r["entry"], r["component"], r["block"], r["step"]) != ("b", "o", 1, 0)]
    with pytest.raises(ContractError, match=r"b: o: blocks \[1\] are fitted at one end"):
        drift(build(left), [])


@pytest.mark.parametrize("correlation", [-0.9, -0.4, 0.0, 0.4, 0.9, 1.0])
@pytest.mark.parametrize("ratio", [1.0, 3.0])
def test_the_error_of_a_difference_of_medians_is_its_spread_over_simulated_pairs(correlation, ratio):
    # At correlation 1 and equal spread both medians are the same value, and their difference has no spread.
    random = np.random.default_rng(142)
    one, other = random.standard_normal((2, 4000, 41))
    other = ratio * (correlation * one + np.sqrt(1 - correlation**2) * other)
    stated = [median_difference_se(*pair) for pair in zip(one, other, strict=True)]
    observed = (np.median(one, axis=1) - np.median(other, axis=1)).std()
    assert np.sqrt(np.mean(np.square(stated))) == pytest.approx(observed, rel=0.06, abs=1e-7)


def test_the_error_of_one_median_is_its_spread():
    samples = np.random.default_rng(143).standard_normal((4000, 41))
    stated = [median_difference_se(sample, np.zeros(41)) for sample in samples]
    assert np.sqrt(np.mean(np.square(stated))) == pytest.approx(np.median(samples, axis=1).std(), rel=0.06)


PROTOCOL = Protocol("centred", "both", (0.80,), pools=True, steps="all")


def fitted(steps):
    """Fit drawn weights: step to blocks to components to arrays."""
    rows = []
    for step, blocks in steps.items():
        counted = [
            (block, {name: histogram_of(array.astype(np.float32)) for name, array in found.items()})
            for block, found in enumerate(blocks)
        ]
        for unit in units_of_step(step, counted, {}, True):
            key = {"entry": "x", "step": step, "terminal": step == max(steps), "block": unit.block}
            rows += [key | {"component": unit.component} | row for row in fits_of_unit(unit, [PROTOCOL])]
    return build(rows)


def gaussian(random, sigma, n):
    return sigma * random.standard_normal(n)


def test_a_planted_drift_is_found_within_its_error():
    random = np.random.default_rng(144)
    n, blocks, shape = 6000, 12, 1.1
    first = [{"o": gaussian(random, 0.02, n)} for _ in range(blocks)]
    last = [{"o": 0.02 * random.weibull(shape, n) * random.choice([-1.0, 1.0], n)} for _ in range(blocks)]
    (row,) = drift(fitted({0: first, 100: last}), []).to_pylist()
    assert abs(row["drift"] - (shape - anchor(n))) < 3 * row["drift_se"]
    assert row["drift_se"] < 0.02
    assert row["drift_null"] == pytest.approx(0, abs=1e-12)
    (row,) = drift(fitted({0: first, 100: last}), ["x"]).to_pylist()
    assert row["initial_source"] == "anchor"
    assert abs(row["drift"] - (shape - anchor(n))) < 3 * row["drift_se"]


@pytest.mark.parametrize("continued", [[], ["x"]])
def test_gaussian_matrices_of_unlike_spread_drift_as_a_pool_only(continued):
    """Training that changes nothing but the standard deviation of q moves the pooled shape, as the null says."""
    random = np.random.default_rng(145)

    def draw(spread):
        return [{name: gaussian(random, spread[name], 20_000) for name in "qkv"} for _ in range(8)]

    made = drift(
        fitted({0: draw(dict.fromkeys("qkv", 0.02)), 9: draw({"q": 0.08, "k": 0.02, "v": 0.02})}), continued
    )
    found = {row["component"]: row for row in made.to_pylist()}
    for row in found.values():
        assert abs(row["drift"] - row["drift_null"]) < 3.5 * row["drift_se"]
    assert found["qkv"]["drift"] < -0.1
    assert all(abs(found[name]["drift_null"]) < 1e-9 for name in "qkv")


def test_the_anchor_is_the_null_of_a_single_matrix():
    random = np.random.default_rng(146)
    made = fitted({0: [{"q": gaussian(random, 0.02, 3000), "k": gaussian(random, 0.05, 500)}]})
    for row in made.to_pylist():
        if row["component"] in ("q", "k"):
            assert row["shape_null"] == pytest.approx(anchor(row["n"]), rel=1e-12)
