"""Formulas: what they give, what they name, what they refuse, and that intervals lose no possible value."""

import ast
import itertools
import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import linregress, pearsonr

from weightfit.audit import printed
from weightfit.errors import ContractError, UnknownReference
from weightfit.formula.evaluation import evaluate, leaves
from weightfit.formula.functions import FUNCTIONS
from weightfit.formula.interval import Interval
from weightfit.formula.text import DEEPEST, LONGEST, Leaf

X, Y = [0.316, 0.245, 0.173, 0.174, 0.110], [0.0224, 0.0200, 0.0190, 0.0191, 0.0149]
DATA = {
    "x": lambda: X,
    "y": lambda: Y,
    "two": lambda: 2,
    "names": lambda: ["a", "b", "c"],
    "name": lambda: "a",
}


# What formulas give

PLAIN = {
    "2 + 3 * 4": 14,
    "(2 + 3) * 4": 20,
    "7 / 2 - 1": 2.5,
    "-2 ** 2": -4,
    "(-2) ** 3": -8,
    "2 ** -1": 0.5,
    "2 ** 0.5": math.sqrt(2),
    "- - 3": 3,
    "1.5e-3 * 2": 3e-3,
    "6 * (512 ** 2 + 8 * 512 ** 2)": 14155776,
    "two() * two()": 4,
    "sqrt(16)": 4,
    "log(2)": math.log(2),
    "log10(1000)": 3,
    "exp(1)": math.e,
    "abs(-3)": 3,
    "count(names())": 3,
    "count(x(), 1, [2, 3])": 8,
    "count([])": 0,
    "sum(x())": math.fsum(X),
    "min(x(), 0.2)": 0.110,
    "max(1, x(), 0.5)": 1,
    "mean(x())": statistics.mean(X),
    "median(y())": statistics.median(Y),
    "median(y(), 1)": statistics.median([*Y, 1]),
    "stdev(x(), ddof=1)": statistics.stdev(X),
    "stdev(x(), ddof=0)": statistics.pstdev(X),
    "pearson(x(), y())": pearsonr(X, Y).statistic,
    "pearson(log(x()), log(y()))": pearsonr(np.log(X), np.log(Y)).statistic,
    "slope(x(), y())": linregress(X, Y).slope,
    "slope_through_origin(x(), y())": np.dot(X, Y) / np.dot(X, X),
    "max(abs(y() / (slope_through_origin(x(), y()) * x()) - 1))": max(
        abs(np.array(Y) / (np.dot(X, Y) / np.dot(X, X) * np.array(X)) - 1)
    ),
}


@pytest.mark.parametrize(("formula", "value"), PLAIN.items())
def test_a_formula_gives_the_number_that_other_code_gives(formula, value):
    made = evaluate(formula, DATA)
    assert isinstance(made, float)
    assert made == pytest.approx(float(value), rel=1e-13)


def test_lists_are_walked_in_step_and_kept():
    assert evaluate("[1, 2, (3, 4)]", {}) == (1, 2, (3, 4))
    assert evaluate("[1, 2] * 3 + [10, 20]", {}) == (13, 26)
    assert evaluate("[[1, 2], [3, 4]] * [10, 100]", {}) == ((10, 20), (300, 400))
    assert evaluate("sqrt([4, 9])", {}) == (2, 3)
    assert evaluate("-x()", DATA) == tuple(-x for x in X)


def test_labels_pass_through():
    assert evaluate("name()", DATA) == "a"
    assert evaluate("[name(), 1]", DATA) == ("a", 1)
    assert evaluate("names()", DATA) == ("a", "b", "c")


@pytest.mark.parametrize("value", [3, 3.0, np.float64(3), np.int64(3), Interval(3.0, 3.0)])
def test_every_sort_of_number_becomes_a_float(value):
    made = evaluate("q()", {"q": lambda: value})
    assert made == 3
    assert type(made) is float


# References


def test_references_are_listed_once_in_the_order_of_the_text():
    formula = 'b(1) + a("x", -2, row="r", n=0.5) * b(1) + max([a("y"), b(1.5)])'
    assert leaves(formula, {"a", "b"}) == (
        Leaf("b", (1,), ()),
        Leaf("a", ("x", -2), (("n", 0.5), ("row", "r"))),
        Leaf("a", ("y",), ()),
        Leaf("b", (1.5,), ()),
    )
    assert [str(leaf) for leaf in leaves(formula, {"a", "b"})][1] == "a('x', -2, n=0.5, row='r')"
    assert leaves("1 + 2", {"a"}) == ()
    assert len(leaves("a(p=1, q=2) + a(q=2, p=1)", {"a"})) == 1


