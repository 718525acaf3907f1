"""What printed texts mean: all 646 rows, rows read by eye, planted decimals, and tables that were changed."""

import math
import re
from decimal import Decimal
from fractions import Fraction

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from printed_rules import RULES, rules_table

from weightfit import documents, paper
from weightfit.audit import printed
from weightfit.audit.printed import meaning, qualifier
from weightfit.audit.printed.number import NUMBER_WORDS
from weightfit.errors import ContractError, UnknownReference
from weightfit.formula.interval import INFINITY, Interval

# Rows read by eye in the paper, with what agrees: two ends (the ends of strict inequalities do not), or a label.
# fmt: off
BY_EYE = {
    # decimals
    "ABS.band_low": (1.1855, 1.1865), "S3.1.band_high": (1.2035, 1.2045), "F5.band_low": (1.1865, 1.1875),
    "S3.1.band_low_b": (1.1855, 1.1865), "S3.1.band_high_b": (1.2035, 1.2045),
    "T1.k100.median": (1.1425, 1.1435), "S3.2.gap_mean": (0.05185, 0.05195), "S3.2.gap_sd": (0.00165, 0.00175),
    "F3.k_init": (1.2045, 1.2055), "F3.k_init_pm": (0.0005, 0.0015), "F3.logP_5000": (-29.95, -29.85),
    "F4.drift_trans": (-0.0145, -0.0135), "F3.max_143000": (1.15, 1.25), "T2.pythia-70m.kurtosis": (196.85, 196.95),
    "T3.410m.mean_lambda": (0.01895, 0.01905), "T4.pythia-70m.sqrt": (0.3155, 0.3165), "S5.3.r": (0.99665, 0.99675),
    "T5.6.9b.predicted": (7.9995, 8.0005), "A1.lam0_b": (0.88745, 0.88755), "T7.Qwen3-8B.shallow_min": (0.335, 0.345),
    "S3.3.kurt_olmo1": (445.5, 446.5), "C3.pop_lo": (-7.5, -6.5), "S5.5.grow_hi": (7.75, 7.85),
    "F6.block_a_lo": (7.5, 8.5), "S5.3.deep_hi": (20.5, 21.5), "S5.1.init_ratio": (7.5, 8.5),
    # percent
    "ABS.cv": (0.00505, 0.00515), "F3.lam_growth": (0.325, 0.335), "T3.410m.growth": (6.775, 6.785),
    "T5.410m.error": (-0.00005, 0.00005), "S2.1.full_low": (0.025, 0.035), "S2.1.full_high": (0.065, 0.075),
    "A1.qwen_mu_max": (0.003185, 0.003195), "A1.zeros_lo": (5e-7, 1.5e-6), "S5.2.retreat": (0.455, 0.465),
    # about
    "ABS.k0": (1.19, 1.21), "A1.k0": (1.2053, 1.2055), "A1.k0_b": (1.204, 1.206), "S2.1.lam0": (0.8874, 0.8876),
    "A2.lam0": (0.8874, 0.8876), "F2.pstar": (0.796, 0.798), "F2.noise_ratio": (6.4, 6.6), "S3.2.shift": (0.04, 0.06),
    "S3.3.med_low": (6, 8), "S3.3.med_high": (27, 29), "S3.3.kurt_low": (3, 5), "S3.3.kurt_high": (9, 11),
    "S4.1.layer_hi": (19, 21), "F6.tail": (-6, -4), "S5.2.peak_step": (9000, 11000), "S5.2.mid_hi": (0.8, 1.0),
    "S5.3.cv": (0.064, 0.066), "C3.pop_centre": (1e-6, 1e-4), "C3.body": (-3, -1), "S2.2.band_nominal": (1.19, 1.21),
    # half-lines
    "S3.1.closure_tol": (-INFINITY, 0.02), "A1.mu_init": (-INFINITY, 0.003), "A1.mu_term": (-INFINITY, 0.006),
    "A1.mu_bound": (-INFINITY, 0.01), "A1.dk_abs": (-INFINITY, 0.01), "A1.zeros_n": (-INFINITY, 200),
    "S3.1.r2_min": (0.99, INFINITY), "S5.1.tol": (-INFINITY, 0.00135), "T5.max_error": (-INFINITY, 0.00135),
    # orders of magnitude
    "S1.2.oom": (10**1.5, 10**2.5), "S3.3.oom": (10**0.5, 10**1.5), "S2.2.lam_oom": (10, INFINITY),
    # counts
    "F3.n_samples": (14155776, 14155776), "S3.1.n_ffn_fits": (837, 837), "F1.n_functions": (8, 8),
    "S2.2.n_mech": (3, 3), "C1.n_gen": (3, 3), "F8.n_steps": (4, 4), "F14.n_B": (7, 7), "S3.1.n_act": (2, 2),
    "T1.k100.in_band": (0, 0), "C2.n_nonqwen_B": (0, 0),
    # names with numbers
    "S3.1.size_min": (69.5e6, 70.5e6), "T7.Qwen2.5-1.5B.params": (1.45e9, 1.55e9), "A4.ratio_hi": (6.5, 7.5),
    "A1.qwen_gqa": (6.5, 7.5), "F14.layer_c": (19.5, 20.5), "B2.step_last": (142999.5, 143000.5),
    # labels
    "T3.160m.state": "Near-saturated", "F8.70m.state": "Saturated", "T5.70m.recipe": "A",
    "T7.Qwen2-7B.regime": "B", "S5.1.recipeB": "sqrt(2 * L)", "A2.wang_init": "2 / (L * sqrt(d))",
    "B2.metrics": "k80, k90, k100", "B2.format": "JSON", "F4.n_sel": "v", "S3.4.depths": "28/36/48",
    "T6.F5": "F5_lambda_scaling", "T7.Qwen2-Math-7B.tokens": "7T + 200B Math",
    # claims
    "S4.2.monotone": "monotonic", "F9.monotone": "monotonic", "F13.A_in_band": "within the band",
}
# Settings are exact: a threshold of 1 is not agreed with by one of 1.2.
SETTINGS = {
    "T4.pythia-70m.eta": 1e-3, "S4.2.eta_6.9b": 1.2e-4, "T4.pythia-70m.wd": 0.01, "T4.olmo-1-7b.wd": 0.1,
    "S4.2.T": 143000, "S5.2.thr_sat": 1, "S5.2.thr_trans": 0.2, "C2.thr_A": 1, "C2.thr_B": 0.7, "F2.p_low": 0.1,
    "S1.1.trim": 0.8, "A1.F_hi": 0.9, "S3.1.depth": 12, "C3.deep_lo": 10, "T5.6.9b.d": 4096, "T7.shallow_lo": 0,
    "T7.Qwen3-8B.tokens": 36e12, "A2.normal_std": 0.02,
}
QUALIFIED = """
about: ABS.k0 S1.1.k0 S1.1.k0_b S1.2.k0 S2.1.k0 S2.1.k0_b S2.1.k0_c S2.1.lam0 S2.1.pstar S2.1.noise_ratio F1.k0
about: F2.pstar F2.noise_ratio S2.2.k0 S2.2.k0_b S2.2.olmo1_wo_k S2.2.band_nominal F3.k0 F3.max_5000 S3.2.shift
about: S3.3.max_5000 S3.3.med_low S3.3.med_high S3.3.kurt_low S3.3.kurt_high S4.1.layer_lo S4.1.layer_hi F6.tail
about: F7.tail S5.1.collapse S5.1.ratio_qkv_o S5.1.ratio_in_out S5.2.peak_step S5.2.warmup S5.2.mid_lo S5.2.mid_hi
about: S5.3.maxmin S5.3.cv F11.maxratio T4.span_pythia T4.span_other S6.span_other S6.span_pythia A1.k0 A1.lam0
about: A1.k0_b A2.k0 A2.lam0 A2.k0_b A2.k0_c A2.collapse C3.body C3.pop_centre F14.body
below: S3.1.closure_tol A1.mu_init A1.mu_term A1.mu_bound A1.dk_pm A1.dk_abs A1.zeros_n A1.closure_tol
within: S5.1.tol A1.ratio_tol T5.max_error
at least: S3.1.r2_min
above: S2.2.lam_oom S3.1.lam_oom
"""
CLAIMS = {"S3.3.step1_match", "S4.2.monotone", "S4.3.monotone", "F9.monotone", "A3.monotone", "C3.deep_in_band",
          "F13.A_in_band"}
