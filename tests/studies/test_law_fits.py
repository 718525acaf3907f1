"""Fits of families to counts in cells: closed forms, scipy's fits of the raw samples, planted truth, brute force."""

import math

import numpy as np
import pytest
from scipy import optimize, stats

from weightfit.studies.law_families import FAMILIES
from weightfit.studies.law_fits import EDGES, fit_families

N = 100_000
SCIPY = {
    "half_normal": lambda scale, _: stats.halfnorm(scale=scale),
    "student_t": lambda scale, shape: stats.t(shape, scale=scale),
    "generalised_normal": lambda scale, shape: stats.gennorm(shape, scale=scale),
    "lognormal": lambda scale, shape: stats.lognorm(shape, scale=scale),
    "gamma": lambda scale, shape: stats.gamma(shape, scale=scale),
    "weibull": lambda scale, shape: stats.weibull_min(shape, scale=scale),
}
FOLDED = {"student_t", "generalised_normal"}

# Laws whose magnitudes are planted, some far from Gaussian, with root mean square near 1.
PLANTED = {
    "half_normal": (1.0, None),
    "student_t": (0.8, 5.0),
    "generalised_normal": (0.98, 1.3),
    "lognormal": (0.53, 0.8),
    "gamma": (0.9, 0.7),
    "weibull": (0.82, 1.2),
}


def draw(name, seed, size=N):
    law = SCIPY[name](*PLANTED[name])
    return np.abs(law.rvs(size, random_state=np.random.default_rng([103, seed])))


def cell_counts(magnitudes):
    return np.histogram(magnitudes, EDGES)[0].astype(np.float64)


def cdf(name, scale, shape, x):
    law = SCIPY[name](scale, shape)
    return 1 - 2 * law.sf(x) if name in FOLDED else law.cdf(x)


def cell_probabilities(name, scale, shape):
    """Return scipy's probabilities, by differences of whichever tail keeps its digits."""
    law = SCIPY[name](scale, shape)
    inside = np.where(law.cdf(EDGES[:-1]) < 0.7, np.diff(law.cdf(EDGES)), -np.diff(law.sf(EDGES)))
    return inside * (2 if name in FOLDED else 1)


@pytest.fixture(scope="module")
def samples():
    return {name: draw(name, 0) for name in PLANTED}


@pytest.fixture(scope="module")
def fits(samples):
    return fit_families(np.stack([cell_counts(sample) for sample in samples.values()]))


def parameters(fit, place):
    return fit.scale[place], None if np.isnan(fit.shape[place]) else fit.shape[place]


def test_gaussian_weights_put_little_into_any_cell():
    assert cell_probabilities("half_normal", 1.0, None).max() < 0.0161
    assert np.all(np.diff(EDGES) > 0)


def test_closed_forms(samples, fits):
    for place, sample in enumerate(samples.values()):
        # What counting in cells loses is a small part of the standard errors.
        sigma = math.sqrt((sample**2).mean())
        log = np.log(np.maximum(sample, 1e-7))
        half_normal, lognormal = fits["half_normal"], fits["lognormal"]
        assert abs(half_normal.scale[place] - sigma) < 0.12 * half_normal.scale_se[place]
        assert abs(math.log(lognormal.scale[place]) - log.mean()) < 0.1 * log.std() / math.sqrt(N) + 2e-4
        assert abs(lognormal.shape[place] - log.std()) < 0.15 * lognormal.shape_se[place] + 2e-4