def test_a_listed_reference_reads_back_as_itself():
    formula = """cell("table_2", 'median', row="it's", step=143000, trim=0.80)"""
    (leaf,) = leaves(formula, {"cell"})
    assert leaves(str(leaf), {"cell"}) == (leaf,)


def test_a_resolver_is_told_what_the_reference_says_once():
    told = []

    def cell(table, column, row, step=None):
        told.append((table, column, row, step))
        return 2.0

    first, second = 'cell("t", "c", row="r")', 'cell("t", "c", row="r", step=1)'
    assert evaluate(f"{first} * {second} + {first}", {"cell": cell}) == 6
    assert told == [("t", "c", "r", None), ("t", "c", "r", 1)]


# Intervals


def test_a_reference_that_stands_twice_is_one_unknown():
    data = {"a": lambda: Interval(1.0, 2.0), "b": lambda: Interval(1.0, 2.0)}
    same = evaluate("a() - a()", data)
    assert abs(same.low) < 1e-15
    assert abs(same.high) < 1e-15
    assert evaluate("a() - b()", data).encloses(Interval(-1.0, 1.0))
    assert evaluate("(a() - b()) / a()", data).widened(1e-15).encloses(Interval(-1.0, 0.5))
    assert (
        Interval(-1.0, 0.9).widened(1e-12).encloses(evaluate("(a() - b()) / a()", data))
    )  # as two unknowns [-1, 1]


def test_a_list_of_intervals_gives_a_list_of_ranges():
    data = {"a": lambda: [Interval(1.0, 2.0), 5, Interval(3.0, 4.0), "x"]}
    first, five, third, label = evaluate("a()", data)
    assert (five, label) == (5.0, "x")
    for made, expected in [(first, Interval(1.0, 2.0)), (third, Interval(3.0, 4.0))]:
        assert made.encloses(expected)
        assert expected.widened(1e-12).encloses(made)


def test_what_no_interval_touches_stays_a_number():
    data = {"a": lambda: Interval(1.0, 2.0)}
    assert evaluate("count([a(), a()])", data) == 2.0
    assert evaluate("[a(), 2 * 3]", data)[1] == 6.0


NUMBERS = st.floats(0.5, 4).map(lambda number: f"{number:.3f}")
TERMS = st.recursive(
    NUMBERS | st.sampled_from(["a()", "b()", "c()"]),
    lambda term: st.one_of(
        st.tuples(term, st.sampled_from("+-*/"), term).map(lambda parts: f"({' '.join(parts)})"),
        term.map(lambda text: f"({text}) ** 2"),
        term.map(lambda text: f"(-{text})"),
        term.map(lambda text: f"abs({text})"),
        term.map(lambda text: f"sqrt(1 + abs({text}))"),
        term.map(lambda text: f"log(1 + abs({text}))"),
        term.map(lambda text: f"log10(1 + abs({text}))"),
        term.map(lambda text: f"exp(-abs({text}))"),
        st.tuples(st.sampled_from(["min", "max", "mean", "median", "sum"]), term, term, term).map(
            lambda parts: f"{parts[0]}({parts[1]}, {parts[2]}, {parts[3]})"
        ),
    ),
    max_leaves=6,
)


@settings(max_examples=200)
@given(formula=TERMS, data=st.data())
def test_no_value_of_any_formula_lies_outside_of_its_range(formula, data):
    ends = {name: sorted(data.draw(st.tuples(st.floats(-3, 3), st.floats(-3, 3)))) for name in "abc"}
    try:
        made = evaluate(formula, {name: (lambda pair=pair: Interval(*pair)) for name, pair in ends.items()})
    except ContractError as error:
        assert "zero" in str(error), error
        return
    low, high = (made, made) if isinstance(made, float) else (made.low, made.high)
    shares = itertools.product((0.0, 0.37, 1.0), repeat=3)
    for share in shares:
        point = {
            name: min(max(first + part * (last - first), first), last)
            for part, (name, (first, last)) in zip(share, ends.items(), strict=True)
        }
        value = evaluate(formula, {name: (lambda number=number: number) for name, number in point.items()})
        margin = 1e-9 * (1 + abs(value))
        assert low - margin <= value <= high + margin


