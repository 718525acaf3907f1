"""A diagnosis of planted weights gives what was planted, names the block that was changed, and is a sound page."""

import re

import numpy as np
import pyarrow as pa
import pytest
from counted_entries import count, fits_of, shapes
from scipy.stats import t
from weightfit.report.diagnosis import Neighbour, neighbours, place, printed_ranges, printed_values, render
from weightfit.studies.diagnosis import diagnose, far, last, medians, scale_ratios, standard_error

from weightfit import table
from weightfit.cohort import of_model
from weightfit.documents import ROOT
from weightfit.errors import CohortError

BAND = (1.186, 1.204)
BLOCKS, STRANGE = 8, 5


@pytest.fixture(scope="module")
def fits(tmp_path_factory):
    random = np.random.default_rng(41)
    weights = {}
    for block in range(BLOCKS):
        for name, shape in shapes(96, 128).items():
            drawn = random.standard_t(4, shape) if name == "q" else random.standard_normal(shape)
            if (block, name) == (STRANGE, "o"):
                drawn = random.standard_t(1.5, shape)
            weights[block, name] = (0.02 * drawn).astype(np.float16)
    return fits_of([count(tmp_path_factory.mktemp("diagnosis"), "mine", {None: weights})], {})


@pytest.fixture(scope="module")
def rows(fits):
    return {row["component"]: row for row in diagnose(fits, BAND).to_pylist()}


def population(law):
    """Return the shape of a law by regressing over its quantiles."""
    probability = (np.arange(100_000) + 0.5) / 100_000
    inside = np.abs(probability - 0.5) <= 0.4
    x, y = np.log(law.isf((1 - probability) / 2)), np.log(-np.log1p(-probability))
    return np.polyfit(x[inside], y[inside], 1)[0]


def test_planted_shapes_come_out_within_their_errors(rows):
    assert list(rows) == ["q", "k", "v", "o", "gate", "up", "down"]
    assert abs(rows["q"]["shape"] - population(t(4))) < 4 * rows["q"]["shape_se"]
    for name in ("k", "v", "gate", "up", "down"):
        assert abs(rows[name]["shape"] - rows[name]["shape_null"]) < 4 * rows[name]["shape_se"]
        assert rows[name]["matrices"] == BLOCKS
    assert rows["q"]["place"] == "below"
    assert rows["q"]["departure"] < -10


def test_the_changed_block_is_named_and_no_other(rows):
    assert {name: row["far_blocks"] for name, row in rows.items() if row["far_blocks"]} == {"o": str(STRANGE)}
    assert rows["o"]["least"] < 1.05
    assert rows["o"]["shape_se"] < 0.01  # the strange block does not widen it


def test_far_from_the_others_by_hand():
    errors = np.full(6, 0.01)
    assert far(np.array([1.20, 1.21, 1.19, 1.20, 1.20, 1.26]), errors) == [5]
    assert far(np.array([1.20, 1.21, 1.19, 1.20, 1.20, 1.24]), errors) == []  # four of its own errors
    assert far(np.array([1.0, 2.0, 3.0]), errors[:3]) == []
    assert standard_error(np.array([1.2]), np.array([0.03])) == 0.03
    assert standard_error(np.array([1.0, 2.0, 3.0]), errors[:3]) == pytest.approx(
        1.2533 * 1.4826 / np.sqrt(3)
    )


def test_an_entry_without_fits_has_no_rows(fits):
    none = diagnose(fits.slice(0, 0), BAND)
    assert none.num_rows == 0
    assert none.schema == table.arrow_schema("diagnosis")


def test_printed_ranges_are_those_of_the_paper():
    assert ("FFN, median of each entry", "1.186", "1.204") in printed_ranges()
    assert len(printed_ranges()) == 4


def test_ratios_of_scales_are_those_of_a_block(tmp_path):
    random = np.random.default_rng(43)
    weights = {}
    for block in range(6):
        for name, shape in shapes(64, 96).items():
            # Scales that grow with depth, alike on both sides: their ratio does not.
            sigma = 0.02 * (1 + block) * {"gate": 1.5, "up": 0.5}.get(name, 1.0)
            weights[block, name] = (sigma * random.standard_normal(shape)).astype(np.float32)
    fits = fits_of([count(tmp_path, "mine", {None: weights})], {})
    found = {(row["input"], row["output"]): row for row in scale_ratios(fits).to_pylist()}
    assert list(found) == [("qkv", "o"), ("gate", "down"), ("up", "down")]
    for pair, truth in zip(found, (1.0, 1.5, 0.5), strict=True):
        assert abs(found[pair]["ratio"] - truth) < 4 * found[pair]["ratio_se"]
        assert found[pair]["ratio_se"] < 0.02 * truth
        assert found[pair]["blocks"] == 6
    scales = {
        (row["component"], row["block"]): row["scale"]
        for row in fits.to_pylist()
        if (row["protocol"], row["sign"], row["trim"]) == ("centred", "both", 0.80) and row["block"] >= 0
    }
    by_hand = np.median([scales["qkv", block] / scales["o", block] for block in range(6)])
    assert found["qkv", "o"]["ratio"] == pytest.approx(by_hand, rel=1e-12)


