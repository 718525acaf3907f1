"""Foresee printed numbers that need the paper's own weights, from theory, recipes and the released database.

Every number here is computed, or is a half-width or probability that a comment gives as a choice. No weights are read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from statistics import correlation, fmean, median, stdev
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq
from scipy.special import betainc, erf, ndtr

from weightfit import paper
from weightfit.audit import printed, registry
from weightfit.audit.database import released
from weightfit.audit.predictions.abstentions import ABSTENTIONS
from weightfit.audit.references.database import LATEST
from weightfit.audit.references.theory import gaussian, mixture
from weightfit.components import POOLS
from weightfit.fits.influence import fit_influence
from weightfit.fits.population import (
    half_normal_log_quantile,
    population_fit,
    student_t_log_quantile,
)
from weightfit.fits.probability_plot import Magnitudes
from weightfit.paper import Prediction
from weightfit.paper.predictions import QUANTILES
from weightfit.studies.forecast import Forecast
from weightfit.weights.initialize import standard_deviations

if TYPE_CHECKING:
    from pathlib import Path

    from weightfit.paper.predictions import Basis

TRIM = 0.80
FEED_FORWARD, TRANSMISSION = POOLS["ffn"], POOLS["transmission"]
PYTHIA = {key: entry for key, entry in paper.entries().items() if entry.family == "Pythia"}
INITIAL = ("qkv", "o", "ffn_in", "ffn_out")
"""Kinds of the matrices of a Pythia block, each with a standard deviation of its own before training."""

# ASSUME prediction-widths: half-widths of 95 % intervals that theory does not give are judged, before weights are read.
SHIFT_90, SHIFT_100, GAP = 0.001, 0.002, 0.0015
"""Half-widths of median shapes at trims 0.90 and 1.00 and of the mean gap; tails differ among trained matrices."""
GAP_FACTOR = 3.0
"""Factor within which the standard deviation of the gap is foreseen."""
ENTRY_SHAPE = 0.0015
"""Standard error of an entry's median shape if it is foreseen from the medians of its kinds."""
BLOCKS = 0.10
"""Standard deviation of ln scale over the blocks of a kind, of which the database has only the median."""
POOLED_SHAPE, POOLED_SCALE = 0.012, 0.04
"""Half-widths of the shape and of ln scale of pooled weights, mostly from the unknown spread of the blocks."""
DRIFT = 0.003
"""Half-width of a median drift: the two editions of the database differ by about a third of it."""
MEAN_FOR_MEDIAN, SHALLOW = 0.05, 0.10
"""Half-widths of ln of a mean scale over blocks if its medians are known; the second is for entries whose shallow
blocks the database calls bimodal."""
COUPLING = 0.8
"""Half-width of the inverse hyperbolic tangent of the correlation; only two of the five steps are known."""
BODY = 0.3
"""Half-width of the place of the main body, in powers of ten; it is taken in shallow blocks, the database over all."""
NO_CLOSURE, NO_OTHER_BIMODAL, NEVER = 0.01, 0.90, 0.02
"""Probabilities of statements: closure within the printed bound, no bimodal block outside Qwen, and the impossible."""


@cache
def noise() -> tuple[float, float, float]:
    """Return the asymptotic standard errors at trim 0.80 of Gaussian weights, times the root of their number.

    Returns
    -------
    tuple of float
        Those of the shape, of ln scale, and of ln of scale over measured standard deviation, from the influence
        functions at 200,000 exact quantiles. The influence of a weight w on ln of the standard deviation is
        (w^2 / sigma^2 - 1) / 2.
    """
    n = 200_000
    below = (np.arange(n) + 0.5) / n
    value = np.exp(half_normal_log_quantile(below, 1 - below))
    shape, log_scale = fit_influence(Magnitudes(value, np.ones(n, np.int64), n), TRIM)
    return float(shape.std()), float(log_scale.std()), float((log_scale - (value**2 - 1) / 2).std())


