"""Resolve references to trainings and to the names of their states."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weightfit import paper
from weightfit.audit import printed
from weightfit.errors import ContractError
from weightfit.paper import checkpoints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from weightfit.formula.text import Leaf

CORRECTS = "maintainer"
"""Beginning of the names of sources that correct what another source states."""

_PRODUCT = ("steps", "peak_learning_rate", "weight_decay")
"""Factors of T/tau (section 4.2 of the paper)."""


def training(entry: str, quantity: str, source: str = "", convention: str = "") -> float:
    """Return a hyperparameter from one source or under one convention: ``training(...)``.

    Raises
    ------
    ContractError
        If not exactly one of source and convention is given, if there is no such value, or if a convention other than
        the paper's own takes the value from the paper, which then cannot judge the paper.
    """
    rows = [row for row in paper.hyperparameters() if (row.entry, row.quantity) == (entry, quantity)]
    found = [row for row in rows if row.source == source or convention in row.used]
    if bool(source) == bool(convention) or len(found) != 1:
        raise ContractError(
            f"{len(found)} values of {quantity} of {entry}; name one source or one convention"
        )
    if convention != "paper" and source != "paper" and found[0].source == "paper":
        raise ContractError(f"{convention} takes {quantity} of {entry} from the paper itself; name a source")
    return found[0].value


def t_over_tau(entry: str, convention: str) -> float:
    """Return steps x peak learning rate x weight decay under a convention."""
    steps, rate, decay = (training(entry, name, convention=convention) for name in _PRODUCT)
    return steps * rate * decay


def state(entry: str, thresholds: str, convention: str) -> str:
    """Return the name of the state of a training: ``state(entry, thresholds=..., convention=...)``."""
    return paper.state(t_over_tau(entry, convention), paper.states()[thresholds])


def states(thresholds: str, convention: str = "") -> tuple[str, ...]:
    """Return the names of states of a set of thresholds, or those that entries reach: ``states(thresholds)``."""
    if not convention:
        return tuple(row.state for row in paper.states()[thresholds])
    known = [entry for entry, values in paper.training(convention).items() if values.keys() >= {*_PRODUCT}]
    return tuple(dict.fromkeys(state(entry, thresholds, convention) for entry in known))


def threshold(thresholds: str, name: str) -> float:
    """Return the smallest T/tau of a state: ``threshold(thresholds, state)``."""
    found = [row.least for row in paper.states()[thresholds] if row.state == name]
    if len(found) != 1:
        raise ContractError(f"paper/states.tsv: {thresholds} have no state {name!r}; correct the reference")
    return found[0]


def revision(entry: str, like: str) -> float:
    """Return the published step nearest to a printed one: ``revision(entry, like=id)``."""
    number = printed.read(like).number
    steps = checkpoints.steps(entry)
    if number is None or not steps:
        raise ContractError(f"{entry} has no published steps, or {like} is no number; correct the reference")
    return min(steps, key=lambda step: (abs(step - number.stands), step))


def corrections(leaves: Iterable[Leaf]) -> tuple[str, ...]:
    """Return what maintainers of a model have corrected in the hyperparameters on which references rest.

    Parameters
    ----------
    leaves
        References of formulas, to hyperparameters or to anything else.

    Returns
    -------
    tuple of str
        The notes of `paper/training.tsv` with their places, each once.
    """
    behind = {item for leaf in leaves for item in _behind(leaf)}
    return tuple(dict.fromkeys(told for told, *of in every_correction() if tuple(of) in behind))


def every_correction() -> tuple[tuple[str, str, str], ...]:
    """Return each correction with its place, and the entry and the quantity that it corrects."""
    return tuple(
        (f"{row.note} ({row.where})", row.entry, row.quantity)
        for row in paper.hyperparameters()
        if row.source.startswith(CORRECTS)
    )


def _behind(leaf: Leaf) -> list[tuple[str, str]]:
    """Return entry and quantity of the hyperparameters on which a reference rests."""
    told = [word for word in leaf.arguments if isinstance(word, str)]
    if leaf.name == "training":
        return [(told[0], told[1])]
    return [(told[0], quantity) for quantity in _PRODUCT] if leaf.name == "state" else []


REFERENCES: Mapping[str, Callable[..., object]] = {
    "training": training,
    "state": state,
    "states": states,
    "threshold": threshold,
    "revision": revision,
}
"""Function that resolves each reference, by the reference's name in a formula."""
