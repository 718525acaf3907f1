"""What stands in the cells of tables where there is a number, and where there is none."""

import pytest

from weightfit.exhibits.words import ABSENT, cell, cells, percent, spread, with_error

ROW = {
    "a": 1.23456,
    "a_se": 0.05,
    "a_q25": 1.0,
    "a_q75": 1.5,
    "b": None,
    "b_se": None,
    "b_q25": None,
    "b_q75": None,
}


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (cell(1.23456), "1.2346"),
        (cell(12000, ",d"), "12,000"),
        (cell(0.0, ".1f"), "0.0"),
        (cell(None), ABSENT),
        (cells(ROW, ("a", "b"), ".1f"), f"1.2 / {ABSENT}"),
        (with_error(ROW, "a", ".2f"), "1.23 ± 0.05"),
        (with_error(ROW, "b"), ABSENT),
        (spread(ROW, "a", ".1f"), "1.2 [1.0, 1.5]"),
        (spread(ROW, "b"), ABSENT),
        (percent(0.4286), "+42.9 %"),
        (percent(-0.4286, ".0f"), "-43 %"),
        (percent(0, ".1f"), "0.0 %"),
        (percent(None), ABSENT),
    ],
)
def test_numbers_are_written_in_their_format_and_their_absence_by_one_sign(shown, expected):
    assert shown == expected
