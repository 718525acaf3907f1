"""Makes small entries for tests: their weights written, counted and fitted as a run does it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from weightfit import table
from weightfit.counts.part import count_part
from weightfit.fits.fit import fit_part
from weightfit.fits.units import Protocol
from weightfit.weights.writer import CheckpointWriter

NAMES = {
    "q": "self_attn.q_proj",
    "k": "self_attn.k_proj",
    "v": "self_attn.v_proj",
    "o": "self_attn.o_proj",
    "gate": "mlp.gate_proj",
    "up": "mlp.up_proj",
    "down": "mlp.down_proj",
}
PROTOCOLS = (
    Protocol("centred", "both", (0.80, 1.00), pools=True, steps="all"),
    Protocol("uncentred", "both", (0.80,), pools=True, steps="ends"),
)

Weights = Mapping[tuple[int, str], np.ndarray]


def shapes(width: int, hidden: int) -> dict[str, tuple[int, int]]:
    """Return the shape of each component of a block."""
    return dict.fromkeys("qkvo", (width, width)) | {
        "gate": (hidden, width),
        "up": (hidden, width),
        "down": (width, hidden),
    }


def count(folder: Path, entry: str, steps: Mapping[int | None, Weights]) -> Path:
    """Write an OLMo-like checkpoint per step, in the dtype of its arrays, and count them."""
    weights = next(iter(steps.values()))
    hidden, width = weights[0, "up"].shape
    (folder / entry).mkdir(parents=True)
    config = {
        "architectures": ["OlmoForCausalLM"],
        "num_hidden_layers": 1 + max(block for block, _ in weights),
        "hidden_size": width,
        "num_attention_heads": 1,
        "num_key_value_heads": 1,
        "intermediate_size": hidden,
    }
    (folder / entry / "config.json").write_text(json.dumps(config))
    files = []
    for step, own in steps.items():
        path = folder / entry / f"step{step}.safetensors"
        kinds = {"float16": "F16", "float32": "F32"}
        tensors = [
            (f"model.layers.{block}.{NAMES[name]}.weight", kinds[array.dtype.name], array.shape)
            for (block, name), array in own.items()
        ]
        with CheckpointWriter(path, tensors) as writer:
            for array in own.values():
                writer.write(array)
        files.append({"path": path.name, "step": step, "bytes": writer.bytes, "sha256": writer.sha256})
    output = folder / f"{entry}.parquet"
    count_part({"entry": entry, "files": files}, folder / entry, output)
    return output


def fits_of(parts: Sequence[Path], excluded: Mapping[str, Mapping[str, str]]) -> pa.Table:
    """Fit parts, one after another, into one table of contract ``fits``."""
    rows = [
        row for part in parts for row in fit_part(part, PROTOCOLS, excluded.get(part.stem, {}))[0].to_pylist()
    ]
    return table.of_rows("fits", rows)
