"""What references stand for, against counts by hand, closed forms, simulation and the tables themselves."""

import csv
import itertools
import math
import statistics

import npm_weibull
import numpy as np
import pytest
from audit_sources import sources

from weightfit import diagnostics, paper
from weightfit.audit.needs import MissingData, Undecided
from weightfit.audit.printed import read
from weightfit.audit.references import entries, printed, recipes, theory, trainings
from weightfit.audit.references.database import Database
from weightfit.audit.references.printed import ids_behind
from weightfit.errors import ContractError, UnknownReference
from weightfit.formula.evaluation import evaluate
from weightfit.formula.interval import Interval
from weightfit.formula.text import Leaf


@pytest.fixture(scope="module")
def resolvers(tmp_path_factory):
    return sources(tmp_path_factory.mktemp("tables")).references()


@pytest.fixture(scope="module")
def database(shared):
    return Database(shared / "released_database")


def rows_of(shared, edition):
    name = "DATABASE_v9_1_qwen_cohort.csv" if edition == "qwen" else f"DATABASE_v9_1.{edition}.csv"
    with (shared / "released_database" / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


# Printed numbers.


def test_printed_numbers_and_patterns():
    assert printed.value("T4.pythia-70m.lambda") == Interval(0.02235, 0.02245)
    assert printed.value("T3.160m.state") == "Near-saturated"
    assert len(printed.values("T7.*.regime")) == 11
    assert printed.values("T7.*.regime", equal="A") == ("A",) * 4
    assert printed.values("T7.*.params", equal="7b") == (7e9,) * 4
    assert len(printed.values("T7.*.params", distinct=1)) == 5
    assert printed.joined("T7.*.layers") == "28/36/48"
    with pytest.raises(ContractError, match=r"no id of .* fits"):
        printed.values("T9.*")


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("T7.Qwen2.5-Math-1.5B.shallow_min", "upper"),
        ("T7.Qwen2.5-Math-7B.shallow_min", "lower"),
        ("T7.Qwen2-7B.shallow_med", "neither upper nor lower"),
    ],
)
def test_the_side_of_two_thresholds(number, expected):
    assert printed.side(number, "C2.thr_A", "upper", "C2.thr_B", "lower") == expected


def test_a_number_on_a_threshold_is_undecided():
    # 1.01 +- 0.005 against 1.01 exactly: either side.
    with pytest.raises(Undecided, match=r"T7\.Qwen2\.5-Math-7B\.shallow_med"):
        printed.side(
            "T7.Qwen2.5-Math-7B.shallow_med", "T7.Qwen2.5-Math-7B.shallow_med", "upper", "C2.thr_B", "lower"
        )


def test_numbers_within_two_others():
    band = ("S3.1.band_low", "S3.1.band_high")
    assert printed.within("T1.k80.median", *band, "inside") == "inside"
    assert printed.within("T1.*.median", *band, "inside") == "not inside"
    with pytest.raises(Undecided, match=r"T7\.Qwen2-7B\.deep_med"):
        printed.within("T7.Qwen2-7B.deep_med", *band, "inside")
    chosen = {"where": "regime", "equal": "B"}
    low = "T7.Qwen2.5-3B.deep_med", "T7.Qwen2-Math-7B.deep_med"
    with pytest.raises(Undecided):
        printed.within("T7.*.deep_med", *low, "inside", **chosen)
    assert printed.within("T7.*.deep_med", *band, "inside", **chosen) == "not inside"
    with pytest.raises(ContractError, match=r"no row of .* has 'C'"):
        printed.within("T7.*.deep_med", *band, "inside", where="regime", equal="C")


def test_the_numbers_behind_a_reference():
    assert ids_behind(Leaf("printed", ("A1.k0",), ())) == ["A1.k0"]
    assert ids_behind(Leaf("printed_all", ("T1.*.median",), ())) == [
        "T1.k80.median",
        "T1.k90.median",
        "T1.k100.median",
    ]
    assert ids_behind(Leaf("theory", ("half_normal_shape",), (("trim", 0.8),))) == []
    # What a formula is compared with decides nothing.
    assert ids_behind(Leaf("deviation", ("normal",), (("like", "A2.normal_std"),))) == []
    told = (("says", "within"), ("low", "S3.1.band_low"))
    assert ids_behind(Leaf("within", ("T7.Qwen2-7B.deep_med",), told)) == [
        "S3.1.band_low",
        "T7.Qwen2-7B.deep_med",
    ]