@pytest.mark.parametrize("name", ["student_t", "generalised_normal", "gamma", "weibull"])
def test_fits_are_scipys_of_the_raw_sample(samples, name):
    # Student's degrees run away on Gaussian weights, scipy's simplex stops early on lognormal ones.
    chosen = {planted: samples[planted][:20_000] for planted in ("student_t", "gamma", "weibull")}
    fit = fit_families(np.stack([cell_counts(sample) for sample in chosen.values()]))[name]
    family = {"generalised_normal": "gennorm", "student_t": "t", "weibull": "weibull_min"}.get(name, name)
    for place, (planted, sample) in enumerate(chosen.items()):
        both = np.concatenate([sample, -sample]) if name in FOLDED else sample
        shape, _, scale = getattr(stats, family).fit(both, floc=0)
        assert abs(fit.shape[place] - shape) < 0.1 * fit.shape_se[place], planted
        assert abs(fit.scale[place] - scale) < 0.1 * fit.scale_se[place], planted


@pytest.mark.parametrize("name", PLANTED)
def test_likelihood_and_distance_are_those_of_scipys_law(samples, fits, name):
    for place, sample in enumerate(samples.values()):
        scale, shape = parameters(fits[name], place)
        law = name if shape is not None or name == "half_normal" else "half_normal"
        counts, probability = cell_counts(sample), cell_probabilities(law, scale, shape)
        seen = counts > 0
        assert fits[name].log_likelihood[place] == pytest.approx(
            counts[seen] @ np.log(probability[seen]), rel=3e-7
        )
        through = np.cumsum(counts) / N
        largest = np.abs(through - cdf(law, scale, shape, EDGES[1:])).max()
        assert fits[name].ks_distance[place] == pytest.approx(largest, rel=1e-6, abs=1e-9)
        exact = stats.kstest(sample, lambda x, *given: cdf(*given, x), args=(law, scale, shape)).statistic
        assert exact - 0.25 / math.sqrt(N) < fits[name].ks_distance[place] <= exact + 1e-9


@pytest.mark.parametrize("name", PLANTED)
def test_planted_parameters_come_back_within_their_errors(name):
    repeats, size = 160, 4096
    scale, shape = PLANTED[name]
    counts = np.stack([cell_counts(draw(name, 1 + seed, size)) for seed in range(repeats)])
    fit = fit_families(counts)[name]
    assert fit.converged.all()
    deviations = [(fit.scale - scale) / fit.scale_se]
    if shape is not None:
        deviations.append((np.log(fit.shape) - math.log(shape)) * fit.shape / fit.shape_se)
    for deviation in deviations:
        assert abs(deviation.mean()) < 4 / math.sqrt(repeats)
        assert deviation.std() == pytest.approx(1, abs=4 / math.sqrt(2 * repeats))


def test_errors_hold_where_no_law_of_the_family_does():
    # The half-normal sigma of Student weights is their root mean square, whose error their fourth moment rules.
    repeats, size = 300, 4096
    degrees = 9
    random = np.random.default_rng(104)
    counts = np.stack([cell_counts(np.abs(random.standard_t(degrees, size))) for _ in range(repeats)])
    fit = fit_families(counts)["half_normal"]
    kurtosis = 3 + 6 / (degrees - 4)
    expected = math.sqrt(degrees / (degrees - 2)) * math.sqrt((kurtosis - 1) / 4 / size)
    assert fit.scale.std() == pytest.approx(expected, rel=0.15)
    assert fit.scale_se.mean() == pytest.approx(expected, rel=0.08)


def test_how_often_gaussian_weights_are_given_another_law():
    repeats = 3000
    probability = cell_probabilities("half_normal", 1.0, None)
    random = np.random.default_rng(105)
    fits = fit_families(random.multinomial(4096, probability / probability.sum(), repeats).astype(np.float64))
    likelihood = {name: fit.log_likelihood for name, fit in fits.items()}
    error = math.sqrt(0.16 * 0.84 / repeats)
    rises = {name: 2 * (likelihood[name] - likelihood["half_normal"]) > 2 for name in likelihood}
    # One needless parameter, inside its range or on its bound: P(chi-squared > 2), and half of it.
    beyond = stats.chi2(1).sf(2)
    assert rises["generalised_normal"].mean() == pytest.approx(beyond, abs=4 * error)
    assert rises["student_t"].mean() == pytest.approx(beyond / 2, abs=4 * error)
    assert not any(rises[name].any() for name in ("lognormal", "gamma", "weibull"))
    best = ~np.any(list(rises.values()), axis=0)
    assert best.mean() == pytest.approx(0.83, abs=4 * error)  # measured: the two families are not independent
    limit = np.isnan(fits["student_t"].shape)
    assert limit.mean() == pytest.approx(0.5, abs=0.06)  # sample kurtosis is skewed, so more than a half
    np.testing.assert_array_equal(likelihood["student_t"][limit], likelihood["half_normal"][limit])


