"""Cohort files and the configuration: the default ones are good, each mistake is named with file and key."""

import copy
import shutil
from pathlib import Path

import pytest
import yaml

from weightfit import cohort, documents
from weightfit.cohort import SOURCES, check_configuration, facts, of_model, read_cohort
from weightfit.errors import CohortError

LAB = yaml.safe_load((documents.ROOT / "cohorts" / "offline.yaml").read_text())
TRAIN = next(
    entry["train"] for entry in LAB["entries"].values() if "train" in entry and not entry["train"]["base"]
)
FURTHER = TRAIN | {"base": "lab-a", "initialization": None}

GOOD = {
    "name": "toy",
    "description": "For tests.",
    "corpus": {"sha256": "0" * 64, "packages": {"mpmath": {"version": "1"}}},
    "training": LAB["training"],
    "entries": {
        "lab-a": {"paper_entry": "pythia-70m", "stand_in": True, "train": TRAIN},
        "lab-b": {"paper_entry": "pythia-160m", "stand_in": True, "train": FURTHER},
        "start": {
            "paper_entry": None,
            "stand_in": False,
            "initialize": {"of": "pythia-70m", "blocks": 2, "dtype": "F16", "seed": 0},
        },
        "wheel": {
            "paper_entry": None,
            "stand_in": False,
            "unpack": {
                "lock": "envs/a.lock",
                "members": [{"wheel": "a", "member": "m.1"}, {"wheel": "b", "member": "m.2"}],
                "bytes": 9,
                "sha256": "0" * 64,
            },
        },
        "mine": {
            "paper_entry": None,
            "stand_in": False,
            "link": {"folder": "somewhere"},
            "exclude": [{"matrix": "0.q", "reason": "all its values are zero"}],
        },
    },
}
REMOVED = object()


def changed(path: str, value: object) -> dict:
    """Return the good document with one key set, or taken away."""
    document = copy.deepcopy(GOOD)
    *folders, last = path.split("/")
    place = document
    for name in folders:
        place = place[int(name)] if isinstance(place, list) else place[name]
    if value is REMOVED:
        del place[last]
    else:
        place[last] = value
    return document


def read(folder: Path, document: object) -> cohort.Cohort:
    path = folder / "toy.yaml"
    path.write_text(document if isinstance(document, str) else yaml.safe_dump(document, sort_keys=False))
    return read_cohort(str(path))


def test_a_good_file(tmp_path):
    found = read(tmp_path, GOOD)
    assert (found.name, found.description, found.training) == ("toy", "For tests.", LAB["training"])
    assert list(found.entries) == list(GOOD["entries"])
    assert found.of("train") == ["lab-a", "lab-b"]
    assert found.of("plant") == []
    assert sorted(name for source in SOURCES for name in found.of(source)) == sorted(found.entries)
    entry = found.entries["mine"]
    assert (entry.id, entry.paper_entry, entry.stand_in, entry.source) == ("mine", None, False, "link")
    assert entry.settings == {"folder": "somewhere"}
    assert entry.exclude == {"0.q": "all its values are zero"}
    assert found.entries["lab-b"].settings["base"] == "lab-a"
    assert (found.steps, found.blocks, found.absent) == ({}, {}, {})


def test_an_entry_with_weights_on_disk_may_be_stored_in_further_formats(tmp_path):
    document = copy.deepcopy(GOOD)
    document["entries"]["mine"]["precision"] = True
    path = tmp_path / "toy.yaml"
    path.write_text(yaml.safe_dump(document))
    found = read_cohort(str(path))
    assert found.with_precision == ["mine"]
    expected = {"exclude": found.entries["mine"].exclude, "architecture": None, "stack": None}
    assert facts.of_stored(found) == {"mine": expected}
    document["start"] = "archive"
    path.write_text(yaml.safe_dump(document))
    assert read_cohort(str(path)).with_precision == []
    del document["entries"]["mine"]["link"]
    document["entries"]["mine"]["download"] = {"repository": "a/b", "revisions": {"main": None}}
    path.write_text(yaml.safe_dump(document))
    with pytest.raises(
        CohortError, match=r"entries\.mine\.precision: an entry that the workflow fetches from the Hub"
    ):
        read_cohort(str(path))
    assert read_cohort("models").with_precision == ["minilm"]


