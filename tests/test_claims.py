"""The claims: every one of the list is there, in the paper's words, and its verdict follows from what is computed."""

import math
import re
import shutil

import numpy as np
import pytest
from audit_sources import sources
from scipy.special import gamma
from scipy.stats import halfnorm, norm, t

from weightfit import paper
from weightfit.audit import claim_file, registry
from weightfit.audit.claim_file import Claim, ClaimTest
from weightfit.audit.claims import holds, judge_claims
from weightfit.audit.evaluation import Evaluator, evaluate_all
from weightfit.audit.printed_references import matching
from weightfit.errors import ContractError
from weightfit.interval import Interval
from weightfit.population import half_normal_log_quantile, population_fit

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
    return {row["id"]: row for row in judge_claims(claim_file.read(), *run).to_pylist()}


@pytest.fixture(scope="module")
def with_database(tmp_path_factory):
    folder = paper.ROOT.parent / "shared/released_database"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there: claims that only the released database decides are not tested")
    found = sources(tmp_path_factory.mktemp("database"), folder)
    rows = judge_claims(claim_file.read(), evaluate_all(registry.read(), found), Evaluator(found))
    return {row["id"]: row for row in rows.to_pylist()}


def judged(run, *tests, numbers=()):
    """Judge one made-up claim."""
    claim = Claim("made-up", "Sec 1", "words", numbers, tests)
    (row,) = judge_claims([claim], *run).to_pylist()
    return row


def made(says="It is {one:.2f}.", evidence="theory", when=(), if_so="reproduced", if_not="differs", **values):
    return ClaimTest(evidence, values, when, if_so, if_not, says)


def test_every_claim_of_the_list_has_an_item():
    ids = [claim.id for claim in claim_file.read()]
    assert [subject for subject in SUBJECTS if not any(subject in each for each in ids)] == []


def test_quotes_are_the_papers_words():
    path = paper.ROOT.parent / "shared/paper/paper.md"
    if not path.is_file():
        pytest.skip(f"{path} is not there: quotes are not compared with the paper")
    words = " ".join(path.read_text(encoding="utf-8").split())
    assert [claim.id for claim in claim_file.read() if claim.quote not in words] == []


def test_every_claim_has_a_verdict_and_a_sentence(outcome):
    assert list(outcome) == [claim.id for claim in claim_file.read()]
    for row in outcome.values():
        assert row["sentence"], row
        assert (row["evidence"] is None) == (row["verdict"] == "untraced")
        assert row["stand_in"] is None
        if row["verdict"] == "pending":
            assert "It would be decided by " in row["sentence"]


def test_no_number_is_typed_into_a_sentence():
    """What stands outside braces has no digits but those of names, of trims and of what was asked."""
    allowed = (
        r"\{[^}]*\}|OLMo-1-7B|Qwen3-8B|Qwen2\.5-14B|Pythia-\d+m|Table 2|August 2026|May 2026|trim 0\.80|R²"
    )
    allowed += r"|\d+ degrees of freedom|at (10|30)|with 4|F = 0\.19 to 0\.99"
    for claim in claim_file.read():
        for test in claim.tests:
            rest = re.sub(allowed, "", test.says)
            assert not re.search(r"\d", rest), (claim.id, rest)


def test_theory_decides_without_weights(outcome):
    verdicts = {key: (row["verdict"], row["evidence"]) for key, row in outcome.items()}
    assert verdicts["gap-quantifies-the-heavy-tail"] == ("differs", "theory")
    assert verdicts["any-departure-is-training"] == ("ambiguous", "theory")
    assert verdicts["noise-optimal-trim"] == ("ambiguous", "theory")
    assert verdicts["peak-at-the-end-of-warm-up"] == ("differs", "configuration")
    assert verdicts["release-contains"] == ("differs", "library")
    assert verdicts["qwen-regimes"] == ("reproduced", "arithmetic")
    assert verdicts["gamma-closure"] == ("pending", "weights")


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
    expected = [gap(law) for law in (norm(), t(30), t(4))]
    assert found == [pytest.approx(each, abs=2e-4) for each in expected] + [0.0519]


def test_the_closure_of_gaussian_weights_by_hand(outcome):
    law = population_fit(half_normal_log_quantile, 0.80)
    k, scale = law["shape"], law["scale"]
    second, first = scale**2 * gamma(1 + 2 / k), scale * gamma(1 + 1 / k)
    implied = math.sqrt(second - first**2)
    sentence = outcome["gamma-closure"]["sentence"]
    assert f"{implied / halfnorm.std() - 1:+.1%} from that of the magnitudes" in sentence
    assert f"{implied - 1:+.1%} from that of the weights" in sentence
    assert f"root mean square by {math.sqrt(second) - 1:+.1%}" in sentence


