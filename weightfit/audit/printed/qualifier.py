"""Read the qualifier of a printed number (about, below, ...) from the words before it."""

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
"""Signs and words that state a relation for the number after them, by relation."""

_NUMBER = r"[-−]?\d[\d.,]*[kMBT]?"
_UNIT = r"\s*(?:\\?%|\\times|×)?\s*\$?\s*"
_TO = r"(?:–|--|-|\\text\{--\})"


def of(words: str, printed: str, unit: str) -> frozenset[Relation]:
    """Return the relations that qualify a printed number at its places in some words.

    Parameters
    ----------
    words
        Words of the paper, including LaTeX.
    printed
        Number as it is printed in these words.
    unit
        Unit of the number; a percentage counts as found only where a percent sign follows.

    Returns
    -------
    frozenset
        Empty if the words do not contain the number; several items if it occurs at several places with different
        qualifiers.
    """
    percent = rf"(?=\s*(?:{_TO}\s*{_NUMBER}\s*)?\\?%)" if unit == "%" else ""
    place = rf"(?<![\d.,]){re.escape(printed)}(?![A-Za-z\d]|[.,]\d){percent}"
    return frozenset(before(words[: found.start()]) for found in re.finditer(place, words))


def before(text: str) -> Relation:
    r"""Return the relation that the end of a text states for the number that follows it.

    A noun may stand in between, as in ``near step 10k``. In ``about 3–7``, ``\approx [3, 7]`` and ``\approx (3, 7)``,
    "about" applies to both numbers; no other relation applies to the ends of a range.
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
    """Split the qualifier from the beginning of a text; None if there is none."""
    for relation, pattern in WORDS.items():
        found = re.match(rf"{pattern}\s*(?![=\s])", text)
        if found:
            return relation, text[found.end() :]
    return None, text
