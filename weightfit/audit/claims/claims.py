"""Judge the paper's claims in words, each with a verdict and a sentence made of computed values."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from weightfit import paper, table
from weightfit.audit import printed, verdict
from weightfit.audit.audit import OPEN, decide, judge
from weightfit.audit.claims import sentences
from weightfit.audit.evaluation import resting
from weightfit.audit.needs import described
from weightfit.audit.references.printed import matching
from weightfit.audit.references.trainings import corrections
from weightfit.audit.registry import Reading, owner
from weightfit.errors import ContractError
from weightfit.formula.interval import Interval

if TYPE_CHECKING:
    import pyarrow as pa

    from weightfit.audit.claims.file import Claim, ClaimTest
    from weightfit.audit.claims.sentences import Numbers
    from weightfit.audit.evaluation import Evaluated, Evaluator
    from weightfit.audit.needs import Need
    from weightfit.audit.registry import Evidence
    from weightfit.audit.verdict import Outcome, Verdict
    from weightfit.formula.evaluation import Value

Results = Mapping[str, Sequence["Evaluated"]]
"""Results by id of the original, as `weightfit.audit.evaluation.evaluate_all` returns them."""

WEAKEST: tuple[Verdict, ...] = (
    "differs",
    "pending",
    "ambiguous",
    "compatible",
    "untraced",
    "consistent",
    "reproduced",
)
"""Order of verdicts: a claim on several printed numbers has the first of these that any of its numbers has."""

RELATIONS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True)
class Found:
    """Result of one test of a claim.

    Attributes
    ----------
    evidence
        Kind of evidence on which its values rest.
    outcome
        Outcome for the claim; None if the test decides nothing.
    sentence
        Sentence of the test with the values filled in; empty where data are missing.
    is_stand_in
        Whether a value rests on weights other than the paper's own pinned ones.
    needs
        Data that would decide the test.
    """

    evidence: Evidence
    outcome: Outcome | None
    sentence: str
    is_stand_in: bool
    needs: tuple[Need, ...]


def judge_claims(claims: Sequence[Claim], results: Results, evaluator: Evaluator) -> pa.Table:
    """Judge every claim.

    Parameters
    ----------
    claims
        Claims of `paper/claims.yaml`.
    results
        Results of the registry of printed numbers.
    evaluator
        Evaluator of the same run.

    Returns
    -------
    pyarrow.Table
        Contract ``claims_outcome``: one row per claim.

    Raises
    ------
    ContractError
        If a formula is not defined, or a sentence names a value that its test does not have.
    """
    rows = [_row(claim, results, evaluator) for claim in claims]
    return table.of_rows("claims_outcome", rows)


def _row(claim: Claim, results: Results, evaluator: Evaluator) -> dict[str, object]:
    tests = [_found(claim.id, test, evaluator) for test in claim.tests]
    numbers = _numbers(claim, results)
    said, evidence = _verdict(tests, numbers)
    needs = [need for test in tests if test.outcome == "pending" for need in test.needs]
    needs += [need for _, judged in numbers.values() for each in judged for need in each.needs]
    of_stand_ins = [sentences.of_stand_ins(numbers)] if sentences.of_stand_ins(numbers) else []
    of_stand_ins += [test.sentence for test in tests if test.sentence and test.is_stand_in]
    parts = [sentences.counted(numbers)] if numbers else []
    parts += [test.sentence for test in tests if test.sentence and not test.is_stand_in]
    named: list[str | None] = [formula for test in claim.tests for formula in test.values.values()]
    named += [each.result.reading.value for _, judged in numbers.values() for each in judged]
    parts += [f"{told[0].upper()}{told[1:]}." for told in corrections(resting(named))]
    return {
        "id": claim.id,
        "place": claim.place,
        "quote": claim.quote,
        "verdict": said,
        "evidence": evidence,
        "sentence": " ".join(parts) or "It was not tested, because data are missing.",
        "needs": (described(needs) if needs and said in OPEN else "") or None,
        "stand_in": " ".join(["With stand-ins instead of these weights:", *of_stand_ins])
        if of_stand_ins
        else None,
    }


def evaluated(claim: str, test: ClaimTest, evaluator: Evaluator) -> dict[str, Evaluated]:
    """Return the result of each value of a test, by its name.

    Parameters
    ----------
    claim
        Id of the claim.
    evaluator
        Evaluator of a run.

    Raises
    ------
    ContractError
        If a formula is not defined.
    """
    return {
        name: evaluator.evaluated(Reading(claim, name, test.evidence, formula, None, ""))
        for name, formula in test.values.items()
    }


def _found(claim: str, test: ClaimTest, evaluator: Evaluator) -> Found:
    made = evaluated(claim, test, evaluator)
    open_ones = [each for each in made.values() if each.value is None]
    if open_ones:
        missing = tuple(dict.fromkeys(need for each in open_ones for need in each.needs))
        outcome: Outcome | None = ("pending" if missing else "compatible") if test.when else None
        return Found(test.evidence, outcome, "", False, missing)
    values = {name: each.value for name, each in made.items() if each.value is not None}
    sentence = sentences.filled(claim, test, values)
    genuine = tuple(dict.fromkeys(need for each in made.values() for need in each.genuine_needs))
    if any(each.is_stand_in for each in made.values()):
        return Found(test.evidence, "pending" if test.when else None, sentence, True, genuine)
    return Found(test.evidence, _outcome(test, values), sentence, False, ())


def _outcome(test: ClaimTest, values: Mapping[str, Value]) -> Outcome | None:
    if not test.when:
        return None
    held = [holds(values[one], relation, values[other]) for one, relation, other in test.when]
    if False in held:
        return test.if_not
    return "compatible" if None in held else test.if_so


def holds(one: Value, relation: str, other: Value) -> bool | None:
    """Tell whether a relation holds between two values; None if it holds for only some of their possible values.

    Parameters
    ----------
    one, other
        Numbers or intervals; for ``is``, labels are also allowed.
    relation
        ``<``, ``<=``, ``>``, ``>=``, ``in`` (lies in the other, an interval) or ``is``.
    """
    if relation == "is":
        return one == other
    first, second = _ends(one), _ends(other)
    if relation == "in":
        return second.encloses(first) or (None if second.meets(first) else False)
    if relation in (">", ">="):
        return holds(other, MIRRORED[relation], one)
    compare = RELATIONS[relation]
    if compare(first.high, second.low):
        return True
    return None if compare(first.low, second.high) else False


def _ends(value: Value) -> Interval:
    if isinstance(value, Interval):
        return value
    if isinstance(value, float):
        return Interval(value, value)
    raise ContractError(f"{value!r} has no order; compare numbers, or labels by 'is'")


def _numbers(claim: Claim, results: Results) -> Numbers:
    """Return verdict, evidence and readings of the printed numbers on which a claim rests."""
    found = {}
    for pattern in claim.numbers:
        for key in matching(pattern):
            row = paper.reported()[key]
            judged = judge(row, printed.read(key), results.get(owner(results, key), ()))
            found[key] = decide(row, judged), judged
    return found


def _verdict(tests: Sequence[Found], numbers: Numbers) -> tuple[Verdict, Evidence | None]:
    by_evidence: dict[Evidence, Verdict] = {}
    for evidence in verdict.STRENGTH:
        said = [test.outcome for test in tests if test.evidence == evidence and test.outcome]
        if said:
            by_evidence[evidence] = verdict.of_evidence(said)
    of_numbers = [each for each, _ in numbers.values()]
    weakest = next((one for one in WEAKEST if any(one == each for each, _ in of_numbers)), None)
    kinds = [kind for each, kind in of_numbers if each == weakest and kind]
    if weakest and kinds:
        # A claim needs all of its numbers, so its evidence is the weakest of theirs; one number against it is enough.
        chosen = max if weakest in ("reproduced", "consistent") else min
        evidence = chosen(kinds, key=verdict.STRENGTH.index)
        by_evidence[evidence] = min(by_evidence.get(evidence, weakest), weakest, key=WEAKEST.index)
    return verdict.of_number(by_evidence)
