"""Print the chain behind a printed number or a claim: text, readings, verdict, tables, code and counted files."""

import argparse
import csv
import json
import sys
import tempfile
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from weightfit import paper
from weightfit.audit import printed, registry
from weightfit.audit.claims import sentences
from weightfit.audit.claims.claims import evaluated
from weightfit.audit.claims.file import Claim, ClaimTest, read_claims
from weightfit.audit.evaluation import Evaluated, Evaluator
from weightfit.audit.references.printed import matching
from weightfit.audit.references.results import CohortFacts, Results
from weightfit.audit.references.sources import NAMES, Sources
from weightfit.audit.text import text
from weightfit.cohort import Cohort, read_cohort
from weightfit.cohort.configuration import completed
from weightfit.cohort.facts import of_entries
from weightfit.documents import found
from weightfit.errors import ContractError, WeightfitError
from weightfit.exhibits.make import numbers
from weightfit.exhibits.numbers import write_csv
from weightfit.exhibits.request import Request
from weightfit.formula.evaluation import leaves
from weightfit.paper import exhibits
from weightfit.report.chain import Link, chain, manifest, verify

Chain: TypeAlias = Generator[str, None, tuple[list[Evaluated], list[str]]]
"""Yields lines; returns the evaluated formulas, and a sentence for each value that differs from the audit's tables."""


def trace(key: str, name: str, check: bool) -> Iterator[str]:
    """Yield the lines of the chain behind a printed number or a claim.

    Parameters
    ----------
    key
        Id in `paper/reported.tsv` or `paper/claims.yaml`.
    name
        Name of a cohort, or the path of its file, as in config.yaml.
    check
        Whether to compare digests with the files on disk and to compute the values again.

    Raises
    ------
    UnknownReference
        If there is no such id; the message suggests similar ones.
    ContractError
        If the run lacks a table of the chain, or a check fails.
    """
    cohort = read_cohort(name)
    folder = Path("results") / cohort.name
    claim = next((each for each in read_claims() if each.id == key), None)
    evaluator = Evaluator(Sources(_results(folder, cohort), _database()))
    if claim is None:
        results, wrong = yield from _number(key, folder, evaluator)
    else:
        results, wrong = yield from _claim(claim, folder, evaluator)
    for link in chain(folder, _tables(results), {entry for result in results for entry in result.behind}):
        yield from _link(folder, link)
        checks = [*verify(folder, link), *_exhibit_again(folder, link, cohort)] if check else []
        for agrees, what in checks:
            yield f"  {'the same' if agrees else 'NOT THE SAME'}: {what}"
            wrong += [] if agrees else [what]
    if check and wrong:
        raise ContractError(
            f"{key}: {len(wrong)} links do not hold: {'; '.join(wrong)}; run the workflow again"
        )
    if check:
        again = "the value computed again" if claim is None else "the sentences made again"
        yield f"verified: recorded digests and {again} agree; weight files were not read"


def _number(key: str, folder: Path, evaluator: Evaluator) -> Chain:
    """Yield the printed text, the verdict and the readings."""
    printed.read(key)  # raises for an unknown id and suggests similar ones
    yield from _printed(key)
    yield from _verdict(_recorded(folder, "audit.csv", key))
    read = registry.read()
    results = [evaluator.evaluated(reading) for reading in read.get(registry.owner(read, key), ())]
    before = {row["reading"]: row for row in _rows(folder, "readings.csv", key)}
    wrong = []
    for result in results:
        stated = before.get(result.reading.reading, {})
        yield from _reading(result, stated)
        again, kept = _value(result), stated.get("value") or stated.get("stand_in") or None
        if again != kept:
            wrong.append(f"{result.reading.reading} gives {again} now, but readings.csv has {kept}")
    return results, wrong


def _claim(claim: Claim, folder: Path, evaluator: Evaluator) -> Chain:
    """Yield the text of a claim, the verdict, the tests and the printed numbers that the claim rests on."""
    yield f"{claim.id}: said in {claim.place}"
    yield f"  quote: {claim.quote}"
    recorded = _recorded(folder, "claims.csv", claim.id)
    yield from _verdict(recorded)
    results, wrong = list[Evaluated](), list[str]()
    for test in claim.tests:
        made = evaluated(claim.id, test, evaluator)
        yield from _test(test, made)
        results += made.values()
        values = {name: each.value for name, each in made.items() if each.value is not None}
        again = sentences.filled(claim.id, test, values) if len(values) == len(made) else ""
        if again not in recorded["sentence"] + recorded["stand_in"]:
            wrong.append(f"{again!r} comes out now and does not stand in claims.csv")
    for pattern in claim.numbers:
        for key in matching(pattern):
            row = _recorded(folder, "audit.csv", key)
            yield f"rests on {key}, printed {row['printed']!r}: {row['verdict']}; it has a chain of its own"
    return results, wrong


def _printed(key: str) -> Iterator[str]:
    row = paper.reported()[key]
    meaning = printed.read(key)
    yield f"{key}: printed {row.printed!r} ({row.where})"
    yield f"  quote: {row.quote}"
    yield f"  meaning: {meaning.number.allowed if meaning.number else meaning.label}"
    yield f"  definition: {row.definition}"
    if row.restates:
        yield f"  restates {row.restates}, printed {paper.printed(row.restates)!r}"


def _test(test: ClaimTest, made: Mapping[str, Evaluated]) -> Iterator[str]:
    when = " and ".join(" ".join(relation) for relation in test.when)
    yield f"{'test' if when else 'beside it'} ({test.evidence})"
    if when:
        yield f"  {test.if_so} if {when}, else {test.if_not}"
    for name, result in made.items():
        yield f"  {name}: {_given(result)}"
        yield f"    formula: {result.reading.value}"


