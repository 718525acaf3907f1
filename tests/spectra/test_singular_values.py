"""Singular values against a decomposition, and where they are known; what has none is refused."""

import numpy as np
import pytest

from weightfit.errors import DegenerateSpectrum, NonFiniteWeight
from weightfit.spectra.singular_values import singular_values

EPSILON = np.finfo(np.float64).eps


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (60, 60), (40, 130), (130, 40)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_they_are_those_of_a_decomposition(shape, dtype):
    matrix = (0.02 * np.random.default_rng(232).standard_t(3, shape)).astype(dtype)
    found = singular_values(matrix)
    exact = np.linalg.svd(matrix.astype(np.float64), compute_uv=False)
    assert found.dtype == np.float64
    assert np.all(np.diff(found) <= 0)
    assert np.abs(found**2 - exact**2).max() <= 30 * EPSILON * exact[0] ** 2
    assert found[found > found[0] / 10] == pytest.approx(exact[exact > exact[0] / 10], rel=2e-14)


def test_those_of_a_diagonal_matrix_are_its_magnitudes():
    diagonal = np.array([3.0, -5.0, 0.0, 0.5, -0.25], np.float32)
    matrix = np.zeros((5, 9), np.float32)
    np.fill_diagonal(matrix, diagonal)
    for one in (matrix, matrix.T):
        assert singular_values(one).tolist() == sorted(map(abs, diagonal.tolist()), reverse=True)


def test_those_of_a_permuted_hadamard_matrix_are_equal():
    matrix = np.ones((1, 1))
    for _ in range(6):
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    assert singular_values(matrix[np.random.default_rng(233).permutation(64)]) == pytest.approx(8, rel=1e-15)


def test_one_of_rank_one_has_one():
    left, right = np.arange(1.0, 31.0), np.arange(1.0, 21.0)
    found = singular_values(np.outer(left, right))
    assert found[0] == pytest.approx(np.sqrt((left**2).sum() * (right**2).sum()), rel=1e-15)
    assert found[1:].max() < 1e-7 * found[0]


@pytest.mark.parametrize("array", [np.zeros(3), np.zeros((2, 2, 2)), np.zeros((0, 4))])
def test_what_is_no_matrix_is_refused(array):
    with pytest.raises(
        DegenerateSpectrum, match=r"0\.q: an array of shape .* has no singular values: give a matrix"
    ):
        singular_values(array, "0.q")


def test_a_weight_that_is_not_finite_is_refused():
    matrix = np.ones((4, 5), np.float32)
    matrix[1, 2], matrix[3, 3] = np.nan, -np.inf
    with pytest.raises(NonFiniteWeight, match=r"0\.q: 2 of 20 weights are infinite or not a number"):
        singular_values(matrix, "0.q")
