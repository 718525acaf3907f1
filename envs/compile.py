"""Compile every kernel once, at the end of the installation, so that no job of the first run has to."""

import numpy as np

from weightfit.counts.histogram import DISTINCT_LIMIT, histogram_of
from weightfit.fits.fit import Protocol, fits_of_unit, moments_of_unit, units_of_step
from weightfit.spectra.statistics import statistics_of_matrix

PROTOCOLS = [
    Protocol(name, sign, (0.80, 1.00), pools=True, steps="all")
    for name, sign in (
        ("centred", "both"),
        ("uncentred", "both"),
        ("released", "both"),
        ("centred", "positive"),
    )
]

random = np.random.default_rng(0)
for dtype in (np.float16, np.float32):
    matrices = [histogram_of(random.standard_normal(4096).astype(dtype)) for _ in range(3)]
    for unit in units_of_step(None, [(0, dict(zip("qkv", matrices, strict=True)))], {}, at_an_end=True):
        list(fits_of_unit(unit, PROTOCOLS))
        moments_of_unit(unit)
histogram_of(random.standard_normal(DISTINCT_LIMIT + 1, dtype=np.float32))
statistics_of_matrix(random.standard_normal((64, 64), dtype=np.float32))
