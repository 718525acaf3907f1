"""The transformers that the lab trains: what a family fixes, what an entry chooses, and the arrays of a model.

The tensors of a checkpoint have the names, orientations and row order that the transformers library gives them, so
code that reads real checkpoints reads these too. A matrix is stored as in ``torch.nn.Linear``: its rows are outputs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from weightfit.errors import CohortError

VOCABULARY = 256
"""Number of tokens; a token is a byte."""

ROTARY_BASE = 10000.0


@dataclass(frozen=True)
class Block:
    """What a family fixes about its blocks.

    Attributes
    ----------
    model_class, model_type
        Class and type of the model, as ``config.json`` of the transformers library names them.
    normalization
        Layer norm with weight and bias (``layer``) or with neither (``plain layer``), or root-mean-square norm with
        a weight.
    norm_place
        Whether norms act before attention and feed-forward, or on their outputs.
    parallel
        Whether attention and feed-forward both read the block's input.
    query_key_norm
        Root-mean-square norm of queries and keys: over their full width, per head, or none.
    biases
        Which matrices have a bias.
    gated
        Whether the feed-forward part is a SwiGLU with gate, up and down matrices; otherwise it is an exact GELU
        between two matrices.
    rotary_fraction
        Fraction of a head's width that is rotated.
    epsilon
        Number that is added under the root in every norm.
    """

    model_class: str
    model_type: str
    normalization: Literal["layer", "plain layer", "root mean square"] = "root mean square"
    norm_place: Literal["before", "after"] = "before"
    parallel: bool = False
    query_key_norm: Literal["none", "width", "head"] = "none"
    biases: Literal["none", "qkv", "all"] = "none"
    gated: bool = True
    rotary_fraction: float = 1.0
    epsilon: float = 1e-5


BLOCKS: Mapping[str, Block] = {
    "gpt-neox": Block(
        "GPTNeoXForCausalLM",
        "gpt_neox",
        normalization="layer",
        parallel=True,
        biases="all",
        gated=False,
        rotary_fraction=0.25,
    ),
    "olmo-1": Block("OlmoForCausalLM", "olmo", normalization="plain layer"),
    "olmo-2": Block("Olmo2ForCausalLM", "olmo2", norm_place="after", query_key_norm="width", epsilon=1e-6),
    "llama": Block("LlamaForCausalLM", "llama"),
    "mistral": Block("MistralForCausalLM", "mistral"),
    "qwen-2": Block("Qwen2ForCausalLM", "qwen2", biases="qkv", epsilon=1e-6),
    "qwen-3": Block("Qwen3ForCausalLM", "qwen3", query_key_norm="head", epsilon=1e-6),
}
"""Every block type, by the name of its family."""


@dataclass(frozen=True)
class Architecture:
    """The shape of one model.

    Attributes
    ----------
    block
        A key of `BLOCKS`.
    layers, width, heads, key_heads, head_width, hidden
        Number of blocks, width of the residual stream, number of query heads, number of key and value heads, width
        of a head, and width inside the feed-forward part.
    tied
        Whether the output head is the embedding matrix.
    """

    block: str
    layers: int
    width: int
    heads: int
    key_heads: int
    head_width: int
    hidden: int
    tied: bool

    def __post_init__(self) -> None:
        laws = {
            f"block {self.block!r} is unknown; use one of {sorted(BLOCKS)}": self.block in BLOCKS,
            "layers, width, heads, key_heads, head_width and hidden must be at least 1": min(
                self.layers, self.width, self.heads, self.key_heads, self.head_width, self.hidden
            )
            >= 1,
        }
        _require(laws)
        _require(
            {
                f"heads ({self.heads}) must be a multiple of key_heads ({self.key_heads})": self.heads
                % self.key_heads
                == 0,
                f"heads x head_width ({self.heads} x {self.head_width}) must equal width ({self.width})": self.heads
                * self.head_width
                == self.width,
                f"{self.rotated} of {self.head_width} numbers of a head are rotated; the number must be even "
                "and at least 2: change head_width": self.rotated >= 2 and self.rotated % 2 == 0,
                f"block {self.block!r} must have as many key_heads as heads": self.block
                not in ("gpt-neox", "olmo-1")
                or self.key_heads == self.heads,
                f"block {self.block!r} has an output head of its own: set tied to false": not (
                    self.tied and self.block in ("gpt-neox", "olmo-1", "olmo-2")
                ),
            }
        )

    @property
    def family(self) -> Block:
        """The properties that the family fixes."""
        return BLOCKS[self.block]

    @property
    def rotated(self) -> int:
        """How many components of a head are rotated by their position."""
        return int(self.head_width * self.family.rotary_fraction)

    @property
    def key_width(self) -> int:
        """Total width of the keys, which is also that of the values."""
        return self.key_heads * self.head_width


def _require(laws: Mapping[str, bool]) -> None:
    for law, kept in laws.items():
        if not kept:
            raise CohortError(law)


def shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """List the arrays of a model as it is trained; those of the blocks are stacked along their first axis.

    Queries, keys and values form one matrix, and so do gate and up. The products are those of separate matrices,
    and because the optimizer acts on each element by itself, so is the training.

    Returns
    -------
    dict
        Shape of each array by name, in the order of the vector of all weights. ``embedding``, ``head``,
        ``final_norm`` and ``final_norm_bias`` occur once per model, all others once per block.
    """
    family, layers, width = architecture.family, architecture.layers, architecture.width
    norm = family.normalization != "plain layer"
    norm_bias = family.normalization == "layer"
    qkv = width + 2 * architecture.key_width
    ffn_in = architecture.hidden * (2 if family.gated else 1)
    every: list[tuple[str, tuple[int, ...], bool]] = [
        ("embedding", (VOCABULARY, width), True),
        ("head", (VOCABULARY, width), not architecture.tied),
        ("final_norm", (width,), norm),
        ("final_norm_bias", (width,), norm_bias),
        ("attention_norm", (layers, width), norm),
        ("attention_norm_bias", (layers, width), norm_bias),
        ("ffn_norm", (layers, width), norm),
        ("ffn_norm_bias", (layers, width), norm_bias),
        ("qkv", (layers, qkv, width), True),
        ("qkv_bias", (layers, qkv), family.biases != "none"),
        ("q_norm", (layers, width), family.query_key_norm == "width"),
        ("k_norm", (layers, architecture.key_width), family.query_key_norm == "width"),
        ("q_norm", (layers, architecture.head_width), family.query_key_norm == "head"),
        ("k_norm", (layers, architecture.head_width), family.query_key_norm == "head"),
        ("o", (layers, width, width), True),
        ("o_bias", (layers, width), family.biases == "all"),
        ("ffn_in", (layers, ffn_in, width), True),
        ("ffn_in_bias", (layers, ffn_in), family.biases == "all"),
        ("ffn_out", (layers, width, architecture.hidden), True),
        ("ffn_out_bias", (layers, width), family.biases == "all"),
    ]
    return {name: shape for name, shape, present in every if present}


MATRICES = ("embedding", "head", "qkv", "o", "ffn_in", "ffn_out")
"""The arrays that are drawn at random and decayed; biases start at zero, and the weights of norms at one."""

OUTSIDE = ("embedding", "head", "final_norm", "final_norm_bias")
"""The arrays that occur once per model and not once per block."""


def configuration(architecture: Architecture, sequence: int) -> dict[str, object]:
    """Return the contents of ``config.json`` for a model, with the keys of the transformers library.

    Parameters
    ----------
    sequence
        Number of tokens in a training sequence.
    """
    family = architecture.family
    config: dict[str, object] = {
        "architectures": [family.model_class],
        "model_type": family.model_type,
        "vocab_size": VOCABULARY,
        "num_hidden_layers": architecture.layers,
        "hidden_size": architecture.width,
        "num_attention_heads": architecture.heads,
        "num_key_value_heads": architecture.key_heads,
        "head_dim": architecture.head_width,
        "intermediate_size": architecture.hidden,
        "max_position_embeddings": sequence,
        "tie_word_embeddings": architecture.tied,
        "torch_dtype": "float16",
        "hidden_act": "silu" if family.gated else "gelu",
    }
    if family.model_type == "gpt_neox":
        config |= {
            "layer_norm_eps": family.epsilon,
            "rotary_pct": family.rotary_fraction,
            "rotary_emb_base": ROTARY_BASE,
            "use_parallel_residual": family.parallel,
            "attention_bias": True,
        }
    else:
        config["rope_theta"] = ROTARY_BASE
        if family.normalization == "root mean square":
            config["rms_norm_eps"] = family.epsilon
    return config
