"""Planted laws: draws, distribution functions, quantiles and moments against scipy.stats and quadrature."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from folded import folded
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import weightfit.weights.plant
from weightfit.errors import CohortError
from weightfit.weights.manifest import write_manifest
from weightfit.weights.plan import plan, read_config
from weightfit.weights.plant import COMPONENTS, Planted, plant
from weightfit.weights.planted_laws import (
    LAWS,
    HalfNormal,
    Outliers,
    StudentT,
    TwoPopulation,
    Uniform,
    Weibull,
    make_law,
)
from weightfit.weights.safetensors import read_header

N = 20_000
LAWS_OF_SCIPY = (
    HalfNormal(0.02),
    Weibull(1.2, 0.02),
    Weibull(0.5, 3.0),
    StudentT(3.0, 0.01),
    StudentT(1.5, 2.0),
    Uniform(0.04),
    TwoPopulation(0.02, 0.3, -4.5, 0.6),
)
WITH_QUANTILES = tuple(law for law in LAWS_OF_SCIPY if isinstance(law, HalfNormal | TwoPopulation))


def generator(*entropy: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))


@pytest.mark.parametrize("law", LAWS_OF_SCIPY, ids=str)
def test_draws_follow_the_law(law):
    w = law.draw(generator(0, 1), N)
    assert w.dtype == np.float64 and w.shape == (N,)
    assert stats.kstest(np.abs(w), folded(law).cdf).pvalue > 1e-3
    assert abs(np.count_nonzero(w > 0) - N / 2) < 4 * math.sqrt(N / 4)  # signs are fair
    assert stats.ks_2samp(w[w > 0], -w[w < 0]).pvalue > 1e-3  # and independent of the magnitude


@pytest.mark.parametrize("law", WITH_QUANTILES, ids=str)
def test_probabilities_and_quantiles_are_scipys(law):
    x = np.concatenate([[0.0], np.geomspace(1e-9, 1e3, 400)])
    np.testing.assert_allclose(law.cdf(x), folded(law).cdf(x), rtol=1e-9, atol=1e-15)
    probability = np.concatenate([np.geomspace(1e-9, 0.5, 200), 1 - np.geomspace(1e-9, 0.5, 200)])
    np.testing.assert_allclose(folded(law).cdf(law.quantile(probability)), probability, rtol=1e-9)
    assert law.quantile(0.0) == 0


def test_two_populations_are_where_they_should_be():
    w = np.abs(TwoPopulation(0.02, 0.25, -6.0, 0.2).draw(generator(4), N))
    small = w[
        w < 1e-5
    ]  # five spreads above the centre of the small ones; the body has 4e-4 of its weights there
    assert abs(small.size - N * (0.25 + 0.75 * 4e-4)) < 4 * math.sqrt(N * 0.25 * 0.75)
    assert np.median(np.log10(small)) == pytest.approx(-6.0, abs=0.02)
    assert np.std(np.log10(small)) == pytest.approx(0.2, abs=0.01)


@given(st.integers(1, 50), st.integers(0, 1000))
def test_outliers_are_exactly_as_many(count, seed):
    w = Outliers(0.01, count, 20.0, 500).draw(generator(seed), 500)
    far = np.abs(w) == 20.0 * 0.01
    assert np.count_nonzero(far) == count and np.abs(w[~far]).max() < 0.07


def test_outliers_lie_anywhere_with_either_sign():
    w = np.stack([Outliers(1.0, 10, 50.0, 100).draw(generator(seed), 100) for seed in range(400)])
    hits = (np.abs(w) == 50).sum(axis=0)
    assert stats.chisquare(hits).pvalue > 1e-3
    assert abs((w == 50).sum() - 2000) < 4 * math.sqrt(1000)


def test_outliers_of_another_size():
    with pytest.raises(ValueError, match="the law's own, 500"):
        Outliers(0.01, 1, 20.0, 500).draw(generator(0), 501)


SHAPE = {"width": 64, "heads": 4, "key_value_heads": 2, "hidden": 160}
MATRICES = [
    Planted(0, ["q", "k"], "weibull", {"shape": 1.2, "scale": 0.02}),
    Planted(0, ["v", "o"], "half-normal", {"sigma": 0.02}),
    Planted(0, ["gate"], "two-population", {"sigma": 0.02, "fraction": 0.2, "centre": -5, "spread": 0.5}),
    Planted(0, ["up"], "outliers", {"sigma": 0.02, "count": 3, "multiple": 30}),
    Planted(0, ["down"], "student-t", {"degrees": 4, "scale": 0.01}),
    Planted(1, list(COMPONENTS), "uniform", {"limit": 0.04}),
]


def values(folder: Path) -> dict[str, np.ndarray]:
    path = folder / "model.safetensors"
    data = path.read_bytes()
    return {
        t.name: np.frombuffer(data[t.begin : t.end], {"F16": "<f2", "BF16": "<u2", "F32": "<f4"}[t.dtype])
        for t in read_header(path).tensors
    }


def name(block: int, component: str) -> str:
    return f"model.layers.{block}.{COMPONENTS[component]}.weight"


def test_a_planted_checkpoint_is_one_that_the_chain_counts(tmp_path):
    files, settings = plant(tmp_path / "w", matrices=MATRICES, **SHAPE)
    header = read_header(tmp_path / "w/model.safetensors")
    found = plan([header], read_config(tmp_path / "w"))
    assert {(p.block, p.component) for pieces in found.pieces.values() for p in pieces} == {
        (block, component) for block in (0, 1) for component in COMPONENTS
    }
    assert not found.left_out
    shapes = {tensor.name: tensor.shape for tensor in header.tensors}
    assert shapes[name(0, "k")] == (32, 64) and shapes[name(1, "down")] == (64, 160)
    assert [file.step for file in files] == [None]
    assert settings["matrices"][3] == {
        "block": 0,
        "components": ["up"],
        "law": "outliers",
        "parameters": {"sigma": 0.02, "count": 3, "multiple": 30},
    }


def test_planted_matrices_follow_their_laws(tmp_path):
    plant(tmp_path / "w", matrices=MATRICES, **SHAPE)
    found = values(tmp_path / "w")
    for planted in MATRICES:
        for component in planted.components:
            w = np.abs(found[name(planted.block, component)].astype(np.float64))
            law = make_law(planted.law, planted.parameters, w.size)
            # Outliers are counted below.
            body = HalfNormal(law.sigma) if isinstance(law, Outliers) else law
            assert stats.kstest(w, folded(body).cdf).pvalue > 1e-3
    assert np.count_nonzero(np.abs(found[name(0, "up")]) == np.float32(0.6)) == 3


def test_a_matrix_does_not_depend_on_the_others(tmp_path):
    plant(tmp_path / "a", matrices=MATRICES, **SHAPE)
    changed = [Planted(0, ["q", "k"], "uniform", {"limit": 1.0}), *MATRICES[1:5]]
    changed += [Planted(1, [c], "uniform", {"limit": 0.04}) for c in reversed(COMPONENTS)]
    plant(tmp_path / "b", matrices=changed[::-1], **SHAPE)
    a, b = values(tmp_path / "a"), values(tmp_path / "b")
    differ = {key for key in a if not np.array_equal(a[key], b[key])}
    assert list(a) == list(b) and differ == {name(0, "q"), name(0, "k")}
    uniform = [a[name(1, component)][:2000].astype(np.float64) for component in COMPONENTS]
    assert np.abs(np.corrcoef(uniform) - np.eye(7)).max() < 5 / math.sqrt(2000)
    blocks = np.corrcoef(b[name(0, "q")], b[name(1, "q")])  # one law in both
    assert abs(blocks[0, 1]) < 5 / math.sqrt(64 * 64)


def test_dtypes_round_the_same_draws(tmp_path):
    for dtype in ("F32", "F16", "BF16"):
        plant(tmp_path / dtype, matrices=MATRICES, **SHAPE, dtype=dtype)
    exact, half, brain = (values(tmp_path / dtype) for dtype in ("F32", "F16", "BF16"))
    for key, w in exact.items():
        assert np.array_equal(half[key], w.astype(np.float16))
        back = (brain[key].astype(np.uint32) << 16).view(np.float32)
        assert np.all(np.abs(back - w) <= np.abs(w) * 2.0**-8)


def test_bytes_are_the_same_again(tmp_path):
    for folder in ("a", "b"):
        files, settings = plant(tmp_path / folder / "w", matrices=MATRICES, **SHAPE, seed=3)
        write_manifest(
            tmp_path / folder / "m.json",
            entry="e",
            source="plant",
            stand_in=True,
            files=files,
            settings=settings,
        )
    for path in ("m.json", "w/model.safetensors", "w/config.json"):
        assert (tmp_path / "a" / path).read_bytes() == (tmp_path / "b" / path).read_bytes()
    assert json.loads((tmp_path / "a/m.json").read_text())["settings"]["seed"] == 3
    plant(tmp_path / "c", matrices=MATRICES, **SHAPE, seed=4)
    assert (tmp_path / "c/model.safetensors").read_bytes() != (
        tmp_path / "a/w/model.safetensors"
    ).read_bytes()


def uniform(block: int = 0, components=tuple(COMPONENTS)) -> Planted:
    return Planted(block, list(components), "uniform", {"limit": 0.04})


@pytest.mark.parametrize(
    ("matrices", "change", "words"),
    [
        ([], {}, "block 0, component q: nothing is planted there"),
        ([uniform(0, ["q", "k", "v"])], {}, "block 0, component o: nothing is planted there"),
        ([uniform(0), uniform(2)], {}, "block 1, component q: nothing is planted there"),
        ([uniform(-1)], {}, "block 0, component q: nothing is planted there"),
        ([uniform(0), uniform(0, ["v"])], {}, "block 0, component v: it is planted twice"),
        ([uniform(0, ["qkv"])], {}, "component 'qkv' is none of"),
        ([uniform()], {"heads": 5}, "each must divide the one before it"),
        ([uniform()], {"key_value_heads": 3}, "each must divide the one before it"),
        ([uniform()], {"dtype": "F64"}, "dtype 'F64' cannot be written"),
        ([uniform()], {"seed": -1}, "seed -1 is negative"),
        ([uniform()], {"width": 8192}, "over 16777216 values"),
        (
            [Planted(0, list(COMPONENTS), "uniform", {"limit": 1e5})],
            {"dtype": "F16"},
            "exceeds the range of F16",
        ),
        ([Planted(0, list(COMPONENTS), "uniform", {"limit": 1e300})], {}, "exceeds the range of F32"),
        (
            [Planted(0, list(COMPONENTS), "uniform", {"limit": 1e300})],
            {"dtype": "BF16"},
            "exceeds the range of BF16",
        ),
    ],
)
def test_refusals_leave_nothing(tmp_path, matrices, change, words):
    with pytest.raises(CohortError, match=words):
        plant(tmp_path / "w", matrices=matrices, **(SHAPE | change))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("law", "parameters", "words"),
    [
        ("cauchy", {}, "law 'cauchy' is unknown: use one of half-normal"),
        ("weibull", {"shape": 1.2}, "has the parameters shape, it needs exactly shape, scale"),
        ("weibull", {}, "has the parameters none"),
        ("uniform", {"limit": 1, "scale": 1}, "it needs exactly limit"),
        (
            "outliers",
            {"sigma": 1, "count": 1, "multiple": 5, "size": 9},
            "it needs exactly sigma, count, multiple",
        ),
        ("half-normal", {"sigma": 0}, "sigma = 0 is outside"),
        ("half-normal", {"sigma": math.nan}, "sigma = nan is outside"),
        ("half-normal", {"sigma": "0.02"}, "sigma = '0.02' is outside"),
        ("half-normal", {"sigma": True}, "sigma = True is outside"),
        ("two-population", {"sigma": 1, "fraction": 1, "centre": -3, "spread": 1}, "fraction = 1 is outside"),
        ("outliers", {"sigma": 1, "count": 100, "multiple": 5}, "count = 100 is outside"),
        ("outliers", {"sigma": 1, "count": 1.5, "multiple": 5}, "count = 1.5 is outside"),
    ],
)
def test_laws_that_are_none(law, parameters, words):
    with pytest.raises(CohortError, match=words):
        make_law(law, parameters, 100)


def test_every_law_can_be_named():
    assert {type(law) for law in LAWS_OF_SCIPY} | {Outliers} == set(LAWS.values())


def test_a_failure_while_drawing_leaves_nothing(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(weightfit.weights.plant, "write_json", fail)
    with pytest.raises(OSError, match="disk full"):
        plant(tmp_path / "w", matrices=[uniform()], **SHAPE)
    assert list(tmp_path.iterdir()) == []