def test_the_same_unknown_is_one_number(resolvers):
    assert evaluate('unknown("a") - unknown("a")', resolvers).width < 1e-15
    assert evaluate('unknown("a") - unknown("b")', resolvers).width == pytest.approx(2)
    tripled = evaluate('3 * unknown_factor("a")', resolvers)
    assert (tripled.low, tripled.high) == (pytest.approx(3), math.inf)
    with pytest.raises(ContractError, match="write each thing once"):
        printed.listed("a", "a")


def test_printed_numbers_within_a_band_are_counted_as_far_as_they_are_printed(resolvers):
    """By hand from Table 7: 1.17 and 1.18 are surely outside of [1.186, 1.204]; 1.19 and 1.20 reach over an end."""
    band = '"S3.1.band_low", "S3.1.band_high"'
    assert evaluate(
        f'count_within("T7.*.shallow_med", {band}, where="params", equal="1.5B")', resolvers
    ) == Interval(0, 3)
    assert evaluate(f'count_within("T7.*.shallow_med", {band}, where="regime", equal="B")', resolvers) == 0
    assert evaluate(f'count_within("S2.1.k0", {band})', resolvers) == Interval(0, 1)
    with pytest.raises(ContractError, match="no row of"):
        evaluate(f'count_within("T7.*.deep_med", {band}, where="regime", equal="C")', resolvers)


# Entries, recipes, trainings.


def test_facts_of_entries_are_counted():
    main = [entry for entry in paper.entries().values() if "main" in entry.cohort]
    assert entries.facts("name", cohort="main") == tuple(entry.name for entry in main)
    fits = sum(entry.layers * (2 if entry.family == "Pythia" else 3) for entry in main)
    assert fits == 900
    matrices = zip(
        entries.facts("layers", cohort="main"),
        entries.facts("feed_forward_matrices", cohort="main"),
        strict=True,
    )
    assert sum(layers * number for layers, number in matrices) == 900
    assert set(entries.distinct("normalisation;qk_norm", cohort="main")) == {
        f"{entry.normalisation}; {str(entry.qk_norm).lower()}" for entry in main
    }
    assert entries.fact("Qwen2.5-14B", "query_heads_per_key_head") == 5
    assert entries.fact("qwen2-1.5b", "size") == "1.5B"
    with pytest.raises(UnknownReference, match="an entry has no 'leyers'"):
        entries.fact("pythia-70m", "leyers")
    with pytest.raises(ContractError, match="no single 'cohort'"):
        entries.fact("pythia-70m", "cohort")


def test_the_number_of_printed_fits_is_that_with_27_blocks():
    blocks = entries.stated("qwen2.5-14b", "fitted_blocks", "database-2026-05")
    assert 900 - 3 * (48 - blocks) == read("S3.1.n_ffn_fits").number.stands
    with pytest.raises(UnknownReference, match="no fitted_blocks of qwen3-8b"):
        entries.stated("qwen3-8b", "fitted_blocks", "database-2026-05")


def test_the_blocks_that_were_fitted_are_the_databases(shared):
    (row,) = (row for row in rows_of(shared, "2026-05") if row["entry_id"] == "qwen2.5-14b")
    assert int(row["n_records"]) / 7 == entries.stated("qwen2.5-14b", "fitted_blocks", "database-2026-05")


def test_recipes_are_compared_as_functions(monkeypatch):
    named = ("A", "A2.small_init", "A2.wang_init", "B", "A2.normal_std", "A2.scaled_std")
    sizes = ("70m", "160m", "410m", "1b", "6.9b")
    assert [recipes.recipe(f"pythia-{size}", *named) for size in sizes] == ["A"] * 4 + ["B"]
    assert recipes.recipe("olmo-1-7b", *named) == "none of A, B"
    assert recipes.recipes() == ("small_init; wang_init", "normal; scaled_normal")
    # 2 / L / sqrt(d) is the paper's 2 / (L sqrt(d)).
    assert recipes.deviation("wang_init", like="A2.wang_init") == "2 / (L * sqrt(d))"
    assert recipes.deviation("wang_init", like="A2.small_init") == "2 / L / sqrt(d)"
    assert recipes.deviation_ratio("A2.small_init", "A2.wang_init", like="A2.recipeA_ratio") == "L / sqrt(10)"
    wrong = recipes.deviation_ratio("A2.normal_std", "A2.scaled_std", like="A2.recipeA_ratio")
    assert wrong == "(0.02) / (0.02 / sqrt(2 * L))"


