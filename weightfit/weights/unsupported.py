"""Tensor names that are known but whose weights cannot be counted, and what to do instead."""

import re
from collections.abc import Iterable

from weightfit.documents import quote
from weightfit.errors import UnknownTensor
from weightfit.weights.scales import USE_ANOTHER

QUANTIZED = f"which is not decoded: {USE_ANOTHER}"

# GPTQ comes before AWQ, which has the same names but for the order of columns.
UNSUPPORTED = tuple(
    (re.compile(pattern), what)
    for pattern, what in (
        (
            r"\.lora_(A|B|embedding_A|embedding_B|magnitude_vector)(\.|$)",
            "is of a LoRA adapter, which only changes another model: merge it into its base first (merge_and_unload of "
            "peft), and use what that saves",
        ),
        (
            r"\.experts\.",
            "is of an expert of a mixture, and a histogram has one matrix of each kind in a block, not one for each "
            "expert: use a dense model",
        ),
        (r"_(blocks|scales)$", f"is of a quantization to 4 bits with shared exponents (MXFP4), {QUANTIZED}"),
        (
            r"\.weight_(scale_2|packed|global_scale|zero_point|shape|g_idx)$",
            f"is of a quantization to packed values of 4 or 8 bits (NVFP4 or integers), {QUANTIZED}",
        ),
        (r"\.g_idx$", f"is of a quantization to integers by GPTQ, {QUANTIZED}"),
        (r"\.(qweight|qzeros)$", f"is of a quantization to integers by AWQ, {QUANTIZED}"),
        (
            r"\.((nested_)?(absmax|quant_map)|quant_state\.[^.]+|SCB)$",
            f"is of a quantization by bitsandbytes, {QUANTIZED}",
        ),
    )
)
"""Patterns of names, and what such a tensor is; the first that any name of a checkpoint has is told."""


def require_supported(where: str, names: Iterable[str]) -> None:
    """Raise `UnknownTensor`, with what it is and what to do, if a name is one of `UNSUPPORTED`.

    Parameters
    ----------
    where
        The checkpoint, for the error message.
    """
    listed = sorted(names)
    for pattern, what in UNSUPPORTED:
        for name in listed:
            if pattern.search(name):
                raise UnknownTensor(f"{where}: tensor {quote(name)} {what}")
