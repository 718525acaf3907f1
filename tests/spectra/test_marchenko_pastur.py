"""The edges against the moments of the law and against matrices; eigenvalues beyond are counted one by one."""

import math

import numpy as np
import pytest
from scipy.integrate import quad

from weightfit.errors import DegenerateSpectrum
from weightfit.spectra.marchenko_pastur import Outliers, marchenko_pastur_edges, outliers


@pytest.mark.parametrize(("rows", "columns"), [(300, 200), (200, 300), (400, 400), (1536, 384)])
@pytest.mark.parametrize("sigma", [1.0, 0.02])
def test_the_law_between_the_edges_has_the_moments_of_random_matrices(rows, columns, sigma):
    lower, upper = marchenko_pastur_edges(rows, columns, sigma)
    number = min(rows, columns)

    def moment(order):
        # sin^2 takes the place of the place between the edges, so that the integrand has no singular end.
        def integrand(angle):
            value = lower + (upper - lower) * math.sin(angle) ** 2
            root = (upper - lower) * math.sin(angle) * math.cos(angle)
            density = root / (2 * math.pi * sigma**2 * number * value)
            return value**order * density * 2 * root

        return quad(integrand, 1e-12, math.pi / 2, epsabs=0, epsrel=1e-12)[0]

    assert moment(0) == pytest.approx(1, rel=1e-9)
    # The expectations of tr W^T W and of tr (W^T W)^2 over their number; the latter for large matrices.
    assert moment(1) == pytest.approx(sigma**2 * rows * columns / number, rel=1e-9)
    assert moment(2) == pytest.approx(sigma**4 * rows * columns * (rows + columns) / number, rel=1e-9)


@pytest.mark.parametrize("draw", ["standard_normal", "uniform"])
def test_the_eigenvalues_of_a_random_matrix_lie_between_the_edges(draw):
    random = np.random.default_rng(238)
    matrix = (
        random.standard_normal((600, 240)) if draw == "standard_normal" else random.uniform(-1, 1, (600, 240))
    )
    values = np.linalg.svd(matrix, compute_uv=False) ** 2
    lower, upper = marchenko_pastur_edges(600, 240, matrix.std())
    assert values.min() == pytest.approx(lower, rel=0.1)
    assert values.max() == pytest.approx(upper, rel=0.05)


def test_the_edges_of_a_square_matrix_begin_at_zero():
    assert marchenko_pastur_edges(9, 9, 0.5) == (0.0, 9.0)


def test_outliers_are_counted_above_the_upper_edge():
    # The edge of 9 x 4 is 25, which is not above itself.
    values = np.array([25.0, 1.0, 50.0, 25.5])
    assert outliers(values, 4, 9, 1.0) == outliers(values[::-1], 9, 4, 1.0) == Outliers(2, 0.5, 2.0)
    assert outliers(values / 4, 9, 4, 0.5) == Outliers(2, 0.5, 2.0)
    assert outliers(np.array([5.0, 1, 1, 1]), 9, 4, 1.0) == Outliers(0, 0.0, 0.2)


def test_equal_weights_have_no_edge():
    with pytest.raises(DegenerateSpectrum, match=r"0\.q: all weights are equal"):
        outliers(np.array([1.0, 0.0]), 2, 2, 0.0, "0.q")
