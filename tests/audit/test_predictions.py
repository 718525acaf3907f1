"""The file of predictions: made by its command, from theory that is proved here, and told from a changed one."""

import hashlib
import math
import runpy
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy import stats

from weightfit import documents, paper
from weightfit.audit import registry
from weightfit.audit.evaluation import Evaluated
from weightfit.audit.predictions import beside, foresight
from weightfit.errors import ContractError
from weightfit.fits.population import population_fit, student_t_log_quantile
from weightfit.fits.probability_plot import Magnitudes, fit
from weightfit.paper.predictions import FILE, QUANTILES, changed

COMMAND = runpy.run_module("weightfit.audit.predictions.__main__")


@pytest.fixture(scope="module")
def known():
    return paper.predictions()


def test_the_file_is_what_its_command_gives(shared):
    """Skipped, and said to be, where the released database is not at hand."""
    made = COMMAND["text"](foresight.predictions(shared / "released_database"))
    assert documents.data(FILE).read_text(encoding="utf-8") == made


def test_what_needs_no_database_is_made_anew(known):
    made = foresight.predictions(None)
    assert len(made) > 55
    assert [known[row.id] for row in made] == made
    assert {row.basis for row in known.values() if row not in made} == {"database", "theory"}


def test_each_prediction_is_of_a_reading_and_of_an_original(known):
    readings = {(row.id, row.reading) for rows in registry.read().values() for row in rows}
    assert {(row.id, row.reading) for row in known.values()} <= readings
    assert [key for key in paper.reported() if key in known] == list(known)


# Theory, proved otherwise.


def test_standard_errors_are_those_of_the_estimator():
    of_shape, of_scale, of_ratio = foresight.noise()
    random, n = np.random.default_rng(3), 4000
    found = []
    for _ in range(400):
        drawn = np.sort(np.abs(random.standard_normal(n)))
        line = fit(Magnitudes(drawn, np.ones(n, np.int64), n), [0.80], "drawn")[0]
        found.append((line.shape, math.log(line.scale), math.log(line.scale / math.sqrt(np.mean(drawn**2)))))
    for error, values in zip((of_shape, of_scale, of_ratio), zip(*found, strict=True), strict=True):
        # The standard deviation of 400 values has a standard error of 3.5 %.
        assert np.std(values) * math.sqrt(n) == pytest.approx(error, rel=0.11)


def test_the_greatest_mean_is_that_of_drawn_means(known):
    entry, random = paper.entries()["pythia-70m"], np.random.default_rng(5)
    width, hidden = entry.width, entry.hidden
    sizes = np.repeat([3 * width**2, width**2, width * hidden, width * hidden], entry.layers)
    greatest = np.abs(random.standard_normal((20000, sizes.size)) / np.sqrt(sizes)).max(axis=1)
    row = known["A1.mu_init"]
    assert row.quantiles == pytest.approx(np.quantile(greatest, list(QUANTILES.values())), rel=0.02)
    assert row.probability == pytest.approx(float(np.mean(greatest < 0.003)), abs=0.012)


def test_ratios_before_training_are_the_recipes(known):
    """The printed ratio of Pythia-1b lies outside of the interval that its recipe and sampling allow."""
    for size, blocks in (("70m", 6), ("160m", 12), ("410m", 24), ("1b", 16)):
        assert known[f"T5.{size}.measured"].median == pytest.approx(blocks / math.sqrt(10), rel=1e-5)
    assert known["T5.6.9b.measured"].median == 8
    row = known["T5.1b.measured"]
    assert row.upper_95 - row.median == pytest.approx(0.0007, abs=5e-5)
    assert float(paper.printed("T5.1b.measured")) < row.lower_95


