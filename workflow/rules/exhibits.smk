"""Tables and figures: each exhibit is one item in paper/exhibits.yaml and one module of that name."""

# The paper's printed values, for the exhibits that quote them.
PRINTED = digests(f"paper/{name}.tsv" for name in ("entries", "reported", "training"))

for label, exhibit in exhibits.read().items():

    rule:
        name:
            label
        input:
            # Without weights, what is drawn from printed numbers reads no table.
            **{
                name: f"{RESULTS}/{name}.parquet"
                for name in exhibit.inputs
                if COHORT.entries or not exhibit.draws_printed
            },
        output:
            **exhibit_files(label, exhibit),
        log:
            f"{RESULTS}/logs/{label}.log",
        benchmark:
            f"{RESULTS}/benchmarks/{label}.tsv"
        conda:
            "../../envs/exhibits.yaml"
        params:
            code=code("scripts/exhibit.py", exhibit.maker, exhibit.module),
            paper=PRINTED,
            exhibit=asdict(exhibit),
            # An exhibit that needs no weights does not change with the cohort.
            entries={} if exhibit.is_weightless else facts.of_entries(COHORT),
            cohort=NO_COHORT if exhibit.is_weightless else COHORT_FACTS,
        message:
            f"Make {exhibit.title}."
        script:
            "../../scripts/exhibit.py"


rule figures:
    input:
        [
            f"{RESULTS}/figures/{label}.{ending}"
            for label, exhibit in exhibits.read().items()
            if exhibit.kind == "figures"
            for ending in ENDINGS["figures"]
        ],


rule tables:
    input:
        [
            f"{RESULTS}/tables/{label}.{ending}"
            for label, exhibit in exhibits.read().items()
            if exhibit.kind == "tables"
            for ending in ENDINGS["tables"]
        ],
