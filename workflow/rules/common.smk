"""Functions by which rules read the cohort and the list of exhibits."""

import json
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

from weightfit import archive, paper
from weightfit.cohort import facts
from weightfit.documents import found
from weightfit.paper import exhibits
from weightfit.report.exhibits import SHOWN
from weightfit.errors import WeightfitError
from weightfit.hub.pin_file import parts, read_pins, unavailable
from weightfit.hub.repository import HubSource
from weightfit.weights.index import deciding_files
from weightfit.weights.link import require_same_folder

PREFIXED = workflow.modifier.path_modifier


def placed(path):
    """Return a path of the run, under the prefix of a workflow that imports this one; files of rules get it anyway."""
    return str(PREFIXED.replace_prefix(path))


def beside(path):
    """Return a file that no run makes by its path from the working directory; it gets no prefix."""
    return local(os.path.relpath(path))


if config["model"]:
    # The pins of a model lie among its results.
    COHORT = replace(COHORT, pins=Path(placed(str(COHORT.pins))))

CHOSEN = f"model={config['model']}" if config["model"] else f"cohort={config['cohort']}"
HUB_SETTINGS = {entry: COHORT.entries[entry].settings for entry in COHORT.of("download")}
HUB_PAPERS = {entry: COHORT.entries[entry].paper_entry for entry in HUB_SETTINGS}
HUB_SOURCES = {entry: HubSource.of(chosen) for entry, chosen in HUB_SETTINGS.items()}
HUB_PARTS = rf"({'|'.join(map(re.escape, HUB_SOURCES)) or '(?!)'})/[^/]+/[^/]+"
"""Pattern of the path of a part: entry, revision and weight file."""


if config["model"]:
    try:
        for linked in COHORT.of("link"):
            require_same_folder(
                Path(COHORT.entries[linked].settings["folder"]), Path(f"{RESULTS}/logs/link/{linked}.log")
            )
    except WeightfitError as error:
        raise WorkflowError(str(error)) from None


@cache
def hub_pins():
    """Return the pins of each entry from the Hub; a run without pins stops here."""
    try:
        return read_pins(COHORT.pins, CHOSEN, HUB_SOURCES)
    except WeightfitError as error:
        raise WorkflowError(str(error)) from None


@cache
def hub_parts():
    """Return the parts that are fetched, by the path of their files."""
    return {part.id: part for part in parts(hub_pins(), HUB_SOURCES)}


def archived():
    """Return the parts of the archive from which the cohort begins, each with its digests."""
    folder = Path(COHORT.start)
    try:
        found = archive.read(folder)
        for entry in COHORT.entries:
            source = HUB_SOURCES.get(entry)
            asked = (list(source.revisions), source.repository) if source else ([], None)
            archive.check(folder, found, entry, *asked)
    except WeightfitError as error:
        raise WorkflowError(str(error)) from None
    return {
        part: digests
        for entry in COHORT.entries
        for part, digests in found.items()
        if part in archive.of_entry(found, entry)
    }


ARCHIVED = archived() if COHORT.start else {}

if COHORT.start:
    COHORT = COHORT.without(archive.unavailable(Path(COHORT.start), ARCHIVED))
elif HUB_SOURCES and COHORT.pins.is_file():
    # Leave out the entries that the pins, or downloads of an earlier run, found gated or gone.
    COHORT = COHORT.without(unavailable(COHORT.pins, Path(placed(RESULTS), "manifests")))


def only(*sources):
    """Return the pattern of the entries that the rules of some sources make."""
    return "|".join(re.escape(entry) for source in sources for entry in COHORT.of(source)) or "(?!)"


def settings(wildcards):
    return COHORT.entries[wildcards.entry].settings


def names_or_stack(wildcards):
    """Return the declared names of an entry's tensors, or the stack, as JSON; an unavailable entry has neither."""
    entry = COHORT.entries.get(wildcards.part.partition("/")[0])
    return json.dumps(entry.naming if entry else None, sort_keys=True)


def is_stand_in(wildcards):
    return COHORT.entries[wildcards.entry].stand_in


def base_weights(wildcards):
    base = settings(wildcards).get("base")
    return f"{RESOURCES}/weights/{base}" if base else []


def linked_files(wildcards):
    """List the files of a linked folder, so that other weights in it give other numbers."""
    return [local(str(path)) for path in deciding_files(Path(settings(wildcards)["folder"]))]


