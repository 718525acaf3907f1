"""Writes a GGUF file, counts its weights, and does the same with the gguf package alone."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter, dequantize, quantize

from weightfit.counts.scan import Scan
from weightfit.weights.formats import read_header
from weightfit.weights.plan import plan

BLOCKS, HIDDEN, INNER = 4, 1024, 4096
SHAPES = {
    **dict.fromkeys(("attn_q", "attn_k", "attn_v", "attn_output"), (HIDDEN, HIDDEN)),
    **dict.fromkeys(("ffn_gate", "ffn_up"), (INNER, HIDDEN)),
    "ffn_down": (HIDDEN, INNER),
}
WEIGHTS = BLOCKS * sum(rows * columns for rows, columns in SHAPES.values())


@contextmanager
def quantised(weights: np.ndarray, kind: GGMLQuantizationType, tokens: int) -> Iterator[Path]:
    """Make a file of a Llama-like model with a vocabulary, and remove it afterwards."""
    data = quantize(weights[: INNER * HIDDEN].reshape(INNER, HIDDEN), kind).reshape(-1)
    with tempfile.TemporaryDirectory() as folder:
        writer = GGUFWriter(Path(folder) / "model.gguf", "llama")
        writer.add_token_list([f"token {number}" for number in range(tokens)])
        writer.add_token_scores([0.0] * tokens)
        for block in range(BLOCKS):
            for name, (rows, columns) in SHAPES.items():
                size = data.size * rows * columns // (INNER * HIDDEN)
                writer.add_tensor(f"blk.{block}.{name}.weight", data[:size].reshape(rows, -1), raw_dtype=kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        yield Path(folder) / "model.gguf"


def count(file: Path) -> None:
    """Read the header and count every matrix."""
    header = read_header(file)
    for _ in Scan(header, plan([header], None), digest=False):
        pass


def dequantised(reader: GGUFReader, unique: bool = False) -> None:
    """Dequantise every matrix, and sort its values if ``unique``."""
    for tensor in reader.tensors:
        values = dequantize(tensor.data, tensor.tensor_type)
        if unique:
            np.unique(values, return_counts=True)