def test_medians_are_those_of_the_rows_and_of_all_ffn_matrices(fits, rows):
    (found,) = medians(fits).values()
    assert {kind: shape for kind, shape in found.items() if kind != "ffn"} == {
        kind: row["shape"] for kind, row in rows.items()
    }
    own = last(fits, ("gate", "up", "down"))
    assert own.num_rows == 3 * BLOCKS
    assert found["ffn"] == np.median(own["shape"])


def page(placed, **changes):
    model = {"name": "mine", "description": "A & B.", "made": []} | changes
    around = [Neighbour("lab-x", True, {"q": 1.1}), Neighbour("y", False, {"ffn": 1.2})]
    return render(ROOT / "workflow/report/diagnosis.html.j2", model, placed, 1.2054, around)


def test_the_page_asks_nobody_and_escapes_what_is_strange(fits):
    placed = [place(fits, "mine", False, 1.2054, BAND)]
    made = {"repository": None, "commit": None, "source": "link", "entry": "mine"}
    made["files"] = [{"path": "<b>", "bytes": 7, "sha256": "0" * 64}]
    text = page(placed, name="<script>alert(1)</script>", made=[made])
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert "<b>" not in text
    assert text.count("STAND-IN") == 1
    assert not re.search(r'(?:src|href)="(?!data:|#)', text)
    assert "does not show that a" in text
    assert text == page(placed, name="<script>alert(1)</script>", made=[made])


def test_each_entry_has_a_section_of_its_own(fits):
    placed = [place(fits, "mine", False, 1.2054, BAND), place(fits, "lab-mine", True, 1.2054, BAND)]
    text = page(placed)
    own, other = re.findall(r'<h2 id="entry-\d+">(.*?)(?=<section|$)', text, re.S)[:2]
    assert own.startswith("mine</h2>")
    assert "<img" in own
    assert own.count("<tr>") == 1 + 7 + 1 + 3
    assert other.startswith('lab-mine <span class="mark">STAND-IN</span></h2>')
    assert "No matrix of this entry could be fitted." in other
    assert "<img" not in other


def test_what_could_not_be_had_is_told_with_its_remedy():
    made = {"available": False, "reason": "a/b is gated (401)", "remedy": "accept the licence"}
    text = page([], made=[made | {"repository": "a/b", "commit": None, "source": "download", "files": []}])
    assert "<strong>No weights were available:</strong> a/b is gated (401); accept the licence.</p>" in text
    assert "a/b at None" not in text


def test_printed_values_are_those_of_the_paper():
    found = {where: value for _, where, value in printed_values()}
    assert found["Table 1"] == "1.195"
    assert len(printed_values()) == 5


def test_a_model_is_a_folder_or_a_repository(tmp_path):
    folder = tmp_path / "My Model"
    folder.mkdir()
    (entry,) = of_model(str(folder)).entries.values()
    assert (entry.id, entry.source, entry.settings) == ("model-my-model", "link", {"folder": str(folder)})
    (entry,) = of_model("ORG/Some-Name_1.5B").entries.values()
    assert (entry.id, entry.source) == ("model-org--some-name-1.5b", "download")
    assert entry.settings == {"repository": "ORG/Some-Name_1.5B", "revisions": {"main": None}}
    (entry,) = of_model("ORG/name@step3").entries.values()
    assert entry.settings["revisions"] == {"step3": None}
    for wrong in ("nothing", "a/b/c", "-x/y", "ORG/name@"):
        with pytest.raises(CohortError, match="is no folder and no repository; give a path, ORG/NAME"):
            of_model(wrong)


def test_a_whole_cohort_is_told_entry_by_entry(fits):
    other = fits.set_column(fits.column_names.index("entry"), "entry", pa.array(["b"] * fits.num_rows))
    both = pa.concat_tables([fits, other.cast(fits.schema)])
    assert set(diagnose(both, BAND)["entry"].to_pylist()) == {"mine", "b"}
    assert place(both, "b", False, 1.2054, BAND).rows == diagnose(other.cast(fits.schema), BAND).to_pylist()
    found = neighbours(both, {"b": True, "gone": False, "mine": False})
    assert [(each.entry, each.stand_in) for each in found] == [("b", True), ("mine", False)]