# fmt: on


@pytest.fixture(scope="module")
def everything():
    return printed.read_all()


def change(file, old, new):
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, old
    file.write_text(text.replace(old, new), encoding="utf-8")


# All rows


def test_every_printed_text_has_a_meaning_of_its_sort(everything):
    assert list(everything) == list(paper.reported())
    for key, made in everything.items():
        row = paper.reported()[key]
        assert made.text == row.printed
        assert (made.sort == "claim") == (key in CLAIMS), key
        assert (made.sort == "count") == (row.kind == "count"), key
        assert made.sort == "label" or row.kind != "label", key
        assert (made.label is None) == (made.sort in ("count", "number")), key
        assert made.number is not None or made.sort in ("label", "claim"), key
    sorts = [made.sort for made in everything.values()]
    assert {sort: sorts.count(sort) for sort in sorts} == {
        "number": 409,
        "count": 142,
        "label": 88,
        "claim": 7,
    }


def test_every_text_agrees_with_itself_but_for_strict_inequalities(everything):
    for key, made in everything.items():
        if made.label is not None:
            assert made.admits(made.text), key
        if made.number is not None:
            strict = made.number.relation in ("below", "above")
            assert made.admits(made.number.stands) != strict, key


@pytest.mark.parametrize(("key", "meaning"), BY_EYE.items())
def test_rows_read_by_eye(everything, key, meaning):
    made = everything[key]
    if isinstance(meaning, str):
        assert (made.label, made.number) == (meaning, None)
        return
    low, high = meaning
    assert (made.number.allowed.low, made.number.allowed.high) == pytest.approx(
        meaning, rel=1e-14, abs=1e-300
    )
    for end, outwards in ((low, -1), (high, 1)):
        if math.isfinite(end):
            step = outwards * (1e-9 * abs(end) or 1e-12)
            assert not made.admits(end + step)
            assert made.admits(end - step) or low == high


