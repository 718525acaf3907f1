"""Reads and checks a cohort file, which says where weights come from, and the configuration that names it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from weightfit import paper
from weightfit.documents import data, read_yaml, violation
from weightfit.errors import CohortError
from weightfit.weights.declared import check_declaration, declared, read_declaration

SOURCES = ("train", "initialize", "unpack", "link", "plant", "download")
"""Names of the rules that make weights; an entry has exactly one of them as a key."""


@dataclass(frozen=True)
class CohortEntry:
    """One entry of a cohort.

    Attributes
    ----------
    id
        Id of the entry, unique in the cohort.
    paper_entry
        Id in `paper/entries.tsv` of the paper's entry that it stands for, or None.
    stand_in
        Whether it stands for weights that the paper measured, but has other weights.
    source
        Name of the rule that makes its weights.
    settings
        Settings of this rule.
    exclude
        Matrices (``block.component``) that are left out, with the reason.
    precision
        Whether its matrices are stored in further number formats, while its weights are on disk.
    architecture
        Names of its tensors, if the model belongs to no known family.
    stack
        ``encoder`` or ``decoder``, if the model has both; the blocks of each are an entry of their own.
    model
        What is known of a real model outside the paper's cohort, or None.
    spectra
        Whether the singular values of its matrices are computed, while its weights are on disk.
    """

    id: str
    paper_entry: str | None
    stand_in: bool
    source: str
    settings: dict[str, Any]
    exclude: dict[str, str]
    precision: bool = False
    architecture: dict[str, Any] | None = None
    stack: str | None = None
    model: dict[str, Any] | None = None
    spectra: bool = False

    @property
    def naming(self) -> dict[str, Any] | None:
        """What else one needs to know to count its tensors: their declared names, or the stack, or both, or nothing."""
        if not self.stack:
            return self.architecture
        return {**(self.architecture or {}), "stack": self.stack}


@dataclass(frozen=True)
class Cohort:
    """A cohort file.

    Attributes
    ----------
    name, description, corpus, training
        Fields of the file.
    entries
        Entries by id.
    pins
        Path of the file that pins its entries from the Hub.
    start
        Folder of an archive from which the run begins, or None.
    steps, blocks
        Step or block that stands for each one that the paper's exhibits name; empty where each stands for itself.
    absent
        Entries of the paper that the cohort cannot include, with the reason.
    """

    name: str
    description: str
    corpus: dict[str, Any] | None
    training: dict[str, Any] | None
    entries: dict[str, CohortEntry]
    steps: dict[int, int]
    blocks: dict[int, int]
    absent: dict[str, str]
    pins: Path
    start: str | None

    def of(self, source: str) -> list[str]:
        """Return the ids of the entries that a rule makes, in the order of the file."""
        return [entry.id for entry in self.entries.values() if entry.source == source]

    @property
    def with_spectra(self) -> list[str]:
        """Ids of the entries of which spectra are computed; none if there are no weights, but only their counts."""
        return [] if self.start else [entry.id for entry in self.entries.values() if entry.spectra]

    def without(self, reasons: Mapping[str, str]) -> "Cohort":
        """Return the cohort without entries whose weights are unavailable; exhibits then state the reasons.

        Parameters
        ----------
        reasons
            Reason by id of the entry; ids that the cohort no longer has are allowed, since pins may still have them.
        """
        kept = {key: entry for key, entry in self.entries.items() if key not in reasons}
        told = {
            entry.paper_entry: reasons[key]
            for key, entry in self.entries.items()
            if key in reasons and entry.paper_entry is not None
        }
        return replace(self, entries=kept, absent=self.absent | told)

    @property
    def with_precision(self) -> list[str]:
        """Ids of the entries that are stored in further formats; none where there are counts, but no weights."""
        return [] if self.start else [entry.id for entry in self.entries.values() if entry.precision]


def check_configuration(config: Mapping[str, object]) -> None:
    """Raise `CohortError`, with the path of the key, unless a configuration obeys its schema.

    Two ways of fitting must not give the same rows, and the released estimator takes no sign.
    """
    _validate("config.yaml", dict(config), "config")
    seen: dict[tuple[str, str, float], int] = {}
    fits: Any = config["fits"]
    for index, way in enumerate(fits):
        if way["protocol"] == "released" and way["sign"] != "both":
            raise CohortError(
                f"config.yaml: fits.{index}.sign: the released estimator takes no sign; write both"
            )
        for trim in way["trims"]:
            other = seen.setdefault((way["protocol"], way["sign"], float(trim)), index)
            if other != index:
                raise CohortError(
                    f"config.yaml: fits.{index}: {way['protocol']}, {way['sign']}, trim {trim} is fitted by "
                    f"fits.{other} too; keep one of them"
                )


def read_cohort(name: str) -> Cohort:
    """Read a cohort file.

    Parameters
    ----------
    name
        Name of a file in `cohorts/` without its ending, or a path that ends in ``.yaml``.

    Raises
    ------
    CohortError
        If the file is missing, breaks its schema, names an entry of the paper that does not exist, has an entry of a
        cohort that it includes, or an entry has not exactly one source.
    """
    path = Path(name) if name.endswith(".yaml") else data(f"cohorts/{name}.yaml")
    known = sorted(file.stem for file in data("cohorts").glob("*.yaml"))
    if not path.is_file():
        what = (
            f"{name}: there is no such file"
            if name.endswith(".yaml")
            else f"config.yaml: cohort: there is no cohort {name!r}"
        )
        raise CohortError(f"{what}; give one of {known} or the path of a .yaml file")
    document = read_yaml(path)
    _validate(path.name, document, "cohort")
    if document["name"] in known and path.resolve() != data(f"cohorts/{document['name']}.yaml").resolve():
        raise CohortError(
            f"{path.name}: name: {document['name']!r} is the name of a cohort of this project, whose results this one "
            "would replace; choose another"
        )
    entries = _entries(path.name, document, [path.stem])
    cohort = Cohort(
        document["name"],
        document["description"],
        document.get("corpus"),
        document.get("training"),
        entries,
        _mapping(path.name, "steps", document),
        _mapping(path.name, "blocks", document),
        document.get("absent", {}),
        path.with_suffix(".pins.json"),
        document.get("start"),
    )
    _check_references(path.name, cohort)
    return cohort


def of_model(model: str) -> Cohort:
    """Return a cohort that consists of one model of the user's own.

    Parameters
    ----------
    model
        Path of a folder, or a repository on the Hub as ``ORG/NAME`` or ``ORG/NAME@REVISION``.

    Raises
    ------
    CohortError
        If it is neither a folder nor a repository.
    """
    repository, at, revision = model.partition("@")
    if Path(model).is_dir():
        name = f"model-{_plain(Path(model).name) or 'here'}"
        source: dict[str, Any] = {"link": {"folder": model}}
    elif re.fullmatch(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", repository) and bool(at) == bool(revision):
        name = f"model-{'--'.join(map(_plain, repository.split('/')))}"
        source = {"download": {"repository": repository, "revisions": {revision or "main": None}}}
    else:
        raise CohortError(
            f"config.yaml: model: {model!r} is no folder and no repository; give a path, ORG/NAME or ORG/NAME@REVISION"
        )
    document = {
        "name": name,
        "description": f"{model}, a model of your own.",
        "entries": {name: {"paper_entry": None, "stand_in": False, **source}},
    }
    _validate(name, document, "cohort")
    entry = _entry(name, name, document["entries"][name])  # type: ignore[index]
    pins = Path("results", name, "pins.json")
    return Cohort(name, str(document["description"]), None, None, {name: entry}, {}, {}, {}, pins, None)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-.")


def _entries(where: str, document: dict[str, Any], seen: list[str]) -> dict[str, CohortEntry]:
    """Return the entries of a cohort file, and after them those of the cohorts that it includes."""
    entries = {key: _entry(where, key, value) for key, value in document["entries"].items()}
    for name in document.get("include", []):
        path = data(f"cohorts/{name}.yaml")
        if name in seen or not path.is_file():
            law = "includes itself" if name in seen else "is no cohort of cohorts/"
            raise CohortError(f"{where}: include: {name!r} {law}; correct or remove it")
        included = read_yaml(path)
        _validate(path.name, included, "cohort")
        more = _entries(path.name, included, [*seen, name])
        doubled = sorted(set(entries) & set(more))
        if doubled:
            raise CohortError(
                f"{where}: include: cohort {name!r} has an entry {doubled[0]!r} too; rename or remove one of them"
            )
        entries |= more
    return entries


def _entry(where: str, key: str, document: dict[str, Any]) -> CohortEntry:
    excluded = [item["matrix"] for item in document.get("exclude", [])]
    doubled = sorted({matrix for matrix in excluded if excluded.count(matrix) > 1})
    if doubled:
        raise CohortError(f"{where}: entries.{key}.exclude: matrix {doubled[0]} is listed twice; keep one")
    sources = [source for source in SOURCES if source in document]
    if len(sources) != 1:
        raise CohortError(
            f"{where}: entries.{key}: {len(sources)} sources of weights; give exactly one of {list(SOURCES)}"
        )
    # A change of code stores matrices again, and must not fetch weights again.
    if document.get("precision") and sources == ["download"]:
        raise CohortError(
            f"{where}: entries.{key}.precision: an entry that the workflow fetches from the Hub is not stored in "
            "further formats; fetch the model yourself and link its folder, or remove precision"
        )
    # A change of code computes spectra again, and must not fetch weights again.
    if document.get("spectra") and sources == ["download"]:
        raise CohortError(
            f"{where}: entries.{key}.spectra: spectra are not computed of an entry that the workflow fetches from the "
            "Hub; fetch the model yourself and link its folder, or remove spectra"
        )
    return CohortEntry(
        id=key,
        paper_entry=document["paper_entry"],
        stand_in=document["stand_in"],
        source=sources[0],
        settings=document[sources[0]],
        exclude={item["matrix"]: item["reason"] for item in document.get("exclude", [])},
        precision=document.get("precision", False),
        architecture=_architecture(f"{where}: entries.{key}", document),
        stack=document.get("stack"),
        model=document.get("model"),
        spectra=document.get("spectra", False),
    )


def _architecture(where: str, document: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the declared architecture of an entry, which may stand in a file of its own."""
    given = document.get("architecture")
    if given is None:
        return None
    place = given if isinstance(given, str) else f"{where}.architecture"
    if isinstance(given, str):
        declaration = read_declaration(Path(given))
    else:
        check_declaration(f"{place}.", given)
        declaration = given
    names = declared(declaration, place)
    try:
        names.table(document.get("stack"))
    except CohortError as error:
        raise CohortError(f"{where}.stack: {error}") from None
    return declaration


