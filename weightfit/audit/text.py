"""Write the values of the audit as text, and count its verdicts."""

from collections import Counter

import pyarrow as pa

from weightfit import paper
from weightfit.audit import printed
from weightfit.errors import ContractError
from weightfit.formula.evaluation import Value
from weightfit.formula.interval import Interval

DIGITS = 10
"""Significant digits of a value; an exact value is not padded."""


def text(value: Value) -> str:
    """Return a value as text: a label, a number, or an interval in brackets."""
    if isinstance(value, str):
        return value
    if isinstance(value, Interval):
        return f"[{value.low:.6g}, {value.high:.6g}]"
    if isinstance(value, tuple):
        raise ContractError(f"a list of {len(value)} values is no single value; reduce it to one")
    return f"{value:.{DIGITS}g}"


def summary(audit: pa.Table) -> dict[tuple[str, str, str], int]:
    """Count printed numbers by sort, kind of evidence and verdict; sorts and kinds of evidence are never added up.

    Parameters
    ----------
    audit
        Table of contract ``audit``.

    Returns
    -------
    dict
        Number of ids by sort (label, count, number, claim), evidence (``none`` if untraced) and verdict.
    """
    known = paper.reported()
    counted = Counter(
        (printed.read(row["id"]).sort, row["evidence"] or "none", row["verdict"])
        for row in audit.to_pylist()
        if row["id"] in known
    )
    return dict(sorted(counted.items()))
