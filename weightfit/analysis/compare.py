"""Two models, matrix by matrix: what changed in shape, scale and distribution, and what lies beyond noise."""

from __future__ import annotations

import hashlib
import math
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from weightfit.analysis.analysis import analyze_model, open_model
from weightfit.analysis.comparison import COLUMNS, FALSE_ALARM, Changes, lines
from weightfit.analysis.model import Matrices, Model
from weightfit.components import COMPONENTS
from weightfit.counts.histogram import Histogram, histogram_of
from weightfit.errors import CohortError, NonFiniteWeight
from weightfit.fits.probability_plot import fit, magnitudes
from weightfit.studies.format_null import QUANTISERS, movement
from weightfit.studies.precision import BLOCK_VALUES, FORMATS, TRIMS, stored
from weightfit.studies.selection import TRIM

if TYPE_CHECKING:
    import pandas as pd

_LOW_BITS = 13


class Comparison(Changes):
    """What changed from a first model to a second one, as pandas tables, as text, and as a page."""

    @property
    def table(self) -> pd.DataFrame:
        """One row per matrix; the published schema ``comparison`` describes the columns."""
        import pandas as pd

        return pd.DataFrame(list(self.rows), columns=list(COLUMNS))

    @property
    def moved(self) -> pd.DataFrame:
        """The rows of the matrices that moved beyond noise, the largest change of shape first."""
        found = self.table
        found = found[found["moved"].notna()]
        return found.sort_values("shape_change", key=np.abs, ascending=False, kind="stable")

    def page(self, path: str | Path) -> None:
        """Write the page of the comparison, one file that loads nothing from the network."""
        from weightfit.analysis.compare_page import write_page

        write_page(Path(path), self)

    def __repr__(self) -> str:
        return "\n".join(lines(self))


def compare(
    one: str | Path | Mapping[str, Any],
    other: str | Path | Mapping[str, Any],
    *,
    architecture: str | Path | None = None,
    stack: str | None = None,
    cache: str | Path | None = None,
) -> Comparison:
    """Compare two models matrix by matrix, such as a base and its fine-tune, a full and a quantised one, or two seeds.

    Parameters
    ----------
    one, other
        Two sources as `weightfit.analyze` takes them. Matrices are matched by kind and block, so the two may be in
        different formats and under different names.
    architecture, stack, cache
        As in `weightfit.analyze`, for both.

    Returns
    -------
    Comparison
        ``.table`` has every matrix, ``.moved`` those that moved beyond noise.

    Raises
    ------
    CohortError
        If the two have no matrix in common, or a model cannot be opened.
    WeightfitError
        As `weightfit.analyze` does.

    Notes
    -----
    Standard errors are those of two independent models of independent weights. A fine-tune shares its weights with its
    base, so that smaller changes than these may be real too.
    """
    opened = [
        open_model(source, architecture=architecture, stack=stack, cache=cache) for source in (one, other)
    ]
    return compare_models(*opened)


def compare_models(one: Model, other: Model) -> Comparison:
    """Compare two opened models; see `compare`."""
    with tempfile.TemporaryDirectory() as folder:
        kept = _Distributions(Path(folder))
        first = analyze_model(_watched(one, kept.keep))
        distances: dict[tuple[int, str], tuple[float, bool]] = {}
        second = analyze_model(
            _watched(other, lambda *matrix: distances.__setitem__(matrix[:2], kept.distance(*matrix)))
        )
    left, right = (
        {(row["component"], row["block"]): row for row in found.measured.rows} for found in (first, second)
    )
    common = [place for place in left if place in right]
    if not common:
        raise CohortError(
            f"{one.name} and {other.name} have no kind of matrix in the same block: compare models of the same "
            "architecture"
        )
    # ASSUME compare-noise: beyond noise is what noise reaches in 1 % of comparisons, for all their matrices together.
    limit = float(-ndtri(FALSE_ALARM / (2 * 2 * len(common))))
    rows = [_row(one, left[place], right[place], *distances[place[1], place[0]], limit) for place in common]
    unmatched = sorted(left.keys() ^ right.keys(), key=lambda place: (COMPONENTS.index(place[0]), place[1]))
    return Comparison(first, second, rows, unmatched)


def _watched(model: Model, watch: Callable[[int, str, Histogram], None]) -> Model:
    """Return a model each of whose histograms is also given to a function."""

    def count() -> Matrices:
        for block, component, histogram in model.count():
            if not isinstance(histogram, NonFiniteWeight):
                watch(block, component, histogram)
            yield block, component, histogram
            del histogram

    return replace(model, count=count)


