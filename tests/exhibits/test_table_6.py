"""Tables of diagnostic functions: which comparison stands in which row, and how an agreement reads."""

import pytest
from exhibit_maker import make, request
from planted_fits import write

from weightfit import paper
from weightfit.exhibits.tables import table_6, table_6_released
from weightfit.paper import exhibits

FOUND = {
    "kind": "paper",
    "released": False,
    "nearest": "weibull_fit",
    "label": "F1",
    "ours": None,
    "handed_through": False,
    "compared": "k",
    "values": 3,
    "unequal": 0,
    "difference": 2e-16,
    "tolerance": 1e-12,
    "agrees": True,
    "note": "A note.",
    "version": "9.8.7",
}
NAMES = [paper.printed(f"T6.F{number}") for number in range(1, 9)]


@pytest.fixture
def asked(tmp_path):
    """Return a function that asks for a table of these functions."""

    def ask(label, rows):
        write(tmp_path, "library", rows)
        return request(label, tmp_path, tmp_path / "made", {}, {"steps": {}, "blocks": {}, "absent": {}})

    return ask


def test_a_row_is_found_by_the_printed_name_whatever_the_order(asked):
    rows = [FOUND | {"name": name, "note": name.upper()} for name in reversed(NAMES)]
    strange = FOUND | {"kind": "released", "name": NAMES[0], "note": "another"}
    found = table_6.rows(asked("table_6", [strange, *rows]))
    assert [row["row"] for row in found] == list(exhibits.read()["table_6"].content["rows"])
    assert [row["name"] for row in found] == NAMES
    assert [row["note"] for row in found] == [name.upper() for name in NAMES]


def test_released_names_stand_as_they_are_exported(asked):
    rows = [FOUND | {"kind": "released", "released": True, "name": name} for name in ("b", "a")]
    rows[1]["handed_through"] = True
    found = table_6_released.rows(asked("table_6_released", [FOUND | {"name": NAMES[0]}, *rows]))
    assert [(row["row"], row["in_release"], row["handed_through"]) for row in found] == [
        ("b", True, False),
        ("a", True, True),
    ]
    shown = [table_6_released.display(row) for row in found]
    assert [row["handed_through"] for row in shown] == ["ours", "the library's"]


@pytest.mark.parametrize(
    ("changes", "column", "text"),
    [
        ({}, "in_release", "no"),
        ({"released": True}, "in_release", "yes"),
        ({}, "nearest", "weibull_fit (F1)"),
        ({"label": None}, "nearest", "weibull_fit"),
        ({"label": None, "nearest": None}, "nearest", "–"),
        ({}, "ours", "–"),
        ({"ours": f"weightfit.diagnostics.{NAMES[1]}"}, "ours", NAMES[1]),
        ({"ours": "weightfit.other.another"}, "ours", "other.another"),
        ({}, "compared", "k (3)"),
        ({}, "agrees", "yes"),
        ({"agrees": False, "unequal": 2}, "agrees", "no: 2 of 3 differ"),
        ({"agrees": None, "compared": None, "values": 0}, "agrees", "–"),
        ({"agrees": None, "compared": None, "values": 0}, "compared", "–"),
        ({}, "difference", "2e-16"),
        ({"difference": 0.0}, "difference", "0"),
        ({"difference": None}, "difference", "–"),
    ],
)
def test_how_a_comparison_reads(asked, changes, column, text):
    rows = [FOUND | {"name": name} | (changes if name == NAMES[1] else {}) for name in NAMES]
    _, row, *_ = table_6.rows(asked("table_6", rows))
    assert table_6.display(row)[column] == text


def test_the_release_that_was_compared_is_named(asked):
    said = make(asked("table_6", [FOUND | {"name": name} for name in NAMES]))
    assert "npm-weibull-py 9.8.7 as installed" in said
    assert "at most 1e-12" in said
