"""An architecture that a cohort file declares: which tensors hold which matrices, and which tensors are left out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weightfit.errors import CohortError
from weightfit.weights.families import Layout, Table, equal_parts, thirds_of_each_head

BLOCK = "{block}"
"""Placeholder for the block number in a declared name."""


def declared(declaration: Mapping[str, Any]) -> Table:
    """Return the table of tensor names of a declared architecture.

    Parameters
    ----------
    declaration
        Key ``architecture`` of an entry in a cohort file, as its schema describes it: ``matrices`` (a component for
        each name, or ``components`` and the arrangement of their ``rows``) and ``left_out`` (a reason for each name).

    Raises
    ------
    CohortError
        If the name of a matrix does not have the placeholder `BLOCK` exactly once, a component occurs twice, or rows
        are arranged by head for anything but q, k and v.

    Examples
    --------
    >>> declared({"matrices": {"h.{block}.proj": "o"}, "left_out": {}}).components
    ('o',)
    """
    counted: dict[str, tuple[Layout, tuple[str, ...]]] = {}
    taken: dict[str, str] = {}
    by_head = False
    for name, value in declaration["matrices"].items():
        if name.count(BLOCK) != 1:
            raise CohortError(
                f"architecture: matrix {name!r} must have {BLOCK} once, for the number of its block"
            )
        held = (value,) if isinstance(value, str) else tuple(value["components"])
        rows = "stacked" if isinstance(value, str) else value["rows"]
        if rows == "by-head" and held != ("q", "k", "v"):
            raise CohortError(f"architecture: {name!r}: rows lie by head only for q, k and v, in this order")
        for component in held:
            other = taken.setdefault(component, name)
            if other != name or held.count(component) > 1:
                raise CohortError(
                    f"architecture: {component} is in {other!r} and in {name!r}; keep one of them"
                )
        by_head |= rows == "by-head"
        layout = thirds_of_each_head if rows == "by-head" else equal_parts(len(held))
        counted[_template(name)] = layout, held
    left_out = {_template(name): reason for name, reason in declaration.get("left_out", {}).items()}
    return Table((), counted, left_out, needs=("num_attention_heads",) if by_head else ())


def names_and_stack(naming: Mapping[str, Any] | None) -> tuple[Table | None, str | None]:
    """Return what an entry of a cohort says about its tensors, as two arguments of `weightfit.weights.plan.plan`.

    Parameters
    ----------
    naming
        A declared architecture, or the key ``stack`` alone, or None.

    Examples
    --------
    >>> names_and_stack({"stack": "decoder"})
    (None, 'decoder')
    """
    naming = naming or {}
    return declared(naming) if "matrices" in naming else None, naming.get("stack")


def _template(name: str) -> str:
    return name.replace(BLOCK, "{i}")


def read_architecture(path: Path) -> Table:
    """Read a file that declares the tensor names of an architecture."""
    raise NotImplementedError(path)