@pytest.mark.parametrize(("key", "value"), SETTINGS.items())
def test_settings_are_exact(everything, key, value):
    made = everything[key]
    assert made.value == pytest.approx(value, rel=1e-15)
    assert isinstance(made.value, float)
    assert made.admits(value)
    assert made.admits(value * (1 + 1e-12))
    assert not made.admits(value + made.number.digit / 4)
    assert not made.admits(value - made.number.digit / 4)


def test_the_qualifier_of_every_number_is_the_one_read_by_eye(everything):
    lines = [line.split(": ") for line in QUALIFIED.strip().splitlines()]
    expected = {key: relation for relation, keys in lines for key in keys.split()}
    found = {key: made.number.relation for key, made in everything.items() if made.number}
    assert {key: relation for key, relation in found.items() if relation != "equal"} == expected


def test_a_changed_digit_is_another_meaning(everything):
    changed = 0
    for key, made in everything.items():
        row = paper.reported()[key]
        digits = [found.start() for found in re.finditer(r"\d", row.printed)]
        if (
            made.number is None
            or not digits
            or row.printed in meaning._labels(documents.data("paper/labels.tsv"))
        ):
            continue
        place = digits[-1]
        text = row.printed[:place] + str((int(row.printed[place]) + 1) % 10) + row.printed[place + 1 :]
        other = printed.parse(text, row.kind, row.unit, made.number.relation)
        assert other.number.allowed != made.number.allowed, (key, text)
        changed += 1
    assert changed > 540


