"""Qualifiers: words of the paper, and what may stand between a qualifier and its number."""

import pytest

from weightfit.audit.printed import qualifier

BEFORE = {
    r"anchors the shape at $k \approx ": "about",
    r"carries approximately $": "about",
    r"region carries $\sim ": "about",
    "the band ~ ": "about",
    "concentrates near ~ ": "about",
    "peaks near step ": "about",
    "(approximately layers ": "about",
    "≈": "about",
    r"CV $\approx ": "about",
    r"(approximately layers 8–": "about",
    r"models with $T/\tau \approx 0.4\text{--}": "about",
    r"medians of approximately 7–": "about",
    r"$(k_0, \lambda_0) \approx (": "about",
    r"$(k_0, \lambda_0) \approx (1.205, ": "about",
    r"$\approx 1.4\times$ – $": "about",
    r"error $< ": "below",
    "fits is below ": "below",
    "(fewer than ": "below",
    "less than ": "below",
    "is above ": "above",
    "more than ": "above",
    "$T > ": "above",
    r"$d \leq ": "at most",
    "<= ": "at most",
    "at most ": "at most",
    r"$R^2 \geq ": "at least",
    "on the depth- ≥ ": "at least",
    ">= ": "at least",
    "at least ": "at least",
    "agreement to within ": "within",
    # What says nothing of the number.
    "": "equal",
    "the shape k stays within $[": "equal",
    "the shape k stays within $[1.186, ": "equal",
    r"k $\in [": "equal",
    r"$|w| \approx 1.0$ ($\max/q_{99} = ": "equal",
    r"$\approx 1.22\times$, with ": "equal",
    r"(max/min $\approx 1.22\times$, CV ": "equal",
    "described below (for example, ": "equal",
    "moreover ": "equal",
    "a wherewithal ": "equal",
    "as low as $k = ": "equal",
    "instead of 0.43–": "equal",
    "below 3–": "equal",
}


@pytest.mark.parametrize(("text", "relation"), BEFORE.items())
def test_a_relation_is_read_from_the_end_of_the_words(text, relation):
    assert qualifier.before(text) == relation


def test_a_number_is_found_only_as_a_whole():
    assert qualifier.of("about 12 of 120, 1.12 and 12.5", "12", "-") == {"about"}
    assert qualifier.of("about 5% of 5", "5", "%") == {"about"}
    assert qualifier.of("about 5 of 3–7%", "3", "%") == {"equal"}
    assert qualifier.of("$R^2$, below 2\\%", "2", "%") == {"below"}
    assert qualifier.of("Qwen-7B and 7 others", "7", "-") == {"equal"}
    assert qualifier.of("nothing of it", "7", "-") == frozenset()
    assert qualifier.of("13 and about 14", "14,155,776", "-") == frozenset()


def test_every_place_is_told():
    assert qualifier.of("below 3 and about 3", "3", "-") == {"below", "about"}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("≈ 1.20", ("about", "1.20")),
        (r"\sim 5\%", ("about", r"5\%")),
        ("< 2%", ("below", "2%")),
        ("<=2", ("at most", "2")),
        (">= 2", ("at least", "2")),
        ("fewer than 200", ("below", "200")),
        ("more than an order of magnitude", ("above", "an order of magnitude")),
        ("within 0.13%", ("within", "0.13%")),
        ("-29.9", (None, "-29.9")),
        ("nearly", (None, "nearly")),
        ("aboutness 3", (None, "aboutness 3")),
    ],
)
def test_a_qualifier_is_taken_off_the_beginning(text, parts):
    assert qualifier.split(text) == parts