def training_cost(wildcards):
    """Return weights x steps x sequence length in units of 10^9, so that long trainings start first."""
    chosen = settings(wildcards)
    weights = chosen["layers"] * chosen["width"] * (4 * chosen["width"] + 3 * chosen["hidden"])
    return 1 + weights * chosen["steps"] * chosen["sequence"] // 10**9


def drawn(wildcards):
    """Return the paper's entry whose shape and recipe a simulated initialisation has."""
    return paper.entries()[settings(wildcards)["of"]]


ENDINGS = {"figures": ("svg", "png", "pdf", "csv"), "tables": ("csv", "html", "tex", "json")}

COHORT_FACTS = {"steps": COHORT.steps, "blocks": COHORT.blocks, "absent": COHORT.absent}
NO_COHORT = {fact: {} for fact in COHORT_FACTS}


def released_tables(_wildcards):
    """List the tables of the released database in the folder that the configuration names, if any."""
    folder = config["released_database"]
    tables = sorted(map(str, Path(folder).glob("*.csv"))) if folder else []
    if folder and not tables:
        raise WorkflowError(
            f"config.yaml: released_database: there are no tables (*.csv) in {folder}: run `snakemake --cores 1 "
            "released_database`, which fetches them to resources/released_database, or correct the path"
        )
    return [local(path) for path in tables]


def exhibit_files(label, exhibit):
    """Return an exhibit's files by ending; the one for readers is part of the run's report."""
    opened = {"figures": "svg", "tables": "html"}[exhibit.kind]
    files = {ending: f"{RESULTS}/{exhibit.kind}/{label}.{ending}" for ending in ENDINGS[exhibit.kind]}
    files[opened] = report(
        files[opened],
        caption="../report/exhibit.rst",
        category=exhibit.kind.capitalize(),
        labels={"exhibit": exhibit.title, "what it shows": exhibit.shows},
    )
    return files


def shown_exhibits():
    """List the files of the exhibits on the page; without entries, only those that need no weights."""
    return [
        f"{RESULTS}/{exhibit.kind}/{label}.{SHOWN[exhibit.kind]}"
        for label, exhibit in exhibits.read().items()
        if COHORT.entries or exhibit.stands_without_weights
    ]


def hub_histograms(wildcards):
    return [f"{RESULTS}/histograms/{part}.parquet" for part in archive.of_entry(hub_ids(), wildcards.entry)]


def hub_ids():
    """Return the parts of entries from the Hub, either from the archive or from the pins."""
    return (
        {part: digests for part, digests in ARCHIVED.items() if "/" in part} if COHORT.start else hub_parts()
    )


def counted_parts():
    """List every part that has a histogram of its own, including the empty ones of unavailable parts."""
    own = [entry for entry in COHORT.entries if entry not in HUB_SOURCES]
    return [*own, *(hub_ids() if HUB_SOURCES else [])]


def manifests(_wildcards):
    """List the manifests, which state the origin of the weights of every entry."""
    return [f"{RESULTS}/manifests/{part}.json" for part in counted_parts()]


def hub_part(wildcards):
    return json.dumps(hub_parts()[wildcards.part].described(), sort_keys=True)


def around():
    """Return the cohort that is shown beside a model, or None if it is the same or none is asked for."""
    if not config["around"]:
        return None
    try:
        found = read_cohort(config["around"])
    except WeightfitError as error:
        raise WorkflowError(f"around: {error}") from None
    return None if found.name == COHORT.name else found


def around_fits(_wildcards):
    """Return the fits of that cohort, which another run must have made."""
    found = around()
    path = f"results/{found.name}/fits.parquet" if found else None
    if path and not Path(placed(path)).is_file():
        raise WorkflowError(
            f"around: {placed(path)} is missing: run `snakemake --cores all fits --config cohort={config['around']}`"
        )
    return path or []


def name_for_readers():
    """Return the name of the chosen model without its path, or that of the cohort."""
    model = config["model"]
    if not model:
        return COHORT.name
    return Path(model).resolve().name if Path(model).is_dir() else model


def stand_ins(cohort):
    """Return for each entry whether it is a stand-in."""
    return {entry.id: entry.stand_in for entry in cohort.entries.values()} if cohort else {}