# Printed numbers of the paper. The expected ends are worked out from the rounded cells by hand.

PAPER = {
    # 0.01855 / 0.01315 - 1 and 0.01865 / 0.01305 - 1
    'printed("T3.70m.lamO_term") / printed("T3.70m.lamO_init") - 1': (0.410646387, 0.429118774),
    # 0.02315 / 0.01745 - 1 and 0.02325 / 0.01735 - 1
    'printed("F3.lam_terminal") / printed("F3.lam_step1") - 1': (0.326647564, 0.340057637),
    # 0.00165 / 0.05195 and 0.00175 / 0.05185
    'printed("S3.2.gap_sd") / printed("S3.2.gap_mean")': (0.0317613090, 0.0337512054),
    # learning rate and weight decay are settings, so that the root is a number: sqrt(1e-3 / 0.01)
    'sqrt(printed("T4.pythia-70m.eta") / printed("T4.pythia-70m.wd"))': (0.3162277660, 0.3162277660),
    # 1.195 - 1.143, each half a thousandth
    'printed("T1.k80.median") - printed("T1.k100.median")': (0.051, 0.053),
    # 143k steps times 1.2e-4 times 0.01
    'printed("S4.2.T") * printed("S4.2.eta_6.9b") * printed("T4.pythia-6.9b.wd")': (0.1716, 0.1716),
    # 48 layers of 4 kinds
    'printed("A1.qwen_layers") * printed("A1.qwen_kinds")': (192, 192),
}


def meaning(key):
    return printed.read(key).value


@pytest.mark.parametrize(("formula", "ends"), PAPER.items())
def test_what_printed_numbers_imply_of_each_other(formula, ends):
    made = evaluate(formula, {"printed": meaning})
    low, high = (made, made) if isinstance(made, float) else (made.low, made.high)
    assert (low, high) == pytest.approx(ends, rel=1e-7)


def test_the_paper_correlation_of_table_4_is_bounded_by_its_rounding():
    sizes = ("70m", "160m", "410m", "1b", "6.9b")
    x = ", ".join(f'printed("T4.pythia-{size}.sqrt")' for size in sizes)
    y = ", ".join(f'printed("T4.pythia-{size}.lambda")' for size in sizes)
    made = evaluate(f"pearson([{x}], [{y}])", {"printed": meaning})
    boxes = [
        printed.read(f"T4.pythia-{size}.{column}").value for column in ("sqrt", "lambda") for size in sizes
    ]
    corners = np.array(list(itertools.product(*[(box.low, box.high) for box in boxes])))
    rs = [pearsonr(corner[:5], corner[5:]).statistic for corner in corners]
    assert (made.low, made.high) == pytest.approx((min(rs), max(rs)), abs=2e-5)
    assert made.low <= min(rs)
    assert max(rs) <= made.high


# What is refused, by name, at its column