def test_a_source_never_stands_for_itself():
    assert trainings.training("pythia-70m", "weight_decay", source="eleutherai-config") == 0.1
    assert trainings.training("pythia-70m", "weight_decay", convention="official") == 0.1
    # Where no configuration is known the official convention takes the paper's word, which cannot judge the paper.
    with pytest.raises(
        ContractError, match="official takes weight_decay of llama-3-8b from the paper itself"
    ):
        trainings.training("llama-3-8b", "weight_decay", convention="official")
    for wrong in ({}, {"source": "paper", "convention": "paper"}, {"source": "olmo-config"}):
        with pytest.raises(ContractError, match="name one source or one convention"):
            trainings.training("pythia-70m", "weight_decay", **wrong)


def test_states_under_two_sets_of_thresholds_and_two_decays():
    def named(entry):
        cases = itertools.product(("database", "library"), ("paper", "official"))
        return [trainings.state(entry, *case) for case in cases]

    assert trainings.t_over_tau("pythia-160m", "paper") == pytest.approx(143000 * 6e-4 * 0.01)
    assert named("pythia-160m") == ["Near-saturated", "Saturated", "approaching", "saturated"]
    assert trainings.states("database", "database-2026-08") == (
        "Saturated", "Near-saturated", "Approaching", "Transition",
    )  # fmt: skip
    assert trainings.threshold("database", "Partial") == 0.25
    with pytest.raises(ContractError, match="have no state 'partial'"):
        trainings.threshold("database", "partial")


def test_the_nearest_published_step():
    for number in ("F3.step_a", "F3.step_b", "F3.step_c", "F3.step_d", "B2.step_first"):
        assert read(number).admits(trainings.revision("pythia-70m", like=number))
    # 10k is published, 0.087 is next to step 0.
    assert trainings.revision("pythia-70m", like="S5.4.slope") == 0
    with pytest.raises(ContractError, match="mistral-7b has no published steps"):
        trainings.revision("mistral-7b", like="F3.step_a")


# Theory.


def test_theory_names_one_row(resolvers, certified):
    shape = resolvers["theory"]("half_normal_shape", trim=0.8)
    assert shape == pytest.approx(1.20543431902, abs=1e-10)
    for wrong in ({}, {"trim": 0.7}, {"trim": 0.8, "n": 1000}):
        with pytest.raises(UnknownReference, match="theory has 0 rows"):
            resolvers["theory"]("half_normal_shape", **wrong)


def test_untrained_weights_by_simulation():
    """The mixture of Pythia-70m before training, drawn and fitted."""
    random = np.random.default_rng(20261126)
    sigma_in, sigma_out = math.sqrt(2 / (5 * 512)), 2 / (6 * math.sqrt(512))
    drawn = [random.normal(0, sigma_out, 512 * 512), random.normal(0, sigma_in, 512 * 2048)]
    drawn.append(random.normal(0, sigma_out, 512 * 2048))
    fit = diagnostics.F2_fit_weibull(np.concatenate(drawn).astype(np.float32))
    shape = theory.gaussian("pythia-70m", "shape", "transmission")
    scale = theory.gaussian("pythia-70m", "scale", "transmission")
    assert abs(fit.shape - shape) < 4 * fit.shape_se
    assert abs(fit.scale - scale) < 4 * fit.scale_se
    n = theory.gaussian("pythia-70m", "count", "transmission")
    assert n == read("F3.n_samples").number.stands
    deviation = math.sqrt((4 * sigma_in**2 + 5 * sigma_out**2) / 9)
    assert theory.gaussian("pythia-70m", "standard_deviation", "transmission") == pytest.approx(deviation)


