"""Runs functions of npm-weibull-py and of this project on the same input, and pairs their results.

Every input is the same in every run. A check pairs only values with the same meaning; a value that only one of the two
functions returns is left out.
"""

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import npm_weibull
import numpy as np
from numpy.typing import NDArray

from weightfit import diagnostics
from weightfit.release import functions
from weightfit.studies.closure import implied

Pair = tuple[float | str | bool | None, float | str | bool | None]
"""A value from this project and the corresponding value from the library."""

SEED = 20260517
SHAPES = (0.3, 0.76, 1.0, 1.1, 1.2054, 2.0, 5.0)
SCALES = (1e-4, 0.0087, 0.02, 1.0)
HEADS = ((32, 32), (32, 8), (28, 4), (40, 8), (8, 1), (1, 1), (12, 12), (6, 1))
TRIMS = {"mid_80": 0.80, "mid_90": 0.90, "full_range": 1.00}


@dataclass(frozen=True)
class Check:
    """One comparison of a function of this project with a function of the library.

    Attributes
    ----------
    compared
        The compared values, in words.
    pairs
        Function that runs both and yields the pairs.
    """

    compared: str
    pairs: Callable[[], Iterator[Pair]]


def sample() -> NDArray[np.float16]:
    """Return the weights for functions that take weights: 65,536 Student-t values with 5 degrees of freedom."""
    values = 0.02 * np.random.default_rng(SEED).standard_t(5, (256, 256))
    return values.astype(np.float16)


