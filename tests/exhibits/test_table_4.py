"""Table 4: each entry under each source of its rates, with and without weights."""

import math

import pytest
from planted_scales import TRAINING, ends, request

from weightfit import paper
from weightfit.exhibits.tables import table_4

MAIN = [key for key, entry in paper.entries().items() if "main" in entry.cohort]


def asked(folder, scales, stand_ins=()):
    """Ask for Table 4 of a cohort with these scales of o by entry of the paper."""
    entries = {f"own-{key}": key for key in scales}
    trainings = {f"own-{key}": TRAINING for key in stand_ins}
    return request(folder, "table_4", ends(scales), entries, trainings)


def rows(one):
    return {(row["row"], row["convention"]): row for row in table_4.rows(one)}


def test_without_weights_the_published_rates_stand_alone(tmp_path):
    found = rows(asked(tmp_path, {"qwen2-7b": 0.02}))
    assert list(found) == [(key, name) for key in MAIN for name in paper.conventions()]
    for (key, name), row in found.items():
        rates = paper.training(name)[key]
        assert (row["learning_rate"], row["weight_decay"]) == (
            rates["peak_learning_rate"],
            rates["weight_decay"],
        )
        assert row["root"] == math.sqrt(rates["peak_learning_rate"] / rates["weight_decay"])
        assert (row["entry"], row["mean"], row["ratio"], row["stand_in"]) == (None, None, None, None)
        if name == "paper":
            assert f"{row['root']:.3f}" == row["root_printed"]


def test_weights_of_the_paper_stand_under_every_source_and_stand_ins_under_their_own(tmp_path):
    scales = {"pythia-70m": 0.0224, "mistral-7b": 0.0026}
    found = rows(asked(tmp_path, scales, stand_ins=["mistral-7b"]))
    assert [name for key, name in found if key == "mistral-7b"] == ["own"]
    assert [name for key, name in found if key == "pythia-70m"] == list(paper.conventions())
    own = found["mistral-7b", "own"]
    assert (own["learning_rate"], own["weight_decay"], own["stand_in"]) == (0.002, 0.125, True)
    assert own["ratio"] == pytest.approx(0.0026 / math.sqrt(0.002 / 0.125))
    row = found["pythia-70m", "paper"]
    assert (row["mean"], row["mean_initial"], row["mean_se"]) == (0.0224, 0.01, 0.001)
    assert f"{row['ratio']:.3f}" == row["ratio_printed"] == "0.071"
    assert row["ratio_initial"] == pytest.approx(0.01 / row["root"])
    assert found["pythia-70m", "official"]["ratio"] == pytest.approx(row["ratio"] * math.sqrt(10))


def test_notes_name_the_sources_that_differ_and_the_spans_that_are_printed(tmp_path):
    scales = {key: float(paper.printed(f"T4.{key}.lambda")) for key in MAIN}
    notes = table_4.notes(asked(tmp_path, scales))
    sizes = ", ".join(key for key in MAIN if key.startswith("pythia"))
    assert (
        f"official differs from the paper: weight decay 0.1 of {sizes}; learning rate 0.00025 of pythia-1b."
        in notes
    )
    assert "database-2026-05 differs from the paper: learning rate 0.0003 of qwen3-8b." in notes
    assert not [note for note in notes if note.startswith("database-2026-08")]
    spans = dict(note.split(": ", 1) for note in notes if note.startswith("Ratios of "))
    # By hand from the printed scales and rates: 0.0224 / sqrt(0.1), 0.0149 / sqrt(0.012); 0.0026 / sqrt(0.003),
    # 0.0225 / sqrt(0.005).
    assert spans["Ratios of pythia"].startswith("0.071 to 0.136, a factor of 1.9, under paper (5 entries)")
    assert spans["Ratios of others"].startswith("0.047 to 0.318, a factor of 6.7, under paper (7 entries)")
    assert spans["Ratios of others"].endswith("printed: 0.048 to 0.319, a factor of 6.6.")


def test_printed_powers_are_shown_as_superscripts(tmp_path):
    row = rows(asked(tmp_path, {}))["qwen3-8b", "paper"]
    assert row["learning_rate_printed"] == "5.0×10^{-4}"
    assert table_4.display(row)["learning_rate_printed"] == "5.0×10⁻⁴"
    assert set(row) == set(table_4.COLUMNS)
