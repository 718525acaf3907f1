"""Maps the tensor names of known architectures to blocks and components, and splits fused tensors by rows.

Each family is one table of names. A name is either counted, with the components that its rows hold, or left
out, with the reason. Any other name is refused. To add an architecture, add a table to `TABLES`.

Names and layouts: the modeling files of transformers 5.23.0; for OLMo-1's original form ``olmo/model.py`` and
``scripts/convert_olmo_to_hf_new.py`` of allenai/OLMo.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from weightfit.checkpoint import Header, Tensor, parse_object, quote, require_countable
from weightfit.errors import (
    ContradictoryCheckpoint,
    IncompleteCheckpoint,
    MalformedCheckpoint,
    UnknownTensor,
)

COMPONENTS = ("q", "k", "v", "o", "gate", "up", "down", "ffn_in", "ffn_out")
"""Every component, in the order of columns and tables."""

POOLED = -1
"""The block number of a pool over all blocks."""

POOLS = {
    "qkv": ("q", "k", "v"),
    "ffn": ("gate", "up", "down", "ffn_in", "ffn_out"),
    "transmission": ("o", "gate", "up", "down", "ffn_in", "ffn_out"),
    "all": ("q", "k", "v", "o", "gate", "up", "down", "ffn_in", "ffn_out"),
}
"""Which components a pool adds up."""

CONFIG_LIMIT = 1_000_000
"""Largest config.json that is read, in bytes."""

ALL_FILES = "give all files of the checkpoint"
DECLARE = "declare its names as the architecture of an entry in a cohort file"
OWN_CONFIG = "put the config.json of these files beside them"

Reason = Literal["bias", "norm", "embedding", "output head", "buffer", "pooler", "other"]
"""Why a tensor is not counted."""

Rows = tuple[int, int, int]  # start, length and period of the rows that belong to one component


class Fused(NamedTuple):
    """What a layout may depend on."""

    rows: int
    columns: int
    heads: int


Layout = Callable[[Fused], tuple[Rows, ...]]  # empty where the rows do not split


@dataclass(frozen=True)
class Piece:
    """The rows of a tensor that belong to one matrix: rows r with start <= r % period < start + length.

    Parameters
    ----------
    block : int
    component : str
    start, length, period : int
        The tensor's number of rows is a multiple of ``period``.
    """

    block: int
    component: str
    start: int
    length: int
    period: int


@dataclass(frozen=True)
class Plan:
    """What is counted in a checkpoint, and what is not.

    Parameters
    ----------
    family : str
        One of `FAMILIES`, or `DECLARED`.
    pieces : dict of str to tuple of Piece
        By tensor name, sorted by block and component. The pieces of a tensor share one period and cover each
        of its rows once.
    left_out : dict of str to str
        By tensor name, sorted: why it is not counted.
    """

    family: str
    pieces: dict[str, tuple[Piece, ...]]
    left_out: dict[str, str]


def _whole(tensor: Fused) -> tuple[Rows, ...]:
    return ((0, tensor.rows, tensor.rows),)


def _halves(tensor: Fused) -> tuple[Rows, ...]:
    half, rest = divmod(tensor.rows, 2)
    return () if rest else ((0, half, tensor.rows), (half, half, tensor.rows))


def equal_parts(number: int) -> Layout:
    """Return the layout of so many components below one another, each with as many rows."""

    def parts(tensor: Fused) -> tuple[Rows, ...]:
        each, rest = divmod(tensor.rows, number)
        return () if rest else tuple((place * each, each, tensor.rows) for place in range(number))

    return parts


def _square_and_halves(tensor: Fused) -> tuple[Rows, ...]:
    """First as many rows as columns (the queries), then two equal parts (keys and values)."""
    rows, square = tensor.rows, tensor.columns
    half, rest = divmod(rows - square, 2)
    if rest or not 0 < half <= square:
        return ()
    return ((0, square, rows), (square, half, rows), (square + half, half, rows))


def thirds_of_each_head(tensor: Fused) -> tuple[Rows, ...]:
    """Head by head its rows for queries, keys and values: not three thirds of the whole tensor."""
    width, rest = divmod(tensor.rows, 3 * tensor.heads)
    return () if rest else tuple((part * width, width, 3 * width) for part in range(3))


@dataclass(frozen=True)
class Table:
    """The tensor names of one family; ``{i}`` stands for the block's number.

    Parameters
    ----------
    architectures : tuple of str
        The classes of config.json's ``architectures`` that store these names.
    counted : mapping
        Name to the layout of its rows and the components that they hold, in this order.
    left_out : mapping
        Name to the reason.
    marks : tuple of str
        Names that each checkpoint of the family has and that tell it from families with the same matrices.
    needs : tuple of str
        Keys that config.json must give because the names and shapes do not tell.
    keys : mapping
        The family's own spelling of transformers' keys in config.json.
    """

    architectures: tuple[str, ...]
    counted: Mapping[str, tuple[Layout, tuple[str, ...]]]
    left_out: Mapping[str, Reason]
    marks: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    keys: Mapping[str, str] = field(default_factory=dict)

    def __contains__(self, template: str) -> bool:
        return template in self.counted or template in self.left_out

    @property
    def components(self) -> tuple[str, ...]:
        """Components of one block, in the order of `COMPONENTS`."""
        held = {component for _, components in self.counted.values() for component in components}
        return tuple(component for component in COMPONENTS if component in held)


GPT_NEOX = Table(
    architectures=("GPTNeoXForCausalLM",),
    counted={
        "gpt_neox.layers.{i}.attention.query_key_value.weight": (thirds_of_each_head, ("q", "k", "v")),
        "gpt_neox.layers.{i}.attention.dense.weight": (_whole, ("o",)),
        "gpt_neox.layers.{i}.mlp.dense_h_to_4h.weight": (_whole, ("ffn_in",)),
        "gpt_neox.layers.{i}.mlp.dense_4h_to_h.weight": (_whole, ("ffn_out",)),
    },
    left_out={
        "gpt_neox.layers.{i}.attention.query_key_value.bias": "bias",
        "gpt_neox.layers.{i}.attention.dense.bias": "bias",
        "gpt_neox.layers.{i}.mlp.dense_h_to_4h.bias": "bias",
        "gpt_neox.layers.{i}.mlp.dense_4h_to_h.bias": "bias",
        "gpt_neox.layers.{i}.input_layernorm.weight": "norm",
        "gpt_neox.layers.{i}.input_layernorm.bias": "norm",
        "gpt_neox.layers.{i}.post_attention_layernorm.weight": "norm",
        "gpt_neox.layers.{i}.post_attention_layernorm.bias": "norm",
        "gpt_neox.final_layer_norm.weight": "norm",
        "gpt_neox.final_layer_norm.bias": "norm",
        "gpt_neox.embed_in.weight": "embedding",
        "embed_out.weight": "output head",
        # Old files hold the causal mask, its fill value (minus infinity) and the rotary frequencies.
        "gpt_neox.layers.{i}.attention.bias": "buffer",
        "gpt_neox.layers.{i}.attention.masked_bias": "buffer",
        "gpt_neox.layers.{i}.attention.rotary_emb.inv_freq": "buffer",
    },
    needs=("num_attention_heads",),
)

SEPARATE_MATRICES: Mapping[str, tuple[Layout, tuple[str, ...]]] = {
    "model.layers.{i}.self_attn.q_proj.weight": (_whole, ("q",)),
    "model.layers.{i}.self_attn.k_proj.weight": (_whole, ("k",)),
    "model.layers.{i}.self_attn.v_proj.weight": (_whole, ("v",)),
    "model.layers.{i}.self_attn.o_proj.weight": (_whole, ("o",)),
    "model.layers.{i}.mlp.gate_proj.weight": (_whole, ("gate",)),
    "model.layers.{i}.mlp.up_proj.weight": (_whole, ("up",)),
    "model.layers.{i}.mlp.down_proj.weight": (_whole, ("down",)),
}
OUTER: Mapping[str, Reason] = {
    "model.embed_tokens.weight": "embedding",
    "lm_head.weight": "output head",  # absent where it is tied to the embedding
}
PRE_NORMS: Mapping[str, Reason] = {
    "model.layers.{i}.input_layernorm.weight": "norm",
    "model.layers.{i}.post_attention_layernorm.weight": "norm",
    "model.norm.weight": "norm",
}
QUERY_KEY_NORMS: Mapping[str, Reason] = {
    "model.layers.{i}.self_attn.q_norm.weight": "norm",
    "model.layers.{i}.self_attn.k_norm.weight": "norm",
}

LLAMA = Table(
    architectures=("LlamaForCausalLM", "MistralForCausalLM"),
    counted=SEPARATE_MATRICES,
    left_out={**OUTER, **PRE_NORMS},
    marks=("model.layers.{i}.input_layernorm.weight",),
)

OLMO_1 = Table(  # its norms have no parameters
    architectures=("OlmoForCausalLM",),
    counted=SEPARATE_MATRICES,
    left_out=OUTER,
)

OLMO_1_ORIGINAL = Table(
    architectures=("OLMoForCausalLM", "OLMoModelForCausalLM"),
    counted={
        "model.transformer.blocks.{i}.att_proj.weight": (_square_and_halves, ("q", "k", "v")),
        "model.transformer.blocks.{i}.attn_out.weight": (_whole, ("o",)),
        "model.transformer.blocks.{i}.ff_proj.weight": (_halves, ("up", "gate")),
        "model.transformer.blocks.{i}.ff_out.weight": (_whole, ("down",)),
    },
    left_out={
        "model.transformer.wte.weight": "embedding",
        "model.transformer.ff_out.weight": "output head",
    },
    keys={
        "num_hidden_layers": "n_layers",
        "hidden_size": "d_model",
        "num_attention_heads": "n_heads",
        "num_key_value_heads": "n_kv_heads",
    },
)

OLMO_2 = Table(
    architectures=("Olmo2ForCausalLM",),
    counted=SEPARATE_MATRICES,
    left_out={
        **OUTER,
        **QUERY_KEY_NORMS,
        "model.layers.{i}.post_attention_layernorm.weight": "norm",
        "model.layers.{i}.post_feedforward_layernorm.weight": "norm",
        "model.norm.weight": "norm",
    },
    marks=("model.layers.{i}.post_feedforward_layernorm.weight",),
)

QWEN_2 = Table(
    architectures=("Qwen2ForCausalLM",),
    counted=SEPARATE_MATRICES,
    left_out={
        **OUTER,
        **PRE_NORMS,
        "model.layers.{i}.self_attn.q_proj.bias": "bias",
        "model.layers.{i}.self_attn.k_proj.bias": "bias",
        "model.layers.{i}.self_attn.v_proj.bias": "bias",
    },
    marks=("model.layers.{i}.self_attn.q_proj.bias",),
)

QWEN_3 = Table(
    architectures=("Qwen3ForCausalLM",),
    counted=SEPARATE_MATRICES,
    left_out={**OUTER, **PRE_NORMS, **QUERY_KEY_NORMS},
    marks=("model.layers.{i}.input_layernorm.weight", "model.layers.{i}.self_attn.q_norm.weight"),
)

BERT_PREFIXES = ("", "bert.")  # the encoder by itself, and below a head
BERT_COUNTED: Mapping[str, tuple[Layout, tuple[str, ...]]] = {
    "encoder.layer.{i}.attention.self.query.weight": (_whole, ("q",)),
    "encoder.layer.{i}.attention.self.key.weight": (_whole, ("k",)),
    "encoder.layer.{i}.attention.self.value.weight": (_whole, ("v",)),
    "encoder.layer.{i}.attention.output.dense.weight": (_whole, ("o",)),
    "encoder.layer.{i}.intermediate.dense.weight": (_whole, ("ffn_in",)),
    "encoder.layer.{i}.output.dense.weight": (_whole, ("ffn_out",)),
}
BERT_LEFT_OUT: Mapping[str, Reason] = {
    "encoder.layer.{i}.attention.self.query.bias": "bias",
    "encoder.layer.{i}.attention.self.key.bias": "bias",
    "encoder.layer.{i}.attention.self.value.bias": "bias",
    "encoder.layer.{i}.attention.output.dense.bias": "bias",
    "encoder.layer.{i}.intermediate.dense.bias": "bias",
    "encoder.layer.{i}.output.dense.bias": "bias",
    "encoder.layer.{i}.attention.output.LayerNorm.weight": "norm",
    "encoder.layer.{i}.attention.output.LayerNorm.bias": "norm",
    "encoder.layer.{i}.output.LayerNorm.weight": "norm",
    "encoder.layer.{i}.output.LayerNorm.bias": "norm",
    "embeddings.LayerNorm.weight": "norm",
    "embeddings.LayerNorm.bias": "norm",
    "embeddings.word_embeddings.weight": "embedding",
    "embeddings.position_embeddings.weight": "embedding",
    "embeddings.token_type_embeddings.weight": "embedding",
    "embeddings.position_ids": "buffer",
    "pooler.dense.weight": "pooler",
    "pooler.dense.bias": "pooler",
}

BERT = Table(
    architectures=("BertModel", "BertForMaskedLM", "BertForPreTraining"),
    counted={prefix + name: held for prefix in BERT_PREFIXES for name, held in BERT_COUNTED.items()},
    left_out={
        **{prefix + name: reason for prefix in BERT_PREFIXES for name, reason in BERT_LEFT_OUT.items()},
        "cls.predictions.bias": "output head",
        "cls.predictions.transform.dense.weight": "output head",
        "cls.predictions.transform.dense.bias": "output head",
        "cls.predictions.transform.LayerNorm.weight": "output head",
        "cls.predictions.transform.LayerNorm.bias": "output head",
        "cls.predictions.decoder.weight": "output head",
        "cls.predictions.decoder.bias": "output head",
        "cls.seq_relationship.weight": "output head",
        "cls.seq_relationship.bias": "output head",
    },
)

TABLES: Mapping[str, Table] = {
    "gpt-neox": GPT_NEOX,
    "llama": LLAMA,
    "olmo-1": OLMO_1,
    "olmo-1-original": OLMO_1_ORIGINAL,
    "olmo-2": OLMO_2,
    "qwen-2": QWEN_2,
    "qwen-3": QWEN_3,
    "bert": BERT,
}

FAMILIES = tuple(TABLES)
"""Every family, for schemas."""

DECLARED = "declared"
"""Stands for the family where a person declared the names."""

# Rows and columns of each component: `query` is heads x head width, `key` the same for the heads of keys and
# values, `inner` the width inside the feed-forward network.
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
}


def components(family: str) -> tuple[str, ...]:
    """Return the components of one block of a family, in the order of `COMPONENTS`.

    Parameters
    ----------
    family : str
        One of `FAMILIES`.

    Examples
    --------
    >>> components("gpt-neox")
    ('q', 'k', 'v', 'o', 'ffn_in', 'ffn_out')
    """
    return TABLES[family].components


def plan(
    headers: Sequence[Header],
    config: Mapping[str, object] | None,
    index: Mapping[str, str] | None = None,
    declared: Table | None = None,
) -> Plan:
    """Decide for every tensor of a checkpoint what is counted, as which matrices, or why it is left out.

    Parameters
    ----------
    headers : sequence of Header
        Of all files of one checkpoint; a block may be spread over files.
    config : mapping or None
        The parsed config.json. Its ``architectures``, ``num_hidden_layers``, ``hidden_size``,
        ``num_attention_heads``, ``num_key_value_heads``, ``head_dim`` and ``intermediate_size`` are checked
        against the tensors where it has them. ``weightfit_blocks`` (a list of block numbers) says that only
        these blocks are there.
    index : mapping, optional
        The file of each tensor of the checkpoint, of which the headers are then a part only. What is checked by
        name is checked of all of it; the headers must have the tensors that it says of their files, and no other.
    declared : Table, optional
        The names of an architecture that is none of `FAMILIES`.

    Returns
    -------
    Plan
        Of the tensors in the headers.

    Raises
    ------
    UnknownTensor
        If a name is in no table, or not in that of the family which the others belong to.
    IncompleteCheckpoint
        If a matrix is missing, doubled, or its shape differs from the other blocks' or from config.json.
    ContradictoryCheckpoint
        If config.json describes another model.
    MalformedCheckpoint
        If a counted tensor is no matrix of F16, BF16 or F32, or a value in config.json has the wrong type.
    """
    tensors = _merge(headers)
    if index is not None:
        _check_index(headers, index)
    where = str(headers[0].path if len(headers) == 1 else headers[0].path.parent)
    names = {name: _template(name) for name in index or tensors}
    family = DECLARED if declared else _family(where, names)
    table = declared or TABLES[family]
    for name, (template, _) in names.items():
        if template not in table:
            file = tensors[name][0] if name in tensors else where
            if declared:
                raise UnknownTensor(
                    f"{file}: tensor {quote(name)} is not declared: add {quote(template.replace('{i}', '{block}'))} "
                    "to the matrices or to left_out of the entry's architecture in the cohort file"
                )
            raise UnknownTensor(
                f"{file}: tensor {quote(name)} is no name of {family}, the family of the others: "
                f"use a checkpoint as transformers writes it, or {DECLARE}"
            )
    model = _Config(where, config or {}, table.keys)
    model.require(family, table)

    heads = model.count("num_attention_heads") or 0  # 0 only for families whose layouts do not ask for it
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
        pieces[name] = _split(path, tensor, block, *table.counted[template], heads)
        for piece in pieces[name]:
            _check_extents(path, tensor, piece, extents)
    _check_blocks(where, family, table.components, names, held, model)
    order = sorted(pieces, key=lambda name: [(p.block, COMPONENTS.index(p.component)) for p in pieces[name]])
    return Plan(
        family,
        {name: pieces[name] for name in order},
        {name: table.left_out[names[name][0]] for name in sorted(tensors) if name not in pieces},
    )


def read_config(folder: Path) -> dict[str, object] | None:
    """Read config.json of a checkpoint's folder, or return None where there is none.

    Parameters
    ----------
    folder : Path

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
    """What config.json says about the model's shape."""

    where: str
    values: Mapping[str, object]
    keys: Mapping[str, str]

    def count(self, key: str) -> int | None:
        """Return a positive integer, or None where the key is absent or null."""
        value = self.values.get(key)
        if value is None and key in self.keys:
            value = self.values.get(self.keys[key])
        if value is None:
            return None
        if type(value) is not int or value < 1:
            raise MalformedCheckpoint(
                f"{self.where}: config.json has {key} {quote(value)}, it must be a positive integer: "
                "fetch it again"
            )
        return value

    def require(self, family: str, table: Table) -> None:
        """Raise unless the classes are the family's and the keys that it needs are there."""
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
                f"config.json says {quote(classes)}: {OWN_CONFIG}"
            )
        for key in table.needs:
            if self.count(key) is None:
                raise IncompleteCheckpoint(
                    f"{self.where}: a fused tensor of {family} cannot be split without {key}: "
                    "put a config.json that has it beside the file"
                )

    def extents(self) -> dict[str, tuple[int, str]]:
        """Return those of `EXTENTS` that are given, each with its source for messages."""
        hidden, inner = self.count("hidden_size"), self.count("intermediate_size")
        heads, key_heads, width = (
            self.count(key) for key in ("num_attention_heads", "num_key_value_heads", "head_dim")
        )
        if heads and key_heads and heads % key_heads:
            raise ContradictoryCheckpoint(
                f"{self.where}: config.json has {heads} heads, which {key_heads} heads of keys and values "
                f"cannot share evenly: {OWN_CONFIG}"
            )
        if width is None and hidden and heads:
            width, rest = divmod(hidden, heads)
            if rest:
                raise ContradictoryCheckpoint(
                    f"{self.where}: config.json has hidden_size {hidden}, which {heads} heads cannot share "
                    f"evenly: {OWN_CONFIG}"
                )
        found = {
            "hidden": hidden,
            "inner": inner,
            "query": heads and width and heads * width,
            "key": key_heads and width and key_heads * width,
        }
        return {name: (value, "config.json") for name, value in found.items() if value}

    def blocks(self) -> list[int] | range | None:
        """Return the numbers of the blocks that must be there, or None where config.json does not say."""
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
        raise IncompleteCheckpoint("no weight file is given: name a folder that holds *.safetensors files")
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


