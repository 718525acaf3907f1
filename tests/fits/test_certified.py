"""The certified values: each has a source, and mpmath at 30 digits gives them again."""

import csv
from pathlib import Path

import pytest
from mpmath import erf, erfc, erfinv, exp, findroot, lambertw, log, log1p, mp, mpf, pi, quad, sqrt

FOLDER = Path(__file__).parents[1] / "certified"
FILES = sorted(FOLDER.glob("*.tsv"))


def rows(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def half_normal_plot(trim):
    """Regress y on x over the trim of the half-normal law; t is the quantile, so that no integrand is steep."""
    low, high = (1 - mpf(trim)) / 2, (1 + mpf(trim)) / 2
    begin = sqrt(2) * erfinv(low)
    end = sqrt(2) * erfinv(high) if high < 1 else mpf(14)
    cuts = [mpf(cut) for cut in ("1e-24", "1e-12", "1e-6", "1e-3", "0.1", "0.5", "1", "2", "4", "8")]
    cuts = [begin, *(cut for cut in cuts if begin < cut < end), end]

    def y(t):
        return log(-log1p(-erf(t / sqrt(2)))) if t < 1 else log(-log(erfc(t / sqrt(2))))

    def mean(function):
        return quad(lambda t: function(t) * sqrt(2 / pi) * exp(-t * t / 2), cuts) / mpf(trim)

    mean_x, mean_y = mean(log), mean(y)
    xx = mean(lambda t: (log(t) - mean_x) ** 2)
    xy = mean(lambda t: (log(t) - mean_x) * (y(t) - mean_y))
    yy = mean(lambda t: (y(t) - mean_y) ** 2)
    shape = xy / xx
    return {"shape": shape, "scale": exp(mean_x - mean_y / shape), "r_squared": xy**2 / (xx * yy)}


def half_normal():
    values = {f"{name}_{trim}": value for trim in ("0.80", "0.90", "1.00")
              for name, value in half_normal_plot(trim).items()}  # fmt: skip
    mean = sqrt(2 / pi)
    variance = 1 - mean**2
    fourth = 3 - 4 * mean * 2 * mean + 6 * mean**2 - 3 * mean**4
    values["gini"] = sqrt(2) - 1
    values["mean_magnitude"] = mean
    values["standard_deviation_magnitude"] = sqrt(variance)
    values["kurtosis_magnitude"] = fourth / variance**2 - 3
    for name, level in {"q10": "0.1", "q50": "0.5", "q90": "0.9", "q99": "0.99", "q999": "0.999"}.items():
        values[name] = sqrt(2) * erfinv(mpf(level))
    for n in (1_000, 1_000_000):
        values[f"maximum_of_{n}"] = quad(
            lambda t, n=n: 1 - (1 - erfc(t / sqrt(2))) ** n, [0, 1, 2, 3, 4, 5, 6, 8, 12]
        )
    return values


def ordinate_noise():
    def variance(probability):
        return probability / ((1 - probability) * log1p(-probability) ** 2)

    # d/du (e^u - 1) / u^2 = 0 with u = -ln(1 - F).
    best = 1 - exp(-(2 + lambertw(-2 * exp(-2)))).real
    values = {"least_noisy_probability": best, "least_variance": variance(best)}
    for trim, bracket in {"0.80": ("0.15", "0.199"), "0.90": ("0.08", "0.0999")}.items():
        low = findroot(
            lambda edge, trim=trim: log(variance(edge) / variance(edge + mpf(trim))),
            [mpf(end) for end in bracket],
            solver="anderson",
        )
        values |= {f"lower_equalising_edge_{trim}": low, f"upper_equalising_edge_{trim}": low + mpf(trim)}
        values[f"lower_edge_variance_{trim}"] = variance((1 - mpf(trim)) / 2) / variance(best)
        values[f"upper_edge_variance_{trim}"] = variance((1 + mpf(trim)) / 2) / variance(best)
    return values


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_certified_value_has_a_source(path):
    table = rows(path)
    assert table
    assert all(row["quantity"] and float(row["value"]) and len(row["source"]) > 10 for row in table)
    assert len({row["quantity"] for row in table}) == len(table)


@pytest.mark.parametrize("make", [half_normal, ordinate_noise])
def test_mpmath_gives_the_certified_values_again(make):
    with mp.workdps(30):
        again = {name: mp.nstr(value, 20, strip_zeros=False) for name, value in make().items()}
    certified = {row["quantity"]: row["value"] for row in rows(FOLDER / f"{make.__name__}.tsv")}
    assert again == certified
