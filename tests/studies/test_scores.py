"""Scores of predictions: closed forms, planted forecasters, and what a table of them is made of."""

import math
from itertools import product

import numpy as np
import pytest
from scipy import integrate, stats

from weightfit import table
from weightfit.errors import ContractError
from weightfit.paper.predictions import LEVELS, QUANTILES
from weightfit.studies.forecast import DEGREES, Forecast, brier_score
from weightfit.studies.scores import RESAMPLES, SEED, scores


def foreseen(**cells):
    """Return a row of the contract ``foreseen``, of a number that is printed as 2.0."""
    row = dict.fromkeys(table.arrow_schema("foreseen").names) | {
        "id": "a",
        "reading": "literal",
        "basis": "theory",
        "determined": False,
        "reason": "made up",
        "printed": 2.0,
        "printed_low": 1.95,
        "printed_high": 2.05,
    }
    return row | cells


def quantity(forecast, value, **cells):
    """Return a row with a forecast and the value of the paper's own weights."""
    within = next(
        (
            str(level)
            for level in LEVELS
            if forecast.interval(level)[0] <= value <= forecast.interval(level)[1]
        ),
        "none",
    )
    named = dict(zip(QUANTILES, forecast.quantiles, strict=True))
    return foreseen(
        **named, scale=forecast.scale, weights=value, weights_within=within, weights_agree=False, printed_within="none"
    ) | cells  # fmt: skip


def scored(rows):
    """Return the scores of a table by what is compared, whether it is determined, reference and measure."""
    found = scores(table.of_rows("foreseen", rows)).to_pylist()
    return {(row["against"], row["determined"], row["reference"], row["measure"]): row for row in found}


def test_the_interval_score_is_that_of_the_definition():
    forecast = Forecast([1, 2, 3, 4, 5, 6, 7])
    assert forecast.interval_score(4) == pytest.approx((2 + 4 + 6) / 3)
    # At 8 the intervals [3, 5], [2, 6] and [1, 7] are missed by 3, 2 and 1.
    assert forecast.interval_score(8) == pytest.approx((2 + 4 * 3 + 4 + 10 * 2 + 6 + 40 * 1) / 3)
    assert forecast.interval_score(0) == forecast.interval_score(8)


@pytest.mark.parametrize("scale", ["linear", "log", "fisher"])
def test_the_log_score_is_minus_a_log_density(scale):
    forecast = Forecast.around(0.6, 0.5, scale)
    low, high = {"linear": (-9, 9), "log": (1e-9, 200), "fisher": (-1 + 1e-12, 1 - 1e-12)}[scale]
    mass = integrate.quad(lambda x: math.exp(-forecast.log_score(x)), low, high, points=[0.6], limit=500)[0]
    assert mass == pytest.approx(1, abs=1e-3)
    below = integrate.quad(lambda x: math.exp(-forecast.log_score(x)), low, forecast.quantiles[1], limit=500)[
        0
    ]
    assert below == pytest.approx(0.10, abs=1e-3)


def test_the_log_score_of_quantiles_of_a_t_law_is_that_laws():
    forecast, spread = Forecast.around(3.0, 1.0), 1.0 / stats.t.ppf(0.975, DEGREES)
    assert forecast.log_score(3.7) == pytest.approx(-stats.t.logpdf(3.7, DEGREES, 3.0, spread), rel=1e-12)
    with pytest.raises(ContractError, match="no place on the scale log"):
        Forecast.around(3.0, 1.0, "log").log_score(-1.0)


def test_normal_and_uniform_forecasts_have_the_quantiles_of_their_laws():
    levels = list(QUANTILES.values())
    assert Forecast.normal(2.0, 0.3).quantiles == pytest.approx(stats.norm.ppf(levels, 2.0, 0.3))
    assert Forecast.uniform(1.0, 3.0).quantiles == pytest.approx(stats.uniform.ppf(levels, 1.0, 2.0))


def test_the_expected_scores_are_least_for_the_law_of_the_values():
    """Both scores of continuous values are proper, and so is Brier's."""
    law = stats.t(DEGREES, 1.0, 0.2)
    values = law.ppf((np.arange(4000) + 0.5) / 4000)
    reach = 0.2 * float(stats.t.ppf(0.975, DEGREES))
    others = [
        Forecast.around(1.0 + shift, factor * reach) for shift, factor in product((0, 0.1), (0.5, 1, 2))
    ]
    for name in ("interval_score", "log_score"):
        means = [float(np.mean([getattr(other, name)(value) for value in values])) for other in others]
        assert int(np.argmin(means)) == 1, name
    expected = [0.3 * brier_score(said, True) + 0.7 * brier_score(said, False) for said in (0.1, 0.3, 0.5)]
    assert int(np.argmin(expected)) == 1


