"""Shapes beside spectra: planted orders over blocks come out in both exhibits, and notes say how little."""

import exhibit_maker
import pytest
from planted_fits import FACTS, fit, write
from svg_text import faults

from weightfit import table
from weightfit.exhibits.figures import beyond_spectra
from weightfit.exhibits.tables import beyond_spectra_table
from weightfit.spectra.spectrum import NULLS

SPECTRUM = {"step": None, "rows": 64, "columns": 64, "alpha_se": 0.1, "outliers": 1}
SPECTRUM |= {f"{name}{ending}": 1.0 for name in NULLS for ending in ("_null", "_null_deviation")}
SPECTRUM = (
    dict.fromkeys(NULLS, 1.0) | SPECTRUM | {"outliers": 1, "alpha_null": 6.0, "alpha_null_deviation": 0.5}
)
MOMENTS = dict.fromkeys(table.contract("moments")["properties"], 0.0)
MOMENTS |= {"step": None, "terminal": True, "n": 100, "excluded": 0, "exactness": "f16"}
BLOCKS = 5
SPEECH = {"trained_on": "speech"}


def request(folder, label, entries, alpha=lambda component, block: 3 + block, blocks=BLOCKS):
    """Ask for an exhibit of real models whose shapes rise over blocks while kurtosis falls."""
    places = [
        (entry, component, block)
        for entry in entries
        for component in ("q", "o", "ffn_in")
        for block in range(blocks)
    ]
    fits, moments, spectra = [], [], []
    for entry, component, block in places:
        own = {"entry": entry, "component": component, "block": block}
        fits.append(fit(step=None, shape=1.1 + 0.01 * block, **own))
        # Fits of other protocols, of pools and of earlier steps must not be taken.
        fits.append(fit(step=None, shape=9.0, trim=1.0, **own))
        moments.append(MOMENTS | own | {"kurtosis": 5.0 - block})
        spectra.append(SPECTRUM | own | {"alpha": float(alpha(component, block))})
    fits += [fit(entry, "all", step=None, block=-1, shape=9.0) for entry in entries]
    for name, made in (("fits", fits), ("moments", moments), ("spectra", spectra)):
        write(folder, name, made)
    facts = {entry: FACTS | {"model": known} for entry, known in entries.items()}
    return exhibit_maker.request(
        label, folder, folder / "drawn", facts, {"steps": {}, "blocks": {}, "absent": {}}
    )


def models(number):
    return {f"model-{letter}": {"trained_on": letter} for letter in "abcdefgh"[:number]}


def test_planted_orders_come_out_by_group_and_over_models(tmp_path):
    def alpha(component, block):
        return 3 + block if component == "ffn_in" else 9 - block

    rows = beyond_spectra_table.rows(request(tmp_path, "beyond_spectra_table", models(6), alpha))
    assert len(rows) == 3 * 7
    one = next(row for row in rows if row["row"] == "k and exponent" and row["model"] == "model-a")
    assert one["attention_correlation"] == pytest.approx(-1)
    assert one["feed_forward_correlation"] == pytest.approx(1)
    assert one["all_correlation"] == pytest.approx((5 - 2 * 5) / 15)
    assert one["feed_forward_null_deviation"] == pytest.approx(1 / 2)
    every = next(row for row in rows if row["row"] == "k and kurtosis" and row["model"] is None)
    assert (every["all_correlation"], every["all_models"], every["all_p"]) == (pytest.approx(-1), 6, 1 / 32)


def test_two_stacks_are_one_model(tmp_path):
    entries = models(1) | {"whisper-base-encoder": SPEECH, "whisper-base-decoder": SPEECH}
    asked = request(tmp_path, "beyond_spectra_table", entries)
    rows = beyond_spectra_table.rows(asked)
    assert [row["model"] for row in rows[:3]] == ["model-a", "whisper-base", None]
    assert rows[2]["all_models"] == 2
    assert rows[1]["all_matrices"] == 2 * rows[0]["all_matrices"]
    figure = beyond_spectra.rows(request(tmp_path, "beyond_spectra", entries))
    assert {row["model"] for row in figure} == {"model-a", "whisper-base"}


def test_notes_say_what_differs_from_chance_and_how_little_the_models_decide(tmp_path):
    few = beyond_spectra_table.notes(request(tmp_path, "beyond_spectra_table", models(2)))
    assert "for no pair" in few[0]
    assert "2 models decide little: no pattern of their signs has a p below 0.5, 9 such p" in few[1]
    many = beyond_spectra_table.notes(request(tmp_path, "beyond_spectra_table", models(6)))
    assert "for k and exponent (+1.00, p = 0.031); kurtosis and exponent (-1.00, p = 0.031)" in many[0]
    assert "a p below 0.0312" in many[1]


def test_a_model_of_few_blocks_is_named(tmp_path):
    asked = request(tmp_path, "beyond_spectra_table", models(1), blocks=3)
    assert beyond_spectra_table.notes(asked) == [
        "No correlation of model-a: no kind of matrix has 4 blocks whose values differ."
    ]
    assert beyond_spectra_table.display(beyond_spectra_table.rows(asked)[0])["all"] == "–"


def test_a_row_for_readers_has_the_null_or_the_range(tmp_path):
    rows = beyond_spectra_table.rows(request(tmp_path, "beyond_spectra_table", models(2)))
    assert beyond_spectra_table.display(rows[0]) == {
        "row": "k and exponent",
        "model": "model-a",
        "matrices": "15",
        "attention": "+1.00 (0 ± 0.35)",
        "feed_forward": "+1.00 (0 ± 0.50)",
        "all": "+1.00 (0 ± 0.29)",
    }
    assert beyond_spectra_table.display(rows[2])["all"] == "+1.00 [+1.00, +1.00], p = 0.500"


def test_each_mark_of_the_figure_stands_beside_gaussian_matrices_of_its_size(tmp_path):
    rows = beyond_spectra.rows(request(tmp_path, "beyond_spectra", models(1)))
    assert len(rows) == 2 * 3 * BLOCKS
    assert [row["shape"] for row in rows[:4]] == [1.1, 1.2054, 1.11, 1.2054]
    assert [row["alpha"] for row in rows[:4]] == [3, 6, 4, 6]
    assert {(row["panel"], row["component"]) for row in rows} == {
        ("attention", "q"),
        ("attention", "o"),
        ("feed_forward", "ffn_in"),
    }


@pytest.mark.parametrize("label", ["beyond_spectra", "beyond_spectra_table"])
def test_without_spectra_it_says_what_it_needs(tmp_path, label):
    told = exhibit_maker.make(request(tmp_path, label, {}))
    assert "needs real models whose entries ask for spectra in the cohort file; this cohort has none." in told


def test_texts_of_six_models_lie_apart(tmp_path):
    exhibit_maker.make(request(tmp_path, "beyond_spectra", models(6)))
    assert faults(tmp_path / "drawn" / "beyond_spectra.svg") == []
