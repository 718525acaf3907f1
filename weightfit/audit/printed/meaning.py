"""Interpret a printed text: which numbers, or which label, agree with it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

from weightfit import paper
from weightfit.audit.printed import qualifier
from weightfit.audit.printed.number import read_number
from weightfit.documents import data, schema
from weightfit.errors import ContractError, UnknownReference

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from weightfit.audit.printed.number import Number
    from weightfit.audit.printed.qualifier import Relation
    from weightfit.formula.interval import Interval

Sort = Literal["label", "count", "number", "claim"]


@dataclass(frozen=True)
class Printed:
    """A printed text with its meaning.

    Attributes
    ----------
    text
        Text as it is printed.
    sort
        Sort under which it is counted; a claim is a statement in words.
    label
        Label as which a label or a claim is compared; otherwise None.
    number
        Number as which the text is compared, if it has one; otherwise None. A label may have both.
    """

    text: str
    sort: Sort
    label: str | None
    number: Number | None

    @property
    def value(self) -> float | Interval | str:
        """Value for formulas: the label, the exact number, or all numbers that agree."""
        if self.number is None:
            return str(self.label)
        return self.number.stands if self.number.exact else self.number.allowed

    def admits(self, value: float | str) -> bool:
        """Tell whether a number, or a label, agrees with the text.

        Raises
        ------
        ContractError
            If a number is compared with a text that has none, or a label with a text that is a number.
        """
        if isinstance(value, str) and self.label is not None:
            return canonical(value) == canonical(self.label)
        if isinstance(value, str) or self.number is None:
            raise ContractError(
                f"the printed text {self.text!r} is a {self.sort} and cannot be compared with {value!r}; "
                f"give a {'number' if self.label is None else 'label'}"
            )
        return self.number.admits(value)


@dataclass(frozen=True)
class Label:
    """One row of `paper/labels.tsv`; the columns are described in `workflow/schemas/labels.schema.yaml`."""

    spelling: str
    sort: Literal["label", "claim"]
    label: str
    source: str


def read_all() -> dict[str, Printed]:
    """Return the meaning of each printed text of `paper/reported.tsv`, by id, in the order of the table.

    Raises
    ------
    ContractError
        If a text fits no rule, or its qualifier cannot be determined.
    """
    return {key: read(key) for key in paper.reported()}


def read(key: str) -> Printed:
    """Return the meaning of the printed text of one id.

    Raises
    ------
    UnknownReference
        If there is no such id.
    ContractError
        If the text fits no rule, or its qualifier cannot be determined.

    Examples
    --------
    >>> str(read("T4.pythia-70m.lambda").value)
    '[0.02235, 0.02245]'
    """
    text = paper.printed(key)
    row = paper.reported()[key]
    words = _contexts(data("paper/contexts.tsv")).get(key, row.quote)
    try:
        if parse(text, row.kind, row.unit).number is None:
            return parse(text, row.kind, row.unit)
        relations = qualifier.of(words, _bare(text), row.unit)
        meanings = {parse(text, row.kind, row.unit, relation) for relation in relations}
        if len(meanings) != 1:
            found = " and ".join(sorted(relations)) or "nowhere"
            raise ContractError(f"{text!r} is {found} in {words!r}; give its words in paper/contexts.tsv")
        return meanings.pop()
    except ContractError as error:
        raise ContractError(f"paper/reported.tsv: id {key}: {error}") from None


def parse(text: str, kind: str, unit: str = "-", relation: Relation = "equal") -> Printed:
    """Return the meaning of a printed text.

    Parameters
    ----------
    text
        Text as it is printed.
    kind, unit
        Kind and unit as in `paper/reported.tsv`.
    relation
        Relation that the words before the text state.

    Raises
    ------
    ContractError
        If the text fits no rule.

    Examples
    --------
    >>> str(parse("1.195", "measured").value)
    '[1.1945, 1.1955]'
    >>> parse("1.195", "measured").admits(1.196)
    False
    """
    row = _labels(data("paper/labels.tsv")).get(_bare(text))
    label = row.label if row else _bare(text)
    if row and row.sort == "claim":
        return Printed(text, "claim", label, None)
    number = read_number(label, kind, unit, relation)
    if row or kind == "label":
        return Printed(text, "label", label, number)
    if number is None:
        raise ContractError(
            f"the printed text {text!r} fits no rule; one id is one number: split a range, and give other "
            "words a row in paper/labels.tsv"
        )
    return Printed(text, "count" if kind == "count" else "number", None, number)


def canonical(label: str) -> str:
    """Return the spelling as which a label is compared: that of `paper/labels.tsv`, or else an entry's id."""
    row = _labels(data("paper/labels.tsv")).get(_bare(label))
    if row:
        return row.label.casefold()
    try:
        return paper.find_entry(_bare(label)).id
    except UnknownReference:
        return _bare(label).casefold()


def _bare(text: str) -> str:
    """Return a text without the bars, dollar signs and blanks around it."""
    return text.strip(" |$")


@cache
def _labels(path: Path) -> Mapping[str, Label]:
    rows = paper.read_table(path, schema("labels"))
    return {row.spelling: row for row in (Label(**row) for row in rows)}  # type: ignore[arg-type]


@cache
def _contexts(path: Path) -> Mapping[str, str]:
    rows = paper.read_table(path, schema("contexts"))
    return {str(row["id"]): str(row["words"]) for row in rows}
