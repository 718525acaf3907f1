"""The page of models: one file for readers, which loads nothing from the network."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from weightfit.analysis import claims, figures
from weightfit.analysis.around import Neighbour, of_analyses
from weightfit.analysis.claims import Answer
from weightfit.analysis.figures import Panel
from weightfit.analysis.findings import Findings
from weightfit.analysis.measure import is_quantised
from weightfit.analysis.standing_out import (
    ENOUGH,
    FAR,
    RULES,
    TAIL_GROWTH,
    ZEROS,
    greatest_ratio,
    least_r_squared,
)
from weightfit.documents import data, whole_file
from weightfit.exhibits.style import COMPONENT_NAMES
from weightfit.paper import exhibits
from weightfit.report.template import environment

TEMPLATE = "workflow/report/analysis.html.j2"
STYLES = ("workflow/report/page.css", "workflow/report/analysis.css")

RULE_TEXTS = {
    "no law": "R² of the probability plot is below {r_squared:g}, the least that the paper prints for its fits. Such a "
    "matrix is left out of the next two rules.",
    "shape": "k lies further from the median of its kind than {far:g} deviations, which the scatter of the blocks and "
    "the matrix's own standard error give together. The scatter is 1.4826 times the median absolute deviation: of the "
    "kind if it has {enough} blocks, otherwise of all kinds of the model.",
    "scale": "the same for ln λ.",
    "tail": "the largest |w| exceeds {ratio:g} times the 99 % quantile, the largest median that the paper prints; or "
    "it exceeds {growth:g} times what is usual for its kind, and by {far:g} deviations in its logarithm.",
    "second population": "Hartigan's dip test rejects one mode of log |w| at level 0.001. Quantised formats are not "
    "tested, because their levels are modes of their own.",
    "zeros": "more than {zeros:.1%} of the weights are exactly zero, unless the format is quantised.",
}
"""Every rule of `weightfit.analysis.standing_out.RULES` in words."""


@dataclass(frozen=True)
class Shown:
    """What the page shows of one model.

    Attributes
    ----------
    findings
        The model and what was measured of it.
    shapes, scales, tails, kurtoses, densities
        Panels.
    rules
        Names of the rules by which a matrix stands out, by kind and block.
    attention
        Kind of attention, or None if it is not known.
    quantised
        Whether weights are stored in a format that has other values than theirs.
    answers, scope
        Answers to the paper's claims, and the sentence about their scope; None if they were not asked.
    strip
        The model among others, or None if there are none.
    around
        The others.
    """

    findings: Findings
    shapes: Sequence[Panel]
    scales: Sequence[Panel]
    tails: Sequence[Panel]
    kurtoses: Sequence[Panel]
    densities: Sequence[Panel]
    rules: Mapping[tuple[str, int], Sequence[str]]
    attention: str | None
    quantised: bool
    answers: Sequence[Answer] | None
    scope: str
    strip: Markup | None
    around: Sequence[Neighbour]

    def standing_out(self, component: str) -> str:
        """Return how many matrices of a kind stand out, by rule."""
        own = [one.rule for one in self.findings.standing_out if one.component == component]
        return ", ".join(f"{own.count(rule)} {rule}" for rule in RULES if rule in own)


def write_page(
    path: Path,
    analyses: Sequence[Findings],
    title: str | None = None,
    around: Sequence[Neighbour] = (),
    missing: Mapping[str, str] | None = None,
) -> None:
    """Write the page of one or several models.

    Parameters
    ----------
    path
        File to write.
    analyses
        The models; each has a chapter if they are several.
    title
        Title of the page; by default the name of its only model.
    around
        Further models beside which each is placed. Those of the page are placed beside each other.
    missing
        Models that could not be measured, each with a sentence on why and what to do.
    """
    text = render(analyses, title, around, missing)
    with whole_file(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def render(
    analyses: Sequence[Findings],
    title: str | None = None,
    around: Sequence[Neighbour] = (),
    missing: Mapping[str, str] | None = None,
) -> str:
    """Return the text of the page; see `write_page`."""
    template = data(TEMPLATE)
    shown = [
        _shown(number, one, [*of_analyses([*analyses[:number], *analyses[number + 1 :]]), *around])
        for number, one in enumerate(analyses)
    ]
    names = [*(one.model.name for one in analyses), *(missing or {})]
    return (
        environment(template.parent)
        .get_template(template.name)
        .render(
            title=title or ", ".join(names),
            shown=shown,
            missing=missing or {},
            band=exhibits.printed_band(),
            names=COMPONENT_NAMES,
            rules=[(RULES[rule], text) for rule, text in rules()],
            number=_number,
            tally=_tally,
            style=Markup("\n".join(data(name).read_text("utf-8") for name in STYLES)),  # noqa: S704 (our own)
        )
    )


def rules() -> Iterator[tuple[str, str]]:
    """Yield every rule by which a matrix stands out, and what it asks, in words."""
    known = {"far": FAR, "enough": ENOUGH, "growth": TAIL_GROWTH, "zeros": ZEROS}
    known |= {"r_squared": least_r_squared(), "ratio": greatest_ratio()}
    for rule, text in RULE_TEXTS.items():
        yield rule, text.format(**known)


def _shown(number: int, findings: Findings, around: Sequence[Neighbour]) -> Shown:
    measured = findings.measured
    rows = measured.rows
    marked: dict[str, list[tuple[str, int]]] = {}
    rules: dict[tuple[str, int], list[str]] = {}
    for one in findings.standing_out:
        marked.setdefault(one.rule, []).append((one.component, one.block))
        rules.setdefault((one.component, one.block), []).append(one.rule)
    attention = findings.model.attention or claims.attention(findings.model.config, rows)
    own = {kind.component: kind.shape for kind in findings.kinds}
    null = findings.kinds[0].shape_null
    placed = [(other.stand_in, other.shapes) for other in around]
    return Shown(
        findings=findings,
        shapes=figures.by_block(rows, figures.SHAPE, marked, f"m{number}k", exhibits.printed_band()),
        scales=figures.by_block(rows, figures.SCALE, marked, f"m{number}s"),
        tails=figures.by_block(rows, figures.TAIL, marked, f"m{number}t"),
        kurtoses=figures.by_block(rows, figures.KURTOSIS, marked, f"m{number}u"),
        densities=figures.densities(measured.densities, rows, f"m{number}d"),
        rules=rules,
        attention=attention,
        quantised=any(is_quantised(row["stored"].upper()) for row in rows),
        answers=claims.answers(measured.evidence, attention) if measured.evidence else None,
        scope=claims.scope(sum(row["n"] for row in rows)),
        strip=figures.strip(own, placed, null, f"m{number}a") if around else None,
        around=around,
    )


def _number(value: float) -> str:
    """Return a statistic with as many digits as a reader compares."""
    size = abs(value)
    return f"{value:.1f}" if size >= 5 else f"{value:.4f}" if size < 0.1 else f"{value:.3f}"


def _tally(answers: Sequence[Answer]) -> str:
    """Return how many answers there are of each sort, in a sentence."""
    found: list[Any] = [one.found["outcome"] for one in answers]
    counts = {name: found.count(name) for name in ("holds", "does not hold", "cannot be asked")}
    return (
        f"Of {len(found)} questions, {counts['holds']} are answered by ‘holds’ and {counts['does not hold']} by ‘does "
        f"not hold’; {counts['cannot be asked']} cannot be asked."
    )
