"""Maps the tensor names of known architectures to blocks and components, and splits fused tensors.

Each family is one table of names; one whose models have two stacks is a table for each. A name is either counted, with
the components that its outputs hold, or left out, with the reason. Any other name is refused. To add an architecture,
add a table to `TABLES`.

The names and layouts are those of the modeling files of transformers 5.23.0, and for the original form of OLMo-1
those of ``olmo/model.py`` and ``scripts/convert_olmo_to_hf_new.py`` of allenai/OLMo; further sources stand beside
the names.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from weightfit.components import COMPONENTS
from weightfit.documents import parse_object, quote
from weightfit.errors import (
    CohortError,
    ContradictoryCheckpoint,
    IncompleteCheckpoint,
    MalformedCheckpoint,
    UnknownTensor,
)
from weightfit.weights.declared import NUMBER, Architecture
from weightfit.weights.decoding import require_countable
from weightfit.weights.families import DECLARED, FAMILIES, STACKS, TABLES, Fused, Outputs, Table
from weightfit.weights.header import Header, Tensor
from weightfit.weights.proposal import propose
from weightfit.weights.scales import is_scale, require_scale
from weightfit.weights.unsupported import require_supported

CONFIG_LIMIT = 1_000_000
"""Largest config.json that is read, in bytes."""

ALL_FILES = "give all files of the checkpoint"
DECLARE = "declare its names as an architecture"
OTHER_KEY = ", or declare its value in place of the key, or under config the key that the file has"
OWN_CONFIG = "put the config.json of these files beside them"


@dataclass(frozen=True)
class Piece:
    """The outputs of a tensor that belong to one matrix: outputs r with start <= r % period < start + length.

    Attributes
    ----------
    start, length, period
        Numbers of outputs, as above; the tensor's number of outputs is a multiple of ``period``.
    transposed
        Whether the tensor is stored as (inputs, outputs), so that an output is a column and not a row.
    """

    block: int
    component: str
    start: int
    length: int
    period: int
    transposed: bool = False


@dataclass(frozen=True)
class Plan:
    """What is counted in a checkpoint, and what is not.

    Attributes
    ----------
    family
        One of `FAMILIES`, or `DECLARED`.
    pieces
        Pieces by tensor name, sorted by block and component. The pieces of a tensor share one period, are transposed or
        not together, and cover each of its outputs once.
    left_out
        Reason why a tensor is not counted, by tensor name, sorted.
    """

    family: str
    pieces: dict[str, tuple[Piece, ...]]
    left_out: dict[str, str]

    @property
    def components(self) -> tuple[str, ...]:
        """Components of one block, in the order of `COMPONENTS`; in a whole checkpoint each block has all of them."""
        held = {piece.component for pieces in self.pieces.values() for piece in pieces}
        return tuple(component for component in COMPONENTS if component in held)


# Outputs and inputs of each component: `query` is the number of heads times the head width, `key` is the same for the
# heads of keys and values, and `inner` is the width inside the feed-forward network. Keys and values of cross attention
# are computed from what the encoder gives, whose width is `encoder`.
EXTENTS = {
    "q": ("query", "hidden"),
    "k": ("key", "hidden"),
    "v": ("key", "hidden"),
    "o": ("hidden", "query"),
    "gate": ("inner", "hidden"),
    "up": ("inner", "hidden"),
    "down": ("hidden", "inner"),
    "ffn_in": ("inner", "hidden"),
    "ffn_out": ("hidden", "inner"),
    "cross_q": ("query", "hidden"),
    "cross_k": ("key", "encoder"),
    "cross_v": ("key", "encoder"),
    "cross_o": ("hidden", "query"),
}


def plan(
    headers: Sequence[Header],
    config: Mapping[str, object] | None,
    index: Mapping[str, str] | None = None,
    declared: Architecture | None = None,
    stack: str | None = None,
) -> Plan:
    """Decide for every tensor of a checkpoint as which matrices it is counted, or why it is left out.

    Parameters
    ----------
    headers
        Headers of all files of one checkpoint, or of some of them if ``index`` is given; a block may be spread over
        files.
    config
        The parsed config.json; if there is none, the `Header.config` of the first file takes its place. Its
        ``architectures``, ``num_hidden_layers``, ``hidden_size``, ``num_attention_heads``, ``num_key_value_heads``,
        ``head_dim`` and ``intermediate_size`` are checked against the tensors if it has them. ``weightfit_blocks``
        (a list of block numbers) says that the checkpoint
        has only these blocks.
    index
        The file of each tensor of the checkpoint, if the headers are those of some of its files only. Checks by name
        then cover the whole checkpoint, and each header must have exactly the tensors that the index places in its
        file.
    declared
        Tensor names of an architecture that is none of `FAMILIES`.
    stack
        Which of `weightfit.weights.families.STACKS` is counted, if the family or the declared architecture has both;
        the tensors of the other one are then left out.

    Returns
    -------
    Plan
        Plan of the tensors in the headers.

    Raises
    ------
    CohortError
        If the family has two stacks and ``stack`` is None, or has one and ``stack`` is given.
    UnknownTensor
        If a name is in no table, or not in the table of the family to which the other names belong. Scales of 8-bit
        weights are known beside any table. The message ends with a declaration of all names that are not known, each
        with its shape and, where the name says it, what it holds.
    IncompleteCheckpoint
        If a matrix is missing or occurs twice, its scale is in another file, or its shape differs from that in other
        blocks or in config.json.
    ContradictoryCheckpoint
        If config.json describes another model.
    MalformedCheckpoint
        If a counted tensor is not a matrix of one of the `ENCODINGS`, its scale has a strange shape, or a value in
        config.json has the wrong type.
    """
    tensors = _merge(headers)
    if index is not None:
        _check_index(headers, index)
    where = str(headers[0].path if len(headers) == 1 else headers[0].path.parent)
    every = index or tensors
    scales = {name for name in every if is_scale(name, every, tensors)}
    # Scales alone are no checkpoint, and refused like unknown names.
    own = [name for name in every if name not in scales or len(scales) == len(every)]
    shapes = {name: tensors[name][1] if name in tensors else None for name in own}
    if declared:
        family, table = DECLARED, _declared_table(where, declared, stack)
        templates = declared.templates(where, every)
        names = {name: templates[name] for name in own}
    else:
        names = {name: _template(name) for name in own}
    require_supported(where, (name for name in names if not declared or names[name][0] not in table))
    if not declared:
        family = _family(where, names, stack, shapes)
        table = TABLES[family]
    files = {name: str(tensors[name][0]) if name in tensors else where for name in names}
    _check_names(files, names, family, table, shapes)
    source = "config.json" if config else "the header"
    model = _Config(where, source, config or headers[0].config, table.keys)
    model.require(family, table)

    numbers = {key: model.count(key) or 0 for key in table.needs}
    split = _Split(family, table, numbers, model, names, tensors)
    pieces: dict[str, tuple[Piece, ...]] = {}
    held: dict[tuple[int, str], str] = {}
    extents = model.extents()
    for name, (template, block) in names.items():
        if template not in table.counted:
            continue
        for component in table.counted[template][1]:
            other = held.setdefault((block, component), name)
            if other != name:
                raise IncompleteCheckpoint(
                    f"{where}: tensor {quote(name)} is {component} of block {block}, and so is "
                    f"{quote(other)}: keep one of them"
                )
        if name not in tensors:
            continue
        path, tensor = tensors[name]
        require_countable(path, tensor)
        require_scale(path, tensor, every)
        pieces[name] = split.pieces(path, tensor, *names[name])
        for piece in pieces[name]:
            split.require_extents(path, tensor, piece, extents)
    # The blocks of the other stack have numbers of their own.
    counted = {name: at for name, at in names.items() if table.left_out.get(at[0]) != "other stack"}
    _check_blocks(where, family, table.components, counted, held, model)
    order = sorted(pieces, key=lambda name: [(p.block, COMPONENTS.index(p.component)) for p in pieces[name]])
    return Plan(
        family,
        {name: pieces[name] for name in order},
        {
            name: "scale" if name in scales else table.left_out[names[name][0]]
            for name in sorted(tensors)
            if name not in pieces
        },
    )


def read_config(folder: Path) -> dict[str, object] | None:
    """Read the config.json in a checkpoint's folder, or return None if there is none.

    Raises
    ------
    MalformedCheckpoint
        If the file is larger than `CONFIG_LIMIT`, not UTF-8, not JSON, not an object, or has a key twice.
    """
    path = folder / "config.json"
    if not path.exists():
        return None
    with path.open("rb") as file:
        text = file.read(CONFIG_LIMIT + 1)
    if len(text) > CONFIG_LIMIT:
        raise MalformedCheckpoint(f"{path}: the file exceeds {CONFIG_LIMIT} bytes: fetch it again")
    return parse_object(text, f"{path}: the file")


@dataclass(frozen=True)
class _Config:
    """What config.json, or the header in its place, says about the model's shape."""

    where: str
    source: str
    values: Mapping[str, object]
    keys: Mapping[str, str]

    def count(self, key: str) -> int | None:
        """Return a positive integer, or None if the key is absent or null."""
        # Where a model has two stacks, the key of transformers is the encoder's.
        value = self.values.get(self.keys.get(key, key))
        if value is None:
            value = self.values.get(key)
        if value is None:
            return None
        if type(value) is not int or value < 1:
            raise MalformedCheckpoint(
                f"{self.where}: {self.source} has {key} {quote(value)}, it must be a positive integer: "
                "fetch it again"
            )
        return value

    def require(self, family: str, table: Table) -> None:
        """Raise if config.json names classes of other families only, or lacks a key that the family needs."""
        classes = self.values.get("architectures")
        if classes is not None and not (
            isinstance(classes, list) and all(isinstance(c, str) for c in classes)
        ):
            raise MalformedCheckpoint(
                f"{self.where}: config.json has architectures {quote(classes)}, it must be a list of names: "
                "fetch it again"
            )
        if classes and table.architectures and not set(classes) & set(table.architectures):
            raise ContradictoryCheckpoint(
                f"{self.where}: the tensors are named as in {family} ({', '.join(table.architectures)}), "
                f"config.json says {quote(classes)}: {OWN_CONFIG}, or, if it is a class of your own, {DECLARE}"
            )
        for key in table.needs:
            if self.count(key) is None:
                known = self.keys.get(key, key)
                raise IncompleteCheckpoint(
                    f"{self.where}: a fused tensor of {family} cannot be split without {known}: "
                    f"put a config.json that has it beside the file{OTHER_KEY if family == DECLARED else ''}"
                )

    def extents(self) -> dict[str, tuple[int, str]]:
        """Return the extents named in `EXTENTS` that config.json determines, each with its source for messages."""
        hidden, inner = self.count("hidden_size"), self.count("intermediate_size")
        heads, key_heads, width = (
            self.count(key) for key in ("num_attention_heads", "num_key_value_heads", "head_dim")
        )
        if heads and key_heads and heads % key_heads:
            raise ContradictoryCheckpoint(
                f"{self.where}: {self.source} has {heads} heads, which {key_heads} heads of keys and values "
                f"cannot share evenly: {OWN_CONFIG}"
            )
        if width is None and hidden and heads:
            width, rest = divmod(hidden, heads)
            if rest:
                raise ContradictoryCheckpoint(
                    f"{self.where}: {self.source} has hidden_size {hidden}, which {heads} heads cannot share "
                    f"evenly: {OWN_CONFIG}"
                )
        found = {
            "hidden": hidden,
            "inner": inner,
            "query": heads and width and heads * width,
            "key": key_heads and width and key_heads * width,
        }
        return {name: (value, self.source) for name, value in found.items() if value}

    def blocks(self) -> list[int] | range | None:
        """Return the numbers of the blocks that must be present, or None if config.json does not say."""
        layers = self.count("num_hidden_layers")
        listed = self.values.get("weightfit_blocks")
        if listed is None:
            return range(layers) if layers else None
        if (
            not isinstance(listed, list)
            or not listed
            or not all(type(block) is int and 0 <= block < (layers or block + 1) for block in listed)
            or len(set(listed)) < len(listed)
        ):
            raise MalformedCheckpoint(
                f"{self.where}: config.json has weightfit_blocks {quote(listed)}, it must list different "
                f"numbers of blocks from 0 on{f' below {layers}' if layers else ''}: correct it"
            )
        return sorted(listed)


