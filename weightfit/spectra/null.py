"""The null of a spectrum: what Gaussian matrices of the same size give."""

import math
import statistics
from dataclasses import dataclass, fields
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigvalsh_tridiagonal

from weightfit.spectra.statistics import Statistics, statistics_of_spectrum

DRAWS = 32
"""Number of matrices that are drawn for a size."""


@dataclass(frozen=True)
class Null:
    """A statistic over Gaussian matrices of one size.

    Attributes
    ----------
    median, deviation
        Median and standard deviation over `DRAWS` matrices. The noise of the deviation is an eighth of it.
    """

    median: float
    deviation: float


def null(rows: int, columns: int, seed: int) -> dict[str, Null]:
    """Return the null of each field of `weightfit.spectra.statistics.Statistics`.

    The draws of a size together cost 0.2 s of one core for 512 x 2048, 2 s for 2048 x 2048 and 8 s for 4096 x 4096,
    because no Gaussian matrix is made: see `gaussian_eigenvalues`. A second call costs nothing.

    Parameters
    ----------
    rows, columns
        Size of the matrices; a matrix and its transpose have the same null.
    seed
        Seed of the draws.

    Raises
    ------
    DegenerateSpectrum
        If there are too few eigenvalues.
    """
    return _null(max(rows, columns), min(rows, columns), seed)


@cache
def _null(larger: int, smaller: int, seed: int) -> dict[str, Null]:
    random = np.random.default_rng([seed, larger, smaller])
    name = f"Gaussian matrix of {larger} x {smaller}"
    drawn = []
    for _ in range(DRAWS):
        eigenvalues = gaussian_eigenvalues(larger, smaller, random)
        # The mean of so many weights is near enough to zero to be left out of their standard deviation.
        sigma = math.sqrt(eigenvalues.sum() / (larger * smaller))
        drawn.append(statistics_of_spectrum(eigenvalues, larger, smaller, sigma, name))
    return {
        field.name: _over_draws([getattr(one, field.name) for one in drawn]) for field in fields(Statistics)
    }


def _over_draws(values: list[float]) -> Null:
    return Null(float(statistics.median(values)), statistics.stdev(values))


def gaussian_eigenvalues(larger: int, smaller: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Return the squared singular values of a matrix of independent standard Gaussian weights, in rising order.

    Orthogonal transformations bring such a matrix to a bidiagonal one with the same singular values. Its entries are
    independent and follow chi laws with falling degrees of freedom, so that they can be drawn directly (Dumitriu and
    Edelman, Journal of Mathematical Physics 43, 2002). The joint law of the singular values is exact.

    Parameters
    ----------
    larger, smaller
        Size of the matrix, the larger one first.
    random
        Where the draws come from.

    Returns
    -------
    ndarray of float64 ``(smaller,)``
    """
    square = random.chisquare(np.arange(larger, larger - smaller, -1))
    beside = random.chisquare(np.arange(smaller - 1, 0, -1))
    diagonal = square.copy()
    diagonal[1:] += beside
    eigenvalues = eigvalsh_tridiagonal(diagonal, np.sqrt(square[:-1] * beside), lapack_driver="sterf")
    return np.maximum(eigenvalues, 0, dtype=np.float64)
