"""How good the predictions were: coverage and proper scores, beside two references, resampled by entry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from weightfit import table
from weightfit.paper.predictions import LEVELS, QUANTILES
from weightfit.studies.forecast import Forecast, brier_score

SEED = 20261129
RESAMPLES = 2000
"""Number of samples of the groups, drawn with replacement, from which an interval is taken."""

SEVERAL = "several entries"
"""Group of the statistics over several entries, which have the same weights behind them."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Score:
    """One score of one prediction, of a reference less that of the prediction, or whether an interval holds a value."""

    determined: bool
    reference: str
    measure: str
    group: str
    value: float


def scores(foreseen: pa.Table) -> pa.Table:
    """Score predictions beside the values of the paper's own weights, if there are any, and beside printed numbers.

    Parameters
    ----------
    foreseen
        Table of contract ``foreseen``.

    Returns
    -------
    pyarrow.Table
        Contract ``scores``.

    Raises
    ------
    ContractError
        If a value is outside the range of the scale of its prediction.
    """
    rows = foreseen.to_pylist()
    found: list[dict[str, object]] = []
    for against in ("weights", "printed"):
        single = [score for row in rows for score in _of_row(row, against)]
        keys = dict.fromkeys((one.determined, one.reference, one.measure) for one in single)
        for key in keys:
            chosen = [one for one in single if (one.determined, one.reference, one.measure) == key]
            names = ("determined", "reference", "measure")
            found.append({"against": against} | dict(zip(names, key, strict=True)) | _mean(chosen))
    return table.of_rows("scores", found)


def _of_row(row: Row, against: str) -> Iterator[Score]:
    """Yield the scores of one prediction."""

    def score(reference: str, measure: str, value: float) -> Score:
        return Score(row["determined"], reference, measure, row["entry"] or SEVERAL, value)

    value = row[against]
    quantiles = [row[name] for name in QUANTILES]
    if value is not None and None not in quantiles:
        own = Forecast(quantiles, row["scale"])
        inside = row[f"{against}_within"]
        for level in LEVELS:
            yield score("none", f"coverage_{level}", float(inside != "none" and int(inside) <= level))
        if against == "printed":
            # Rounding is no fault of a prediction: of the numbers that are printed alike, the nearest is taken.
            value = min(max(row["median"], row["printed_low"]), row["printed_high"])
        # ASSUME score-units: scores are in units of the printed number or bound, so that those of many numbers add up.
        unit = abs(row["printed"] or row["printed_high"] or row["printed_low"] or 1.0)
        measures: Mapping[str, Callable[[Forecast], float]] = {
            "interval_score": lambda forecast: forecast.interval_score(value) / unit,
            "log_score": lambda forecast: forecast.log_score(value) - float(np.log(unit)),
        }
        for measure, of in measures.items():
            yield score("none", measure, of(own))
            for reference, other in _references(row, against).items():
                yield score(reference, measure, of(other) - of(own))
    # What is printed agrees with itself.
    happened = row["weights_agree"] if against == "weights" else True
    if happened is not None and row["probability"] is not None:
        brier = brier_score(row["probability"], happened)
        yield score("none", "brier_score", brier)
        if row["null"] is not None and None in quantiles:
            yield score("gaussian", "brier_score", brier_score(row["null"], happened) - brier)
        if against == "weights":
            yield score("printed", "brier_score", brier_score(1.0, happened) - brier)


def _references(row: Row, against: str) -> dict[str, Forecast]:
    """Return the other forecasts of the same number; the printed number is none of itself."""
    found = {}
    if row["null"] is not None and row["null_se"] is not None:
        found["gaussian"] = Forecast.normal(row["null"], row["null_se"])
    if against == "weights" and row["printed"] is not None:
        found["printed"] = Forecast.uniform(row["printed_low"], row["printed_high"])
    return found


def _mean(chosen: Sequence[Score]) -> dict[str, object]:
    """Return the mean of some scores, with its 95 % interval over samples of whole groups."""
    groups: dict[str, list[float]] = {}
    for one in chosen:
        groups.setdefault(one.group, []).append(one.value)
    sums = np.array([sum(values) for values in groups.values()])
    sizes = np.array([len(values) for values in groups.values()])
    low = high = None
    if len(groups) > 1:
        # ASSUME resampling-by-entry: entries are drawn with replacement, each with all its predictions.
        drawn = np.random.default_rng(SEED).integers(0, len(groups), (RESAMPLES, len(groups)))
        means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
        low, high = (float(end) for end in np.quantile(means, (0.025, 0.975)))
    return {
        "predictions": len(chosen),
        "groups": len(groups),
        "value": float(sums.sum() / sizes.sum()),
        "low": low,
        "high": high,
    }