def _merge(headers: Sequence[Header]) -> dict[str, tuple[Path, Tensor]]:
    if not headers:
        raise IncompleteCheckpoint("no weight file is given: name a folder that holds some")
    tensors: dict[str, tuple[Path, Tensor]] = {}
    for header in headers:
        for tensor in header.tensors:
            if tensor.name in tensors:
                raise IncompleteCheckpoint(
                    f"{header.path}: tensor {quote(tensor.name)} is also in {tensors[tensor.name][0].name}: "
                    "give the files of one checkpoint only"
                )
            tensors[tensor.name] = header.path, tensor
    return tensors


def _check_index(headers: Sequence[Header], index: Mapping[str, str]) -> None:
    for header in headers:
        found = {tensor.name for tensor in header.tensors}
        listed = {name for name, file in index.items() if file == header.path.name}
        for name in sorted(found ^ listed):
            what = (
                "is here, but the index says otherwise" if name in found else "is not here, as the index says"
            )
            raise IncompleteCheckpoint(f"{header.path}: tensor {quote(name)} {what}: fetch both again")


_BLOCK = re.compile(rf"(?<=\.){NUMBER}(?=\.)|(?<=/layer_){NUMBER}(?=/)")


def _declared_table(where: str, declared: Architecture, stack: str | None) -> Table:
    try:
        return declared.table(stack)
    except CohortError as error:
        raise CohortError(f"{where}: {error}") from None


