"""Body and tail of an entry's pooled transmission matrices, and the counts that two laws predict (Figure 3)."""

import math
from collections.abc import Collection, Iterable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from weightfit import table
from weightfit.components import POOLED, POOLS
from weightfit.counts.histogram import Histogram, pool
from weightfit.fits.moments import QUANTILES
from weightfit.fits.null import GaussianMixture
from weightfit.fits.probability_plot import Magnitudes, magnitudes
from weightfit.studies.bins import counts_in, gaussian_shares, weibull_shares
from weightfit.studies.selection import of_components, protocol
from weightfit.studies.stage import Stage, read_stages, stages

COMPONENT = "transmission"
BINS = 60
"""Number of bins of equal width in the body, and in the tail."""


def tail(fits: pa.Table, parts: Iterable[Path], milestones: Collection[int]) -> pa.Table:
    """Count the magnitudes of the FFN and o matrices of all blocks, below and above their 99 % quantile.

    Parameters
    ----------
    fits
        Table of contract ``fits``, which has the law of each pool and says which matrices belong to it.
    parts
        Parquet files of contract ``histograms`` from which ``fits`` was made, one per entry; they are read one at a
        time.
    milestones
        Steps to count in addition to the first and the last of each entry, where the entry has them.

    Returns
    -------
    pyarrow.Table
        Table of contract ``tail``, in the order of the parts; an entry without a fitted pool has no rows.

    Raises
    ------
    ContractError
        If a fitted matrix is in none of the parts.
    """
    pooled = fits.filter((pc.field("block") == POOLED) & of_components([COMPONENT]) & protocol())
    laws = {(row["entry"], row["step"]): row for row in pooled.to_pylist()}
    chosen = [stage for stage in stages(fits, milestones) if (stage.entry, stage.step) in laws]
    rows: list[dict[str, object]] = []
    for stage, blocks in groupby(read_stages(parts, chosen), key=lambda block: block[0]):
        members = [
            histogram
            for _, _, found in blocks
            for component, histogram in found.items()
            if component in POOLS[COMPONENT]
        ]
        rows.extend(_rows(stage, members, laws[stage.entry, stage.step]))
    return table.of_rows("tail", rows)


def _rows(stage: Stage, members: list[Histogram], law: Mapping[str, Any]) -> list[dict[str, object]]:
    whole = pool(members)
    sample = magnitudes(whole, whole.mean)
    mixture = GaussianMixture.of([one.standard_deviation for one in members], [one.n for one in members])
    key = {
        "entry": stage.entry,
        "step": stage.step,
        "terminal": stage.terminal,
        "component": COMPONENT,
        "n": sample.n,
    }
    rows = []
    for region, edges in _regions(sample).items():
        counts = counts_in(sample, edges)
        if region == "tail":
            counts[-1] += sample.count[-1]  # the last edge, the largest magnitude, lies in no bin
        weibull = sample.n * weibull_shares(law["shape"], law["scale"], edges)
        null = sample.n * gaussian_shares(mixture, edges)
        for place in range(BINS):
            rows.append(
                key
                | {
                    "region": region,
                    "bin": place,
                    "low": edges[place],
                    "high": edges[place + 1],
                    "count": int(counts[place]),
                    "count_weibull": weibull[place],
                    "count_null": null[place],
                }
            )
    return rows


def _regions(sample: Magnitudes) -> dict[str, NDArray[np.float64]]:
    """Return the edges of the bins up to the 99 % quantile, and from there to the largest magnitude."""
    rank = math.ceil(QUANTILES["q99"] * sample.n)
    border = sample.value[np.searchsorted(np.cumsum(sample.count), rank)]
    return {
        "body": np.linspace(0.0, border, BINS + 1),
        "tail": np.linspace(border, sample.value[-1], BINS + 1),
    }
