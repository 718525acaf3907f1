"""The null of a number format: what the fit gives for Gaussian weights that are stored as a matrix is.

A format with few levels moves the shape whatever the weights are. The same Gaussian draw is therefore fitted before and
after it is quantised, and the difference is added to the exact null, so that the noise of the draw cancels.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from weightfit import table
from weightfit.counts.histogram import histogram_of
from weightfit.fits.null import SEED, GaussianMixture, null_fits
from weightfit.fits.probability_plot import Fit, fit, magnitudes
from weightfit.studies.precision import stored as stored_as
from weightfit.weights.encodings import ENCODINGS

TRIMS = (0.80, 0.90, 1.00)

QUANTISERS = ("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0")
"""Formats for which the gguf package has the quantiser of llama.cpp; of the others there is no null."""

# ASSUME format-null-deviation: a format is taken to move the shape alike at every scale, as it does down to subnormals.
DEVIATION = 1 / 32
"""Standard deviation of the draw, which is near those of real matrices."""

_ROW = 256


def format_null(parts: Iterable[Path]) -> pa.Table:
    """Compute the null of the format of every matrix at the last step of each entry.

    Parameters
    ----------
    parts
        Parquet files of contract ``histograms``, of which only the metadata are read.

    Returns
    -------
    pyarrow.Table
        Table of contract ``format_null``: one row per matrix and trim. Columns of the null are empty where the values
        are stored as they are, and where no quantiser of the format is known.
    """
    rows: list[dict[str, object]] = []
    for part in parts:
        made = table.read_provenance(part)
        last = max((one["step"] for one in made["files"] if one["step"] is not None), default=None)
        for matrix in made["matrices"]:
            if matrix["step"] == last:
                rows += ({"entry": made["entry"], **row} for row in of_matrix(matrix))
    return table.of_rows("format_null", rows)


def of_matrix(matrix: Mapping[str, Any]) -> Iterator[dict[str, object]]:
    """Compute the null of the format of one matrix.

    Parameters
    ----------
    matrix
        Its ``block``, ``component``, ``dtype`` (how its values are stored) and number of weights ``n``.

    Yields
    ------
    dict
        The columns of contract ``format_null`` from ``block`` on, at each of `TRIMS`.
    """
    stored, n = matrix["dtype"], matrix["n"]
    exact = null_fits(GaussianMixture.of([1.0], [n]), n, TRIMS)
    moved = movement(stored, n) if stored in QUANTISERS else None
    for number, (trim, null) in enumerate(zip(TRIMS, exact, strict=True)):
        yield {
            "block": matrix["block"],
            "component": matrix["component"],
            "trim": trim,
            "stored": stored.lower(),
            "quantised": ENCODINGS[stored].decode is not None,
            "n": n,
            "shape_null": null.shape,
            "shape_format_null": None if moved is None else null.shape + moved[number][0],
            "r_squared_null": null.r_squared,
            "r_squared_format_null": None if moved is None else null.r_squared + moved[number][1],
            "zeros_format_null": None if moved is None else moved[number][2],
        }


@lru_cache(maxsize=256)
def movement(stored: str, n: int) -> list[tuple[float, float, float]]:
    """Return what a format does to Gaussian weights, at each of `TRIMS`.

    Parameters
    ----------
    stored
        One of `QUANTISERS`.
    n
        Number of weights.

    Returns
    -------
    list of tuple
        Shape and R squared of the quantised draw minus those of the draw, and the share of exact zeros.
    """
    random = np.random.default_rng([SEED, n, QUANTISERS.index(stored)])
    drawn = random.standard_normal((-(-n // _ROW), _ROW), np.float32)
    # ASSUME format-null-mean: the draw's mean is its standard error, because centring moves exact zeros to abs(mean).
    drawn = (drawn - drawn.mean(dtype=np.float64) + n**-0.5).astype(np.float32) * np.float32(DEVIATION)
    after = stored_as(drawn, stored, "gaussian null of a format").reshape(-1)[:n]
    pairs = zip(_fits(drawn.reshape(-1)[:n]), _fits(after), strict=True)
    zeros = float(np.mean(after == 0))
    return [(new.shape - old.shape, new.r_squared - old.r_squared, zeros) for old, new in pairs]


def _fits(values: NDArray[np.float32]) -> Sequence[Fit]:
    histogram = histogram_of(values)
    return fit(magnitudes(histogram, histogram.mean), TRIMS, "gaussian null of a format")
