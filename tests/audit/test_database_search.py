"""The search over aggregations: statistics by hand, a planted definition that is found, and the released tables."""

import statistics
from itertools import product

import numpy as np
import pytest

from weightfit import paper
from weightfit.audit import printed
from weightfit.audit.database.aggregation import KINDS, Cells, Choice, bands, choices
from weightfit.audit.database.released import SHAPE, Edition, editions, read
from weightfit.audit.database.search import DRAWS, PRINTED, TOGETHER, binning_error, jittered, search, summary
from weightfit.errors import ContractError

MAIN = [key for key, entry in paper.entries().items() if "main" in entry.cohort]
CHOICES = ("edition", "kinds", "over_kinds", "unit", "ddof", "band", "ends")


def kinds_of(entry):
    three = paper.entries()[entry].feed_forward == "three-matrix"
    return ("o", "gate", "up", "down") if three else ("o", "ffn_in", "ffn_out")


def edition(shape, name="2026-01"):
    """Build an edition: shape is a function of entry and kind."""
    rows = {entry: {SHAPE + kind: repr(shape(entry, kind)) for kind in kinds_of(entry)} for entry in MAIN}
    return Edition(name, "0" * 64, rows)


@pytest.fixture(scope="module")
def random_edition():
    draw = np.random.default_rng(7)
    values = {(entry, kind): float(draw.normal(1.195, 0.006)) for entry in MAIN for kind in kinds_of(entry)}
    return edition(lambda entry, kind: values[entry, kind])


def by_hand(medians, row):
    """Return the statistics of one aggregation, with nothing but lists and the module statistics."""
    averages = {"mean": statistics.fmean, "median": statistics.median, None: statistics.fmean}
    chosen = {
        entry: [x for kind, x in own.items() if kind in KINDS[row["kinds"]]] for entry, own in medians.items()
    }
    one = {entry: averages[row["over_kinds"]](own) for entry, own in chosen.items()}

    def units(entries):
        if row["unit"] == "kind":
            return [x for entry in entries for x in chosen[entry]]
        if row["unit"] == "entry":
            return [one[entry] for entry in entries]
        families = {}
        for entry in entries:
            families.setdefault(paper.entries()[entry].family, []).append(one[entry])
        return [averages[row["unit"].split("_")[1]](own) for own in families.values()]

    deviation = (statistics.pstdev, statistics.stdev)[row["ddof"]]
    values = sorted(units(MAIN))
    deep = units([entry for entry in MAIN if paper.entries()[entry].layers >= 12])
    band = row["band"]
    if band == "percentiles":
        ends = tuple(np.percentile(values, [5, 95]))
    elif band.endswith("standard_deviation") or band.endswith("standard_deviations"):
        reach = (1 if band.startswith("one") else 2) * deviation(values)
        ends = (statistics.fmean(values) - reach, statistics.fmean(values) + reach)
    else:
        cut = [int(part) for part in band.split("_") if part.isdigit()] or [0, 0]
        ends = (values[cut[0]], values[len(values) - 1 - cut[1]])
    margin = {"as_printed": 0, "rounded": 0.0005}[row["ends"]]
    low, high = (float(paper.printed(PRINTED[name])) for name in ("band_low", "band_high"))
    each = chosen if row["unit"] == "kind" else {entry: [x] for entry, x in one.items()}
    inside = [all(low - margin <= x <= high + margin for x in own) for own in each.values()]
    return {
        "units": len(values),
        "band_low": ends[0],
        "band_high": ends[1],
        "variation": deviation(values) / statistics.fmean(values),
        "variation_deep": deviation(deep) / statistics.fmean(deep),
        "median": statistics.median(values),
        "in_band": sum(inside),
    }


def test_each_statistic_is_that_of_its_own_aggregation(random_edition):
    rows = search([random_edition]).to_pylist()
    medians = random_edition.medians(SHAPE)
    for row in rows:
        expected = by_hand(medians, row)
        assert {name: row[name] for name in expected} == pytest.approx(expected, rel=1e-12), row
        for name in PRINTED:
            assert row[f"admits_{name}"] == printed.read(PRINTED[name]).admits(row[name])
        for name, members in TOGETHER.items():
            assert row[f"admits_{name}"] == all(row[f"admits_{each}"] for each in members)


def test_no_aggregation_is_tried_twice(random_edition):
    """Every value of every choice is there, and two aggregations over entries never give the same values."""
    rows = search([random_edition]).to_pylist()
    assert len({tuple(row[name] for name in CHOICES) for row in rows}) == len(rows)
    cells = Cells(
        tuple((entry, kind) for entry in MAIN for kind in kinds_of(entry)),
        np.random.default_rng(1).random((1, 43)),
    )
    assert len(cells.columns) == 43
    found = list(choices(cells.columns))
    values = [tuple(choice.values(cells, MAIN)[0]) for choice in found]
    assert len(set(values)) == len(values)
    assert {choice.kinds for choice in found} == set(KINDS)
    wanted = set(
        product(
            ("ffn", "transmission", "transmission_without_gate"), ("mean", "median"), ("entry", "family_mean")
        )
    )
    assert wanted <= {(choice.kinds, choice.over_kinds, choice.unit) for choice in found}