# Planted texts


@given(digits=st.integers(-(10**7), 10**7), places=st.integers(0, 6), share=st.floats(-0.499, 0.499))
def test_a_number_agrees_with_its_own_rounding_and_with_no_other(digits, places, share):
    text = f"{Decimal(digits).scaleb(-places):.{places}f}"
    made = printed.parse(text, "measured")
    exact = Fraction(digits, 10**places)
    unit = Fraction(1, 10**places)
    assert made.number.digit == float(unit)
    assert made.admits(float(exact + Fraction(share) * unit))
    assert made.admits(float(exact + unit / 2))
    assert made.admits(float(exact - unit / 2))
    assert not made.admits(float(exact + Fraction(501, 1000) * unit))
    assert not made.admits(float(exact - Fraction(501, 1000) * unit))
    about = printed.parse(text, "measured", relation="about")
    assert about.admits(float(exact + unit))
    assert not about.admits(float(exact + Fraction(1001, 1000) * unit))
    below = printed.parse(text, "measured", relation="below")
    assert not below.admits(float(exact))
    assert below.admits(float(exact - unit))
    assert below.admits(math.nextafter(float(exact), -math.inf))
    above = printed.parse(text, "measured", relation="above")
    assert not above.admits(float(exact))
    assert above.admits(math.nextafter(float(exact), math.inf))
    for relation, inside in (("at least", unit), ("at most", -unit)):
        bound = printed.parse(text, "measured", relation=relation)
        assert bound.admits(float(exact))
        assert bound.admits(float(exact + inside))
        assert not bound.admits(float(exact - inside))


@given(mantissa=st.integers(10, 99), exponent=st.integers(-12, 12))
def test_scientific_notation_is_a_decimal_in_other_units(mantissa, exponent):
    expected = Fraction(mantissa, 10) * Fraction(10) ** exponent
    for times in (r" \times ", "×"):
        made = printed.parse(f"{mantissa / 10:.1f}{times}10^{{{exponent}}}", "measured")
        assert made.number.stands == float(expected)
        assert made.number.digit == float(Fraction(10) ** (exponent - 1))
        assert made.admits(float(expected + Fraction(4, 10) * Fraction(10) ** (exponent - 1)))


PLANTED = {
    ("≈ 1.20", "measured", "-"): (1.19, 1.21),
    ("~5", "measured", "%"): (0.04, 0.06),
    ("approximately 6.5", "measured", "x"): (6.4, 6.6),
    ("< 0.3%", "measured", "-"): (-INFINITY, 0.003),
    ("<= 0.3", "measured", "-"): (-INFINITY, 0.3),
    ("≥ 0.99", "measured", "-"): (0.99, INFINITY),
    ("more than 5", "measured", "-"): (5, INFINITY),
    ("at least 3", "count", "entries"): (3, INFINITY),
    ("within 2%", "measured", "-"): (-INFINITY, 0.025),
    ("+43%", "derived", "-"): (0.425, 0.435),
    (r"0.06\%", "derived", "-"): (0.00055, 0.00065),
    (r"7.8\times", "derived", "x"): (7.75, 7.85),
    ("143k", "measured", "steps"): (142500, 143500),
    ("1.5B", "measured", "params"): (1.45e9, 1.55e9),
    ("7T", "measured", "tokens"): (6.5e12, 7.5e12),
    ("−2", "measured", "-"): (-2.5, -1.5),
    ("10^{-5}", "measured", "-"): (10**-5.5, 10**-4.5),
    ("10^{3}", "derived", "-"): (10**2.5, 10**3.5),
    ("Seven", "count", "entries"): (7, 7),
    ("about ten", "count", "entries"): (9, 11),
    ("three orders of magnitude", "derived", "-"): (10**2.5, 10**3.5),
    ("more than two orders of magnitude", "derived", "-"): (100, INFINITY),
    ("| 12 |", "count", "layers"): (12, 12),
    ("$0.5$", "measured", "-"): (0.45, 0.55),
}


