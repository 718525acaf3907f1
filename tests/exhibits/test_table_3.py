"""Table 3: growth and peak of a planted course, the printed growths, and rows for each source."""

import math

import pytest
from planted_scales import TRAINING, request, scale

from weightfit import paper
from weightfit.exhibits.tables import table_3

SIZES = [key for key, entry in paper.entries().items() if entry.family == "Pythia"]


def rows(*given, **more):
    return table_3.rows(request(*given, **more))


def test_growth_and_peak_are_those_of_a_planted_course(tmp_path):
    course = {0: 0.010, 2: 0.024, 8: 0.040, 32: 0.030, 400: 0.025}
    planted = [
        scale("a", step, median, mean=1.1 * median if step else median, terminal=step == 400, error=0.0001)
        for step, median in course.items()
    ]
    planted += [scale("a", 400, 0.035, component="ffn_in", mean=0.030, terminal=True)]
    steps = {0: 0, 512: 2, 1000: 8, 2000: 32, 143000: 400}
    (row,) = rows(tmp_path, "table_3", planted, {"a": "pythia-70m"}, {"a": TRAINING}, steps)
    assert (row["convention"], row["stand_in"], row["step"], row["blocks"]) == ("own", True, 400, 3)
    assert row["growth_median"] == pytest.approx(0.025 / 0.010 - 1)
    assert row["growth_mean"] == pytest.approx(0.0275 / 0.010 - 1)
    relative = math.sqrt((0.0001 / 0.0275) ** 2 + (0.0001 / 0.010) ** 2)
    assert row["growth_mean_se"] == pytest.approx(2.75 * relative)
    assert (row["steps_kept"], row["peak_step"], row["peak_printed_step"]) == (5, 8, 1000)
    assert (row["peak_median"], row["retreat"]) == (0.040, pytest.approx(1 - 0.025 / 0.040))
    assert row["mean_of_means"] == pytest.approx((0.0275 + 0.030) / 2)
    assert row["mean_of_medians"] == pytest.approx((0.025 + 0.035) / 2)
    assert row["t_over_tau"] == pytest.approx(400 * 0.002 * 0.125)
    assert (row["peak_step_printed"], row["retreat_printed"]) == ("10k", "46")


def test_the_paper_s_scales_grow_as_printed(tmp_path):
    """Its printed ends give its printed growths, within what four digits allow."""
    planted = [
        scale(key, step, float(paper.printed(f"T3.{key.removeprefix('pythia-')}.{end}")), terminal=step > 0)
        for key in SIZES
        for step, end in ((0, "lamO_init"), (143000, "lamO_term"))
    ]
    found = rows(tmp_path, "table_3", planted, {key: key for key in SIZES})
    assert [(row["row"], row["convention"]) for row in found] == [
        (key, name) for key in SIZES for name in paper.conventions()
    ]
    for row in found:
        rounding = (
            0.5e-4 / row["initial_median"] * (1 + row["growth_median"]) + 0.5e-4 / row["initial_median"]
        )
        assert row["growth_median"] == pytest.approx(float(row["growth_printed"]) / 100, abs=rounding + 0.005)
        if row["convention"] == "paper":
            assert f"{row['t_over_tau']:.2f}" == row["t_over_tau_printed"]
            assert row["state_database"].startswith(row["state_printed"].rstrip("."))
        assert (row["peak_step"], row["retreat"], row["steps_kept"]) == (None, None, 2)


def test_what_an_entry_lacks_is_empty_and_no_entry_is_dropped(tmp_path):
    planted = [
        scale("late", None, 0.02, terminal=True),
        *(scale("without", step, 0.02, component="q", terminal=step > 0) for step in (0, 9)),
    ]
    found = rows(tmp_path, "table_3", planted, {"late": "pythia-1b", "without": "pythia-70m"})
    first, *others = found
    assert (first["entry"], first["convention"], first["blocks"], first["terminal_median"]) == (
        "without",
        None,
        0,
        None,
    )
    assert {row["entry"] for row in others} == {"late"}
    for row in others:
        assert (row["initial_mean"], row["growth_mean"], row["peak_step"], row["step"]) == (
            None,
            None,
            None,
            None,
        )
        assert row["terminal_mean"] == 0.02
    display = table_3.display
    assert (display(first)["convention"], display(first)["growth"]) == ("–", "– / –")
