"""What number formats do to the shape: weights of known laws and of real models, each stored in ten formats."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from weightfit import table
from weightfit.components import COMPONENTS
from weightfit.counts.histogram import histogram_of
from weightfit.errors import CohortError
from weightfit.fits.population import half_normal_log_quantile, population_fit, student_t_log_quantile
from weightfit.fits.probability_plot import fit, magnitudes
from weightfit.weights.declared import declared
from weightfit.weights.decoding import read_matrix
from weightfit.weights.encodings import ENCODINGS
from weightfit.weights.formats import read_header
from weightfit.weights.layer import matrix_of
from weightfit.weights.plan import plan, read_config

Matrix = NDArray[np.float32]

TRIMS = (0.80, 0.90, 1.00)
PROTOCOLS = ("centred", "uncentred")

FORMATS = ("F32", "F16", "BF16", "F8_E4M3", "F8_E5M2", "Q8_0", "Q5_1", "Q5_0", "Q4_1", "Q4_0")
"""The formats, from the finest to the coarsest; the last five are those of GGUF, which share a scale in each block."""

LARGEST = {"F8_E4M3": 448.0, "F8_E5M2": 57344.0}
"""Largest finite value of each 8-bit format of floating point (arXiv:2209.05433)."""

BLOCK_VALUES = 32
"""Number of values of a row that share a scale in the formats of GGUF."""

LAWS = (("gaussian", None), ("student_t", 5), ("student_t", 3))
"""The laws of the drawn weights, with their degrees of freedom."""

SEED = 20261129
SIDE = 1024

# ASSUME precision-scale: drawn weights have a scale of 0.02, as initialisations of transformers do, because the steps
# of F16 stop to shrink below 6e-5.
SCALE = 0.02

_SLICE = 1 << 20  # values that are quantised at once
_COMMON = ("entry", "step", "block", "component", "law", "degrees")


@dataclass(frozen=True)
class Sample:
    """A matrix that is stored in every format.

    Attributes
    ----------
    name
        Name in messages.
    key
        What the matrix is, in the columns of the contract ``precision``.
    values
        Its weights, float32 ``(rows, columns)``.
    """

    name: str
    key: Mapping[str, object]
    values: Matrix


def stored(values: Matrix, form: str, name: str = "matrix") -> Matrix:
    """Return what is read back from weights that were written in a format.

    Parameters
    ----------
    values
        Weights, float32 ``(rows, columns)``.
    form
        One of `FORMATS`.
    name
        Name of the matrix in error messages.

    Returns
    -------
    ndarray of float32
        Values in an array of the same shape.

    Raises
    ------
    CohortError
        If the format shares scales in blocks and a row is no whole number of blocks.

    Notes
    -----
    F16, BF16 and the 8-bit formats round to nearest, and ties to even. The blocks of GGUF are those of the package
    `gguf`, which rounds as llama.cpp does without an importance matrix.
    """
    if form == "F32":
        return values
    if form == "F16":
        with np.errstate(over="ignore"):  # the histogram refuses values that are not finite by name
            return values.astype(np.float16).astype(np.float32)
    if form == "BF16":
        bits = values.view(np.uint32)
        return (bits + np.uint32(0x7FFF) + (bits >> 16 & 1) & np.uint32(0xFFFF0000)).view(np.float32)
    if form in LARGEST:
        return _float8(values, form)
    if values.shape[1] % BLOCK_VALUES:
        raise CohortError(
            f"{name}: a row has {values.shape[1]} values, but {form} stores whole blocks of {BLOCK_VALUES}; remove "
            "precision from the entry in the cohort file"
        )
    kind = gguf.GGMLQuantizationType[form]
    rows = max(1, _SLICE // values.shape[1])
    return np.concatenate(
        [
            gguf.dequantize(gguf.quantize(np.ascontiguousarray(values[first : first + rows]), kind), kind)
            for first in range(0, values.shape[0], rows)
        ]
    )


def _float8(values: Matrix, form: str) -> Matrix:
    decode = ENCODINGS[form].decode
    assert decode is not None
    level = decode(np.arange(128, dtype=np.uint8)).astype(np.float32)
    level = level[np.isfinite(level)]
    # ASSUME precision-float8-scale: 8-bit floats have one scale for each matrix, by which its largest magnitude is the
    # format's largest value, as is usual where weights are quantised without calibration.
    scale = np.float32(np.abs(values).max() / LARGEST[form]) or np.float32(1)
    size = np.abs(values) / scale
    middle = (level[1:] + level[:-1]) / 2
    code = np.searchsorted(middle, size)
    # A tie was taken to the code below; it goes to the even one.
    tie = middle[np.minimum(code, middle.size - 1)] == size
    code += tie & (code % 2 == 1)
    return np.asarray(np.copysign(level[code] * scale, values), np.float32)


def drawn(side: int = SIDE) -> Iterator[Sample]:
    """Draw a square matrix of weights from each of `LAWS`.

    Parameters
    ----------
    side
        Number of its rows and of its columns.
    """
    for law, degrees in LAWS:
        random = np.random.default_rng([SEED, degrees or 0])
        values = random.standard_normal(side**2) if degrees is None else random.standard_t(degrees, side**2)
        yield Sample(
            law if degrees is None else f"{law} with {degrees} degrees of freedom",
            dict.fromkeys(_COMMON) | {"law": law, "degrees": degrees},
            (SCALE * values).astype(np.float32).reshape(side, side),
        )


def matrices(
    manifest: Mapping[str, Any],
    folder: Path,
    exclude: Mapping[str, str],
    architecture: Mapping[str, Any] | None = None,
    stack: str | None = None,
) -> Iterator[Sample]:
    """Read the matrices of the last step of an entry, one at a time.

    Parameters
    ----------
    manifest
        Manifest of the entry, with ``entry`` and ``files`` (path, step).
    folder
        Folder that holds the files and their config.json.
    exclude
        Matrices (``block.component``) that the cohort file leaves out.
    architecture
        Declaration of the names of the tensors, if the cohort file has one.
    stack
        Which stack is read, if the model has two.

    Raises
    ------
    WeightfitError
        If the checkpoint has a fault; see `weightfit.weights.formats.read_header` and `weightfit.weights.plan.plan`.
    """
    last = manifest["files"][-1]["step"]
    headers = [read_header(folder / file["path"]) for file in manifest["files"] if file["step"] == last]
    names = declared(architecture) if architecture else None
    pieces = plan(headers, read_config(folder), declared=names, stack=stack).pieces
    for header in headers:
        for tensor in header.tensors:
            held = [
                piece
                for piece in pieces.get(tensor.name, ())
                if f"{piece.block}.{piece.component}" not in exclude
            ]
            whole = read_matrix(header.path, tensor).astype(np.float32) if held else None
            for piece in held:
                assert whole is not None
                yield Sample(
                    f"{manifest['entry']}: block {piece.block}, {piece.component}",
                    dict.fromkeys(_COMMON)
                    | {
                        "entry": manifest["entry"],
                        "step": last,
                        "block": piece.block,
                        "component": piece.component,
                    },
                    matrix_of(whole, piece),
                )


def precision(laws: Iterable[Sample], models: Iterable[Sample]) -> pa.Table:
    """Store matrices in every format and fit what is read back.

    Parameters
    ----------
    laws
        Matrices of drawn weights, as `drawn` gives them.
    models
        Matrices of entries, as `matrices` gives them.

    Returns
    -------
    pyarrow.Table
        Table of contract ``precision``: the drawn laws first, then the matrices by entry, block and component.

    Raises
    ------
    DegenerateHistogram
        If a format leaves too few distinct magnitudes for a line.
    NonFiniteWeight
        If a weight is beyond the range of a format.
    """
    found = [row for sample in laws for row in _rows(sample, _shape_of_law(sample.key))]
    null = {_setting(row): row["shape"] for row in found if row["law"] == "gaussian"}
    real = [row for sample in models for row in _rows(sample, dict.fromkeys(TRIMS))]
    order: dict[object, int] = {}
    for row in real:
        order.setdefault(row["entry"], len(order))
    real.sort(key=lambda row: (order[row["entry"]], row["block"], COMPONENTS.index(row["component"])))
    return table.of_rows("precision", [row | {"shape_null": null[_setting(row)]} for row in [*found, *real]])


def _setting(row: Mapping[str, Any]) -> tuple[str, str, float]:
    return row["format"], row["protocol"], row["trim"]


def _shape_of_law(key: Mapping[str, Any]) -> dict[float, float | None]:
    """Return the shape of a law itself, by trim."""
    quantile = half_normal_log_quantile if key["degrees"] is None else student_t_log_quantile(key["degrees"])
    return {trim: population_fit(quantile, trim)["shape"] for trim in TRIMS}


def _rows(sample: Sample, of_law: Mapping[float, float | None]) -> list[dict[str, Any]]:
    rows = []
    for form in FORMATS:
        name = f"{sample.name}, stored in {form}"
        values = stored(sample.values, form, sample.name)
        histogram = histogram_of(values, name)
        for protocol in PROTOCOLS:
            centre = histogram.mean if protocol == "centred" else 0.0
            for trim, found in zip(TRIMS, fit(magnitudes(histogram, centre), TRIMS, name), strict=True):
                rows.append(
                    {
                        **sample.key,
                        "format": form,
                        "protocol": protocol,
                        "trim": trim,
                        "n": histogram.n,
                        "zeros": int(np.count_nonzero(values == 0)) / histogram.n,
                        "mean": histogram.mean / histogram.standard_deviation,
                        "shape": found.shape,
                        "shape_se": found.shape_se,
                        "shape_law": of_law[trim],
                    }
                )
    return rows
