"""The analysis of one model: what was counted, the fit of every matrix, and what stands out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from weightfit.analysis.arrays import as_floats, of_arrays
from weightfit.analysis.measure import Measured, measure
from weightfit.analysis.model import Model, local
from weightfit.analysis.standing_out import RULES, StandsOut, standard_error, standing_out
from weightfit.components import COMPONENTS
from weightfit.counts.histogram import histogram_of
from weightfit.errors import CohortError
from weightfit.fits.units import Protocol
from weightfit.studies.selection import TRIM
from weightfit.weights.declared import read_architecture

if TYPE_CHECKING:
    import pandas as pd

HUB_NAME = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?", re.ASCII)
"""Form of the name of a repository on the Hub, ``ORG/NAME`` or ``ORG/NAME@REVISION``."""


@dataclass(frozen=True)
class Kind:
    """The matrices of one kind, over all blocks.

    Attributes
    ----------
    matrices
        Number of matrices that were measured.
    shape, shape_se
        Median of the Weibull shape over blocks, and its standard error.
    shape_null, shape_format_null
        Medians of the shapes of Gaussian weights: exact, and stored in the format of the matrix (None if it is not
        quantised, or no quantiser of it is known).
    least, greatest
        Least and greatest shape of a block.
    scale, scale_se
        Median of the Weibull scale over blocks, and its standard error, in units of the weights.
    r_squared, r_squared_block
        Least R² of a block, and that block.
    ratio, ratio_null
        Medians of the largest magnitude over the 99 % quantile, and of that of Gaussian weights.
    """

    component: str
    matrices: int
    shape: float
    shape_se: float
    shape_null: float
    shape_format_null: float | None
    least: float
    greatest: float
    scale: float
    scale_se: float
    r_squared: float
    r_squared_block: int
    ratio: float
    ratio_null: float


@dataclass(frozen=True)
class Analysis:
    """What was measured of a model.

    Attributes
    ----------
    model
        The model: its name, family, files, and what of it is left out.
    protocol
        How its matrices were fitted.
    measured
        Statistics of every matrix, what cannot be measured, and densities.
    """

    model: Model
    protocol: Protocol
    measured: Measured

    @cached_property
    def standing_out(self) -> list[StandsOut]:
        """What stands out, by rule, kind and block; see `weightfit.analysis.standing_out.standing_out`."""
        return standing_out(self.measured.rows)

    @cached_property
    def kinds(self) -> list[Kind]:
        """One summary per kind of matrix, in the order of `weightfit.components.COMPONENTS`."""
        return [_kind(name, own) for name in COMPONENTS if (own := self._rows_of(name))]

    def _rows_of(self, component: str) -> list[dict[str, Any]]:
        return [row for row in self.measured.rows if row["component"] == component]

    @property
    def is_whole(self) -> bool:
        """Whether every matrix of the model was measured."""
        return not self.measured.refused

    @property
    def table(self) -> pd.DataFrame:
        """One row per matrix: every statistic with its standard error and null, as the published schema lists them."""
        import pandas as pd

        return pd.DataFrame(self.measured.rows)

    @property
    def summary(self) -> pd.DataFrame:
        """One row per kind of matrix; see `Kind`."""
        import pandas as pd

        return pd.DataFrame([asdict(kind) for kind in self.kinds], columns=[one.name for one in fields(Kind)])

    @property
    def outliers(self) -> pd.DataFrame:
        """One row per matrix and rule by which it stands out; see `weightfit.analysis.standing_out.StandsOut`."""
        import pandas as pd

        columns = [one.name for one in fields(StandsOut)]
        return pd.DataFrame([asdict(one) for one in self.standing_out], columns=columns)

    @property
    def headline(self) -> str:
        """One sentence on what is special about the model, by the fixed rules of `standing_out`."""
        return headline(self)

    def page(self, path: str | Path) -> None:
        """Write the page of the model, one file that loads nothing from the network."""
        from weightfit.analysis.page import write_page

        write_page(Path(path), [self])

    def __repr__(self) -> str:
        from weightfit.analysis.text import lines

        return "\n".join(lines(self))

    def _repr_html_(self) -> str:
        from weightfit.analysis.text import html

        return html(self)


def _kind(component: str, rows: Sequence[Mapping[str, Any]]) -> Kind:
    def column(name: str) -> NDArray[np.float64]:
        return np.array([row[name] for row in rows], np.float64)

    def median(name: str) -> float:
        return float(np.median(column(name)))

    worst = min(rows, key=lambda row: row["r_squared"])
    quantised = all(row["shape_format_null"] is not None for row in rows)
    return Kind(
        component=component,
        matrices=len(rows),
        shape=median("shape"),
        shape_se=standard_error(column("shape"), column("shape_se")),
        shape_null=median("shape_null"),
        shape_format_null=median("shape_format_null") if quantised else None,
        least=float(column("shape").min()),
        greatest=float(column("shape").max()),
        scale=median("scale"),
        scale_se=standard_error(column("scale"), column("scale_se")),
        r_squared=worst["r_squared"],
        r_squared_block=worst["block"],
        ratio=median("ratio"),
        ratio_null=median("ratio_null"),
    )


def headline(analysis: Analysis) -> str:
    """Return one sentence on what stands out, most serious rule first, by name where the matrices are few."""
    matrices = len(analysis.measured.rows)
    unmeasured = len(analysis.measured.refused)
    parts = []
    if unmeasured:
        parts.append(f"{unmeasured} of {matrices + unmeasured} matrices cannot be measured")
    for rule, says in RULES.items():
        named = [one for one in analysis.standing_out if one.rule == rule]
        if named:
            parts.append(f"{says} in {_places(named)}")
    if not parts:
        return f"Nothing stands out among the {matrices} matrices."
    return f"Unusual: {'; '.join(parts)}."


def _places(named: Sequence[StandsOut]) -> str:
    """Return kinds and blocks in words; kinds with the same blocks stand together, and many blocks are counted."""
    blocks: dict[str, list[int]] = {}
    for one in named:
        blocks.setdefault(one.component, []).append(one.block)
    kinds: dict[tuple[int, ...], list[str]] = {}
    for component, own in blocks.items():
        kinds.setdefault(tuple(own), []).append(component)
    return ", ".join(f"{series(components)} of {_blocks(own)}" for own, components in kinds.items())


def _blocks(numbers: Sequence[int]) -> str:
    if len(numbers) > 4:
        return f"{len(numbers)} blocks"
    return f"block{'s' * (len(numbers) > 1)} {series(list(map(str, numbers)))}"


def series(words: Sequence[str]) -> str:
    """Return words with commas, and the last one with *and*."""
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)


def analyze(
    source: str | Path | Mapping[str, Any],
    *,
    architecture: str | Path | None = None,
    stack: str | None = None,
    config: Mapping[str, Any] | None = None,
    protocol: str = "centred",
    trim: float = TRIM,
    cache: str | Path | None = None,
) -> Analysis:
    """Count and fit every weight matrix of a model, and tell which stand out.

    Parameters
    ----------
    source
        A weight file; a folder with all files of one checkpoint and its config.json; the name of a repository on the
        Hub, ``ORG/NAME`` or ``ORG/NAME@REVISION`` (needs the extra ``hub``); or a mapping of tensor names to arrays
        ``(outputs, inputs)``, such as ``model.state_dict()``.
    architecture
        File that declares the names of the tensors, for a model that is not told from them; see
        `weightfit.weights.declared.read_architecture`.
    stack
        ``encoder`` or ``decoder``, if the model has both.
    config
        What config.json says, for a mapping whose tensors cannot be split without it.
    protocol
        ``centred`` (the mean of a matrix is subtracted first, as in the paper), ``uncentred``, or ``released`` (the
        estimator of npm-weibull-py).
    trim
        Fraction of the probability plot that is kept: 0.80, 0.90 or 1.00.
    cache
        Folder for what is kept of a model from the Hub, its histograms; by default that of the user for this package.

    Returns
    -------
    Analysis
        ``.table`` and ``.outliers`` are pandas tables, ``.page(path)`` writes a page.

    Raises
    ------
    CohortError
        If there is no such file, folder or repository, or the model has two stacks and none is chosen.
    WeightfitError
        If the model has any other fault; the message says what to do.

    Examples
    --------
    >>> import numpy as np
    >>> random = np.random.default_rng(5)
    >>> names = [f"blk.{block}.attn_{kind}.weight" for block in range(2) for kind in ("q", "k", "v", "output")]
    >>> names += [f"blk.{block}.ffn_{kind}.weight" for block in range(2) for kind in ("gate", "up", "down")]
    >>> found = analyze({name: random.normal(0, 0.02, (64, 64)) for name in names})
    >>> found.headline
    'Nothing stands out among the 14 matrices.'
    >>> found.table[["component", "block", "n"]].head(2).values.tolist()
    [['q', 0, 4096], ['q', 1, 4096]]
    """
    model = open_model(source, architecture=architecture, stack=stack, config=config, cache=cache)
    return analyze_model(model, protocol, trim)


def open_model(
    source: str | Path | Mapping[str, Any],
    *,
    architecture: str | Path | None = None,
    stack: str | None = None,
    config: Mapping[str, Any] | None = None,
    cache: str | Path | None = None,
) -> Model:
    """Open a model, and fetch and count it if it is on the Hub; see `analyze` for the arguments."""
    declaration = None if architecture is None else Path(architecture)
    names = None if declaration is None else read_architecture(declaration)
    if isinstance(source, Mapping):
        return of_arrays(source, config=config, architecture=names, stack=stack)
    if (found := HUB_NAME.fullmatch(str(source))) and not Path(source).exists():
        from weightfit.analysis.hub import on_hub

        kept = None if cache is None else Path(cache)
        return on_hub(found["repository"], found["revision"], declaration, stack, kept)
    return local(Path(source), names, stack)


def analyze_model(model: Model, protocol: str = "centred", trim: float = TRIM) -> Analysis:
    """Count and measure an opened model; see `analyze`."""
    chosen = Protocol(protocol, "both", (trim,), pools=False, steps="all")
    found = measure(model, chosen)
    if not found.rows:
        reasons = "; ".join(one["reason"] for one in found.refused[:3])
        raise CohortError(f"{model.name}: no matrix can be measured: {reasons}")
    return Analysis(model, chosen, found)


def fit(array: ArrayLike, trim: float = TRIM) -> MatrixFit:
    """Fit a Weibull law to the magnitudes of one matrix by least squares on the probability plot.

    Parameters
    ----------
    array
        Weights of any shape: float16, bfloat16, float32 or float64 (rounded to float32), of numpy or anything that has
        ``__array__`` or ``detach().cpu().numpy()``. Their mean is subtracted first.
    trim
        Fraction of the probability plot that is kept.

    Returns
    -------
    MatrixFit
        Shape (dimensionless) and scale (units of the weights), with their standard errors and the values for Gaussian
        weights of the same number and standard deviation.

    Raises
    ------
    DegenerateHistogram
        If the array is constant, empty or of another type.
    NonFiniteWeight
        If a weight is infinite or not a number.

    Examples
    --------
    >>> import numpy as np
    >>> found = fit(np.random.default_rng(1).normal(0, 0.02, (512, 512)))
    >>> round(found.shape, 2), round(found.shape_null, 4)
    (1.2, 1.2054)
    """
    from weightfit.fits.null import GaussianMixture
    from weightfit.fits.units import Unit, fits_of_unit

    values = array if hasattr(array, "dtype") else np.asarray(array)
    histogram = histogram_of(as_floats(values))
    law = GaussianMixture.of([histogram.standard_deviation], [histogram.n])
    protocol = Protocol("centred", "both", (trim,), pools=False, steps="all")
    (found,) = fits_of_unit(Unit(None, 0, "array", histogram, law, 0, True), [protocol])
    return MatrixFit(**{one.name: found[one.name] for one in fields(MatrixFit)})  # type: ignore[arg-type]


@dataclass(frozen=True)
class MatrixFit:
    """A Weibull law fitted to the magnitudes of one matrix.

    Attributes
    ----------
    n
        Number of weights.
    shape, shape_se, shape_null
        k, its standard error for independent weights, and the k of Gaussian weights.
    scale, scale_se, scale_null
        The same of lambda, in units of the weights.
    r_squared, r_squared_null
        Squared correlation of the probability plot within the trim.
    ks_distance, ks_distance_null
        Largest distance between the distribution functions of the magnitudes and of the law.
    """

    n: int
    shape: float
    shape_se: float
    shape_null: float
    scale: float
    scale_se: float
    scale_null: float
    r_squared: float
    r_squared_null: float
    ks_distance: float
    ks_distance_null: float
