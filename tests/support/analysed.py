"""A small model with something of every kind that its page shows."""

from collections.abc import Mapping

import numpy as np

from weightfit.analysis.analysis import Analysis, analyze_model
from weightfit.analysis.arrays import of_arrays

BLOCKS = 8


def arrays() -> Mapping[str, np.ndarray]:
    """Return Gaussian weights, but for a lawless q of two populations and an o of heavy tails."""
    random = np.random.default_rng(31)
    shapes = {"attn_q": (64, 96), "attn_k": (32, 96), "attn_v": (32, 96), "attn_output": (96, 64)}
    shapes |= {"ffn_gate": (128, 96), "ffn_up": (128, 96), "ffn_down": (96, 128)}
    found = {}
    for block in range(BLOCKS):
        for name, shape in shapes.items():
            drawn = random.standard_normal(shape)
            if (block, name) == (4, "attn_q"):
                drawn *= np.where(random.random(shape) < 0.4, 1e-3, 1.0)
            if (block, name) == (2, "attn_output"):
                drawn = random.standard_t(2.0, shape)
            found[f"blk.{block}.{name}.weight"] = (0.02 * drawn).astype(np.float32)
    return found


def odd_model() -> Analysis:
    """Return what was measured of it."""
    return analyze_model(of_arrays(arrays(), "odd <model>", {"num_attention_heads": 4}), claims=True)
