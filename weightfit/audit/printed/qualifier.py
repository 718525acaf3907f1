"""How a printed number is qualified (about, below, ...), read from the words before it."""

import re
from collections.abc import Iterable
from typing import Literal

Relation = Literal["equal", "about", "below", "above", "at most", "at least", "within"]

WORDS: dict[Relation, str] = {
    "about": r"(?:\\approx|\\sim|≈|~|\b(?:about|approximately|near)\b)",
    "below": r"(?:<|\b(?:below|less than|fewer than)\b)",
    "above": r"(?:>|\b(?:above|more than)\b)",
    "at most": r"(?:\\leq|≤|<=|\bat most\b)",
    "at least": r"(?:\\geq|≥|>=|\bat least\b)",
    "within": r"\bwithin\b",
}
"""Relation to the signs and words that state it of the number after them."""

_NUMBER = r"[-−]?\d[\d.,]*[kMBT]?"
_UNIT = r"\s*(?:\\?%|\\times|×)?\s*\$?\s*"
_TO = r"(?:–|--|-|\\text\{--\})"


def of(words: str, printed: str, unit: str) -> frozenset[Relation]:
    """Return how a printed number is qualified at each place where some words have it.

    Parameters
    ----------
    words
        Text of the paper, with LaTeX as it is.
    printed
        The number as it stands in them.
    unit
        Its unit; a number of percent counts as found only where a percent sign follows.

    Returns
    -------
    frozenset
        Empty if the words do not have the number; of several items if it stands in several places that are
        qualified differently.
    """
    percent = rf"(?=\s*(?:{_TO}\s*{_NUMBER}\s*)?\\?%)" if unit == "%" else ""
    place = rf"(?<![\d.,]){re.escape(printed)}(?![A-Za-z\d]|[.,]\d){percent}"
    return frozenset(before(words[: found.start()]) for found in re.finditer(place, words))


def before(text: str) -> Relation:
    r"""Return the relation that the end of a text states of the number that follows it.

    A noun may stand between: ``near step 10k``. In ``about 3–7``, ``\approx [3, 7]`` and ``\approx (3, 7)``
    both numbers are about; nothing else is said of the ends of a range.
    """
    text = re.sub(r"[\s$]+$", "", text)
    pair = re.search(rf"(?:{_NUMBER}{_UNIT}{_TO}|[(\[]\s*{_NUMBER}{_UNIT},|\[)$", text)
    if pair:
        text = text[: pair.start()]
    text = re.sub(r"[\s$(\[]+$", "", text)
    known: Iterable[Relation] = ["about"] if pair else WORDS
    for relation in known:
        noun = "(?: [a-z]+)?" if relation == "about" else ""
        if re.search(rf"{WORDS[relation]}{noun}$", text):
            return relation
    return "equal"


def split(text: str) -> tuple[Relation | None, str]:
    """Take the qualifier off the beginning of a text; None if there is none."""
    for relation, pattern in WORDS.items():
        found = re.match(rf"{pattern}\s*(?![=\s])", text)
        if found:
            return relation, text[found.end() :]
    return None, text
