"""Formats the numbers of tables for readers."""

import re

from weightfit.exhibits.numbers import Row

ABSENT = "–"
"""Sign that is written where there is no number."""


SUPERSCRIPTS, _PLAIN = "⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"


def powers(text: str) -> str:
    """Return a printed text with its powers of ten as superscripts: '1.0×10^{-3}' becomes '1.0×10⁻³'."""
    raised = str.maketrans(_PLAIN, SUPERSCRIPTS)
    return re.sub(r"\^\{?(-?\d+)\}?", lambda found: found[1].translate(raised), text)


def plain_digits(raised: str) -> str:
    """Return superscripts as plain digits."""
    return raised.translate(str.maketrans(SUPERSCRIPTS, _PLAIN))


def cell(value: object, form: str = ".4f") -> str:
    """Return a number in a format, or `ABSENT` if there is none.

    Parameters
    ----------
    value
        A number or None.
    form
        Format specification as for `format`.
    """
    return ABSENT if value is None else format(value, form)


def cells(row: Row, columns: tuple[str, ...], form: str = ".4f") -> str:
    """Return several numbers of a row in one cell, in one format, separated by slashes."""
    return " / ".join(cell(row[column], form) for column in columns)


def spread(row: Row, column: str, form: str = ".4f") -> str:
    """Return a median over blocks with its quartiles from the same row."""
    if row[column] is None:
        return ABSENT
    low, high = (cell(row[f"{column}_{quartile}"], form) for quartile in ("q25", "q75"))
    return f"{cell(row[column], form)} [{low}, {high}]"


def with_error(row: Row, column: str, form: str = ".4f") -> str:
    """Return an estimate with its standard error from the same row."""
    if row[column] is None:
        return ABSENT
    return f"{cell(row[column], form)} ± {cell(row[f'{column}_se'], form)}"


def percent(value: object, form: str = "+.1f") -> str:
    """Return a fraction in per cent, or `ABSENT` if there is none."""
    return f"{format(100 * value, form)} %" if isinstance(value, (int, float)) else ABSENT
