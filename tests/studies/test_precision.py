"""What formats make of values, against ml_dtypes, gguf and theory; the study on drawn and on stored matrices."""

import math
from pathlib import Path

import gguf
import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file
from scipy import integrate, stats

from weightfit import table
from weightfit.counts.histogram import histogram_of
from weightfit.errors import CohortError
from weightfit.fits.probability_plot import fit, magnitudes
from weightfit.studies.precision import (
    BLOCK_VALUES,
    FORMATS,
    LARGEST,
    SCALE,
    TRIMS,
    Sample,
    drawn,
    matrices,
    precision,
    stored,
)

FLOAT8 = {"F8_E4M3": ml_dtypes.float8_e4m3fn, "F8_E5M2": ml_dtypes.float8_e5m2}


def gaussian(seed, rows=64, columns=256, scale=0.02):
    return (scale * np.random.default_rng(seed).standard_normal((rows, columns))).astype(np.float32)


def test_16_bit_formats_round_as_ml_dtypes_does():
    values = np.concatenate([gaussian(1), gaussian(2, scale=1e-7)])
    # Halfway between two codes of BF16, above an even and above an odd one.
    values[0, :2] = np.array([0x3F808000, 0x3F818000], np.uint32).view(np.float32)
    np.testing.assert_array_equal(stored(values, "F32"), values)
    np.testing.assert_array_equal(stored(values, "F16"), values.astype(np.float16).astype(np.float32))
    np.testing.assert_array_equal(
        stored(values, "BF16"), values.astype(ml_dtypes.bfloat16).astype(np.float32)
    )
    assert stored(values, "BF16")[0, 0] == 1.0 and stored(values, "BF16")[0, 1] == 1.015625


@pytest.mark.parametrize("form", FLOAT8)
def test_8_bit_floats_round_as_ml_dtypes_does(form):
    values = gaussian(3)
    scale = np.float32(np.abs(values).max() / LARGEST[form])
    expected = (values / scale).astype(FLOAT8[form]).astype(np.float32) * scale
    np.testing.assert_array_equal(stored(values, form), expected)
    # Where the scale is 1, every level and every tie between two levels is exact.
    level = np.arange(256, dtype=np.uint8).view(FLOAT8[form]).astype(np.float32)
    level = np.unique(np.abs(level[np.isfinite(level)]))
    ties = np.concatenate([level, (level[1:] + level[:-1]) / 2])[None, :]
    np.testing.assert_array_equal(stored(ties, form), ties.astype(FLOAT8[form]).astype(np.float32))
    assert not stored(np.zeros((2, 32), np.float32), form).any()


@pytest.mark.parametrize(("form", "levels", "offset"), [("Q8_0", 127, 0), ("Q4_0", 8, 0), ("Q4_1", 15, 1)])
def test_blocks_of_gguf_have_as_many_steps_as_their_format(form, levels, offset):
    values = gaussian(4, 8)
    found = stored(values, form)
    blocks = values.reshape(-1, BLOCK_VALUES)
    reach = np.ptp(blocks, axis=1) if offset else np.abs(blocks).max(axis=1)
    error = np.abs(found - values).reshape(-1, BLOCK_VALUES).max(axis=1)
    # Half a step, or a whole one at the end of Q4_0's range; the scale is rounded to F16.
    assert np.all(error <= reach / levels * (1 if form == "Q4_0" else 0.51) + 1e-4 * reach * levels / 16)
    assert np.all(error > 0)


def test_a_matrix_in_slices_is_what_it_is_at_once(monkeypatch):
    values = gaussian(5)
    kind = gguf.GGMLQuantizationType.Q5_0
    monkeypatch.setattr("weightfit.studies.precision._SLICE", 1000)
    np.testing.assert_array_equal(stored(values, "Q5_0"), gguf.dequantize(gguf.quantize(values, kind), kind))


def test_rows_must_be_whole_blocks():
    with pytest.raises(
        CohortError, match=r"x: a row has 33 values, but Q4_0 stores whole blocks of 32; remove"
    ):
        stored(np.ones((2, 33), np.float32), "Q4_0", "x")


def share_of_zeros(half_step):
    """Return the share of Gaussian weights below ``half_step`` times the largest magnitude of their block.

    The largest of 32 magnitudes has the density 32 F^31 f; of the other 31, which lie below it, the share
    F(half_step m) / F(m) is rounded to zero.
    """
    law = stats.halfnorm()
    others = BLOCK_VALUES - 1
    value, _ = integrate.quad(
        lambda m: BLOCK_VALUES * law.cdf(m) ** (others - 1) * law.pdf(m) * law.cdf(half_step * m), 0, 12
    )
    return others / BLOCK_VALUES * value


@pytest.mark.parametrize(("form", "half_step"), [("Q8_0", 0.5 / 127), ("Q5_0", 0.5 / 16), ("Q4_0", 0.5 / 8)])
def test_the_share_of_zeros_is_that_of_the_law_of_the_largest_of_a_block(form, half_step):
    values = gaussian(6, 2048)
    expected = share_of_zeros(half_step)
    found = np.mean(stored(values, form) == 0)
    assert found == pytest.approx(expected, abs=4 * math.sqrt(expected / values.size))


