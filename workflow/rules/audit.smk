"""Compare every printed number with the results of this cohort, which may have no weights."""

# A cohort without entries has no weights, and no tables that are made from weights.
AUDITED = [rules.theory.output[0], rules.library.output[0]]
if COHORT.entries:
    AUDITED += [f"{RESULTS}/{exhibit.numbers}" for exhibit in exhibits.read().values()]
    AUDITED += [rules.fits.output.fits, rules.fits.output.moments]
    AUDITED += [name for name in rules.studies.input if str(name).endswith(".parquet")]

# The paper's statements, in all of their tables.
PAPER = [
    *sorted(f"paper/{path.name}" for path in data("paper").glob("*.tsv")),
    "paper/exhibits.yaml",
    "paper/claims.yaml",
]
# The pins are committed beside the cohort file; their content counts, not the date of their checkout.
PINS = [beside(COHORT.pins)] if HUB_SOURCES and COHORT.pins.is_file() else []


rule audit:
    input:
        tables=AUDITED,
        manifests=manifests,
        pins=ancient(PINS),
        database=released_tables,
    output:
        audit=f"{RESULTS}/audit.csv",
        readings=f"{RESULTS}/readings.csv",
        claims=f"{RESULTS}/claims.csv",
        predictions=f"{RESULTS}/predictions.csv",
    log:
        f"{RESULTS}/logs/audit.log",
    benchmark:
        f"{RESULTS}/benchmarks/audit.tsv"
    conda:
        "../../envs/library.yaml"
    params:
        code=code("scripts/audit.py"),
        paper=digests(PAPER),
        pins=[sha256(Path(path)) for path in PINS],
        entries=facts.of_entries(COHORT),
        cohort=COHORT_FACTS,
        database=config["released_database"],
    message:
        "Compare every printed number and every claim with the results, and give a verdict with its evidence."
    script:
        "../../scripts/audit.py"


rule scores:
    input:
        rules.audit.output.predictions,
    output:
        f"{RESULTS}/scores.parquet",
    log:
        f"{RESULTS}/logs/scores.log",
    benchmark:
        f"{RESULTS}/benchmarks/scores.tsv"
    conda:
        "../../envs/measure.yaml"
    params:
        code=code("scripts/scores.py"),
    message:
        "Score the predictions of printed numbers."
    script:
        "../../scripts/scores.py"


rule database_search:
    input:
        database=released_tables,
    output:
        f"{RESULTS}/database_search.parquet",
    log:
        f"{RESULTS}/logs/database_search.log",
    benchmark:
        f"{RESULTS}/benchmarks/database_search.tsv"
    conda:
        "../../envs/measure.yaml"
    params:
        code=code("scripts/database_search.py"),
        paper=digests(f"paper/{name}.tsv" for name in ("entries", "reported", "contexts", "labels")),
        database=config["released_database"],
    message:
        "Compare every aggregation of the released database with the printed band."
    script:
        "../../scripts/database_search.py"


rule page:
    input:
        audit=rules.audit.output.audit,
        readings=rules.audit.output.readings,
        claims=rules.audit.output.claims,
        search=rules.database_search.output[0],
        tables=AUDITED,
        exhibits=shown_exhibits(),
        multiverse=rules.multiverse.output[0] if COHORT.entries else [],
        manifests=manifests,
    output:
        f"{RESULTS}/report/index.html",
    log:
        f"{RESULTS}/logs/page.log",
    benchmark:
        f"{RESULTS}/benchmarks/page.tsv"
    conda:
        "../../envs/library.yaml"
    params:
        code=code("scripts/page.py"),
        page=digests(f"workflow/report/page.{ending}" for ending in ("html.j2", "css", "js")),
        # The page explains verdicts in its words.
        schemas=digests(["workflow/schemas/audit.schema.yaml"]),
        paper=digests(
            ["paper/exhibits.yaml", *(f"paper/{name}.tsv" for name in ("entries", "labels", "reported"))]
        ),
        cohort=COHORT.name,
        description=COHORT.description,
        entries=list(COHORT.entries),
    message:
        "Write the page of the run."
    script:
        "../../scripts/page.py"


rule report:
    input:
        rules.page.output,
