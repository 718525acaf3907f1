"""The names of npm-weibull-py 0.4.0 with weightfit in its place: equal results, its Quick start, and a light import."""

import math
import re
import subprocess
import sys
from importlib.metadata import metadata
from types import SimpleNamespace

import ml_dtypes
import mpmath
import npm_weibull
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import weightfit
from weightfit.errors import NonFiniteWeight
from weightfit.fits.released import EDGES, released_fit
from weightfit.provenance import modules
from weightfit.release import functions
from weightfit.release import histogram as released_histogram

HANDED_THROUGH = {"DATABASE_v9_1", "classify_k", "compare_distributions", "compare_to_benchmark", "diagnose_model",
                  "k_drift_severity", "load_cascade_v3", "sigma_decompose"}  # fmt: skip
EQUAL = 1e-12


def assert_equal(ours, theirs, ignored=()):
    """Same keys in the same order, and equal values; not-a-number equals itself."""
    assert list(ours) == list(theirs)
    for key in ours.keys() - set(ignored):
        if isinstance(theirs[key], np.ndarray):
            assert ours[key].dtype == theirs[key].dtype
            np.testing.assert_array_equal(ours[key], theirs[key])
        elif isinstance(theirs[key], float):
            assert ours[key] == pytest.approx(theirs[key], rel=EQUAL, abs=0, nan_ok=True), key
        else:
            assert (ours[key], type(ours[key])) == (theirs[key], type(theirs[key])), key


def outcome(function, *arguments):
    """Return what a function returns, or the exception type that it raises."""
    try:
        return function(*arguments)
    except (ValueError, TypeError) as error:
        return type(error)


# Names.


def test_every_released_name_can_be_imported():
    assert sorted(npm_weibull.__all__) == sorted(weightfit.RELEASED)
    for name in npm_weibull.__all__:
        assert getattr(weightfit, name) is getattr(functions, name)
        assert (getattr(weightfit, name) is getattr(npm_weibull, name)) == (name in HANDED_THROUGH)
    assert set(weightfit.RELEASED) <= set(dir(weightfit))


def test_any_other_name_is_refused():
    with pytest.raises(AttributeError, match="'weightfit' has no attribute 'weibul_fit'"):
        _ = weightfit.weibul_fit
    with pytest.raises(ImportError):
        exec("from weightfit import weibul_fit")  # noqa: S102


def test_importing_the_package_imports_nothing_else():
    code = (
        "import sys, weightfit, weightfit.errors; "
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'numpy', 'scipy', 'npm_weibull', 'pyarrow'}))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_no_script_depends_on_the_released_names_because_it_imports_the_package():
    assert modules("weightfit/__init__.py") == []


# The Quick start, as the release prints it.


def quick_start():
    text = metadata("npm-weibull-py").get_payload() or metadata("npm-weibull-py")["Description"]
    (code,) = re.findall(r"## Quick start\s+```python\n(.*?)```", text, re.DOTALL)
    assert code.startswith("from npm_weibull import weibull_fit, DATABASE_v9_1, compare_to_benchmark\n")
    return code


def run_quick_start(code, capsys):
    weights = 0.02 * np.random.default_rng(91).standard_normal(100_000)
    counts, edges = np.histogram(np.log10(np.abs(weights)), np.linspace(-12, 2, 1025))
    exec(code, {"edges": edges, "counts": counts})  # noqa: S102
    return capsys.readouterr().out.split()


def test_the_quick_start_runs_with_weightfit_as_printed(capsys):
    theirs = run_quick_start(quick_start(), capsys)
    ours = run_quick_start(quick_start().replace("npm_weibull", "weightfit"), capsys)
    assert len(ours) == 4
    assert [float(one) for one in ours[:3]] == pytest.approx([float(one) for one in theirs[:3]], rel=EQUAL)
    assert ours[3] == theirs[3]


# Binned magnitudes.


def histograms():
    random = np.random.default_rng(92)
    for name, values in {
        "gaussian": 0.02 * random.standard_normal(20_000),
        "student": 0.02 * random.standard_t(2, 20_000),
        "weibull": random.weibull(0.4, 20_000),
        "few": np.full(90, 0.02),
        "narrow": np.full(1000, 0.02),
    }.items():
        for bins, span in ((1024, (-12.0, 2.0)), (100, (-6.0, 3.0)), (37, (-4.0, 0.0))):
            yield f"{name} {bins}", npm_weibull.extract_to_histogram(values, bins, span)


