"""A model whose tensors are arrays in memory, such as the state dict of PyTorch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightfit.analysis.model import Matrices, Model, held_by, names_of_matrices, reasons
from weightfit.counts.histogram import Histogram, histogram_of
from weightfit.errors import DegenerateHistogram, NonFiniteWeight
from weightfit.task import Progress
from weightfit.weights.declared import Architecture
from weightfit.weights.header import Header, Tensor
from weightfit.weights.layer import matrix_of
from weightfit.weights.plan import Plan, plan

_DTYPES = {"float16": "F16", "bfloat16": "BF16", "float32": "F32", "float64": "F32"}
_WIDTHS = {"F16": 2, "BF16": 2, "F32": 4}


def of_arrays(
    arrays: Mapping[str, Any],
    name: str = "model",
    config: Mapping[str, Any] | None = None,
    architecture: Architecture | None = None,
    stack: str | None = None,
) -> Model:
    """Open a mapping of tensor names to arrays; a matrix is converted when it is counted.

    Parameters
    ----------
    arrays
        Arrays of float16, bfloat16, float32 or float64 (rounded to float32), ``(outputs, inputs)``: of numpy, or
        anything that has ``__array__`` or ``detach().cpu().numpy()``.
    name
        Name for readers.
    config
        What config.json would say, for models whose tensors cannot be split without it.
    architecture, stack
        As in `weightfit.analysis.model.local`.

    Raises
    ------
    WeightfitError
        As `weightfit.weights.plan.plan` does.
    """
    tensors, position = [], 0
    for key, value in arrays.items():
        dtype = _dtype(value)
        size = int(np.prod(value.shape)) * _WIDTHS.get(dtype, 1)
        tensors.append(Tensor(key, dtype, tuple(map(int, value.shape)), position, position + size))
        position += size
    header = Header(Path(name), 0, tuple(tensors), {})
    layout = plan([header], config, declared=architecture, stack=stack)
    return Model(
        name=name,
        origin="arrays in memory",
        family=layout.family,
        config=config or {},
        tensors=names_of_matrices(layout),
        left_out=reasons(layout),
        unread=[],
        count=lambda: _counted(arrays, layout),
        read=lambda block, component: _read(arrays, layout, block, component),
    )


def _read(arrays: Mapping[str, Any], layout: Plan, block: int, component: str) -> NDArray[Any]:
    name, piece = held_by(layout, block, component)
    return matrix_of(as_floats(arrays[name]), piece)


def _counted(arrays: Mapping[str, Any], layout: Plan) -> Matrices:
    progress = Progress(len(layout.pieces), "tensors")
    for name, pieces in layout.pieces.items():
        matrix = as_floats(arrays[name])
        for piece in pieces:
            what = f"tensor {name!r}"
            try:
                counted: Histogram | NonFiniteWeight = histogram_of(
                    matrix_of(matrix, piece), what, "BF16" if _dtype(arrays[name]) == "BF16" else None
                )
            except NonFiniteWeight as refusal:
                counted = refusal
            yield piece.block, piece.component, counted
        progress.add()


def _dtype(value: Any) -> str:
    """Return the dtype of an array in the spelling of safetensors; a type that is not counted stays as it is."""
    own = str(value.dtype).rpartition(".")[2]
    return _DTYPES.get(own, own)


def as_floats(value: Any) -> NDArray[Any]:
    """Return an array of any library as float16 or float32, bfloat16 exactly and float64 rounded.

    Raises
    ------
    DegenerateHistogram
        If it is of another type.
    """
    own = str(value.dtype).rpartition(".")[2]
    if own not in _DTYPES:
        raise DegenerateHistogram(
            f"array: {own} values; weights must be float16, bfloat16, float32 or float64: convert them first"
        )
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        # numpy has no bfloat16; its float32 holds the values exactly.
        value = (value.float() if own == "bfloat16" else value).numpy()
    found = np.asarray(value)
    return found if found.dtype == np.float16 else found.astype(np.float32, copy=False)
