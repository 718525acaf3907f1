"""Errors planted in printed numbers are noticed, right ones are not doubted."""

import re

import error_rates
import numpy as np
import pytest
from audit_sources import sources

from weightfit import paper
from weightfit.audit import registry
from weightfit.audit.evaluation import evaluate_all


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return evaluate_all(registry.read(), sources(tmp_path_factory.mktemp("tables")))


@pytest.fixture(scope="module")
def rates(results):
    return error_rates.error_rates(results)


def test_as_many_are_printed_right_as_have_an_error(rates):
    assert sum(one.planted for one in rates) == sum(one.right for one in rates) == error_rates.TRIALS == 200


def test_errors_are_noticed_and_right_numbers_are_not_doubted(rates):
    assert sum(one.noticed for one in rates) >= 190
    assert sum(one.doubted for one in rates) <= 4


def test_a_wrong_text_differs_in_one_digit():
    random = np.random.default_rng(1)
    for text in ("1.195", "14,155,776", "+43%", "3.0×10^{-4}", "7", "0.0131"):
        for _ in range(50):
            wrong = error_rates._wrong(text, random)
            assert len(wrong) == len(text)
            changed = [place for place in range(len(text)) if text[place] != wrong[place]]
            assert len(changed) == 1
            assert wrong[changed[0]].isdigit()
            # The first number of the text is changed, not an exponent.
            assert changed[0] < re.search(r"[\d.,]+", text).end()
            assert not re.match(r"0\d", wrong.lstrip("+-"))


def test_a_right_text_is_what_the_evidence_gives(results):
    random = np.random.default_rng(2)
    text = error_rates._right(paper.reported()["A1.k0"], results["A1.k0"], random)
    assert text == paper.printed("A1.k0") == "1.2054"
