"""`weightfit.analyze` and `weightfit.fit`: measure a model, or a single matrix."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from weightfit.analysis.arrays import as_floats, of_arrays
from weightfit.analysis.counted import counted, described
from weightfit.analysis.findings import Findings, Kind, find
from weightfit.analysis.measure import COLUMNS, alone, at_trim, fits_at_trims
from weightfit.analysis.model import Model, local
from weightfit.analysis.standing_out import StandsOut
from weightfit.analysis.text import html, lines
from weightfit.counts.histogram import histogram_of
from weightfit.fits.units import Protocol
from weightfit.studies.selection import TRIM
from weightfit.weights.declared import read_architecture

if TYPE_CHECKING:
    import pandas as pd

HUB_NAME = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?", re.ASCII)
"""Form of the name of a repository on the Hub, ``ORG/NAME`` or ``ORG/NAME@REVISION``."""


class Analysis(Findings):
    """What was found of a model, as pandas tables, as text, and as a page."""

    @property
    def table(self) -> pd.DataFrame:
        """One row per matrix: every statistic with its standard error and null, as the published schema lists them."""
        import pandas as pd

        return pd.DataFrame(self.measured.rows, columns=list(COLUMNS))

    @property
    def summary(self) -> pd.DataFrame:
        """One row per kind of matrix; see `weightfit.analysis.findings.Kind`."""
        import pandas as pd

        return pd.DataFrame([asdict(kind) for kind in self.kinds], columns=[one.name for one in fields(Kind)])

    @property
    def outliers(self) -> pd.DataFrame:
        """One row per matrix and rule by which it stands out; see `weightfit.analysis.standing_out.StandsOut`."""
        import pandas as pd

        columns = [one.name for one in fields(StandsOut)]
        return pd.DataFrame([asdict(one) for one in self.standing_out], columns=columns)

    def page(self, path: str | Path, around: str | Path | None = None) -> None:
        """Write the page of the model, one file that loads nothing from the network.

        Parameters
        ----------
        path
            File to write.
        around
            Folder with the results of a cohort, whose models are shown around this one.
        """
        from weightfit.analysis.around import of_run
        from weightfit.analysis.page import write_page

        write_page(Path(path), [self], around=[] if around is None else of_run(Path(around)))

    def __repr__(self) -> str:
        return "\n".join(lines(self))

    def _repr_html_(self) -> str:
        return html(self)


def analyze(
    source: str | Path | Mapping[str, Any],
    *,
    architecture: str | Path | None = None,
    stack: str | None = None,
    config: Mapping[str, Any] | None = None,
    protocol: str = "centred",
    trim: float = TRIM,
    cache: str | Path | None = None,
    claims: bool = False,
) -> Analysis:
    """Count and fit every weight matrix of a model, and tell which stand out.

    Parameters
    ----------
    source
        A weight file; a folder with all files of one checkpoint and its config.json; the name of a repository on the
        Hub, ``ORG/NAME`` or ``ORG/NAME@REVISION`` (needs the extra ``hub``); a table of histograms that the workflow
        wrote, of which the last step is measured; or a mapping of tensor names to arrays ``(outputs, inputs)``, such
        as ``model.state_dict()``.
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
    claims
        Whether to measure also what the paper's claims ask, which `Analysis.page` then answers.

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
    return analyze_model(model, protocol, trim, claims)


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
        kept = None if cache is None else Path(cache)
        # No import statement: whoever analyses files needs nothing of what the Hub needs.
        hub = import_module("weightfit.analysis.hub")
        model: Model = hub.on_hub(found["repository"], found["revision"], declaration, stack, kept)
        return model
    path = Path(source)
    if path.is_file() and path.suffix == ".parquet":
        return counted(described(path)["entry"], "histograms of the workflow", [path])
    return local(path, names, stack)


def analyze_model(
    model: Model, protocol: str = "centred", trim: float = TRIM, claims: bool = False
) -> Analysis:
    """Count and measure an opened model; see `analyze`."""
    found = find(model, protocol, trim, claims)
    return Analysis(found.model, found.protocol, found.measured)


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
    (1.21, 1.2054)
    """
    values = array if hasattr(array, "dtype") else np.asarray(array)
    histogram = histogram_of(as_floats(values))
    protocol = Protocol("centred", "both", (trim,), pools=False, steps="all")
    found = at_trim(fits_at_trims(alone(0, "array", histogram), protocol), protocol)
    return MatrixFit(**{one.name: found[one.name] for one in fields(MatrixFit)})


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
