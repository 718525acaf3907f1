"""The parts of README and of the manual that are made from data; `make docs` writes them, and tests hold them."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import by_rule
import numpy as np
import pyarrow as pa
from audit_sources import sources
from error_rates import error_rates, markdown
from printed_rules import rules_table

from weightfit import paper
from weightfit.analysis import page
from weightfit.audit import registry, summary
from weightfit.audit.audit import audit
from weightfit.audit.claims import sentences
from weightfit.audit.claims.claims import evaluated as evaluations
from weightfit.audit.claims.claims import judge_claims
from weightfit.audit.claims.file import read_claims
from weightfit.audit.evaluation import Evaluator, evaluate_all
from weightfit.audit.predictions import beside
from weightfit.cohort import read_cohort
from weightfit.cohort.facts import real_models
from weightfit.documents import ROOT
from weightfit.paper import exhibits
from weightfit.studies.origin_line import OriginLine, through_origin
from weightfit.studies.theory import theory
from weightfit.weights.wheels import read_lock

DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")),
)
MARKED = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


UNSAID = (
    ("anchor-is-universal", 0),
    ("ten-of-twelve", 1),
    ("scale-follows-the-root", 1),
    ("gamma-closure", 1),
    ("drift-follows-t-over-tau", -1),
    ("attention-groups", -1),
)
"""Claims and places of their tests whose sentences tell what the paper does not say."""


@cache
def evaluated() -> tuple[Any, Any, list[str]]:
    """Evaluate every reading, and the claims, without weights and without the released database."""
    with tempfile.TemporaryDirectory() as folder:
        found = sources(Path(folder))
        evaluator = Evaluator(found)
        results = evaluate_all(registry.read(), found)
        claims = judge_claims(read_claims(), results, evaluator)
        told = [_sentence(evaluator, claim, place) for claim, place in UNSAID]
    return results, claims, told


def _sentence(evaluator: Evaluator, claim: str, place: int) -> str:
    """Return the sentence of a test, as an item of a list with the name of its claim."""
    (test,) = (each.tests[place] for each in read_claims() if each.id == claim)
    made = {name: one.value for name, one in evaluations(claim, test, evaluator).items()}
    return f"- {sentences.filled(claim, test, made)} (`{claim}`)"


def verdicts() -> str:
    numbers, _ = audit(evaluated()[0])
    return summary.markdown(numbers)


def by_verdict() -> Mapping[str, list[dict[str, str]]]:
    claims: pa.Table = evaluated()[1]
    found: dict[str, list[dict[str, str]]] = {name: [] for name in summary.VERDICTS}
    for claim in claims.to_pylist():
        found[claim["verdict"]].append(claim)
    return {name: those for name, those in found.items() if those}


def claims_in_brief() -> str:
    counted = {name: len(those) for name, those in by_verdict().items()}
    total, differing, kept = sum(counted.values()), counted.pop("differs", 0), counted.pop("reproduced", 0)
    others = [f"{number} {name}" for name, number in counted.items()]
    return (
        f"Of the paper's {total} claims in words, {kept or 'none'} {'are' if kept > 1 else 'is'} reproduced and "
        f"{differing} differ; {', '.join(others[:-1])} and {others[-1]}."
    )


def claims() -> str:
    """List the claims by verdict, each with its place in the paper and what came out."""
    lines = []
    for name, those in by_verdict().items():
        lines += [f"### {name} ({len(those)})", ""]
        # The data that would decide a pending claim stand in claims.csv.
        lines += [f"- `{claim['id']}` ({claim['place']}): {claim['sentence']}" for claim in those]
        lines.append("")
    return "\n".join(lines).rstrip()


def printed_line() -> OriginLine:
    """Return the line through the origin of the printed scales of Table 4 over the printed rates."""
    rates = [paper.training("paper")[key] for key in exhibits.groups()["pythia"]]
    roots = np.sqrt([rate["peak_learning_rate"] / rate["weight_decay"] for rate in rates])
    scales = [float(paper.printed(f"T4.{key}.lambda")) for key in exhibits.groups()["pythia"]]
    return through_origin(roots, np.array(scales))


def findings() -> str:
    """Tell three findings that need no weights, each from values that are computed here."""
    law = {(row["quantity"], row["trim"]): row["value"] for row in theory()}
    gap, r_squared = law["half_normal_gap", None], law["half_normal_r_squared", 0.8]
    line = printed_line()
    mean, deviation, least = (paper.printed(f"S3.{key}") for key in ("2.gap_mean", "2.gap_sd", "1.r2_min"))
    told = (
        f"The drop of k from trim 0.80 (the middle 80 % of the ranks) to all ranks, which the paper prints as {mean} ± "
        f"{deviation} and reads as heavy tails, is {gap:.4f} for exactly Gaussian weights.",
        f"A coefficient of determination of at least {least} does not tell a Weibull law from Gaussian weights, which "
        f"give {r_squared:.4f}.",
        f"The paper takes λ as proportional to x = sqrt(learning rate / weight decay). A power x^p fitted to its "
        f"{line.points} printed points has p = {line.exponent:.2f} ± {line.exponent_se:.2f}, where that would be 1.",
    )
    leads = ("Tails", "The law", "The line")
    place = "docs/findings.md#what-theory-alone-gives"
    return "\n".join(f"- [{lead}]({place}). {sentence}" for lead, sentence in zip(leads, told, strict=True))


def predictions() -> str:
    """Return how many printed numbers lie within their predictions, and a table of those outside of all intervals."""
    foreseen = beside.beside(paper.predictions(), evaluated()[0])
    cells = [
        (
            f"`{row['id']}`",
            paper.printed(row["id"]),
            f"[{row['lower_95']:.6g}, {row['upper_95']:.6g}]",
            row["basis"],
        )
        for row in foreseen.to_pylist()
        if row["printed_within"] == "none"
    ]
    return "\n".join(
        [
            beside.sentence(foreseen),
            "",
            "| outside of its 95 % interval | printed | interval | basis |",
            "|---|---|---|---|",
            *(f"| {' | '.join(row)} |" for row in cells),
        ]
    )


def rule_graph() -> str:
    """Return the rules of a default run and what each hands on, as Mermaid; the exhibits are two nodes."""
    drawn = subprocess.run(
        [sys.executable, "-m", "snakemake", "--quiet", "--rulegraph", "dot", "all"],
        cwd=ROOT,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    kinds = {label: exhibit.kind for label, exhibit in exhibits.read().items()}
    labels = re.findall(r'^\s*(\d+)\[label = "([^"\\]+)', drawn, re.MULTILINE)
    names = {number: kinds.get(name, name) for number, name in labels}
    arrows = {(names[one], names[other]) for one, other in re.findall(r"(\d+) -> (\d+)", drawn)}
    after = {one: {other for first, other in arrows if first == one and other != one} for one, _ in arrows}

    def reached(start: str) -> set[str]:
        return after.get(start, set()).union(*map(reached, after.get(start, ())))

    # An arrow that a way over other rules implies is left out.
    lines = [
        f"    {one} --> {other}"
        for one, others in sorted(after.items())
        for other in sorted(others - {"all"} - set().union(*map(reached, others)))
    ]
    return "\n".join(["```mermaid", "flowchart LR", *lines, "```"])


def availability() -> str:
    """List the real models of the default cohort, as its file states them."""
    lines = ["| model | attention | trained on | then | licence | package |", "|---|---|---|---|---|---|"]
    models = read_cohort("models")
    for entry, known in real_models(models).items():
        first, *others = read_lock(ROOT / models.entries[entry].settings["lock"])
        wheels = f"{first.name}{f' and {len(others)} more' if others else ''}"
        told = (known["attention"], known["trained_on"], known["altered"] or "", known["licence"], wheels)
        lines.append(f"| `{entry}` | {' | '.join(told)} |")
    return "\n".join(lines)


def what_stands_out() -> str:
    """Return the rules by which a matrix stands out, as a numbered list."""
    return "\n".join(f"{number}. **{rule}**: {text}" for number, (rule, text) in enumerate(page.rules(), 1))


PARTS: Mapping[str, Callable[[], str]] = {
    "availability": availability,
    "verdicts": verdicts,
    "audit": lambda: f"{verdicts()} {claims_in_brief()}",
    "claims": claims,
    "findings": findings,
    "unsaid": lambda: "\n".join(evaluated()[2]),
    "error-rates": lambda: markdown(error_rates(evaluated()[0])),
    "printed-text": rules_table,
    "exhibits": exhibits.markdown,
    "predictions": predictions,
    "rules": rule_graph,
    "what-stands-out": what_stands_out,
    "cost-by-rule": by_rule.markdown,
}


def filled(document: str) -> str:
    """Return a document with what its generated parts should be."""
    return MARKED.sub(lambda found: f"{found[1]}{PARTS[found[2]]()}\n{found[3]}", document)


if __name__ == "__main__":
    for name in DOCUMENTS:
        path = ROOT / name
        path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")
