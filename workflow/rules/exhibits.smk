"""Tables and figures: one item in paper/exhibits.yaml and one script of that name are an exhibit."""

# What the paper prints, for the exhibits that quote it.
PRINTED = contents(f"paper/{name}.tsv" for name in ("entries", "reported", "training"))

for label, exhibit in exhibits.read().items():
    path = f"scripts/{label.split('_')[0]}s/{label}.py"

    rule:
        name:
            label
        input:
            **{name: f"{RESULTS}/{name}.parquet" for name in exhibit.inputs},
        output:
            **exhibit_files(label, exhibit),
        log:
            f"{RESULTS}/logs/{label}.log",
        conda:
            "../../envs/exhibits.yaml"
        params:
            code=code(path),
            paper=PRINTED,
            # Snakemake reads a script's path when the job runs, after the loop: only params are the job's own.
            kind=label.split("_")[0],
            label=label,
            exhibit=exhibit.as_params(),
            # What needs no weights does not change with the cohort.
            entries={} if is_weightless(exhibit) else facts.of_entries(COHORT),
            cohort=NO_COHORT if is_weightless(exhibit) else COHORT_FACTS,
        message:
            f"Make {exhibit.title}."
        script:
            "../../scripts/{params.kind}s/{params.label}.py"


rule figures:
    input:
        [
            f"{RESULTS}/figures/{label}.{ending}"
            for label in exhibits.read()
            if is_figure(label)
            for ending in ENDINGS["figure"]
        ],


rule tables:
    input:
        [
            f"{RESULTS}/tables/{label}.{ending}"
            for label in exhibits.read()
            if not is_figure(label)
            for ending in ENDINGS["table"]
        ],