def test_a_stack_of_a_model_is_an_entry(tmp_path):
    document = {**GOOD, "entries": {"whole": GOOD["entries"]["mine"]}}
    for stack in ("encoder", "decoder"):
        excluded = {"matrix": "1.cross_k", "reason": "all its values are zero"}
        document["entries"][stack] = GOOD["entries"]["mine"] | {"stack": stack, "exclude": [excluded]}
    entries = read(tmp_path, document).entries
    assert {name: entry.stack for name, entry in entries.items()} == {
        "whole": None,
        "encoder": "encoder",
        "decoder": "decoder",
    }
    assert (entries["whole"].naming, entries["decoder"].naming) == (None, {"stack": "decoder"})
    document["entries"]["decoder"] |= {"architecture": {"matrices": {"h.{block}.x": "cross_o"}}}
    with pytest.raises(
        CohortError, match=r"entries\.decoder\.stack: the declared architecture has no decoder"
    ):
        read(tmp_path, document)
    del document["entries"]["decoder"]["stack"]
    entry = read(tmp_path, document).entries["decoder"]
    assert entry.naming == entry.architecture == {"matrices": {"h.{block}.x": "cross_o"}}


def test_steps_and_blocks_stand_for_the_paper_s(tmp_path):
    document = GOOD | {
        "steps": {"printed": [0, 1, 143000], "own": [0, 1, 3000]},
        "blocks": {"printed": [0, 5, 10], "own": [0, 2, 2]},
        "absent": {"llama-3-8b": "gated"},
    }
    found = read(tmp_path, document)
    assert found.steps == {0: 0, 1: 1, 143000: 3000}
    assert found.blocks == {0: 0, 5: 2, 10: 2}
    assert found.absent == {"llama-3-8b": "gated"}


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        ("name", REMOVED, r"\(top level\)"),
        ("name", "Lab", "name"),
        ("name", "../lab", "name"),
        ("name", "lab\n", "name"),
        ("description", 3, "description"),
        ("extra", 1, r"\(top level\).*'extra'"),
        ("entries", [], "entries"),
        ("entries/mine/extra", 1, "entries.mine.*'extra'"),
        ("entries/mine/stand_in", "no", "entries.mine.stand_in"),
        ("entries/mine/stand_in", REMOVED, "entries.mine.*'stand_in'"),
        ("entries/mine/paper_entry", REMOVED, "entries.mine.*'paper_entry'"),
        ("entries/mine/link", {"folder": ""}, "entries.mine.link.folder"),
        ("entries/mine/link", {}, "entries.mine.link.*'folder'"),
        ("entries/mine/link", REMOVED, "entries.mine: 0 sources"),
        ("entries/mine/train", {}, "entries.mine: 2 sources"),
        ("entries/mine/unpack", {"lock": "a.lock", "member": "m"}, "entries.mine: 2 sources"),
        ("entries/wheel/unpack", {"lock": "a.lock"}, "entries.wheel.unpack"),
        ("entries/wheel/unpack/member", "m", "entries.wheel.unpack"),
        ("entries/wheel/unpack/bytes", REMOVED, "entries.wheel.unpack.*'bytes'"),
        ("entries/wheel/unpack/sha256", REMOVED, "entries.wheel.unpack.*'sha256'"),
        ("entries/wheel/unpack/sha256", "0" * 63, "entries.wheel.unpack.sha256"),
        ("entries/wheel/unpack/members", [], "entries.wheel.unpack.members"),
        ("entries/wheel/unpack/members/0/wheel", REMOVED, "entries.wheel.unpack.members.0.*'wheel'"),
        ("entries/mine/exclude/0/matrix", "0.qkv", "entries.mine.exclude.0.matrix"),
        ("entries/mine/exclude/0/matrix", "q", "entries.mine.exclude.0.matrix"),
        ("entries/mine/exclude/0/matrix", "0.cross", "entries.mine.exclude.0.matrix"),
        ("entries/mine/stack", "both", "entries.mine.stack"),
        ("entries/mine/exclude/0/matrix", "00.q", "entries.mine.exclude.0.matrix"),
        ("entries/mine/exclude/0/reason", "zero", "entries.mine.exclude.0.reason"),
        ("entries/mine/exclude/0/reason", REMOVED, "entries.mine.exclude.0.*'reason'"),
        ("entries/mine/exclude", [GOOD["entries"]["mine"]["exclude"][0]] * 2, r"entries\.mine\.exclude"),
        ("entries/start/initialize/blocks", 0, "entries.start.initialize.blocks"),
        ("entries/start/initialize/blocks", 1.5, "entries.start.initialize.blocks"),
        ("entries/start/initialize/dtype", "F32", "entries.start.initialize.dtype"),
        ("entries/start/initialize/seed", -1, "entries.start.initialize.seed"),
        ("entries/start/initialize/of", "pythia-9b", "entries.start.initialize.of: 'pythia-9b' is not an id"),
        ("entries/lab-a/paper_entry", "pythia-9b", "entries.lab-a.paper_entry: 'pythia-9b' is not an id"),
        ("entries/lab-a/paper_entry", None, "entries.lab-a.stand_in: it stands in for nothing"),
        ("entries/lab-b/train/base", "lab-c", "entries.lab-b.train.base: 'lab-c' is not an entry"),
        ("entries/lab-b/train/base", "mine", "entries.lab-b.train.base: 'mine' is not an entry"),
        ("entries/lab-b/train/base", "lab-b", r"entries\.lab-b\.train\.base"),
        ("entries/lab-a/train/seed", -1, "entries.lab-a.train: seed"),
        ("entries/lab-a/train/sede", 1, "entries.lab-a.train: .*sede"),
        ("corpus", REMOVED, "entries.lab-a.train: the file lacks 'corpus' or 'training'"),
        ("training", REMOVED, "entries.lab-a.train: the file lacks 'corpus' or 'training'"),
        (
            "entries/mine/paper_entry",
            "pythia-70m",
            "entries.mine.paper_entry: 'pythia-70m' is taken by entries.lab-a",
        ),
        (
            "absent",
            {"pythia-70m": "gated"},
            "entries.lab-a.paper_entry: 'pythia-70m' is taken by absent.pythia-70m",
        ),
        ("absent", {"pythia-9b": "gated"}, "absent.pythia-9b: 'pythia-9b' is not an id"),
        ("absent", {"llama-3-8b": ""}, "absent.llama-3-8b"),
        ("steps", {"printed": [0, 1]}, "steps.*'own'"),
        ("steps", {"printed": [0, 1], "own": [0]}, "steps: 2 printed and 1 own"),
        ("steps", {"printed": [1, 0], "own": [0, 1]}, "steps: .*in rising order"),
        ("blocks", {"printed": [0, 1], "own": [1, 0]}, "blocks: .*in rising order"),
        ("blocks", {"printed": [0, 0], "own": [0, 1]}, "blocks.printed"),
        ("corpus/sha256", "0" * 63, "corpus.sha256"),
        ("corpus/packages", {}, "corpus.packages"),
    ],
)
def test_a_mistake_is_named_with_the_file_and_the_path_of_the_key(tmp_path, path, value, key):
    with pytest.raises(CohortError, match=rf"^toy\.yaml: .*{key}"):
        read(tmp_path, changed(path, value))


