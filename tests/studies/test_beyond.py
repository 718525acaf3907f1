"""The paper's claims asked of models: every statistic against numpy on sorted weights, every outcome, and the scope."""

import math

import numpy as np
import pytest
from real_models import BLOCKS, KNOWN, MODELS, tables, weights

from weightfit.paper.questions import questions
from weightfit.studies.beyond import beyond, in_scope

FFN = ("gate", "up", "down")
QUESTION = {question.asks: question for question in questions()}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return tables(tmp_path_factory.mktemp("real"))[0]


@pytest.fixture(scope="module")
def answers(made):
    return {(row["entry"], row["asks"]): row for row in made["beyond"].to_pylist()}


def shape(values, trim=0.80):
    """Fit the slope of the probability plot over every single weight."""
    magnitude = np.sort(np.abs(values - values.mean(dtype=np.float64)))
    probability = (np.arange(magnitude.size) + 0.5) / magnitude.size
    inside = np.abs(probability - 0.5) <= trim / 2 + 1e-12
    x, y = np.log(magnitude[inside]), np.log(-np.log1p(-probability[inside]))
    return float(np.polyfit(x, y, 1)[0])


@pytest.mark.parametrize("entry", MODELS)
def test_statistics_are_those_of_the_weights(answers, entry):
    drawn = {
        key: value.astype(np.float64).ravel()
        for key, value in weights(entry, list(MODELS).index(entry)).items()
    }
    ffn = [drawn[block, name] for block in range(BLOCKS) for name in FFN]
    expected = {
        "FFN median in the band": np.median([shape(one) for one in ffn]),
        "q median below the band": np.median([shape(drawn[block, "q"]) for block in range(BLOCKS)]),
        "gap between trims within its printed spread": np.median(
            [shape(one) - shape(one, 1.0) for one in ffn]
        ),
        "mean of every o and FFN matrix below the printed share of its deviation": max(
            abs(one.mean()) / one.std() for one in [*ffn, *(drawn[block, "o"] for block in range(BLOCKS))]
        ),
        "median max/q99 within the printed range": np.median(
            [
                np.abs(pool).max() / np.quantile(np.abs(pool), 0.99)
                for pool in (
                    np.concatenate([drawn[block, name] for name in ("o", *FFN)]) for block in range(BLOCKS)
                )
            ]
        ),
        "no FFN matrix of the first blocks in regime B": min(shape(one) for one in ffn),
    }
    for asks, value in expected.items():
        tolerance = 2e-3 if "q99" in asks else 1e-6
        assert answers[entry, asks]["value"] == pytest.approx(value, rel=tolerance), asks


def test_outcomes(answers):
    assert answers["gaussian", "R squared of every FFN fit at least the printed one"]["outcome"] == "holds"
    assert answers["gaussian", "q median below the band"]["outcome"] == "does not hold"
    heavy = answers["heavy", "q median below the band"]
    assert heavy["outcome"] == "holds"
    assert heavy["value"] < 1.16 < heavy["value_null"]
    assert heavy["value_se"] > 0
    assert answers["heavy", "FFN median in the band"]["outcome"] == "does not hold"


def test_what_cannot_be_asked_says_why(answers):
    unasked = answers["heavy", "k median in the range of its kind of attention"]
    assert unasked["outcome"] == "cannot be asked"
    assert unasked["reason"] == "the paper prints no range for MQA"
    assert unasked["value"] is None
    for entry in MODELS:
        before = answers[entry, "shape before training at the anchor"]
        assert (before["outcome"], before["value"]) == ("cannot be asked", None)
        assert before["value_null"] == pytest.approx(1.20543431902, abs=1e-9)


def test_a_model_without_such_matrices(made):
    asked = {name: rows for name, rows in made.items() if name not in ("theory", "beyond")}
    rows = beyond({"absent": KNOWN}, asked, 1.2054).to_pylist()
    reasons = {row["reason"] for row in rows if row["claim"] != "any-departure-is-training"}
    assert reasons == {"the model has no such matrix"}


@pytest.mark.parametrize(
    ("changes", "inside"),
    [
        ({}, True),
        ({"altered": "fine-tuned on instructions"}, True),
        ({"parameters": 69_000_000}, False),
        ({"parameters": 14_000_000_000}, True),
        ({"parameters": 15_000_000_000}, False),
        ({"decoder_language_model": False}, False),
        ({"from_scratch": False}, False),
    ],
)
def test_the_scope_of_a_claim(changes, inside):
    assert in_scope(QUESTION["FFN median in the band"], {**KNOWN, **changes}) is inside
    assert in_scope(QUESTION["shape before training at the anchor"], {**KNOWN, **changes})


def test_a_median_has_the_error_of_its_spread(answers, made):
    row = answers["speech", "FFN median in the band"]
    shapes = [
        fit["shape"]
        for fit in made["fits"].to_pylist()
        if (fit["entry"], fit["trim"], fit["sign"]) == ("speech", 0.8, "both")
        and fit["block"] >= 0
        and fit["component"] in FFN
    ]
    assert row["number"] == len(shapes) == 6
    assert row["value_se"] == pytest.approx(1.2533 * np.std(shapes, ddof=1) / math.sqrt(6))
