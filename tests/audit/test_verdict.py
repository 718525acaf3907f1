"""How values become verdicts: the rules of the house, case by case."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightfit import paper
from weightfit.audit import printed
from weightfit.audit.verdict import STRENGTH, contradicts, of_evidence, of_number, outcome
from weightfit.errors import ContractError
from weightfit.formula.interval import Interval

INFINITY = math.inf


def text(shown, kind="derived", unit="-", relation="equal"):
    return printed.parse(shown, kind, unit, relation)


@pytest.mark.parametrize(
    ("shown", "kind", "relation", "value", "expected"),
    [
        # One value: within the printed text or not.
        ("1.195", "measured", "equal", 1.1954, "reproduced"),
        ("1.195", "measured", "equal", 1.1956, "differs"),
        ("6.5", "theoretical", "about", 6.4821, "reproduced"),
        ("0.99", "measured", "at least", 0.9799, "differs"),
        ("2", "measured", "below", 1.99, "reproduced"),
        ("2", "measured", "below", 2.0, "differs"),
        ("12", "count", "equal", 12.0, "reproduced"),
        ("12", "count", "equal", 11.0, "differs"),
        # A label.
        ("Near-sat.", "label", "equal", "Near-saturated", "reproduced"),
        ("Near-sat.", "label", "equal", "approaching", "differs"),
        # All values of an interval within the text.
        ("33", "derived", "equal", Interval(32.6, 33.4), "reproduced"),
        # Meets it, and holds numbers that would be printed otherwise, however near.
        ("33", "derived", "equal", Interval(32.4, 33.0), "compatible"),
        ("33", "derived", "equal", Interval(33.2, 38.1), "compatible"),
        # Disjoint, however near.
        ("33", "derived", "equal", Interval(33.6, 34.0), "differs"),
        ("33", "derived", "equal", Interval(30.0, 32.4), "differs"),
        # Half-lines.
        ("2", "measured", "below", Interval(0.1, 1.9), "reproduced"),
        ("2", "measured", "below", Interval(0.1, 12.0), "compatible"),
        ("2", "measured", "below", Interval(2.0, 3.0), "differs"),
        ("0.99", "measured", "at least", Interval(0.0, 0.95), "differs"),
        ("0.99", "measured", "at least", Interval(0.99, 1.0), "reproduced"),
        # Integers and settings: a range of several allows one, and decides nothing.
        ("5", "count", "equal", Interval(5.0, 7.0), "compatible"),
        ("5", "count", "equal", Interval(6.0, 7.0), "differs"),
        ("0.1", "hyperparameter", "equal", Interval(0.09, 0.11), "compatible"),
        # No last digit: only what lies wholly within is reproduced.
        ("an order of magnitude", "derived", "equal", Interval(7.9, 8.1), "reproduced"),
        ("an order of magnitude", "derived", "equal", Interval(30.0, 33.0), "compatible"),
        ("more than an order of magnitude", "derived", "equal", Interval(8.4, 8.9), "differs"),
        ("more than an order of magnitude", "derived", "equal", Interval(9.0, 10.0), "differs"),
    ],
)
def test_a_value_beside_a_text(shown, kind, relation, value, expected):
    assert outcome(value, text(shown, kind, relation=relation)) == expected


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ContractError, match="a list of 2 values stands for one printed number"):
        outcome((1.0, 2.0), text("1"))
    with pytest.raises(ContractError, match="give a label"):
        outcome(Interval(1.0, 2.0), text("JSON", "label"))
    with pytest.raises(ContractError, match="cannot be compared"):
        outcome("A", text("1.2", "measured"))


@given(st.integers(-500, 500), st.integers(0, 3), st.floats(-600, 600), st.floats(0, 20))
def test_an_interval_agrees_with_what_its_members_say(units, places, low, width):
    """Its members decide: none agrees if it differs, and all do if it lies within the text."""
    shown = f"{units / 10**places:.{places}f}"
    meaning = text(shown, "measured")
    value = Interval(low, low + width)
    said = outcome(value, meaning)
    members = [outcome(low + width * share / 8, meaning) for share in range(9)]
    if said == "differs":
        assert "reproduced" not in members
    assert (said == "reproduced") == (set(members) == {"reproduced"})


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        (["reproduced"], "reproduced"),
        (["reproduced", "reproduced"], "reproduced"),
        (["differs", "differs"], "differs"),
        (["reproduced", "differs"], "ambiguous"),
        (["compatible", "differs"], "ambiguous"),
        (["consistent", "consistent"], "consistent"),
        # Not only with the author's own numbers.
        (["consistent", "reproduced"], "reproduced"),
        (["consistent", "differs"], "ambiguous"),
        (["consistent", "compatible"], "compatible"),
        (["consistent", "pending"], "pending"),
        (["pending", "differs", "consistent"], "ambiguous"),
        (["compatible", "reproduced"], "compatible"),
        (["pending"], "pending"),
        # What is missing may still agree, or disagree.
        (["pending", "reproduced"], "pending"),
        (["pending", "differs"], "pending"),
        (["pending", "compatible"], "pending"),
        # Nothing that is missing can undo a disagreement of two readings.
        (["pending", "differs", "reproduced"], "ambiguous"),
    ],
)
def test_readings_together(outcomes, expected):
    assert of_evidence(outcomes) == expected
    assert of_evidence(outcomes[::-1]) == expected


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ({}, ("untraced", None)),
        ({"arithmetic": "reproduced"}, ("reproduced", "arithmetic")),
        # The strongest that decides, whatever weaker evidence says, and never a sum.
        ({"arithmetic": "reproduced", "theory": "differs"}, ("differs", "theory")),
        ({"database": "reproduced", "arithmetic": "differs"}, ("reproduced", "database")),
        ({"configuration": "ambiguous", "arithmetic": "reproduced"}, ("ambiguous", "configuration")),
        # What decides goes before what does not.
        ({"weights": "pending", "theory": "compatible", "arithmetic": "differs"}, ("differs", "arithmetic")),
        ({"weights": "pending", "arithmetic": "compatible"}, ("compatible", "arithmetic")),
        ({"weights": "pending", "database": "pending"}, ("pending", "weights")),
    ],
)
def test_kinds_of_evidence_are_ranked_and_never_added_up(verdicts, expected):
    assert of_number(verdicts) == expected


def test_the_ranking_is_that_of_the_house():
    assert STRENGTH == ("weights", "theory", "library", "configuration", "database", "arithmetic")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (text("1.186"), text("1.187"), True),
        (text("1.186"), text("1.19"), False),
        (text("1.195"), text("1.20", relation="about"), False),
        (text("1.186"), text("1.21", relation="about"), True),
        (text("12", "count"), text("12", "count"), False),
        (text("21", "measured"), text("23", "measured"), True),
        (text("two orders of magnitude"), text("200"), False),
        (text("2", relation="below"), text("1.9"), False),
        (text("2", relation="below"), text("3", relation="above"), True),
        (text("A", "label"), text("B", "label"), True),
        (text("Near-sat.", "label"), text("Near-saturated", "label"), False),
    ],
)
def test_two_texts_that_cannot_both_hold(one, other, expected):
    assert contradicts(one, other) == expected
    assert contradicts(other, one) == expected


def test_no_text_of_the_paper_contradicts_itself():
    for key in paper.reported():
        assert not contradicts(printed.read(key), printed.read(key)), key
