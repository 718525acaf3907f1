"""Coupling of scales against scipy's correlations and regressions, point by point from the rows."""

import math

import numpy as np
import pytest
from scipy import stats

from weightfit import table
from weightfit.counts.histogram import histogram_of
from weightfit.fits.units import Protocol, fits_of_unit, units_of_step
from weightfit.studies.coupling import correlate, coupling

FIXED = {"n": 100, "excluded": 0, "exactness": "f16", "zeros": 0, "shape": 1.2, "shape_se": 0.01, "scale_se": 1e-4,
         "shape_null": 1.2, "r_squared": 0.99, "r_squared_null": 0.99, "ks_distance": 0.1, "ks_distance_null": 0.1,
         "ks_distance_trimmed": 0.1, "ks_distance_trimmed_null": 0.1}  # fmt: skip
# Entry to its group, partner matrix and steps; a and b of one group differ in partner from c.
ENTRIES = {
    "a": ("one", "ffn_out", [0, 1, 5]),
    "b": ("one", "ffn_out", [0, 5, 7, 9]),
    "c": ("one", "down", [0, 9]),
    "d": ("one", "ffn_out", [0, 3]),
    "continued": ("one", "ffn_out", [0, 2]),
    "late": ("one", "ffn_out", [4, 8]),
    "none": ("one", "ffn_out", [None]),
    "outside": (None, "ffn_out", [0, 1, 2]),
    "bare": ("two", None, [0, 1, 2]),
}
GROUPS = {entry: group for entry, (group, _, _) in ENTRIES.items() if group}
CONTINUED = ["continued"]
BLOCKS = 5


def build(rows):
    return table.of_rows("fits", [FIXED | row for row in rows])


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(151)
    made = [
        {"entry": entry, "step": step, "terminal": step == steps[-1], "block": block, "component": component}
        | {"protocol": protocol, "sign": sign, "trim": trim}
        | {"scale": 0.01 + random.random(), "scale_null": 0.01 + random.random()}
        for entry, (_, partner, steps) in ENTRIES.items()
        for step in steps[::-1]
        for block in (*range(BLOCKS), -1)
        for component in ("o", *([partner] if partner else []), "ffn", "q")
        for protocol, sign, trim in (("centred", "both", 0.8), ("centred", "both", 1.0), ("centred", "positive", 0.8),
                                     ("uncentred", "both", 0.8))
    ]  # fmt: skip
    # A block that lacks one of the two is left out of its entry.
    return [row for row in made if (row["entry"], row["block"], row["component"]) != ("b", 2, "o")]


def scales(rows, entry, step, component, name="scale"):
    wanted = {"entry": entry, "step": step, "component": component}
    wanted |= {"protocol": "centred", "sign": "both", "trim": 0.8}
    return np.array(
        [
            row[name]
            for row in rows
            if all(row[key] == value for key, value in wanted.items())
            and row["block"] >= 0
            and (entry, row["block"]) != ("b", 2)
        ]
    )


def point(rows, entry, step, statistic, name="scale"):
    of = {"mean": np.mean, "median": np.median}[statistic]
    return [math.log(of(scales(rows, entry, step, part, name))) for part in ("o", ENTRIES[entry][1])]


def expected_points(rows, statistic, name="scale"):
    """List the points of each reading of the group one, ffn_out, with how many are independent."""
    members = [e for e, (group, partner, _) in ENTRIES.items() if (group, partner) == ("one", "ffn_out")]
    every = {e: np.array([point(rows, e, step, statistic, name) for step in ENTRIES[e][2]]) for e in members}
    untrained = ["a", "b", "d"]
    moving = [e for e in members if e != "none"]
    within = [every[e] - every[e].mean(axis=0) for e in moving]
    repeated = [np.repeat(every[e][:1], len(every[e]), axis=0) for e in untrained]
    together = {
        "all_steps": list(every.values()),
        "terminal": [own[-1:] for own in every.values()],
        "within_entries": within,
        "initial": [every[e][:1] for e in untrained],
        "initial_repeated": repeated,
    }
    points = {reading: np.concatenate(parts) for reading, parts in together.items()}
    independent = {reading: len(own) for reading, own in points.items()}
    independent["within_entries"] -= len(moving) - 1
    independent["initial_repeated"] = len(untrained)
    return points, independent, {reading: len(parts) for reading, parts in together.items()}


