"""A line through the origin against numpy and SciPy, exact laws, simulated coverage, and the paper's Table 4."""

import numpy as np
import pytest
from scipy import stats

from weightfit import paper
from weightfit.errors import ContractError
from weightfit.studies.origin_line import through_origin

RANDOM = np.random.default_rng(91)
POINTS = [
    (x, 0.08 * x**0.6 * RANDOM.lognormal(0, 0.2, n))
    for n in (4, 5, 7, 40)
    for x in [RANDOM.uniform(0.05, 0.4, n)]
]


@pytest.mark.parametrize(("x", "y"), POINTS, ids=lambda value: str(value.size))
def test_each_number_by_another_route(x, y):
    line = through_origin(x, y)
    n = x.size
    (slope,), (residual,), _, _ = np.linalg.lstsq(x[:, None], y, rcond=None)
    assert (line.points, line.slope) == (n, pytest.approx(slope, rel=1e-12))
    error = np.sqrt(residual / (n - 1) / np.sum(x**2))
    assert line.slope_se == pytest.approx(error, rel=1e-9)
    interval = stats.t.interval(0.95, n - 1, slope, error)
    assert (line.slope_low, line.slope_high) == pytest.approx(interval, rel=1e-9)
    assert line.r_squared == pytest.approx(1 - residual / (n * y.var()), rel=1e-9)

    pearson = stats.pearsonr(x, y)
    assert line.correlation == pytest.approx(pearson.statistic, rel=1e-12)
    interval = pearson.confidence_interval(0.95)
    assert (line.correlation_low, line.correlation_high) == pytest.approx(tuple(interval), rel=1e-9)

    free = stats.linregress(np.log(x), np.log(y))
    assert (line.exponent, line.exponent_se) == pytest.approx((free.slope, free.stderr), rel=1e-9)
    interval = stats.t.interval(0.95, n - 2, free.slope, free.stderr)
    assert (line.exponent_low, line.exponent_high) == pytest.approx(interval, rel=1e-9)

    away = [abs(one - slope * at) for at, one in zip(x, y, strict=True)]
    measured = [100 * part / one for part, one in zip(away, y, strict=True)]
    predicted = [100 * part / (slope * at) for part, at in zip(away, x, strict=True)]
    assert (line.deviation_measured_low, line.deviation_measured_high) == pytest.approx(
        (min(measured), max(measured))
    )
    assert (line.deviation_predicted_low, line.deviation_predicted_high) == pytest.approx(
        (min(predicted), max(predicted))
    )
    ratios = sorted(one / at for at, one in zip(x, y, strict=True))
    assert (line.ratio_low, line.ratio_high) == pytest.approx((ratios[0], ratios[-1]))
    assert line.ratio_span == pytest.approx(ratios[-1] / ratios[0])


def test_proportional_points_have_the_slope_and_no_deviation():
    x = np.array([0.1, 0.2, 0.3, 0.5])
    line = through_origin(x, 0.25 * x)
    assert (line.slope, line.exponent, line.r_squared, line.correlation) == pytest.approx((0.25, 1, 1, 1))
    assert (line.correlation_low, line.correlation_high) == pytest.approx((1, 1), abs=1e-6)
    assert (line.slope_se, line.exponent_se, line.deviation_predicted_high) == pytest.approx(
        (0, 0, 0), abs=1e-9
    )
    assert line.ratio_span == pytest.approx(1)


def test_a_correlation_of_exactly_one_has_no_width():
    line = through_origin(np.array([1.0, 2.0, 3.0, 4.0]), np.array([8.0, 6.0, 4.0, 2.0]))
    assert (line.correlation, line.correlation_low, line.correlation_high) == (-1, -1, -1)


def test_a_line_can_describe_points_worse_than_their_mean():
    line = through_origin(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 1.1, 0.9, 1.0]))
    assert line.r_squared < 0


def test_what_few_or_equal_points_do_not_say_is_none():
    two = through_origin(np.array([1.0, 2.0]), np.array([1.0, 3.0]))
    assert two.correlation == pytest.approx(1)
    assert two.exponent == pytest.approx(np.log(3) / np.log(2))
    assert (two.correlation_low, two.correlation_high, two.exponent_se) == (None, None, None)
    assert (two.exponent_low, two.exponent_high) == (None, None)
    three = through_origin(np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 4.0]))
    assert three.exponent_se > 0
    assert three.correlation_low is None
    same_root = through_origin(np.full(4, 0.3), np.array([1.0, 2.0, 3.0, 4.0]))
    assert (same_root.correlation, same_root.exponent, same_root.exponent_se) == (None, None, None)
    assert same_root.slope == pytest.approx(2.5 / 0.3)
    same_scale = through_origin(np.array([1.0, 2.0, 3.0, 4.0]), np.full(4, 0.3))
    assert (same_scale.correlation, same_scale.r_squared) == (None, None)
    assert same_scale.exponent == pytest.approx(0)


@pytest.mark.parametrize(
    ("x", "y"),
    [([1.0], [1.0]), ([], []), ([1.0, 2.0], [1.0]), ([1.0, 0.0], [1.0, 2.0]), ([1.0, 2.0], [1.0, -2.0])],
)
def test_nonsense_is_refused(x, y):
    with pytest.raises(ContractError, match="two or more pairs of positive numbers"):
        through_origin(np.array(x), np.array(y))


def test_the_intervals_of_five_points_cover_the_truth():
    """The slope and the exponent of planted laws, and the correlation of Gaussian pairs, 95 times in 100."""
    random = np.random.default_rng(92)
    x, correlation, covered = np.array([0.11, 0.17, 0.18, 0.24, 0.32]), 0.6, []
    for _ in range(1000):
        straight = through_origin(x, 0.09 * x + 0.001 * random.standard_normal(5))
        power = through_origin(x, 0.05 * x**0.4 * random.lognormal(0, 0.1, 5))
        first, other = random.standard_normal((2, 5))
        second = correlation * first + np.sqrt(1 - correlation**2) * other
        pair = through_origin(10 + first, 10 + second)
        covered.append(
            (
                straight.slope_low <= 0.09 <= straight.slope_high,
                power.exponent_low <= 0.4 <= power.exponent_high,
                pair.correlation_low <= correlation <= pair.correlation_high,
            )
        )
    assert np.mean(covered, axis=0) == pytest.approx([0.95, 0.95, 0.95], abs=0.02)


def printed(key, column):
    return float(paper.printed(f"T4.{key}.{column}"))


def test_the_printed_line_follows_from_the_printed_table():
    """Of two readings of a deviation, that relative to the measured scale gives the printed range."""
    sizes = [key for key, entry in paper.entries().items() if entry.family == "Pythia"]
    values = paper.training("paper")
    x = np.array([(values[key]["peak_learning_rate"] / values[key]["weight_decay"]) ** 0.5 for key in sizes])
    line = through_origin(x, np.array([printed(key, "lambda") for key in sizes]))
    assert f"{line.slope:.3f}" == paper.printed("S5.4.slope")
    assert f"{line.correlation:.2f}" == paper.printed("S5.4.r")
    assert f"{line.deviation_measured_low:.0f}" == paper.printed("S5.4.dev_lo")
    assert f"{line.deviation_measured_high:.0f}" == paper.printed("S5.4.dev_hi")
    assert f"{line.deviation_predicted_high:.0f}" != paper.printed("S5.4.dev_hi")
    assert f"{line.ratio_span:.1f}" == paper.printed("T4.span_pythia")
