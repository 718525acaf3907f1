"""The null of a format: rows, and its movement against draws of another generator and the package's own quantiser."""

import gguf
import numpy as np
import pytest
from real_models import MODELS, tables

from weightfit.counts.histogram import histogram_of
from weightfit.fits.probability_plot import fit, magnitudes
from weightfit.studies.format_null import QUANTISERS, TRIMS, movement


def shapes(values):
    histogram = histogram_of(values)
    return np.array([one.shape for one in fit(magnitudes(histogram, histogram.mean), TRIMS)])


@pytest.mark.parametrize(
    ("stored", "tolerance"), [("Q4_1", 0.02), ("Q5_1", 0.02), ("Q8_0", 0.02), ("Q5_0", 0.2)]
)
def test_a_format_moves_other_draws_alike(stored, tolerance):
    """At trim 1.00 the least magnitudes decide, and in Q5_0 the place of the exact zeros, which is the mean's."""
    drawn = np.random.Generator(np.random.MT19937(5)).standard_normal((1024, 256)) / 50
    drawn = (drawn - drawn.mean() + 0.02 / 512).astype(np.float32)
    kind = gguf.GGMLQuantizationType[stored]
    after = gguf.quants.dequantize(gguf.quants.quantize(drawn, kind), kind)
    expected = shapes(after.ravel()) - shapes(drawn.ravel())
    found = [one[0] for one in movement(stored, drawn.size)]
    np.testing.assert_allclose(found[0], expected[0], atol=5e-3)
    np.testing.assert_allclose(found[1:], expected[1:], atol=tolerance)


def test_what_is_known_of_the_formats():
    """Q4_0 has a zero in more than a tenth of the weights, which reaches the trim; Q4_1 has an offset and none."""
    zeros = {stored: movement(stored, 1 << 18)[0][2] for stored in QUANTISERS}
    assert zeros["Q4_0"] == pytest.approx(0.117, abs=0.003)
    assert zeros["Q5_0"] == pytest.approx(0.058, abs=0.003)
    assert zeros["Q8_0"] == pytest.approx(0.007, abs=0.001)
    assert max(zeros["Q4_1"], zeros["Q5_1"]) < 0.001
    assert movement("Q4_0", 1 << 18)[0][0] < -0.3
    assert abs(movement("Q4_1", 1 << 18)[0][0]) < 0.005


def test_values_that_are_stored_as_they_are_have_no_null_of_a_format(tmp_path):
    rows = tables(tmp_path)[0]["format_null"].to_pylist()
    assert {row["entry"] for row in rows} == set(MODELS)
    assert {row["stored"] for row in rows} == {"f32"}
    assert not any(row["quantised"] for row in rows)
    assert {row["shape_format_null"] for row in rows} == {None}
    assert len(rows) == len(MODELS) * 2 * 7 * 3
