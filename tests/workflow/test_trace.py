"""The chain behind a printed number, from its text to the bytes that were counted, on a small audited run."""

import json
import subprocess
import sys

import pytest
from checkout import Checkout
from first_run import copied_run


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    return copied_run(tmp_path_factory)


def trace(checkout: Checkout, *arguments: str, status: int = 0) -> str:
    result = subprocess.run(
        [sys.executable, "-m", "weightfit.trace", *arguments, "--cohort", "tiny.yaml"],
        cwd=checkout.path,
        env=checkout.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == status, result.stderr
    return result.stdout + result.stderr


def test_a_measured_number_leads_down_to_the_bytes(audited: Checkout) -> None:
    told = trace(audited, "T2.pythia-70m.median")
    manifest = json.loads((audited / "results/tiny/manifests/lab-pythia-70m.json").read_text())
    steps = [
        "T2.pythia-70m.median: printed '7.2' (Table 2)",
        "verdict: pending by weights",
        "stand-in: ",
        "reading ffn-and-o (weights)",
        'formula: cell("table_2", "median", entry="pythia-70m", pool="transmission")',
        "tables/table_2.csv: made by rule table_2 with weightfit/exhibits/tables/table_2.py",
        "super_weights.parquet: made by rule super_weights",
        "fits/lab-pythia-70m.parquet: made by rule fit",
        "histograms/lab-pythia-70m.parquet: made by rule histogram",
        "a stand-in",
        manifest["files"][0]["sha256"],
    ]
    places = [told.find(step) for step in steps]
    assert -1 not in places, steps[places.index(-1)]
    assert "verified" not in told


def test_arithmetic_and_theory_end_in_printed_numbers_and_formulas(audited: Checkout) -> None:
    told = trace(audited, "T3.70m.growth")
    assert "printed('T3.70m.lamO_term')" in told
    told = trace(audited, "A1.k0")
    assert "theory('half_normal_shape', trim=0.8)" in told or "theory.parquet: made by rule theory" in told


def test_what_is_the_same_is_verified_and_what_is_not_is_named(audited: Checkout) -> None:
    told = trace(audited, "T2.pythia-70m.median", "--verify")
    assert told.rstrip().endswith("weight files were not read")
    assert "NOT THE SAME" not in told
    path = audited / "results/tiny/super_weights.parquet"
    kept = path.read_bytes()
    path.write_bytes((audited / "results/tiny/drift.parquet").read_bytes())
    try:
        told = trace(audited, "T2.pythia-70m.median", "--verify", status=1)
    finally:
        path.write_bytes(kept)
    assert "super_weights.parquet" in told


def test_a_claim_leads_to_its_numbers_and_tables(audited: Checkout) -> None:
    told = trace(audited, "the-band", "--verify")
    steps = [
        "the-band: said in Section 3.1",
        "  quote: ",
        "verdict: pending by weights",
        "beside it (theory)",
        'formula: theory("half_normal_shape", trim=0.80)',
        "rests on S3.1.band_low, printed '1.186': pending",
        "theory.parquet: made by rule theory",
        "the same: theory.parquet: code of scripts/theory.py",
        "verified: recorded digests and the sentences made again agree",
    ]
    places = [told.find(step) for step in steps]
    assert -1 not in places, steps[places.index(-1)]


def test_a_sentence_that_is_not_that_of_the_run_is_named(audited: Checkout) -> None:
    with audited.edited("results/tiny/claims.csv", lambda text: text.replace("1.2054", "1.2055")):
        told = trace(audited, "ten-of-twelve", "--verify", status=1)
    assert "does not stand in claims.csv" in told


def test_an_edited_script_is_noticed(audited: Checkout) -> None:
    with audited.edited("scripts/super_weights.py", lambda text: text + "# a comment\n"):
        told = trace(audited, "T2.pythia-70m.median", "--verify", status=1)
    assert "super_weights.parquet: code of scripts/super_weights.py" in told.splitlines()[-1]


def test_an_unknown_id_has_near_ones(audited: Checkout) -> None:
    told = trace(audited, "T4.pythia-70m.lamda", status=1)
    assert "did you mean T4.pythia-70m.lambda" in told
    assert "Traceback" not in told


def test_the_chain_as_json(audited: Checkout) -> None:
    lines = json.loads(trace(audited, "F2.pstar", "--json"))
    assert lines[0].startswith("F2.pstar: printed '0.797'")
