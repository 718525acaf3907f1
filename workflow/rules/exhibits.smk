"""Tables and figures: one item in paper/exhibits.yaml and one script of that name are an exhibit."""

# What the paper prints; an input of the exhibits that quote it.
PRINTED = ["paper/entries.tsv", "paper/reported.tsv"]

for label, exhibit in exhibits.read().items():
    path = f"scripts/{label.split('_')[0]}s/{label}.py"

    rule:
        name:
            label
        input:
            **{name: f"{RESULTS}/{name}.parquet" for name in exhibit.inputs},
            code=[path, *modules(path)],
            paper=PRINTED if "weightfit/paper.py" in modules(path) else [],
        output:
            **exhibit_files(label),
        log:
            f"{RESULTS}/logs/{label}.log",
        conda:
            "../../envs/exhibits.yaml"
        params:
            # Snakemake reads a script's path when the job runs, after the loop: only params are the job's own.
            kind=label.split("_")[0],
            label=label,
            exhibit=exhibit.as_params(),
            # What needs no weights does not change with the entries.
            entries={} if set(exhibit.inputs) <= {"theory"} else ENTRY_FACTS,
        message:
            f"Make {exhibit.title}."
        script:
            "../../scripts/{params.kind}s/{params.label}.py"


rule figures:
    input:
        [exhibit_files(label).values() for label in exhibits.read() if label.startswith("figure")],


rule tables:
    input:
        [exhibit_files(label).values() for label in exhibits.read() if label.startswith("table")],
