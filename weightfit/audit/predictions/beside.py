"""Put the printed numbers, and what the paper's own weights gave, beside the predictions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import pyarrow as pa

from weightfit import table
from weightfit.audit import printed, verdict
from weightfit.errors import ContractError
from weightfit.formula.interval import INFINITY, Interval
from weightfit.paper.predictions import LEVELS, Prediction
from weightfit.studies.forecast import Forecast

if TYPE_CHECKING:
    from weightfit.audit.evaluation import Evaluated

POINTS = ("equal", "about")
"""Relations of a printed number that stands for itself; the others are inequalities."""


def beside(
    predictions: Mapping[str, Prediction],
    results: Mapping[str, Sequence[Evaluated]],
    with_weights: bool = True,
) -> pa.Table:
    """Return the table of contract ``foreseen``.

    Parameters
    ----------
    predictions
        Predictions by id, as `weightfit.paper.predictions` returns them.
    results
        Results of `weightfit.audit.evaluation.evaluate_all`.
    with_weights
        Whether values of the paper's own weights may stand beside the predictions; not if these are of a later date.

    Raises
    ------
    ContractError
        If a prediction is of a reading that `paper/readings.tsv` does not have.
    """
    rows = [_row(each, results.get(each.id, ()), with_weights) for each in predictions.values()]
    return table.of_rows("foreseen", rows)


def _row(prediction: Prediction, results: Sequence[Evaluated], with_weights: bool) -> dict[str, object]:
    found = [result for result in results if result.reading.reading == prediction.reading]
    if not found:
        raise ContractError(
            f"paper/predictions.tsv: id {prediction.id}: paper/readings.tsv has no reading "
            f"{prediction.reading!r} of it; name the reading that is foreseen"
        )
    text = printed.read(prediction.id)
    value = _of_weights(found[0]) if with_weights else None
    number = text.number
    # A count is foreseen by the probability of the printed one.
    stands = number.stands if number and number.relation in POINTS and text.sort == "number" else None
    allowed = number.allowed if number else Interval(-INFINITY, INFINITY)
    low, high = (end if math.isfinite(end) else None for end in (allowed.low, allowed.high))
    return asdict(prediction) | {
        "printed": stands,
        "printed_low": low,
        "printed_high": high,
        "printed_within": None if stands is None else _within(prediction, allowed),
        "weights": value,
        "weights_within": None if value is None else _within(prediction, Interval(value, value)),
        "weights_agree": None if value is None else verdict.outcome(value, text) == "reproduced",
    }


def _of_weights(result: Evaluated) -> float | None:
    """Return the value of a reading if it rests on the paper's own weights, and None otherwise."""
    if (
        result.reading.evidence != "weights"
        or result.is_stand_in
        or not isinstance(result.value, float | int)
    ):
        return None
    return float(result.value)


def _within(prediction: Prediction, values: Interval) -> str | None:
    """Return the least level whose interval meets some values, or none; None if there are no intervals."""
    if not prediction.quantiles:
        return None
    forecast = Forecast(prediction.quantiles, prediction.scale or "linear")
    return next((str(level) for level in LEVELS if values.meets(Interval(*forecast.interval(level)))), "none")


def sentence(foreseen: pa.Table) -> str:
    """Return how many printed numbers lie within the intervals of their predictions.

    Parameters
    ----------
    foreseen
        Table of contract ``foreseen``.
    """
    rows = foreseen.to_pylist()
    known = [row for row in rows if row["basis"] is not None]
    printed_beside = [row for row in known if row["printed_within"] is not None]
    apart, given = ([row for row in printed_beside if row["determined"] is flag] for flag in (False, True))
    levels, held, held_apart = map(_listed, (LEVELS, _inside(given), _inside(apart)))
    return (
        f"{len(rows)} printed numbers needed the paper's own weights when this was fixed. {len(known)} of them are "
        f"foreseen, {len(printed_beside)} by intervals beside which a number is printed. The released database "
        f"determines {len(given)} of these, and for them the intervals at {levels} % hold {held} printed numbers. Of "
        f"the {len(apart)} others they hold {held_apart}."
    )


def _inside(rows: Sequence[Mapping[str, object]]) -> list[int]:
    """Return how many printed numbers lie within the intervals of each level."""
    within = [str(row["printed_within"]) for row in rows]
    return [sum(name in map(str, LEVELS[: place + 1]) for name in within) for place in range(len(LEVELS))]


def _listed(numbers: Sequence[int]) -> str:
    *first, last = map(str, numbers)
    return f"{', '.join(first)} and {last}"