def test_one_gaussian_has_the_half_normal_fit(resolvers):
    for component in ("qkv", "o", "ffn_in", "ffn_out"):
        sigma = theory.gaussian("pythia-6.9b", "standard_deviation", component)
        scale = theory.gaussian("pythia-6.9b", "scale", component)
        assert scale / sigma == pytest.approx(resolvers["theory"]("half_normal_scale", trim=0.8), rel=1e-10)
    with pytest.raises(UnknownReference, match="no matrices 'gate'"):
        theory.gaussian("pythia-70m", "scale", "gate")
    with pytest.raises(ContractError, match="not 'shepe'"):
        theory.gaussian("pythia-70m", "shepe", "o")


def test_the_tail_at_the_start_by_hand():
    """Two Gaussians, the border by bisection; the fit predicts about 14 % more weights beyond it."""
    sigma_in, sigma_out = math.sqrt(2 / (5 * 512)), 2 / (6 * math.sqrt(512))

    def beyond(border):
        return (
            4 * math.erfc(border / sigma_in / math.sqrt(2)) + 5 * math.erfc(border / sigma_out / math.sqrt(2))
        ) / 9

    low, high = 0.0, 1.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if beyond(middle) > 0.01 else (low, middle)
    predicted = math.exp(-((low / 0.0174) ** 1.153))
    assert predicted / 0.01 == pytest.approx(1.14, abs=0.01)
    noise = math.sqrt(0.01 * 0.99 / 14_155_776)
    assert (predicted - 0.01) / noise > 50
    told = {"shape": "F3.k_step1", "scale": "F3.lam_step1", "beyond": "F3.q99", "says": "so"}
    assert theory.tail_at_start("pythia-70m", "transmission", **told) == "not so"
    # A fit whose prediction is right is found right: at the scale of 1.2 a shape that gives 1 % there.
    assert theory.tail_at_start("pythia-70m", "o", **told | {"beyond": "S5.4.n"}) == "not so"


# The library.


def test_the_library_as_installed(resolvers):
    library = resolvers["library"]
    assert library("series") == ".".join(npm_weibull.__version__.split(".")[:2])
    assert library("trim") == 0.8
    assert library("name", "F5_lambda_scaling") == "none"
    assert library("name", "F2_fit_weibull") == "weibull_fit"
    assert set(library("classes")) == {"strong_selection", "mild_selection", "transmission"}
    assert set(library("classes", "untrained")) == {*library("classes"), "init_baseline"}
    assert library("states") == ("transition", "approaching", "saturated")
    assert library("released") == ()
    assert len(library("functions")) == len(npm_weibull.__all__) - 1  # the database is no function
    for state, below in (("saturated", "approaching"), ("approaching", "transition")):
        least = library("least_t_over_tau", state)
        assert npm_weibull.compute_T_tau(least * (1 + 1e-9), 1.0, 1)["state"] == state
        assert npm_weibull.compute_T_tau(least * (1 - 1e-9), 1.0, 1)["state"] == below
    for wrong in (("color",), ("name", "F9_none"), ("least_t_over_tau", "transition")):
        with pytest.raises(UnknownReference):
            library(*wrong)


# The released database.


def test_without_the_database_its_files_are_named():
    with pytest.raises(MissingData) as missing:
        Database(None).cell("pythia-70m", "k_median_o", edition="2026-08")
    assert "DATABASE_v9_1.2026-08.csv" in missing.value.needs[0].name
    with pytest.raises(MissingData, match="no JSON file"):
        Database(None).format()


def test_cells_of_the_database(shared, database):
    rows = {row["entry_id"]: row for row in rows_of(shared, "2026-08")}
    assert database.cell("pythia-70m", "k_median_o") == float(rows["pythia-70m"]["k_median_o"])
    merged = [float(row["k_median_qkv"]) for row in rows.values() if row["k_median_qkv"]]
    assert database.cells("k_median_qkv") == tuple(merged)
    grouped = [row for row in rows.values() if row["arch"].startswith("GQA")]
    expected = [float(row[column]) for column in ("k_median_q", "k_median_k") for row in grouped]
    assert database.cells("k_median_q;k_median_k", arch="GQA-*") == tuple(expected)
    assert database.cell("qwen2-math-7b", "tokens", edition="qwen") == "7T + 200B Math"
    assert database.cell("qwen2-1.5b", "tokens", edition="qwen") == 7e12
    for wrong, message in (
        ({"column": "k_median_z"}, "no column 'k_median_z'"),
        ({"column": "k_median_qkv", "entry": "mistral-7b"}, "no k_median_qkv of mistral-7b"),
        ({"column": "k_median_o", "entry": "qwen2-1.5b"}, "no k_median_o of qwen2-1.5b"),
    ):
        with pytest.raises(UnknownReference, match=message):
            database.cell(**{"entry": "pythia-70m"} | wrong)
    with pytest.raises(UnknownReference, match="has no row with"):
        database.cells("k_median_o", family="Gemma")