@pytest.mark.parametrize("statistic", ["mean", "median"])
def test_each_reading_of_a_group_is_that_of_its_points(rows, statistic):
    made = coupling(build(rows), GROUPS, CONTINUED).to_pylist()
    points, independent, entries = expected_points(rows, statistic)
    nulls, _, _ = expected_points(rows, statistic, "scale_null")
    found = {
        row["reading"]: row
        for row in made
        if (row["group"], row["pair"], row["entry"], row["statistic"]) == ("one", "ffn_out", None, statistic)
    }
    assert list(found) == list(points)
    for reading, row in found.items():
        own = points[reading]
        assert (row["points"], row["entries"]) == (len(own), entries[reading])
        line = stats.linregress(own[:, 0], own[:, 1])
        assert row["correlation"] == pytest.approx(line.rvalue, rel=1e-10)
        assert row["slope"] == pytest.approx(line.slope, rel=1e-10)
        assert row["correlation_null"] == pytest.approx(
            stats.pearsonr(*nulls[reading].T).statistic, rel=1e-10
        )
        degrees = independent[reading] - 2
        assert row["slope_se"] == pytest.approx(line.stderr * math.sqrt((len(own) - 2) / degrees), rel=1e-10)
        if independent[reading] == len(own) > 3:
            interval = stats.pearsonr(*own.T).confidence_interval(0.95)
            assert (row["correlation_low"], row["correlation_high"]) == pytest.approx(
                tuple(interval), rel=1e-10
            )
    assert found["initial"]["correlation_low"] is None  # three points
    assert found["initial"]["correlation_high"] is None
    assert found["initial_repeated"]["correlation_low"] is None


def test_entries_stand_by_themselves_over_steps_and_over_blocks(rows):
    made = coupling(build(rows), GROUPS, CONTINUED).to_pylist()
    own = [row for row in made if row["entry"] is not None]
    assert {row["entry"] for row in own} == {"a", "b", "c", "d", "continued", "late", "none"}
    for row in own:
        entry = row["entry"]
        _, partner, steps = ENTRIES[entry]
        assert (row["pair"], row["entries"]) == (partner, 1)
        if row["reading"] == "blocks":
            assert row["statistic"] is None
            points = np.log([scales(rows, entry, steps[-1], part) for part in ("o", partner)]).T
        else:
            assert row["reading"] == "steps"
            points = np.array([point(rows, entry, step, row["statistic"]) for step in steps])
        assert row["points"] == len(points)
        if len(points) > 2:
            assert row["correlation"] == pytest.approx(stats.pearsonr(*points.T).statistic, rel=1e-10)
        else:
            assert row["correlation"] is row["slope"] is row["correlation_null"] is None


def test_partners_are_never_mixed_and_groups_have_their_own_rows(rows):
    made = coupling(build(rows), GROUPS, CONTINUED).to_pylist()
    assert {(row["group"], row["pair"]) for row in made} == {("one", "ffn_out"), ("one", "down")}
    (row,) = [r for r in made if (r["pair"], r["reading"], r["statistic"]) == ("down", "all_steps", "mean")]
    assert (row["entries"], row["points"], row["correlation"]) == (1, 2, None)
    assert coupling(build(rows), {}, []).num_rows == 0
    apart = coupling(build(rows), GROUPS | {"a": "other"}, CONTINUED).to_pylist()
    sizes = {r["group"]: r["points"] for r in apart if (r["reading"], r["pair"], r["statistic"]) == (
        "all_steps", "ffn_out", "mean")}  # fmt: skip
    assert sizes == {"other": 3, "one": 11}


