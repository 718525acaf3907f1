"""An architecture that a person declares: which tensors hold which matrices, and which tensors are left out."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weightfit.documents import quote, read_yaml, violation
from weightfit.errors import CohortError, UnknownTensor
from weightfit.weights.families import (
    STACKS,
    Layout,
    Reason,
    Table,
    equal_parts,
    groups_of_key_heads,
    in_shares,
    thirds_of_each_head,
    whole,
)

BLOCK = "{block}"
"""Placeholder for the block number in a declared name."""

NUMBER = "(?:0|[1-9][0-9]{0,5})"
"""Pattern of a block number in a name."""

HEADS = "num_attention_heads"
ARRANGEMENTS: Mapping[str, tuple[Layout, tuple[str, ...]]] = {
    "by-head": (thirds_of_each_head, (HEADS,)),
    "by-key-head": (groups_of_key_heads, (HEADS, "num_key_value_heads")),
}
"""Arrangements of q, k and v, each with its layout and the keys of config.json that it needs."""


@dataclass(frozen=True)
class Architecture:
    """The declared names of a model's tensors.

    Attributes
    ----------
    tables
        Table of each stack; the key is None if the model has one stack. The names have `BLOCK` in place of the block
        number.
    """

    tables: Mapping[str | None, Table]

    def table(self, stack: str | None) -> Table:
        """Return the table of a stack.

        Raises
        ------
        CohortError
            If the declaration has two stacks and ``stack`` is None, or has one and ``stack`` is given.
        """
        if stack in self.tables:
            return self.tables[stack]
        if stack is None:
            raise CohortError(
                f"the declared architecture has stacks: say which of them is counted, stack: "
                f"{' or stack: '.join(filter(None, self.tables))}"
            )
        raise CohortError(
            f"the declared architecture has no {stack}: declare it under stacks, or leave stack out"
        )

    def templates(self, where: str, names: Iterable[str]) -> dict[str, tuple[str, int]]:
        """Return the declared name of each tensor, empty if there is none, and its block number, -1 if it has none.

        Parameters
        ----------
        where
            The checkpoint, for error messages.

        Raises
        ------
        UnknownTensor
            If two declared names stand for one tensor, or one stands for none.
        """
        table = next(iter(self.tables.values()))  # each table has every name
        patterns = {name: _pattern(name) for name in (*table.counted, *table.left_out)}
        found: dict[str, tuple[str, int]] = {}
        for name in names:
            matches = [
                (one, match) for one, pattern in patterns.items() if (match := pattern.fullmatch(name))
            ]
            if len(matches) > 1:
                raise UnknownTensor(
                    f"{where}: tensor {quote(name)} is declared twice, as {quote(matches[0][0])} and as "
                    f"{quote(matches[1][0])}: keep one of them"
                )
            found[name] = ("", -1)
            for one, match in matches:
                found[name] = one, int(match["block"]) if BLOCK in one else -1
        used = {one for one, _ in found.values()}
        idle = [quote(one) for one in patterns if one not in used]
        if idle:
            raise UnknownTensor(
                f"{where}: no tensor has the declared name {', nor '.join(idle)}: correct or remove it"
            )
        return found


def _pattern(name: str) -> re.Pattern[str]:
    first, *others = re.escape(name).split(re.escape(BLOCK))
    number = [f"(?P<block>{NUMBER})", *["(?P=block)"] * len(others)]
    return re.compile(first + "".join(a + b for a, b in zip(number, others, strict=False)))


def declared(declaration: Mapping[str, Any], where: str = "architecture") -> Architecture:
    """Return the tables of tensor names of a declared architecture.

    Parameters
    ----------
    declaration
        The document that ``architecture.schema.yaml`` describes.
    where
        What stands before error messages.

    Raises
    ------
    CohortError
        If the name of a matrix lacks the placeholder `BLOCK`, a name or a component occurs twice, the rows of a tensor
        do not have as many shares as it has components, or outputs are arranged by head for anything but q, k and v.

    Examples
    --------
    >>> declared({"matrices": {"h.{block}.proj": "o"}}).table(None).components
    ('o',)
    """
    shared: dict[str, Reason] = declaration.get("left_out", {})
    if "stacks" not in declaration:
        return Architecture({None: _table(where, declaration, {})})
    stacks = declaration["stacks"]
    taken: dict[str, str] = dict.fromkeys(shared, "left_out")
    for stack, own in stacks.items():
        for name in (*own["matrices"], *own.get("left_out", {})):
            other = taken.setdefault(name, stack)
            if other != stack:
                raise CohortError(
                    f"{where}: {name!r} is in {other} and in {stack}; keep one of them, or what belongs to no "
                    "stack under the left_out beside stacks"
                )
    tables: dict[str | None, Table] = {}
    for stack in STACKS:
        if stack in stacks:
            others = [name for one, own in stacks.items() if one != stack for name in _names(own)]
            tables[stack] = _table(where, stacks[stack], shared | dict.fromkeys(others, "other stack"), stack)
    return Architecture(tables)


def _names(declaration: Mapping[str, Any]) -> Iterator[str]:
    yield from declaration["matrices"]
    yield from declaration.get("left_out", {})


def _table(
    where: str, declaration: Mapping[str, Any], further: Mapping[str, Reason], stack: str | None = None
) -> Table:
    """Return the table of one stack; ``further`` are names beside its own, with the reason why they are left out."""
    counted: dict[str, tuple[Layout, tuple[str, ...]]] = {}
    transposed: set[str] = set()
    needs: dict[str, None] = {}
    taken: dict[str, str] = {}
    own_left_out = declaration.get("left_out", {})
    for name, value in declaration["matrices"].items():
        if BLOCK not in name:
            raise CohortError(f"{where}: matrix {name!r} must have {BLOCK}, for the number of its block")
        if name in own_left_out:
            raise CohortError(f"{where}: {name!r} is in matrices and in left_out; keep one of them")
        layout: Layout = whole
        keys: tuple[str, ...] = ()
        if isinstance(value, str):
            held: tuple[str, ...] = (value,)
            by_columns = declaration.get("stored") == "columns"
        else:
            held, by_columns = tuple(value["components"]), "columns" in value
            if by_columns == ("rows" in value):
                raise CohortError(
                    f"{where}: {name!r} must have rows or columns, of which its matrices take a part each"
                )
            layout, keys = _layout(f"{where}: {name!r}", held, value["columns" if by_columns else "rows"])
        for component in held:
            other = taken.setdefault(component, name)
            if other != name:
                raise CohortError(
                    f"{where}: {component} is in {other!r} and in {name!r}; keep one of them, or declare "
                    "the stacks of a model that has two"
                )
        counted[name] = layout, held
        needs |= dict.fromkeys(keys)
        if by_columns:
            transposed.add(name)
    return Table(
        (),
        counted,
        {**own_left_out, **further},
        needs=tuple(needs),
        keys=declaration.get("config", {}),
        stack=stack,
        transposed=transposed,
    )


def _layout(
    what: str, held: tuple[str, ...], arrangement: str | list[int | str]
) -> tuple[Layout, tuple[str, ...]]:
    """Return the layout of a fused tensor, and the keys of config.json that it needs."""
    if arrangement == "stacked":
        return equal_parts(len(held)), ()
    if isinstance(arrangement, str):
        if held != ("q", "k", "v"):
            raise CohortError(f"{what}: parts lie {arrangement} only for q, k and v, in this order")
        return ARRANGEMENTS[arrangement]
    if len(arrangement) != len(held):
        raise CohortError(
            f"{what} has {len(held)} components and {len(arrangement)} shares; give one for each"
        )
    return in_shares(*arrangement), tuple(share for share in arrangement if isinstance(share, str))


def read_architecture(path: Path) -> Architecture:
    """Read an architecture that is declared in a file of its own, in YAML or JSON.

    Raises
    ------
    CohortError
        If the file is missing, is no YAML, or violates ``architecture.schema.yaml``; see also `declared`.
    """
    return declared(read_declaration(path), str(path))


def read_declaration(path: Path) -> dict[str, Any]:
    """Read the document behind `read_architecture`, checked against its schema only."""
    if not path.is_file():
        raise CohortError(f"{path}: there is no such file: give the path of a declared architecture")
    document = read_yaml(path)
    check_declaration(f"{path}: ", document)
    return document


def check_declaration(where: str, document: object) -> None:
    """Raise `CohortError` unless a document obeys ``architecture.schema.yaml``.

    Parameters
    ----------
    where
        What stands before the key in error messages.
    """
    if broken := violation(document, "architecture"):
        raise CohortError(f"{where}{broken}; architecture.schema.yaml says what is allowed")


def names_and_stack(naming: Mapping[str, Any] | None) -> tuple[Architecture | None, str | None]:
    """Return what an entry of a cohort says about its tensors, as two arguments of `weightfit.weights.plan.plan`.

    Parameters
    ----------
    naming
        A declared architecture, to which the key ``stack`` may be added, or this key alone, or None.

    Examples
    --------
    >>> names_and_stack({"stack": "decoder"})
    (None, 'decoder')
    """
    stack = (naming or {}).get("stack")
    names = {key: value for key, value in (naming or {}).items() if key != "stack"}
    return declared(names) if names else None, stack
