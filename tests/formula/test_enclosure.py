"""Ranges of functions over boxes against closed forms, corners, dense samples and other libraries."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import linregress, pearsonr

from weightfit.formula import functions
from weightfit.formula.enclosure import Enclosure, image, variables
from weightfit.formula.interval import INFINITY, Interval, lift


def rounded(values, digit):
    return [Interval(value - digit / 2, value + digit / 2) for value in values]


# Closed forms. A quantity that stands twice is one quantity.

CLOSED = {
    "a difference with itself": (lambda x: x[0] - x[0], [(1, 2)], (0, 0)),
    "a growth": (lambda x: (x[1] - x[0]) / x[0], [(2, 3), (6, 8)], (1, 3)),
    "a saddle": (lambda x: x[0] * x[1], [(-1, 2), (-3, 1)], (-6, 3)),
    "a share": (lambda x: x[0] / (x[0] + x[1]), [(1, 2), (3, 4)], (1 / 5, 2 / 5)),
    "a root at zero": (lambda x: x[0].sqrt() if isinstance(x[0], Enclosure) else x[0] ** 0.5, [(0, 4)], (0, 2)),
    "a power of a quantity": (lambda x: x[0] ** x[1], [(1, 2), (1, 3)], (1, 8)),
    "a quantity as exponent": (lambda x: 2.0 ** x[0], [(-1, 3)], (0.5, 8)),
    "a constant": (lambda x: 7.0, [(0, 1)], (7, 7)),
    "a known quantity": (lambda x: x[0] + x[1], [(1, 1), (2, 2)], (3, 3)),
}  # fmt: skip


@pytest.mark.parametrize(("function", "box", "expected"), CLOSED.values(), ids=CLOSED)
def test_the_range_is_that_of_the_closed_form(function, box, expected):
    made = image(function, [Interval(*map(float, ends)) for ends in box])
    assert (made.low, made.high) == pytest.approx(expected, rel=1e-12, abs=1e-12)


# Where a function turns inside of the box its range is enclosed, at most three times too wide here.
TURNING = {
    "an inner greatest value": (lambda x: x[0] * (1.0 - x[0]), (0, 1), (0, 0.25)),
    "an inner least value": (lambda x: x[0] ** 2 - 2.0 * x[0], (0, 3), (-1, 3)),
    "a sum of magnitudes": (lambda x: abs(x[0]) + abs(x[0] - 1.0), (-1, 3), (1, 5)),
    "a quotient by itself, and more": (lambda x: x[0] / x[0] + x[0], (1, 2), (2, 3)),
}


@pytest.mark.parametrize(("function", "ends", "expected"), TURNING.values(), ids=TURNING)
def test_the_range_of_a_function_that_turns_is_enclosed(function, ends, expected):
    made = image(function, [Interval(*map(float, ends))])
    assert made.encloses(Interval(*map(float, expected)))
    assert made.width <= 3.01 * (expected[1] - expected[0])


def test_half_lines_give_half_lines():
    made = image(lambda x: x[0] / x[1], [Interval(1.0, 2.0), Interval(4.0, INFINITY)])
    assert made.low <= 0 < 0.5 <= made.high < 0.5 + 1e-12
    assert image(lambda x: x[0] * 2.0, [Interval(-INFINITY, 3.0)]).low == -INFINITY


# Statistics of rounded numbers.

random = np.random.default_rng(4)


@pytest.mark.parametrize("size", [2, 3, 5])
@pytest.mark.parametrize(
    ("ours", "reference"),
    [
        (functions.pearson, lambda x, y: pearsonr(x, y).statistic),
        (functions.slope, lambda x, y: linregress(x, y).slope),
        (functions.slope_through_origin, lambda x, y: np.linalg.lstsq(x[:, None], y, rcond=None)[0][0]),
    ],
    ids=["pearson", "slope", "slope_through_origin"],
)
def test_the_range_of_a_statistic_of_two_lists_is_met_at_corners_and_left_by_no_sample(ours, reference, size):
    if ours is functions.pearson and size == 2:
        size = 4
    x, y = np.sort(random.uniform(1, 9, size)), random.uniform(1, 9, size)
    box = rounded([*x, *y], 0.1)
    made = image(lambda values: ours(tuple(values[:size]), tuple(values[size:])), box)
    ends = [(each.low, each.high) for each in box]
    corners = [reference(*np.split(np.array(corner), 2)) for corner in itertools.product(*ends)]
    samples = [reference(*np.split(random.uniform(*np.array(ends).T), 2)) for _ in range(300)]
    found = [*corners, *samples]
    assert made.low - 1e-12 <= min(found)
    assert max(found) <= made.high + 1e-12
    width = max(found) - min(found)
    # The slope through two points whose places hardly differ is not monotonic in them.
    assert made.width <= (3 if size == 2 else 1.01) * width


def test_the_spread_of_rounded_numbers_is_enclosed_and_may_be_zero():
    box = rounded([1.0, 1.02, 0.97, 1.0], 0.1)
    made = image(lambda values: functions.standard_deviation(tuple(values), ddof=1.0), box)
    corners = [
        np.std(corner, ddof=1) for corner in itertools.product(*[(each.low, each.high) for each in box])
    ]
    assert made.low == 0
    assert max(corners) <= made.high <= 1.5 * max(corners)


@pytest.mark.parametrize("size", [1, 2, 5, 6])
def test_the_range_of_an_order_statistic_is_that_of_the_ends(size):
    middle = random.uniform(0, 1, size)
    box = rounded(middle, 0.3)
    low, high = np.array([each.low for each in box]), np.array([each.high for each in box])
    for ours, reference in [
        (functions.median, np.median),
        (functions.least, np.min),
        (functions.greatest, np.max),
    ]:
        made = image(lambda values, ours=ours: ours(*values), box)
        assert (made.low, made.high) == pytest.approx((reference(low), reference(high)), rel=1e-12)


def test_a_correlation_of_badly_known_numbers_stays_a_correlation():
    box = rounded([1.19, 1.18, 1.17, 1.19, 1.18, 1.17, 1.17, 1.12], 0.01)
    made = image(lambda values: functions.pearson(tuple(values[:4]), tuple(values[4:])), box)
    assert Interval(-1.0, 1.0).encloses(made)
    for _ in range(300):
        point = np.array([random.uniform(each.low, each.high) for each in box])
        assert pearsonr(point[:4], point[4:]).statistic in made


def test_if_every_slope_has_one_sign_the_range_is_exact_up_to_rounding():
    x = rounded([0.316, 0.245, 0.173, 0.173, 0.110], 0.001)
    y = rounded([0.0224, 0.0200, 0.0190, 0.0191, 0.0149], 0.0001)
    made = image(
        lambda values: functions.slope_through_origin(tuple(values[:5]), tuple(values[5:])), [*x, *y]
    )
    ends = itertools.product(*[(each.low, each.high) for each in (*x, *y)])
    met = [functions.slope_through_origin(corner[:5], corner[5:]) for corner in ends]
    assert (made.low, made.high) == pytest.approx((min(met), max(met)), rel=1e-14)


# What is promised in general.


@given(data=st.data())
def test_no_value_of_a_rational_function_lies_outside(data):
    coefficient = st.integers(-3, 3).map(float)
    a, b, c, d, e = (data.draw(coefficient) for _ in range(5))

    def function(v):
        x, y, z = v
        return (a * x * y + b * z**2 - c * x) / (1.0 + (d * x - e * z) ** 2) + abs(x - y)

    ends = [sorted(data.draw(st.tuples(st.floats(-2, 2), st.floats(-2, 2)))) for _ in range(3)]
    made = image(function, [Interval(*each) for each in ends])
    grid = itertools.product(*[np.linspace(low, high, 5) for low, high in ends])
    values = [float(function(point)) for point in grid]
    tiny = 1e-12 * (1 + max(map(abs, values)))
    assert made.low - tiny <= min(values)
    assert max(values) <= made.high + tiny


def test_slopes_enclose_differences():
    box = [Interval(0.5, 1.5), Interval(-1.0, 0.25)]

    def function(v):
        return (v[0] * v[0] + v[1]) / (v[0] + v[1] * 0.25) - abs(v[1]) * v[0] ** 3

    made = function(variables(box))
    for _ in range(200):
        point = np.array([random.uniform(each.low, each.high) for each in box])
        for number in range(2):
            step = np.eye(2)[number] * 1e-6
            slope = (function(point + step) - function(point - step)) / 2e-6
            assert made.partials[number].low - 1e-6 <= slope <= made.partials[number].high + 1e-6


def test_the_range_does_not_depend_on_the_run():
    def function(values):
        return functions.pearson(tuple(values[:3]), tuple(values[3:]))

    box = rounded([1, 2, 4, 1, 3, 3], 0.5)
    assert image(function, box) == image(function, box)


def test_what_is_not_defined_everywhere_is_refused():
    with pytest.raises(ZeroDivisionError, match="cannot vanish"):
        image(lambda x: 1.0 / x[0], [Interval(-1.0, 1.0)])
    with pytest.raises(ValueError, match="must all be positive"):
        image(lambda x: x[0].log(), [Interval(0.0, 1.0)])
    with pytest.raises(ValueError, match="no quantity"):
        image(lambda x: 1.0, [])


def test_a_constant_over_a_box_is_itself():
    x = variables([Interval(1.0, 2.0)])[0]
    assert x.constant(3.0).value == lift(3.0)
    assert (x**0).value == lift(1.0)
