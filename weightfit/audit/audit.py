"""Make the two tables of the audit: every printed number with its verdict, and every reading behind it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from weightfit import paper, table
from weightfit.audit import findings, printed, verdict
from weightfit.audit.evaluation import Evaluated, resting
from weightfit.audit.needs import described
from weightfit.audit.references.trainings import corrections
from weightfit.audit.registry import is_authors_own, owner
from weightfit.audit.text import text
from weightfit.audit.verdict import Verdict
from weightfit.errors import ContractError
from weightfit.paper import checkpoints

if TYPE_CHECKING:
    from weightfit.audit.needs import Need
    from weightfit.audit.printed import Printed
    from weightfit.audit.registry import Evidence
    from weightfit.audit.verdict import Outcome
    from weightfit.paper import Reported

TRAJECTORY = "pythia-trajectory"
"""Value of column `needs` of `paper/reported.tsv`: the number needs several steps of a training."""


OPEN: tuple[Verdict, ...] = ("pending", "compatible", "ambiguous", "consistent")
"""Verdicts whose notes name the data that would decide more."""


@dataclass(frozen=True)
class Judged:
    """A reading's result beside one printed text.

    Attributes
    ----------
    result
        Values of the reading's formulas.
    outcome
        Outcome of the comparison with the text.
    needs
        Data that would decide the reading.
    """

    result: Evaluated
    outcome: Outcome
    needs: tuple[Need, ...]

    @property
    def evidence(self) -> Evidence | None:
        """Kind of evidence that evaluates the reading."""
        return self.result.reading.evidence


def judge(row: Reported, meaning: Printed, results: Sequence[Evaluated]) -> tuple[Judged, ...]:
    """Compare the results of a number's readings with one printed text.

    Parameters
    ----------
    row
        The printed number, an original or a restatement.
    meaning
        Meaning of its text.
    results
        Results of the readings of its original.
    """
    found = []
    for result in results:
        said: Outcome = "pending"
        if result.reading.value is None:
            said = "untraced"
        elif result.remark:
            said = "compatible"
        elif result.value is not None and not result.is_stand_in:
            try:
                said = verdict.outcome(result.value, meaning)
            except ContractError as error:
                raise ContractError(f"id {row.id}, reading {result.reading.reading}: {error}") from None
            if said == "reproduced" and is_authors_own(row, result.reading):
                said = "consistent"
        found.append(Judged(result, said, _needs(row, result) if said == "pending" else ()))
    return tuple(found)


def _needs(row: Reported, result: Evaluated) -> tuple[Need, ...]:
    """Return the data that would decide a reading: missing data, or the paper's own weights in place of a stand-in."""
    found: list[Need] = []
    for need in result.needs or result.genuine_needs:
        steps = checkpoints.steps(need.name) if need.kind == "weights" and need.step is None else ()
        if row.needs == TRAJECTORY and steps:
            found.extend(replace(need, step=step) for step in steps)
        else:
            found.append(need)
    return tuple(dict.fromkeys(found))


def verdicts(judged: Sequence[Judged]) -> dict[Evidence, Verdict]:
    """Return the verdict of each kind of evidence, the strongest first."""
    return {
        evidence: verdict.of_evidence([each.outcome for each in judged if each.evidence == evidence])
        for evidence in verdict.STRENGTH
        if any(each.evidence == evidence for each in judged)
    }


def decide(row: Reported, judged: Sequence[Judged]) -> tuple[Verdict, Evidence | None]:
    """Return the verdict on a printed number, and the kind of evidence on which it rests.

    Parameters
    ----------
    row
        The printed number.
    judged
        Its readings, as `judge` returns them.
    """
    said, evidence = verdict.of_number(verdicts(judged))
    # ASSUME restatement: what agrees with a restatement agrees with its original, and is counted there once.
    return ("consistent" if said == "reproduced" and row.restates else said), evidence


