"""The null: drawn eigenvalues follow the law of those of Gaussian matrices, and its medians the theory of the edge."""

import math

import numpy as np
import pytest
from scipy import stats

from weightfit.errors import DegenerateSpectrum
from weightfit.spectra.marchenko_pastur import marchenko_pastur_edges
from weightfit.spectra.null import DRAWS, gaussian_eigenvalues, null
from weightfit.spectra.statistics import statistics_of_matrix

TRACY_WIDOM_MEDIAN, TRACY_WIDOM_DEVIATION = -1.2687, 1.2680  # of order 1


@pytest.mark.parametrize(("larger", "smaller"), [(24, 24), (40, 15)])
def test_drawn_eigenvalues_follow_the_law_of_those_of_gaussian_matrices(larger, smaller):
    random = np.random.default_rng(242)
    drawn = np.array([gaussian_eigenvalues(larger, smaller, random) for _ in range(1500)])
    made = np.array(
        [
            np.linalg.svd(random.standard_normal((larger, smaller)), compute_uv=False)[::-1] ** 2
            for _ in range(1500)
        ]
    )
    assert np.all(np.diff(drawn) >= 0)
    statistics = (
        *(lambda values, place=place: values[:, place] for place in (0, smaller // 2, smaller - 1)),
        lambda values: values.sum(axis=1),
        lambda values: values[:, -1] / values.sum(axis=1),
    )
    for statistic in statistics:
        assert stats.ks_2samp(statistic(drawn), statistic(made)).pvalue > 1e-3
    # E tr W^T W and E tr (W^T W)^2 of Gaussian weights, exactly.
    squares = (drawn**2).sum(axis=1)
    for sums, expected in (
        (drawn.sum(axis=1), larger * smaller),
        (squares, larger * smaller * (larger + smaller + 1)),
    ):
        assert abs(sums.mean() - expected) < 4 * sums.std() / math.sqrt(sums.size)


def test_the_largest_eigenvalue_is_that_of_tracy_and_widom():
    rows, columns = 400, 150
    found = null(rows, columns, 0)["largest_over_edge"]
    r, c = math.sqrt(rows - 1), math.sqrt(columns)
    scale = (r + c) * (1 / r + 1 / c) ** (1 / 3)
    edge = marchenko_pastur_edges(rows, columns, 1.0)[1]
    median = ((r + c) ** 2 + scale * TRACY_WIDOM_MEDIAN) / edge
    deviation = scale * TRACY_WIDOM_DEVIATION / edge
    assert abs(found.median - median) < 4 * 1.2533 * deviation / math.sqrt(DRAWS)
    assert found.deviation == pytest.approx(deviation, rel=4 / math.sqrt(2 * DRAWS))


def test_it_has_every_statistic_and_is_the_same_for_a_seed_and_a_transpose():
    found = null(90, 60, 7)
    assert set(found) == {"alpha", "alpha_se", "tail_share", "ks_distance", "stable_rank", "outliers",
                          "outlier_share", "largest_over_edge"}  # fmt: skip
    assert null(60, 90, 7) is found
    assert null(90, 60, 8) != found
    assert all(one.deviation > 0 for one in found.values())


@pytest.mark.parametrize("statistic", ["alpha", "ks_distance", "stable_rank", "tail_share"])
def test_its_medians_are_those_of_gaussian_matrices(statistic):
    random = np.random.default_rng(243)
    made = [
        getattr(statistics_of_matrix(0.02 * random.standard_normal((60, 90))), statistic) for _ in range(200)
    ]
    found = null(60, 90, 0)[statistic]
    noise = 1.2533 * np.std(made) * math.sqrt(1 / DRAWS + 1 / len(made))
    assert abs(found.median - np.median(made)) < 3 * noise


def test_a_size_with_too_few_eigenvalues_is_refused():
    with pytest.raises(DegenerateSpectrum, match="Gaussian matrix of 200 x 40: 40 of 40 eigenvalues"):
        null(40, 200, 0)