def test_a_mixture_of_one_law_is_that_law_and_of_many_is_their_mixture():
    shape = 1.19
    law = student_t_log_quantile(foresight.heaviness(shape))
    assert population_fit(law, 0.80)["shape"] == pytest.approx(shape, abs=1e-9)
    single = population_fit(foresight._mixture_log_quantile([(shape, 0.02, 1.0), (shape, 0.02, 5.0)]), 0.80)
    assert (single["shape"], single["scale"]) == pytest.approx((shape, 0.02), rel=1e-5)
    laws = [(1.19, 0.02, 1.0), (1.17, 0.05, 3.0)]
    quantile = foresight._mixture_log_quantile(laws)(np.array([0.3, 0.9]), np.array([0.7, 0.1]))
    units = [
        scale / population_fit(student_t_log_quantile(foresight.heaviness(k)), 0.80)["scale"]
        for k, scale, _ in laws
    ]
    below = sum(
        n / 4 * (2 * stats.t.cdf(np.exp(quantile) / unit, foresight.heaviness(k)) - 1)
        for (k, _, n), unit in zip(laws, units, strict=True)
    )
    assert below == pytest.approx([0.3, 0.9], abs=1e-4)


def test_the_chance_of_a_count_is_that_of_all_outcomes():
    chances = (0.2, 0.5, 0.9)
    found = foresight._count_chances(chances)
    for count in range(4):
        brute = sum(
            math.prod(p if hit else 1 - p for p, hit in zip(chances, hits, strict=True))
            for hits in product((True, False), repeat=3)
            if sum(hits) == count
        )
        assert found[count] == pytest.approx(brute)


# What was foreseen beside what came out.


def test_only_values_of_the_papers_own_weights_stand_beside_predictions(known):
    row = known["T1.k90.median"]
    reading = next(each for each in registry.read()[row.id] if each.reading == row.reading)
    for result, later, expected in (
        (Evaluated(reading, value=1.1805), False, 1.1805),
        (Evaluated(reading, value=1.1805), True, None),
        (Evaluated(reading, value=1.1805, is_stand_in=True), False, None),
        (Evaluated(reading), False, None),
    ):
        found = beside.beside({row.id: row}, {row.id: [result]}, with_weights=not later).to_pylist()[0]
        assert found["weights"] == expected
        assert found["weights_within"] == ("80" if expected else None)
        assert found["weights_agree"] == (False if expected else None)
        assert (found["printed"], found["printed_within"]) == (1.182, "none")
    with pytest.raises(ContractError, match=r"id T1\.k90\.median: paper/readings\.tsv has no reading 'none'"):
        beside.beside({row.id: replace(row, reading="none")}, {})


def test_a_printed_number_stands_for_all_that_are_printed_alike(known):
    row = known["A1.ratio_lo"]
    reading = registry.read()[row.id]
    found = beside.beside({row.id: row}, {row.id: [Evaluated(each) for each in reading]}).to_pylist()[0]
    assert found["printed"] < row.lower_50
    assert found["printed_within"] == "50"


def test_a_changed_prediction_is_told(copied_paper):
    path = copied_paper / "predictions.tsv"
    before = paper.predictions_digest()
    assert before == hashlib.sha256(path.read_bytes()).hexdigest()
    assert changed(before) == changed(None) == []
    path.write_text(path.read_text(encoding="utf-8").replace("1.18118", "1.18119"), encoding="utf-8")
    assert paper.predictions_digest() != before
    assert changed(before)[0].startswith("paper/predictions.tsv has changed since the weights were pinned")
    assert paper.predictions()["T1.k90.median"].upper_95 == 1.18119


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("T1.k90.median", "F5.gap_mean", "no original printed number has this id"),
        ("T3.70m.mean_lambda\tpythia-70m", "T3.70m.mean_lambda\tpythia-80m", "has no entry pythia-80m"),
        ("1.17918", "", "quantiles and their scale go together"),
        ("1.17918", "1.19", "the quantiles do not rise"),
        ("T1.k90.median\t\tffn\ttheory", "T1.k90.median\t\tffn\t", "a prediction has a basis"),
        ("\t0.01\t0.0\t\t", "\t0.01\t0.0\t0.1\t", "a standard error belongs to the null of a quantity"),
    ],
)  # fmt: skip
def test_a_row_that_breaks_a_law_is_named(copied_paper, old, new, fault):
    path = copied_paper / "predictions.tsv"
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ContractError, match=fault):
        paper.predictions()
