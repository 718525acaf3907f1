"""What rules ask of the cohort and of the list of exhibits."""

from pathlib import Path

from weightfit import exhibits, paper


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


SHAPES = {"figure": ("figures", ("svg", "png", "pdf", "csv")), "table": ("tables", ("csv", "html", "tex"))}

# What exhibits must know of an entry; as a param, so that a change of it redraws them.
ENTRY_FACTS = {
    key: {
        "paper_entry": entry.paper_entry,
        "stand_in": entry.stand_in,
        "exclude": entry.exclude,
        "initialization_of": entry.settings["of"] if entry.source == "initialize" else None,
    }
    for key, entry in COHORT.entries.items()
}


def exhibit_files(label):
    folder, endings = SHAPES[label.split("_")[0]]
    return {ending: f"{RESULTS}/{folder}/{label}.{ending}" for ending in endings}
