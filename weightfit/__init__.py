"""Exact histograms of transformer weights, and the fits, moments and nulls computed from them.

`analyze` measures a model, `compare` two of them, and `fit` a single matrix. The 15 names that
npm-weibull-py 0.4.0 exports can also be imported from here; see `weightfit.release.functions`.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING

# The numerical libraries use one thread, so that sums are reproducible to the last bit and parallel jobs do not
# compete for cores.
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

_HOMES = {
    "__version__": "weightfit.version",
    "analyze": "weightfit.analysis.analysis",
    "compare": "weightfit.analysis.compare",
    "fit": "weightfit.analysis.analysis",
    **dict.fromkeys(RELEASED, "weightfit.release.functions"),
}
"""The module of each name that can be imported from here."""

# With this function, a type checker would assume that every name exists and would accept misspelt imports.
if TYPE_CHECKING:
    __version__: str
else:

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        # This is not an import statement because every script imports this module, and the imports of a script
        # determine when it is rerun and what its environment must contain.
        return getattr(import_module(_HOMES[name]), name)

    def __dir__() -> list[str]:
        return sorted([*globals(), *_HOMES])
