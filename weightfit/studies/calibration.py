"""How a second population changes the shape and the dip, computed from the laws themselves, without sampling noise."""

from itertools import product

import numpy as np
import pyarrow as pa

from weightfit import table
from weightfit.fits.probability_plot import Magnitudes, fit
from weightfit.studies.bimodality import MAGNITUDE_EDGES
from weightfit.studies.dip import UNIFORM_QUANTILE, dip
from weightfit.studies.selection import TRIM
from weightfit.studies.two_populations import LOG_EDGES
from weightfit.weights.planted_laws import HalfNormal, TwoPopulation

FRACTIONS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.10, 0.15, 0.20, 0.30, 0.40, 0.50)
CENTRES = (-1.0, -1.5, -2.0, -2.5, -3.0, -3.5, -4.0)
SPREADS = (0.3, 0.6, 1.0)

_RANKS = 1000
_NO_DIP = 1e-6
"""Dips of a law below this are rounding errors, or would need more than 5e11 weights to be detected."""


def calibration() -> pa.Table:
    """Return the shape and the dip of a standard Gaussian body with a log-normal population of smaller weights.

    Returns
    -------
    pyarrow.Table
        Table of contract ``calibration``: one row per share, centre and spread of the small population.
    """
    shape_null = _shape(HalfNormal(1.0))
    rows = []
    for centre, spread, fraction in product(CENTRES, SPREADS, FRACTIONS):
        law = TwoPopulation(1.0, fraction, centre, spread)
        seen = dip(LOG_EDGES, np.diff(law.cdf(MAGNITUDE_EDGES)))
        rows.append(
            {
                "fraction": fraction,
                "centre": centre,
                "spread": spread,
                "shape": _shape(law),
                "shape_null": shape_null,
                "dip": seen if seen > _NO_DIP else 0.0,
                "weights_needed": (UNIFORM_QUANTILE / seen) ** 2 if seen > _NO_DIP else None,
            }
        )
    return table.of_rows("calibration", rows)


def _shape(law: HalfNormal | TwoPopulation) -> float:
    quantiles = law.quantile((np.arange(_RANKS) + 0.5) / _RANKS)
    sample = Magnitudes(quantiles, np.ones(_RANKS, np.int64), _RANKS)
    return fit(sample, (TRIM,), str(law))[0].shape
