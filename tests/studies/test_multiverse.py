"""Each way through the analysis against numpy on the raw weights, and exactly Gaussian weights against their null."""

import npm_weibull
import numpy as np
import pytest
from counted_entries import count, fits_of, shapes
from scipy.stats import halfnorm

from weightfit import table
from weightfit.studies.multiverse import WAYS, multiverse

BAND = (1.18, 1.24)
KINDS = {
    "ffn": ("gate", "up", "down"),
    "ffn_without_gate": ("up", "down"),
    "transmission": ("o", "gate", "up", "down"),
}


def draw(seed, degrees, mean=0.004):
    random = np.random.default_rng([320, seed])
    sigma = {"o": 0.01, "down": 0.012}
    return {
        (block, name): (sigma.get(name, 0.02) * (random.standard_t(degrees, shape) + mean * 50)).astype(
            np.float16
        )
        for block in range(3)
        for name, shape in shapes(24, 40).items()
    }


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("multiverse")
    weights = {"a": draw(1, 5), "b": draw(2, 30), "c": draw(3, 8)}
    parts = [count(folder, "a", {0: draw(4, 9), 5: weights["a"]})]
    parts += [count(folder, name, {None: weights[name]}) for name in ("b", "c")]
    fits = fits_of(parts, {"b": {"1.up": "for a test"}})
    del weights["b"][1, "up"]
    return weights, fits, parts


@pytest.fixture(scope="module")
def found(cohort):
    _, fits, parts = cohort
    made = multiverse(fits, parts, ["a", "b", "c"], BAND)
    return {(r["choice"], r["level"], r["statistic"], r["entry"]): r for r in made.to_pylist()}


def plot(weights, trim, centre=True, position=lambda i, n: (i - 0.5) / n):
    """Return ln of the magnitude, ln(-ln(1 - F)) and F of every single weight inside the trim."""
    size = np.sort(np.abs(weights - (weights.mean() if centre else 0)))
    probability = position(np.arange(1, size.size + 1), size.size)
    margin = (1 - trim) / 2
    inside = (probability >= margin) & (probability <= 1 - margin) & (probability < 1) & (size > 0)
    return np.log(size[inside]), np.log(-np.log1p(-probability[inside])), probability[inside]


def regress(weights, trim, **how):
    x, y, _ = plot(weights, trim, **how)
    return np.polyfit(x, y, 1)[0]


def of_distinct(weights, trim):
    """Return the plot with one point per distinct magnitude, at the means over its weights, and their number."""
    x, *others = plot(weights, trim)
    own, index, count = np.unique(x, return_inverse=True, return_counts=True)
    return own, *(np.bincount(index, one) / count for one in others), count


def by_inverse_variance(weights, trim):
    x, y, probability, count = of_distinct(weights, trim)
    noise = probability / ((1 - probability) * np.log1p(-probability) ** 2)
    return np.polyfit(x, y, 1, w=np.sqrt(count / noise))[0]


def of_x_on_y(weights, trim):
    x, y, _, count = of_distinct(weights, trim)
    return 1 / np.polyfit(y, x, 1, w=np.sqrt(count))[0]


def released(weights, trim):
    counted = npm_weibull.extract_to_histogram(weights)
    return npm_weibull.weibull_fit(counted, {0.80: "mid_80", 1.00: "full_range"}[trim])["k"]


def in_bins(weights, trim):
    return released(weights - weights.mean(), trim)


def in_bins_counted_once(weights, trim):
    counted = npm_weibull.extract_to_histogram(weights - weights.mean())
    count, edges = counted["hist"], counted["edges"]
    middle = (np.cumsum(count) - count / 2) / count.sum()
    inside = (count > 0) & (middle >= (1 - trim) / 2) & (middle <= (1 + trim) / 2)
    x = (edges[1:] + edges[:-1]) / 2 * np.log(10)
    return np.polyfit(x[inside], np.log(-np.log1p(-middle[inside])), 1)[0]


def units(own, kinds, unit):
    """Return the raw weights of each fit by kind: of every matrix, every block, or all at once."""
    arrays = {
        (b, name): one.astype(np.float64).ravel() for (b, name), one in own.items() if name in KINDS[kinds]
    }
    if unit == "matrix":
        return [(name, one) for (_, name), one in arrays.items()]
    groups = sorted({b for b, _ in arrays}) if unit == "block" else [None]
    return [
        (kinds, np.concatenate([one for (b, _), one in arrays.items() if g is None or b == g]))
        for g in groups
    ]


def expected(weights, trim, kinds="ffn", unit="matrix", over="median", estimate=regress, **how):
    answer = []
    for own in weights.values():
        named = [(name, estimate(one, trim, **how)) for name, one in units(own, kinds, unit)]
        values = [value for _, value in named]
        if over == "mean_of_kinds":
            answer.append(np.mean([np.median([v for n, v in named if n == kind]) for kind in KINDS[kinds]]))
        else:
            answer.append({"median": np.median, "mean": np.mean}[over](values))
    return np.array(answer)


