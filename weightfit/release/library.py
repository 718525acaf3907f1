"""Whether npm-weibull-py as installed has the functions that the paper names, and whether ours agree with it."""

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from pkgutil import walk_packages
from types import ModuleType

import npm_weibull
import pyarrow as pa

from weightfit import diagnostics, paper, table
from weightfit.documents import data, schema
from weightfit.errors import ContractError
from weightfit.release import functions
from weightfit.release.checks import CHECKS, Pair

DISTRIBUTION = "npm-weibull-py"
TOLERANCE = 1e-12
"""Largest relative difference between two numbers that agree: some thousand rounding errors of a double."""


@dataclass(frozen=True)
class Counterpart:
    """The function nearest to another; `workflow/schemas/counterparts.schema.yaml` describes the columns."""

    name: str
    nearest: str | None
    note: str


def counterparts() -> dict[str, Counterpart]:
    """Return the rows of `paper/counterparts.tsv` by name.

    Raises
    ------
    ContractError
        If the table breaks its schema.
    """
    found = {}
    for row in paper.read_table(data("paper/counterparts.tsv"), schema("counterparts")):
        nearest = row["nearest"]
        found[str(row["name"])] = Counterpart(
            str(row["name"]), None if nearest is None else str(nearest), str(row["note"])
        )
    return found


def paper_names() -> list[str]:
    """Return the names of the functions in the paper's Table 6, as it prints them."""
    return [row.printed for row in paper.reported().values() if re.fullmatch(r"T6\.F\d+", row.id)]


def library(names: Sequence[str], nearest: Mapping[str, Counterpart]) -> pa.Table:
    """Compare the functions that the paper names, and those that the library exports, with ours.

    Parameters
    ----------
    names
        Functions that the paper names.
    nearest
        The function nearest to each of these and to each name of the library, by name.

    Returns
    -------
    pyarrow.Table
        Table of contract ``library``: first the paper's functions, then those that the library exports, in its order.

    Raises
    ------
    ContractError
        If a name has no counterpart row, or a counterpart does not exist.
    """
    exported = list(npm_weibull.__all__)
    missing = [name for name in (*names, *exported) if name not in nearest]
    if missing:
        raise ContractError(f"paper/counterparts.tsv: there is no row for {missing}; add one for each")
    rows = [_of_paper(nearest[name]) for name in names] + [_of_library(nearest[name]) for name in exported]
    return table.of_rows("library", rows)


def _of_paper(counterpart: Counterpart) -> dict[str, object]:
    name, near = counterpart.name, counterpart.nearest
    if near is not None and near not in npm_weibull.__all__:
        raise ContractError(
            f"paper/counterparts.tsv: {name}: {DISTRIBUTION} exports no {near!r}; correct column 'nearest'"
        )
    return {
        "kind": "paper",
        "name": name,
        "released": any(hasattr(module, name) for module in _modules(npm_weibull)),
        "nearest": near,
        "label": None if near is None else _labels().get(near),
        "ours": f"{diagnostics.__name__}.{name}" if hasattr(diagnostics, name) else None,
        "handed_through": False,
        **_shared(counterpart),
    }


def _of_library(counterpart: Counterpart) -> dict[str, object]:
    name, near = counterpart.name, counterpart.nearest
    handed_through = getattr(functions, name) is getattr(npm_weibull, name)
    return {
        "kind": "released",
        "name": name,
        "released": True,
        "nearest": name,
        "label": _labels().get(name),
        "ours": None if near is None else _place(near),
        "handed_through": handed_through,
        **_shared(counterpart),
    }


def _place(name: str) -> str:
    """Return the full name of a function of weightfit."""
    for module in (functions, diagnostics):
        if hasattr(module, name):
            return f"{getattr(module, name).__module__}.{name}"
    raise ContractError(
        f"paper/counterparts.tsv: weightfit has no function {name!r}; correct column 'nearest'"
    )


def _shared(counterpart: Counterpart) -> dict[str, object]:
    check = CHECKS.get(counterpart.name)
    compared = compare(check.pairs()) if check else Agreement(0, 0, None)
    return {
        "compared": check.compared if check else None,
        "values": compared.values,
        "unequal": compared.unequal,
        "difference": compared.difference,
        "tolerance": TOLERANCE,
        "agrees": compared.unequal == 0 if check else None,
        "note": counterpart.note,
        "version": version(DISTRIBUTION),
    }


@dataclass(frozen=True)
class Agreement:
    """The result of a comparison.

    Attributes
    ----------
    values
        Number of values compared.
    unequal
        Number of values that differ by more than `TOLERANCE`, or at all if they are not numbers.
    difference
        Largest relative difference of two numbers; None if no numbers were compared.
    """

    values: int
    unequal: int
    difference: float | None


def compare(pairs: Iterable[Pair]) -> Agreement:
    """Compare our values with those of the library, each pair relative to the library's value.

    Parameters
    ----------
    pairs
        Our value and the library's value of each pair.
    """
    differences: list[float] = []
    unequal = values = 0
    for ours, theirs in pairs:
        values += 1
        if isinstance(ours, float | int) and isinstance(theirs, float | int):
            gap = abs(ours - theirs)
            differences.append(gap / abs(theirs) if gap and theirs else float(gap))
            unequal += not differences[-1] <= TOLERANCE
        else:
            unequal += ours != theirs
    return Agreement(values, unequal, max(differences, default=None))


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    yield package
    for found in walk_packages(package.__path__, f"{package.__name__}."):
        yield import_module(found.name)


def _labels() -> dict[str, str]:
    """Return the number that the library's own documentation gives each function."""
    text = inspect.getdoc(npm_weibull) or ""
    return dict(re.findall(r"^ *(\w+) +— (F\d+(?:_ext)?) ", text, re.MULTILINE))