@pytest.mark.parametrize("name", ["Mine", "a b", "a/b", ".a", "a\n", "a_b", 70, True, None, 1.5])
def test_an_id_of_other_letters_is_refused(tmp_path, name):
    document = changed("entries/mine", REMOVED)
    document["entries"][name] = GOOD["entries"]["mine"]
    with pytest.raises(CohortError, match=r"^toy\.yaml: "):
        read(tmp_path, document)


def test_a_circle_of_bases_is_refused(tmp_path):
    with pytest.raises(CohortError, match=r"^toy\.yaml: entries\.lab-[ab]\.train\.base"):
        read(tmp_path, changed("entries/lab-a/train", FURTHER | {"base": "lab-b"}))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name: a\nname: b\n", "key 'name' stands twice"),
        ("entries: {a: {link: {folder: x, folder: y}}}\n", "key 'folder' stands twice"),
        ("name: !!python/object/apply:os.system [ls]\n", "not plain YAML"),
        ("name: !include x.yaml\n", "not plain YAML"),
        ("a: &b {x: 1}\nc: {<<: *b}\n", "not plain YAML"),
        ("name: a\nentries:\n\t- b\n", "line 3: not plain YAML"),
        ("name: [\n", "not plain YAML"),
        ("name: a\n---\nname: b\n", "not plain YAML"),
        ("? [a]\n: 1\n", "a"),
        ("", "the file must be a mapping"),
        ("- a\n", "the file must be a mapping"),
        ("a", "the file must be a mapping"),
    ],
)
def test_what_is_not_a_plain_mapping_is_refused(tmp_path, text, complaint):
    with pytest.raises(CohortError, match=r"^toy\.yaml: ") as caught:
        read(tmp_path, text)
    assert complaint in str(caught.value)