CASES = {
    ("baseline", "baseline"): {},
    ("centring", "none"): {"centre": False},
    ("plotting_position", "i/(n + 1)"): {"position": lambda i, n: i / (n + 1)},
    ("plotting_position", "i/n"): {"position": lambda i, n: i / n},
    ("plotting_position", "(i - 0.3)/(n + 0.4)"): {"position": lambda i, n: (i - 0.3) / (n + 0.4)},
    ("plotting_position", "(i - 0.375)/(n + 0.25)"): {"position": lambda i, n: (i - 0.375) / (n + 0.25)},
    ("regression_weights", "inverse_variance"): {"estimate": by_inverse_variance},
    ("regression_weights", "x_on_y"): {"estimate": of_x_on_y},
    ("binning", "1024_bins"): {"estimate": in_bins},
    ("binning", "1024_bins_counted_once"): {"estimate": in_bins_counted_once},
    ("binning_and_centring", "released"): {"estimate": released},
    ("unit", "block"): {"unit": "block"},
    ("unit", "entry"): {"unit": "entry"},
    ("kinds", "ffn_without_gate"): {"kinds": "ffn_without_gate"},
    ("kinds", "transmission"): {"kinds": "transmission"},
    ("unit_and_kinds", "block_transmission"): {"unit": "block", "kinds": "transmission"},
    ("unit_and_kinds", "entry_transmission"): {"unit": "entry", "kinds": "transmission"},
    ("over_matrices", "mean"): {"over": "mean"},
    ("over_matrices", "mean_of_kinds"): {"over": "mean_of_kinds"},
    ("over_entries", "mean"): {},
    ("ddof", "0"): {},
}


@pytest.mark.parametrize("way", CASES)
def test_each_statistic_is_that_of_the_raw_weights(way, cohort, found):
    weights, *_ = cohort
    body, full = (expected(weights, trim, **CASES[way]) for trim in (0.80, 1.00))
    own = {key[2:]: row for key, row in found.items() if key[:2] == way}
    assert [own["shape", name]["value"] for name in weights] == pytest.approx(body, rel=1e-8)
    centre = np.mean if way == ("over_entries", "mean") else np.median
    ddof = 0 if way[0] == "ddof" else 1
    assert own["centre", None]["value"] == pytest.approx(centre(body), rel=1e-8)
    assert own["band_low", None]["value"] == pytest.approx(body.min(), rel=1e-8)
    assert own["band_high", None]["value"] == pytest.approx(body.max(), rel=1e-8)
    assert own["variation", None]["value"] == pytest.approx(body.std(ddof=ddof) / body.mean(), rel=1e-6)
    assert own["in_band", None]["value"] == sum(BAND[0] <= one <= BAND[1] for one in body)
    assert own["gap", None]["value"] == pytest.approx((body - full).mean(), rel=1e-6)
    assert own["gap", None]["value_se"] == pytest.approx((body - full).std(ddof=1) / np.sqrt(3), rel=1e-6)


def test_every_way_is_compared_with_the_raw_weights():
    assert set(CASES) == {(way.choice, way.level) for way in WAYS}


def test_every_way_has_every_statistic_once_and_says_how_far_it_moved(found):
    assert {key[:2] for key in found} == {(way.choice, way.level) for way in WAYS}
    assert len(found) == len(WAYS) * (3 + 6)
    for (_, _, statistic, entry), row in found.items():
        base = found["baseline", "baseline", statistic, entry]
        assert row["difference"] == row["value"] - base["value"]
        assert row["difference_null"] == row["value_null"] - base["value_null"]
        assert row["entries"] == 3


def test_the_null_is_what_exactly_gaussian_weights_give(tmp_path):
    random = np.random.default_rng(321)
    weights = {}
    for name, shape in shapes(100, 80).items():
        half = shape[0] * shape[1] // 2
        quantiles = halfnorm.ppf((np.arange(half) + 0.5) / half)
        signed = random.permutation(np.concatenate([quantiles, -quantiles]))
        weights[0, name] = (0.02 * signed).reshape(shape).astype(np.float32)
    parts = [count(tmp_path, "gaussian", {None: weights}), count(tmp_path, "again", {None: weights})]
    made = multiverse(fits_of(parts, {}), parts, ["gaussian", "again"], BAND).to_pylist()
    for row in made:
        # Which sparse bins are occupied is a matter of chance, and exact quantiles are not: see test_plot_variants.
        if row["statistic"] in ("centre", "gap") and row["level"] != "1024_bins_counted_once":
            # Two of each magnitude stand where the null has one.
            assert row["value"] == pytest.approx(row["value_null"], abs=1e-3), row
    assert [row for row in made if row["statistic"] == "variation" and abs(row["value"]) > 1e-12] == []


def test_one_entry_has_no_statistic_over_entries_and_none_no_rows(cohort):
    _, fits, parts = cohort
    one = multiverse(fits, parts[:1], ["a"], BAND)
    assert set(one["statistic"].to_pylist()) == {"shape"}
    assert multiverse(fits, [], [], BAND).num_rows == 0
    assert multiverse(fits, [], [], BAND).schema == table.arrow_schema("multiverse")
