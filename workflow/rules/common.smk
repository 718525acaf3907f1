"""What rules ask of the cohort and of the list of exhibits."""

import json
from functools import cache
from pathlib import Path

from weightfit import cohort_facts, exhibits, paper
from weightfit.errors import WeightfitError
from weightfit.hub.pin_file import parts, read_pins, unavailable
from weightfit.hub.repository import HubSource

HUB_SETTINGS = {entry: COHORT.entries[entry].settings for entry in COHORT.of("download")}
HUB_PAPERS = {entry: COHORT.entries[entry].paper_entry for entry in HUB_SETTINGS}
HUB_SOURCES = {entry: HubSource.of(chosen) for entry, chosen in HUB_SETTINGS.items()}
HUB_PARTS = rf"({'|'.join(map(re.escape, HUB_SOURCES)) or '(?!)'})/[^/]+/[^/]+"
"""What the place of a part looks like: entry, revision and weight file."""


@cache
def hub_pins():
    """Return what is pinned of each entry from the Hub; without pins the run stops here."""
    try:
        return read_pins(COHORT.pins, config["cohort"], HUB_SOURCES)
    except WeightfitError as error:
        raise WorkflowError(str(error)) from None


@cache
def hub_parts():
    """Return what is fetched, by the place of a part's files."""
    return {part.id: part for part in parts(hub_pins(), HUB_SOURCES)}


if HUB_SOURCES and COHORT.pins.is_file():
    COHORT = COHORT.without(unavailable(COHORT.pins))


def only(*sources):
    """Constrain the wildcard of a source's rule to the entries that it makes."""
    return "|".join(re.escape(entry) for source in sources for entry in COHORT.of(source)) or "(?!)"


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


def shown_exhibits():
    """List the files of the exhibits as the page of the run shows them; without entries, those that need no weights."""
    return [
        f"{RESULTS}/figures/{label}.svg" if is_figure(label) else f"{RESULTS}/tables/{label}.html"
        for label, exhibit in exhibits.read().items()
        if COHORT.entries or is_weightless(exhibit)
    ]


def hub_histograms(wildcards):
    return [
        f"{RESULTS}/histograms/{id}.parquet"
        for id, part in hub_parts().items()
        if part.entry == wildcards.entry
    ]


def manifests(_wildcards):
    """List what says where the weights of every entry came from."""
    own = [entry for entry in COHORT.entries if entry not in HUB_SOURCES]
    fetched = hub_parts() if HUB_SOURCES else []
    return [f"{RESULTS}/manifests/{part}.json" for part in (*own, *fetched)]


def hub_part(wildcards):
    return json.dumps(hub_parts()[wildcards.part].described(), sort_keys=True)
