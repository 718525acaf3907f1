"""The trim ablation against summaries by hand over a small table of fits."""

import numpy as np
import pytest

from weightfit import table
from weightfit.studies.ablation import ablation

TRIMS = (0.80, 0.90, 1.00)
FIXED = {"n": 100, "excluded": 0, "exactness": "f16", "zeros": 0, "scale": 0.02, "shape_se": 0.01, "scale_se": 1e-4,
         "scale_null": 0.02, "r_squared_null": 0.99, "ks_distance": 0.1, "ks_distance_null": 0.1,
         "ks_distance_trimmed": 0.1, "ks_distance_trimmed_null": 0.1}  # fmt: skip


def fits(entries):
    """Build a table of fits: entry to steps; shapes are random, and some rows are of no concern."""
    random = np.random.default_rng(71)
    rows = []
    for entry, (components, steps) in entries.items():
        for step in steps:
            for block in (0, 1, 2, -1):
                for component in (*components, "ffn", "all"):
                    for protocol, sign in (
                        ("centred", "both"),
                        ("centred", "positive"),
                        ("uncentred", "both"),
                    ):
                        for trim in TRIMS:
                            rows.append(
                                FIXED
                                | {
                                    "entry": entry,
                                    "step": step,
                                    "terminal": step == steps[-1],
                                    "block": block,
                                }
                                | {"component": component, "protocol": protocol, "sign": sign, "trim": trim}
                                | {"shape": 1 + random.random(), "shape_null": 1 + random.random()}
                                | {"r_squared": random.random()}
                            )
    return rows, table.of_rows("fits", rows)


PYTHIA, LLAMA = ("q", "o", "ffn_in", "ffn_out"), ("k", "o", "gate", "up", "down")
ENTRIES = {"b": (PYTHIA, [0, 1, 5]), "a": (LLAMA, [0, 9]), "one": (LLAMA, [7]), "none": (PYTHIA, [None])}


def test_each_summary_is_that_of_its_own_matrices():
    rows, made = fits(ENTRIES)
    summary = {(r["entry"], r["stage"], r["kind"], r["trim"]): r for r in ablation(made).to_pylist()}
    stages = [("b", "initial", 0), ("b", "terminal", 5), ("a", "initial", 0), ("a", "terminal", 9),
              ("one", "terminal", 7), ("none", "terminal", None)]  # fmt: skip
    kinds = ("ffn", "transmission")
    assert list(summary) == [(e, s, kind, trim) for e, s, _ in stages for kind in kinds for trim in TRIMS]
    for entry, stage, step in stages:
        for kind in kinds:
            for trim in TRIMS:
                own = [
                    row
                    for row in rows
                    if (row["entry"], row["step"], row["trim"]) == (entry, step, trim)
                    and (row["protocol"], row["sign"]) == ("centred", "both")
                    and row["block"] >= 0
                    and row["component"]
                    in {"ffn_in", "ffn_out", "gate", "up", "down", *(["o"] * (kind != "ffn"))}
                ]
                shape = np.array([row["shape"] for row in own])
                found = summary[entry, stage, kind, trim]
                assert (found["matrices"], found["step"]) == (len(own), step)
                assert found["shape_median"] == np.median(shape)
                assert found["shape_mean"] == pytest.approx(shape.mean(), rel=1e-14)
                assert (found["shape_low"], found["shape_high"]) == (shape.min(), shape.max())
                assert found["shape_null"] == np.median([row["shape_null"] for row in own])
                assert found["r_squared_low"] == min(row["r_squared"] for row in own)
                expected = np.sqrt(np.pi / 2) * shape.std(ddof=1) / np.sqrt(shape.size)
                assert found["shape_median_se"] == pytest.approx(expected, rel=1e-4)


def test_the_error_of_a_median_is_its_spread_over_gaussian_samples():
    samples = np.random.default_rng(72).standard_normal((4000, 61))
    assert np.median(samples, axis=1).std() == pytest.approx(1.2533 / np.sqrt(61), rel=0.05)
