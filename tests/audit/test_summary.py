"""The summary of the audit counts each printed number once."""

import re

import pytest
from audit_sources import sources

from weightfit import paper
from weightfit.audit import registry, summary
from weightfit.audit.audit import audit
from weightfit.audit.evaluation import evaluate_all


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    made, _ = audit(evaluate_all(registry.read(), sources(tmp_path_factory.mktemp("tables"))))
    return made


def test_each_printed_number_is_counted_once(numbers):
    rows = [row for row in summary.markdown(numbers).split("\n")[4:] if row.startswith("|")]
    assert sum(int(cell) for row in rows for cell in re.findall(r"\d+", row)) == len(paper.reported()) == 646


def test_the_first_line_tells_how_many_rest_on_the_paper_s_weights(numbers):
    measured = [row for row in paper.reported().values() if row.kind == "measured"]
    assert summary.markdown(numbers).startswith(f"0 of the {len(measured)} measured numbers were recomputed")
    decided = numbers.to_pylist()
    for row in decided:
        if row["id"] == "T1.k80.median":
            row |= {"verdict": "differs", "evidence": "weights"}
    again = numbers.from_pylist(decided, schema=numbers.schema)
    assert summary.markdown(again).startswith("1 of the")


def test_numbers_that_differ_are_told_with_their_findings(numbers):
    rows = numbers.to_pylist()
    shown = [row["finding"] for row in rows if row["verdict"] == "differs"]
    assert f"The {len(shown)} numbers that differ are {len(set(shown))} findings" in summary.markdown(numbers)
    for row in rows:
        if row["verdict"] == "differs" and row["id"] != "S5.2.warmup":
            row |= {"verdict": "pending", "finding": None}
    one = numbers.from_pylist(rows, schema=numbers.schema)
    assert summary.differing(one).startswith("The 1 number that differs is 1 finding")