def test_the_name_of_a_cohort_of_this_project_is_its_own(tmp_path):
    with pytest.raises(CohortError, match=r"name: 'offline' is the name of a cohort of this project"):
        read(tmp_path, changed("name", "offline"))


def test_a_name_is_refused_in_words(tmp_path):
    for path in ("name", "entries"):
        document = changed(
            path, "whisper_dec" if path == "name" else {"whisper_dec": GOOD["entries"]["mine"]}
        )
        with pytest.raises(
            CohortError, match="'whisper_dec' is not made of small letters, digits, dots and hyphens"
        ):
            read(tmp_path, document)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    for content in (b"name: \xff\n", b"name: \x00\n"):
        (tmp_path / "toy.yaml").write_bytes(content)
        with pytest.raises(CohortError, match=r"^toy\.yaml: not plain YAML"):
            read_cohort(str(tmp_path / "toy.yaml"))


def test_a_cohort_that_does_not_exist_is_named(tmp_path):
    for name in ("absent", str(tmp_path / "absent.yaml"), str(tmp_path)):
        law = (
            r"[^ ]*absent\.yaml: there is no such file"
            if name.endswith("yaml")
            else "config.yaml: cohort: there"
        )
        with pytest.raises(CohortError, match=rf"^{law}.*'offline'"):
            read_cohort(name)


COHORTS = sorted(path.stem for path in (documents.ROOT / "cohorts").glob("*.yaml"))


@pytest.mark.parametrize("name", COHORTS)
def test_each_cohort_of_the_repository_is_good(name):
    found = read_cohort(name)
    assert found.name == name
    assert found == read_cohort(str(documents.ROOT / "cohorts" / f"{name}.yaml"))
    for entry in found.entries.values():
        assert entry.stand_in == entry.id.startswith("lab-"), "stand-ins, and nothing else, are called lab-"


def test_the_default_cohort_is_there():
    assert "offline" in COHORTS


# config.yaml

CONFIGURATION = yaml.safe_load((documents.ROOT / "config.yaml").read_text())


def test_the_configuration_of_the_repository_is_good():
    check_configuration(CONFIGURATION)
    assert CONFIGURATION["cohort"] == "offline"


@pytest.mark.parametrize(
    ("item", "change", "key"),
    [
        (None, {"extra": 1}, r"\(top level\).*'extra'"),
        (None, {"cohort": ""}, "cohort"),
        (None, {"cohort": 3}, "cohort"),
        (None, {"fits": []}, "fits"),
        (0, {"protocol": "centered"}, r"fits\.0\.protocol"),
        (0, {"sign": "plus"}, r"fits\.0\.sign"),
        (0, {"trims": [0.85]}, r"fits\.0\.trims\.0"),
        (0, {"trims": []}, r"fits\.0\.trims"),
        (0, {"trims": [0.8, 0.8]}, r"fits\.0\.trims"),
        (0, {"trims": 0.8}, r"fits\.0\.trims"),
        (1, {"pools": "yes"}, r"fits\.1\.pools"),
        (1, {"steps": "last"}, r"fits\.1\.steps"),
        (1, {"blocks": 1}, r"fits\.1.*'blocks'"),
        # The released estimator knows no sign: the row would be labelled with what was not done.
        (2, {"sign": "positive"}, r"fits\.2"),
        # The same rows twice would only fail when the first entry is fitted.
        (1, {"protocol": "centred"}, r"fits\.1"),
    ],
)
def test_a_mistake_in_the_configuration_is_named_with_the_path_of_the_key(item, change, key):
    configuration = copy.deepcopy(CONFIGURATION)
    (configuration if item is None else configuration["fits"][item]).update(change)
    with pytest.raises(CohortError, match=rf"^config\.yaml: {key}"):
        check_configuration(configuration)


