"""Every exhibit from a cohort that has all of the paper's entries, from one that has none, and from a single entry."""

import csv
import re
from pathlib import Path

import pyarrow as pa
import pytest
from exhibit_maker import ENDINGS, make, request
from full_cohort import COHORT, ENTRIES, facts, fits, parts, spectra, stored_matrices
from svg_text import faults

from weightfit import paper, table
from weightfit.exhibits.make import module
from weightfit.paper import exhibits
from weightfit.release.library import counterparts, library, paper_names
from weightfit.studies.ablation import ablation
from weightfit.studies.bimodality import bimodality
from weightfit.studies.calibration import calibration
from weightfit.studies.density import density
from weightfit.studies.drift import drift
from weightfit.studies.precision import drawn as drawn_laws
from weightfit.studies.precision import precision
from weightfit.studies.scaling import scaling
from weightfit.studies.steady_state import Origin, steady_state, steady_state_lines
from weightfit.studies.super_weights import super_weights
from weightfit.studies.tail import tail
from weightfit.studies.theory import theory

# Those whose panels and columns depend on the models of a cohort are made in test_real_models.py.
LABELS = [label for label in exhibits.read() if label not in ("beyond_claims", "beyond_shapes")]
FIGURES = [label for label in LABELS if exhibits.read()[label].kind == "figures"]
TABLES = [label for label in LABELS if exhibits.read()[label].kind == "tables"]
# A figure with a density and one with lines are drawn twice in every run of the tests, the others in a full one.
TWICE = ["figure_03", "figure_12", *TABLES]


def origins() -> dict[str, Origin]:
    return {
        name: Origin(str(known["paper_entry"]), False, None, False, None) for name, known in ENTRIES.items()
    }


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the tables of a cohort that has all entries."""
    folder = tmp_path_factory.mktemp("full")
    paths = list(parts(folder))
    made = fits(paths)
    drawn = ("figure_03", "figure_08")
    milestones = sorted({step for label in drawn for step in exhibits.read()[label].content["steps"]})
    made["theory"] = table.of_rows("theory", theory())
    made["library"] = library(paper_names(), counterparts())
    made["ablation"] = ablation(made["fits"])
    made["drift"] = drift(made["fits"], [])
    made["scaling"] = scaling(made["fits"])
    published = {name: paper.training(name) for name in paper.conventions()}
    made["steady_state"] = steady_state(made["scaling"], origins(), published, paper.states())
    family = exhibits.read()["figure_12"].content["entries"]
    made["steady_state_lines"] = steady_state_lines(made["steady_state"], {"pythia": family})
    made["super_weights"] = super_weights(made["fits"], made["moments"])
    made["density"] = density(made["fits"], paths, milestones)
    made["tail"] = tail(made["fits"], paths, milestones)
    made["bimodality"] = bimodality(paths, made["fits"])
    made["calibration"] = calibration()
    made["precision"] = precision(drawn_laws(64), stored_matrices())
    made["spectra"] = spectra(made["fits"])
    for name, rows in made.items():
        table.write(folder / f"{name}.parquet", name, rows, {})
    return folder


@pytest.fixture(scope="module")
def full(tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with every exhibit of that cohort."""
    output = tmp_path_factory.mktemp("exhibits")
    for label in LABELS:
        make(request(label, tables, output, ENTRIES, COHORT, every_ending=label in TWICE))
    return output