class _Distributions:
    """The distributions of |w| of the first model, on disk, in bins of the top 19 bits of float32."""

    def __init__(self, folder: Path):
        self._folder = folder

    def keep(self, block: int, component: str, histogram: Histogram) -> None:
        np.savez(self._path(block, component), *_binned(histogram), _digest(histogram))

    def distance(self, block: int, component: str, histogram: Histogram) -> tuple[float, bool]:
        """Return the largest distance of the two distribution functions, and whether the weights are the same."""
        path = self._path(block, component)
        if not path.is_file():
            return math.nan, False
        with np.load(path, allow_pickle=False) as kept:
            bins, share, digest = (kept[name] for name in kept.files)
        own_bins, own_share = _binned(histogram)
        edges = np.union1d(bins, own_bins)
        difference = _through(bins, share, edges) - _through(own_bins, own_share, edges)
        return float(np.abs(difference).max()), bool(np.array_equal(digest, _digest(histogram)))

    def _path(self, block: int, component: str) -> Path:
        return self._folder / f"{block}.{component}.npz"


def _binned(histogram: Histogram) -> tuple[NDArray[np.uint32], NDArray[np.float64]]:
    """Return the bins of |w| that occur, and the share of the weights in each."""
    # ASSUME compare-distance: distribution functions are compared at the edges of bins of 2^-10 relative width.
    magnitude = np.abs(histogram.value).view(np.uint32) >> np.uint32(_LOW_BITS)
    bins, place = np.unique(magnitude, return_inverse=True)
    return bins, np.bincount(place, histogram.count) / histogram.n


def _through(
    bins: NDArray[np.uint32], share: NDArray[np.float64], edges: NDArray[np.uint32]
) -> NDArray[np.float64]:
    """Return the share of the weights in all bins up to each one."""
    return np.concatenate([[0.0], np.cumsum(share)])[np.searchsorted(bins, edges, side="right")]


def _digest(histogram: Histogram) -> NDArray[np.uint8]:
    digest = hashlib.sha256(histogram.value.tobytes())
    digest.update(histogram.count.tobytes())
    return np.frombuffer(digest.digest(), np.uint8)


def _row(
    model: Model,
    one: Mapping[str, Any],
    other: Mapping[str, Any],
    distance: float,
    identical: bool,
    limit: float,
) -> dict[str, Any]:
    shape_format, scale_format = (0.0, 0.0) if identical else _of_format(model, one, other)
    found = {
        "component": one["component"],
        "block": one["block"],
        "tensor": one["tensor"],
        "other_tensor": other["tensor"],
        "stored": one["stored"],
        "other_stored": other["stored"],
        "n": one["n"],
        "other_n": other["n"],
        "identical": identical,
        "shape": one["shape"],
        "other_shape": other["shape"],
        "shape_change": other["shape"] - one["shape"],
        "shape_change_se": math.hypot(one["shape_se"], other["shape_se"]),
        "shape_change_format": shape_format,
        "scale": one["scale"],
        "other_scale": other["scale"],
        "log_scale_change": math.log(other["scale"] / one["scale"]),
        "log_scale_change_se": math.hypot(one["scale_se"] / one["scale"], other["scale_se"] / other["scale"]),
        "log_scale_change_format": scale_format,
        "distance": distance,
    }
    moved = [
        what
        for what, change in (("shape", "shape_change"), ("scale", "log_scale_change"))
        if not identical
        and abs(found[change] - (found[f"{change}_format"] or 0.0)) > limit * found[f"{change}_se"]
    ]
    return found | {"moved": " and ".join(moved) or None}


def _of_format(
    model: Model, one: Mapping[str, Any], other: Mapping[str, Any]
) -> tuple[float | None, float | None]:
    """Return the changes of shape and log scale when the first matrix is stored in the format of the second one.

    Both are None where no quantiser of the format is known.
    """
    form = other["stored"].upper()
    if form == one["stored"].upper() or form == "F32":
        return 0.0, 0.0
    if model.read is not None and form in FORMATS:
        values = model.read(one["block"], one["component"]).astype(np.float32)
        if form not in QUANTISERS or values.shape[1] % BLOCK_VALUES == 0:
            histogram = histogram_of(stored(values, form))
            (law,) = fit(magnitudes(histogram, histogram.mean), [TRIM], one["tensor"])
            return law.shape - one["shape"], math.log(law.scale / one["scale"])
    if form in QUANTISERS:
        # The weights are not at hand: Gaussian ones take their place, which say nothing of the scale.
        moved, _, _ = movement(form, one["n"])[TRIMS.index(TRIM)]
        return moved, None
    return None, None
