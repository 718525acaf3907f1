"""Remake the exhibits of a paper that fits Weibull laws to transformer weights, and audit its numbers."""

import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.27")

CHECKOUT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True))
if not CHECKOUT.is_dir():
    raise WorkflowError(
        f"{CHECKOUT}: the package and the data of this workflow lie beside its Snakefile on this machine: clone the "
        "repository, and give the path of the Snakefile in the clone"
    )

from weightfit.cohort import check_configuration, of_model, read_cohort
from weightfit.cohort.configuration import completed
from weightfit.documents import ROOT, data
from weightfit.errors import WeightfitError
from weightfit.provenance import code, digests, sha256
from weightfit.task import give_package_to_jobs

if not ROOT.samefile(CHECKOUT):
    raise WorkflowError(
        f"the package weightfit was imported from {ROOT}, but this Snakefile is in {CHECKOUT}: import the package after "
        "the workflow, or take the Snakefile beside it"
    )
give_package_to_jobs()

if Path("config.yaml").is_file():

    configfile: "config.yaml"


config = completed(config)
try:
    check_configuration(config)
    COHORT = of_model(config["model"]) if config["model"] else read_cohort(config["cohort"])
except WeightfitError as error:
    raise WorkflowError(str(error)) from None

RESULTS = f"results/{COHORT.name}"
RESOURCES = f"resources/{COHORT.name}"


include: "workflow/rules/common.smk"
include: "workflow/rules/start.smk" if COHORT.start else "workflow/rules/weights.smk"
include: "workflow/rules/measure.smk"
include: "workflow/rules/studies.smk"
include: "workflow/rules/exhibits.smk"
include: "workflow/rules/notebooks.smk"
include: "workflow/rules/released_database.smk"
include: "workflow/rules/audit.smk"
include: "workflow/rules/archive.smk"
include: "workflow/rules/diagnose.smk"


onsuccess:
    made = {job.rule.name for job in workflow.dag.jobs}
    for rule, page, told in (
        ("page", rules.page.output[0], rules.page.log[0]),
        ("diagnose", rules.diagnose.output.page, rules.diagnose.log[0]),
    ):
        if rule in made:
            # The last line of the job's log says what came out; a person may have deleted the log of an earlier run.
            if Path(told).is_file():
                print(Path(told).read_text(encoding="utf-8").splitlines()[-1], file=sys.stderr)
            print(f"Page: {page}", file=sys.stderr)


rule all:
    default_target: True
    input:
        rules.fits.output,
        rules.studies.input,
        rules.figures.input,
        rules.tables.input,
        rules.notebooks.input,
        rules.audit.output,
        rules.scores.output,
        rules.page.output,