def test_zeros_are_magnitudes_like_others():
    counts = cell_counts(draw("half_normal", 0))
    dead = counts.copy()
    dead[0] += N / 10
    plain, more = fit_families(counts[None]), fit_families(dead[None])
    for family in FAMILIES:
        assert more[family.name].converged.all()
        assert np.isfinite(more[family.name].log_likelihood).all()
    share = 1 / 1.1
    expected = plain["half_normal"].scale[0] * math.sqrt(share)
    assert more["half_normal"].scale[0] == pytest.approx(expected, rel=1e-3)
    assert more["half_normal"].ks_distance[0] == pytest.approx(1 - share, rel=1e-3)


def test_an_outlier_costs_what_its_law_says():
    counts = cell_counts(draw("half_normal", 0))
    outlier = counts.copy()
    outlier[np.searchsorted(EDGES, 200.0) - 1] += 1
    fits = fit_families(outlier[None])
    assert all(fit.converged.all() for fit in fits.values())
    assert fits["student_t"].log_likelihood[0] > fits["half_normal"].log_likelihood[0] + 1000


def test_what_lies_in_one_cell_has_no_likeliest_law():
    counts = np.zeros((2, EDGES.size - 1))
    counts[:, 100] = 1000
    counts[1] = cell_counts(draw("half_normal", 0))
    fits = fit_families(counts)
    assert fits["half_normal"].converged.tolist() == [True, True]
    assert fits["weibull"].converged.tolist() == [False, True]
    assert fits["lognormal"].converged.tolist() == [False, True]


def test_fits_do_not_depend_on_their_neighbours(samples):
    counts = np.stack([cell_counts(sample) for sample in samples.values()])
    together, alone = fit_families(np.repeat(counts, 15, axis=0)), fit_families(counts[1:2])
    for family in FAMILIES:
        assert together[family.name].log_likelihood[15] == pytest.approx(
            alone[family.name].log_likelihood[0], rel=1e-12
        )


def ends_of_body(counts):
    """Return the edges of cells that are nearest to the 10 % and the 90 % quantile."""
    through = np.concatenate([[0], np.cumsum(counts)]) / counts.sum()
    return [EDGES[1 + np.abs(through[1:] - quantile).argmin()] for quantile in (0.1, 0.9)]


@pytest.mark.parametrize(
    "name", ["half_normal", "student_t", "generalised_normal", "lognormal", "gamma", "weibull"]
)
def test_the_fit_of_the_body_is_the_likeliest_law_of_a_censored_sample(name):
    sample = draw(name, 3, 6000)
    counts = cell_counts(sample)
    low, high = ends_of_body(counts)
    inside = sample[(sample >= low) & (sample < high)]
    below, above = (sample < low).sum(), (sample >= high).sum()
    assert 0.79 < inside.size / sample.size < 0.81

    def loss(point):
        scale, shape = np.exp(point[0]), np.exp(point[-1]) if len(point) > 1 else None
        law = SCIPY[name](scale, shape)
        double = 2 if name in FOLDED else 1
        inner = law.logpdf(inside).sum() + inside.size * math.log(double)
        return -(inner + below * np.log(cdf(name, scale, shape, low)) + above * np.log(double * law.sf(high)))

    scale, shape = PLANTED[name]
    start = np.log([scale] if shape is None else [scale, shape])
    best = optimize.minimize(loss, start, method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-8})
    fit = fit_families(counts[None], "body")[name]
    assert fit.converged.all()
    # What counting in cells loses is a small part of the standard errors.
    assert abs(fit.scale[0] - math.exp(best.x[0])) < 0.1 * fit.scale_se[0]
    if shape is not None:
        assert abs(fit.shape[0] - math.exp(best.x[1])) < 0.1 * fit.shape_se[0]