@pytest.mark.parametrize(("written", "ends"), PLANTED.items())
def test_forms_of_numbers(written, ends):
    allowed = printed.parse(*written).number.allowed
    assert (allowed.low, allowed.high) == pytest.approx(ends, rel=1e-14)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("3–7", "measured"),
        ("0.4-0.9", "measured"),
        ("[1.186, 1.204]", "measured"),
        ("1.205 ± 0.001", "measured"),
        ("12 of 13", "count"),
        ("several", "count"),
        ("one half", "measured"),
        ("4 to", "measured"),
        ("1,23", "measured"),
        ("1.2.3", "measured"),
        ("", "measured"),
        ("≈", "measured"),
        ("1e-3", "measured"),
        ("unchanged", "measured"),
        ("7T + Maths", "hyperparameter"),
    ],
)
def test_what_fits_no_rule_is_refused(text, kind):
    if text == "4 to":  # the paper's own text is in paper/labels.tsv
        assert printed.parse(text, kind).sort == "label"
        return
    with pytest.raises(ContractError, match=r"fits no rule; one id is one number.*paper/labels.tsv"):
        printed.parse(text, kind)


def test_what_a_formula_computes_with(everything):
    assert everything["T1.k80.median"].value == everything["T1.k80.median"].number.allowed
    assert everything["F3.n_samples"].value == 14155776.0
    assert everything["S3.1.size_max"].value == 14e9
    assert everything["T3.160m.state"].value == "Near-saturated"
    assert everything["A1.mu_init"].value == Interval(-INFINITY, 0.003)
    assert printed.parse("about ten", "count").value == Interval(9.0, 11.0)


# Labels


def test_labels_agree_under_every_spelling(everything):
    state = everything["T3.160m.state"]
    assert [state.admits(text) for text in ("Near-sat.", "near-saturated", " Near-saturated ", "Saturated")] == [
        True, True, True, False,
    ]  # fmt: skip
    assert everything["T5.70m.recipe"].admits("A")
    assert not everything["T5.70m.recipe"].admits("B")
    assert everything["S4.2.monotone"].admits("monotonic")
    assert not everything["S4.2.monotone"].admits("not monotonic")
    assert everything["A1.qwen_gqa"].admits("7-to-1")
    assert not everything["A1.qwen_gqa"].admits("4-to-1")
    assert not everything["A1.qwen_gqa"].admits(5.0)
    assert printed.parse("OLMo-1.7B", "label").admits("olmo-1-7b")
    assert not printed.parse("OLMo-1.7B", "label").admits("olmo-2-7b")


def test_a_number_is_not_compared_with_a_label(everything):
    with pytest.raises(
        ContractError, match=r"'1.195' is a number and cannot be compared with 'A'; give a number"
    ):
        everything["T1.k80.median"].admits("A")
    with pytest.raises(ContractError, match=r"is a label and cannot be compared with 1.0; give a label"):
        everything["T3.160m.state"].admits(1.0)


def test_each_label_of_the_table_is_printed_and_reads_as_itself():
    spellings = {row.printed.strip(" |$") for row in paper.reported().values()}
    for spelling, row in meaning._labels(documents.data("paper/labels.tsv")).items():
        assert spelling in spellings, spelling
        assert printed.canonical(spelling) == printed.canonical(row.label)


# The tables beside the registry


@pytest.mark.parametrize("name", ["labels", "contexts"])
def test_schemas_are_closed_and_described(name):
    schema = yaml.safe_load(
        (documents.ROOT / f"workflow/schemas/{name}.schema.yaml").read_text(encoding="utf-8")
    )
    Draft202012Validator.check_schema(schema)
    assert schema["additionalProperties"] is False
    assert schema["required"] == list(schema["properties"])
    assert all(law["description"].endswith(".") for law in schema["properties"].values())