def sizes(entry: str) -> dict[str, int]:
    """Return the number of weights in one block of a Pythia model, by kind of matrix."""
    return {kind: mixture(entry, kind)[1] // PYTHIA[entry].layers for kind in INITIAL}


def predictions(database: Path | None) -> list[Prediction]:
    """Return the predictions in the order of `paper/reported.tsv`.

    Parameters
    ----------
    database
        Folder of the released database's tables; with None, predictions that need them are left out.

    Raises
    ------
    MissingData
        If a table of the database is not in the folder.
    """
    found = [*_at_start(), *_statements()]
    if database is not None:
        found += _of_database(Tables.read(database))
    found += [
        _row(key, registry.read()[key][0].reading, None, reason, entry=entry)
        for key, (entry, reason) in ABSTENTIONS.items()
    ]
    order = list(paper.reported())
    return sorted(map(_rounded, found), key=lambda row: order.index(row.id))


DIGITS = 6
"""Significant digits in the file."""


def _rounded(row: Prediction) -> Prediction:
    numbers = {name: getattr(row, name) for name in (*QUANTILES, "probability", "null", "null_se")}
    return replace(
        row,
        **{  # type: ignore[arg-type]
            name: float(f"{value:.{DIGITS}g}") for name, value in numbers.items() if value is not None
        },
    )


def _row(
    key: str,
    reading: str,
    basis: Basis | None,
    reason: str,
    forecast: Forecast | None = None,
    probability: float | None = None,
    null: tuple[float, float | None] = (math.nan, None),
    entry: str | None = None,
    determined: bool = False,
) -> Prediction:
    quantiles = (
        dict.fromkeys(QUANTILES)
        if forecast is None
        else dict(zip(QUANTILES, forecast.quantiles, strict=True))
    )
    return Prediction(
        id=key,
        entry=entry,
        reading=reading,
        basis=basis,
        determined=determined,
        scale=None if forecast is None else forecast.scale,  # type: ignore[arg-type]
        probability=probability,
        null=None if math.isnan(null[0]) else null[0],
        null_se=null[1],
        reason=reason,
        **quantiles,
    )


# Weights before training.


def _at_start() -> Iterator[Prediction]:
    """Yield what follows from the recipes of the initial weights, which are independent and Gaussian."""
    of_scale, of_ratio = noise()[1:]
    for entry, known in PYTHIA.items():
        count = sizes(entry)
        sigma = standard_deviations(known.initialization, known.layers, known.width)
        ratio = sigma["qkv"] / sigma["o"]
        # The mean of two ratios of mean scales over the blocks, which are independent.
        error = ratio * of_scale * math.sqrt(sum(1 / count[kind] for kind in INITIAL) / known.layers) / 2
        yield _row(
            f"T5.{entry.removeprefix('pythia-')}.measured",
            "mean-of-two-pairs",
            "recipe",
            "Scales before training follow the recipe's standard deviations; the width is two standard errors of the "
            "mean of two ratios over the blocks.",
            Forecast.around(ratio, 2 * error),
            entry=entry,
        )
    errors = [
        of_ratio / math.sqrt(count * PYTHIA[entry].layers)
        for entry in PYTHIA
        for count in sizes(entry).values()
    ]
    anchor = population_fit(half_normal_log_quantile, TRIM)["scale"]
    for side in ("lo", "hi"):
        sign = {"lo": -1, "hi": 1}[side]
        yield _row(
            f"A1.ratio_{side}",
            "measured-deviation",
            "theory",
            "The extreme of 20 ratios of scale to standard deviation, each with the standard error of as many Gaussian "
            "weights as the five models have.",
            Forecast(_of_extremes(errors, anchor, sign)),
        )
    matrices = [number for number in sizes("pythia-70m").values() for _ in range(PYTHIA["pythia-70m"].layers)]

    def below(x: float) -> float:
        return math.prod(float(erf(x * math.sqrt(number / 2))) for number in matrices)

    bound = printed.read("A1.mu_init").number
    assert bound is not None
    yield _row(
        "A1.mu_init",
        "greatest-of-four-kinds",
        "theory",
        "The greatest of 24 means of independent Gaussian weights, each in units of its standard deviation.",
        Forecast([brentq(lambda x, p=p: below(x) - p, 0, 1, xtol=1e-12) for p in QUANTILES.values()], "log"),
        probability=below(bound.allowed.high),
        entry="pythia-70m",
    )


def _of_extremes(errors: Sequence[float], centre: float, sign: int) -> list[float]:
    """Return quantiles of the greatest of independent estimates of a number, or of the least for sign -1.

    Parameters
    ----------
    errors
        Relative standard errors of the normal estimates.
    centre
        The number.
    """

    def below(x: float) -> float:
        return float(np.prod(ndtr(x / np.array(errors))))

    found = [brentq(lambda x, p=p: below(x) - p, -1, 1, xtol=1e-12) for p in QUANTILES.values()]
    return sorted(centre * (1 + sign * x) for x in found)


def _statements() -> Iterator[Prediction]:
    yield _row(
        "S3.1.closure_tol",
        "standard-deviation-magnitude",
        "theory",
        "For Gaussian magnitudes the fitted law's standard deviation is 15 % too great, and a body of trained weights "
        "is near to Gaussian; an error of at most 2 % in every fit would need another definition.",
        probability=NO_CLOSURE,
        null=(0.0, None),
    )
    yield _row(
        "C2.n_nonqwen_B",
        "least-of-ffn-in-blocks-0-to-5",
        "database",
        "In the released database no FFN fit of the nine entries has R² below 0.95, as three of a bimodal entry have; "
        "a bimodal block can have a greater R², so this is likely and not certain.",
        probability=NO_OTHER_BIMODAL,
        null=(1.0, None),
    )


# What the released database has.


@dataclass(frozen=True)
class Tables:
    """Medians over blocks in the released database, by entry and kind of matrix.

    Attributes
    ----------
    shapes, scales
        Medians of the main cohort, in the latest edition.
    qwen_scales
        Medians of the Qwen cohort.
    bimodal
        Entries of the Qwen cohort whose shallow blocks the database calls bimodal.
    """

    shapes: Mapping[str, Mapping[str, float]]
    scales: Mapping[str, Mapping[str, float]]
    qwen_scales: Mapping[str, Mapping[str, float]]
    bimodal: tuple[str, ...]

    @classmethod
    def read(cls, folder: Path) -> Tables:
        """Read the latest edition and the table of the Qwen cohort."""
        main, qwen = released.read(folder, LATEST), released.read(folder, released.COHORT)
        return cls(
            main.medians(released.SHAPE),
            main.medians("lambda_median_"),
            qwen.medians("lambda_median_"),
            tuple(entry for entry, row in qwen.rows.items() if row["regime"] == "B"),
        )

    def feed_forward(self) -> list[float]:
        """Return the mean over the FFN kinds of the median shapes of each entry."""
        return [
            fmean(v for kind, v in kinds.items() if kind in FEED_FORWARD) for kinds in self.shapes.values()
        ]


def _of_database(tables: Tables) -> Iterator[Prediction]:
    yield from _ablation(tables)
    yield from _pooled(tables)
    yield from _drifts(tables)
    yield from _scales(tables)
    yield _coupling(tables)
    yield _body(tables)


@cache
def heaviness(shape: float) -> float:
    """Return the degrees of freedom of the Student t law with a shape at trim 0.80, below that of Gaussian weights."""
    return float(
        brentq(
            lambda degrees: population_fit(student_t_log_quantile(degrees), TRIM)["shape"] - shape, 2.5, 1e6
        )
    )


def _at_trims(shape: float) -> list[float]:
    """Return the shapes at the three trims of the t law with a given shape at trim 0.80."""
    law = student_t_log_quantile(heaviness(shape))
    return [population_fit(law, trim)["shape"] for trim in (0.80, 0.90, 1.00)]


def _ablation(tables: Tables) -> Iterator[Prediction]:
    """Yield shapes at the wider trims and their gaps: those of a t law with the same body as the database's medians."""
    entries = tables.feed_forward()
    laws = np.array([_at_trims(shape) for shape in entries])
    gaussian_shapes = [population_fit(half_normal_log_quantile, trim)["shape"] for trim in (0.80, 0.90, 1.00)]
    # The noisiest matrix of any entry: one of the FFN of Pythia-70m.
    error = noise()[0] / math.sqrt(sizes("pythia-70m")["ffn_in"])
    of_t = "The Student t law whose shape at trim 0.80 is the median of the database's entries gives it at this trim."
    for trim, place, reach in ((90, 1, SHIFT_90), (100, 2, SHIFT_100)):
        yield _row(
            f"T1.k{trim}.median",
            "ffn",
            "theory",
            of_t,
            Forecast.around(_at_trims(median(entries))[place], reach),
            null=(gaussian_shapes[place], error),
        )
    gaps = laws[:, 0] - laws[:, 2]
    yield _row(
        "S3.2.gap_mean",
        "ffn",
        "theory",
        "Student t laws with the shapes of the database's entries at trim 0.80 give this mean gap to trim 1.00.",
        Forecast.around(float(gaps.mean()), GAP),
        null=(gaussian_shapes[0] - gaussian_shapes[2], error),
    )
    yield _row(
        "S3.2.gap_sd",
        "ffn-ddof-1",
        "theory",
        "Student t laws give the least spread of the gap over the entries; tails of other forms add about as much.",
        Forecast.around(math.sqrt(2) * stdev(gaps.tolist()), math.log(GAP_FACTOR), "log"),
    )
    ends = [printed.read(f"S3.1.band_{side}").number for side in ("low", "high")]
    low, high = (end.stands for end in ends if end is not None)
    for trim, place in ((80, 0), (90, 1), (100, 2)):
        inside = [
            float(ndtr((high - k) / ENTRY_SHAPE) - ndtr((low - k) / ENTRY_SHAPE)) for k in laws[:, place]
        ]
        wanted = printed.read(f"T1.k{trim}.in_band").number
        assert wanted is not None
        chance = _count_chances(inside)[int(wanted.stands)]
        of_null = low <= gaussian_shapes[place] <= high
        agrees = int(wanted.stands) == (len(entries) if of_null else 0)
        yield _row(
            f"T1.k{trim}.in_band",
            "ffn",
            "database" if trim == 80 else "theory",
            "Each entry lies in the band with a probability that follows from the mean of its kinds' database medians"
            + (" and from the Student t law with that shape." if place else "."),
            probability=min(max(chance, NEVER), 1 - NEVER),
            null=(float(agrees), None),
            determined=trim == 80,
        )


def _count_chances(chances: Sequence[float]) -> list[float]:
    """Return the probability of each number of successes of independent trials."""
    found = np.ones(1)
    for chance in chances:
        found = np.convolve(found, [1 - chance, chance])
    return [float(value) for value in found]


def _pooled(tables: Tables) -> Iterator[Prediction]:
    """Yield the fit of the pooled Transmission weights of Pythia-70m at the last step."""
    entry = "pythia-70m"
    shapes, scales, count = tables.shapes[entry], tables.scales[entry], sizes(entry)
    laws = [
        (shapes[kind], scales[kind] * math.exp(sign * BLOCKS), count[kind] / 2)
        for kind in TRANSMISSION
        if kind in shapes
        for sign in (-1, 1)
    ]
    fit = population_fit(_mixture_log_quantile(laws), TRIM)
    n = gaussian(entry, "count", "transmission")
    for key, name, error in (
        ("F3.k_terminal", "shape", noise()[0]),
        ("F3.lam_terminal", "scale", noise()[1]),
    ):
        null = gaussian(entry, name, "transmission")
        yield _row(
            key,
            "pooled",
            "database",
            "The pool of Student t laws with the database's median shapes and scales of o and the two FFN kinds, in "
            "the shares of their weights; how scales differ among blocks is assumed.",
            Forecast.around(fit["shape"], POOLED_SHAPE)
            if name == "shape"
            else Forecast.around(fit["scale"], POOLED_SCALE, "log"),
            null=(null, error * (1 if name == "shape" else null) / math.sqrt(n)),
            entry=entry,
        )


def _mixture_log_quantile(
    laws: Sequence[tuple[float, float, float]],
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Return ln of the quantile of a mixture of t laws, each given by shape, scale and number of weights."""
    degrees = [heaviness(shape) for shape, _, _ in laws]
    units = [
        scale / population_fit(student_t_log_quantile(free), TRIM)["scale"]
        for free, (_, scale, _) in zip(degrees, laws, strict=True)
    ]
    total = sum(count for _, _, count in laws)
    log_x = np.linspace(math.log(min(units)) - 25, math.log(max(units)) + 8, 400_001)
    square = np.exp(2 * log_x)
    below = sum(
        count / total * betainc(0.5, free / 2, square / (square + free * unit**2))
        for free, unit, (_, _, count) in zip(degrees, units, laws, strict=True)
    )
    return lambda probability, _above: np.interp(probability, below, log_x)


def _drifts(tables: Tables) -> Iterator[Prediction]:
    """Yield median drifts: medians of the database less the anchor."""
    anchor = population_fit(half_normal_log_quantile, TRIM)["shape"]
    error = noise()[0] / math.sqrt(sizes("pythia-70m")["o"])
    classes = {"trans": ("v", *TRANSMISSION), "sel": ("q", "k", "qkv")}
    for name, kinds in classes.items():
        found = [shape for entry in tables.shapes.values() for kind, shape in entry.items() if kind in kinds]
        yield _row(
            f"F4.drift_{name}",
            "as-stored",
            "database",
            "The median over entries and kinds of the database's median shapes, less the shape of Gaussian weights.",
            Forecast.around(median(found) - anchor, DRIFT),
            null=(0.0, error),
            determined=True,
        )


def _scales(tables: Tables) -> Iterator[Prediction]:
    """Yield mean scales, for which the database has medians over blocks in place of means."""
    for entry, kinds in tables.scales.items():
        size = entry.removeprefix("pythia-")
        key = f"T3.{size}.mean_lambda" if entry in PYTHIA else f"T4.{entry}.lambda"
        found = fmean(scale for kind, scale in kinds.items() if kind in TRANSMISSION)
        null: tuple[float, float | None] = (math.nan, None)
        if entry in PYTHIA:
            scales = [gaussian(entry, "scale", kind) for kind in ("o", "ffn_in", "ffn_out")]
            null = (fmean(scales), fmean(scales) * noise()[1] / math.sqrt(sizes(entry)["o"]))
        yield _row(
            key,
            "mean-of-means",
            "database",
            "The mean over kinds of the database's median scales; a mean over blocks differs from a median"
            + (", the more so as its shallow blocks are bimodal." if entry in tables.bimodal else "."),
            Forecast.around(found, SHALLOW if entry in tables.bimodal else MEAN_FOR_MEDIAN, "log"),
            null=null,
            entry=entry,
            determined=True,
        )


def _coupling(tables: Tables) -> Prediction:
    pairs = [tuple(math.log(gaussian(entry, "scale", kind)) for kind in ("o", "ffn_out")) for entry in PYTHIA]
    pairs += [tuple(math.log(tables.scales[entry][kind]) for kind in ("o", "ffn_out")) for entry in PYTHIA]
    found = correlation([one for one, _ in pairs], [other for _, other in pairs])
    return _row(
        "S5.3.r",
        "all-steps-mean",
        "database",
        "The correlation over the five sizes before training, by their recipes, and at the last step, by the database; "
        "the steps between are not known.",
        Forecast.around(found, COUPLING, "fisher"),
    )


def _body(tables: Tables) -> Prediction:
    """Return the place of the main body of bimodal blocks, as ln 2 to the power 1/k times a median scale."""
    scales = [
        v for entry in tables.bimodal for kind, v in tables.qwen_scales[entry].items() if kind in FEED_FORWARD
    ]
    anchor = population_fit(half_normal_log_quantile, TRIM)["shape"]
    found = math.log10(median(scales) * math.log(2) ** (1 / anchor))
    return _row(
        "C3.body",
        "median-magnitude",
        "database",
        "The median magnitude of a Weibull law with the database's median scale of the FFN kinds of the bimodal "
        "entries; the blocks that are asked for are shallow, where scales are smaller by an unknown factor.",
        Forecast.around(found, BODY),
    )
