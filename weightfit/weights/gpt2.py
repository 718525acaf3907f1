"""The tensor names of GPT-2, as transformers writes them.

The source is ``modeling_gpt2.py`` of huggingface/transformers at commit c44b2d9. Its ``Conv1D`` stores a matrix as
(inputs, outputs), and the columns of ``c_attn`` are those of q, of k and of v (``split(self.split_size, dim=2)`` in
``GPT2Attention.forward``).
"""

from collections.abc import Mapping
from typing import Literal

Reason = Literal["bias", "norm", "embedding", "buffer", "output head"]

CLASSES = (
    "GPT2Model",
    "GPT2LMHeadModel",
    "GPT2DoubleHeadsModel",
    "GPT2ForSequenceClassification",
    "GPT2ForTokenClassification",
    "GPT2ForQuestionAnswering",
)

PREFIXES = (
    "",
    "transformer.",
)  # the blocks alone, as in the first files, and the blocks of a model with a head

MATRICES: Mapping[str, tuple[str, ...]] = {
    "h.{i}.attn.c_attn": ("q", "k", "v"),
    "h.{i}.attn.c_proj": ("o",),
    "h.{i}.mlp.c_fc": ("ffn_in",),
    "h.{i}.mlp.c_proj": ("ffn_out",),
}

OTHERS: Mapping[str, Reason] = {
    **{f"{name}.bias": "bias" for name in MATRICES},
    **{
        f"{norm}.{part}": "norm"
        for norm in ("h.{i}.ln_1", "h.{i}.ln_2", "ln_f")
        for part in ("weight", "bias")
    },
    "wte.weight": "embedding",
    "wpe.weight": "embedding",
    # The causal mask and its fill value, which old files hold.
    "h.{i}.attn.bias": "buffer",
    "h.{i}.attn.masked_bias": "buffer",
}

COUNTED: Mapping[str, tuple[str, ...]] = {
    f"{prefix}{name}.weight": held for prefix in PREFIXES for name, held in MATRICES.items()
}
"""The components that the columns of each tensor hold, one beside the other in equal parts."""

LEFT_OUT: Mapping[str, Reason] = {
    **{prefix + name: reason for prefix in PREFIXES for name, reason in OTHERS.items()},
    "lm_head.weight": "output head",  # absent where it is tied to the embedding
    # Multiple choice, sequence and token classification, and question answering.
    "multiple_choice_head.summary.weight": "output head",
    "multiple_choice_head.summary.bias": "output head",
    "score.weight": "output head",
    "classifier.weight": "output head",
    "classifier.bias": "output head",
    "qa_outputs.weight": "output head",
    "qa_outputs.bias": "output head",
}
"""The reason why each other tensor is left out."""