def contradictions(owners: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return the ids that cannot hold together with an id, of an original and its restatements.

    Parameters
    ----------
    owners
        Ids with readings of their own; a restatement among them expresses its original in another form.
    """
    found: dict[str, list[str]] = {}
    for row in paper.reported().values():
        if (
            row.restates
            and row.id not in owners
            and verdict.contradicts(printed.read(row.id), printed.read(row.restates))
        ):
            found.setdefault(row.id, []).append(row.restates)
            found.setdefault(row.restates, []).append(row.id)
    return {key: tuple(others) for key, others in found.items()}


def audit(results: Mapping[str, Sequence[Evaluated]]) -> tuple[pa.Table, pa.Table]:
    """Judge every printed number.

    Parameters
    ----------
    results
        Results of `weightfit.audit.evaluation.evaluate_all`.

    Returns
    -------
    pyarrow.Table
        Contract ``audit``: one row per printed number.
    pyarrow.Table
        Contract ``evaluated_readings``: one row per printed number and reading.

    Raises
    ------
    ContractError
        If a reading gives a value that cannot be compared with the printed text.
    """
    against = contradictions(results)
    numbers: list[dict[str, object]] = []
    readings: list[dict[str, object]] = []
    for row in paper.reported().values():
        judged = judge(row, printed.read(row.id), results.get(owner(results, row.id), ()))
        numbers.append(_number(row, judged, against.get(row.id, ())))
        readings.extend(_reading(row.id, each) for each in judged)
    return table.of_rows("audit", numbers), table.of_rows("evaluated_readings", readings)


def _number(row: Reported, judged: Sequence[Judged], against: Sequence[str]) -> dict[str, object]:
    said, evidence = decide(row, judged)
    deciding = [each for each in judged if each.evidence == evidence]
    notes = [
        f"cannot hold together with {other}, which is printed as {paper.printed(other)}" for other in against
    ]
    if not judged:
        said = "pending"
        notes.append(f"no reading is registered; it needs {row.needs}")
    original = paper.reported()[row.restates] if row.restates else row
    return {
        "id": row.id,
        "where": row.where,
        "printed": row.printed,
        "value": _values([each.result for each in deciding if not each.result.is_stand_in]),
        "null": _nulls([*deciding, *judged]),
        "stand_in": _values([each.result for each in judged if each.result.is_stand_in]),
        "verdict": said,
        "evidence": evidence,
        "definition": original.definition,
        "finding": findings.of(row) if said == "differs" else None,
        "note": "; ".join([*notes, *_notes(said, deciding, judged)]) or None,
    }


def _values(results: Sequence[Evaluated]) -> str | None:
    """Return the common value of some readings, or each value with the name of its reading where they differ."""
    found = {each.reading.reading: text(each.value) for each in results if each.value is not None}
    if len(set(found.values())) <= 1:
        return next(iter(found.values()), None)
    return "; ".join(f"{reading}: {value}" for reading, value in found.items())


def _nulls(judged: Sequence[Judged]) -> str | None:
    return next((text(each.result.null) for each in judged if each.result.null is not None), None)


def _notes(said: Verdict, deciding: Sequence[Judged], judged: Sequence[Judged]) -> list[str]:
    notes = [each.result.remark for each in deciding if each.result.remark]
    if said == "ambiguous":
        agree = [each.result.reading.reading for each in deciding if each.outcome != "differs"]
        others = [each.result.reading.reading for each in deciding if each.outcome == "differs"]
        notes.append(f"agrees if read as {', '.join(agree)}, but not as {', '.join(others)}")
    untold = [each.result.reading for each in judged if each.outcome == "untraced"]
    if said == "untraced":
        notes += [reading.note for reading in untold]
    else:
        notes += [f"not evaluated as {reading.reading}: {reading.note}" for reading in untold]
    notes += corrections(resting(each.result.reading.value for each in judged))
    missing = [need for each in judged for need in each.needs]
    if missing and said in OPEN:
        notes.append(f"would be decided by {described(missing)}")
    return notes


def _reading(key: str, judged: Judged) -> dict[str, object]:
    result, reading = judged.result, judged.result.reading
    value = None if result.value is None else text(result.value)
    return {
        "id": key,
        "reading": reading.reading,
        "evidence": reading.evidence,
        "formula": reading.value,
        "value": None if result.is_stand_in else value,
        "null": None if result.null is None else text(result.null),
        "stand_in": value if result.is_stand_in else None,
        "outcome": judged.outcome,
        "needs": described(judged.needs) or None,
        "note": reading.note,
    }
