"""Figure 12: the line, the deviations and the sources, from the printed scales and from planted ones."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from exhibit_maker import make
from planted_scales import ends, request
from svg_text import faults

from weightfit import paper
from weightfit.exhibits.figures import figure_12
from weightfit.paper import exhibits

SIZES = list(exhibits.read()["figure_12"].content["entries"])


def asked(folder, scales, trainings=None):
    """Ask for Figure 12 of a cohort with these scales of o; entries with a training are stand-ins."""
    entries = {f"own-{key}": key for key in scales}
    own = {f"own-{key}": rates for key, rates in (trainings or {}).items()}
    return request(folder, "figure_12", ends(scales), entries, own)


def test_the_paper_s_scales_give_its_line_under_its_own_source(tmp_path):
    scales = {key: float(paper.printed(f"T4.{key}.lambda")) for key in SIZES}
    found = figure_12.rows(asked(tmp_path, scales))
    as_printed = [row for row in found if row["panel"] == "printed"]
    found = found[len(as_printed) :]
    panels = list(dict.fromkeys(row["panel"] for row in found))
    assert ["printed", *panels] == list(exhibits.read()["figure_12"].content["panels"])
    assert panels == list(paper.conventions())
    assert {row["series"] for row in found} == set(exhibits.read()["figure_12"].content["series"])
    line = {row["panel"]: row for row in found if row["series"] == "line"}
    assert f"{line['paper']['slope']:.3f}" == line["paper"]["slope_printed"]
    assert f"{line['paper']['correlation']:.2f}" == line["paper"]["correlation_printed"]
    # The printed roots are those of the printed rates, but for their three digits.
    for name in ("slope", "correlation", "exponent", "factor"):
        assert as_printed[-1][name] == pytest.approx(line["paper"][name], rel=5e-3)
    assert {row["entry"] for row in as_printed} == {None}
    # Ten times the weight decay is a root ten times smaller in the square: the slope is sqrt(10) times larger, but for
    # the learning rate of one size.
    assert line["official"]["slope"] == pytest.approx(line["paper"]["slope"] * np.sqrt(10), rel=0.02)
    for row in found:
        if row["series"] == "line":
            assert row["slope_null"] < row["slope"]
            assert row["correlation_null"] is None  # all start alike
            continue
        at = line[row["panel"]]["slope"] * row["root"]
        assert row["deviation_predicted"] == pytest.approx(100 * (row["scale"] / at - 1))
        assert row["deviation_measured"] == pytest.approx(100 * (1 - at / row["scale"]))
        assert (row["scale_null"], row["stand_in"]) == (0.01, False)
    for panel in panels:
        own = [row for row in found if row["panel"] == panel and row["entry"]]
        for name in ("measured", "predicted"):
            away = [abs(row[f"deviation_{name}"]) for row in own]
            limits = [line[panel][f"deviation_{name}_{side}"] for side in ("low", "high")]
            assert limits == pytest.approx([min(away), max(away)])


RATES = {"peak_learning_rate": 0.004, "weight_decay": 0.1, "steps": 10}


def test_stand_ins_have_a_panel_of_their_own_and_unknown_rates_no_mark(tmp_path):
    trainings = {"pythia-70m": RATES, "pythia-160m": RATES | {"weight_decay": 0.4}, "pythia-1b": {}}
    scales = {"pythia-70m": 0.02, "pythia-160m": 0.01, "pythia-1b": 0.03, "pythia-410m": 0.02}
    found = figure_12.rows(asked(tmp_path, scales, trainings))
    by_panel = {}
    for row in (row for row in found if row["panel"] != "printed"):
        by_panel.setdefault(row["panel"], []).append(row)
    assert list(by_panel) == ["own", "unknown", *paper.conventions()]
    own = {row["series"]: row for row in by_panel["own"]}
    assert set(own) == {"pythia-70m", "pythia-160m", "line"}
    # 0.02 over a root of 0.2 and 0.01 over a root of 0.1.
    assert own["line"]["slope"] == pytest.approx(0.1)
    assert own["pythia-70m"]["deviation_predicted"] == pytest.approx(0, abs=1e-10)
    (unknown,) = by_panel["unknown"]
    assert (unknown["series"], unknown["root"], unknown["deviation_predicted"]) == ("pythia-1b", None, None)
    (alone,) = by_panel["paper"]
    assert (alone["series"], alone["deviation_measured"]) == ("pythia-410m", None)


def test_the_free_power_goes_through_the_printed_points_in_logarithms(tmp_path):
    *points, line = figure_12.rows(asked(tmp_path, {}))
    roots, scales = (np.log([row[name] for row in points]) for name in ("root", "scale"))
    exponent, factor = np.polyfit(roots, scales, 1)
    assert line["exponent"] == pytest.approx(exponent)
    assert line["factor"] == pytest.approx(np.exp(factor))


def test_without_weights_the_printed_points_are_drawn(tmp_path):
    one = asked(tmp_path, {})
    one = replace(one, tables={}, entries={})
    assert "From printed numbers alone" in make(one)
    svg = Path(one.paths["svg"])
    assert faults(svg) == []
    text = svg.read_text(encoding="utf-8")
    assert "As printed in Table 4" in text
    assert all(paper.entries()[key].name in text for key in SIZES)


@pytest.mark.parametrize(
    "trainings",
    [{}, dict.fromkeys(SIZES, RATES), {key: {} for key in SIZES}, {"pythia-70m": RATES}],
    ids=["the paper's", "one root", "no rates", "both"],
)
def test_it_is_drawn_from_what_there_is(tmp_path, trainings):
    scales = {key: 0.02 + 0.001 * number for number, key in enumerate(SIZES)}
    one = asked(tmp_path, scales, trainings)
    assert make(one).startswith("Figure 12: ")
    assert faults(Path(one.paths["svg"])) == []