def test_a_calibrated_forecaster_is_told_from_an_overconfident_one():
    """Planted: values are drawn from the law that one forecaster states, and of which another states a third."""
    random, count = np.random.default_rng(7), 600
    medians = random.uniform(1, 3, count)
    values = medians * np.exp(0.1 * random.standard_t(DEGREES, count))
    reach = 0.1 * float(stats.t.ppf(0.975, DEGREES))
    found = {}
    for name, factor in (("calibrated", 1.0), ("overconfident", 1 / 3)):
        rows = [
            quantity(
                Forecast.around(float(m), factor * reach, "log"), float(v), id=f"p{i}", entry=f"e{i % 30}"
            )
            for i, (m, v) in enumerate(zip(medians, values, strict=True))
        ]
        found[name] = scored(rows)
    for level in LEVELS:
        share = level / 100
        error = math.sqrt(share * (1 - share) / count)
        key = ("weights", False, "none", f"coverage_{level}")
        assert found["calibrated"][key]["value"] == pytest.approx(share, abs=3 * error)
        assert found["overconfident"][key]["high"] < share
    for measure in ("interval_score", "log_score"):
        key = ("weights", False, "none", measure)
        assert found["calibrated"][key]["value"] < found["overconfident"][key]["value"]
        # Of the two only the calibrated one beats the printed number, which is 2 throughout.
        against = found["calibrated"]["weights", False, "printed", measure]
        assert against["low"] > 0


def test_scores_stand_apart_and_references_are_paired_with_the_predictions():
    own, wide = Forecast.around(2.0, 0.2), Forecast.around(2.0, 1.0)
    found = scored([
        quantity(own, 2.1, id="a", entry="pythia-70m", null=2.5, null_se=0.1),
        quantity(wide, 2.1, id="b"),
        quantity(own, 9.0, id="c", determined=True),
        foreseen(id="d", printed=None, probability=0.9, null=0.0, weights=3.0, weights_agree=False),
    ])  # fmt: skip
    row = found["weights", False, "none", "interval_score"]
    assert (row["predictions"], row["groups"]) == (2, 2)
    assert row["value"] == pytest.approx((own.interval_score(2.1) + wide.interval_score(2.1)) / 2 / 2)
    # The first prediction alone has a null, so the difference is of it alone.
    row = found["weights", False, "gaussian", "log_score"]
    assert (row["predictions"], row["low"]) == (1, None)
    null = Forecast.normal(2.5, 0.1)
    assert row["value"] == pytest.approx(null.log_score(2.1) - own.log_score(2.1))
    assert found["weights", True, "none", "coverage_95"]["value"] == 0
    assert found["weights", False, "none", "brier_score"]["value"] == pytest.approx(0.81)
    assert found["weights", False, "gaussian", "brier_score"]["value"] == pytest.approx(0 - 0.81)
    assert found["weights", False, "printed", "brier_score"]["value"] == pytest.approx(1 - 0.81)
    assert found["printed", False, "none", "brier_score"]["value"] == pytest.approx(0.01)
    assert ("printed", False, "printed", "log_score") not in found


def test_the_printed_number_is_taken_where_its_rounding_is_nearest_to_the_median():
    rows = [quantity(Forecast.around(2.04, 0.2), 2.1), quantity(Forecast.around(1.5, 0.2), 2.1, id="b")]
    for row, nearest in zip(rows, (2.04, 1.95), strict=True):
        forecast = Forecast([row[name] for name in QUANTILES])
        found = scored([row])["printed", False, "none", "interval_score"]["value"]
        assert found == pytest.approx(forecast.interval_score(nearest) / 2)


def test_entries_are_resampled_whole():
    forecasts = [(Forecast.around(2.0, 0.5), 2.0 + 0.3 * number, f"e{number % 3}") for number in range(7)]
    rows = [quantity(each, value, id=str(i), entry=group) for i, (each, value, group) in enumerate(forecasts)]
    row = scored(rows)["weights", False, "none", "interval_score"]
    values = [
        [each.interval_score(v) / 2 for each, v, group in forecasts if group == f"e{i}"] for i in range(3)
    ]
    drawn = np.random.default_rng(SEED).integers(0, 3, (RESAMPLES, 3))
    means = [np.mean([value for group in sample for value in values[group]]) for sample in drawn]
    assert (row["low"], row["high"]) == pytest.approx(tuple(np.quantile(means, (0.025, 0.975))))
    assert row["groups"] == 3


def test_without_weights_nothing_is_scored_beside_them():
    row = quantity(Forecast.around(2.0, 0.2), 2.1) | {
        "weights": None,
        "weights_within": None,
        "weights_agree": None,
    }
    assert {key[0] for key in scored([row])} == {"printed"}
    assert scores(table.of_rows("foreseen", [foreseen(printed=None)])).num_rows == 0


def test_another_quantile_gives_another_score():
    row = quantity(Forecast.around(2.0, 0.2), 2.1)
    key = ("weights", False, "none", "log_score")
    assert scored([row])[key]["value"] != scored([row | {"upper_95": 2.3}])[key]["value"]