def test_bands_of_values_by_hand():
    values = np.array([[4.0, 1.0, 2.0, 3.0, 10.0]])
    found = {name: (float(low[0]), float(high[0])) for name, (low, high) in bands(values, 0, 2).items()}
    assert found["range"] == (1, 10)
    assert found["range_without_0_least_2_greatest"] == (1, 3)
    assert found["range_without_1_least_1_greatest"] == (2, 4)
    assert found["range_without_2_least_0_greatest"] == (3, 10)
    assert found["one_standard_deviation"] == pytest.approx((4 - 10**0.5, 4 + 10**0.5))
    assert found["two_standard_deviations"] == pytest.approx((4 - 40**0.5, 4 + 40**0.5))
    assert found["percentiles"] == pytest.approx((1.2, 8.8))
    assert set(bands(values, 0, 0)) == set(found) - {name for name in found if "without" in name}


def test_a_planted_definition_is_found_and_what_it_is_not_is_not():
    """Entries that give the printed numbers by the mean of up and down, over all; the others are far away."""
    low, high, middle, variation = (
        float(paper.printed(PRINTED[name])) for name in ("band_low", "band_high", "median", "variation")
    )
    squares = 12 * (middle * variation / 100) ** 2 - (low - middle) ** 2 - (high - middle) ** 2
    reach = (squares / 10) ** 0.5
    inner = [middle - reach] * 5 + [middle + reach] * 5
    target = dict(zip(MAIN, [low - 0.0001, *inner, high + 0.0001], strict=True))
    offset = {"up": 0.001, "down": -0.001, "ffn_in": 0.001, "ffn_out": -0.001, "gate": 0.1, "o": -0.1}
    planted = edition(lambda entry, kind: target[entry] + offset[kind])
    rows = [row for row in search([planted]).to_pylist() if row["admits_headline"]]
    expected = {
        "kinds": "ffn_without_gate",
        "unit": "entry",
        "ddof": 0,
        "band": "range",
        "ends": "as_printed",
    }
    assert expected in [{name: row[name] for name in expected} for row in rows]
    assert {row["kinds"] for row in rows} == {"ffn_without_gate"}


def test_cells_move_by_the_binning_error_and_no_farther(random_edition):
    cells = jittered(random_edition)
    medians = random_edition.medians(SHAPE)
    released = np.array([medians[entry][kind] for entry, kind in cells.columns])
    moved = np.abs(cells.shape - released)
    assert moved[0].max() == 0
    assert 0.99 * binning_error() < moved.max() <= binning_error() * (1 + 1e-9)
    assert np.array_equal(cells.shape, jittered(random_edition).shape)


def test_the_binning_error_is_what_the_library_shows_on_gaussian_counts():
    """The installed library on expected counts of half-normal weights whose scale moves through one bin."""
    library = pytest.importorskip("npm_weibull")
    from scipy.stats import halfnorm

    edges = np.linspace(-12, 2, 1025)
    scales = 10 ** (-1.3 + np.linspace(0, 1, 200) * 14 / 1024)
    shapes = [
        library.weibull_fit({"edges": edges, "hist": np.diff(halfnorm.cdf(10**edges, scale=scale)) * 1e7})[
            "k"
        ]
        for scale in scales
    ]
    assert binning_error() == pytest.approx(np.abs(np.array(shapes) - 1.20543431902).max(), rel=0.02)


def test_without_a_database_nothing_is_tried():
    found = search([])
    assert found.num_rows == 0
    assert {row["aggregations"] for row in summary(found)} == {0}


def test_a_table_of_other_entries_is_refused(random_edition):
    rows = dict(list(random_edition.rows.items())[1:])
    with pytest.raises(ContractError, match=r"edition 2026-01: 11 entries, S3\.1\.n_entries prints 12"):
        search([Edition("2026-01", "0" * 64, rows)])


def test_the_summary_counts_rows(random_edition):
    found = search([random_edition])
    rows = found.to_pylist()
    told = {row["statistic"]: row for row in summary(found)}
    assert list(told) == [*PRINTED, *TOGETHER]
    for name, row in told.items():
        assert row["aggregations"] == len(rows)
        assert row["matching"] == sum(each[f"admits_{name}"] for each in rows)
        assert row["matching_in_a_draw"] == sum(each[f"share_{name}"] > 0 for each in rows)
    assert told["median"]["printed"] == paper.printed(PRINTED["median"])


def test_a_share_is_that_of_its_draws(random_edition):
    """One aggregation by hand over all draws."""
    cells = jittered(random_edition)
    values = Choice("ffn_up", None, "entry").values(cells, MAIN)
    meaning = printed.read(PRINTED["median"])
    share = np.mean([meaning.admits(statistics.median(row)) for row in values[1:].tolist()])
    found = search([random_edition]).to_pylist()
    (row, *_) = [each for each in found if (each["kinds"], each["unit"]) == ("ffn_up", "entry")]
    assert row["share_median"] == share
    assert values.shape == (DRAWS + 1, 12)


def test_the_released_tables(shared):
    """Which give band, coefficient, median and count at once; the editions differ in the shapes of one entry."""
    folder = shared / "released_database"
    if not folder.is_dir():
        pytest.skip("the released database is not beside this checkout")
    found = search([read(folder, name) for name in editions(folder)])
    told = {row["statistic"]: (row["matching"], row["aggregations"]) for row in summary(found)}
    assert told["headline"] == (3, found.num_rows)
    assert told["all"][0] == 0
    at_once = [row for row in found.to_pylist() if row["admits_headline"]]
    assert {(row["edition"], row["ddof"]) for row in at_once if row["unit"] == "entry"} == {("2026-05", 0)}
    literal = [row for row in at_once if row["band"] == "range"]
    assert [(row["kinds"], row["ends"]) for row in literal] == [("ffn_without_gate", "as_printed")]
