"""Which law the magnitudes of weights follow: six families fitted to the same counts by maximum likelihood."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
from scipy.special import erf

from weightfit import table
from weightfit.counts.part import read_part
from weightfit.counts.spread import counts_between
from weightfit.errors import DegenerateHistogram
from weightfit.studies.law_families import FAMILIES, Values
from weightfit.studies.law_fits import EDGES, RANGES, FamilyFit, fit_families

SEED = 20261123
REPLICATES = 32
"""Number of simulated matrices of Gaussian weights over which each expected difference and distance is averaged."""

_NAMES = tuple(family.name for family in FAMILIES)
_PARAMETERS = np.array([family.parameters for family in FAMILIES])


@dataclass(frozen=True)
class _Matrix:
    key: dict[str, object]
    n: int
    unit: float
    counts: Values

    @property
    def name(self) -> str:
        step = "" if self.key["step"] is None else f"step {self.key['step']}, "
        return f"{self.key['entry']}: {step}block {self.key['block']}, {self.key['component']}"


def laws(histograms: Sequence[Path], excluded: Mapping[str, Mapping[str, str]]) -> pa.Table:
    """Fit every family to the whole range and to the body of every matrix at the first and the last step of each entry.

    Parameters
    ----------
    histograms
        Parquet files of contract ``histograms``, one per entry.
    excluded
        Matrices (``block.component``) that the cohort file leaves out, by entry.

    Returns
    -------
    pyarrow.Table
        Table of contract ``laws``. Magnitudes are distances from the mean of the matrix.

    Raises
    ------
    DegenerateHistogram
        If some likelihood has no maximum; one error lists every such matrix.

    Notes
    -----
    The magnitudes of Gaussian weights follow the half-normal law, which is a special case of two other families. AIC
    prefers such a larger family with its needless parameter in 16 % of samples, P(chi-squared > 2). Where the true
    value of the parameter lies on its bound, as for Student's t here, it does so in half as many.
    """
    matrices = [matrix for path in histograms for matrix in _matrices(path, excluded)]
    counts = np.stack([matrix.counts for matrix in matrices])
    fits = {kept: fit_families(counts, kept) for kept in RANGES}
    faults = [
        f"{matrices[place].name}: {_NAMES[law]}{'' if kept == 'whole' else ', body'}"
        for kept, found in fits.items()
        for law, place in np.argwhere(~np.array([found[name].converged for name in _NAMES])).tolist()
    ]
    if faults:
        raise DegenerateHistogram(
            f"{len(faults)} likelihoods have no maximum; name each matrix with its reason under 'exclude' in the "
            "cohort file:\n  " + "\n  ".join(faults)
        )
    found = {kept: list(_rows(matrices, fits[kept], kept)) for kept in RANGES}
    rows = [row for place in range(len(matrices)) for kept in RANGES for row in found[kept][place]]
    return table.of_rows("laws", rows)


def _rows(
    matrices: Sequence[_Matrix], fits: Mapping[str, FamilyFit], kept: str
) -> Iterator[list[dict[str, object]]]:
    """Yield the rows of each matrix, one for each family."""
    aic = akaike(np.array([fits[name].log_likelihood for name in _NAMES]))
    for place, matrix in enumerate(matrices):
        null = _null(matrix.n, kept)
        yield [
            matrix.key
            | {
                "n": matrix.n,
                "range": kept,
                "law": name,
                "scale": fits[name].scale[place] * matrix.unit,
                "scale_se": fits[name].scale_se[place] * matrix.unit,
                "scale_null": null.scale[law] * matrix.unit,
                "shape": _or_none(fits[name].shape[place]),
                "shape_se": _or_none(fits[name].shape_se[place]),
                "shape_null": _or_none(null.shape[law]),
                "log_likelihood": fits[name].log_likelihood[place],
                "aic": aic[law, place],
                "delta_aic": aic[law, place] - aic[:, place].min(),
                "delta_aic_null": null.delta_aic[law],
                "ks_distance": fits[name].ks_distance[place],
                "ks_distance_null": null.ks_distance[law],
                "best": law == aic[:, place].argmin(),
            }
            for law, name in enumerate(_NAMES)
        ]


def akaike(log_likelihood: Values) -> Values:
    """Return Akaike's information criterion, 2 p - 2 ln L.

    Parameters
    ----------
    log_likelihood
        Log likelihood of each family (rows, in the order of `FAMILIES`) for each matrix.

    Returns
    -------
    ndarray of float64
        The criterion, in an array of the same shape.
    """
    return np.asarray(2 * _PARAMETERS[:, None] - 2 * log_likelihood)


def _matrices(path: Path, excluded: Mapping[str, Mapping[str, str]]) -> Iterator[_Matrix]:
    provenance = table.read_provenance(path)
    entry = provenance["entry"]
    if not provenance["files"]:
        return  # the weights of this entry could not be obtained
    first, last = (provenance["files"][place]["step"] for place in (0, -1))
    for step, block, found in read_part(path, {first, last}):
        for component, histogram in found.items():
            if f"{block}.{component}" in excluded.get(entry, {}):
                continue
            key = {"entry": entry, "step": step, "terminal": step == last}
            unit = histogram.standard_deviation
            yield _Matrix(
                key | {"block": block, "component": component},
                histogram.n,
                unit,
                counts_between(histogram, histogram.mean, np.append(unit * EDGES[:-1], np.inf)),
            )


@dataclass(frozen=True)
class _Null:
    """Values that Gaussian weights give, one per family."""

    scale: Values
    shape: Values
    delta_aic: Values
    ks_distance: Values


@cache
def _null(n: int, kept: str) -> _Null:
    """Fit the expected counts of Gaussian weights, and the counts of simulated samples of n weights.

    Scale and shape are free of noise. Differences and distances, which noise shifts by more than their size, are
    means over simulated matrices.
    """
    share = np.diff(erf(EDGES / np.sqrt(2)))
    expected = fit_families(1e9 * share[None, :], kept)
    samples = np.random.default_rng([SEED, n]).multinomial(n, share, REPLICATES)
    simulated = fit_families(samples.astype(np.float64), kept)
    aic = akaike(np.array([simulated[name].log_likelihood for name in _NAMES]))
    return _Null(
        scale=np.array([expected[name].scale[0] for name in _NAMES]),
        shape=np.array([expected[name].shape[0] for name in _NAMES]),
        delta_aic=(aic - aic.min(axis=0)).mean(axis=1),
        ks_distance=np.array([simulated[name].ks_distance.mean() for name in _NAMES]),
    )


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
