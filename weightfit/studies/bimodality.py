"""Whether the magnitudes of a matrix have a second mode, with the shape by which the paper calls it bimodal."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.special import erf

from weightfit import table
from weightfit.counts.histogram import Histogram
from weightfit.counts.part import read_part
from weightfit.counts.spread import counts_between
from weightfit.studies.dip import critical_dip, dip
from weightfit.studies.selection import TRIM
from weightfit.studies.two_populations import LOG_EDGES, SmallPopulation, Values, small_population

SEED = 20261123
REPLICATES = 32
"""Number of simulated matrices of Gaussian weights over which each expected dip is averaged."""

MAGNITUDE_EDGES: Values = np.concatenate([[0.0], 10 ** LOG_EDGES[1:-1], [np.inf]])
"""The edges `LOG_EDGES` as magnitudes; the first and the last cell are open."""


def bimodality(histograms: Sequence[Path], fits: pa.Table) -> pa.Table:
    """Measure every matrix at the last step of each entry.

    Parameters
    ----------
    histograms
        Parquet files of contract ``histograms``, one per entry.
    fits
        Table of contract ``fits``. Matrices that are not in it are left out.

    Returns
    -------
    pyarrow.Table
        Table of contract ``bimodality``.

    Notes
    -----
    Magnitudes are abs(w), without centring: the mean of a matrix can be as large as its smallest weights, and
    subtracting it would move a second population of small weights. The paper's own protocol subtracts the mean; the
    shapes of both are given.
    """
    shapes = _shapes(fits)
    rows = [
        {"entry": entry, "step": step, "block": block, "component": component}
        | shapes[entry, block, component]
        | measure(histogram)
        for path in histograms
        for entry, step, block, component, histogram in _terminal_matrices(path)
        if (entry, block, component) in shapes
    ]
    return table.of_rows("bimodality", rows)


def measure(histogram: Histogram) -> dict[str, object]:
    """Return the dip of log10 abs(w) of one matrix and, if it has a second mode, its small population.

    Parameters
    ----------
    histogram
        Histogram of the signed weights.

    Returns
    -------
    dict
        The columns of contract ``bimodality`` from ``n`` and ``dip`` on.
    """
    return {"n": histogram.n, "dip_null": _dip_null(histogram.n), **second_mode(histogram)}


def second_mode(histogram: Histogram) -> dict[str, object]:
    """Return the columns of `measure` that need no simulation: all except ``n`` and ``dip_null``."""
    # ASSUME bimodal-dip: log10 abs(w) has a second mode where the dip test rejects one mode at level 0.001.
    # ASSUME bimodal-uncentred: magnitudes are abs(w) here; a mean can be as large as the smallest weights.
    counts = counts_between(histogram, 0.0, MAGNITUDE_EDGES)
    seen, critical = dip(LOG_EDGES, counts), critical_dip(histogram.n)
    small = small_population(counts) if seen > critical else None
    return {
        "dip": seen,
        "dip_critical": critical,
        "bimodal": seen > critical,
        **{f"small_{field.name}": None for field in fields(SmallPopulation)},
        **({} if small is None else {f"small_{name}": value for name, value in asdict(small).items()}),
    }


def _terminal_matrices(path: Path) -> Iterator[tuple[str, int | None, int, str, Histogram]]:
    provenance = table.read_provenance(path)
    if not provenance["files"]:
        return  # the weights of this entry could not be obtained
    last = provenance["files"][-1]["step"]
    for step, block, found in read_part(path, {last}):
        for component, histogram in found.items():
            yield provenance["entry"], step, block, component, histogram


def _shapes(fits: pa.Table) -> Mapping[tuple[str, int, str], dict[str, object]]:
    """Return the shapes of every matrix and pool at the last step, by entry, block and component."""
    chosen = fits.filter(pc.field("terminal") & (pc.field("sign") == "both") & (pc.field("trim") == TRIM))
    columns = ["entry", "block", "component", "protocol", "shape", "shape_se", "shape_null"]
    found: dict[tuple[str, int, str], dict[str, object]] = {}
    for row in chosen.select(columns).to_pylist():
        own = found.setdefault(
            (row["entry"], row["block"], row["component"]),
            {"shape_uncentred": None, "shape_uncentred_se": None},
        )
        if row["protocol"] == "centred":
            own |= {name: row[name] for name in ("shape", "shape_se", "shape_null")}
        elif row["protocol"] == "uncentred":
            own |= {"shape_uncentred": row["shape"], "shape_uncentred_se": row["shape_se"]}
    return found


@cache
def _dip_null(n: int) -> float:
    share = np.diff(erf(MAGNITUDE_EDGES / np.sqrt(2)))
    samples = np.random.default_rng([SEED, n]).multinomial(n, share, REPLICATES)
    return float(np.mean([dip(LOG_EDGES, sample) for sample in samples.astype(np.float64)]))
