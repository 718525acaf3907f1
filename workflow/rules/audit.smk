"""The audit: every printed number beside what comes out, from all that this cohort has; without entries it needs none."""

# Without entries there are no weights, and nothing that is made from them.
AUDITED = [rules.theory.output[0], rules.library.output[0]]
if COHORT.entries:
    AUDITED += [f"{RESULTS}/{exhibit.numbers}" for exhibit in exhibits.read().values()]
    AUDITED += [rules.fits.output.fits, rules.fits.output.moments]
    AUDITED += [name for name in rules.studies.input if str(name).endswith(".parquet")]

# What the paper says, in every table of it.
PAPER = [
    *sorted(f"paper/{path.name}" for path in data("paper").glob("*.tsv")),
    "paper/exhibits.yaml",
    "paper/claims.yaml",
]
# Committed beside the cohort file: what they say counts, not when they were checked out.
PINS = [os.path.relpath(COHORT.pins)] if HUB_SOURCES and COHORT.pins.is_file() else []


rule audit:
    input:
        tables=AUDITED,
        manifests=manifests,
        pins=ancient(PINS),
        database=released_tables(),
    output:
        audit=f"{RESULTS}/audit.csv",
        readings=f"{RESULTS}/readings.csv",
        claims=f"{RESULTS}/claims.csv",
    log:
        f"{RESULTS}/logs/audit.log",
    conda:
        "../../envs/library.yaml"
    params:
        code=code("scripts/audit.py"),
        paper=contents(PAPER),
        pins=[sha256(Path(path)) for path in PINS],
        entries=facts.of_entries(COHORT),
        cohort=COHORT_FACTS,
        database=config["released_database"],
    message:
        "Put beside every printed number and every claim what comes out, a verdict and its evidence."
    script:
        "../../scripts/audit.py"


rule database_search:
    input:
        database=released_tables(),
    output:
        f"{RESULTS}/database_search.parquet",
    log:
        f"{RESULTS}/logs/database_search.log",
    conda:
        "../../envs/measure.yaml"
    params:
        code=code("scripts/database_search.py"),
        paper=contents(f"paper/{name}.tsv" for name in ("entries", "reported", "contexts", "labels")),
        database=config["released_database"],
    message:
        "Try every aggregation of the released database for the band that is printed."
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
    conda:
        "../../envs/library.yaml"
    params:
        code=code("scripts/page.py"),
        page=contents(f"workflow/report/page.{ending}" for ending in ("html.j2", "css", "js")),
        paper=contents(
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
