"""Tables and figures: one item in paper/exhibits.yaml and one script of that name are an exhibit."""

from weightfit import exhibits

SHAPES = {"figure": ("figures", ("svg", "png", "pdf", "csv")), "table": ("tables", ("csv", "html", "tex"))}

# What exhibits must know of an entry; as a param, so that a change of it redraws them.
ENTRY_FACTS = {
    key: {
        "paper_entry": entry.paper_entry,
        "stand_in": entry.stand_in,
        "initialization_of": entry.settings["of"] if entry.source == "initialize" else None,
    }
    for key, entry in COHORT.entries.items()
}


def exhibit_files(label):
    folder, endings = SHAPES[label.split("_")[0]]
    return {ending: f"{RESULTS}/{folder}/{label}.{ending}" for ending in endings}


for label, exhibit in exhibits.read().items():
    path = f"scripts/{label.split('_')[0]}s/{label}.py"

    rule:
        name:
            label
        message:
            f"Make {exhibit.title}."
        input:
            code=[path, *modules(path)],
            **{name: f"{RESULTS}/{name}.parquet" for name in exhibit.inputs},
        output:
            **exhibit_files(label),
        log:
            f"{RESULTS}/logs/{label}.log",
        conda:
            "../../envs/exhibits.yaml"
        params:
            # Snakemake reads a script's path when the job runs, after the loop: only a param is the job's own.
            script=path,
            exhibit=exhibit.as_params(),
            entries=ENTRY_FACTS,
        script:
            "../../{params.script}"


rule figures:
    input:
        [exhibit_files(label).values() for label in exhibits.read() if label.startswith("figure")],


rule tables:
    input:
        [exhibit_files(label).values() for label in exhibits.read() if label.startswith("table")],
