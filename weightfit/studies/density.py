"""The distribution of log10 of the magnitude of each matrix, in bins (Figures 6, 7, 8 and 14)."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.special import ndtri

from weightfit import table
from weightfit.components import POOLS
from weightfit.counts.histogram import Histogram, pool
from weightfit.fits.null import GaussianMixture
from weightfit.fits.probability_plot import magnitudes
from weightfit.studies.bins import counts_in, gaussian_shares
from weightfit.studies.log_bins import BINS_PER_DECADE
from weightfit.studies.stage import Stage, read_stages, stages

LOWEST_BIN, HIGHEST_BIN = -12 * BINS_PER_DECADE, 39 * BINS_PER_DECADE
"""Range of the bins: magnitudes from 1e-12, as in the released library, to the largest that the formats hold."""

NULL_REACH = 1e-4
"""Rows reach at least from this quantile of Gaussian magnitudes to the quantile at 1 less this probability."""

_EDGES = 10.0 ** (np.arange(LOWEST_BIN, HIGHEST_BIN + 1) / BINS_PER_DECADE)


@dataclass(frozen=True)
class _Binned:
    """The rows of one matrix or pool; the first row holds all magnitudes below the lower edge of the second."""

    stage: Stage
    block: int
    component: str
    n: int
    bin: NDArray[np.int64]
    share: NDArray[np.float64]
    share_null: NDArray[np.float64]


def density(fits: pa.Table, parts: Iterable[Path], milestones: Collection[int]) -> pa.Table:
    """Bin the magnitudes of every matrix, and those of the q, k and v of each block together.

    Parameters
    ----------
    fits
        Table of contract ``fits``. Exactly the fitted matrices are binned, so that both tables leave out the same ones.
    parts
        Parquet files of contract ``histograms`` from which ``fits`` was made, one per entry; they are read one at a
        time.
    milestones
        Steps to bin in addition to the first and the last of each entry, where the entry has them.

    Returns
    -------
    pyarrow.Table
        Table of contract ``density``, in the order of the parts.

    Raises
    ------
    ContractError
        If a fitted matrix is in none of the parts.
    """
    return table.build("density", _columns(list(_binned(fits, parts, milestones))))


def _columns(made: list[_Binned]) -> dict[str, Any]:
    sizes = [one.bin.size for one in made]
    number = np.concatenate([one.bin for one in made])
    low = (number / BINS_PER_DECADE).astype(object)
    low[np.cumsum([0, *sizes[:-1]])] = None  # the first row of each matrix has no lower edge
    each: dict[str, Any] = {
        "entry": np.array([one.stage.entry for one in made], object),
        "step": np.array([one.stage.step for one in made], object),
        "terminal": np.array([one.stage.terminal for one in made]),
        "block": np.array([one.block for one in made]),
        "component": np.array([one.component for one in made], object),
        "n": np.array([one.n for one in made]),
    }
    return {name: np.repeat(values, sizes) for name, values in each.items()} | {
        "bin": number,
        "log10_low": low,
        "share": np.concatenate([one.share for one in made]),
        "share_null": np.concatenate([one.share_null for one in made]),
    }


def _binned(fits: pa.Table, parts: Iterable[Path], milestones: Collection[int]) -> Iterator[_Binned]:
    for stage, block, found in read_stages(parts, stages(fits, milestones)):
        for component, histogram in found.items():
            yield _bin(stage, block, component, [histogram])
        members = [found[name] for name in POOLS["qkv"] if name in found]
        if len(members) > 1:
            yield _bin(stage, block, "qkv", members)


def _bin(stage: Stage, block: int, component: str, members: list[Histogram]) -> _Binned:
    # ASSUME density-uncentred: densities are of |w|, not centred; the mean can exceed the smallest weights.
    sample = magnitudes(pool(members))
    counts = counts_in(sample, _EDGES)
    law = GaussianMixture.of([one.standard_deviation for one in members], [one.n for one in members])
    low, high = _reach(counts, law)
    edges = np.concatenate([[0.0], _EDGES[low : high + 1]])
    below = sample.n - counts[low:].sum()
    return _Binned(
        stage,
        block,
        component,
        sample.n,
        np.arange(low - 1, high) + LOWEST_BIN,
        np.concatenate([[below], counts[low:high]]) / sample.n,
        gaussian_shares(law, edges),
    )


def _reach(counts: NDArray[np.int64], law: GaussianMixture) -> tuple[int, int]:
    """Return the index of the first bin that has a row, and the index after that of the last."""
    score = np.log(ndtri((1 + np.array([NULL_REACH, 1 - NULL_REACH])) / 2))
    tails = np.searchsorted(_EDGES, np.exp(law.log_quantile(score)), side="right") - 1
    places = np.concatenate([np.flatnonzero(counts), np.clip(tails, 0, counts.size - 1)])
    return int(places.min()), int(places.max()) + 1