def test_within_entries_is_the_partial_correlation(rows):
    """Demeaning by entry equals regressing both on indicators of the entries, whose errors scipy can give."""
    random = np.random.default_rng(152)
    entries, steps = 4, 6
    x, y = random.standard_normal((2, entries, steps)) + 5 * random.standard_normal((entries, 1))
    made = [
        {
            "entry": str(e),
            "step": s,
            "terminal": s == steps - 1,
            "block": 0,
            "component": part,
            "protocol": "centred",
        }
        | {"sign": "both", "trim": 0.8, "scale": math.exp(value[e, s]), "scale_null": 1.0}
        for e in range(entries)
        for s in range(steps)
        for part, value in (("o", x), ("ffn_out", y))
    ]
    found = coupling(build(made), {str(e): "g" for e in range(entries)}, []).to_pylist()
    (row,) = [r for r in found if (r["reading"], r["statistic"]) == ("within_entries", "mean")]
    indicators = np.kron(np.eye(entries), np.ones((steps, 1)))
    design = np.column_stack([x.reshape(-1), indicators])
    solution, residual, _, _ = np.linalg.lstsq(design, y.reshape(-1), rcond=None)
    degrees = entries * steps - entries - 1
    variance = residual[0] / degrees * np.linalg.inv(design.T @ design)[0, 0]
    assert row["slope"] == pytest.approx(solution[0], rel=1e-10)
    assert row["slope_se"] == pytest.approx(math.sqrt(variance), rel=1e-10)
    assert row["correlation_null"] is None  # its scales do not vary


def test_correlations_at_the_edge():
    x = np.array([0.0, 1.0, 2.0, 3.0])
    exact = correlate(x, 2 * x + 1, 4)
    assert (exact["correlation"], exact["slope"], exact["slope_se"]) == pytest.approx(
        (1.0, 2.0, 0.0), abs=1e-7
    )
    assert 0.999 < exact["correlation_low"] <= exact["correlation_high"] <= 1
    assert correlate(x, -x, 4)["correlation"] == -1
    assert set(correlate(x, np.full(4, 0.3), 4).values()) == {None}
    assert set(correlate(x, x, 2).values()) == {None}
    empty = np.empty(0)
    assert set(correlate(empty, empty, 0).values()) == {None}
    # Demeaned constants leave rounding, which is no variation.
    flat = np.full(7, 0.1 + 0.2)
    assert set(correlate(np.arange(7.0), flat - flat.mean() + 1e-16 * np.arange(7), 7).values()) == {None}


def test_copies_of_initial_values_give_their_correlation_again(rows):
    """What initialization alone gives with as many points as there are steps: the same r from no more entries."""
    own = [row for row in rows if row["entry"] in ("a", "d")]
    own += [row | {"entry": key} for key in ("e", "f") for row in rows if row["entry"] == "d"]
    scaled = {"e": 2.0, "f": 5.0}
    own = [row | {"scale": row["scale"] ** scaled.get(row["entry"], 1.0)} for row in own]
    found = coupling(build(own), dict.fromkeys("adef", "g"), []).to_pylist()
    by_reading = {row["reading"]: row for row in found if row["statistic"] == "mean" and row["entry"] is None}
    one, many = by_reading["initial"], by_reading["initial_repeated"]
    assert (one["points"], many["points"], many["entries"]) == (4, 9, 4)
    # a has three steps and the others two, so its copies weigh more.
    assert many["correlation"] == pytest.approx(one["correlation"], abs=0.1)
    z = math.atanh(many["correlation"]) - math.atanh(many["correlation_low"])
    assert z == pytest.approx(stats.norm.ppf(0.975), rel=1e-9)


def test_planted_scales_are_found_from_weights():
    """Gaussian weights whose spread is set: o and its partner move as x and x squared over entries and steps."""
    random = np.random.default_rng(153)
    protocol = Protocol("centred", "both", (0.80,), pools=False, steps="all")
    spread = {"p": [0.01, 0.02, 0.05], "q": [0.02, 0.03, 0.04]}
    rows = []
    for entry, values in spread.items():
        for step, sigma in enumerate(values):
            drawn = {"o": sigma, "ffn_out": 3 * sigma**2}
            found = {
                name: histogram_of((s * random.standard_normal(20_000)).astype(np.float32))
                for name, s in drawn.items()
            }
            for unit in units_of_step(step, [(0, found)], {}, True):
                key = {"entry": entry, "step": step, "terminal": step == 2, "block": unit.block}
                rows += [key | {"component": unit.component} | row for row in fits_of_unit(unit, [protocol])]
    made = coupling(build(rows), dict.fromkeys(spread, "g"), []).to_pylist()
    (row,) = [r for r in made if (r["reading"], r["statistic"]) == ("all_steps", "median")]
    assert row["correlation"] > 0.999
    assert abs(row["slope"] - 2) < 4 * row["slope_se"]
    assert row["slope_se"] < 0.05
    assert row["correlation_null"] == pytest.approx(row["correlation"], abs=1e-3)
