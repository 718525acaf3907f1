"""Rank correlations over blocks: known orders, all orders and signs by counting, and which entries are one model."""

import math
from itertools import permutations, product

import numpy as np
import pytest

from weightfit.studies.spectra import agreement, correlation, models


def rows(entry, component, first, second):
    return [
        {"entry": entry, "component": component, "a": one, "b": other}
        for one, other in zip(first, second, strict=True)
    ]


def test_orders_that_agree_within_each_kind_give_one_whatever_lies_between_kinds():
    own = rows("e", "q", [1, 2, 3, 4], [10, 20, 30, 40]) + rows(
        "e", "k", [101, 102, 103, 104], [-9, -8, -7, -6]
    )
    found = correlation(own, "a", "b")
    assert (found.value, found.matrices) == (pytest.approx(1), 8)
    assert correlation(own, "b", "a") == found


def test_kinds_are_weighted_by_their_numbers_of_matrices():
    agreeing = rows("e", "q", range(8), range(8))
    opposed = rows("e", "k", range(4), [-value for value in range(4)])
    assert correlation(agreeing + opposed, "a", "b").value == pytest.approx((8 - 4) / 12)


def test_the_null_is_that_of_all_orders():
    """Every order of the blocks of two kinds is equally likely: mean and deviation by counting them all."""
    ordered = tuple(range(4)), tuple(range(5))

    def value(one, other):
        return correlation(
            rows("e", "q", ordered[0], one) + rows("e", "k", ordered[1], other), "a", "b"
        ).value

    # The value is a sum over the kinds, so that its variance over all pairs of orders is the sum of two.
    first = [value(one, ordered[1]) for one in permutations(ordered[0])]
    second = [value(ordered[0], other) for other in permutations(ordered[1])]
    own = rows("e", "q", *[ordered[0]] * 2) + rows("e", "k", *[ordered[1]] * 2)
    expected = math.sqrt(np.var(first) + np.var(second))
    assert correlation(own, "a", "b").null_deviation == pytest.approx(expected)


def test_kinds_of_few_blocks_or_without_spread_do_not_count():
    few = rows("e", "q", [1, 2, 3], [1, 2, 3])
    flat = rows("e", "k", [1, 1, 1, 1], [1, 2, 3, 4])
    assert correlation(few + flat, "a", "b") is None
    assert correlation([], "a", "b") is None
    kept = rows("e", "v", [1, 2, 3, 4], [4, 3, 2, 1])
    assert correlation(few + flat + kept, "a", "b").matrices == 4


def test_the_same_kind_of_two_stacks_is_two_kinds():
    encoder, decoder = rows("e", "q", range(4), range(4)), rows("d", "q", range(4), range(10, 14))
    assert correlation(encoder + decoder, "a", "b").value == pytest.approx(1)


def test_models_that_all_agree_have_the_least_p():
    for number in (1, 3, 6):
        found = agreement([0.4 + 0.01 * place for place in range(number)])
        assert found.p == 2 / 2**number
        assert (found.models, found.least) == (number, 0.4)
    assert agreement([0.3] * 6).p == 1 / 32


def test_p_is_the_share_of_signs_by_counting():
    values = [0.5, -0.2, 0.1, 0.4]
    reached = [
        abs(sum(sign * value for sign, value in zip(signs, values, strict=True))) >= sum(values) - 1e-9
        for signs in product((1, -1), repeat=4)
    ]
    assert agreement(values).p == sum(reached) / 16
    assert agreement([-value for value in values]).p == agreement(values).p
    assert agreement(values).mean == pytest.approx(0.2)


def test_entries_of_which_the_same_is_stated_are_one_model():
    whisper = {"trained_on": "speech", "parameters": 7}
    known = {
        "whisper-base-encoder": whisper,
        "other": {"trained_on": "text"},
        "whisper-base-decoder": dict(whisper),
    }
    assert models(known) == {
        "whisper-base": ["whisper-base-encoder", "whisper-base-decoder"],
        "other": ["other"],
    }
    assert models({"a": whisper, "b": whisper}) == {"a and b": ["a", "b"]}