def trajectories() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return a shape and two scales that move over 14 steps."""
    random = np.random.default_rng([SEED, 1])
    shape = 1.2054 - np.cumsum(random.uniform(0, 0.01, 14))
    scale = 0.01 * np.exp(np.cumsum(random.normal(0.05, 0.05, 14)))
    return shape, scale, 1.3 * scale * np.exp(random.normal(0, 0.02, 14))


def _items(ours: Mapping[str, Any], theirs: Mapping[str, Any], keys: str) -> Iterator[Pair]:
    for key in keys.split():
        yield ours[key], theirs[key]


def _fit_weibull() -> Iterator[Pair]:
    weights = sample()
    theirs = npm_weibull.extract_to_histogram(weights)
    for word, trim in TRIMS.items():
        one, other = diagnostics.F2_fit_weibull(weights, trim), npm_weibull.weibull_fit(theirs, word)
        yield from ((one.shape, other["k"]), (one.scale, other["lambda"]), (one.r_squared, other["R2"]))


def _gamma_closure() -> Iterator[Pair]:
    weights = sample()
    for trim in TRIMS.values():
        law = diagnostics.F2_fit_weibull(weights, trim)
        ours = diagnostics.F3_gamma_closure(weights, trim)
        theirs = npm_weibull.sigma_from_k_lambda(law.shape, law.scale)
        yield ours["standard_deviation_magnitude"].implied, theirs["sigma"]
        yield ours["mean_magnitude"].implied, theirs["mean_abs_w"]


def _medians() -> Iterator[Pair]:
    random = np.random.default_rng([SEED, 2])
    shapes = {kind: random.uniform(1.1, 1.3, 7).tolist() for kind in ("o", "gate", "up", "down")}
    ours = diagnostics.F4_cross_family_band(shapes).medians
    rows = [{"kind": kind, "k": k, "lambda": 1.0} for kind, members in shapes.items() for k in members]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model_fit_per_component_v3.json"
        file.write_text(json.dumps({"per_component": rows}), encoding="utf-8")
        theirs = npm_weibull.diagnose_model("model", derived_dir=folder)["per_component_summary"]
    yield from _items(ours, theirs, " ".join(shapes))


def _drift() -> Iterator[Pair]:
    for initial, terminal in product(SHAPES, SHAPES):
        yield (
            diagnostics.F6_k_drift(initial, terminal),
            npm_weibull.k_drift_severity(initial, terminal)["delta_k"],
        )


def _attention() -> Iterator[Pair]:
    for heads, key_heads in HEADS:
        theirs = npm_weibull.classify_attention_arch(heads, key_heads)["arch"]
        yield diagnostics.F7_attention_arch_classify(heads, key_heads), theirs


def _paired_correlation() -> Iterator[Pair]:
    shape, one, other = trajectories()
    theirs = npm_weibull.sigma_decompose(shape, one, other)["paired_r"]
    yield diagnostics.F8_lambda_paired_correlation(one, other), theirs


def _sigma_decompose() -> Iterator[Pair]:
    shape, one, other = trajectories()
    theirs = npm_weibull.sigma_decompose(shape, one, other)
    sigma = [implied(shape[at], one[at], 0.80)["standard_deviation_magnitude"] for at in (0, -1)]
    yield diagnostics.F8_lambda_paired_correlation(one, other), theirs["paired_r"]
    yield 100 * diagnostics.F6_k_drift(shape[0], shape[-1]) / shape[0], theirs["k_drift_pct"]
    yield from ((sigma[0], theirs["sigma_init"]), (sigma[1], theirs["sigma_final"]))


def _released_fit() -> Iterator[Pair]:
    counts = npm_weibull.extract_to_histogram(sample())
    coarse = npm_weibull.extract_to_histogram(sample(), 300, (-8.0, 1.0))
    for histogram, trim in product((counts, coarse), TRIMS):
        ours, theirs = (
            functions.weibull_fit(histogram, trim),
            npm_weibull.weibull_fit(histogram, trim),
        )
        yield from _items(ours, theirs, "k lambda R2 KS n_used trim ok")


def _metrics() -> Iterator[Pair]:
    counts = npm_weibull.extract_to_histogram(sample())
    ours, theirs = functions.per_block_metrics(counts), npm_weibull.per_block_metrics(counts)
    yield from _items(ours, theirs, "q90_q10 q99_q50 p999_p50 gini median_abs_w ok")


def _heads() -> Iterator[Pair]:
    for heads in HEADS:
        ours = functions.classify_attention_arch(*heads)
        yield from _items(ours, npm_weibull.classify_attention_arch(*heads), "arch ratio n_q n_kv")


def _duration() -> Iterator[Pair]:
    for rate, decay, steps in product((1e-4, 3e-4, 1e-3), (0.01, 0.1), (1000, 33_334, 143_000, 1_000_000)):
        ours = functions.compute_T_tau(rate, decay, steps)
        theirs = npm_weibull.compute_T_tau(rate, decay, steps)
        yield from _items(ours, theirs, "tau_iter T_tau state physical_terminal")
        yield ours["warning"] is None, theirs["warning"] is None


def _counts() -> Iterator[Pair]:
    for arguments in ((), (300, (-8.0, 1.0))):
        ours = functions.extract_to_histogram(sample(), *arguments)
        theirs = npm_weibull.extract_to_histogram(sample(), *arguments)
        yield from zip(ours["edges"].tolist(), theirs["edges"].tolist(), strict=True)
        yield from zip(ours["hist"].tolist(), theirs["hist"].tolist(), strict=True)
        yield ours["n_total"], theirs["n_total"]


def _moments() -> Iterator[Pair]:
    for law in product(SHAPES, SCALES):
        ours, theirs = functions.sigma_from_k_lambda(*law), npm_weibull.sigma_from_k_lambda(*law)
        yield from _items(ours, theirs, "sigma mean_abs_w median_abs_w cv c_k")


def _quantiles() -> Iterator[Pair]:
    for law in product(SHAPES, SCALES, (0.001, 0.1, 0.5, 0.9, 0.999999)):
        yield functions.weibull_quantile(*law), npm_weibull.weibull_quantile(*law)


CHECKS: Mapping[str, Check] = {
    "F2_fit_weibull": Check("k, lambda and R2 at three trims", _fit_weibull),
    "F3_gamma_closure": Check("implied standard deviation and mean, three trims", _gamma_closure),
    "F4_cross_family_band": Check("medians", _medians),
    "F6_k_drift": Check("drift", _drift),
    "F7_attention_arch_classify": Check("class", _attention),
    "F8_lambda_paired_correlation": Check("correlation", _paired_correlation),
    "weibull_fit": Check("all results, two binnings, three trims", _released_fit),
    "sigma_decompose": Check("sigma at both ends, drift of k, correlation", _sigma_decompose),
    "per_block_metrics": Check("all results", _metrics),
    "classify_attention_arch": Check("class and counts", _heads),
    "compute_T_tau": Check("all results, of the warning whether there is one", _duration),
    "k_drift_severity": Check("drift", _drift),
    "extract_to_histogram": Check("edges and counts of two binnings", _counts),
    "sigma_from_k_lambda": Check("all results", _moments),
    "weibull_quantile": Check("quantile", _quantiles),
    "diagnose_model": Check("medians", _medians),
}
"""Checks by the name of the function in the paper or the library; a missing name has nothing to compare."""
