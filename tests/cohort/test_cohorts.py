"""The cohorts that come with the project: the paper's own weights, parts of them, and a template."""

import math
import re

import pytest

from weightfit import documents, paper
from weightfit.cohort import read_cohort
from weightfit.documents import ROOT
from weightfit.hub.cost import costs
from weightfit.hub.repository import HubSource
from weightfit.paper import checkpoints, exhibits

OF_THE_HUB = ("paper", "pythia-small", "pythia-70m")
FACTS = documents.ROOT.parent / "shared/facts/checkpoints.md"
OTHER_NAMES = {"allenai/OLMo-7B-hf"}
"""Repositories that hold the same numbers in another form; `paper.yaml` says so."""


def sources(name):
    cohort = read_cohort(name)
    return {key: HubSource.of(cohort.entries[key].settings) for key in cohort.of("download")}


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "cohorts").glob("*.yaml")))
def test_every_cohort_obeys_its_schema_and_is_named_like_its_file(name):
    assert read_cohort(name).name == name


def test_the_papers_cohort_has_all_of_it():
    found = read_cohort("paper")
    assert {entry.paper_entry for entry in found.entries.values()} == set(paper.entries())
    assert all(key == entry.paper_entry and not entry.stand_in for key, entry in found.entries.items())
    trajectories = {key for key, source in sources("paper").items() if len(source.revisions) > 1}
    assert trajectories == {key for key, entry in paper.entries().items() if entry.family == "Pythia"}
    assert {len(sources("paper")[key].revisions) for key in trajectories} == {14}


@pytest.mark.parametrize("name", OF_THE_HUB)
def test_revisions_are_the_ones_that_are_published(name):
    for key, source in sources(name).items():
        known = {row.revision: row for row in checkpoints.read() if row.entry == key}
        assert source.repository in {row.repository for row in known.values()} | OTHER_NAMES
        for revision, step in source.revisions.items():
            assert known[revision].step == step


def test_the_papers_cohort_has_every_step_that_an_exhibit_draws():
    drawn = {
        (entry, step)
        for exhibit in exhibits.read().values()
        for entry in exhibit.content.get("entries", ())
        for step in exhibit.content.get("steps", ())
    }
    held = {(key, step) for key, source in sources("paper").items() for step in source.revisions.values()}
    assert drawn
    assert drawn <= held


@pytest.mark.parametrize("name", OF_THE_HUB)
def test_the_manual_states_what_plan_says(name):
    """A number of the table is the rounded one of `plan`, or for "at most" the next whole number above it."""
    (line,) = re.findall(
        rf"^\| `{name}` \|(.*)\|$", (ROOT / "docs/hub.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    _, fetched, on_disk, *_ = line.split("|")
    papers = {key: entry.paper_entry for key, entry in read_cohort(name).entries.items()}
    sizes = sorted(size for cost in costs(sources(name), papers, None) for size in cost.sizes)
    for text, total in ((fetched, sum(sizes)), (on_disk, sum(sizes[-8:]))):
        printed = re.search(r"([\d.]+) GB", text)[1]
        decimals = len(printed.partition(".")[2])
        stated = float(printed)
        assert stated == (math.ceil(total / 1e9) if "at most" in text else round(total / 1e9, decimals))


@pytest.mark.parametrize("name", OF_THE_HUB)
def test_commits_are_those_that_were_seen(name):
    for key, source in sources(name).items():
        for revision, expected in source.expected.items():
            (row,) = (row for row in checkpoints.read() if (row.entry, row.revision) == (key, revision))
            assert expected["commit"] == row.commit
    if not FACTS.is_file():
        pytest.skip(f"{FACTS} is not there: commits are compared with paper/checkpoints.tsv alone")
    seen = FACTS.read_text(encoding="utf-8")
    commits = [each["commit"] for source in sources(name).values() for each in source.expected.values()]
    assert [commit for commit in commits if commit not in seen] == []


def test_the_smallest_cohort_has_what_figure_3_draws():
    (source,) = sources("pythia-70m").values()
    assert sorted(source.revisions.values()) == exhibits.read()["figure_03"].content["steps"]
    assert (
        sum(
            row.bytes
            for row in checkpoints.read()
            if row.revision in source.revisions and row.entry == "pythia-70m"
        )
        < 1.2e9
    )


def test_one_pair_of_revisions_is_known_to_be_equal():
    equal = {key: source.equal for key, source in sources("paper").items() if source.equal}
    assert equal == {"pythia-1b": [["step0", "step1"]]}


def test_no_pins_are_committed_that_were_not_made_at_the_hub():
    for path in (ROOT / "cohorts").glob("*.pins.json"):
        assert '"endpoint": "https://huggingface.co"' in path.read_text(encoding="utf-8"), path


def test_the_template_shows_every_source_that_a_person_has():
    text = (ROOT / "cohorts/template.yaml").read_text(encoding="utf-8")
    found = read_cohort("template")
    assert {entry.source for entry in found.entries.values()} == {"download", "link", "plant"}
    for key in ("steps", "blocks", "absent", "mirror", "expected", "equal", "exclude"):
        assert re.search(rf"^ *# {key}: ", text, re.MULTILINE), key
