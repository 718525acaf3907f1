"""Which fits the figures by block draw."""

import pytest
from planted_fits import fit, request, write

from weightfit.exhibits.figures.blocks import blocks_of, last_blocks


@pytest.mark.parametrize(
    "other",
    [
        {"terminal": False, "step": 1},
        {"block": -1},
        {"protocol": "uncentred"},
        {"trim": 1.00},
        {"sign": "positive"},
    ],
)
def test_only_single_blocks_at_the_last_step_under_the_paper_s_protocol_are_drawn(tmp_path, other):
    write(tmp_path, "fits", [fit("own-pythia-410m", "ffn"), fit("own-pythia-410m", "ffn", **other)])
    found = last_blocks(request(tmp_path, "figure_11", ["pythia-410m"])).to_pylist()
    assert found == [fit("own-pythia-410m", "ffn")]


def test_blocks_of_one_matrix_come_in_order(tmp_path):
    rows = [fit("b", "q", block=block) for block in (10, 2, 0)] + [fit("a", "q"), fit("b", "k")]
    write(tmp_path, "fits", rows)
    found = last_blocks(request(tmp_path, "figure_11", []))
    assert blocks_of(found, "b", "q")["block"].to_pylist() == [0, 2, 10]
    assert blocks_of(found, "a", "k").num_rows == 0