def test_statements_about_the_database_by_brute_force(shared, database):
    rows = [row for row in rows_of(shared, "2026-08") if row["family"] == "Pythia"]
    points = [(float(row["T_over_tau"]), float(row["k_median_qkv"])) for row in rows]
    pairs = [(one, other) for one in points for other in points if one[0] > other[0]]
    broken = [pair for pair in pairs if pair[0][1] >= pair[1][1]]
    # 1B drifted less than 6.9B, whose T/tau is less.
    assert broken == [((0.429, float(rows[3]["k_median_qkv"])), (0.172, float(rows[4]["k_median_qkv"])))]
    assert database.falls("k_median_qkv", "T_over_tau", "so", family="Pythia") == "not so"
    assert database.falls("lambda_median_o", "tau_iter", "so", family="Pythia", size="[17]*") == "not so"
    assert database.falls("T_over_tau", "tau_iter", "so", family="Pythia") == "so"
    below = sum(
        int(row["R2_below_95_gate"].split("/")[0])
        for row in rows_of(shared, "2026-08")
        if row["R2_below_95_gate"]
    )
    assert below == 3
    assert database.least_r_squared("gate") == Interval(0, 0.95)
    assert database.least_r_squared("ffn_in;ffn_out") == Interval(0.95, 1)


def test_the_median_of_a_union_lies_between_those_of_its_parts(shared, database):
    columns = "k_median_ffn_in;k_median_ffn_out;k_median_gate;k_median_up;k_median_down"
    rows = rows_of(shared, "2026-05")
    own = [[float(row[column]) for column in columns.split(";") if row[column]] for row in rows]
    assert database.between(columns, edition="2026-05") == tuple(Interval(min(row), max(row)) for row in own)
    # Only Pythia-70m has fewer than 12 blocks.
    assert database.between(columns, least_layers="S3.1.depth") == database.between(columns)[1:]
    assert len(database.between(columns, family="Pythia")) == 5
    random = np.random.default_rng(5)
    parts = [random.normal(size=size) for size in (3, 8, 5)]
    medians = [np.median(part) for part in parts]
    assert min(medians) <= np.median(np.concatenate(parts)) <= max(medians)


def test_fits_one_by_one_have_not_been_released(database):
    with pytest.raises(
        MissingData, match="lambda of o of pythia-70m, block by block, is not at hand"
    ) as missing:
        database.single_fits("pythia-70m", "o", "lambda")
    assert missing.value.needs[0].kind == "file"


def test_counts_below_the_band(shared, database):
    columns = ("k_median_o", "k_median_gate", "k_median_up", "k_median_down")
    for edition, family in itertools.product(("2026-05", "2026-08"), ("Qwen*", "*")):
        for statistic, reduce in (("mean", statistics.fmean), ("min", min), ("max", max)):
            expected = 0
            for row in rows_of(shared, edition):
                cells = [float(row[column]) for column in columns if row[column]]
                expected += row["family"].startswith(family.rstrip("*")) and reduce(cells) < 1.1855
            told = {"statistic": statistic, "edition": edition, "family": family}
            assert database.count_below(";".join(columns), "S3.1.band_low", **told) == expected
    with pytest.raises(ContractError, match="'mode' is none of"):
        database.count_below("k_median_o", "S3.1.band_low", "mode")
    band = ("S3.1.band_low", "S3.1.band_high", "inside")
    assert database.within("deep_median_k_gate", *band, edition="qwen", size="7B") == "inside"
    assert database.within("deep_median_k_gate", *band, edition="qwen", regime="B") == "not inside"
    with pytest.raises(ContractError, match="'Pythia' is no number"):
        database.within("family", *band, family="Pythia")
