"""The claims: every one of the list is there, in the paper's words, and its verdict follows from what is computed."""

import csv
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from audit_sources import sources
from scipy.special import gamma
from scipy.stats import halfnorm, norm, t, truncnorm, weibull_min

from weightfit import documents
from weightfit.audit import registry
from weightfit.audit.claims.claims import holds, judge_claims
from weightfit.audit.claims.file import Claim, ClaimTest, read_claims
from weightfit.audit.evaluation import Evaluator, evaluate_all
from weightfit.audit.references import estimator
from weightfit.audit.references.printed import matching
from weightfit.audit.references.sources import NOTHING, Sources
from weightfit.audit.references.statistics import correlation_limit
from weightfit.errors import ContractError
from weightfit.fits.population import half_normal_log_quantile, population_fit
from weightfit.fits.probability_plot import Magnitudes, fit
from weightfit.formula.evaluation import evaluate
from weightfit.formula.interval import Interval
from weightfit.studies import shape_error

# One word of the id for each claim that the audit must have.
SUBJECTS = (
    "the-band",
    "output-projection",
    "ten-of-twelve",
    "noise-optimal",
    "anti-interference",
    "any-departure",
    "gap-quantifies",
    "r-squared",
    "gamma-closure",
    "outliers-in-every-family",
    "leaves-the-weibull",
    "localised",
    "t-over-tau",
    "attention-groups",
    "merged-storage",
    "qk-norm",
    "follows-the-root",
    "ratios-collapse",
    "coupled",
    "end-of-warm-up",
    "step-one-tail",
    "initial-ratios",
    "zero-mean",
    "mean-is-subtracted",
    "sign-symmetry",
    "two-parameters",
    "classes-are-distinct",
    "signal-not-size",
    "anchor-is-universal",
    "primary-site",
    "spectra-and-kurtosis",
    "qwen-regimes",
    "no-regime-elsewhere",
    "published-hyperparameters",
    "release-contains",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    found = sources(tmp_path_factory.mktemp("claims"))
    return evaluate_all(registry.read(), found), Evaluator(found)


@pytest.fixture(scope="module")
def outcome(run):
    return {row["id"]: row for row in judge_claims(read_claims(), *run).to_pylist()}


@pytest.fixture(scope="module")
def with_database(tmp_path_factory):
    folder = documents.ROOT.parent / "shared/released_database"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there: claims that only the released database decides are not tested")
    found = sources(tmp_path_factory.mktemp("database"), folder)
    rows = judge_claims(read_claims(), evaluate_all(registry.read(), found), Evaluator(found))
    return {row["id"]: row for row in rows.to_pylist()}


def judged(run, *tests, numbers=()):
    """Judge one made-up claim."""
    claim = Claim("made-up", "Sec 1", "words", numbers, tests)
    (row,) = judge_claims([claim], *run).to_pylist()
    return row


def made(says="It is {one:.2f}.", evidence="theory", when=(), if_so="reproduced", if_not="differs", **values):
    return ClaimTest(evidence, values, when, if_so, if_not, says)


def test_every_claim_of_the_list_has_an_item():
    ids = [claim.id for claim in read_claims()]
    assert [subject for subject in SUBJECTS if not any(subject in each for each in ids)] == []


def test_quotes_are_the_papers_words():
    path = documents.ROOT.parent / "shared/paper/paper.md"
    if not path.is_file():
        pytest.skip(f"{path} is not there: quotes are not compared with the paper")
    words = " ".join(path.read_text(encoding="utf-8").split())
    assert [claim.id for claim in read_claims() if claim.quote not in words] == []


def test_every_claim_has_a_verdict_and_a_sentence(outcome):
    assert list(outcome) == [claim.id for claim in read_claims()]
    for row in outcome.values():
        assert row["sentence"], row
        assert (row["evidence"] is None) == (row["verdict"] == "untraced")
        assert row["stand_in"] is None
        assert "decided by" not in row["sentence"], "downloads stand in a column of their own"
        if row["verdict"] == "pending":
            assert row["needs"]


def test_no_number_is_typed_into_a_sentence():
    """What stands outside braces has no digits but those of names."""
    names = (
        r"\{[^}]*\}|OLMo-1-7B|Qwen3-8B|Qwen2\.5-(?:3|7|14)B|LLaMA-3|Pythia-[0-9.]+[mb]|Table [247]|"
        r"Appendix C\.[23]|BF16|R²"
    )
    for claim in read_claims():
        for test in claim.tests:
            rest = re.sub(names, "", test.says)
            assert not re.search(r"\d", rest), (claim.id, rest)


def test_theory_decides_without_weights(outcome):
    verdicts = {key: (row["verdict"], row["evidence"]) for key, row in outcome.items()}
    assert verdicts["gap-quantifies-the-heavy-tail"] == ("differs", "theory")
    assert verdicts["any-departure-is-training"] == ("ambiguous", "theory")
    assert verdicts["noise-optimal-trim"] == ("differs", "theory")
    assert verdicts["peak-at-the-end-of-warm-up"] == ("differs", "configuration")
    assert verdicts["release-contains"] == ("differs", "library")
    assert verdicts["qwen-regimes"] == ("ambiguous", "arithmetic")
    assert verdicts["output-projection-in-the-band"] == ("differs", "arithmetic")
    # One function that does not centre shows not that nothing was centred before it.
    assert verdicts["mean-is-subtracted"] == ("compatible", "library")
    # One theory, two claims about the same gap.
    assert verdicts["ten-of-twelve"] == ("differs", "theory")
    assert verdicts["anchor-is-universal"] == ("ambiguous", "theory")
    assert verdicts["merged-storage-is-transitional"] == ("differs", "arithmetic")
    assert verdicts["gamma-closure"] == ("pending", "weights")


class Contaminated:
    """A Gaussian law of which one in a thousand has ten times the deviation."""

    def isf(self, q):
        x = np.linspace(0, 60, 1_000_001)
        return np.interp(-np.log(q), -np.log(0.999 * norm.sf(x) + 0.001 * norm.sf(x / 10)), x)


def test_the_gaps_by_regressing_over_every_quantile(outcome):
    n = 2_000_000
    probability = (np.arange(n) + 0.5) / n
    y = np.log(-np.log1p(-probability))

    def gap(law):
        x = np.log(law.isf((1 - probability) / 2))
        inside = np.abs(probability - 0.5) <= 0.4
        return np.polyfit(x[inside], y[inside], 1)[0] - np.polyfit(x, y, 1)[0]

    sentence = outcome["gap-quantifies-the-heavy-tail"]["sentence"]
    found = [float(each) for each in re.findall(r"0\.\d{4}", sentence)]
    expected = (gap(norm()), 0.0519, 0.0017, gap(t(4)), gap(Contaminated()))
    assert found == [pytest.approx(each, abs=2e-4) for each in expected]


def test_the_closure_of_gaussian_weights_by_hand(outcome):
    law = population_fit(half_normal_log_quantile, 0.80)
    k, scale = law["shape"], law["scale"]
    second, first = scale**2 * gamma(1 + 2 / k), scale * gamma(1 + 1 / k)
    implied = math.sqrt(second - first**2)
    sentence = outcome["gamma-closure"]["sentence"]
    assert f"{implied / halfnorm.std() - 1:+.1%} from that of the magnitudes" in sentence
    assert f"{implied - 1:+.1%} from that of the weights" in sentence
    assert (
        f"root mean square differs by {math.sqrt(second) - 1:+.1%}"
        f" and its mean by {first / halfnorm.mean() - 1:+.1%}" in sentence
    )
    inside = []
    for each in (weibull_min(k, scale=scale), halfnorm()):
        low, high = each.ppf([0.1, 0.9])
        mean, square = (each.expect(lambda x, r=r: x**r, lb=low, ub=high) / 0.8 for r in (1, 2))
        inside.append((math.sqrt(square - mean**2), math.sqrt(square), mean))
    told = ", ".join(f"{one / other - 1:+.1%}" for one, other in zip(*inside, strict=True))
    assert f"differ from those of the magnitudes by {told}" in sentence.replace(" and ", ", ")


def test_the_noise_of_the_two_trims_by_hand(outcome):
    def noise(p):
        return p / ((1 - p) * math.log(1 - p) ** 2)

    least = min(noise(i / 10_000) for i in range(7_000, 9_000))
    sentence = outcome["noise-optimal-trim"]["sentence"]
    assert f"{noise(0.1) / least:.2f} times the least variance" in sentence
    assert f"{max(noise(0.19), noise(0.99)) / least:.2f} times the least variance" in sentence


def test_the_variance_of_the_shape_by_simulation(outcome):
    """Few weights, many matrices, one regression by the textbook for each: the least variance is not at 0.80."""
    n, matrices = 2_000, 4_000
    random = np.random.default_rng(20261125)
    x = np.log(np.sort(np.abs(random.standard_normal((matrices, n))), axis=1))
    y = np.log(-np.log1p(-(np.arange(n) + 0.5) / n))

    def variance(trim):
        inside = slice(round(n * (1 - trim) / 2), round(n * (1 + trim) / 2))
        dx = x[:, inside] - x[:, inside].mean(axis=1, keepdims=True)
        return ((dx @ (y[inside] - y[inside].mean())) / (dx**2).sum(axis=1)).var()

    sentence = outcome["noise-optimal-trim"]["sentence"]
    found = re.search(
        r"least at trim (\S+)\. It is (\S+) times that variance at trim 0\.80, "
        r"(\S+) times at trim 0\.90, and (\S+) times",
        sentence,
    )
    best, *ratios = (float(each) for each in found.groups())
    least = variance(best)
    assert ratios == [pytest.approx(variance(trim) / least, rel=0.05) for trim in (0.8, 0.9, 1.0)]
    assert variance(0.8) > 1.05 * least


@pytest.mark.parametrize(("trim", "share"), [(0.5, 1e-4), (0.8, 1e-4), (0.95, 1e-4), (1.0, 1e-3)])
def test_the_noise_of_the_shape_is_the_limit_of_the_standard_errors(trim, share):
    n = 1_000_000
    value = halfnorm.ppf((np.arange(n) + 0.5) / n)
    sample = Magnitudes(value, np.ones(n, np.int64), n)
    found = fit(sample, [trim])[0].shape_se * math.sqrt(n)
    assert shape_error.shape_noise(trim) == pytest.approx(found, rel=share)


def test_outliers_need_a_share_and_a_factor():
    with pytest.raises(ContractError, match="take 0 < share < 1 < factor"):
        shape_error.shape_with_outliers(1.5, 10, 0.8)
    with pytest.raises(ContractError, match="take 0 < share < 1 < factor"):
        shape_error.shape_with_outliers(0.1, 0.5, 0.8)


def test_references_to_the_estimator_refuse_what_is_none():
    with pytest.raises(ContractError, match="0 weights have no standard error"):
        shape_error.shape_error(0, 0.8)
    with pytest.raises(ContractError, match="has no reading 'median'; take one of"):
        estimator.closure_error("median", 0.8)


def test_single_matrices_scatter_as_is_told(outcome):
    random = np.random.default_rng(20261127)
    x = np.log(np.sort(np.abs(random.standard_normal((4_000, 1_000))), axis=1))[:, 100:900]
    y = np.log(-np.log1p(-(np.arange(100, 900) + 0.5) / 1_000))
    dx = x - x.mean(axis=1, keepdims=True)
    shapes = dx @ (y - y.mean()) / (dx**2).sum(axis=1)
    told = re.search(r"standard error of k is (\S+) for", outcome["any-departure-is-training"]["sentence"])
    assert shapes.std() == pytest.approx(float(told[1]), rel=0.05)


def test_outliers_and_rounding_by_regressing_over_drawn_weights(outcome):
    n = 2_000_000
    probability = (np.arange(n) + 0.5) / n
    y = np.log(-np.log1p(-probability))
    exact = halfnorm.ppf(probability)

    def shape(magnitude, trim):
        inside = np.abs(probability - 0.5) <= trim / 2
        return np.polyfit(np.log(magnitude[inside]), y[inside], 1)[0]

    few = np.concatenate(
        [
            halfnorm.ppf((np.arange(m) + 0.5) / m) * factor
            for m, factor in ((n * 999 // 1000, 1), (n // 1000, 10))
        ]
    )
    sentence = outcome["anti-interference"]["sentence"]
    inside, whole = map(
        float, re.search(r"lower by (\S+) at trim 0\.80, and by (\S+) without", sentence).groups()
    )
    assert inside == pytest.approx(shape(exact, 0.8) - shape(np.sort(few), 0.8), abs=2e-5)
    assert whole == pytest.approx(shape(exact, 1.0) - shape(np.sort(few), 1.0), abs=2e-5)
    # The 16 low bits of a float32 are what BF16 lacks; this rounds half away from zero.
    bits = (exact.astype(np.float32).view(np.uint32) + np.uint32(0x8000)) & np.uint32(0xFFFF0000)
    moved = abs(shape(bits.view(np.float32).astype(np.float64), 0.8) - shape(exact, 0.8))
    assert float(re.search(r"changes k by (\S+)\.$", sentence)[1]) == pytest.approx(moved, rel=0.3)


def test_the_tail_of_step_one_by_drawing_the_weights(outcome):
    """Pythia-70m by its recipe: o and the FFN matrices; the printed fit beyond the 99 % quantile."""
    width, layers = 512, 6
    small, wang = math.sqrt(2 / (5 * width)), 2 / (layers * math.sqrt(width))
    random = np.random.default_rng(3)
    deviations = {wang: width**2 + 4 * width**2, small: 4 * width**2}
    weights = np.abs(np.concatenate([random.normal(0, s, size=2 * n) for s, n in deviations.items()]))
    border = np.quantile(weights, 0.99)
    predicted = math.exp(-((border / 0.0174) ** 1.153)) / 0.01
    low, high = map(
        float,
        re.search(r"predicts (\S+) to (\S+) times as many", outcome["step-one-tail"]["sentence"]).groups(),
    )
    assert low < predicted < high
    assert outcome["step-one-tail"]["verdict"] == "differs"


def test_what_the_released_database_decides(with_database):
    verdicts = {key: (row["verdict"], row["evidence"]) for key, row in with_database.items()}
    assert verdicts["drift-follows-t-over-tau"] == ("differs", "database")
    assert verdicts["attention-groups"] == ("consistent", "database")
    assert verdicts["classes-are-distinct"] == ("consistent", "database")
    assert verdicts["w-k-is-the-primary-site"] == ("ambiguous", "database")
    assert verdicts["selection-leaves-the-weibull-family"] == ("differs", "database")
    assert verdicts["two-parameters-are-independent"] == ("ambiguous", "database")
    assert verdicts["signal-not-size"] == ("ambiguous", "database")
    assert verdicts["merged-storage-is-transitional"] == ("differs", "database")
    assert verdicts["output-projection-in-the-band"] == ("differs", "database")
    assert "1.041" in with_database["output-projection-in-the-band"]["sentence"]


@pytest.mark.parametrize(
    ("one", "relation", "other", "expected"),
    [
        (1.0, "<", 2.0, True),
        (2.0, "<", 2.0, False),
        (2.0, "<=", 2.0, True),
        (3.0, ">", 2.0, True),
        (2.0, ">=", 3.0, False),
        (Interval(1, 2), "<", 3.0, True),
        (Interval(1, 2), "<", 1.5, None),
        (Interval(1, 2), ">", 2.5, False),
        (Interval(1, 2), ">=", Interval(0, 1), True),
        (1.5, "in", Interval(1, 2), True),
        (2.5, "in", Interval(1, 2), False),
        (Interval(1, 3), "in", Interval(1, 2), None),
        ("a", "is", "a", True),
        ("a", "is", "b", False),
    ],
)
def test_relations(one, relation, other, expected):
    assert holds(one, relation, other) is expected


def test_labels_have_no_order():
    with pytest.raises(ContractError, match="has no order"):
        holds("a", "<", "b")


def test_a_verdict_follows_the_relations(run):
    true, false, open_one = ("one < two",), ("two < one",), ("wide < one",)
    values = {"one": "1", "two": "2", "wide": 'unknown("x") * 4'}

    def said(when, **how):
        return judged(run, made(when=[tuple(item.split()) for item in when], **how, **values))["verdict"]

    assert said(true) == "reproduced"
    assert said(false) == "differs"
    assert said(false, if_not="compatible") == "compatible"
    assert said(open_one) == "compatible"
    assert said((*true, *false)) == "differs"
    assert said(()) == "untraced"


def test_what_the_released_database_supports_is_consistent(copied_paper):
    """By the kind of evidence alone: the same test of a configuration would be a reproduction."""
    change(copied_paper / "claims.yaml", "evidence: database", "evidence: configuration")
    claims = read_claims()
    (claim,) = (each for each in claims if each.id == "output-projection-in-the-band")
    assert [test.if_so for test in claim.tests][:3] == ["reproduced", "reproduced", "consistent"]
    said = {test.if_so for each in claims for test in each.tests if test.evidence == "database"}
    assert said == {"consistent"}


def test_readings_that_disagree_make_a_claim_ambiguous(run):
    one = made(one="1", two="2", when=[("one", "<", "two")])
    other = made(one="1", two="2", when=[("two", "<", "one")])
    assert judged(run, one, other)["verdict"] == "ambiguous"


def test_numbers_and_tests_are_never_added_up(run):
    theory = made(one="1", two="2", when=[("one", "<", "two")])
    row = judged(run, theory, numbers=("S5.2.warmup",))
    assert (row["verdict"], row["evidence"]) == ("reproduced", "theory")
    # What all numbers bear rests on the weakest kind of evidence: one by theory, one by arithmetic.
    row = judged(run, numbers=("T5.70m.predicted", "F3.n_samples"))
    assert (row["verdict"], row["evidence"]) == ("reproduced", "arithmetic")
    row = judged(run, numbers=("T5.70m.predicted", "T5.max_error"))
    assert (row["verdict"], row["evidence"]) == ("consistent", "arithmetic")
    row = judged(run, numbers=("S5.2.warmup", "S3.1.band_low"))
    assert (row["verdict"], row["evidence"]) == ("differs", "configuration")
    assert (
        "The claim rests on 2 printed numbers: 1 differs, 1 pending. For S5.2.warmup, the paper prints 10k"
        in row["sentence"]
    )


def test_missing_weights_are_named(run):
    test = made(evidence="weights", one='cell("drift", "shape_terminal", entry="pythia-70m", component="o")')
    row = judged(run, made(evidence="weights", when=[("one", "<", "two")], **test.values, two="2"))
    assert (row["verdict"], row["evidence"]) == ("pending", "weights")
    assert "EleutherAI/pythia-70m at main" in row["needs"]


def test_a_sentence_shows_numbers_intervals_labels_and_printed_texts(run):
    says = "{one:.1f}, {two:+.0%}, {wide:.1f}, {label}, {printed S5.2.warmup}"
    values = {"one": "1.25", "two": "0.5", "wide": 'unknown("x")', "label": 'library("series")'}
    row = judged(run, made(says=says, **values), numbers=("A1.k0",))
    assert row["sentence"].endswith("1.2, +50%, 0.0 to 1.0, 0.4, 10k")
    with pytest.raises(ContractError, match="names 'three', which is no value"):
        judged(run, made(says="{three}", one="1"))


def test_a_sentence_shows_what_its_formulas_are_told(run):
    one = 'theory("student_t_shape", trim=0.80, degrees=4)'
    row = judged(run, made(says="{one.degrees:.0f} at {one.trim:.2f}", one=one), numbers=("A1.k0",))
    assert row["sentence"].endswith("4 at 0.80")
    two = 'gaussian("pythia-70m", "shape", "o", trim=0.80) - gaussian("pythia-70m", "shape", "o", trim=0.90)'
    with pytest.raises(ContractError, match="2 values of the keyword 'trim'"):
        judged(run, made(says="{two.trim}", two=two))
    with pytest.raises(ContractError, match="0 values of the keyword 'n'"):
        judged(run, made(says="{one.n}", one=one))


def test_numbers_are_told_where_they_do_not_agree(run):
    assert (
        judged(run, numbers=("T5.70m.predicted",))["sentence"]
        == "The claim rests on 1 printed number: 1 reproduced."
    )
    told = judged(run, numbers=("C3.deep_in_band", "S5.4.dev_hi", "S3.1.lam_oom"))["sentence"]
    assert "the paper states 'within the band', and the audit finds 'not within the band'." in told
    assert (
        "the paper prints 36 %, and the audit finds from 35.12 to 56.95 %, depending on the reading." in told
    )
    assert "the audit finds 8.472 to 8.843 or at least 8.472." in told
    told = judged(run, numbers=("T6.F*",))["sentence"]
    assert told.count("For T6.F") == 3
    assert told.endswith("5 more of these numbers differ or depend on the reading.")


def change(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_changed_definition_changes_the_outcome(copied_paper, tmp_path, run):
    change(copied_paper / "claims.yaml", "when: [gaussian <= spread]", "when: [gaussian > spread]")
    rows = {row["id"]: row for row in judge_claims(read_claims(), *run).to_pylist()}
    assert rows["ten-of-twelve"]["verdict"] == "reproduced"
    assert rows["gap-quantifies-the-heavy-tail"]["verdict"] == "differs"


def test_the_gaussian_value_of_new_tests_by_other_means(outcome):
    """Truncated and uniform weights by scipy's quantiles; the spread over one interval by integration."""
    probability = (np.arange(400_000) + 0.5) / 400_000
    y = np.log(-np.log1p(-probability))
    inside = np.abs(probability - 0.5) <= 0.4

    def shape(magnitude):
        return np.polyfit(np.log(magnitude[inside]), y[inside], 1)[0]

    sentence = outcome["anchor-is-universal"]["sentence"]
    wide, _, narrow, uniform = map(float, re.findall(r"\d\.\d{4}", sentence))
    for told, cut in ((wide, 3), (narrow, 2)):
        assert told == pytest.approx(shape(truncnorm(-cut, cut).ppf((1 + probability) / 2)), abs=1e-4)
    assert uniform == pytest.approx(shape(probability), abs=1e-4)
    law = population_fit(half_normal_log_quantile, 0.80)
    low, high = halfnorm.ppf([0.1, 0.9])
    spread = []
    for each in (weibull_min(law["shape"], scale=law["scale"]), halfnorm()):
        mean, square = (each.expect(lambda x, r=r: x**r, lb=low, ub=high, conditional=True) for r in (1, 2))
        spread.append(math.sqrt(square - mean**2))
    assert f"by {spread[0] / spread[1] - 1:+.2%}, where" in outcome["gamma-closure"]["sentence"]


def test_the_limit_of_a_correlation_by_drawing_pairs():
    """Five percent of correlations of five independent pairs lie beyond it, and so with a third quantity held fixed."""
    x, y, z = np.random.default_rng(20261129).standard_normal((3, 40_000, 5))
    unit = [(each - each.mean(axis=1, keepdims=True)) / each.std(axis=1, keepdims=True) for each in (x, y, z)]
    xy, xz, yz = ((unit[i] * unit[j]).mean(axis=1) for i, j in ((0, 1), (0, 2), (1, 2)))
    assert np.mean(np.abs(xy) > correlation_limit(5, 0.05)) == pytest.approx(0.05, abs=0.004)
    partial = (xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2))
    assert np.mean(np.abs(partial) > correlation_limit(5, 0.05, held=1)) == pytest.approx(0.05, abs=0.004)
    with pytest.raises(ContractError, match="2 points leave 0 degrees of freedom"):
        correlation_limit(2, 0.05)
    lists = ", ".join(str(each[0].tolist()) for each in (x, y, z))
    assert evaluate(f"partial_correlation({lists})", {}) == pytest.approx(partial[0])


@pytest.mark.parametrize(
    ("claim", "entry", "column", "value", "before", "after"),
    [
        ("classes-are-distinct", "pythia-1b", "k_median_qkv", "1.1995", "consistent", "differs"),
        ("w-k-is-the-primary-site", "llama-3-8b", "k_median_k", "1.1300", "ambiguous", "consistent"),
        ("signal-not-size", "pythia-1b", "k_median_qkv", "1.1466", "ambiguous", "compatible"),
    ],
)
def test_a_changed_database_changes_the_outcome(
    tmp_path, run, shared, claim, entry, column, value, before, after
):
    (known,) = (each for each in read_claims() if each.id == claim)
    known = replace(known, numbers=())
    (judged_before,) = judge_claims(
        [known], run[0], Evaluator(Sources(NOTHING, shared / "released_database"))
    ).to_pylist()
    for path in (shared / "released_database").glob("*.csv"):
        with path.open(encoding="utf-8") as table:
            rows = list(csv.DictReader(table))
        for row in rows:
            if row["entry_id"] == entry and column in row:
                row[column] = value
        with (tmp_path / path.name).open("w", encoding="utf-8", newline="") as table:
            writer = csv.DictWriter(table, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    (judged_after,) = judge_claims([known], run[0], Evaluator(Sources(NOTHING, tmp_path))).to_pylist()
    assert (judged_before["verdict"], judged_after["verdict"]) == (before, after)


def test_a_changed_digit_of_the_paper_changes_the_outcome(copied_paper, run):
    """Regime B is printed as at most 0.7; if one of its least shapes were 0.82 the partition would not hold."""
    table = copied_paper / "reported.tsv"
    lines = table.read_text(encoding="utf-8").split("\n")
    (place,) = (at for at, line in enumerate(lines) if line.startswith("T7.Qwen2.5-Math-7B.shallow_min\t"))
    assert lines[place].count("0.62") == 2, "once in the paper's words, once as the number"
    lines[place] = lines[place].replace("0.62", "0.82")
    table.write_text("\n".join(lines), encoding="utf-8")
    fresh = Evaluator(Sources(NOTHING))
    (claim,) = (each for each in read_claims() if each.id == "qwen-regimes")
    (row,) = judge_claims([claim], run[0], fresh).to_pylist()
    assert (row["verdict"], row["evidence"]) == ("differs", "arithmetic")
    assert "0.815 to 0.825 in regime B" in row["sentence"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("place: Section 1.1", "place: 7", "any-departure-is-training.place: 7 is not of type"),
        ("numbers: [S5.3.r]", "numbers: [S5.3.rr]", "no id of paper/reported.tsv fits 'S5.3.rr'"),
        (
            "when: [anchor in printed, few",
            "when: [anchor in printed, fewer",
            "a relation names 'fewer', which is no value",
        ),
        ('pool: gaussian("pythia-70m"', 'pool: exec("pythia-70m"', "exec"),
        ("evidence: theory", "evidence: belief", "'belief' is not one of"),
    ],
)
def test_a_broken_item_is_refused(copied_paper, old, new, message):
    change(copied_paper / "claims.yaml", old, new)
    with pytest.raises(ContractError, match=re.escape(message)):
        read_claims()


def test_patterns_stand_for_several_numbers():
    assert len(matching("T7.*.regime")) == 11


def test_the_manual_says_how_many_there_are():
    told = f"`paper/claims.yaml`: {len(read_claims())} claims"
    assert told in (documents.ROOT / "docs/audit.md").read_text(encoding="utf-8")
