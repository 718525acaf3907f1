"""Exact histograms of transformer weights, and the fits, moments and nulls computed from them.

The 15 names that npm-weibull-py 0.4.0 exports can be imported from here too, see `weightfit.release.functions`.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING

# One thread: sums come out the same to the last bit, and jobs side by side do not fight for cores.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

RELEASED = (
    "DATABASE_v9_1",
    "classify_attention_arch",
    "classify_k",
    "compare_distributions",
    "compare_to_benchmark",
    "compute_T_tau",
    "diagnose_model",
    "extract_to_histogram",
    "k_drift_severity",
    "load_cascade_v3",
    "per_block_metrics",
    "sigma_decompose",
    "sigma_from_k_lambda",
    "weibull_fit",
    "weibull_quantile",
)
"""The names that npm-weibull-py 0.4.0 exports."""

# A type checker would take this for a promise that every name exists, and let misspelt imports pass.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in RELEASED:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        # Not an import statement: this module stands behind every script, and what a script imports decides when it
        # runs again and what its environment must hold.
        return getattr(import_module("weightfit.release.functions"), name)

    def __dir__() -> list[str]:
        return sorted([*globals(), *RELEASED])