@pytest.fixture(scope="module")
def rows():
    found = precision(drawn(512), [])
    table.check("precision", found)
    return {
        (row["law"], row["degrees"], row["format"], row["protocol"], row["trim"]): row
        for row in found.to_pylist()
    }


LAWS = (("gaussian", None), ("student_t", 5), ("student_t", 3))


def test_drawn_weights_have_the_shapes_of_their_laws(rows):
    assert len(rows) == len(LAWS) * len(FORMATS) * 2 * len(TRIMS)
    for law in LAWS:
        for trim in TRIMS:
            row = rows[*law, "F32", "centred", trim]
            assert abs(row["shape"] - row["shape_law"]) < 4 * row["shape_se"]
            assert row["shape_null"] == rows["gaussian", None, "F32", "centred", trim]["shape"]
            for form in ("F16", "BF16"):
                assert rows[*law, form, "centred", trim]["shape"] == pytest.approx(row["shape"], abs=1e-3)


def test_formats_with_a_level_at_zero_make_regime_b_only_under_centring(rows):
    for law in LAWS:
        exact = rows[*law, "F32", "centred", 0.8]["shape"]
        centred, plain = (rows[*law, "Q4_0", protocol, 0.8] for protocol in ("centred", "uncentred"))
        assert centred["shape"] < 0.7 < exact < 1.3
        assert plain["shape"] > 1 and plain["zeros"] == centred["zeros"] > 0.1
        for form in ("Q4_1", "Q5_1"):
            assert rows[*law, form, "centred", 0.8]["shape"] == pytest.approx(exact, abs=0.01)
            assert rows[*law, form, "centred", 0.8]["zeros"] < 0.002
    zeros = [rows[*law, "Q4_0", "centred", 0.8]["zeros"] for law in LAWS]
    assert zeros == sorted(zeros)  # the more, the heavier the tails


def test_the_shape_of_many_zeros_follows_the_mean_that_is_subtracted():
    found = histogram_of(stored(gaussian(7, 2048), "Q4_0"))
    unit = found.standard_deviation
    shapes = [fit(magnitudes(found, mean * unit), [0.8])[0].shape for mean in (1e-2, 1e-3, 1e-4, 1e-5)]
    assert shapes == sorted(shapes, reverse=True)
    # One draw of 1.3 million Gaussian weights gave 0.4714, whose mean is about 1e-3 / sqrt(1.3) standard deviations.
    assert shapes[2] < 0.4714 < shapes[1]


def checkpoint(folder: Path) -> dict[str, object]:
    folder.mkdir()
    names = {
        "attention.self.query": (32, 32),
        "attention.self.key": (32, 32),
        "attention.self.value": (32, 32),
        "attention.output.dense": (32, 32),
        "intermediate.dense": (64, 32),
        "output.dense": (32, 64),
    }
    save_file(
        {
            f"encoder.layer.{block}.{name}.weight": gaussian(10 * block + place, *shape)
            for block in range(2)
            for place, (name, shape) in enumerate(names.items())
        },
        folder / "model.safetensors",
    )
    return {"entry": "mine", "files": [{"path": "model.safetensors", "step": None}]}


def test_matrices_of_an_entry_are_stored_and_stand_beside_the_null_of_their_format(tmp_path):
    manifest = checkpoint(tmp_path / "mine")
    models = list(matrices(manifest, tmp_path / "mine", {"0.q": "left out for this test"}))
    assert len(models) == 11
    assert {sample.key["component"] for sample in models} == {"q", "k", "v", "o", "ffn_in", "ffn_out"}
    found = precision(drawn(64), models)
    table.check("precision", found)
    own = [row for row in found.to_pylist() if row["entry"]]
    null = {
        (row["format"], row["protocol"], row["trim"]): row["shape"]
        for row in found.to_pylist()
        if row["law"] == "gaussian"
    }
    assert len(own) == 11 * len(FORMATS) * 2 * len(TRIMS)
    assert [(row["block"], row["component"]) for row in own[:: 2 * 3 * len(FORMATS)]][:6] == [
        (0, "k"),
        (0, "v"),
        (0, "o"),
        (0, "ffn_in"),
        (0, "ffn_out"),
        (1, "q"),
    ]
    for row in own:
        assert row["shape_null"] == null[row["format"], row["protocol"], row["trim"]]
        assert row["shape_law"] is None and row["law"] is None
    q = gaussian(10, 32, 32)
    expected = fit(magnitudes(histogram_of(q), histogram_of(q).mean), TRIMS)
    shapes = [row["shape"] for row in own if (row["block"], row["component"]) == (1, "q")][:3]
    assert shapes == [one.shape for one in expected]


def test_the_same_table_comes_out_twice():
    sample = Sample(
        "x",
        {"entry": "x", "step": 1, "block": 0, "component": "q", "law": None, "degrees": None},
        gaussian(8),
    )
    assert precision(drawn(64), [sample]).equals(precision(drawn(64), [sample]))
    assert next(drawn(64)).values.std() == pytest.approx(SCALE, rel=0.05)
