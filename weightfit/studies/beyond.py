"""The paper's claims, asked of real models that it did not measure."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from weightfit import paper, table
from weightfit.paper.questions import ALL, Question, questions
from weightfit.studies.closure import READINGS
from weightfit.studies.selection import TRIM, in_blocks, median_error, of_components, protocol

SIZES = ("S3.1.size_min", "S3.1.size_max")
"""Ids of the printed sizes of the smallest and the largest model."""

_UNITS = {"M": 1e6, "B": 1e9}
_SUMMARIES: Mapping[str, Callable[[NDArray[np.float64]], Any]] = {
    "median": np.median,
    "least": np.min,
    "greatest": np.max,
}


def in_scope(question: Question, model: Mapping[str, Any]) -> bool:
    """Tell whether the paper says of models of this kind what a question asks.

    Parameters
    ----------
    question
        The question, whose scope is any transformer or the models of the paper's section 3.1.
    model
        What is known of the model: key ``model`` of an entry in a cohort file.
    """
    if question.scope == "transformers":
        return True
    smallest, largest = (_size(paper.printed(key)) for key in SIZES)
    # ASSUME claims-scope: fine-tuning and quantising leave a model in the scope of a claim; both are told beside it.
    return bool(
        model["decoder_language_model"]
        and model["from_scratch"]
        and smallest <= model["parameters"] <= largest
    )


def _size(printed: str) -> float:
    found = re.fullmatch(r"([0-9.]+)([MB])", printed)
    assert found, printed
    return float(found[1]) * _UNITS[found[2]]


def beyond(
    models: Mapping[str, Mapping[str, Any]], tables: Mapping[str, pa.Table], anchor: float
) -> pa.Table:
    """Ask every question of every model.

    Parameters
    ----------
    models
        What is known of each model, by id of its entry.
    tables
        Tables ``fits``, ``moments``, ``closure``, ``super_weights`` and ``format_null`` under their contracts.
    anchor
        Shape of Gaussian weights.

    Returns
    -------
    pyarrow.Table
        Table of contract ``beyond``.
    """
    own = {
        entry: {name: rows.filter(pc.field("entry") == entry) for name, rows in tables.items()}
        for entry in models
    }
    return table.of_rows(
        "beyond",
        [
            {"entry": entry, "claim": question.claim, "asks": question.asks}
            | {"in_scope": in_scope(question, model)}
            | answer(question, model["attention"], own[entry], anchor)
            for question in questions()
            for entry, model in models.items()
        ],
    )


def answer(
    question: Question, attention: str | None, own: Mapping[str, pa.Table], anchor: float
) -> dict[str, Any]:
    """Ask one question of one model.

    Parameters
    ----------
    question
        The question.
    attention
        Kind of the model's attention, ``MHA``, ``GQA`` or ``MQA``; None if it is not known.
    own
        Rows of the model in the tables that `beyond` takes. Only the columns by which rows are chosen, and those of the
        statistic and its nulls, are read.
    anchor
        Shape of Gaussian weights.

    Returns
    -------
    dict
        The columns of contract ``beyond`` from ``outcome`` on.
    """
    limits = question.limits.get(ALL) or question.limits.get(attention or "")
    ends = {"low": limits and limits.low, "high": limits and limits.high}
    empty = dict.fromkeys(("value", "value_se", "value_null", "value_format_null")) | ends | {"number": 0}
    if limits is None:
        reason = (
            f"the paper prints no range for {attention}"
            if attention
            else "the kind of attention is not known"
        )
        return {"outcome": "cannot be asked", "reason": reason} | empty
    if question.of == "initial_shape":
        reason = "no checkpoint from before its training is published"
        return {"outcome": "cannot be asked", "reason": reason} | empty | {"value_null": anchor}
    values, nulls, format_nulls = _STATISTICS[question.of](question, own)
    if not values.size:
        return {"outcome": "cannot be asked", "reason": "the model has no such matrix"} | empty
    summarise = _SUMMARIES[question.summary]
    value = float(summarise(values))
    spread = float(np.std(values, ddof=1)) if values.size > 1 else None
    return {
        "outcome": "holds" if limits.hold(value) else "does not hold",
        "reason": None,
        "value": value,
        "value_se": median_error(spread, values.size)
        if spread is not None and question.summary == "median"
        else None,
        "value_null": None if nulls is None else float(summarise(nulls)),
        "value_format_null": None if format_nulls is None else float(summarise(format_nulls)),
        **ends,
        "number": values.size,
    }


Values = tuple[NDArray[np.float64], NDArray[np.float64] | None, NDArray[np.float64] | None]
"""A statistic of each matrix, its null and its null of the format; None where there is none."""


def _chosen(rows: pa.Table, question: Question) -> pa.Table:
    chosen = rows.filter(in_blocks() & of_components(question.components))
    if question.blocks:
        first, last = question.blocks
        chosen = chosen.filter((pc.field("block") >= first) & (pc.field("block") <= last))
    return chosen.sort_by([("block", "ascending"), ("component", "ascending")])


def _fits(question: Question, own: Mapping[str, pa.Table], trim: float = TRIM) -> pa.Table:
    return _chosen(own["fits"].filter(pc.field("terminal") & protocol(trim)), question)


def _of_format(
    question: Question, own: Mapping[str, pa.Table], column: str, trim: float = TRIM
) -> NDArray[np.float64] | None:
    """Return the nulls of the format; None unless every matrix has one."""
    rows = _chosen(own["format_null"].filter(pc.field("trim") == trim), question)
    return None if rows.num_rows == 0 or rows[column].null_count else table.column(rows, column)


def _shape(question: Question, own: Mapping[str, pa.Table]) -> Values:
    rows = _fits(question, own)
    null = _of_format(question, own, "shape_format_null")
    return table.column(rows, "shape"), table.column(rows, "shape_null"), null


def _gap(question: Question, own: Mapping[str, pa.Table]) -> Values:
    body, whole = _fits(question, own), _fits(question, own, 1.00)
    nulls = [_of_format(question, own, "shape_format_null", trim) for trim in (TRIM, 1.00)]
    return (
        table.column(body, "shape") - table.column(whole, "shape"),
        table.column(body, "shape_null") - table.column(whole, "shape_null"),
        None if nulls[0] is None or nulls[1] is None else nulls[0] - nulls[1],
    )


def _r_squared(question: Question, own: Mapping[str, pa.Table]) -> Values:
    rows = _fits(question, own)
    null = _of_format(question, own, "r_squared_format_null")
    return table.column(rows, "r_squared"), table.column(rows, "r_squared_null"), null


def _closure(question: Question, own: Mapping[str, pa.Table]) -> Values:
    rows = _chosen(
        own["closure"].filter(pc.field("terminal") & (pc.field("reading") == READINGS[0])), question
    )
    return np.abs(table.column(rows, "error")), np.abs(table.column(rows, "error_null")), None


def _ratio(question: Question, own: Mapping[str, pa.Table]) -> Values:
    of_pool = pc.is_in(pc.field("pool"), pa.array(question.components, pa.string()))
    rows = own["super_weights"].filter(pc.field("terminal") & in_blocks() & of_pool)
    return table.column(rows, "ratio"), table.column(rows, "ratio_null"), None


def _mean(question: Question, own: Mapping[str, pa.Table]) -> Values:
    rows = _chosen(own["moments"].filter(pc.field("terminal")), question)
    return np.abs(table.column(rows, "mean")) / table.column(rows, "standard_deviation"), None, None


def _sign_difference(question: Question, own: Mapping[str, pa.Table]) -> Values:
    terminal = own["fits"].filter(
        pc.field("terminal") & (pc.field("protocol") == "centred") & (pc.field("trim") == TRIM)
    )
    by_sign = {
        sign: table.column(_chosen(terminal.filter(pc.field("sign") == sign), question), "shape")
        for sign in ("both", "positive", "negative")
    }
    both, positive, negative = by_sign.values()
    if not both.size == positive.size == negative.size:
        return np.empty(0), None, None
    return np.abs(positive - negative) / both, None, None


_STATISTICS: Mapping[str, Callable[[Question, Mapping[str, pa.Table]], Values]] = {
    "shape": _shape,
    "gap": _gap,
    "r_squared": _r_squared,
    "closure": _closure,
    "ratio": _ratio,
    "mean": _mean,
    "sign_difference": _sign_difference,
}
