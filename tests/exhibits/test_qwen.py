"""Colours of the Qwen cohort: by the regime that the paper prints, whatever the weights say."""

import colorsys

import pytest
from matplotlib.colors import to_rgb
from planted_fits import request

from weightfit import paper
from weightfit.exhibits.figures.qwen import handles, marks, regime

QWEN = [key for key, entry in paper.entries().items() if "qwen" in entry.cohort]


@pytest.fixture
def asked(tmp_path):
    return request(tmp_path, "figure_13", QWEN)


def test_the_regimes_are_those_of_table_7_and_as_many_as_figure_13_counts(asked):
    found = {key: regime(asked, key) for key in QWEN}
    for letter in "AB":
        assert str(list(found.values()).count(letter)) == paper.printed(f"F13.n_{letter}")
    cells = {one.id: one.quote for one in paper.reported().values() if one.id.endswith(".regime")}
    for key, letter in found.items():
        name = asked.content["printed"]["regimes"][key].split(".", 1)[1].removesuffix(".regime")
        assert paper.find_entry(name).id == key
        assert cells[f"T7.{name}.regime"].endswith(f"| {letter}")


def test_regime_b_is_warm_and_regime_a_cool(asked):
    for key in QWEN:
        hue = 360 * colorsys.rgb_to_hls(*to_rgb(marks(asked)[f"own-{key}"][0]))[0]
        assert (hue < 60 or hue > 330) if regime(asked, key) == "B" else 170 < hue < 260


def test_no_two_entries_look_alike_and_none_changes_with_the_company_it_keeps(asked, tmp_path):
    looks = marks(asked)
    assert len(set(looks.values())) == len({colour for colour, _ in looks.values()}) == len(QWEN)
    alone = request(tmp_path, "figure_13", ["qwen2.5-math-1.5b"])
    assert marks(alone) == {"own-qwen2.5-math-1.5b": looks["own-qwen2.5-math-1.5b"]}


def test_the_legend_heads_each_regime_that_it_has(asked, tmp_path):
    labels = [one.get_label() for one in handles(asked)]
    assert len(labels) == len(QWEN) + 2
    assert labels.index("printed as regime B:") == 0
    first = labels[labels.index("printed as regime A:") + 1]
    assert regime(asked, next(key for key in QWEN if paper.entries()[key].name == first)) == "A"
    alone = request(tmp_path, "figure_13", ["qwen2-7b"])
    assert [one.get_label() for one in handles(alone)] == ["printed as regime B:", "Qwen2-7B"]
    # In grey, the regimes differ by dashes and by open marks.
    assert {(one.get_linestyle(), one.get_markerfacecolor() == "white") for one in handles(asked)[1:8]} == {
        ("-", False)
    }
    assert {(one.get_linestyle(), one.get_markerfacecolor()) for one in handles(asked)[9:]} == {
        ("--", "white")
    }
