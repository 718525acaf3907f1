"""The names that npm-weibull-py 0.4.0 exports, so that code written for it runs with this package instead.

Names, arguments and keys of results are those of the library. The functions written here return what the library
returns. The others are imported unchanged from the installed library; `paper/counterparts.tsv` gives the reason for
each. `DATABASE_v9_1` is the data of the release (Tiexin Ding, CC BY 4.0).
"""

import math
from typing import Any

import npm_weibull
from scipy.special import gamma

from weightfit import paper
from weightfit.paper.rows import state
from weightfit.release.histogram import extract_to_histogram as extract_to_histogram
from weightfit.release.histogram import per_block_metrics as per_block_metrics
from weightfit.release.histogram import weibull_fit as weibull_fit
from weightfit.weights.families import attention_kind

# These are the library's own objects.
DATABASE_v9_1 = npm_weibull.DATABASE_v9_1
classify_k = npm_weibull.classify_k
compare_distributions = npm_weibull.compare_distributions
compare_to_benchmark = npm_weibull.compare_to_benchmark
diagnose_model = npm_weibull.diagnose_model
k_drift_severity = npm_weibull.k_drift_severity
load_cascade_v3 = npm_weibull.load_cascade_v3
sigma_decompose = npm_weibull.sigma_decompose


def sigma_from_k_lambda(k: float, lam: float) -> dict[str, float]:
    """Return the moments of a Weibull law in closed form.

    Parameters
    ----------
    k, lam
        Shape and scale of the law.

    Returns
    -------
    dict
        ``sigma`` (standard deviation), ``mean_abs_w``, ``median_abs_w``, ``cv`` (sigma / mean) and ``c_k`` (sigma /
        scale).

    Raises
    ------
    ValueError
        If the shape or the scale is not positive.
    """
    _require_law(k, lam)
    first, second = float(gamma(1 + 1 / k)), float(gamma(1 + 2 / k))
    spread = math.sqrt(max(second - first * first, 0.0))
    return {
        "sigma": lam * spread,
        "mean_abs_w": lam * first,
        "median_abs_w": weibull_quantile(k, lam, 0.5),
        "cv": spread / first,
        "c_k": spread,
    }


def weibull_quantile(k: float, lam: float, q: float) -> float:
    """Return a quantile of a Weibull law.

    Parameters
    ----------
    k, lam
        Shape and scale of the law.
    q
        Probability in (0, 1).

    Raises
    ------
    ValueError
        If the law or the probability is out of range.
    """
    _require_law(k, lam)
    if not 0 < q < 1:
        raise ValueError(f"q is {q}, which is no probability; give a number strictly between 0 and 1")
    return float(lam * (-math.log1p(-q)) ** (1 / k))


def _require_law(k: float, lam: float) -> None:
    if k <= 0 or lam <= 0:
        raise ValueError(f"k is {k} and lambda is {lam}; give two positive numbers, as a Weibull law has")


def compute_T_tau(eta: float, lambda_wd: float, T_steps: float) -> dict[str, Any]:  # noqa: N802, N803 (the library's names)
    """Return the duration of a training in averaging times of AdamW, and the library's name for its state.

    Parameters
    ----------
    eta
        Learning rate.
    lambda_wd
        Weight decay.
    T_steps
        Number of steps.

    Returns
    -------
    dict
        ``tau_iter`` (1 / (eta lambda_wd), in steps), ``T_tau``, ``state`` by the library's thresholds
        (`paper/states.tsv`), ``physical_terminal`` (whether it is the most advanced state) and ``warning`` (a sentence
        in the least advanced state, otherwise None).

    Raises
    ------
    ValueError
        If an argument is not positive.
    """
    if min(eta, lambda_wd, T_steps) <= 0:
        raise ValueError(
            f"eta is {eta}, lambda_wd is {lambda_wd} and T_steps is {T_steps}; all three must be positive"
        )
    thresholds = paper.states()["library"]
    tau = 1 / (eta * lambda_wd)
    reached = state(T_steps / tau, thresholds)
    warning = (
        f"T/tau is {T_steps / tau:.3g}: by the library's thresholds the weights are not in a final state"
    )
    return {
        "tau_iter": tau,
        "T_tau": T_steps / tau,
        "state": reached,
        "physical_terminal": reached == thresholds[0].state,
        "warning": warning if reached == thresholds[-1].state else None,
    }


def classify_attention_arch(n_q: int, n_kv: int) -> dict[str, Any]:
    """Classify attention by the number of query heads that share one key head.

    Parameters
    ----------
    n_q, n_kv
        Numbers of query heads and of key heads.

    Returns
    -------
    dict
        ``arch`` (`weightfit.weights.families.attention_kind`), ``ratio``, ``n_q`` and ``n_kv``. The expectations for
        such a model, ``expected_q_k_drift`` and ``cap_stone_alignment``, are taken unchanged from the library.

    Raises
    ------
    ValueError
        If a number is not positive or the key heads cannot share the query heads evenly.
    """
    told = npm_weibull.classify_attention_arch(n_q, n_kv)
    expected = {key: told[key] for key in ("expected_q_k_drift", "cap_stone_alignment")}
    kind = attention_kind(n_q, n_kv)
    return {"arch": kind, "ratio": n_q // n_kv, "n_q": n_q, "n_kv": n_kv, **expected}
