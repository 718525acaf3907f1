"""Crossings of thresholds on small tables, whose lines can be followed by hand."""

import pytest

from weightfit import table
from weightfit.exhibits.tables.table_7 import least_fraction


@pytest.fixture(scope="module")
def made():
    rows = [
        # fraction, centre, spread, shape, dip
        (0.1, -3.0, 0.3, 1.0, 0.0),
        (0.2, -3.0, 0.3, 0.8, 0.1),
        (0.4, -3.0, 0.3, 0.7, 0.2),
        (0.5, -3.0, 0.3, 0.9, 0.1),
        (0.1, -3.0, 0.6, 0.5, 0.2),
        (0.1, -2.0, 0.3, 0.6, 0.2),
    ]
    names = ("fraction", "centre", "spread", "shape", "dip")
    columns = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    return table.build(
        "calibration", columns | {"shape_null": [1.2] * len(rows), "weights_needed": [None] * len(rows)}
    )


@pytest.mark.parametrize(
    ("column", "level", "fraction"),
    [
        ("shape", 1.3, 0.0),
        ("shape", 1.2, 0.0),
        ("shape", 1.1, 0.05),
        ("shape", 1.0, 0.1),
        ("shape", 0.9, 0.15),
        ("shape", 0.75, 0.3),
        ("shape", 0.7, 0.4),
        ("shape", 0.69, None),
        ("dip", 0.05, 0.15),
        ("dip", 0.2, 0.4),
        ("dip", 0.21, None),
    ],
)
def test_thresholds_are_read_between_the_rows(made, column, level, fraction):
    found = least_fraction(made, -3.0, 0.3, column, level)
    assert found == (None if fraction is None else pytest.approx(fraction, rel=1e-12))


def test_each_population_has_its_own_line(made):
    assert least_fraction(made, -3.0, 0.6, "shape", 0.85) == pytest.approx(0.05)
    assert least_fraction(made, -2.0, 0.3, "shape", 0.9) == pytest.approx(0.05)