@pytest.mark.parametrize("key", ["cohort", "fits"])
def test_a_key_that_is_missing_in_the_configuration_is_named(key):
    configuration = {name: value for name, value in CONFIGURATION.items() if name != key}
    with pytest.raises(CohortError, match=rf"^config\.yaml: \(top level\): '{key}' is a required property"):
        check_configuration(configuration)


# Cohorts that have the entries of others.


def including(monkeypatch, tmp_path, **others):
    """Return what is read of a cohort that includes others, which are written beside it."""
    for folder in ("paper", "workflow"):
        shutil.copytree(documents.ROOT / folder, tmp_path / folder)
    (tmp_path / "cohorts").mkdir()
    for name, document in others.items():
        (tmp_path / f"cohorts/{name}.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    monkeypatch.setattr(documents, "ROOT", tmp_path)
    return read_cohort("own").entries


def small(name, entries, **more):
    linked = {entry: {"paper_entry": None, "stand_in": False, "link": {"folder": "f"}} for entry in entries}
    return {"name": name, "description": "Text.", "entries": linked, **more}


def test_a_cohort_has_its_own_entries_and_then_those_that_it_includes(monkeypatch, tmp_path):
    own, other = small("own", ["z"], include=["other"]), small("other", ["b", "a"])
    assert list(including(monkeypatch, tmp_path, own=own, other=other)) == ["z", "b", "a"]


@pytest.mark.parametrize(
    ("other", "law"),
    [
        (small("other", ["z"]), "cohort 'other' has an entry 'z' too"),
        (small("other", ["b"], include=["own"]), "'own' includes itself"),
        (small("other", ["b"], include=["absent"]), "'absent' is no cohort of cohorts/"),
    ],
)
def test_what_a_cohort_cannot_include(monkeypatch, tmp_path, other, law):
    with pytest.raises(CohortError, match=f"^o.*: include: {law}"):
        including(monkeypatch, tmp_path, own=small("own", ["z"], include=["other"]), other=other)


def test_the_default_cohort_has_the_real_models():
    offline, models = read_cohort("offline"), read_cohort("models")
    assert list(offline.entries)[-len(models.entries) :] == list(models.entries)
    assert all(entry.model for entry in models.entries.values())


def test_spectra_are_computed_where_they_are_asked_for(tmp_path):
    other = GOOD["entries"]["mine"]
    document = {**GOOD, "entries": {"without": other, "with": other | {"spectra": True}}}
    assert read(tmp_path, document).with_spectra == ["with"]
    assert read(tmp_path, document | {"start": "archive"}).with_spectra == []
    models = read_cohort("models")
    assert models.with_spectra == list(models.entries)


def test_an_entry_from_the_hub_has_no_spectra(tmp_path):
    fetched = {"repository": "someone/model", "revisions": {"main": None}}
    entry = {"paper_entry": None, "stand_in": False, "spectra": True, "download": fetched}
    with pytest.raises(
        CohortError, match=r"entries\.far\.spectra: .*fetch the model yourself and link its folder"
    ):
        read(tmp_path, {**GOOD, "entries": {"far": entry}})


def test_a_model_is_a_folder_or_a_repository(tmp_path):
    folder = tmp_path / "My Model"
    folder.mkdir()
    (entry,) = of_model(str(folder)).entries.values()
    assert (entry.id, entry.source, entry.settings) == ("model-my-model", "link", {"folder": str(folder)})
    (entry,) = of_model("ORG/Some-Name_1.5B").entries.values()
    assert (entry.id, entry.source) == ("model-org--some-name-1.5b", "download")
    assert entry.settings == {"repository": "ORG/Some-Name_1.5B", "revisions": {"main": None}}
    (entry,) = of_model("ORG/name@step3").entries.values()
    assert entry.settings["revisions"] == {"step3": None}
    for wrong in ("nothing", "a/b/c", "-x/y", "ORG/name@"):
        with pytest.raises(CohortError, match="is no folder and no repository; give a path, ORG/NAME"):
            of_model(wrong)
