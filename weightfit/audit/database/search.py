"""Search for aggregations of the released database that give the printed band and its statistics.

A match shows that a definition is possible, not that it was used; the number of aggregations tried is reported beside
the number of matches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from weightfit import paper, table
from weightfit.audit import printed
from weightfit.audit.database.aggregation import DIVISORS, Cells, bands, choices
from weightfit.audit.database.released import SHAPE, Edition
from weightfit.errors import ContractError
from weightfit.fits.null import GaussianMixture, released_null
from weightfit.fits.population import half_normal_log_quantile, population_fit
from weightfit.fits.released import EDGES
from weightfit.studies.selection import TRIM

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weightfit.audit.printed.number import Number

    Array = NDArray[np.float64]
    Admitted = NDArray[np.bool_]

PRINTED: Mapping[str, str] = {
    "band_low": "S3.1.band_low",
    "band_high": "S3.1.band_high",
    "variation": "S3.1.cv",
    "variation_deep": "S3.1.cv_deep",
    "median": "T1.k80.median",
    "in_band": "T1.k80.in_band",
}
"""Id of the printed number with which each statistic is compared."""

ENTRIES, DEPTH = "S3.1.n_entries", "S3.1.depth"
"""Ids of the number of entries, and of the least number of layers of a deep one."""

TOGETHER: Mapping[str, tuple[str, ...]] = {
    "headline": ("band_low", "band_high", "variation", "median", "in_band"),
    "all": tuple(PRINTED),
}
"""Sets of statistics that can match at once, by name: those over all entries, and these with the deep entries."""

DRAWS = 400
SEED = 20261125
_PHASES, _COUNT = 64, 10**7


def search(editions: Sequence[Edition]) -> pa.Table:
    """Compute every statistic under every aggregation, from the released cells and from draws of the binning error.

    Parameters
    ----------
    editions
        Editions of the main cohort's table; without any, there are no rows.

    Returns
    -------
    pyarrow.Table
        Contract ``database_search``: one row per edition and aggregation.

    Raises
    ------
    ContractError
        If an edition does not have the number of entries that the paper prints.
    """
    rows = [row for edition in editions for row in _rows(edition)]
    return table.of_rows("database_search", rows)


def summary(found: pa.Table) -> list[dict[str, object]]:
    """Return for each statistic, and for several at once, how many aggregations match the printed text.

    Parameters
    ----------
    found
        Table of contract ``database_search``.

    Returns
    -------
    list of dict
        ``statistic`` (or a key of `TOGETHER`), ``id`` and ``printed`` (None for several at once), ``aggregations``
        (number tried), ``matching``, ``matching_in_a_draw`` (in at least one draw of the binning error) and
        ``greatest_share`` (of draws in which one aggregation matches; None without a database).
    """
    return [
        {
            "statistic": statistic,
            "id": PRINTED.get(statistic),
            "printed": paper.printed(PRINTED[statistic]) if statistic in PRINTED else None,
            "aggregations": found.num_rows,
            "matching": sum(found[f"admits_{statistic}"].to_pylist()),
            "matching_in_a_draw": sum(share > 0 for share in found[f"share_{statistic}"].to_pylist()),
            "greatest_share": max(found[f"share_{statistic}"].to_pylist(), default=None),
        }
        for statistic in (*PRINTED, *TOGETHER)
    ]


# ASSUME jitter: the error of a released median of shapes is uniform up to the greatest error that binning makes on
# Gaussian weights, independently between cells.
@cache
def binning_error() -> float:
    """Return the greatest distance between the released estimator's shape and the exact one of Gaussian weights.

    Their standard deviation is varied over one bin of log10 of the magnitude; beyond that bin, the error repeats.
    """
    exact = population_fit(half_normal_log_quantile, TRIM)["shape"]
    scales = 10 ** np.linspace(-2, -2 + float(EDGES[1] - EDGES[0]), _PHASES, endpoint=False)
    laws = [GaussianMixture.of([float(sigma)], [_COUNT]) for sigma in scales]
    return max(abs(released_null(law, _COUNT, TRIM).shape - exact) for law in laws)


def jittered(edition: Edition) -> Cells:
    """Return the median shapes of an edition: as released in draw 0, moved by the binning error in the others."""
    medians = edition.medians(SHAPE)
    columns = tuple((entry, kind) for entry, own in medians.items() for kind in own)
    shape = np.array([medians[entry][kind] for entry, kind in columns])
    error = binning_error()
    moved = np.random.default_rng(SEED).uniform(-error, error, (DRAWS, shape.size))
    return Cells(columns, np.concatenate([np.zeros((1, shape.size)), moved]) + shape)


def _rows(edition: Edition) -> Iterator[dict[str, object]]:
    entries, cells = list(edition.rows), jittered(edition)
    expected = _whole(ENTRIES)
    if len(entries) != expected:
        raise ContractError(
            f"edition {edition.name}: {len(entries)} entries, {ENTRIES} prints {expected}; give the table that the "
            "paper is about"
        )
    deep = [entry for entry in entries if paper.entries()[entry].layers >= _whole(DEPTH)]
    outside = expected - _whole(PRINTED["in_band"])
    for choice in choices(cells.columns):
        values, deep_values = (choice.values(cells, chosen) for chosen in (entries, deep))
        median = {"median": np.median(values, axis=1)}
        within = {name: choice.entries_within(cells, entries, *ends) for name, ends in printed_ends().items()}
        for ddof in DIVISORS:
            spread = {"variation": _variation(values, ddof), "variation_deep": _variation(deep_values, ddof)}
            known = {name: (found, _admitted(name, found)) for name, found in (median | spread).items()}
            # For other units, the number outside the band is not known.
            for rule, limits in bands(values, ddof, outside if choice.unit == "entry" else 0).items():
                ends = dict(zip(("band_low", "band_high"), limits, strict=True))
                band = {name: (found, _admitted(name, found)) for name, found in ends.items()}
                for name, number in within.items():
                    count = {"in_band": (number, _admitted("in_band", number))}
                    yield {
                        **{"edition": edition.name, "sha256": edition.sha256},
                        **{"kinds": choice.kinds, "over_kinds": choice.over_kinds, "unit": choice.unit},
                        **{"ddof": ddof, "band": rule, "ends": name},
                        **{"units": values.shape[1], "jitter": binning_error()},
                        **_statistics({**band, **known, **count}),
                    }


def printed_ends() -> dict[str, tuple[float, float]]:
    """Return the ends of the printed band, as printed and widened by the rounding that they allow."""
    low, high = (_number(PRINTED[name]) for name in ("band_low", "band_high"))
    return {"as_printed": (low.stands, high.stands), "rounded": (low.allowed.low, high.allowed.high)}


def _variation(values: Array, ddof: int) -> Array:
    found: Array = values.std(axis=1, ddof=ddof) / values.mean(axis=1)
    return found


def _admitted(statistic: str, values: Array) -> Admitted:
    """Return in which draws a statistic agrees with the printed text."""
    meaning = printed.read(PRINTED[statistic])
    return np.array([meaning.admits(float(value)) for value in values])


def _statistics(found: Mapping[str, tuple[Array, Admitted]]) -> dict[str, object]:
    """Return each statistic as released, whether it agrees, and in what share of the draws."""
    agrees = {name: admitted for name, (_, admitted) in found.items()}
    together = {
        name: np.logical_and.reduce([agrees[each] for each in members]) for name, members in TOGETHER.items()
    }
    told = {**agrees, **together}
    return {
        **{name: float(values[0]) for name, (values, _) in found.items()},
        **{f"admits_{name}": bool(admitted[0]) for name, admitted in told.items()},
        **{f"share_{name}": float(admitted[1:].mean()) for name, admitted in told.items()},
    }


def _whole(key: str) -> int:
    """Return a printed count or setting."""
    return int(_number(key).stands)


def _number(key: str) -> Number:
    found = printed.read(key).number
    if found is None:
        raise ContractError(f"{key} is printed without a number; name one that has it")
    return found