def _verdict(row: dict[str, str]) -> Iterator[str]:
    yield f"verdict: {row['verdict']}" + (f" by {row['evidence']}" if row["evidence"] else "")
    for name in ("value", "null", "sentence", "needs", "stand_in", "finding", "note"):
        if row.get(name):
            yield f"  {name.replace('_', '-')}: {row[name]}"


def _reading(result: Evaluated, stated: dict[str, str]) -> Iterator[str]:
    reading = result.reading
    yield f"reading {reading.reading}" + (f" ({reading.evidence})" if reading.evidence else "")
    yield f"  {reading.note}"
    if reading.value is not None:
        yield f"  formula: {reading.value}"
        yield f"  gives: {_given(result)}"
        for leaf in leaves(reading.value, NAMES):
            yield f"    {leaf}"
    if stated.get("outcome"):
        yield f"  outcome: {stated['outcome']}"


def _given(result: Evaluated) -> str:
    value = _value(result)
    if value is None:
        return "nothing, data are missing"
    return f"{value} from stand-ins" if result.is_stand_in else value


def _value(result: Evaluated) -> str | None:
    return None if result.value is None else text(result.value)


def _link(folder: Path, link: Link) -> Iterator[str]:
    yield f"{link.name}: made by rule {link.rule} with {link.script}"
    if link.code is not None:
        yield f"  code {link.code}"
    for name, digest in link.inputs.items():
        yield f"  from {name}" + (f" sha256 {digest}" if digest else "")
    if link.others:
        yield f"  and from {link.others} more, of other entries"
    if link.versions:
        yield "  with " + ", ".join(f"{name} {version}" for name, version in link.versions.items())
    if link.counted:
        made = manifest(folder, link)
        place = (
            f"{made['repository']} at {made['commit']}" if made["repository"] else f"rule {made['source']}"
        )
        yield f"  weights of {made['entry']}: {place}" + (", a stand-in" if made["stand_in"] else "")
        for file in link.files:
            yield f"    {file['path']}: {file['bytes']} bytes, sha256 {file['sha256']}"
        same = "the same" if list(link.files) == made["files"] else "OTHER"
        yield f"  the manifest names {same} files; weight files are not kept, so they are not checked"


def _exhibit_again(folder: Path, link: Link, cohort: Cohort) -> Iterator[tuple[bool, str]]:
    """Compute the numbers of an exhibit again from its tables, and compare them with those in the results."""
    if not link.name.endswith(".csv"):
        return
    item = exhibits.read()[link.rule]
    facts: dict[str, dict[Any, Any]] = {
        "steps": cohort.steps,
        "blocks": cohort.blocks,
        "absent": cohort.absent,
    }
    tables = {name: folder / f"{name}.parquet" for name in item.inputs}
    request = Request(item, of_entries(cohort), facts, tables, {})
    with tempfile.TemporaryDirectory() as place:
        again = Path(place) / "again.csv"
        write_csv(again, *numbers(request))
        yield again.read_bytes() == (folder / link.name).read_bytes(), f"{link.name}: its numbers, made again"


def _tables(results: Sequence[Evaluated]) -> list[str]:
    """Return the tables that the formulas of the readings name, without repetition."""
    named = [
        str(leaf.arguments[0]) if leaf.name in ("cell", "cells") else leaf.name
        for result in results
        if result.reading.value is not None and result.value is not None
        for leaf in leaves(result.reading.value, NAMES)
        if leaf.name in ("cell", "cells", "theory", "library")
    ]
    return list(dict.fromkeys(named))


def _results(folder: Path, cohort: Cohort) -> Results:
    files = [*folder.glob("*.parquet"), *folder.glob("figures/*.csv"), *folder.glob("tables/*.csv")]
    known = CohortFacts(of_entries(cohort), cohort.steps, cohort.blocks, frozenset())
    return Results({path.stem: path for path in sorted(files)}, known)


def _database() -> Path | None:
    """Return the folder of the released database that the configuration names, if any."""
    chosen = yaml.safe_load(found("config.yaml").read_text(encoding="utf-8"))
    named = completed(chosen or {})["released_database"]
    return Path(named) if named else None


def _recorded(folder: Path, name: str, key: str) -> dict[str, str]:
    """Return the row of an id in a table of the audit."""
    rows = _rows(folder, name, key)
    if not rows:
        raise ContractError(
            f"{key}: the cohort {folder.name} was not audited; run snakemake audit for it first"
        )
    return rows[0]


def _rows(folder: Path, name: str, key: str) -> list[dict[str, str]]:
    path = folder / name
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        return [row for row in csv.DictReader(stream) if row["id"] == key]


def main(arguments: Sequence[str]) -> None:
    """Run the command; see ``python -m weightfit.trace --help``."""
    parser = argparse.ArgumentParser(prog="python -m weightfit.trace", description=__doc__)
    parser.add_argument(
        "id",
        help="id of a printed number, such as T4.pythia-70m.lambda, or of a claim, such as ten-of-twelve",
    )
    parser.add_argument(
        "--cohort", default="offline", help="name of a cohort, or the path of its file (default: offline)"
    )
    parser.add_argument(
        "--verify",
        action="store_true",
        help="compare digests with the files on disk and compute the values again",
    )
    parser.add_argument("--json", action="store_true", help="print the lines as one JSON list")
    options = parser.parse_args(arguments)
    lines: list[str] = []
    try:
        for line in trace(options.id, options.cohort, options.verify):
            lines.append(line)
            if not options.json:
                print(line)
    except WeightfitError as error:
        sys.exit(str(error))
    if options.json:
        print(json.dumps(lines, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