REFUSED = {
    "": ("column 1", "invalid syntax"),
    "1 +": ("column", "invalid syntax"),
    "1 2": ("column", "syntax"),
    "x": ("column 1", "the name 'x' stands by itself"),
    "1 + x().real": ("column 5", "an attribute"),
    "().__class__.__bases__": ("column 1", "an attribute"),
    "x().__class__()": ("column 1", "a call of something without a name"),
    "x()(1)": ("column 1", "a call of something without a name"),
    "(lambda: 1)()": ("column 1", "a call of something without a name"),
    "lambda: 1": ("column 1", "a function of its own"),
    "x()[0]": ("column 1", "an index"),
    "1 + (2 < 3)": ("column 6", "a comparison"),
    "1 and 2": ("column 1", "a logical operation"),
    "not 1": ("column 1", "Not"),
    "~1": ("column 1", "Invert"),
    "+1": ("column 1", "UAdd"),
    "1 if 2 else 3": ("column 1", "a condition"),
    "(y := 1)": ("column 2", "an assignment"),
    "y = 1": ("column", "invalid syntax"),
    "[a for a in x()]": ("column 1", "a comprehension"),
    "sum(a for a in x())": ("column 4", "a comprehension"),
    "{1: 2}": ("column 1", "a mapping"),
    "{1}": ("column 1", "a set"),
    "{a for a in x()}": ("column 1", "a comprehension"),
    "{a: 1 for a in x()}": ("column 1", "a comprehension"),
    "f'{1}'": ("column 1", "a formatted string"),
    "sum(*x())": ("column 5", "an unpacked argument"),
    "cell(**x())": ("column 8", "an unpacked argument"),
    "cell(*x())": ("column 6", "where a number or a text is needed"),
    "cell([1])": ("column 6", "where a number or a text is needed"),
    "cell(1 + 1)": ("column 6", "where a number or a text is needed"),
    "cell(x())": ("column 6", "where a number or a text is needed"),
    "cell(True)": ("column 6", "where a number or a text is needed"),
    "cell(None)": ("column 6", "where a number or a text is needed"),
    "cell(b'a')": ("column 6", "where a number or a text is needed"),
    "cell(-'a')": ("column", "where a number or a text is needed"),
    "1 + 'a'": ("column 5", "the text 'a' stands by itself"),
    "True": ("column 1", "True where a number"),
    "None": ("column 1", "None where a number"),
    "...": ("column 1", "... where a number"),
    "1j": ("column 1", "1j where a number"),
    "await x()": ("column", ""),
    "(yield)": ("column", "a yield"),
    "1 // 2": ("column 1", "FloorDiv"),
    "1 % 2": ("column 1", "Mod"),
    "1 @ 2": ("column 1", "MatMult"),
    "1 << 2": ("column 1", "LShift"),
    "1 | 2": ("column 1", "BitOr"),
    "open('a')": ("column 1", "there is no 'open'"),
    "__import__('os')": ("column 1", "there is no '__import__'"),
    "eval('1')": ("column 1", "there is no 'eval'"),
    "2 * cel(1)": ("column 5", "there is no 'cel'; use cell"),
    "smu(1)": ("column 1", "sum"),
    "sqrt()": ("column 1", "missing a required argument"),
    "sqrt(1, 2)": ("column 1", "too many positional arguments"),
    "sqrt(base=2)": ("column 1", "argument"),
    "stdev([1, 2])": ("column 1", "ddof"),
    "stdev([1, 2], ddof=2)": ("column 1", "ddof is 2"),
    "stdev([1, 2, 3, 4], ddof=2)": ("column 1", "ddof is 2 for 4 items"),
    "stdev([1], ddof=1)": ("column 1", "ddof is 1 for 1 items"),
    "mean()": ("column 1", "at least one"),
    "min([])": ("column 1", "at least one"),
    "pearson([1, 2], [1])": ("column 1", "two lists of one length"),
    "slope([1], [1])": ("column 1", "at least 2"),
    "pearson([1, 1], [1, 2])": ("column 1", "division by zero"),
    "[1, 2] + [1, 2, 3]": ("column 1", "lists of one length"),
    "1 / (2 - two())": ("column 1", "division by zero"),
    "sqrt(-1)": ("column 1", "must not be negative"),
    "log(0)": ("column 1", "must be positive"),
    "log10(-1)": ("column 1", "must be positive"),
    "(-8) ** 0.5": ("column 1", "no real number"),
    "0 ** -1": ("column 1", "no real number"),
    "9 ** 9 ** 9 ** 9": ("column 6", "too large"),
    "10 ** 400": ("column 1", "too large"),
    "exp(1000)": ("column 1", "too large"),
    "[1e200] * 1e200": ("column 1", "too large"),
    "1e999": ("column 1", "beyond 1e300"),
    f"1{'0' * 400}": ("column 1", "beyond 1e300"),
    "9" * 3999: ("column 1", "beyond 1e300"),
    "name() + 1": ("column 1", "'a' is not a number"),
    "max(names())": ("column 1", "'a' is not a number"),
    "1 + [name()]": ("column 1", "'a' is not a number"),
    "1 / wide()": ("column 1", "holds zero"),
    "log(wide())": ("column 1", "must all be positive"),
    "nothing()": ("column 1", "stands for None"),
    "truth()": ("column 1", "stands for True"),
    "endless()": ("column 1", "stands for inf"),
    "missing()": ("column 1", "stands for nan"),
    "1 + lost()": ("column 5", "there is no such row"),
    "two(1)": ("column 1", "too many positional arguments"),
    "cell(1, colour=2)": ("column 1", "unexpected keyword argument"),
    "cell()": ("column 1", "missing a required argument"),
    "cell(table=1, table=2)": ("column", "keyword argument repeated"),
    " 1": ("column 1", "outer blanks"),
    "1\n+ 2": ("column 1", "one line"),
    "1 +\t2": ("column 1", "one line"),
    "1\x00": ("column 1", "one line"),
    "(" * 1500 + "1" + ")" * 1500: ("column", ""),
    "-" * 3999 + "1": ("column", ""),
    "+".join("1" * 1500): ("column", ""),
    "[" * 150 + "]" * 150: ("column", ""),
    "sqrt(" * 90 + "1" + ")" * 90: ("column", "inside each other"),
    "1" + " + 1" * 1500: ("column 1", f"more than {LONGEST}"),
    r"cell('\d')": ("column", "invalid escape sequence"),
    "1if 1else 2": ("column", ""),
}


