"""The kinds of matrices of a transformer block, and how they are pooled."""

# ASSUME cross-attention: no model of the paper has it, so it is in no pool and not in q, k, v and o.
CROSS_ATTENTION = ("cross_q", "cross_k", "cross_v", "cross_o")
"""The components of a decoder's attention to its encoder; q, k, v and o are those of self attention alone."""

COMPONENTS = ("q", "k", "v", "o", "gate", "up", "down", "ffn_in", "ffn_out", *CROSS_ATTENTION)
"""Every component, in the order of columns and tables."""


def by_name(component: str) -> tuple[bool, str]:
    """Return the key that sorts components by name, those of cross attention last."""
    return component in CROSS_ATTENTION, component


POOLED = -1
"""The block number that stands for a pool over all blocks."""

POOLS = {
    "qkv": ("q", "k", "v"),
    "ffn": ("gate", "up", "down", "ffn_in", "ffn_out"),
    "transmission": ("o", "gate", "up", "down", "ffn_in", "ffn_out"),
    "all": ("q", "k", "v", "o", "gate", "up", "down", "ffn_in", "ffn_out"),
}
"""The components that each pool combines; cross attention, which the paper does not have, is in none."""

PARTS = {
    "qkv": ("q", "k", "v"),
    "ffn": ("gate", "up", "down", "ffn_in", "ffn_out"),
    "transmission": ("o", "ffn"),
    "all": ("qkv", "transmission"),
}
"""The components and earlier pools of which each pool consists; together they have the components of `POOLS`."""
