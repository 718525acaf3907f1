"""Tables and figures, the paper's and those beyond it, as listed in `paper/exhibits.yaml`."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from weightfit import paper
from weightfit.documents import data, violation
from weightfit.errors import ContractError

WEIGHTLESS = frozenset({"theory", "library", "calibration"})
"""Tables that are made without weights."""


@dataclass(frozen=True)
class Exhibit:
    """One table or figure.

    Attributes
    ----------
    label
        Name of the rule, the module and the files of the exhibit.
    kind
        Folder of its module and its files: ``figures`` or ``tables``.
    title
        Title, with the paper's number if it is an exhibit of the paper.
    caption
        Caption, which says what the exhibit shows.
    shows
        What the exhibit adds to the paper, in a few words for the list of exhibits.
    inputs
        Names of the Parquet tables that the exhibit reads.
    minimum
        Least number of the paper's entries from which it is made; with fewer, it states what it needs.
    needs
        What the exhibit needs, in words; empty where it needs no weights.
    content
        Panels and series of the figure, or rows and columns of the table.
    draws_printed
        Whether it is made from printed numbers alone where a cohort has no weights.
    """

    label: str
    kind: str
    title: str
    caption: str
    shows: str
    inputs: tuple[str, ...]
    minimum: int
    needs: str
    content: Mapping[str, Any]
    draws_printed: bool = False

    @property
    def module(self) -> str:
        """Path of the module that makes the exhibit, relative to the repository."""
        return f"weightfit/exhibits/{self.kind}/{self.label}.py"

    @property
    def maker(self) -> str:
        """The file of the package that makes exhibits of this kind, relative to the repository."""
        return f"weightfit/exhibits/{self.kind.removesuffix('s')}.py"

    @property
    def is_weightless(self) -> bool:
        """Whether it is made without weights."""
        return set(self.inputs) <= WEIGHTLESS

    @property
    def stands_without_weights(self) -> bool:
        """Whether a cohort without weights has it."""
        return self.is_weightless or self.draws_printed

    @property
    def numbers(self) -> str:
        """Path of the CSV with its numbers, relative to the results of a cohort."""
        return f"{self.kind}/{self.label}.csv"


@cache
def read() -> dict[str, Exhibit]:
    """Return every exhibit by label, in the order of the file.

    Raises
    ------
    ContractError
        If an item breaks `workflow/schemas/exhibits.schema.yaml`.
    """
    import yaml

    document = yaml.safe_load(data("paper/exhibits.yaml").read_text(encoding="utf-8"))
    if broken := violation(document, "exhibits"):
        raise ContractError(f"exhibits.yaml: {broken}; exhibits.schema.yaml says what is allowed")
    return {
        label: Exhibit(
            label,
            f"{item.get('kind', label.partition('_')[0])}s",
            item["title"],
            " ".join(item["caption"].split()),
            item["shows"],
            tuple(item["inputs"]),
            item.get("minimum", 0),
            item.get("needs", ""),
            item["content"],
            item.get("draws_printed", False),
        )
        for label, item in document.items()
    }


def stands_for(printed: int, own: Mapping[int, int]) -> int:
    """Return the step or block of a cohort that stands for one that the paper names.

    Parameters
    ----------
    printed
        Number of the step or block in the paper.
    own
        The cohort's ``steps`` or ``blocks``. A step or block that is not in it stands for itself.
    """
    return own.get(printed, printed)


def markdown() -> str:
    """Return the list of exhibits as a table in Markdown."""
    lines = ["| exhibit | target | what it shows |", "|---|---|---|"]
    lines += [f"| {item.title} | `{label}` | {item.shows} |" for label, item in read().items()]
    return "\n".join(lines)


def groups() -> dict[str, list[str]]:
    """Return the two groups of main-cohort entries to which lines are fitted: those of Figure 12, and all others."""
    family = list(read()["figure_12"].content["entries"])
    main = [key for key, entry in paper.entries().items() if "main" in entry.cohort]
    return {"pythia": family, "others": [key for key in main if key not in family]}


def printed_band() -> tuple[float, float]:
    """Return the ends of the band of shapes that is printed with Table 1."""
    ends = read()["table_1"].content["printed"]
    return float(paper.printed(ends["band_low"])), float(paper.printed(ends["band_high"]))