def test_words_are_given_only_where_the_quote_does_not_tell():
    for key, words in meaning._contexts(documents.data("paper/contexts.tsv")).items():
        row = paper.reported()[key]
        assert len(row.quote) >= 158, f"{key}: the quote is whole"
        assert len(re.findall(re.escape(row.printed), words)) >= 1, key
        assert words not in row.quote, key


def test_the_words_are_the_paper_s_own_and_go_on_where_the_quote_stops(shared):
    text = " ".join((shared / "paper/paper.md").read_text(encoding="utf-8").split())
    for key, words in meaning._contexts(documents.data("paper/contexts.tsv")).items():
        quote = " ".join(paper.reported()[key].quote.split())
        start = text.index(quote)
        place = text.find(words, start)
        assert start <= place, key
        assert start + len(quote) < place + len(words) < start + len(quote) + 700, key


def test_an_unknown_id_is_refused_with_near_ones():
    with pytest.raises(UnknownReference, match=r"T1\.k80\.median"):
        printed.read("T1.k80.mean")


# Changed tables


def test_the_meaning_follows_the_printed_text_and_its_words(copied_paper):
    text = (copied_paper / "reported.tsv").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("S5.4.slope\t"))
    other = line.replace("0.087", "0.089").replace(r"\lambda = 0.089", r"\lambda \approx 0.089")
    (copied_paper / "reported.tsv").write_text(text.replace(line, other), encoding="utf-8")
    made = printed.read("S5.4.slope").number
    assert (made.allowed.low, made.allowed.high) == pytest.approx((0.088, 0.090))


def test_a_qualifier_that_cannot_be_told_is_refused(copied_paper):
    words = copied_paper / "contexts.tsv"
    change(words, "A1.zeros_n\t", "A1.zeros_lo_old\t")
    with pytest.raises(ContractError, match=r"id A1\.zeros_n: '200' is nowhere in .*paper/contexts\.tsv"):
        printed.read("A1.zeros_n")


def test_a_qualifier_that_is_told_in_two_ways_is_refused(copied_paper):
    change(
        copied_paper / "contexts.tsv", "(fewer than 200 exact zeros", "(fewer than 200 exact zeros, about 200"
    )
    with pytest.raises(ContractError, match=r"id A1\.zeros_n: '200' is about and below in "):
        printed.read("A1.zeros_n")


# The manual's table


def test_each_rule_has_examples_that_it_reads_and_every_relation_has_a_rule(everything):
    shown = [key for rule in RULES for key in rule.examples]
    assert len(set(shown)) == len(shown)
    used = {made.number.relation for made in everything.values() if made.number}
    assert used == {everything[key].number.relation for key in shown if everything[key].number}
    assert {made.sort for made in everything.values()} == {everything[key].sort for key in shown}
    assert used | {"above", "at most"} == set(qualifier.WORDS) | {"equal"}


def test_the_table_of_rules_is_made_of_what_is_read():
    table = rules_table()
    assert len(table.splitlines()) == len(RULES) + 2
    assert all(line.count("|") - line.count(r"\|") == 4 for line in table.splitlines())
    for cell in (
        "`1.195` (`T1.k80.median`): [1.1945, 1.1955]",
        "`0.3` (`A1.mu_init`): (−∞, 0.003)",
        "`0.99` (`S3.1.r2_min`): [0.99, ∞)",
        "`0.01` (`T4.pythia-70m.wd`): 0.01",
        "`14,155,776` (`F3.n_samples`): 14155776",
        "`more than an order of magnitude` (`S3.1.lam_oom`): (10, ∞)",
        "`Near-sat.` (`T3.160m.state`): Near-saturated",
    ):
        assert cell in table


def test_number_words_are_in_order():
    assert [NUMBER_WORDS.index(word) for word in ("zero", "one", "five", "ten")] == [
        0,
        1,
        5,
        10,
    ]