@pytest.mark.parametrize("trim", released_histogram.TRIMS)
@pytest.mark.parametrize(
    ("name", "histogram"), list(histograms()), ids=lambda one: one if isinstance(one, str) else ""
)
def test_fits_and_metrics_are_the_librarys(name, histogram, trim, tmp_path):
    theirs = npm_weibull.weibull_fit(histogram, trim)
    assert theirs["ok"] == (not name.startswith(("few", "narrow")))
    pair = histogram["edges"], histogram["hist"]
    np.savez(tmp_path / "bins.npz", edges=pair[0], hist=pair[1])
    for form in (histogram, pair, tmp_path / "bins.npz", str(tmp_path / "bins.npz")):
        # The reason is in our words; that there is one is among the keys.
        assert_equal(functions.weibull_fit(form, trim), theirs, {"reason"})
        assert_equal(functions.per_block_metrics(form), npm_weibull.per_block_metrics(form), {"reason"})
    if theirs["ok"] and histogram["edges"].size == EDGES.size:
        kept = {"mid_80": 0.80, "mid_90": 0.90, "full_range": 1.00}[trim]
        one = released_fit(histogram["hist"], kept)
        found = functions.weibull_fit(histogram, trim)
        assert (one.shape, one.scale, one.r_squared, one.ks_distance) == pytest.approx(
            [found[key] for key in ("k", "lambda", "R2", "KS")], rel=1e-13
        )


@given(
    st.lists(st.integers(0, 10_000), min_size=8, max_size=60),
    st.floats(-9, -3),
    st.floats(0.02, 0.4),
    st.sampled_from(list(released_histogram.TRIMS)),
)
def test_fits_of_any_bins_are_the_librarys(counts, first, width, trim):
    histogram = {"edges": first + width * np.arange(len(counts) + 1), "hist": counts}
    theirs = npm_weibull.weibull_fit(histogram, trim)
    ours = functions.weibull_fit(histogram, trim)
    assert list(ours) == list(theirs)
    for key in ("n_used", "trim", "ok"):
        assert ours[key] == theirs[key]
    for key in ("k", "lambda", "KS"):
        assert ours[key] == pytest.approx(theirs[key], rel=1e-10, nan_ok=True)
    assert ours["R2"] == pytest.approx(theirs["R2"], abs=1e-10, nan_ok=True)


@pytest.mark.parametrize("arguments", [((1, 2, 3),), ([1, 2],), (4,)])
def test_what_is_no_histogram_is_refused_as_there(arguments):
    assert outcome(npm_weibull.weibull_fit, *arguments) is TypeError
    assert outcome(functions.weibull_fit, *arguments) is TypeError


def test_an_unknown_trim_is_refused_as_there():
    histogram = {"edges": EDGES, "hist": np.ones(1024)}
    assert outcome(npm_weibull.weibull_fit, histogram, "mid_70") is ValueError
    with pytest.raises(ValueError, match="'mid_70' is unknown; give one of"):
        functions.weibull_fit(histogram, "mid_70")


@pytest.mark.parametrize(
    "weights",
    [
        np.random.default_rng(93).standard_normal((30, 40)),
        np.random.default_rng(93).standard_normal(1000).astype(np.float16),
        np.random.default_rng(93).standard_normal(1000).astype(ml_dtypes.bfloat16),
        np.float32([0, -0.0, 1e-12, 9.9e-13, 1e-14, 1e-45, 100.0, 100.1, -3.0]),
        np.arange(-5, 5),
        [0.1, -0.2, 0.3],
        np.zeros((0, 3)),
    ],
    ids=["f64", "f16", "bf16", "edges", "integers", "list", "empty"],
)
@pytest.mark.parametrize("bins", [(), (64,), (500, (-3.0, 1.0))])
def test_counts_are_the_librarys(weights, bins, tmp_path):
    ours, theirs = tmp_path / "ours" / "a.npz", tmp_path / "theirs" / "a.npz"
    bins = bins or (1024,)
    bins = bins if len(bins) == 2 else (*bins, (-12.0, 2.0))
    assert_equal(
        functions.extract_to_histogram(weights, *bins, ours),
        npm_weibull.extract_to_histogram(weights, *bins, theirs),
    )
    with np.load(ours) as one, np.load(theirs) as other:
        assert sorted(one) == sorted(other)
        for key in one:
            np.testing.assert_array_equal(one[key], other[key])


