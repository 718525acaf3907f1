"""Summarise the audit; the first line says how many numbers rest on the paper's own weights."""

from collections import Counter

import pyarrow as pa

from weightfit import paper
from weightfit.audit.references.trainings import every_correction
from weightfit.audit.verdict import STRENGTH

VERDICTS = ("reproduced", "consistent", "differs", "ambiguous", "compatible", "pending", "untraced")


def sentence(audit: pa.Table) -> str:
    """Return how many of the measured numbers rest on the paper's own weights in this run.

    Parameters
    ----------
    audit
        Table of contract ``audit``.
    """
    known = paper.reported()
    measured = [row for row in audit.to_pylist() if known[row["id"]].kind == paper.MEASURED]
    recomputed = [
        row
        for row in measured
        if row["evidence"] == "weights" and row["verdict"] not in ("pending", "untraced")
    ]
    return (
        f"{len(recomputed)} of the {len(measured)} measured numbers were recomputed from the paper's own weights in "
        "this run."
    )


def differing(audit: pa.Table) -> str:
    """Return how many numbers differ, and how many findings they show.

    Parameters
    ----------
    audit
        Table of contract ``audit``.
    """
    shown = [row["finding"] for row in audit.to_pylist() if row["verdict"] == "differs"]
    found = len(set(shown))
    if not shown:
        return "No printed number differs."
    return (
        f"The {len(shown)} number{'s' * (len(shown) > 1)} that differ{'s' * (len(shown) == 1)} "
        f"{'are' if len(shown) > 1 else 'is'} {found} finding{'s' * (found > 1)}: several numbers can show one."
    )


def corrected(audit: pa.Table) -> list[str]:
    """Return a sentence for each correction of a source, with the number of printed numbers that rest on it.

    Parameters
    ----------
    audit
        Table of contract ``audit``.
    """
    notes = [row["note"] or "" for row in audit.to_pylist()]
    found = []
    for told in dict.fromkeys(told for told, _, _ in every_correction()):
        if count := sum(told in note for note in notes):
            subject = f"{count} printed numbers rest" if count > 1 else "1 printed number rests"
            found.append(f"{subject} on a setting of which {told}.")
    return found


def by_evidence(audit: pa.Table) -> dict[str | None, list[int]]:
    """Return how many numbers have each of `VERDICTS`, by kind of evidence; None where no evidence is defined.

    Parameters
    ----------
    audit
        Table of contract ``audit``.

    Returns
    -------
    dict
        Numbers by kind of evidence, the strongest first; kinds without any number are left out, and kinds are never
        added up.
    """
    counted = Counter((row["evidence"], row["verdict"]) for row in audit.to_pylist())
    found = {evidence: [counted[evidence, verdict] for verdict in VERDICTS] for evidence in (*STRENGTH, None)}
    return {evidence: numbers for evidence, numbers in found.items() if any(numbers)}


def markdown(audit: pa.Table) -> str:
    """Return the audit's summary as Markdown: a sentence, and a table of verdict by kind of evidence.

    Parameters
    ----------
    audit
        Table of contract ``audit``.
    """
    lines = [
        sentence(audit),
        "",
        f"| evidence | {' | '.join(VERDICTS)} |",
        f"|---|{'---|' * len(VERDICTS)}",
    ]
    for evidence, numbers in by_evidence(audit).items():
        cells = " | ".join(str(number) if number else "" for number in numbers)
        lines.append(f"| {evidence or 'none'} | {cells} |")
    lines += ["", " ".join([differing(audit), *corrected(audit)])]
    return "\n".join(lines)