def lost():
    raise UnknownReference("table t: there is no such row; look it up")


HOSTILE = DATA | {
    "cell": lambda table, row=None: 1.0,
    "wide": lambda: Interval(-1.0, 1.0),
    "nothing": lambda: None,
    "truth": lambda: True,
    "endless": lambda: math.inf,
    "missing": lambda: math.nan,
    "lost": lost,
}


@pytest.mark.parametrize(("formula", "names"), REFUSED.items(), ids=range(len(REFUSED)))
def test_what_is_no_formula_or_has_no_value_is_refused_by_name(formula, names):
    column, what = names
    with pytest.raises(ContractError) as caught:
        evaluate(formula, HOSTILE)
    message = str(caught.value)
    assert message.startswith("formula ")
    assert f"{column}:" in message if column != "column" else "column " in message
    assert what in message
    assert ";" in message
    assert len(message) < LONGEST + 600


def test_columns_count_characters_not_bytes():
    with pytest.raises(ContractError, match="column 14: "):
        evaluate("cell('λλ') + x", HOSTILE | {"x": None})


def test_a_refused_formula_asks_no_resolver():
    asked = []
    with pytest.raises(ContractError):
        evaluate("cell(1) + open(2)", {"cell": lambda _: asked.append(1)})
    assert asked == []


def test_an_error_in_a_resolver_that_is_a_fault_of_the_program_is_not_hidden():
    def broken():
        raise KeyError("bug")

    with pytest.raises(KeyError, match="bug"):
        evaluate("broken()", {"broken": broken})


PIECES = ["cell(", "1", "'a'", ")", "[", "]", "+", ".", "x", "**", " ", ",", "lambda", ":", "sum("]


@given(text=st.text(max_size=40) | st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_any_text_is_a_value_or_a_contract_error(text):
    try:
        evaluate(text, HOSTILE)
    except ContractError:
        return
    ast.parse(text, mode="eval")


def test_long_sums_and_deep_terms_within_the_limits_are_read():
    assert evaluate(" + ".join("1" for _ in range(DEEPEST - 1)), {}) == DEEPEST - 1
    nested = DEEPEST - 2
    assert evaluate("sqrt(" * nested + "1" + ")" * nested, {}) == 1


def test_the_language_has_just_these_functions():
    expected = "abs sqrt exp log log10 gamma count sum min max place_of_least count_at_most mean median stdev"
    assert set(FUNCTIONS) == {
        *expected.split(),
        "pearson",
        "partial_correlation",
        "slope",
        "slope_through_origin",
    }


def test_where_the_least_item_stands():
    assert evaluate("place_of_least([3, 1, 2], [10, 20, 30])", {}) == 20
    assert evaluate("place_of_least([1, 1], names())", {"names": lambda: ["a", "b"]}) == "a"
    for wrong in ("place_of_least([1, 2], [1])", "place_of_least(wide(), [1])"):
        with pytest.raises(ContractError):
            evaluate(wrong, {"wide": lambda: [Interval(0, 1)]})


def test_how_many_items_are_at_most_a_bound():
    assert evaluate("count_at_most(2, [3, 1], 2)", {}) == 2
    assert evaluate("count_at_most(0.5, 1)", {}) == 0
    with pytest.raises(ContractError):
        evaluate("count_at_most(wide(), 1)", {"wide": lambda: Interval(0, 1)})
