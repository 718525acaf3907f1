"""Write the values of the audit as text."""

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
