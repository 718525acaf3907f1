"""What the audit says in a few lines, the first of which tells how many numbers rest on the paper's own weights."""

from collections import Counter

import pyarrow as pa

from weightfit import paper
from weightfit.audit.verdict import STRENGTH

VERDICTS = ("reproduced", "differs", "ambiguous", "compatible", "pending", "untraced")
MEASURED = "measured"
"""Value of column `kind` of `paper/reported.tsv`: the number was measured on weights."""


def markdown(audit: pa.Table) -> str:
    """Return the audit's summary as Markdown.

    Parameters
    ----------
    audit
        Table of contract ``audit``.

    Returns
    -------
    str
        A sentence and a table of verdict by kind of evidence; kinds of evidence are never added up.
    """
    rows = audit.to_pylist()
    known = paper.reported()
    measured = [row for row in rows if known[row["id"]].kind == MEASURED]
    recomputed = [
        row
        for row in measured
        if row["evidence"] == "weights" and row["verdict"] not in ("pending", "untraced")
    ]
    counted = Counter((row["evidence"], row["verdict"]) for row in rows)
    lines = [
        f"{len(recomputed)} of the {len(measured)} measured numbers were recomputed from the paper's own weights in "
        "this run.",
        "",
        f"| evidence | {' | '.join(VERDICTS)} |",
        f"|---|{'---|' * len(VERDICTS)}",
    ]
    for evidence in (*STRENGTH, None):
        numbers = [counted[evidence, verdict] for verdict in VERDICTS]
        if any(numbers):
            cells = " | ".join(str(number) if number else "" for number in numbers)
            lines.append(f"| {evidence or 'none'} | {cells} |")
    return "\n".join(lines)