def _template(name: str) -> tuple[str, int]:
    """Return a name with ``{i}`` in place of the block number, and that number (-1 if there is none)."""
    if "{" in name:
        return "", -1  # no table has the empty name
    found = _BLOCK.search(name)
    return (_BLOCK.sub("{i}", name, count=1), int(found[0])) if found else (name, -1)


def _family(
    where: str,
    names: Mapping[str, tuple[str, int]],
    stack: str | None,
    shapes: Mapping[str, Tensor | None],
) -> str:
    """Return the family whose table has the most names of the checkpoint; raise if its marks or its stack are missing.

    The tables of two stacks have the same names.
    """
    templates = Counter(template for template, _ in names.values())

    def fit(family: str) -> tuple[int, bool]:
        table = TABLES[family]
        known = sum(number for template, number in templates.items() if template in table)
        return known, all(mark in templates for mark in table.marks)

    chosen = [family for family in FAMILIES if stack is None or TABLES[family].stack in (None, stack)]
    best = max(chosen, key=fit)  # the first family in a tie
    known, marked = fit(best)
    if not known:
        raise UnknownTensor(
            f"{where}: tensor {quote(min(names))}, like all others, is no name of a known architecture "
            f"({', '.join(FAMILIES)}): use one of these, or {DECLARE}{propose(shapes)}"
        )
    if not marked:
        missing = next(mark for mark in TABLES[best].marks if mark not in templates)
        raise IncompleteCheckpoint(
            f"{where}: the tensors are named as in {best}, but there is no {missing!r}: {ALL_FILES}, or "
            f"{DECLARE}{propose(shapes)}"
        )
    if TABLES[best].stack and stack is None:
        raise CohortError(
            f"{where}: the tensors are named as in {best.rpartition('-')[0]}, whose {' and '.join(STACKS)} have blocks "
            f"of the same numbers: say which of them is counted, by stack: {' or stack: '.join(STACKS)} in the entry "
            "of a cohort file, or by --stack of python -m weightfit"
        )
    if stack and TABLES[best].stack is None:
        raise CohortError(
            f"{where}: the tensors are named as in {best}, which has one stack, but its {stack} is asked for: "
            "leave stack out"
        )
    return best


