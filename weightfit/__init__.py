"""Exact histograms of transformer weights, and the fits, moments and nulls computed from them."""

import os

# One thread: sums come out the same to the last bit, and jobs side by side do not fight for cores.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
