"""What rules ask of the cohort and of the list of exhibits."""

from pathlib import Path

from weightfit import cohort_facts, exhibits, paper


def only(source):
    """Constrain the wildcard of a source's rule to the entries that it makes."""
    return "|".join(map(re.escape, COHORT.of(source))) or "(?!)"


def settings(wildcards):
    return COHORT.entries[wildcards.entry].settings


def is_stand_in(wildcards):
    return COHORT.entries[wildcards.entry].stand_in


def base_weights(wildcards):
    base = settings(wildcards).get("base")
    return f"{RESOURCES}/weights/{base}" if base else []


def linked_files(wildcards):
    """List the files of a linked folder: whoever puts other weights there gets other numbers."""
    found = Path(settings(wildcards)["folder"]).glob("*")
    return sorted(str(path) for path in found if path.suffix in (".safetensors", ".json") and path.is_file())


def training_cost(wildcards):
    """Start long trainings first: the number of weights times steps, in units of a thousand million."""
    chosen = settings(wildcards)
    weights = chosen["layers"] * chosen["width"] * (4 * chosen["width"] + 3 * chosen["hidden"])
    return 1 + weights * chosen["steps"] * chosen["sequence"] // 10**9


def drawn(wildcards):
    """Return the entry of the paper whose shape and recipe a simulated initialisation has."""
    return paper.entries()[settings(wildcards)["of"]]


ENDINGS = {"figure": ("svg", "png", "pdf", "csv"), "table": ("csv", "html", "tex")}

COHORT_FACTS = {"steps": COHORT.steps, "blocks": COHORT.blocks, "absent": COHORT.absent}
NO_COHORT = {fact: {} for fact in COHORT_FACTS}


def released_tables():
    """List the tables of the released database, if the configuration names a folder that has it."""
    return (
        sorted(map(str, Path(config["released_database"]).glob("*.csv")))
        if config["released_database"]
        else []
    )


def is_figure(label):
    return label.startswith("figure_")


def is_weightless(exhibit):
    return set(exhibit.inputs) <= {"theory", "library"}


def exhibit_files(label, exhibit):
    """List an exhibit's files by ending; the one that people open stands in the report of the run."""
    kind = label.split("_")[0]
    shown = {"figure": "svg", "table": "html"}[kind]
    files = {ending: f"{RESULTS}/{kind}s/{label}.{ending}" for ending in ENDINGS[kind]}
    files[shown] = report(
        files[shown],
        caption="../report/exhibit.rst",
        category=f"{kind.capitalize()}s",
        labels={"exhibit": exhibit.title, "what it shows": exhibit.shows},
    )
    return files
