"""What the spectrum of one matrix says."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightfit.errors import DegenerateSpectrum
from weightfit.spectra.marchenko_pastur import outliers
from weightfit.spectra.power_law import tail_exponent
from weightfit.spectra.singular_values import singular_values


@dataclass(frozen=True)
class Statistics:
    """Statistics of a spectrum; a factor on all weights changes none of them.

    Attributes
    ----------
    alpha, alpha_se
        Exponent of the power law of the tail, and its standard error, with the reserve that
        `weightfit.spectra.power_law.PowerLaw` states.
    tail_share
        Share of the eigenvalues from the start of the tail on.
    ks_distance
        Distance between the tail and its power law.
    stable_rank
        Squared Frobenius norm over the squared spectral norm.
    outliers, outlier_share
        Number and share of eigenvalues above the upper edge of Marchenko and Pastur, for the matrix's own standard
        deviation.
    largest_over_edge
        Largest eigenvalue over that edge.
    """

    alpha: float
    alpha_se: float
    tail_share: float
    ks_distance: float
    stable_rank: float
    outliers: int
    outlier_share: float
    largest_over_edge: float


def stable_rank(eigenvalues: NDArray[np.float64], name: str = "matrix") -> float:
    """Return the squared Frobenius norm over the squared spectral norm.

    It is at most the rank, which it equals where all singular values that are not zero are equal (Rudelson and
    Vershynin, Journal of the ACM 54, 2007, who call it the numerical rank).

    Parameters
    ----------
    eigenvalues
        Squares of all singular values, in any order and units.
    name
        What the matrix is called in messages.

    Raises
    ------
    DegenerateSpectrum
        If all are zero.
    """
    largest = float(eigenvalues.max(initial=0))
    if not largest > 0:
        raise DegenerateSpectrum(
            f"{name}: all singular values are zero, so that it has rank 0: exclude the matrix"
        )
    return float(eigenvalues.sum()) / largest


def statistics_of_spectrum(
    eigenvalues: NDArray[np.float64], rows: int, columns: int, sigma: float, name: str = "matrix"
) -> Statistics:
    """Return the statistics of a spectrum.

    Parameters
    ----------
    eigenvalues
        Squares of all singular values ``(min(rows, columns),)``, in any order.
    rows, columns
        Size of the matrix.
    sigma
        Standard deviation of its weights.
    name
        What the matrix is called in messages.

    Raises
    ------
    DegenerateSpectrum
        If a statistic is not defined.
    """
    rank = stable_rank(eigenvalues, name)
    beyond = outliers(eigenvalues, rows, columns, sigma, name)
    law = tail_exponent(eigenvalues, name)
    return Statistics(
        alpha=law.alpha,
        alpha_se=law.alpha_se,
        tail_share=law.tail / eigenvalues.size,
        ks_distance=law.ks_distance,
        stable_rank=rank,
        outliers=beyond.number,
        outlier_share=beyond.share,
        largest_over_edge=beyond.largest_over_edge,
    )


def statistics_of_matrix(matrix: NDArray[np.floating[Any]], name: str = "matrix") -> Statistics:
    """Return the statistics of the spectrum of a matrix.

    Parameters
    ----------
    matrix
        Weights ``(rows, columns)``, float16 or wider.
    name
        What the matrix is called in messages.

    Raises
    ------
    DegenerateSpectrum
        If a statistic is not defined on it.
    NonFiniteWeight
        If a weight is infinite or not a number.
    """
    eigenvalues = singular_values(matrix, name) ** 2
    # ASSUME edge-deviation: the edge is that of independent weights with the matrix's own standard deviation.
    sigma = float(np.std(matrix, dtype=np.float64))
    rows, columns = matrix.shape
    return statistics_of_spectrum(eigenvalues, rows, columns, sigma, name)
