"""The edges between which the eigenvalues of a large Gaussian matrix lie, and the eigenvalues beyond."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weightfit.errors import DegenerateSpectrum


@dataclass(frozen=True)
class Outliers:
    """The eigenvalues above the upper edge.

    Attributes
    ----------
    number, share
        How many there are, and which share of all eigenvalues that is.
    largest_over_edge
        Largest eigenvalue over the upper edge, also where none lies above it.
    """

    number: int
    share: float
    largest_over_edge: float


def marchenko_pastur_edges(rows: int, columns: int, sigma: float) -> tuple[float, float]:
    """Return the ends of the interval that holds the eigenvalues of W^T W for a large matrix of independent weights.

    They are sigma^2 (sqrt(rows) -+ sqrt(columns))^2 for weights of mean zero and standard deviation sigma, whatever
    law of finite variance they follow (Marchenko and Pastur, Mathematics of the USSR-Sbornik 1, 1967). Their square
    roots are the edges of the singular values. In a matrix of finite size with Gaussian weights, the largest eigenvalue
    spreads around the upper edge on a scale of sigma^2 (r + c) (1/r + 1/c)^(1/3), with r and c the square roots of rows
    and columns (Johnstone, Annals of Statistics 29, 2001); `weightfit.spectra.null.null` tells what that amounts to.

    Parameters
    ----------
    rows, columns
        Size of the matrix; the eigenvalues are the min(rows, columns) squares of its singular values.
    sigma
        Standard deviation of the weights.

    Returns
    -------
    lower, upper : float
        In squared units of the weights.
    """
    return (
        sigma**2 * (math.sqrt(rows) - math.sqrt(columns)) ** 2,
        sigma**2 * (math.sqrt(rows) + math.sqrt(columns)) ** 2,
    )


def outliers(
    eigenvalues: NDArray[np.float64], rows: int, columns: int, sigma: float, name: str = "matrix"
) -> Outliers:
    """Return the number of eigenvalues above the upper edge, and how far the largest lies beyond.

    Parameters
    ----------
    eigenvalues
        Squares of all singular values ``(min(rows, columns),)``, in any order.
    rows, columns, sigma
        As `marchenko_pastur_edges` takes them.
    name
        What the matrix is called in messages.

    Raises
    ------
    DegenerateSpectrum
        If sigma is zero.
    """
    if not sigma > 0:
        raise DegenerateSpectrum(
            f"{name}: all weights are equal, so that there is no edge: exclude the matrix"
        )
    _, edge = marchenko_pastur_edges(rows, columns, sigma)
    number = int(np.count_nonzero(eigenvalues > edge))
    return Outliers(number, number / eigenvalues.size, float(eigenvalues.max()) / edge)