_BLOCK = re.compile(r"(?<=\.)(?:0|[1-9][0-9]{0,5})(?=\.)")


def _template(name: str) -> tuple[str, int]:
    """Return a name with ``{i}`` in place of the block's number, and that number (-1 where there is none)."""
    if "{" in name:
        return "", -1  # no table has the empty name
    found = _BLOCK.search(name)
    return (_BLOCK.sub("{i}", name, count=1), int(found[0])) if found else (name, -1)


def _family(where: str, names: Mapping[str, tuple[str, int]]) -> str:
    """Return the family whose table has most of the names, and its marks."""
    templates = Counter(template for template, _ in names.values())

    def fit(family: str) -> tuple[int, bool]:
        table = TABLES[family]
        known = sum(number for template, number in templates.items() if template in table)
        return known, all(mark in templates for mark in table.marks)

    best = max(FAMILIES, key=fit)  # the first of equals
    known, marked = fit(best)
    if not known:
        raise UnknownTensor(
            f"{where}: tensor {quote(min(names))}, like all others, is no name of a known architecture "
            f"({', '.join(FAMILIES)}): use one of these, or {DECLARE}"
        )
    if not marked:
        missing = next(mark for mark in TABLES[best].marks if mark not in templates)
        raise IncompleteCheckpoint(
            f"{where}: the tensors are named as in {best}, but there is no {missing!r}: {ALL_FILES}, or {DECLARE}"
        )
    return best


