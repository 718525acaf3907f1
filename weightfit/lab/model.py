"""The forward pass of every block type and the loss, written in JAX."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

import weightfit.lab  # noqa: F401  (fixes the number of threads)
from weightfit.lab.architecture import OUTSIDE, ROTARY_BASE, VOCABULARY, Architecture

Arrays = Mapping[str, jax.Array]


def next_byte_loss(architecture: Architecture, arrays: Arrays, tokens: jax.Array) -> jax.Array:
    """Return the mean cross-entropy of predicting each token from those before it.

    Parameters
    ----------
    arrays
        Float32 arrays by name, as `weightfit.lab.architecture.shapes` lists them.

    Returns
    -------
    array of float32, shape ()
        Cross-entropy in nats per byte.
    """
    # One-hot products replace look-ups: on a CPU, XLA does look-ups and their gradients one row at a time.
    seen = jax.nn.one_hot(tokens[:, :-1], VOCABULARY, dtype=jnp.float32)
    wanted = jax.nn.one_hot(tokens[:, 1:], VOCABULARY, dtype=jnp.float32)
    logits = predict(architecture, arrays, seen)
    return jnp.mean(jax.nn.logsumexp(logits, -1) - jnp.sum(logits * wanted, -1))


def predict(architecture: Architecture, arrays: Arrays, seen: jax.Array) -> jax.Array:
    """Return the logits of the next token at every position.

    Parameters
    ----------
    arrays
        Float32 arrays by name, as `weightfit.lab.architecture.shapes` lists them.
    seen
        One-hot vectors of the tokens.
    """
    blocks = {name: array for name, array in arrays.items() if name not in OUTSIDE}

    def block(stream: jax.Array, own: Arrays) -> tuple[jax.Array, None]:
        return _block(architecture, own, stream), None

    # One scan over the stacked blocks compiles in the same time at any depth. Keeping only the products of
    # matrices for the backward pass copies less into and out of the stacks than keeping all values.
    block = jax.checkpoint(
        block, policy=jax.checkpoint_policies.dots_with_no_batch_dims_saveable, prevent_cse=False
    )
    stream, _ = jax.lax.scan(block, seen @ arrays["embedding"], blocks)
    stream = _norm(architecture, arrays, "final_norm", stream)
    return stream @ arrays.get("head", arrays["embedding"]).T


def _block(architecture: Architecture, own: Arrays, stream: jax.Array) -> jax.Array:
    if architecture.family.parallel:
        return (
            stream
            + _attention(architecture, own, _norm(architecture, own, "attention_norm", stream))
            + _feed_forward(architecture, own, _norm(architecture, own, "ffn_norm", stream))
        )
    if architecture.family.norm_place == "after":
        stream += _norm(architecture, own, "attention_norm", _attention(architecture, own, stream))
        return stream + _norm(architecture, own, "ffn_norm", _feed_forward(architecture, own, stream))
    stream += _attention(architecture, own, _norm(architecture, own, "attention_norm", stream))
    return stream + _feed_forward(architecture, own, _norm(architecture, own, "ffn_norm", stream))


def _norm(architecture: Architecture, arrays: Arrays, name: str, values: jax.Array) -> jax.Array:
    if architecture.family.normalization != "root mean square":
        values -= jnp.mean(values, -1, keepdims=True)
    values *= jax.lax.rsqrt(jnp.mean(values * values, -1, keepdims=True) + architecture.family.epsilon)
    if name in arrays:
        values *= arrays[name]
    return values + arrays[f"{name}_bias"] if f"{name}_bias" in arrays else values


def _linear(own: Arrays, name: str, values: jax.Array) -> jax.Array:
    values = values @ own[name].T
    return values + own[f"{name}_bias"] if f"{name}_bias" in own else values


def _attention(architecture: Architecture, own: Arrays, values: jax.Array) -> jax.Array:
    batch, sequence, width = values.shape
    heads, key_heads, head_width = architecture.heads, architecture.key_heads, architecture.head_width
    group = heads // key_heads
    qkv = _linear(own, "qkv", values)
    query_key, value = jnp.split(qkv, [width + architecture.key_width], -1)
    if architecture.family.query_key_norm == "width":
        query, key = jnp.split(query_key, [width], -1)
        query_key = jnp.concatenate(
            [_norm(architecture, own, "q_norm", query), _norm(architecture, own, "k_norm", key)], -1
        )
    query_key = query_key.reshape(batch, sequence, heads + key_heads, head_width)
    if architecture.family.query_key_norm == "head":
        query, key = jnp.split(query_key, [heads], 2)
        query_key = jnp.concatenate(
            [_norm(architecture, own, "q_norm", query), _norm(architecture, own, "k_norm", key)], 2
        )
    query, key = jnp.split(_rotate(architecture, query_key), [heads], 2)

    # The rows of all heads that share a key are stacked, so that one product per sequence and key is enough.
    query = query.reshape(batch, sequence, key_heads, group, head_width).transpose(0, 2, 3, 1, 4)
    query = query.reshape(batch * key_heads, group * sequence, head_width)
    key = key.transpose(0, 2, 1, 3).reshape(batch * key_heads, sequence, head_width)
    value = value.reshape(batch, sequence, key_heads, head_width)
    value = value.transpose(0, 2, 1, 3).reshape(batch * key_heads, sequence, head_width)
    score = (query @ key.swapaxes(1, 2) / np.sqrt(np.float32(head_width))).reshape(-1, sequence, sequence)
    score += np.where(np.tri(sequence, dtype=bool), np.float32(0), np.float32(-1e9))  # causal mask
    weight = jnp.exp(score - jax.lax.stop_gradient(score.max(-1, keepdims=True)))
    weight /= weight.sum(-1, keepdims=True)
    mixed = weight.reshape(batch * key_heads, group * sequence, sequence) @ value
    mixed = mixed.reshape(batch, key_heads, group, sequence, head_width).transpose(0, 3, 1, 2, 4)
    return _linear(own, "o", mixed.reshape(batch, sequence, width))


def _rotate(architecture: Architecture, values: jax.Array) -> jax.Array:
    """Rotate pairs (i, i + half) of each head's first components by their position times a frequency."""
    rotated = architecture.rotated
    position = np.arange(values.shape[1])[:, None]
    angle = position / ROTARY_BASE ** (np.arange(0, rotated, 2) / rotated)
    cosine, sine = (function(angle).astype(np.float32)[:, None, :] for function in (np.cos, np.sin))
    first, second, rest = jnp.split(values, [rotated // 2, rotated], -1)
    return jnp.concatenate([first * cosine - second * sine, second * cosine + first * sine, rest], -1)


def _feed_forward(architecture: Architecture, own: Arrays, values: jax.Array) -> jax.Array:
    inner = _linear(own, "ffn_in", values)
    if architecture.family.gated:
        gate, up = jnp.split(inner, 2, -1)
        inner = jax.nn.silu(gate) * up
    else:
        inner = jax.nn.gelu(inner, approximate=False)
    return _linear(own, "ffn_out", inner)