def test_a_tensor_is_counted_as_its_values_in_single_precision():
    class Tensor(SimpleNamespace):
        def detach(self):
            return self

        cpu = detach

        def float(self):
            return SimpleNamespace(numpy=lambda: np.asarray(self.values, np.float32))

    values = np.random.default_rng(94).standard_normal((20, 20))
    assert_equal(
        functions.extract_to_histogram(Tensor(values=values)),
        functions.extract_to_histogram(values),
    )


def test_weights_that_are_not_finite_are_refused_where_the_library_drops_them():
    weights = np.float32([1.0, np.nan, np.inf])
    assert npm_weibull.extract_to_histogram(weights)["hist"].sum() == 1
    with pytest.raises(NonFiniteWeight, match="2 of 3 weights"):
        functions.extract_to_histogram(weights)


# Closed forms and labels.

LAWS = [(k, lam) for k in (0.05, 0.2, 0.76, 1.0, 1.2054, 3.0, 40.0) for lam in (1e-6, 0.02, 1.0, 300.0)]
WRONG_LAWS = [(0.0, 1.0), (-1.0, 1.0), (1.0, 0.0), (1.0, -2.0)]


@pytest.mark.parametrize(("k", "lam"), [*LAWS, *WRONG_LAWS])
def test_moments_and_quantiles_are_the_librarys(k, lam):
    ours, theirs = (outcome(package.sigma_from_k_lambda, k, lam) for package in (functions, npm_weibull))
    if (k, lam) in WRONG_LAWS:
        assert ours is theirs is ValueError
    else:
        assert_equal(ours, theirs)
    for q in (0.0, 1e-3, 0.1, 0.5, 0.9, 1 - 1e-9, 1.0, -0.1, 1.1):
        ours, theirs = (outcome(package.weibull_quantile, k, lam, q) for package in (functions, npm_weibull))
        assert ours is theirs is ValueError or ours == pytest.approx(theirs, rel=EQUAL, abs=0)


def test_small_quantiles_keep_the_digits_that_the_library_loses():
    k, lam, q = 1.2054, 0.02, 1e-12
    exact = float(mpmath.mpf(lam) * (-mpmath.log1p(-mpmath.mpf(q))) ** (1 / mpmath.mpf(k)))
    assert functions.weibull_quantile(k, lam, q) == pytest.approx(exact, rel=1e-14, abs=0)
    assert npm_weibull.weibull_quantile(k, lam, q) != pytest.approx(exact, rel=1e-6, abs=0)


@given(st.floats(1e-6, 1e-1), st.floats(1e-4, 1.0), st.integers(1, 10**8))
def test_durations_are_the_librarys(eta, decay, steps):
    ours, theirs = (package.compute_T_tau(eta, decay, steps) for package in (functions, npm_weibull))
    assert_equal(ours, theirs, {"warning"})
    assert (ours["warning"] is None) == (theirs["warning"] is None)


@pytest.mark.parametrize(
    ("steps", "state"),
    [(100_000, "saturated"), (99_999, "approaching"), (20_000, "approaching"), (19_999, "transition")],
)
def test_the_state_changes_where_the_librarys_does(steps, state):
    for package in (functions, npm_weibull):
        found = package.compute_T_tau(1e-3, 0.01, steps)
        assert (found["state"], found["warning"] is None) == (state, state != "transition")


@pytest.mark.parametrize("arguments", [(0, 0.1, 1), (1e-3, -0.1, 1), (1e-3, 0.1, 0)])
def test_a_duration_of_nothing_is_refused_as_there(arguments):
    assert outcome(npm_weibull.compute_T_tau, *arguments) is ValueError
    assert outcome(functions.compute_T_tau, *arguments) is ValueError


def test_attention_is_classified_as_there():
    for heads in range(-1, 41):
        for key_heads in range(-1, 41):
            ours, theirs = (
                outcome(package.classify_attention_arch, heads, key_heads)
                for package in (functions, npm_weibull)
            )
            assert ours == theirs
            assert math.prod((heads, key_heads)) > 0 or ours is ValueError