def test_the_noise_of_the_two_trims_by_hand(outcome):
    def noise(p):
        return p / ((1 - p) * math.log(1 - p) ** 2)

    least = min(noise(i / 10_000) for i in range(7_000, 9_000))
    sentence = outcome["noise-optimal-trim"]["sentence"]
    assert f"{noise(0.1) / least:.2f} times the least variance" in sentence
    assert f"{max(noise(0.19), noise(0.99)) / least:.2f} times" in sentence


def test_what_the_released_database_decides(with_database):
    verdicts = {key: (row["verdict"], row["evidence"]) for key, row in with_database.items()}
    assert verdicts["drift-follows-t-over-tau"] == ("differs", "database")
    assert verdicts["attention-groups"] == ("reproduced", "database")
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


def test_readings_that_disagree_make_a_claim_ambiguous(run):
    one = made(one="1", two="2", when=[("one", "<", "two")])
    other = made(one="1", two="2", when=[("two", "<", "one")])
    assert judged(run, one, other)["verdict"] == "ambiguous"


def test_numbers_and_tests_are_never_added_up(run):
    theory = made(one="1", two="2", when=[("one", "<", "two")])
    row = judged(run, theory, numbers=("S5.2.warmup",))
    assert (row["verdict"], row["evidence"]) == ("reproduced", "theory")
    row = judged(run, numbers=("S5.2.warmup", "S3.1.band_low"))
    assert (row["verdict"], row["evidence"]) == ("differs", "configuration")
    assert (
        "It rests on 2 printed numbers: 1 differs, 1 pending; S5.2.warmup is printed 10k" in row["sentence"]
    )


def test_missing_weights_are_named(run):
    test = made(evidence="weights", one='cell("drift", "shape_terminal", entry="pythia-70m", component="o")')
    row = judged(run, made(evidence="weights", when=[("one", "<", "two")], **test.values, two="2"))
    assert (row["verdict"], row["evidence"]) == ("pending", "weights")
    assert "EleutherAI/pythia-70m at main" in row["sentence"]


def test_a_sentence_shows_numbers_intervals_labels_and_printed_texts(run):
    says = "{one:.1f}, {two:+.0%}, {wide:.1f}, {label}, {printed S5.2.warmup}"
    values = {"one": "1.25", "two": "0.5", "wide": 'unknown("x")', "label": 'library("series")'}
    row = judged(run, made(says=says, **values), numbers=("A1.k0",))
    assert row["sentence"].endswith("1.2, +50%, 0.0 to 1.0, 0.4, 10k")
    with pytest.raises(ContractError, match="names 'three', which is no value"):
        judged(run, made(says="{three}", one="1"))


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of the paper's data that a test may change."""
    shutil.copytree(paper.ROOT / "paper", tmp_path / "paper")
    shutil.copytree(paper.ROOT / "workflow/schemas", tmp_path / "workflow/schemas")
    monkeypatch.setattr(paper, "ROOT", tmp_path)
    return tmp_path / "paper/claims.yaml"


def change(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_changed_definition_changes_the_outcome(copy, tmp_path, run):
    change(copy, "when: [heavy > heavier, heavier > gaussian]", "when: [heavier > heavy, gaussian > heavier]")
    rows = {row["id"]: row for row in judge_claims(claim_file.read(), *run).to_pylist()}
    assert rows["gap-quantifies-the-heavy-tail"]["verdict"] == "reproduced"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("place: Section 1.1", "place: 7", "any-departure-is-training.place: 7 is not of type"),
        ("numbers: [S5.3.r]", "numbers: [S5.3.rr]", "no id of paper/reported.tsv fits 'S5.3.rr'"),
        ("when: [few >= low", "when: [fewer >= low", "a relation names 'fewer', which is no value"),
        ('pool: gaussian("pythia-70m"', 'pool: exec("pythia-70m"', "exec"),
        ("evidence: theory", "evidence: belief", "'belief' is not one of"),
    ],
)
def test_a_broken_item_is_refused(copy, old, new, message):
    change(copy, old, new)
    with pytest.raises(ContractError, match=re.escape(message)):
        claim_file.read()


def test_patterns_stand_for_several_numbers():
    assert len(matching("T7.*.regime")) == 11


def test_the_readme_says_how_many_there_are():
    assert f"`paper/claims.yaml`: {len(claim_file.read())} claims" in (paper.ROOT / "README.md").read_text(
        encoding="utf-8"
    )