def _mapping(where: str, key: str, document: dict[str, Any]) -> dict[int, int]:
    """Return the step or block that stands for each one that the paper names."""
    given = document.get(key, {"printed": [], "own": []})
    printed, own = given["printed"], given["own"]
    if len(printed) != len(own) or printed != sorted(printed) or own != sorted(own):
        raise CohortError(
            f"{where}: {key}: {len(printed)} printed and {len(own)} own; give as many of each, both in rising order"
        )
    return dict(zip(printed, own, strict=True))


def is_stand_in(entry: str) -> bool:
    """Tell by the id of an entry whether it was trained here in the place of another model."""
    return entry.startswith("lab-")


def _check_references(where: str, cohort: Cohort) -> None:
    known = paper.entries()
    taken = {key: f"absent.{key}" for key in cohort.absent}
    for key, name in taken.items():
        if key not in known:
            raise CohortError(f"{where}: {name}: {key!r} is not an id of paper/entries.tsv; correct it")
    for entry in cohort.entries.values():
        other = taken.setdefault(entry.paper_entry, f"entries.{entry.id}") if entry.paper_entry else None
        if other not in (None, f"entries.{entry.id}"):
            raise CohortError(
                f"{where}: entries.{entry.id}.paper_entry: {entry.paper_entry!r} is taken by {other}, and exhibits "
                "show one entry for each of the paper's; give it to one of them"
            )
    for entry in cohort.entries.values():
        named = {f"entries.{entry.id}.paper_entry": entry.paper_entry}
        if entry.source == "initialize":
            named[f"entries.{entry.id}.initialize.of"] = entry.settings["of"]
        for key, value in named.items():
            if value is not None and value not in known:
                raise CohortError(f"{where}: {key}: {value!r} is not an id of paper/entries.tsv; correct it")
        if entry.stand_in and entry.paper_entry is None:
            raise CohortError(
                f"{where}: entries.{entry.id}.stand_in: it stands in for nothing; name its paper_entry or write false"
            )
        if entry.source == "train" and not is_stand_in(entry.id):
            raise CohortError(
                f"{where}: entries.{entry.id}: the id of an entry that is trained here must start with 'lab-', so that "
                "nobody takes it for the model it stands for; rename it"
            )
        if entry.source == "train":
            _check_training(where, cohort, entry)


def _check_training(where: str, cohort: Cohort, entry: CohortEntry) -> None:
    if cohort.corpus is None or cohort.training is None:
        raise CohortError(
            f"{where}: entries.{entry.id}.train: the file lacks 'corpus' or 'training'; add both"
        )
    from weightfit.lab.settings import read_settings

    try:
        read_settings(entry.id, cohort.training, entry.settings)
    except CohortError as error:
        raise CohortError(f"{where}: {error}") from None
    base = entry.settings["base"]
    if base is not None and (base not in cohort.entries or cohort.entries[base].source != "train"):
        raise CohortError(
            f"{where}: entries.{entry.id}.train.base: {base!r} is not an entry of this file that is trained; name one"
        )
    if base is not None and cohort.entries[base].settings.get("base") is not None:
        raise CohortError(
            f"{where}: entries.{entry.id}.train.base: {base!r} has itself a base; name one that starts from scratch"
        )


def _validate(where: str, document: dict[str, Any], schema: str) -> None:
    if broken := violation(document, schema):
        raise CohortError(f"{where}: {broken}; {schema}.schema.yaml says what is allowed")
