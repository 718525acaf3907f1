"""Statistics of matrices whose spectrum is known, and that units and transposition change none of them."""

from dataclasses import asdict

import numpy as np
import pytest

from weightfit.errors import DegenerateSpectrum
from weightfit.spectra.power_law import tail_exponent
from weightfit.spectra.statistics import stable_rank, statistics_of_matrix


def test_the_stable_rank_is_that_of_the_two_norms():
    matrix = np.random.default_rng(239).standard_t(3, (70, 50))
    values = np.linalg.svd(matrix, compute_uv=False) ** 2
    norms = np.linalg.norm(matrix), np.linalg.norm(matrix, 2)
    assert stable_rank(values) == pytest.approx((norms[0] / norms[1]) ** 2, rel=1e-13)
    assert stable_rank(np.full(7, 0.3)) == pytest.approx(7)
    assert stable_rank(np.array([0.0, 4.0, 0.0])) == 1


def test_the_statistics_of_a_diagonal_matrix_are_those_of_its_squares():
    diagonal = np.float32(1) + np.arange(64, dtype=np.float32) ** 2 / 64
    matrix = np.zeros((64, 100), np.float32)
    np.fill_diagonal(matrix, diagonal)
    squares = np.sort(diagonal.astype(np.float64) ** 2)[::-1]
    sigma = np.sqrt(squares.sum() / 6400 - (diagonal.astype(np.float64).sum() / 6400) ** 2)
    edge = sigma**2 * (8 + 10) ** 2
    found = statistics_of_matrix(matrix)
    law = tail_exponent(squares)
    assert (found.alpha, found.ks_distance) == pytest.approx((law.alpha, law.ks_distance), rel=1e-12)
    assert found.tail_share == law.tail / 64
    assert found.stable_rank == pytest.approx(squares.sum() / squares[0], rel=1e-13)
    assert found.outliers == np.count_nonzero(squares > edge) > 0
    assert found.outlier_share == found.outliers / 64
    assert found.largest_over_edge == pytest.approx(squares[0] / edge, rel=1e-12)


def test_planted_directions_are_the_outliers():
    random = np.random.default_rng(240)
    matrix = random.standard_normal((160, 100))
    left, right = (np.linalg.qr(random.standard_normal((size, 3)))[0] for size in matrix.shape)
    assert statistics_of_matrix(matrix).outliers == 0
    # Far beyond (rows columns)^(1/4) a direction stands out (Baik, Ben Arous and Peche, 2005).
    assert statistics_of_matrix(matrix + 40 * left @ right.T).outliers == 3


def test_units_and_transposition_change_nothing():
    matrix = np.random.default_rng(241).standard_t(4, (60, 80)).astype(np.float32)
    found = asdict(statistics_of_matrix(matrix))
    assert asdict(statistics_of_matrix(np.float32(2**-7) * matrix)) == found
    assert asdict(statistics_of_matrix(matrix.T)) == pytest.approx(found, rel=1e-11)


@pytest.mark.parametrize(
    ("matrix", "said"),
    [
        (np.zeros((60, 60)), "all singular values are zero, so that it has rank 0"),
        (np.full((60, 60), 0.3), "eigenvalues are distinct and not zero, but a tail needs at least 50"),
        (np.eye(40, 90), "eigenvalues are distinct and not zero, but a tail needs at least 50"),
    ],
)
def test_a_degenerate_matrix_is_refused_by_name(matrix, said):
    with pytest.raises(DegenerateSpectrum, match=rf"^0\.q: .*{said}.*: exclude the matrix$"):
        statistics_of_matrix(matrix, "0.q")
