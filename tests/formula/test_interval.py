"""Interval arithmetic against exact rational arithmetic and 50-digit functions: nothing is lost, little is added."""

import math
from fractions import Fraction

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from mpmath import mp, mpf

from weightfit.formula import interval
from weightfit.formula.interval import INFINITY, Interval, between, hull, lift

mp.dps = 50

numbers = st.floats(-1e8, 1e8) | st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.1, 5e-324, -1e-300, 1e-160])


@st.composite
def intervals(draw, low=-INFINITY, high=INFINITY):
    ends = sorted([draw(numbers.filter(lambda x: low < x < high)) for _ in range(2)])
    return Interval(*ends)


@st.composite
def members(draw, of):
    share = draw(st.floats(0, 1))
    return min(max(of.low + share * (of.high - of.low), of.low), of.high)


def steps(a, b):
    """Count the floats between two floats, up to 9."""
    count = 0
    while a < b and count < 9:
        a, count = math.nextafter(a, INFINITY), count + 1
    return count


OPERATIONS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
@given(data=st.data(), a=intervals(), b=intervals())
def test_an_operation_holds_every_exact_result_and_its_ends_are_at_most_one_float_away(operation, data, a, b):
    assume(operation is not OPERATIONS["/"] or 0.0 not in b)
    made = operation(a, b)
    x, y = data.draw(members(a)), data.draw(members(b))
    exact = operation(Fraction(x), Fraction(y))
    assert made.low <= exact <= made.high
    corners = [operation(Fraction(p), Fraction(q)) for p in (a.low, a.high) for q in (b.low, b.high)]
    assert made.low <= min(corners)
    assert made.high >= max(corners)
    assert math.nextafter(math.nextafter(made.low, INFINITY), INFINITY) >= min(corners)
    assert math.nextafter(math.nextafter(made.high, -INFINITY), -INFINITY) <= max(corners)


@given(data=st.data(), a=intervals())
def test_an_operation_with_a_number_is_one_with_the_interval_of_this_number(data, a):
    number = data.draw(numbers)
    assert a + number == number + a == a + lift(number)
    assert a - number == a - lift(number)
    assert number - a == lift(number) - a
    assert a * number == number * a == a * lift(number)
    if number != 0:
        assert a / number == a / lift(number)
    if 0.0 not in a:
        assert number / a == lift(number) / a


@given(data=st.data(), a=intervals(), exponent=st.integers(-5, 5))
@example(data=None, a=Interval(-2.0, 3.0), exponent=2)
def test_a_whole_power_holds_every_exact_result_and_knows_parity(data, a, exponent):
    assume(exponent >= 0 or 0.0 not in a)
    assume(exponent >= 0 or min(abs(a.low), abs(a.high)) > 1e-50)
    made = a**exponent
    members_of = [a.low, a.high] if data is None else [a.low, a.high, data.draw(members(a))]
    for member in members_of:
        assume(member or exponent >= 0)
        exact = Fraction(member) ** exponent
        assert made.low <= exact <= made.high
    if exponent > 0 and exponent % 2 == 0:
        assert made.low >= 0
        if 0.0 in a:
            assert made.low == 0
        assert made.high == pytest.approx(
            float(max(abs(a.low), abs(a.high))) ** exponent, rel=1e-14, abs=1e-320
        )


FUNCTIONS = {
    "sqrt": (interval.sqrt, mp.sqrt, 0.0, 1e8),
    "log": (interval.log, mp.log, 1e-300, 1e8),
    "exp": (interval.exp, mp.exp, -700.0, 700.0),
}


@pytest.mark.parametrize(("ours", "exact", "low", "high"), FUNCTIONS.values(), ids=FUNCTIONS)
@given(data=st.data())
def test_a_function_holds_the_result_to_50_digits_and_its_ends_are_a_few_floats_away(
    ours, exact, low, high, data
):
    ends = sorted(data.draw(st.lists(st.floats(low, high), min_size=2, max_size=2)))
    made = ours(Interval(*ends))
    for member in (*ends, data.draw(members(Interval(*ends)))):
        assert mpf(made.low) <= exact(mpf(member)) <= mpf(made.high)
    assert steps(made.low, float(exact(mpf(ends[0])))) <= 3
    assert steps(float(exact(mpf(ends[1]))), made.high) <= 3


@given(data=st.data(), base=intervals(0.0), exponent=intervals(-20, 20))
def test_a_power_of_intervals_holds_the_result_to_50_digits(data, base, exponent):
    assume(base.low > 1e-8)
    assume(base.high < 1e8)
    x, y = data.draw(members(base)), data.draw(members(exponent))
    made = base**exponent
    assert mpf(made.low) <= mpf(x) ** mpf(y) <= mpf(made.high)
    fixed = base**y
    assert mpf(fixed.low) <= mpf(x) ** mpf(y) <= mpf(fixed.high)
    other = 2.5**exponent
    assert mpf(other.low) <= mpf(2.5) ** mpf(y) <= mpf(other.high)


