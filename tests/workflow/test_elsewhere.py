"""The workflow run from another folder than its checkout, and imported by another workflow."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from checkout import Checkout, files
from first_run import ARGUMENTS, copied_run

from weightfit import provenance, table

FITS = "results/tiny/fits/linked.parquet"
IMPORTING = """
module weightfit:
    snakefile: "{snakefile}"
    config: config
    {prefix}

use rule * from weightfit as weightfit_*
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """Return a checkout in which everything was made once; it is not the one of the environment that runs it."""
    return copied_run(tmp_path_factory)


@pytest.fixture
def elsewhere(checkout: Checkout, tmp_path: Path) -> Checkout:
    """Return a folder with a person's cohort file and weights, and nothing else."""
    shutil.copy(checkout / "tiny.yaml", tmp_path)
    shutil.copytree(checkout / "mine", tmp_path / "mine")
    return Checkout.existing(tmp_path)


def importing(folder: Checkout, snakefile: object, prefix: str = "", before: str = "") -> None:
    """Write a workflow that imports another one."""
    text = IMPORTING.format(snakefile=snakefile, prefix=prefix)
    (folder / "Snakefile").write_text(before + text, encoding="utf-8")


def refusal(folder: Checkout) -> str:
    return folder.snakemake("--dry-run", "--cores", "1", "weightfit_all", *ARGUMENTS, status=1).text


def test_a_run_elsewhere_makes_the_same_bytes(checkout: Checkout, elsewhere: Checkout) -> None:
    snakefile = ("--snakefile", str(checkout / "Snakefile"))
    run = elsewhere.snakemake(*snakefile, "--cores", "2", FITS, "table_6", *ARGUMENTS)
    assert run.finished == ["fit", "histogram", "library", "link", "table_6"]
    made = elsewhere.digests("tiny")
    assert {Path(name).suffix for name in made} == {".json", ".parquet", ".csv", ".html", ".tex"}
    assert made.items() <= checkout.digests("tiny").items()
    with checkout.edited("weightfit/release/library.py", lambda text: f"{text}# a comment\n"):
        run = elsewhere.snakemake(*snakefile, "--cores", "2", "library", *ARGUMENTS)
    # The job imported the package beside the Snakefile: that of the environment would have another digest.
    assert run.finished == ["library"]
    recorded = table.read_provenance(elsewhere / "results/tiny/library.parquet")["code"]
    assert recorded != provenance.code("scripts/library.py")


def test_the_configuration_of_the_working_directory_stands_before_that_of_the_checkout(
    checkout: Checkout, elsewhere: Checkout
) -> None:
    (elsewhere / "config.yaml").write_text(yaml.safe_dump({"cohort": "tiny.yaml"}))
    snakefile = ("--snakefile", str(checkout / "Snakefile"))
    assert elsewhere.plan(*snakefile, FITS) == {"fit": 1, "histogram": 1, "link": 1}
    # A cohort of the checkout, and a file that it names there.
    assert elsewhere.plan(*snakefile, "results/models/fits/minilm.parquet", "--config", "cohort=models") == {
        "fit": 1,
        "histogram": 1,
        "unpack": 1,
    }


def test_a_workflow_that_imports_it_gets_the_same_bytes_under_its_prefix(
    checkout: Checkout, elsewhere: Checkout
) -> None:
    before = {path.name for path in elsewhere.path.iterdir()}
    everything = checkout.plan("all", "--forceall", *ARGUMENTS)
    importing(elsewhere, checkout / "Snakefile")
    planned = elsewhere.plan("weightfit_all", *ARGUMENTS)
    assert planned == {f"weightfit_{rule}": jobs for rule, jobs in everything.items()} | {"weightfit_all": 1}

    importing(elsewhere, checkout / "Snakefile", 'prefix: "own"')
    assert elsewhere.plan("weightfit_all", *ARGUMENTS) == planned
    elsewhere.snakemake("--cores", "2", f"own/{FITS}", "weightfit_table_6", *ARGUMENTS)
    made = Checkout.existing(elsewhere / "own").digests("tiny")
    assert {FITS.removeprefix("results/tiny/"), "tables/table_6.csv"} <= made.keys()
    assert made.items() <= checkout.digests("tiny").items()
    assert {path.name for path in elsewhere.path.iterdir()} - before == {"Snakefile", ".snakemake", "own"}
    assert {name.partition("/")[0] for name in files(elsewhere / "own")} == {"results"}


def test_another_package_of_its_name_is_refused(checkout: Checkout, elsewhere: Checkout) -> None:
    importing(elsewhere, checkout / "Snakefile", before="import weightfit.documents\n")
    assert f"but this Snakefile is in {checkout.path}: import the package after" in refusal(elsewhere)


def test_a_snakefile_without_its_checkout_is_refused(checkout: Checkout, elsewhere: Checkout) -> None:
    repository = elsewhere / "repository"
    repository.mkdir()
    shutil.copy(checkout / "Snakefile", repository)
    author = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    for command in (
        ("init", "--initial-branch", "main"),
        ("add", "Snakefile"),
        (*author, "commit", "-m", "a"),
    ):
        subprocess.run(["git", *command], cwd=repository, capture_output=True, check=True)  # noqa: S607
    importing(elsewhere, f"git+file://{repository}/Snakefile@main")
    assert "beside its Snakefile on this machine: clone the repository" in refusal(elsewhere)
