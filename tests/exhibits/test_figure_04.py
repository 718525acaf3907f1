"""Figure 4: marks, their starts and the printed medians beside ours."""

from pathlib import Path

import pytest
from exhibit_maker import make
from planted_fits import request, write
from svg_text import faults

from weightfit import paper, table
from weightfit.exhibits.figures import figure_04

NAMES = table.arrow_schema("drift").names
ANCHOR = 1.2054


def drifted(key, component, drift, *, source="measured", **changes):
    """Return a row of the table of drifts that ends at the anchor plus its drift."""
    row = dict.fromkeys(NAMES, 1.2) | {"entry": f"own-{key}", "component": component, "blocks": 4}
    row |= {"initial_source": source, "step_initial": 0 if source == "measured" else None, "step_terminal": 9}
    row |= {
        "drift": drift,
        "drift_null": 0.0,
        "drift_se": 0.01,
        "drift_q25": drift - 0.1,
        "drift_q75": drift + 0.1,
    }
    return row | {"shape_initial": ANCHOR, "shape_terminal": ANCHOR + drift} | changes


@pytest.fixture
def asked(tmp_path):
    def made(rows, keys, **facts):
        write(tmp_path, "drift", rows)
        names = table.arrow_schema("theory").names
        write(
            tmp_path,
            "theory",
            [
                dict.fromkeys(names) | {"quantity": "half_normal_shape", "trim": trim, "value": value}
                for trim, value in ((0.80, ANCHOR), (0.90, 1.19), (1.00, 1.15))
            ],
        )
        return request(tmp_path, "figure_04", keys, **facts)

    return made


PLANTED = [
    *(
        drifted("pythia-70m", kind, value)
        for kind, value in (("q", -0.3), ("k", -0.2), ("qkv", -0.05), ("v", 0.2))
    ),
    *(
        drifted("olmo-1-7b", kind, value, source="anchor")
        for kind, value in (("q", -0.1), ("k", -0.4), ("qkv", -0.6))
    ),
    *(drifted(key, "o", value) for key, value in (("pythia-70m", -0.01), ("olmo-1-7b", -0.03))),
]


def test_each_mark_has_its_start_and_each_class_its_medians(asked):
    found = figure_04.rows(asked(PLANTED, ["pythia-70m", "olmo-1-7b"]))
    marks = {(row["panel"], row["series"], row["entry"]): row for row in found if not row["reading"]}
    assert len(marks) == 2 * len(PLANTED)
    mark = marks["drift", "k", "own-olmo-1-7b"]
    assert (mark["value"], mark["initial_source"], mark["step_initial"], mark["as_stored"]) == (
        *(-0.4, "anchor", None, True),
    )
    last = marks["terminal", "k", "own-olmo-1-7b"]
    assert (last["value"], last["anchor"]) == (pytest.approx(ANCHOR - 0.4), ANCHOR)
    assert last["band_high_printed"] == paper.printed("F4.band_high")
    medians = {(row["series"], row["reading"]): row for row in found if row["reading"]}
    # As stored: the pool of pythia-70m, q and k of olmo-1-7b; no reading is over every mark's value alone.
    expected = {"as stored": -0.1, "split": -0.25, "every kind": -0.25}
    for reading, value in expected.items():
        row = medians["selection median", reading]
        assert (row["panel"], row["value"]) == ("drift", pytest.approx(value))
        assert row["printed"] == paper.printed("F4.drift_sel")
    assert medians["transmission median", "without v"]["value"] == pytest.approx(-0.02)
    assert medians["transmission median", "split"]["value"] == pytest.approx(-0.01)
    assert {frozenset(row) for row in found} == {frozenset(figure_04.COLUMNS)}


@pytest.mark.parametrize(
    ("rows", "keys"),
    [
        (PLANTED, ["pythia-70m", "olmo-1-7b"]),
        ([drifted("mistral-7b", "up", -0.01, source="anchor")], ["mistral-7b"]),
        ([drifted("qwen2-7b", "up", -0.01)], ["mistral-7b"]),
    ],
    ids=["two entries", "one kind", "all left out"],
)
def test_it_is_drawn_from_what_there_is(asked, rows, keys):
    one = asked(rows, keys, stand_in=True)
    assert make(one).startswith("Figure 4: ")
    assert faults(Path(one.paths["svg"])) == []