@pytest.mark.parametrize("name", PLANTED)
def test_planted_parameters_come_back_from_the_body(name):
    repeats, size = 160, 16384
    scale, shape = PLANTED[name]
    counts = np.stack([cell_counts(draw(name, 1 + seed, size)) for seed in range(repeats)])
    fit = fit_families(counts, "body")[name]
    assert fit.converged.all()
    deviations = [(fit.scale - scale) / fit.scale_se]
    if shape is not None and name != "student_t":  # of its degrees, the body alone knows little
        deviations.append((np.log(fit.shape) - math.log(shape)) * fit.shape / fit.shape_se)
    for deviation in deviations:
        median = np.median(deviation)
        assert abs(median) < 4 * 1.25 / math.sqrt(repeats)
        assert np.diff(np.quantile(deviation, [0.16, 0.84]))[0] / 2 == pytest.approx(1, abs=0.3)


def test_likelihood_and_distance_of_the_body_are_those_of_scipys_law(samples):
    for name, sample in samples.items():
        counts = cell_counts(sample)
        low, high = ends_of_body(counts)
        fit = fit_families(counts[None], "body")[name]
        scale, shape = parameters(fit, 0)
        law = name if shape is not None or name == "half_normal" else "half_normal"
        edges = np.concatenate([[0.0], EDGES[(low <= EDGES) & (high >= EDGES)], [np.inf]])
        inside = np.histogram(sample, edges)[0]
        through = cdf(law, scale, shape, edges[1:-1])
        probability = np.diff(np.concatenate([[0.0], through, [1.0]]))
        assert fit.log_likelihood[0] == pytest.approx(inside @ np.log(probability), rel=3e-7)
        largest = np.abs(np.cumsum(inside)[:-1] / N - through).max()
        assert fit.ks_distance[0] == pytest.approx(largest, rel=1e-5, abs=1e-8)


def test_the_half_normal_law_wins_the_body_of_gaussian_weights_as_often_as_that_of_all():
    repeats = 1500
    probability = cell_probabilities("half_normal", 1.0, None)
    random = np.random.default_rng(106)
    counts = random.multinomial(16384, probability / probability.sum(), repeats).astype(np.float64)
    likelihood = {name: fit.log_likelihood for name, fit in fit_families(counts, "body").items()}
    error = math.sqrt(0.16 * 0.84 / repeats)
    rises = {name: 2 * (likelihood[name] - likelihood["half_normal"]) > 2 for name in likelihood}
    beyond = stats.chi2(1).sf(2)
    assert rises["generalised_normal"].mean() == pytest.approx(beyond, abs=4 * error)
    assert rises["student_t"].mean() == pytest.approx(beyond / 2, abs=4 * error)
    assert not any(rises[name].any() for name in ("lognormal", "gamma", "weibull"))


def test_what_lies_outside_of_the_body_counts_by_its_side_only():
    counts = cell_counts(draw("student_t", 4))
    low, high = ends_of_body(counts)
    moved = counts.copy()
    above = EDGES[:-1] >= high
    moved[above] = 0
    moved[-100] = counts[above].sum()
    plain, other = (fit_families(one[None], "body") for one in (counts, moved))
    for family in FAMILIES:
        assert plain[family.name].scale[0] == pytest.approx(other[family.name].scale[0], rel=1e-6)
    assert low < high