def numbers(folder: Path, label: str) -> list[dict[str, str]]:
    with (folder / f"{label}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("label", FIGURES)
def test_the_numbers_behind_a_figure_have_its_panels_and_series(full: Path, label: str) -> None:
    expected = exhibits.read()[label].content
    found = numbers(full, label)
    assert {row["panel"] for row in found} == set(map(str, expected["panels"]))
    assert {row["series"] for row in found} == set(map(str, expected["series"]))
    assert list(found[0])[:2] == ["panel", "series"]
    assert list(found[0]) == list(module(exhibits.read()[label]).COLUMNS)


@pytest.mark.parametrize("label", TABLES)
def test_the_numbers_behind_a_table_have_its_rows(full: Path, label: str) -> None:
    found = numbers(full, label)
    assert [*dict.fromkeys(row["row"] for row in found)] == list(
        map(str, exhibits.read()[label].content["rows"])
    )
    assert next(iter(found[0])) == "row"
    assert list(found[0]) == list(module(exhibits.read()[label]).COLUMNS)


@pytest.mark.parametrize("label", FIGURES)
def test_every_text_of_a_figure_lies_inside_and_apart(full: Path, label: str) -> None:
    assert faults(full / f"{label}.svg") == []


@pytest.mark.parametrize("label", LABELS)
def test_nothing_is_called_a_stand_in_that_is_none(full: Path, label: str) -> None:
    for ending in set(ENDINGS[exhibits.read()[label].kind]) - {"png", "pdf", "csv"}:
        text = (full / f"{label}.{ending}").read_text(encoding="utf-8")
        shown = re.sub(re.escape(exhibits.read()[label].caption), "", text)
        assert "STAND-IN" not in shown


@pytest.mark.parametrize(
    "label",
    [label if label in TWICE else pytest.param(label, marks=pytest.mark.full) for label in LABELS],
)
def test_an_exhibit_has_the_same_bytes_every_time(
    full: Path, tables: Path, tmp_path: Path, label: str
) -> None:
    one, other = (full, tmp_path) if label in TWICE else (tmp_path / "one", tmp_path / "other")
    for folder in {one, other} - {full}:
        make(request(label, tables, folder, ENTRIES, COHORT, every_ending=True))
    for ending in ENDINGS[exhibits.read()[label].kind]:
        name = f"{label}.{ending}"
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


@pytest.mark.parametrize("label", ["figure_10", "table_1"])
def test_stand_ins_are_named_where_they_are_shown(tables: Path, tmp_path: Path, label: str) -> None:
    stand_ins = {name: known | {"stand_in": True} for name, known in ENTRIES.items()}
    assert "STAND-IN" in make(request(label, tables, tmp_path, stand_ins, COHORT))
    shown = tmp_path / f"{label}.{'svg' if label in FIGURES else 'html'}"
    assert "STAND-IN: " in shown.read_text(encoding="utf-8")
    if label in TABLES:
        assert "Stand-in median" in shown.read_text(encoding="utf-8")


@pytest.mark.parametrize("label", LABELS)
def test_a_cohort_without_entries_says_what_is_needed(tables: Path, tmp_path: Path, label: str) -> None:
    known = exhibits.read()[label]
    told = make(request(label, tables, tmp_path, {}, COHORT))
    if known.minimum:
        assert f"{known.title} needs {known.needs}" in told
        assert numbers(tmp_path, label) == []
        shown = (tmp_path / f"{label}.{'svg' if label in FIGURES else 'html'}").read_text(encoding="utf-8")
        assert "needs" in shown
    if label in FIGURES:
        assert faults(tmp_path / f"{label}.svg") == []


@pytest.mark.parametrize("label", LABELS)
def test_one_entry_is_drawn_and_the_missing_ones_are_named(tables: Path, tmp_path: Path, label: str) -> None:
    parts_of = exhibits.read()[label].content
    wanted = request(label, tables, tmp_path, ENTRIES, COHORT).cast.wanted
    if not wanted or exhibits.read()[label].minimum > 1:
        return
    key = wanted[-1]
    alone = {f"full-{key}": facts(paper_entry=key)}
    absent = COHORT | {"absent": {wanted[0]: "gated"}} if len(wanted) > 1 else COHORT
    told = make(request(label, tables, tmp_path, alone, absent))
    if len(wanted) > 1:
        assert f"1 of {len(wanted)} entries; {wanted[0]}: gated" in told
    assert numbers(tmp_path, label) != []
    if "entries" in parts_of and "series" in parts_of and set(parts_of["series"]) == set(wanted):
        assert {row["series"] for row in numbers(tmp_path, label)} == {key}
    if label in FIGURES:
        assert faults(tmp_path / f"{label}.svg") == []


def test_the_tables_of_the_full_cohort_keep_their_contracts(tables: Path) -> None:
    for path in sorted(tables.glob("*.parquet")):
        found = table.read(path, path.stem)
        assert isinstance(found, pa.Table)
        table.check(path.stem, found)
