"""Power laws of tails against WeightWatcher, powerlaw, a search by hand, and laws whose exponent is known."""

import math
import re
import warnings
from pathlib import Path

import numpy as np
import powerlaw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spectrum_matrices import DRAWN, seeded

from weightfit.errors import DegenerateSpectrum
from weightfit.spectra.power_law import MINIMUM_EIGENVALUES, tail_exponent
from weightfit.spectra.singular_values import singular_values

CERTIFIED = Path(__file__).parents[1] / "certified"
REAL = dict(np.load(CERTIFIED / "minilm_eigenvalues.npz"))


def by_hand(values):
    """Try each distinct value but the last two as a start, on sorted values with all their repetitions."""
    values = np.sort(values)
    best = (math.inf,)
    for start in np.unique(values)[:-2]:
        tail = values[values >= start]
        alpha = 1 + tail.size / np.log(tail / start).sum()
        below = np.searchsorted(tail, tail) / tail.size
        distance = np.abs(1 - (tail / start) ** (1 - alpha) - below).max()
        best = min(best, (distance, start, alpha, tail.size), key=lambda found: found[0])
    return best


def in_powerlaw(values, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return powerlaw.Fit(values, verbose=0, **options)


@pytest.mark.parametrize("program", ["weightwatcher", "powerlaw"])
@pytest.mark.parametrize("name", [*DRAWN, *REAL])
def test_it_is_that_of_weightwatcher_and_of_powerlaw_15(name, program, certified):
    values = REAL[name] if name in REAL else singular_values(seeded(name)) ** 2
    found = tail_exponent(values)
    expected = {
        statistic: certified["power_law_tails"][f"{name}_{program}_{statistic}"]
        for statistic in ("alpha", "start", "tail", "distance")
    }
    assert found.tail == expected["tail"]
    assert found.alpha == pytest.approx(expected["alpha"], rel=1e-10)
    assert found.start == pytest.approx(expected["start"], rel=1e-10)
    assert found.ks_distance == pytest.approx(expected["distance"], rel=1e-10)
    assert found.alpha_se == (found.alpha - 1) / math.sqrt(found.tail)


def test_every_certified_tail_is_compared(certified):
    names = {re.sub(r"_(weightwatcher|powerlaw)_\w+$", "", name) for name in certified["power_law_tails"]}
    assert names == {*DRAWN, *REAL}
    assert len(names) == 12


@pytest.mark.parametrize("name", ["gaussian", "student", "repeated"])
def test_it_is_that_of_the_installed_powerlaw(name):
    random = np.random.default_rng(234)
    values = {
        "gaussian": lambda: singular_values(random.standard_normal((90, 150))) ** 2,
        "student": lambda: singular_values(random.standard_t(2, (80, 80))) ** 2,
        "repeated": lambda: np.round(1 + random.pareto(1.5, 300), 1),
    }[name]()
    found = tail_exponent(values)
    expected = in_powerlaw(values, parameter_ranges={"alpha": [1, None]})
    assert found.tail == expected.n_tail
    assert found.alpha == pytest.approx(expected.alpha, rel=1e-10)
    assert found.start == pytest.approx(expected.xmin, rel=1e-10)
    assert found.ks_distance == pytest.approx(expected.D, rel=1e-10)


def test_the_installed_powerlaw_discards_exponents_of_three_and_more_by_itself():
    values = singular_values(np.random.default_rng(235).standard_normal((60, 90))) ** 2
    assert tail_exponent(values).alpha > 3 > in_powerlaw(values).alpha


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.integers(MINIMUM_EIGENVALUES, 150),
    spread=st.sampled_from([0.1, 1.0, 5.0]),
    digits=st.sampled_from([2, 15]),
)
def test_it_is_that_of_a_search_by_hand(seed, size, spread, digits):
    values = np.exp(spread * np.random.default_rng(seed).standard_normal(size))
    values = np.array([float(f"{value:.{digits}g}") for value in values])
    if np.unique(values).size < MINIMUM_EIGENVALUES:
        return
    found = tail_exponent(values)
    distance, start, alpha, tail = by_hand(values)
    assert found.ks_distance == pytest.approx(distance, rel=1e-10)
    assert (found.start, found.tail) == (start, tail)
    assert found.alpha == pytest.approx(alpha, rel=1e-10)


@pytest.mark.parametrize("size", [60, 4000])
def test_exact_quantiles_of_a_pareto_law_give_hills_estimate_from_the_first_on(size):
    # The share below the value at rank i is i / size, so that the law itself has no distance at all.
    values = 3.0 * (1 - np.arange(size) / size) ** (-1 / 1.5)
    found = tail_exponent(values)
    assert (found.start, found.tail) == (3.0, size)
    # The sum of ln(value / 3) is that of -ln((size - i) / size) / 1.5.
    assert found.alpha == pytest.approx(
        1 + 1.5 * size / (size * math.log(size) - math.lgamma(size + 1)), rel=1e-12
    )
    assert found.ks_distance < 2 / size


def test_a_planted_tail_begins_where_it_was_planted():
    random = np.random.default_rng(236)
    body, tail = random.uniform(0, 10, 3000), 10 * (1 - random.random(1000)) ** (-1 / 1.8)
    found = tail_exponent(np.concatenate([body, tail]))
    assert found.start == pytest.approx(10, rel=0.1)
    assert abs(found.alpha - 2.8) < 3 * found.alpha_se


def test_order_units_and_zeros_change_nothing():
    random = np.random.default_rng(237)
    values = 1 + random.pareto(2, 200)
    found = tail_exponent(values)
    assert tail_exponent(random.permutation(values)) == found
    scaled = tail_exponent(np.concatenate([2.0**-40 * values, np.zeros(5), [1e-16 * 2.0**-40]]))
    assert (scaled.alpha, scaled.tail, scaled.ks_distance) == (found.alpha, found.tail, found.ks_distance)
    assert scaled.start == 2.0**-40 * found.start


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.zeros(0), "0 of 0"),
        (np.zeros(100), "0 of 100"),
        (np.ones(100), "1 of 100"),
        (np.arange(1.0, MINIMUM_EIGENVALUES), "49 of 49"),
    ],
)
def test_too_few_eigenvalues_are_refused(values, said):
    with pytest.raises(
        DegenerateSpectrum, match=rf"0\.q: {said} eigenvalues are distinct .* at least 50: exclude"
    ):
        tail_exponent(values, "0.q")


def test_as_many_as_needed_are_enough():
    assert tail_exponent(np.arange(1.0, MINIMUM_EIGENVALUES + 1)).tail >= 3
