"""The study of the released library: what it says of the installed release, and that it would notice another."""

import re
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import npm_weibull
import pytest

from weightfit import diagnostics, paper
from weightfit.errors import ContractError
from weightfit.release import checks as library_checks
from weightfit.release import functions, library
from weightfit.release.library import TOLERANCE, Agreement, compare, counterparts, paper_names

NAMES = [f"F{number}" for number in range(1, 9)]
SOURCES = "\n".join(
    file.read_text(encoding="utf-8") for file in sorted(Path(npm_weibull.__file__).parent.rglob("*.py"))
)


@pytest.fixture(scope="module")
def study():
    made = library.library(paper_names(), counterparts())
    return {(row["kind"], row["name"]): row for row in made.to_pylist()}


def test_the_rows_are_the_papers_table_and_the_librarys_exports(study):
    printed = [paper.printed(f"T6.{name}") for name in NAMES]
    assert list(study) == [("paper", name) for name in printed] + [
        ("released", name) for name in npm_weibull.__all__
    ]
    assert {row["version"] for row in study.values()} == {version("npm-weibull-py")} == {"0.4.0"}


def test_whether_a_name_is_released_is_what_the_sources_say(study):
    for (_, name), row in study.items():
        defined = re.search(rf"^(def )?{name}\b", SOURCES, re.MULTILINE) is not None
        assert row["released"] == defined, name
    assert not any(row["released"] for (kind, _), row in study.items() if kind == "paper")


def test_a_released_name_of_the_paper_would_be_noticed(study, monkeypatch):
    monkeypatch.setattr(npm_weibull.core.weibull, "F2_fit_weibull", npm_weibull.weibull_fit, raising=False)
    made = library.library(paper_names(), counterparts()).to_pylist()
    changed = [row["name"] for row in made if row["released"] != study[row["kind"], row["name"]]["released"]]
    assert changed == ["F2_fit_weibull"]


def test_the_librarys_own_numbers_are_other_than_the_papers(study):
    # npm_weibull/__init__.py, docstring.
    expected = {"weibull_fit": "F1", "classify_k": "F2", "sigma_decompose": "F3", "k_drift_severity": "F5",
                "compute_T_tau": "F6", "per_block_metrics": "F6_ext", "classify_attention_arch": "F8"}  # fmt: skip
    for (kind, name), row in study.items():
        assert row["label"] == expected.get(row["nearest"])
        assert kind == "released" or row["label"] is None or not name.startswith(f"{row['label']}_")


def test_what_is_ours_exists_and_is_not_the_librarys(study):
    for (_, name), row in study.items():
        handed_through = getattr(functions, name, None) is getattr(npm_weibull, name, row)
        assert row["handed_through"] == handed_through
        if row["ours"]:
            module, own = row["ours"].rsplit(".", 1)
            assert module.startswith("weightfit.")
            assert handed_through or own == name
            assert getattr(__import__(module, fromlist=[own]), own).__module__ == module
    assert sum(row["handed_through"] for row in study.values()) == 8


def test_agreement_is_to_rounding_but_for_the_fit(study):
    compared = {key: row for key, row in study.items() if row["compared"]}
    assert {name for (_, name), row in compared.items() if not row["agrees"]} == {"F2_fit_weibull"}
    for row in compared.values():
        assert row["values"] > 0
        assert row["agrees"] == (row["unequal"] == 0)
        if row["agrees"] and row["difference"] is not None:
            assert row["difference"] <= TOLERANCE == row["tolerance"]
    for key, row in study.items():
        if key not in compared:
            assert (row["values"], row["difference"], row["agrees"]) == (0, None, None)


def test_the_fits_differ_by_what_binning_does(study):
    weights = library_checks.sample()
    counts = npm_weibull.extract_to_histogram(weights)
    ratios = []
    for word, trim in (("mid_80", 0.80), ("mid_90", 0.90), ("full_range", 1.00)):
        ours, theirs = diagnostics.F2_fit_weibull(weights, trim), npm_weibull.weibull_fit(counts, word)
        pairs = ((ours.shape, theirs["k"]), (ours.scale, theirs["lambda"]), (ours.r_squared, theirs["R2"]))
        ratios += [abs(one / other - 1) for one, other in pairs]
    assert study["paper", "F2_fit_weibull"]["difference"] == pytest.approx(max(ratios), rel=1e-9)
    assert 1e-3 < max(ratios) < 1e-2
    # With finer bins the library comes nearer to the fit over every weight.
    fine = npm_weibull.extract_to_histogram(weights, 8192)
    exact = diagnostics.F2_fit_weibull(weights).shape
    coarse, better = (npm_weibull.weibull_fit(bins)["k"] for bins in (counts, fine))
    assert abs(better - exact) < abs(coarse - exact) / 3


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("sigma_from_k_lambda", lambda k, lam: {
            key: value * (1 + 1e-10) for key, value in npm_weibull.sigma_from_k_lambda(k, lam).items()
        }),
        ("classify_attention_arch", lambda n_q, n_kv: {"arch": "MHA", "ratio": n_q // n_kv, "n_q": n_q, "n_kv": n_kv}),
    ],
)  # fmt: skip
def test_a_function_that_no_longer_agrees_is_noticed(study, monkeypatch, name, broken):
    monkeypatch.setattr(functions, name, broken)
    made = {
        row["name"]: row for row in library.library([], counterparts()).to_pylist() if row["agrees"] is False
    }
    assert list(made) == [name]
    assert 0 < made[name]["unequal"] <= made[name]["values"]


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([], Agreement(0, 0, None)),
        ([("MHA", "MHA"), (None, None)], Agreement(2, 0, None)),
        ([("MHA", "GQA"), (None, "x"), (1.0, None)], Agreement(3, 3, None)),
        ([(2.0, 1.0), (-1.0, 1.0)], Agreement(2, 2, 2.0)),
        ([(0.0, 0.0), (0.5, 0.0)], Agreement(2, 1, 0.5)),
        ([(1 + 5e-13, 1.0), (3, 3)], Agreement(2, 0, pytest.approx(5e-13, rel=1e-3))),
        ([(1 + 2e-12, 1.0), (True, True)], Agreement(2, 1, pytest.approx(2e-12, rel=1e-3))),
    ],
)
def test_pairs_are_compared_relative_to_the_librarys_value(pairs, expected):
    assert compare(pairs) == expected


def test_not_a_number_never_agrees():
    assert compare([(float("nan"), 1.0), (1.0, float("nan"))]).unequal == 2


def test_the_table_of_counterparts_names_each_function_once(study):
    assert list(counterparts()) == [name for _, name in study]


def test_a_name_without_a_row_or_with_a_wrong_counterpart_is_refused():
    known = counterparts()
    with pytest.raises(ContractError, match=r"there is no row for \['F9_new'\]"):
        library.library(["F9_new"], known)
    for name, message in (("F6_k_drift", "exports no 'absent'"), ("classify_k", "has no function 'absent'")):
        wrong = known | {name: replace(known[name], nearest="absent")}
        with pytest.raises(ContractError, match=message):
            library.library(["F6_k_drift"], wrong)


def test_the_study_is_the_same_in_every_run(study):
    assert library.library(paper_names(), counterparts()).to_pylist() == list(study.values())
