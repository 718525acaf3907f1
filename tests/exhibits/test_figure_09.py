"""Figure 9: groups of attention, and the spread over blocks."""

import pytest
from planted_fits import fit, request, write

from weightfit import paper
from weightfit.exhibits.figures import figure_09

MAIN = [key for key, entry in paper.entries().items() if "main" in entry.cohort]


def rows(folder, keys, fits):
    write(folder, "fits", fits)
    return figure_09.rows(request(folder, "figure_09", keys))


def planted(keys):
    return [fit(f"own-{key}", component) for key in keys for component in ("q", "k", "qkv")]


def test_the_groups_are_those_of_the_caption(tmp_path):
    found = {}
    for row in rows(tmp_path, MAIN, planted(MAIN)):
        found.setdefault(row["series"], set()).add(row["entry"].removeprefix("own-"))
    assert found == {
        "separate MHA": {"olmo-1-7b", "olmo-2-7b"},
        "GQA": {"llama-3-8b", "mistral-7b", "qwen2.5-7b", "qwen2.5-14b", "qwen3-8b"},
        "merged": {key for key in MAIN if key.startswith("pythia")},
    }


def test_a_range_is_printed_where_the_caption_has_it_and_each_storage_is_measured_both_ways(tmp_path):
    found = {(row["panel"], row["series"]): row for row in rows(tmp_path, MAIN, planted(MAIN))}
    printed = {place for place, row in found.items() if row["printed"]}
    assert printed == {(one, two) for one in "qk" for two in ("separate MHA", "GQA")} | {("qkv", "merged")}
    assert found["q", "GQA"]["printed"] == f"{paper.printed('F9.gqa_low')} to {paper.printed('F9.gqa_high')}"
    assert {place for place, row in found.items() if row["as_stored"]} == printed


def test_the_spread_is_over_blocks(tmp_path):
    shapes = (1.0, 1.3, 1.1, 1.2, 0.9)
    planted_rows = [
        fit("own-pythia-70m", "q", block=block, shape=shape, shape_null=1.2 + block / 100)
        for block, shape in enumerate(shapes)
    ]
    (row,) = rows(tmp_path, ["pythia-70m"], planted_rows)
    spread = [row[f"shape_{name}"] for name in ("low", "q25", "median", "q75", "high")]
    assert spread == pytest.approx(sorted(shapes))
    assert (row["blocks"], row["shape_null"]) == (5, pytest.approx(1.22))