def _check_names(
    files: Mapping[str, str],
    names: Mapping[str, tuple[str, int]],
    family: str,
    table: Table,
    shapes: Mapping[str, Tensor | None],
) -> None:
    """Raise unless the table has every name."""
    # What is refused for a reason of its own comes first, because such models have further names.
    for name, (template, _) in names.items():
        if template in table.refused:
            raise UnknownTensor(
                f"{files[name]}: tensor {quote(name)} {table.refused[template]}: use a checkpoint with a tensor for "
                f"each matrix, or {DECLARE}"
            )
    unknown = [name for name, (template, _) in names.items() if template not in table]
    if not unknown:
        return
    name = unknown[0]
    further = f", nor are {len(unknown) - 1} others" if len(unknown) > 1 else ""
    if family == DECLARED:
        raise UnknownTensor(
            f"{files[name]}: tensor {quote(name)} is not declared{further}: add what is missing to the architecture"
            f"{propose({name: shapes[name] for name in unknown}, shapes)}"
        )
    raise UnknownTensor(
        f"{files[name]}: tensor {quote(name)} is no name of {family}, the family of the others{further}: "
        f"use a checkpoint as transformers writes it, or {DECLARE}{propose(shapes, table=table)}"
    )


@dataclass(frozen=True)
class _Split:
    """Splits tensors by the layouts of a table, and says what to do where they do not fit."""

    family: str
    table: Table
    numbers: Mapping[str, int]
    model: _Config
    names: Mapping[str, tuple[str, int]]
    tensors: Mapping[str, tuple[Path, Tensor]]

    def pieces(self, path: Path, tensor: Tensor, template: str, block: int) -> tuple[Piece, ...]:
        contents, transposed = self.table.counted[template][1], template in self.table.transposed
        found = self._outputs(template, tensor.shape, transposed)
        if not found:
            heads = self.numbers.get("num_attention_heads")
            raise IncompleteCheckpoint(
                f"{path}: tensor {quote(tensor.name)} has shape {list(tensor.shape)}, whose "
                f"{'columns' if transposed else 'rows'} do not split "
                f"into {', '.join(contents)}{f' of {heads} heads' if heads else ''}: {self._remedy(contents)}"
            )
        return tuple(
            Piece(block, component, *outputs, transposed)
            for component, outputs in zip(contents, found, strict=True)
        )

    def require_extents(
        self, path: Path, tensor: Tensor, piece: Piece, extents: dict[str, tuple[int, str]]
    ) -> None:
        """Raise unless a matrix has the extents in `EXTENTS` that the others have; add those of which none is known."""
        for name, value in _extents(tensor, piece):
            expected, source = extents.setdefault(name, (value, f"tensor {quote(tensor.name)}"))
            if value != expected:
                raise IncompleteCheckpoint(
                    f"{path}: tensor {quote(tensor.name)} has shape {list(tensor.shape)}, so that the {name} "
                    f"width would be {value}, but by {source} it is {expected}: {self._remedy([piece.component])}"
                )

    def _outputs(self, template: str, shape: Sequence[int], transposed: bool) -> tuple[Outputs, ...]:
        rows, columns = shape
        outputs, inputs = (columns, rows) if transposed else (rows, columns)
        return self.table.counted[template][0](Fused(outputs, inputs, self.numbers))

    def _remedy(self, contents: Sequence[str]) -> str:
        declared = self.family == DECLARED
        if self._fits_the_other_way():
            other = (
                "(outputs, inputs)" if self.table.transposed else "(inputs, outputs), as by Conv1D of GPT-2"
            )
            return f"all matrices fit if they are stored as {other}: " + (
                "declare whether rows or columns are their outputs" if declared else DECLARE
            )
        heads, key_heads = (self.model.count(key) for key in ("num_attention_heads", "num_key_value_heads"))
        if declared and len(contents) == 3 and heads and key_heads and key_heads < heads:
            return (
                f"{heads} heads of queries share {key_heads} of keys and values, so that rows are "
                "[num_attention_heads, num_key_value_heads, num_key_value_heads] or by-key-head: declare which"
            )
        return f"{OWN_CONFIG}, or correct the declaration" if declared else OWN_CONFIG

    def _fits_the_other_way(self) -> bool:
        """Tell whether all matrices at hand would have consistent extents if rows and columns changed places."""
        extents = self.model.extents()
        for name, (_, tensor) in self.tensors.items():
            template = self.names[name][0] if name in self.names else ""
            if template not in self.table.counted:
                continue
            if len(tensor.shape) != 2:
                return False
            transposed, contents = template not in self.table.transposed, self.table.counted[template][1]
            found = self._outputs(template, tensor.shape, transposed)
            for component, outputs in zip(contents, found, strict=False):
                for extent, value in _extents(tensor, Piece(0, component, *outputs, transposed)):
                    if extents.setdefault(extent, (value, ""))[0] != value:
                        return False
            if not found:
                return False
        return True


def _extents(tensor: Tensor, piece: Piece) -> Iterable[tuple[str, int]]:
    outputs, inputs = reversed(tensor.shape) if piece.transposed else tensor.shape
    return zip(EXTENTS[piece.component], (outputs // piece.period * piece.length, inputs), strict=True)


def _check_blocks(
    where: str,
    family: str,
    kinds: Sequence[str],
    names: Mapping[str, tuple[str, int]],
    held: Mapping[tuple[int, str], str],
    model: _Config,
) -> None:
    """Raise unless the expected blocks and no others are present, each with every component."""
    found = {block for _, block in names.values() if block >= 0}
    expected = model.blocks()
    if expected is None:
        expected = range(max(1, len(found)))
    for block in expected:
        for component in kinds:
            if (block, component) not in held:
                raise IncompleteCheckpoint(
                    f"{where}: {component} of block {block} is missing ({family}): {ALL_FILES}"
                )
    beyond = found.difference(expected)
    if beyond:
        name = min(name for name, (_, block) in names.items() if block in beyond)
        raise ContradictoryCheckpoint(
            f"{where}: tensor {quote(name)} belongs to none of the {len(expected)} blocks that "
            f"{model.source} announces: {OWN_CONFIG}"
        )
