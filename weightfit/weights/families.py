"""The tensor names of each model family, how fused tensors are split, and which tensors are left out."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate
from typing import Literal, NamedTuple

from weightfit.components import COMPONENTS
from weightfit.errors import ContractError
from weightfit.weights import gpt2, whisper

Reason = Literal[
    "bias",
    "norm",
    "embedding",
    "convolution",
    "output head",
    "buffer",
    "pooler",
    "scale",
    "other stack",
    "other",
]
"""Why a tensor is not counted."""

# ASSUME stacks: an encoder and its decoder are two entries, for block 0 of one is not block 0 of the other.
STACKS = ("encoder", "decoder")
"""The stacks of a model that has two, each with blocks from 0 on."""

Outputs = tuple[int, int, int]  # start, length and period of the outputs that belong to one component


class Fused(NamedTuple):
    """The properties of a fused tensor on which its layout may depend.

    Attributes
    ----------
    outputs, inputs
        Numbers of its rows and columns, or of its columns and rows if it is stored as (inputs, outputs).
    numbers
        Values of config.json under the keys that the `Table` needs.
    """

    outputs: int
    inputs: int
    numbers: Mapping[str, int]


Layout = Callable[[Fused], tuple[Outputs, ...]]  # empty if the outputs do not split


def whole(tensor: Fused) -> tuple[Outputs, ...]:
    """Return all outputs of a tensor that holds one matrix."""
    return ((0, tensor.outputs, tensor.outputs),)


@cache
def in_shares(*shares: int | str) -> Layout:
    """Return the layout of components one after the other.

    Parameters
    ----------
    shares
        Shares of the components in the outputs, as numbers or keys of config.json whose values they are.
    """

    def parts(tensor: Fused) -> tuple[Outputs, ...]:
        own = [tensor.numbers[share] if isinstance(share, str) else share for share in shares]
        each, rest = divmod(tensor.outputs, sum(own))
        starts = accumulate(own, initial=0)
        found = tuple(
            (start * each, share * each, tensor.outputs) for start, share in zip(starts, own, strict=False)
        )
        return () if rest else found

    return parts


def equal_parts(number: int) -> Layout:
    """Return the layout of ``number`` components one after the other, each with as many outputs."""
    return in_shares(*[1] * number)


def _square_and_halves(tensor: Fused) -> tuple[Outputs, ...]:
    """Return a square part (queries), followed by two equal parts (keys and values)."""
    rows, square = tensor.outputs, tensor.inputs
    half, rest = divmod(rows - square, 2)
    if rest or not 0 < half <= square:
        return ()
    return ((0, square, rows), (square, half, rows), (square + half, half, rows))


def thirds_of_each_head(tensor: Fused) -> tuple[Outputs, ...]:
    """Split the outputs of each head, not of the whole tensor, into equal thirds for queries, keys and values."""
    width, rest = divmod(tensor.outputs, 3 * tensor.numbers["num_attention_heads"])
    return () if rest else tuple((part * width, width, 3 * width) for part in range(3))


def groups_of_key_heads(tensor: Fused) -> tuple[Outputs, ...]:
    """Split the outputs of each head of keys: the queries that share it, its keys and its values.

    Falcon has them so (``_split_heads`` in ``modeling_falcon.py`` of huggingface/transformers, where the decoder is of
    the new architecture).
    """
    heads, key_heads = (tensor.numbers[key] for key in ("num_attention_heads", "num_key_value_heads"))
    sharing, uneven = divmod(heads, key_heads)
    width, rest = divmod(tensor.outputs, key_heads * (sharing + 2))
    if uneven or rest:
        return ()
    queries, period = sharing * width, (sharing + 2) * width
    return ((0, queries, period), (queries, width, period), (queries + width, width, period))


@dataclass(frozen=True)
class Table:
    """The tensor names of one family; ``{i}`` stands for the block number.

    Attributes
    ----------
    architectures
        Classes under ``architectures`` in config.json whose checkpoints have these names.
    counted
        For each name, the layout of the outputs and the components that they hold, in this order.
    left_out
        For each name, the reason why the tensor is left out.
    marks
        Names that each checkpoint of the family has and that distinguish it from families with the same matrices.
    needs
        Keys that config.json must have because names and shapes do not determine their values.
    keys
        For each key of transformers, the key that the family has in its place in config.json.
    stack
        Which of `STACKS` is counted, if the family has both; a checkpoint then has a table for each.
    refused
        For each name that other models have beside these names, what its tensor holds and why it cannot be counted.
    transposed
        Names of the counted tensors that are stored as (inputs, outputs).
    """

    architectures: tuple[str, ...]
    counted: Mapping[str, tuple[Layout, tuple[str, ...]]]
    left_out: Mapping[str, Reason]
    marks: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    keys: Mapping[str, str] = field(default_factory=dict)
    stack: str | None = None
    refused: Mapping[str, str] = field(default_factory=dict)
    transposed: Collection[str] = ()

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
        "gpt_neox.layers.{i}.attention.dense.weight": (whole, ("o",)),
        "gpt_neox.layers.{i}.mlp.dense_h_to_4h.weight": (whole, ("ffn_in",)),
        "gpt_neox.layers.{i}.mlp.dense_4h_to_h.weight": (whole, ("ffn_out",)),
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
    "model.layers.{i}.self_attn.q_proj.weight": (whole, ("q",)),
    "model.layers.{i}.self_attn.k_proj.weight": (whole, ("k",)),
    "model.layers.{i}.self_attn.v_proj.weight": (whole, ("v",)),
    "model.layers.{i}.self_attn.o_proj.weight": (whole, ("o",)),
    "model.layers.{i}.mlp.gate_proj.weight": (whole, ("gate",)),
    "model.layers.{i}.mlp.up_proj.weight": (whole, ("up",)),
    "model.layers.{i}.mlp.down_proj.weight": (whole, ("down",)),
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
        "model.transformer.blocks.{i}.attn_out.weight": (whole, ("o",)),
        "model.transformer.blocks.{i}.ff_proj.weight": (equal_parts(2), ("up", "gate")),
        "model.transformer.blocks.{i}.ff_out.weight": (whole, ("down",)),
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

# The encoder alone, and the encoder of a model with a head: BERT's own, and that of RoBERTa and XLM-RoBERTa.
BERT_PREFIXES = ("", "bert.", "roberta.")
BERT_COUNTED: Mapping[str, tuple[Layout, tuple[str, ...]]] = {
    "encoder.layer.{i}.attention.self.query.weight": (whole, ("q",)),
    "encoder.layer.{i}.attention.self.key.weight": (whole, ("k",)),
    "encoder.layer.{i}.attention.self.value.weight": (whole, ("v",)),
    "encoder.layer.{i}.attention.output.dense.weight": (whole, ("o",)),
    "encoder.layer.{i}.intermediate.dense.weight": (whole, ("ffn_in",)),
    "encoder.layer.{i}.output.dense.weight": (whole, ("ffn_out",)),
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
    # Weights and biases of norms in the first files, which were converted from TensorFlow.
    "encoder.layer.{i}.attention.output.LayerNorm.gamma": "norm",
    "encoder.layer.{i}.attention.output.LayerNorm.beta": "norm",
    "encoder.layer.{i}.output.LayerNorm.gamma": "norm",
    "encoder.layer.{i}.output.LayerNorm.beta": "norm",
    "embeddings.LayerNorm.gamma": "norm",
    "embeddings.LayerNorm.beta": "norm",
    "embeddings.word_embeddings.weight": "embedding",
    "embeddings.position_embeddings.weight": "embedding",
    "embeddings.token_type_embeddings.weight": "embedding",
    "embeddings.position_ids": "buffer",
    "pooler.dense.weight": "pooler",
    "pooler.dense.bias": "pooler",
}

BERT = Table(
    architectures=(
        "BertModel",
        "BertForPreTraining",
        "BertLMHeadModel",
        "BertForMaskedLM",
        "BertForNextSentencePrediction",
        "BertForSequenceClassification",
        "BertForMultipleChoice",
        "BertForTokenClassification",
        "BertForQuestionAnswering",
        "AntiBERTy",
        *(
            model + task
            for model in ("Roberta", "XLMRoberta")
            for task in (
                "Model",
                "ForCausalLM",
                "ForMaskedLM",
                "ForSequenceClassification",
                "ForMultipleChoice",
                "ForTokenClassification",
                "ForQuestionAnswering",
            )
        ),
    ),
    counted={prefix + name: held for prefix in BERT_PREFIXES for name, held in BERT_COUNTED.items()},
    left_out={
        **{prefix + name: reason for prefix in BERT_PREFIXES for name, reason in BERT_LEFT_OUT.items()},
        "cls.predictions.bias": "output head",
        "cls.predictions.transform.dense.weight": "output head",
        "cls.predictions.transform.dense.bias": "output head",
        "cls.predictions.transform.LayerNorm.weight": "output head",
        "cls.predictions.transform.LayerNorm.bias": "output head",
        "cls.predictions.transform.LayerNorm.gamma": "output head",
        "cls.predictions.transform.LayerNorm.beta": "output head",
        "cls.predictions.decoder.weight": "output head",
        "cls.predictions.decoder.bias": "output head",
        "cls.seq_relationship.weight": "output head",
        "cls.seq_relationship.bias": "output head",
        # Sequence classification, multiple choice and token classification, and question answering.
        "classifier.weight": "output head",
        "classifier.bias": "output head",
        "qa_outputs.weight": "output head",
        "qa_outputs.bias": "output head",
        # RoBERTa: sequence classification, and language models.
        "classifier.dense.weight": "output head",
        "classifier.dense.bias": "output head",
        "classifier.out_proj.weight": "output head",
        "classifier.out_proj.bias": "output head",
        "lm_head.bias": "output head",
        "lm_head.dense.weight": "output head",
        "lm_head.dense.bias": "output head",
        "lm_head.layer_norm.weight": "output head",
        "lm_head.layer_norm.bias": "output head",
        "lm_head.decoder.weight": "output head",
        "lm_head.decoder.bias": "output head",
        # AntiBERTy (antiberty/model/AntiBERTy.py of the package antiberty 0.1.3).
        "cls.species.weight": "output head",
        "cls.species.bias": "output head",
        "cls.chain.weight": "output head",
        "cls.chain.bias": "output head",
        "cls.graft.weight": "output head",
        "cls.graft.bias": "output head",
    },
)

GPT_2 = Table(
    architectures=gpt2.CLASSES,
    counted={name: (equal_parts(len(held)), held) for name, held in gpt2.COUNTED.items()},
    left_out=gpt2.LEFT_OUT,
    keys={
        "num_hidden_layers": "n_layer",
        "hidden_size": "n_embd",
        "num_attention_heads": "n_head",
        "intermediate_size": "n_inner",
    },
    transposed=gpt2.COUNTED,
)

# nanochat/gpt.py of karpathy/nanochat; its norms have no parameters. GPT-2 has similar names, but its attention is one
# tensor, c_attn.
NANOCHAT = Table(
    architectures=("GPT",),  # nothing writes a config.json, but a class has this name
    counted={
        "transformer.h.{i}.attn.c_q.weight": (whole, ("q",)),
        "transformer.h.{i}.attn.c_k.weight": (whole, ("k",)),
        "transformer.h.{i}.attn.c_v.weight": (whole, ("v",)),
        "transformer.h.{i}.attn.c_proj.weight": (whole, ("o",)),
        "transformer.h.{i}.mlp.c_fc.weight": (whole, ("ffn_in",)),
        "transformer.h.{i}.mlp.c_proj.weight": (whole, ("ffn_out",)),
    },
    left_out={
        "transformer.wte.weight": "embedding",
        "lm_head.weight": "output head",
        # Embeddings that are added to the values of some blocks, and the gates and factors of residual streams.
        "value_embeds.{i}.weight": "embedding",
        "transformer.h.{i}.attn.ve_gate.weight": "other",
        "resid_lambdas": "other",
        "x0_lambdas": "other",
        "smear_gate.weight": "other",
        "smear_lambda": "other",
        "backout_lambda": "other",
        # NanoGuard, a classifier (nanoguard/model.py of the package metatronnanoguard 0.1.0).
        "cls_norm.weight": "norm",
        "cls_norm.bias": "norm",
        "cls_head.weight": "output head",
        "cls_head.bias": "output head",
    },
    marks=("transformer.h.{i}.attn.c_q.weight",),
    keys={
        "num_hidden_layers": "n_layer",
        "hidden_size": "n_embd",
        "num_attention_heads": "n_head",
        "num_key_value_heads": "n_kv_head",
    },
)


def _whisper(stack: str, other: str) -> Table:
    """Return the table of one stack; the names of both are known, so that no tensor of the other one is unknown."""
    return Table(
        architectures=("WhisperForConditionalGeneration", "WhisperModel"),
        counted={name: (equal_parts(len(held)), held) for name, held in whisper.COUNTED[stack].items()},
        left_out={
            **whisper.LEFT_OUT[stack],
            **dict.fromkeys((*whisper.COUNTED[other], *whisper.LEFT_OUT[other]), "other stack"),
        },
        keys={
            "num_hidden_layers": f"{stack}_layers",
            "hidden_size": "d_model",
            "num_attention_heads": f"{stack}_attention_heads",
            "intermediate_size": f"{stack}_ffn_dim",
        },
        stack=stack,
    )


# llama.cpp has one set of names for the models of many families (gguf-py/gguf/constants.py of ggml-org/llama.cpp).
_FUSED = "holds queries, keys and values together, and the file does not say how"
_EXPERTS = "holds the matrices of all experts together, which are not counted"
GGUF = Table(
    architectures=(),
    counted={
        "blk.{i}.attn_q.weight": (whole, ("q",)),
        "blk.{i}.attn_k.weight": (whole, ("k",)),
        "blk.{i}.attn_v.weight": (whole, ("v",)),
        "blk.{i}.attn_output.weight": (whole, ("o",)),
        "blk.{i}.ffn_gate.weight": (whole, ("gate",)),
        "blk.{i}.ffn_up.weight": (whole, ("up",)),
        "blk.{i}.ffn_down.weight": (whole, ("down",)),
    },
    left_out={
        "blk.{i}.attn_q.bias": "bias",
        "blk.{i}.attn_k.bias": "bias",
        "blk.{i}.attn_v.bias": "bias",
        "blk.{i}.attn_output.bias": "bias",
        "blk.{i}.attn_norm.weight": "norm",
        "blk.{i}.attn_q_norm.weight": "norm",
        "blk.{i}.attn_k_norm.weight": "norm",
        "blk.{i}.post_attention_norm.weight": "norm",
        "blk.{i}.ffn_norm.weight": "norm",
        "blk.{i}.post_ffw_norm.weight": "norm",
        "output_norm.weight": "norm",
        "token_embd.weight": "embedding",
        "output.weight": "output head",  # absent where it is tied to the embedding
        "rope_freqs.weight": "buffer",
    },
    refused={
        "blk.{i}.attn_qkv.weight": _FUSED,
        "blk.{i}.attn_qkv.bias": _FUSED,
        "blk.{i}.ffn_gate_exps.weight": _EXPERTS,
        "blk.{i}.ffn_up_exps.weight": _EXPERTS,
        "blk.{i}.ffn_gate_up_exps.weight": _EXPERTS,
        "blk.{i}.ffn_down_exps.weight": _EXPERTS,
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
    "whisper-encoder": _whisper("encoder", "decoder"),
    "whisper-decoder": _whisper("decoder", "encoder"),
    "gpt-2": GPT_2,
    "nanochat": NANOCHAT,
    "gguf": GGUF,
}

FAMILIES = tuple(TABLES)
"""Names of all families, for schemas."""

DECLARED = "declared"
"""Family name of an architecture that a cohort file declares."""


def components(family: str) -> tuple[str, ...]:
    """Return the components of one block of a family, in the order of `COMPONENTS`.

    Parameters
    ----------
    family
        One of `FAMILIES`.

    Examples
    --------
    >>> components("gpt-neox")
    ('q', 'k', 'v', 'o', 'ffn_in', 'ffn_out')
    """
    return TABLES[family].components


def attention_kind(heads: int, key_heads: int) -> str:
    """Return ``MQA``, ``MHA`` or ``GQA``, see `weightfit.diagnostics.F7_attention_arch_classify`."""
    if heads < 1 or key_heads < 1 or heads % key_heads:
        raise ContractError(
            f"{heads} query heads and {key_heads} key heads: both must be positive and the first a multiple of the "
            "second; correct the counts"
        )
    if key_heads == 1:
        return "MQA"
    return "MHA" if heads == key_heads else "GQA"
