"""The tensor names of Whisper's two stacks, as transformers writes them and as CTranslate2 does.

The sources are ``modeling_whisper.py`` of transformers 5.23.0, and ``specs/whisper_spec.py`` and
``converters/transformers.py`` of CTranslate2 4.8.5. CTranslate2 puts q, k and v of self attention one below the other,
and k and v of cross attention.
"""

from collections.abc import Mapping
from typing import Literal, TypeVar

Held = tuple[str, ...]
Reason = Literal["bias", "norm", "embedding", "convolution", "output head", "buffer"]

T = TypeVar("T")

PREFIXES = ("", "model.")  # of transformers: the stacks alone, and the stacks of a model with an output head

SELF_ATTENTION_AND_FFN: Mapping[str, Held] = {
    "layers.{i}.self_attn.q_proj.weight": ("q",),
    "layers.{i}.self_attn.k_proj.weight": ("k",),
    "layers.{i}.self_attn.v_proj.weight": ("v",),
    "layers.{i}.self_attn.out_proj.weight": ("o",),
    "layers.{i}.fc1.weight": ("ffn_in",),
    "layers.{i}.fc2.weight": ("ffn_out",),
}
CROSS_ATTENTION: Mapping[str, Held] = {
    "layers.{i}.encoder_attn.q_proj.weight": ("cross_q",),
    "layers.{i}.encoder_attn.k_proj.weight": ("cross_k",),
    "layers.{i}.encoder_attn.v_proj.weight": ("cross_v",),
    "layers.{i}.encoder_attn.out_proj.weight": ("cross_o",),
}
OF_BOTH: Mapping[str, Reason] = {
    "layers.{i}.self_attn.q_proj.bias": "bias",  # k has none
    "layers.{i}.self_attn.v_proj.bias": "bias",
    "layers.{i}.self_attn.out_proj.bias": "bias",
    "layers.{i}.fc1.bias": "bias",
    "layers.{i}.fc2.bias": "bias",
    "layers.{i}.self_attn_layer_norm.weight": "norm",
    "layers.{i}.self_attn_layer_norm.bias": "norm",
    "layers.{i}.final_layer_norm.weight": "norm",
    "layers.{i}.final_layer_norm.bias": "norm",
    "layer_norm.weight": "norm",
    "layer_norm.bias": "norm",
    "embed_positions.weight": "embedding",
}
OF_ENCODER: Mapping[str, Reason] = {
    "conv1.weight": "convolution",
    "conv1.bias": "bias",
    "conv2.weight": "convolution",
    "conv2.bias": "bias",
}
OF_DECODER: Mapping[str, Reason] = {
    "layers.{i}.encoder_attn.q_proj.bias": "bias",
    "layers.{i}.encoder_attn.v_proj.bias": "bias",
    "layers.{i}.encoder_attn.out_proj.bias": "bias",
    "layers.{i}.encoder_attn_layer_norm.weight": "norm",
    "layers.{i}.encoder_attn_layer_norm.bias": "norm",
    "embed_tokens.weight": "embedding",
}
HEAD: Mapping[str, Reason] = {"proj_out.weight": "output head"}  # absent where it is tied to the embedding

# Of CTranslate2, without the stack and the kind of parameter.
STACKED: Mapping[str, Held] = {
    "layer_{i}/self_attention/linear_0": ("q", "k", "v"),
    "layer_{i}/self_attention/linear_1": ("o",),
    "layer_{i}/ffn/linear_0": ("ffn_in",),
    "layer_{i}/ffn/linear_1": ("ffn_out",),
}
STACKED_CROSS: Mapping[str, Held] = {
    "layer_{i}/attention/linear_0": ("cross_q",),
    "layer_{i}/attention/linear_1": ("cross_k", "cross_v"),
    "layer_{i}/attention/linear_2": ("cross_o",),
}
NORMS = ("layer_norm", "layer_{i}/self_attention/layer_norm", "layer_{i}/ffn/layer_norm")
OTHERS_OF_BOTH: Mapping[str, Reason] = {
    "num_heads": "buffer",
    "position_encodings/encodings": "embedding",
}
OTHERS_OF_ENCODER: Mapping[str, Reason] = {
    "conv1/weight": "convolution",
    "conv1/weight_scale": "buffer",
    "conv1/bias": "bias",
    "conv2/weight": "convolution",
    "conv2/weight_scale": "buffer",
    "conv2/bias": "bias",
}
OTHERS_OF_DECODER: Mapping[str, Reason] = {
    "embeddings/weight": "embedding",
    "embeddings/weight_scale": "buffer",
    "projection/weight": "output head",
    "projection/weight_scale": "buffer",
    "activation": "buffer",
    "alibi": "buffer",
    "alibi_use_positive_positions": "buffer",
    "alignment_heads": "buffer",
    "alignment_layer": "buffer",
    "pre_norm": "buffer",
    "scale_alibi": "buffer",
    "scale_embeddings": "buffer",
    "start_from_zero_embedding": "buffer",
}


def _separate(stack: str, names: Mapping[str, T]) -> dict[str, T]:
    return {f"{prefix}{stack}.{name}": value for prefix in PREFIXES for name, value in names.items()}


def _stacked(stack: str, names: Mapping[str, Held]) -> dict[str, Held]:
    return {f"{stack}/{name}/weight": held for name, held in names.items()}


def _beside(
    stack: str, names: Mapping[str, Held], norms: tuple[str, ...], others: Mapping[str, Reason]
) -> dict[str, Reason]:
    """Return what CTranslate2 stores beside the matrices; a file of int8 or int16 has scales too."""
    found: dict[str, Reason] = {f"{stack}/{name}": reason for name, reason in others.items()}
    for name in names:
        found |= {f"{stack}/{name}/bias": "bias", f"{stack}/{name}/weight_scale": "buffer"}
    for name in norms:
        found |= {f"{stack}/{name}/gamma": "norm", f"{stack}/{name}/beta": "norm"}
    return found


COUNTED: Mapping[str, Mapping[str, Held]] = {
    "encoder": {
        **_separate("encoder", SELF_ATTENTION_AND_FFN),
        **_stacked("encoder", STACKED),
    },
    "decoder": {
        **_separate("decoder", {**SELF_ATTENTION_AND_FFN, **CROSS_ATTENTION}),
        **_stacked("decoder", {**STACKED, **STACKED_CROSS}),
    },
}
"""For each stack, the components that the rows of each tensor hold, one below the other in equal parts."""

LEFT_OUT: Mapping[str, Mapping[str, Reason]] = {
    "encoder": {
        **_separate("encoder", {**OF_BOTH, **OF_ENCODER}),
        **_beside("encoder", STACKED, NORMS, {**OTHERS_OF_BOTH, **OTHERS_OF_ENCODER}),
    },
    "decoder": {
        **HEAD,
        **_separate("decoder", {**OF_BOTH, **OF_DECODER}),
        **_beside(
            "decoder",
            {**STACKED, **STACKED_CROSS},
            (*NORMS, "layer_{i}/attention/layer_norm"),
            {**OTHERS_OF_BOTH, **OTHERS_OF_DECODER},
        ),
    },
}
"""For each stack, the reason why each of its other tensors is left out."""
