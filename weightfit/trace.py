"""Prints the chain behind one printed number: text, readings, verdict, tables, code, and the bytes counted."""

import argparse
import csv
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import yaml

from weightfit import cohort_facts, exhibits, paper
from weightfit.audit import printed, registry
from weightfit.audit.chain import Link, chain, manifest, verify
from weightfit.audit.evaluation import Evaluated, Evaluator
from weightfit.audit.references import NAMES, Sources
from weightfit.audit.result_references import Cohort, Results
from weightfit.audit.text import text
from weightfit.cohort import Cohort as CohortFile
from weightfit.cohort import read_cohort
from weightfit.errors import ContractError, WeightfitError
from weightfit.exhibit.numbers import need, write_csv
from weightfit.exhibit.request import Request
from weightfit.formula.evaluation import leaves


def trace(key: str, name: str, check: bool) -> Iterator[str]:
    """Yield the lines of the chain behind a printed number.

    Parameters
    ----------
    key
        Id of `paper/reported.tsv`.
    name
        Cohort, as in config.yaml.
    check
        Whether digests are compared with what is on disk and the value is computed again.

    Raises
    ------
    UnknownReference
        If there is no such id; near ones are suggested.
    ContractError
        If the run lacks a table of the chain, or a check fails.
    """
    cohort = read_cohort(name)
    folder = Path("results") / cohort.name
    printed.read(key)  # an unknown id ends here, with near ones
    yield from _printed(key)
    recorded = _recorded(folder, "audit.csv", key)
    if not recorded:
        raise ContractError(
            f"{key}: the cohort {cohort.name} was not audited; run snakemake audit for it first"
        )
    yield from _verdict(recorded[0])
    read = registry.read()
    readings = read.get(registry.owner(read, key), ())
    evaluator = Evaluator(Sources(_results(folder, cohort), _database()))
    results = [evaluator.evaluated(reading) for reading in readings]
    before = {row["reading"]: row for row in _recorded(folder, "readings.csv", key)}
    wrong: list[str] = []
    for result in results:
        yield from _reading(result, before.get(result.reading.reading, {}))
    for link in chain(folder, _tables(results), {entry for result in results for entry in result.behind}):
        yield from _link(folder, link)
        checks = [*verify(folder, link), *_exhibit_again(folder, link, cohort)] if check else []
        for agrees, what in checks:
            yield f"  {'the same' if agrees else 'NOT THE SAME'}: {what}"
            wrong += [] if agrees else [what]
    if check:
        for result in results:
            again, stated = _value(result), before.get(result.reading.reading, {})
            kept = stated.get("value") or stated.get("stand_in") or None
            if again != kept:
                wrong.append(f"{result.reading.reading} gives {again} now, {kept} stands in readings.csv")
        if wrong:
            raise ContractError(
                f"{key}: {len(wrong)} links do not hold: {'; '.join(wrong)}; run the workflow again"
            )
        yield "verified: recorded digests and the value computed again agree; weight files were not read"


def _printed(key: str) -> Iterator[str]:
    row = paper.reported()[key]
    meaning = printed.read(key)
    yield f"{key}: printed {row.printed!r} ({row.where})"
    yield f"  quote: {row.quote}"
    yield f"  meaning: {meaning.number.allowed if meaning.number else meaning.label}"
    yield f"  definition: {row.definition}"
    if row.restates:
        yield f"  restates {row.restates}, printed {paper.printed(row.restates)!r}"


def _verdict(row: dict[str, str]) -> Iterator[str]:
    yield f"verdict: {row['verdict']}" + (f" by {row['evidence']}" if row["evidence"] else "")
    for name in ("value", "null", "stand_in", "note"):
        if row[name]:
            yield f"  {name.replace('_', '-')}: {row[name]}"


def _reading(result: Evaluated, stated: dict[str, str]) -> Iterator[str]:
    reading = result.reading
    yield f"reading {reading.reading}" + (f" ({reading.evidence})" if reading.evidence else "")
    yield f"  {reading.note}"
    if reading.value is not None:
        yield f"  formula: {reading.value}"
        value = _value(result)
        yield f"  gives: {'nothing, data are missing' if value is None else value}" + (
            " from stand-ins" if result.is_stand_in else ""
        )
        for leaf in leaves(reading.value, NAMES):
            yield f"    {leaf}"
    if stated.get("outcome"):
        yield f"  outcome: {stated['outcome']}"


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
        yield f"  the manifest names {same} files; none is kept, so this verifies none of them"


def _exhibit_again(folder: Path, link: Link, cohort: CohortFile) -> Iterator[tuple[bool, str]]:
    """Make the numbers of an exhibit again from its tables, and compare them with those that stand there."""
    if not link.name.endswith(".csv"):
        return
    specification = spec_from_file_location(link.rule, paper.ROOT / link.script)
    assert specification
    assert specification.loader
    script = module_from_spec(specification)
    specification.loader.exec_module(script)
    item = exhibits.read()[link.rule]
    facts: dict[str, dict[Any, Any]] = {
        "steps": cohort.steps,
        "blocks": cohort.blocks,
        "absent": cohort.absent,
    }
    tables = {name: folder / f"{name}.parquet" for name in item.inputs}
    request = Request(item.as_params(), cohort_facts.of_entries(cohort), facts, tables, {})
    with tempfile.TemporaryDirectory() as place:
        again = Path(place) / "again.csv"
        write_csv(again, script.COLUMNS, [] if need(request) else script.rows(request))
        yield again.read_bytes() == (folder / link.name).read_bytes(), f"{link.name}: its numbers, made again"


def _tables(results: Sequence[Evaluated]) -> list[str]:
    """Return the tables that the formulas of some readings name, each once."""
    named = [
        str(leaf.arguments[0]) if leaf.name in ("cell", "cells") else leaf.name
        for result in results
        if result.reading.value is not None and result.value is not None
        for leaf in leaves(result.reading.value, NAMES)
        if leaf.name in ("cell", "cells", "theory", "library")
    ]
    return list(dict.fromkeys(named))


def _results(folder: Path, cohort: CohortFile) -> Results:
    files = [*folder.glob("*.parquet"), *folder.glob("figures/*.csv"), *folder.glob("tables/*.csv")]
    facts = Cohort(cohort_facts.of_entries(cohort), cohort.steps, cohort.blocks, frozenset())
    return Results({path.stem: path for path in sorted(files)}, facts)


def _database() -> Path | None:
    """Return the folder of the released database that the configuration names, if any."""
    named = yaml.safe_load((paper.ROOT / "config.yaml").read_text(encoding="utf-8"))["released_database"]
    return Path(named) if named else None


def _recorded(folder: Path, name: str, key: str) -> list[dict[str, str]]:
    path = folder / name
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        return [row for row in csv.DictReader(stream) if row["id"] == key]


def main(arguments: Sequence[str]) -> None:
    """Run as a command, see ``python -m weightfit.trace --help``."""
    parser = argparse.ArgumentParser(prog="python -m weightfit.trace", description=__doc__)
    parser.add_argument("id", help="of paper/reported.tsv, such as T4.pythia-70m.lambda")
    parser.add_argument(
        "--cohort", default="lab", help="name of a cohort, or the path of its file (default: lab)"
    )
    parser.add_argument(
        "--verify", action="store_true", help="compare digests with what is on disk, compute again"
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
