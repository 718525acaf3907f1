"""The eight functions of the paper's Table 6 against brute force, planted laws, scipy and the released library."""

import json
import math
import statistics

import ml_dtypes
import npm_weibull
import numpy as np
import pytest
from scipy import stats

from weightfit import diagnostics, paper
from weightfit.counts.histogram import histogram_of
from weightfit.diagnostics import (
    F1_extract_weights,
    F2_fit_weibull,
    F3_gamma_closure,
    F4_cross_family_band,
    F5_lambda_scaling,
    F6_k_drift,
    F7_attention_arch_classify,
    F8_lambda_paired_correlation,
)
from weightfit.errors import ContractError, DegenerateHistogram, NonFiniteWeight, UnknownTensor
from weightfit.studies.closure import READINGS
from weightfit.weights.writer import CheckpointWriter

HEADS, WIDTH = 3, 4
HIDDEN = HEADS * WIDTH
DTYPES = {"F16": np.float16, "F32": np.float32, "BF16": ml_dtypes.bfloat16}


def test_the_functions_have_the_papers_names_and_are_documented():
    printed = [row.printed for row in paper.reported().values() if row.id.startswith("T6.F")]
    assert len(printed) == 8
    for name in printed:
        text = getattr(diagnostics, name).__doc__
        assert "Parameters\n" in text
        assert "Returns\n" in text
    assert [name for name in vars(diagnostics) if name[:1] == "F" and name[1:2].isdigit()] == printed


def matrices(block, dtype):
    """Return the matrices of one block of a GPT-NeoX model, no two alike."""
    random = np.random.default_rng([81, block])
    shapes = dict.fromkeys("qkvo", (HIDDEN, HIDDEN))
    shapes |= {"ffn_in": (4 * HIDDEN, HIDDEN), "ffn_out": (HIDDEN, 4 * HIDDEN)}
    return {name: random.standard_normal(shape).astype(DTYPES[dtype]) for name, shape in shapes.items()}


def save(path, arrays, dtype):
    with CheckpointWriter(path, [(name, dtype, array.shape) for name, array in arrays.items()]) as writer:
        for array in arrays.values():
            writer.write(array.view(np.uint8))


def write_checkpoint(folder, dtype):
    """Write two blocks into two files, the second matrix of each block's feed-forward part in the other file."""
    files = [{}, {}]
    for block in (0, 1):
        weights, start = matrices(block, dtype), f"gpt_neox.layers.{block}."
        heads = [weights[name].reshape(HEADS, WIDTH, HIDDEN) for name in "qkv"]
        files[block] |= {
            f"{start}attention.query_key_value.weight": np.concatenate(heads, 1).reshape(3 * HIDDEN, HIDDEN),
            f"{start}attention.query_key_value.bias": np.zeros(3 * HIDDEN, DTYPES[dtype]),
            f"{start}attention.dense.weight": weights["o"],
            f"{start}mlp.dense_h_to_4h.weight": weights["ffn_in"],
        }
        files[1 - block][f"{start}mlp.dense_4h_to_h.weight"] = weights["ffn_out"]
    for number, arrays in enumerate(files):
        save(folder / f"model-{number}.safetensors", arrays, dtype)
    config = {"num_attention_heads": HEADS, "num_hidden_layers": 2, "architectures": ["GPTNeoXForCausalLM"]}
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_layer_is_extracted_as_it_was_written(tmp_path, dtype):
    write_checkpoint(tmp_path, dtype)
    for layer in (0, 1):
        found, expected = F1_extract_weights(tmp_path, layer), matrices(layer, dtype)
        assert list(found) == ["q", "k", "v", "o", "ffn_in", "ffn_out"]
        for name, matrix in found.items():
            assert matrix.dtype == (np.float16 if dtype == "F16" else np.float32)
            np.testing.assert_array_equal(matrix, expected[name].astype(np.float32))


