"""`weightfit.compare`: known changes are found, what the format alone changes is told apart, noise raises no alarm."""

import json
import re

import gguf_file
import numpy as np
import pandas as pd
import pytest
from gguf import GGMLQuantizationType, GGUFWriter, quantize
from scipy.stats import halfnorm
from small_checkpoint import checkpoint, configuration, weights
from test_standing_out import KINDS, SIDE, model

import weightfit
from weightfit.analysis import compare_document, comparison
from weightfit.analysis.arrays import of_arrays
from weightfit.analysis.compare import compare, compare_models
from weightfit.analysis.comparison import COLUMNS
from weightfit.analysis.document import as_csv, as_json
from weightfit.analysis.model import local
from weightfit.documents import violation
from weightfit.errors import CohortError

CHANGED = "blk.3.attn_k.weight"


def test_the_same_weights_under_other_names_and_formats(tmp_path):
    folder = checkpoint(tmp_path / "m", "gpt-neox")
    arrays = {name: values.astype(np.float32) for name, values in weights("gpt-neox").items()}
    found = compare_models(local(folder), of_arrays(arrays, config=configuration("gpt-neox")))
    assert found.headline == "All 12 matrices hold the same weights."
    assert found.table["identical"].all()
    assert not found.table["moved"].notna().any()
    assert (found.table[["distance", "shape_change", "log_scale_change"]] == 0).all(axis=None)
    assert list(found.table.columns) == list(COLUMNS)


def test_a_known_change_is_found_with_its_size():
    base = model()
    tuned = base | {CHANGED: base[CHANGED] * np.float32(1.5)}
    tuned["blk.5.ffn_up.weight"] = np.random.default_rng(4).laplace(0, 0.05, (SIDE, SIDE)).astype(np.float32)
    found = compare(base, tuned)
    rows = {row["tensor"]: row for row in found.rows}
    assert sum(row["identical"] for row in found.rows) == len(base) - 2
    assert found.moved["tensor"].tolist() == ["blk.5.ffn_up.weight", CHANGED]
    scaled = rows[CHANGED]
    assert scaled["moved"] == "scale"
    assert scaled["log_scale_change"] == pytest.approx(np.log(1.5), abs=1e-6)
    assert scaled["shape_change"] == pytest.approx(0, abs=1e-5)
    # Half-normal magnitudes that are stretched by c: the distance is largest where the two densities cross.
    c = 1.5
    at = np.sqrt(2 * np.log(c) / (1 - c**-2))
    assert scaled["distance"] == pytest.approx(halfnorm.cdf(at) - halfnorm.cdf(at / c), abs=0.02)
    for name in (CHANGED, "blk.5.ffn_up.weight"):
        one, other = (np.sort(np.abs(arrays[name]).ravel()) for arrays in (base, tuned))
        edges = np.union1d(one, other)
        exact = np.abs(np.searchsorted(one, edges, "right") - np.searchsorted(other, edges, "right")).max()
        assert rows[name]["distance"] <= exact / one.size
        assert rows[name]["distance"] == pytest.approx(exact / one.size, abs=2e-3)
    assert "k and up" in found.headline
    assert "up of block 5" in found.headline
    text = "\n".join(comparison.lines(found))
    assert CHANGED in text
    assert "λ times 1.5" in text


def test_two_seeds_do_not_differ_beyond_noise():
    found = [compare(model(seed), model(seed + 50)) for seed in range(3)]
    assert [one.moved.empty for one in found] == [True] * 3
    errors = np.concatenate(
        [(one.table["shape_change"] / one.table["shape_change_se"]).to_numpy() for one in found]
    )
    assert errors.std() == pytest.approx(1, abs=0.15)  # 252 differences of independent models
    assert found[0].headline == f"Of {12 * len(KINDS)} matrices none moved beyond noise."


def quantised(path, arrays, kind="Q4_0"):
    """Write arrays as llama.cpp does, in a format that shares a scale in each block of 32 weights."""
    form = GGMLQuantizationType[kind]
    writer = GGUFWriter(path, "llama")
    gguf_file.finish(writer, {name: (kind, quantize(values, form)) for name, values in arrays.items()})


def test_what_the_format_alone_changes_is_told_apart(tmp_path):
    base = model(blocks=3)
    quantised(tmp_path / "small.gguf", base)
    found = compare(base, tmp_path / "small.gguf")
    assert set(found.table["other_stored"]) == {"q4_0"}
    # The file was made by the quantiser that is asked what the format alone would change.
    assert found.table["shape_change_format"].to_numpy() == pytest.approx(
        found.table["shape_change"], abs=1e-12
    )
    assert found.table["shape_change"].abs().min() > 1e-4
    assert found.moved.empty
    tuned = base | {"blk.1.ffn_up.weight": base["blk.1.ffn_up.weight"] * np.float32(1.2)}
    quantised(tmp_path / "tuned.gguf", tuned)
    assert compare(base, tmp_path / "tuned.gguf").moved["tensor"].tolist() == ["blk.1.ffn_up.weight"]


def test_matrices_without_a_partner_are_told_and_none_in_common_is_refused():
    base = model()
    fewer = {name: values for name, values in base.items() if not name.startswith("blk.11.")}
    constant = fewer | {CHANGED: np.zeros_like(base[CHANGED])}
    found = compare(base, constant)
    assert list(found.unmatched) == [
        (kind, block) for kind in KINDS for block in ([3, 11] if kind == "k" else [11])
    ]
    assert len(found.rows) == len(base) - 8
    assert "in one model only: q of block 11, k of block 3, " in "\n".join(comparison.lines(found))
    document = compare_document.of_models(found)
    assert violation(json.loads(as_json(document)), "comparison") is None
    only = [
        {name: values if f"attn_{kind}." in name else np.zeros_like(values) for name, values in base.items()}
        for kind in "qk"
    ]
    with pytest.raises(CohortError, match="no kind of matrix in the same block"):
        compare(*only)


def test_the_page_names_what_moved_and_no_place_on_this_machine(tmp_path):
    base = model(blocks=2)
    tuned = base | {"blk.1.ffn_up.weight": base["blk.1.ffn_up.weight"] * np.float32(1.3)}
    compare(base, tuned).page(tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Of 14 matrices 13 hold the same weights and 1 moved beyond noise (up)" in text
    assert "up of block 1: k " in text
    assert text.count("<svg") == 4  # shape and scale, of attention and of FFN
    assert str(tmp_path) not in text
    assert "src=" not in text
    assert not re.search(r"https?://(?!www\.w3\.org)", text)


def test_the_csv_has_every_matrix():
    found = compare(model(blocks=2), model(9, blocks=2))
    lines = as_csv(*compare_document.model_rows(found)).splitlines()
    assert lines[0] == ",".join(COLUMNS)
    assert len(lines) == 1 + 2 * len(KINDS)
    assert weightfit.compare is compare
    assert isinstance(found.moved, pd.DataFrame)