def _split(
    path: Path, tensor: Tensor, block: int, layout: Layout, contents: tuple[str, ...], heads: int
) -> tuple[Piece, ...]:
    rows = layout(Fused(tensor.shape[0], tensor.shape[1], heads))
    if not rows:
        raise IncompleteCheckpoint(
            f"{path}: tensor {quote(tensor.name)} has shape {list(tensor.shape)}, whose rows do not split "
            f"into {', '.join(contents)}{f' of {heads} heads' if heads else ''}: {OWN_CONFIG}"
        )
    return tuple(
        Piece(block, component, start, length, period)
        for component, (start, length, period) in zip(contents, rows, strict=True)
    )


def _check_extents(path: Path, tensor: Tensor, piece: Piece, extents: dict[str, tuple[int, str]]) -> None:
    rows, columns = tensor.shape
    for name, value in zip(
        EXTENTS[piece.component], (rows // piece.period * piece.length, columns), strict=True
    ):
        expected, source = extents.setdefault(name, (value, f"tensor {quote(tensor.name)}"))
        if value != expected:
            raise IncompleteCheckpoint(
                f"{path}: tensor {quote(tensor.name)} has shape {list(tensor.shape)}, so that the {name} "
                f"width would be {value}, but by {source} it is {expected}: {OWN_CONFIG}"
            )


def _check_blocks(
    where: str,
    family: str,
    kinds: Sequence[str],
    names: Mapping[str, tuple[str, int]],
    held: Mapping[tuple[int, str], str],
    model: _Config,
) -> None:
    """Raise unless the expected blocks are there, each with every component, and no other."""
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
            f"{where}: tensor {quote(name)} belongs to none of the {len(expected)} blocks that config.json "
            f"announces: {OWN_CONFIG}"
        )
