"""The rules by which `weightfit.audit.printed` reads a text, as a table of the manual with examples."""

import math
from dataclasses import dataclass

from weightfit import paper
from weightfit.audit import printed
from weightfit.audit.printed.number import Number


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes
    ----------
    form
        How the text looks.
    meaning
        What agrees with it.
    examples
        Ids of `paper/reported.tsv` that it reads.
    """

    form: str
    meaning: str
    examples: tuple[str, ...]


RULES = (
    Rule("a decimal", "± half a unit of its last digit", ("T1.k80.median", "S4.3.gqa_low")),
    Rule("≈, ~, about, approximately, near", "± one unit of its last digit", ("A1.k0", "S5.2.peak_step")),
    Rule("<, below, fewer than; >, more than", "a half-line without its end", ("A1.mu_init", "A1.zeros_n")),
    Rule("≤, at most; ≥, at least", "a half-line with its end", ("S3.1.r2_min",)),
    Rule("within", "at most, ± half a unit of its last digit", ("T5.max_error",)),
    Rule(
        "a–b, [a, b], (a, b), a ± b",
        "two numbers, each with an id; ≈ before them is of both",
        ("S3.3.med_low", "S3.3.med_high", "F3.k_init", "F3.k_init_pm"),
    ),
    Rule("a count, a number word", "that integer", ("F3.n_samples", "C1.n_extra", "C2.n_nonqwen_B")),
    Rule("a setting (kind hyperparameter)", "exactly that number", ("T4.pythia-70m.wd", "S5.2.thr_sat")),
    Rule("%; k, M, B, T; × 10^{n}", "hundredths; powers of ten", ("ABS.cv", "S3.1.size_min", "S4.2.eta_lo")),
    Rule("10^{n} by itself", "± half a unit of n, or one if ≈", ("C3.pop_centre",)),
    Rule(
        "an order of magnitude, two orders", "a factor whose log10 rounds to 1, 2", ("S3.3.oom", "S1.2.oom")
    ),
    Rule("more than an order of magnitude", "a factor above 10", ("S3.1.lam_oom",)),
    Rule(
        "a name, an expression (label)",
        "the same after `paper/labels.tsv` and the entries' other names",
        ("T3.160m.state", "T5.70m.recipe", "S5.1.recipeA"),
    ),
    Rule("words that state something (claim)", "the same statement found by us", ("S4.2.monotone",)),
)


def rules_table() -> str:
    """Return the manual's table of what printed text means; the examples are read as all other ids are."""
    lines = ["| printed | what agrees | examples |", "|---|---|---|"]
    for rule in RULES:
        examples = "; ".join(_example(key) for key in rule.examples)
        lines.append(f"| {rule.form} | {rule.meaning} | {examples} |")
    return "\n".join(lines)


def _example(key: str) -> str:
    made = printed.read(key)
    meaning = made.label if made.number is None else numbers(made.number)
    return f"`{paper.printed(key).strip(' |')}` (`{key}`): {meaning}"


def numbers(number: Number) -> str:
    """Return what agrees with a number: itself, or an interval with round brackets where an end does not agree."""
    low, high = number.allowed.low, number.allowed.high
    if number.exact and high - low <= 1e-6 * abs(number.stands):
        return f"{number.stands:.10g}"
    left = "(" if low == -math.inf or not number.admits(low) else "["
    right = ")" if high == math.inf or not number.admits(high) else "]"
    return f"{left}{_end(low)}, {_end(high)}{right}"


def _end(number: float) -> str:
    return f"{number:.6g}".replace("inf", "∞").replace("-", "−")
