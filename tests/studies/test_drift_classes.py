"""Which cells stand in the medians of the classes, against a list by hand and numpy."""

import itertools

import numpy as np
import pytest

from weightfit import paper
from weightfit.studies.drift_classes import as_stored, class_medians

CLASSES = {"selection": ["q", "k", "qkv"], "transmission": ["v", "o", "gate", "down", "ffn_in"]}


def test_entries_store_q_k_and_v_apart_or_in_one_matrix():
    for key, entry in paper.entries().items():
        merged = key.startswith("pythia")
        assert merged == (entry.storage == "merged")
        assert [as_stored(key, kind) for kind in ("q", "k", "v")] == [not merged] * 3
        assert as_stored(key, "qkv") is merged
        assert as_stored(key, "o")
        assert as_stored(key, "ffn_out")


def cells():
    random = np.random.default_rng(5)
    return [
        {"class": name, "series": kind, "as_stored": as_stored(key, kind), "key": key}
        | {"value": random.standard_normal(), "value_null": random.standard_normal()}
        for key in ("pythia-70m", "pythia-1b", "olmo-1-7b", "llama-3-8b", "qwen3-8b")
        for name, kinds in CLASSES.items()
        for kind in kinds
    ]


MERGED = ("pythia-70m", "pythia-1b")
EXPECTED = {
    ("selection", "as stored"): lambda key, kind: (kind == "qkv") == (key in MERGED),
    ("selection", "split"): lambda key, kind: kind in ("q", "k"),
    ("selection", "every kind"): lambda key, kind: True,
    ("transmission", "as stored"): lambda key, kind: not (kind == "v" and key in MERGED),
    ("transmission", "split"): lambda key, kind: True,
    ("transmission", "without v"): lambda key, kind: kind != "v",
}


def test_medians_are_over_the_cells_of_each_reading():
    given = cells()
    found = class_medians(given)
    assert [(row["class"], row["reading"]) for row in found] == list(EXPECTED)
    for row in found:
        holds = EXPECTED[row["class"], row["reading"]]
        own = [one for one in given if one["class"] == row["class"] and holds(one["key"], one["series"])]
        values = np.array([one["value"] for one in own])
        assert row["cells"] == len(own)
        assert [row["value_q25"], row["value"], row["value_q75"]] == pytest.approx(
            np.percentile(values, [25, 50, 75])
        )
        assert row["value_null"] == pytest.approx(np.median([one["value_null"] for one in own]))
    # No two readings of a class are over the same cells.
    for name, rows in itertools.groupby(found, key=lambda row: row["class"]):
        counts = [row["cells"] for row in rows]
        assert len(set(counts)) == len(counts), name


def test_a_class_without_cells_has_no_median():
    only = [one for one in cells() if one["series"] in ("q", "k") and one["key"] in MERGED]
    found = {(row["class"], row["reading"]): row["cells"] for row in class_medians(only)}
    assert found == {("selection", "split"): 4, ("selection", "every kind"): 4}
