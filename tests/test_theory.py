"""What needs no weights: against values that mpmath certifies, and the laws of their table."""

import numpy as np
import pytest

from weightfit import table
from weightfit.theory import (
    TRIMS,
    equalising_edges,
    half_normal_fit,
    least_noisy_probability,
    ordinate_variance,
    theory,
)


@pytest.mark.parametrize("trim", TRIMS)
def test_the_fit_of_the_half_normal_law(trim, certified):
    values = certified["half_normal"]
    for name, value in half_normal_fit(trim).items():
        assert value == pytest.approx(values[f"{name}_{trim:.2f}"], rel=1e-9), name


def test_the_noise_of_the_ordinate(certified):
    values = certified["ordinate_noise"]
    # A minimum is flat: its place is known to the root of the precision only.
    assert least_noisy_probability() == pytest.approx(values["least_noisy_probability"], abs=1e-7)
    assert ordinate_variance(least_noisy_probability()) == pytest.approx(values["least_variance"], rel=1e-13)
    for trim in ("0.80", "0.90"):
        low, high = equalising_edges(float(trim))
        assert low == pytest.approx(values[f"lower_equalising_edge_{trim}"], rel=1e-10)
        assert high == pytest.approx(values[f"upper_equalising_edge_{trim}"], rel=1e-10)
        assert ordinate_variance(low) == pytest.approx(ordinate_variance(high), rel=1e-8)


def test_the_variance_of_the_ordinate_is_that_of_simulated_ranks():
    n = 4_001
    sorted_uniform = np.sort(np.random.default_rng(61).random((800, n)), axis=1)
    for probability in (0.1, 0.5, 0.9):
        y = np.log(-np.log1p(-sorted_uniform[:, round(probability * n)]))
        assert n * y.var() == pytest.approx(ordinate_variance(probability), rel=0.15)


def test_the_table_of_theory(certified):
    rows = theory()
    names = table.arrow_schema("theory").names
    made = table.build("theory", {name: [row[name] for row in rows] for name in names})
    assert made.num_rows == len(rows)
    values = certified["ordinate_noise"]
    keyed = {(row["quantity"], row["trim"]): row for row in rows if row["quantity"] != "relative_variance"}
    for trim in TRIMS[:2]:
        for side in ("lower", "upper"):
            row = keyed[f"{side}_edge_variance", trim]
            assert row["value"] == pytest.approx(values[f"{side}_edge_variance_{trim:.2f}"], rel=1e-10)
            assert row["probability"] == pytest.approx((1 - trim) / 2 if side == "lower" else (1 + trim) / 2)
            row = keyed[f"{side}_equalising_edge", trim]
            assert row["probability"] == pytest.approx(
                values[f"{side}_equalising_edge_{trim:.2f}"], rel=1e-10
            )
        edges = [keyed[f"{side}_equalising_edge", trim]["value"] for side in ("lower", "upper")]
        assert edges[0] == pytest.approx(edges[1], rel=1e-8)
    assert len(keyed) == 1 + 3 * len(TRIMS) + 4 * 2
    curve = {row["probability"]: row["value"] for row in rows if row["quantity"] == "relative_variance"}
    assert min(curve.values()) >= 1
    assert min(curve, key=curve.__getitem__) == pytest.approx(values["least_noisy_probability"], abs=0.003)