def test_operands_are_unrelated():
    x = Interval(1.0, 2.0)
    assert (x - x).encloses(Interval(-1.0, 1.0))
    assert (x * x).encloses(Interval(1.0, 4.0))
    assert Interval(-1.0, 2.0) * Interval(-1.0, 2.0) == hull(
        [Interval(-1.0, 2.0) * 2.0, Interval(-1.0, 2.0) * -1.0]
    )


def test_nothing_is_added_to_an_exact_zero():
    zero = Interval(0.0, 0.0)
    assert zero + zero == zero - zero == zero * Interval(-5.0, 7.0) == zero / Interval(2.0, 3.0) == zero
    assert interval.sqrt(zero**2 + zero**2).low == 0
    assert interval.exp(Interval(-1e308, 0.0)).low == 0


def test_a_product_too_small_for_a_float_is_not_taken_for_zero():
    made = Interval(1e-300, 1e-300) * Interval(1e-300, 1e-300)
    assert made.high > 0
    assert (Interval(1e-300, 1e-300) / Interval(1e300, 1e300)).high > 0


def test_half_lines_and_results_beyond_the_largest_float():
    above = Interval(2.0, INFINITY)
    assert above + Interval(-INFINITY, 1.0) == Interval(-INFINITY, INFINITY)
    assert above * 0.0 == Interval(0.0, 0.0)
    assert (above * Interval(-1.0, 3.0)).low == -INFINITY
    assert (1.0 / above).low == 0
    assert (1.0 / above).high == pytest.approx(0.5)
    assert (above / above).encloses(Interval(1e-300, 1e300))
    assert interval.exp(Interval(0.0, 1e4)).high == INFINITY
    assert (Interval(1e200, 1e200) ** 2).high == INFINITY
    assert (Interval(-1e200, -1e200) ** 3).low == -INFINITY
    assert (Interval(1e308, 1e308) * 10.0).high == INFINITY
    assert (Interval(1e308, 1e308) * 10.0).low < INFINITY


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: Interval(2.0, 1.0), ValueError),
        (lambda: Interval(math.nan, 1.0), ValueError),
        (lambda: Interval(INFINITY, INFINITY), ValueError),
        (lambda: Interval(-INFINITY, -INFINITY), ValueError),
        (lambda: 1.0 / Interval(-1.0, 1.0), ZeroDivisionError),
        (lambda: Interval(1.0, 2.0) / Interval(0.0, 1.0), ZeroDivisionError),
        (lambda: Interval(1.0, 2.0) / Interval(-1.0, -0.0), ZeroDivisionError),
        (lambda: Interval(0.0, 1.0) ** -1, ZeroDivisionError),
        (lambda: interval.sqrt(Interval(-1e-300, 1.0)), ValueError),
        (lambda: interval.log(Interval(0.0, 1.0)), ValueError),
        (lambda: Interval(-1.0, 1.0) ** 0.5, ValueError),
    ],
)
def test_what_is_not_defined_is_refused(make, error):
    with pytest.raises(error, match="; "):
        make()


@given(low=st.fractions(), width=st.fractions(min_value=0))
def test_between_is_the_least_interval_of_floats_that_holds_exact_ends(low, width):
    assume(abs(low) < 10**300)
    assume(width < 10**300)
    made = between(low, low + width)
    assert Fraction(made.low) <= low < Fraction(math.nextafter(made.low, INFINITY))
    assert Fraction(math.nextafter(made.high, -INFINITY)) < low + width <= Fraction(made.high)


def test_relations_between_intervals():
    a, b = Interval(1.0, 3.0), Interval(3.0, 4.0)
    assert a.meets(b)
    assert b.meets(a)
    assert not a.meets(Interval(3.5, 9.0))
    assert not Interval(3.5, 9.0).meets(a)
    assert a.encloses(Interval(1.0, 3.0))
    assert not a.encloses(b)
    assert not a.encloses(Interval(0.0, 2.0))
    assert 3.0 in a
    assert 3.1 not in a
    assert 0.9 not in a
    assert (a.width, a.middle, -a) == (2.0, 2.0, Interval(-3.0, -1.0))
    assert abs(Interval(-3.0, -1.0)) == a
    assert abs(Interval(-3.0, 1.0)) == Interval(0.0, 3.0)
    assert abs(a) == a
    assert a.widened(0.5).encloses(Interval(0.5, 3.5))
    assert Interval(0.49, 3.51).encloses(a.widened(0.5))
    assert [Interval(*ends).middle for ends in ((2, INFINITY), (-INFINITY, 2), (-INFINITY, INFINITY))] == [
        2,
        2,
        0,
    ]
    assert Interval(-1e308, 1e308).middle == 0
    assert str(Interval(0.02235, 0.02245)) == "[0.02235, 0.02245]"
    assert hull([b, a]) == Interval(1.0, 4.0)