def test_one_file_is_a_checkpoint_too(tmp_path):
    path = tmp_path / "model.safetensors"
    names = {"self_attn.q_proj": 8, "self_attn.k_proj": 4, "self_attn.v_proj": 4, "self_attn.o_proj": 8,
             "mlp.gate_proj": 16, "mlp.up_proj": 16, "mlp.down_proj": 8}  # fmt: skip
    random = np.random.default_rng(82)
    arrays = {
        f"model.layers.0.{name}.weight": random.standard_normal((rows, 16 if "down" in name else 8))
        for name, rows in names.items()
    }
    arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
    save(path, arrays, "F32")
    found = F1_extract_weights(str(path), 0)
    assert list(found) == ["q", "k", "v", "o", "gate", "up", "down"]
    for matrix, array in zip(found.values(), arrays.values(), strict=True):
        np.testing.assert_array_equal(matrix, array)


def test_a_layer_that_is_not_there_and_a_strange_checkpoint_are_refused(tmp_path):
    write_checkpoint(tmp_path, "F16")
    with pytest.raises(ContractError, match=r"there is no layer 2; the layers are \[0, 1\]"):
        F1_extract_weights(tmp_path, 2)
    save(tmp_path / "other.safetensors", {"strange.weight": np.ones((2, 2), np.float32)}, "F32")
    with pytest.raises(UnknownTensor, match="strange"):
        F1_extract_weights(tmp_path / "other.safetensors", 0)


def brute_fit(weights, trim):
    """Regress over every single weight, sorted, of an array without ties."""
    magnitude = np.sort(np.abs(weights.astype(np.float64) - weights.astype(np.float64).mean()), axis=None)
    probability = (np.arange(magnitude.size) + 0.5) / magnitude.size
    kept = (probability >= (1 - trim) / 2) & (probability <= (1 + trim) / 2)
    y = np.log(-np.log1p(-probability[kept]))
    slope, offset = np.polyfit(np.log(magnitude[kept]), y, 1)
    return slope, math.exp(-offset / slope), np.corrcoef(np.log(magnitude[kept]), y)[0, 1] ** 2


@pytest.mark.parametrize("trim", [0.80, 0.90, 1.00])
def test_a_fit_is_that_over_every_weight_about_the_mean(trim):
    weights = (0.3 + np.random.default_rng(83).standard_t(4, (40, 50))).astype(np.float32)
    found, expected = F2_fit_weibull(weights, trim), brute_fit(weights, trim)
    assert (found.shape, found.scale, found.r_squared) == pytest.approx(expected, rel=1e-9)
    assert F2_fit_weibull(histogram_of(weights), trim) == found


def test_a_fit_finds_a_planted_law():
    random = np.random.default_rng(84)
    signs = random.choice([-1.0, 1.0], 200_000)
    found = F2_fit_weibull((signs * 0.02 * random.weibull(0.9, signs.size)).astype(np.float32))
    assert found.shape == pytest.approx(0.9, abs=4 * found.shape_se)
    assert found.scale == pytest.approx(0.02, abs=4 * found.scale_se)


def test_what_cannot_be_fitted_is_refused():
    with pytest.raises(DegenerateHistogram, match="float64"):
        F2_fit_weibull(np.ones(100))
    with pytest.raises(NonFiniteWeight):
        F2_fit_weibull(np.full(100, np.nan, np.float32))


@pytest.mark.parametrize("trim", [0.80, 1.00])
def test_closure_sets_the_law_beside_the_weights(trim):
    weights = np.random.default_rng(85).standard_normal((60, 60)).astype(np.float32)
    law, found = F2_fit_weibull(weights, trim), F3_gamma_closure(weights, trim)
    about = weights.astype(np.float64) - weights.astype(np.float64).mean()
    weibull = stats.weibull_min(law.shape, scale=law.scale)
    expected = {
        "standard_deviation_magnitude": (weibull.std(), np.abs(about).std()),
        "standard_deviation": (weibull.std(), about.std()),
        "root_mean_square": (math.sqrt(weibull.moment(2)), math.sqrt((about**2).mean())),
        "mean_magnitude": (weibull.mean(), np.abs(about).mean()),
    }
    assert tuple(found) == READINGS
    for name, (implied, measured) in expected.items():
        assert (found[name].implied, found[name].measured) == pytest.approx((implied, measured), rel=1e-9)
        assert found[name].error == pytest.approx(implied / measured - 1, rel=1e-9)
    assert found["standard_deviation_magnitude"].implied == pytest.approx(
        npm_weibull.sigma_from_k_lambda(law.shape, law.scale)["sigma"], rel=1e-12
    )


