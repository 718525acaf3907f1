"""CPU seconds and memory of a run by rule, from its own benchmark files; ``make bench`` reads results/offline."""

import csv
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from weightfit.documents import ROOT

RESULTS = ROOT / "results" / "offline"
TABLE = ROOT / "tests" / "benchmarks" / "by_rule.tsv"
"""The measured runs: one row for each rule, with the columns of two runs on the same machine in the same session."""


class Cost(NamedTuple):
    """What the jobs of one rule cost together: CPU seconds, and the largest memory of one of them in MB."""

    jobs: int
    cpu_seconds: float
    memory: float


def of_run(results: Path) -> dict[str, Cost]:
    """Return the cost of each rule of a run, the most expensive first; exhibits count as ``figures`` and ``tables``."""
    costs: dict[str, Cost] = {}
    folder = results / "benchmarks"
    for path in sorted(folder.rglob("*.tsv")):
        rule = path.relative_to(folder).with_suffix("").parts[0]
        rule = re.sub(r"^(figure|table)_.*", r"\1s", rule)
        with path.open(encoding="utf-8", newline="") as stream:
            (row,) = csv.DictReader(stream, delimiter="\t")
        # A job that ends at once is gone before it is measured.
        cpu, memory = (
            0.0 if row[name] in ("NA", "-") else float(row[name]) for name in ("cpu_time", "max_rss")
        )
        before = costs.get(rule, Cost(0, 0.0, 0.0))
        costs[rule] = Cost(before.jobs + 1, before.cpu_seconds + cpu, max(before.memory, memory))
    return dict(sorted(costs.items(), key=lambda item: -item[1].cpu_seconds))


def read() -> list[dict[str, str]]:
    """Return the rows of the table of measured runs."""
    with TABLE.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def write(before: Mapping[str, Cost], after: Mapping[str, Cost]) -> None:
    """Write the table of two runs."""
    with TABLE.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream, delimiter="\t", lineterminator="\n")
        table.writerow(["rule", "jobs", "before", "after", "memory"])
        for rule, cost in after.items():
            known = f"{before[rule].cpu_seconds:.1f}" if rule in before else ""
            table.writerow([rule, cost.jobs, known, f"{cost.cpu_seconds:.1f}", f"{cost.memory:.0f}"])


def update(results: Path) -> None:
    """Replace the columns of the later run by those of a run that has just ended."""
    write(
        {row["rule"]: Cost(0, float(row["before"]), 0.0) for row in read() if row["before"]}, of_run(results)
    )


def markdown() -> str:
    """Return the table of measured runs, with their sums."""
    rows = read()
    lines = ["| rule | jobs | before, CPU s | after, CPU s | memory, MB |", "|---|---|---|---|---|"]
    lines += [
        f"| `{row['rule']}` | {row['jobs']} | {row['before']} | {row['after']} | {row['memory']} |"
        for row in rows
    ]
    sums = [sum(float(row[name] or 0) for row in rows) for name in ("jobs", "before", "after")]
    largest = max(float(row["memory"]) for row in rows)
    return "\n".join([*lines, f"| all | {sums[0]:.0f} | {sums[1]:.0f} | {sums[2]:.0f} | {largest:.0f} |"])


if __name__ == "__main__":
    if (RESULTS / "benchmarks").is_dir():
        update(RESULTS)
        print(
            f"{TABLE.relative_to(ROOT)} has the CPU seconds of the run in results/offline; `make docs` shows them"
        )
    else:
        print("no run in results/offline: run `make all` to measure CPU seconds by rule")
