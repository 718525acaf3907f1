"""The paper's claims, asked of one model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from weightfit import paper
from weightfit.analysis.evidence import Evidence
from weightfit.fits.population import half_normal_log_quantile, population_fit
from weightfit.paper.questions import ALL, Question, questions
from weightfit.studies.beyond import SIZES, answer
from weightfit.studies.selection import TRIM
from weightfit.weights.families import attention_kind

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """The answer to one question.

    Attributes
    ----------
    question
        The question, whose text is ``asks``.
    found
        Columns of contract ``beyond`` from ``outcome`` on.
    limits
        The range that the paper prints, in words; empty if it prints none for this kind of attention.
    """

    question: Question
    found: Mapping[str, Any]
    limits: str


def answers(evidence: Evidence, attention: str | None) -> list[Answer]:
    """Ask every question of a model.

    Parameters
    ----------
    evidence
        What was collected of the model.
    attention
        Kind of attention, or None if it is not known.
    """
    tables = evidence.tables()
    anchor = population_fit(half_normal_log_quantile, TRIM)["shape"]
    return [
        Answer(question, answer(question, attention, tables, anchor), _limits(question, attention))
        for question in questions()
    ]


def _limits(question: Question, attention: str | None) -> str:
    limits = question.limits.get(ALL) or question.limits.get(attention or "")
    if limits is None:
        return ""
    low, high = (None if end is None else f"{end:.{limits.digits}f}" for end in (limits.low, limits.high))
    if low == high:
        return str(low)
    if low is None:
        return f"at most {high}"
    return f"at least {low}" if high is None else f"{low} to {high}"


def attention(config: Mapping[str, Any], rows: Sequence[Row]) -> str | None:
    """Tell the kind of attention from what config.json says, or else from the sizes of q and k.

    Parameters
    ----------
    config
        What config.json, or the header of the file, says.
    rows
        Rows of ``matrices`` in the contract ``analysis``.

    Returns
    -------
    str or None
        ``MHA``, ``GQA`` or ``MQA``. None where the sizes allow two kinds, or differ from block to block.

    Notes
    -----
    Matrices of q and k that are equally large belong to as many query heads as key heads. A smaller k belongs to fewer
    key heads; whether it is one is only known if the number of query heads is.
    """
    heads, key_heads = (_number(config.get(f"num_{name}_heads")) for name in ("attention", "key_value"))
    if heads and key_heads and not heads % key_heads:
        return attention_kind(heads, key_heads)
    sizes = {(row["block"], row["component"]): row["n"] for row in rows}
    ratios = {
        sizes[block, "q"] / sizes[block, "k"]
        for block, component in sizes
        if component == "q" and (block, "k") in sizes
    }
    if len(ratios) != 1:
        return None
    (ratio,) = ratios
    if ratio == 1:
        return "MHA"
    if heads and ratio == int(ratio) and not heads % int(ratio):
        return attention_kind(heads, heads // int(ratio))
    return None


def _number(value: object) -> int | None:
    return value if type(value) is int and value > 0 else None


def scope(weights: int) -> str:
    """Return what is known and what is not of whether the paper's claims are about a model.

    Parameters
    ----------
    weights
        Number of weights in its blocks.
    """
    smallest, largest = (paper.printed(key) for key in SIZES)
    return (
        f"The paper says most of this of decoder language models with {smallest} to {largest} parameters that were "
        f"trained from scratch. This model has {weights / 1e6:,.1f} million weights in the matrices measured here, "
        "without embeddings. Its weights do not tell whether it is such a decoder, nor how it was trained. Outside "
        "that scope an answer extrapolates the claim and does not contradict it."
    )