def test_a_planted_weibull_law_closes():
    random = np.random.default_rng(86)
    signs = random.choice([-1.0, 1.0], 400_000)
    found = F3_gamma_closure((signs * random.weibull(1.3, signs.size)).astype(np.float32))
    for name in ("standard_deviation_magnitude", "root_mean_square", "mean_magnitude"):
        assert abs(found[name].error) < 0.01
    assert abs(found["standard_deviation"].error) > 0.3  # the weights' own deviation is another thing


def test_a_band_is_that_of_the_medians():
    shapes = {"a": [1.19, 1.20, 1.25], "b": np.array([1.18, 1.20]), "c": [1.21]}
    found = F4_cross_family_band(shapes)
    medians = [1.20, 1.19, 1.21]
    assert found.medians == pytest.approx(dict(zip("abc", medians, strict=True)))
    assert (found.low, found.high) == pytest.approx((1.19, 1.21))
    assert found.mean == pytest.approx(statistics.fmean(medians))
    assert found.standard_deviation == pytest.approx(statistics.stdev(medians))
    assert found.coefficient_of_variation == pytest.approx(
        statistics.stdev(medians) / statistics.fmean(medians)
    )


@pytest.mark.parametrize("shapes", [{}, {"a": [1.2]}, {"a": [1.2], "b": []}])
def test_a_band_needs_two_entries_with_shapes(shapes):
    with pytest.raises(ContractError, match="a band needs two entries or more"):
        F4_cross_family_band(shapes)


def test_scaling_is_least_squares_through_the_origin():
    random = np.random.default_rng(87)
    rate, decay = random.uniform(1e-4, 1e-3, 5), random.uniform(0.01, 0.1, 5)
    scale = 0.09 * np.sqrt(rate / decay) * random.uniform(0.8, 1.2, 5)
    found = F5_lambda_scaling(scale.tolist(), rate, decay)
    root = np.sqrt(rate / decay)
    (slope,), *_ = np.linalg.lstsq(root[:, None], scale)
    assert found.slope == pytest.approx(slope, rel=1e-12)
    assert found.correlation == pytest.approx(stats.pearsonr(root, scale).statistic, rel=1e-12)
    assert F5_lambda_scaling(0.087 * root, rate, decay).slope == pytest.approx(0.087, rel=1e-12)


@pytest.mark.parametrize(
    ("scales", "rates", "decays"),
    [([0.1, 0.2], [1e-3], [0.1, 0.1]), ([0.1, 0.2], [1e-3, 0], [0.1, 0.1]), ([0.1], [1e-3] * 2, [0.1] * 2)],
)
def test_scaling_refuses_what_does_not_pair(scales, rates, decays):
    with pytest.raises(ContractError):
        F5_lambda_scaling(scales, rates, decays)


def test_drift_is_terminal_less_initial():
    assert F6_k_drift(1.25, 1.0) == -0.25


def test_attention_is_classified_as_in_the_library():
    for heads in range(1, 65):
        for key_heads in range(1, 65):
            if heads % key_heads:
                with pytest.raises(ContractError, match="must be positive and the first a multiple"):
                    F7_attention_arch_classify(heads, key_heads)
            else:
                expected = npm_weibull.classify_attention_arch(heads, key_heads)["arch"]
                assert F7_attention_arch_classify(heads, key_heads) == expected
    with pytest.raises(ContractError):
        F7_attention_arch_classify(0, 1)


def test_paired_correlation_is_pearsons_on_logarithms():
    random = np.random.default_rng(88)
    one, other = np.exp(random.standard_normal((2, 25)))
    expected = stats.pearsonr(np.log(one), np.log(other)).statistic
    assert F8_lambda_paired_correlation(one, other.tolist()) == pytest.approx(expected, rel=1e-12)
    assert expected != pytest.approx(stats.pearsonr(one, other).statistic, rel=1e-3)


@pytest.mark.parametrize(
    ("one", "other"),
    [([1.0], [1.0]), ([1.0, 2.0], [1.0]), ([1.0, 1.0], [1.0, 2.0]), ([1.0, 2.0], [0.0, 2.0])],
)
def test_paired_correlation_refuses_what_has_none(one, other):
    with pytest.raises(ContractError):
        F8_lambda_paired_correlation(one, other)
