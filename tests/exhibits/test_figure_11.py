"""Figure 11: how much scale and shape differ between blocks."""

import pytest
from planted_fits import fit, request, write

from weightfit import paper
from weightfit.exhibits.figures import figure_11


def rows(folder, fits):
    write(folder, "fits", fits)
    return figure_11.rows(request(folder, "figure_11", ["pythia-410m"]))


def test_ratio_and_variation_of_the_scale_and_of_its_null(tmp_path):
    scales = {0: (0.02, 0.03), 1: (0.03, 0.03), 2: (0.04, 0.06)}
    fits = [
        fit("own-pythia-410m", "all", block=block, scale=scale, scale_null=null)
        for block, (scale, null) in scales.items()
    ]
    found = [row for row in rows(tmp_path, fits) if row["panel"] == "scale"]
    assert [(row["series"], row["block"], row["value"]) for row in found] == [
        ("all", 0, 0.02),
        ("all", 1, 0.03),
        ("all", 2, 0.04),
    ]
    for row in found:
        assert (row["ratio"], row["ratio_null"]) == (pytest.approx(2), pytest.approx(2))
        assert row["variation"] == pytest.approx(0.01 / 0.03)
        assert row["variation_null"] == pytest.approx(3**0.5 / 100 / 0.04)
        assert (row["in_band"], row["in_band_null"]) == (None, None)


def test_one_block_does_not_vary(tmp_path):
    found = rows(tmp_path, [fit("own-pythia-410m", "ffn")])
    assert {(row["ratio"], row["variation"]) for row in found} == {(1.0, None)}


def test_blocks_in_the_printed_band_are_counted_with_its_edges(tmp_path):
    low, high = (float(paper.printed(f"F11.band_{side}")) for side in ("low", "high"))
    shapes = (low - 0.001, low, high, high + 0.001)
    fits = [fit("own-pythia-410m", "ffn", block=block, shape=shape) for block, shape in enumerate(shapes)]
    found = [row for row in rows(tmp_path, fits) if row["panel"] == "shape"]
    assert [row["in_band"] for row in found] == [False, True, True, False]
    assert {row["in_band_null"] for row in found} == {False}
    summary = figure_11._summary(found, "shape")
    assert summary == "2 of 4 blocks in the band (Gaussian: 0)"
    assert figure_11._summary([], "shape") == "no block"
