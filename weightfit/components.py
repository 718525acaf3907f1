"""The kinds of matrices of a transformer block, and how they are pooled."""

COMPONENTS = ("q", "k", "v", "o", "gate", "up", "down", "ffn_in", "ffn_out")
"""Every component, in the order of columns and tables."""

POOLED = -1
"""The block number that stands for a pool over all blocks."""

POOLS = {
    "qkv": ("q", "k", "v"),
    "ffn": ("gate", "up", "down", "ffn_in", "ffn_out"),
    "transmission": ("o", "gate", "up", "down", "ffn_in", "ffn_out"),
    "all": ("q", "k", "v", "o", "gate", "up", "down", "ffn_in", "ffn_out"),
}
"""The components that each pool combines."""

PARTS = {
    "qkv": ("q", "k", "v"),
    "ffn": ("gate", "up", "down", "ffn_in", "ffn_out"),
    "transmission": ("o", "ffn"),
    "all": ("qkv", "transmission"),
}
"""The components and earlier pools of which each pool consists; together they have the components of `POOLS`."""
