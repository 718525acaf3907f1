"""Tables: each kind of violation is refused, files appear whole or not at all, same rows give the same bytes."""

import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from weightfit import documents, table
from weightfit.errors import ContractError

SCHEMA = """
key: [name, step]
properties:
  name: {type: string}
  kind: {type: string, enum: [a, b]}
  step: {type: [integer, "null"], minimum: 0}
  block: {type: integer, minimum: -1, maximum: 99, arrow: int32}
  value: {type: number, exclusiveMinimum: 0}
  trim: {type: [number, "null"], enum: [0.8, 1.0, null]}
  narrow: {type: number, arrow: float32}
  last: {type: boolean}
"""
GOOD = {
    "name": ["x", "x", "y"],
    "kind": ["a", "b", "a"],
    "step": [0, None, 0],
    "block": [-1, 0, 99],
    "value": [0.5, 1e300, 1e-300],
    "trim": [0.8, None, 1.0],
    "narrow": [1.5, -2.0, 0.0],
    "last": [True, False, True],
}


@pytest.fixture(autouse=True)
def schemas(tmp_path_factory, monkeypatch, request):
    """Let the contract ``toy`` be the one above, except in tests of the real ones."""
    if "name" in request.fixturenames:
        yield
        return
    root = tmp_path_factory.mktemp("root")
    folder = root / "workflow" / "schemas"
    folder.mkdir(parents=True)
    (folder / "toy.schema.yaml").write_text(SCHEMA)
    monkeypatch.setattr(documents, "ROOT", root)
    table.contract.cache_clear()
    yield
    table.contract.cache_clear()


def with_cell(column, cell, place=1):
    changed = list(GOOD[column])
    changed[place] = cell
    return GOOD | {column: changed}


def test_a_good_table_keeps_every_cell_in_the_order_of_the_contract():
    built = table.build("toy", dict(reversed(GOOD.items())))
    assert built.column_names == list(GOOD)
    assert built.to_pydict() == GOOD
    types = {field.name: (str(field.type), field.nullable) for field in built.schema}
    assert types == {
        "name": ("string", False),
        "kind": ("string", False),
        "step": ("int64", True),
        "block": ("int32", False),
        "value": ("double", False),
        "trim": ("double", True),
        "narrow": ("float", False),
        "last": ("bool", False),
    }


@pytest.mark.parametrize(
    ("column", "cell", "complaint"),
    [
        ("name", None, "null"),
        ("name", 3, "type"),
        ("kind", "c", "'kind': 'c' is none of"),
        ("step", -1, "'step': -1 is below the least"),
        ("step", 1.5, "toy"),
        ("step", "1", "toy"),
        ("step", True, "toy"),
        ("step", 2**63, "toy"),
        ("step", 2**70, "toy"),
        ("block", -2, "'block': -2 is below the least"),
        ("block", 100, "'block': 100 is above the greatest"),
        ("block", 2**40, "toy"),
        ("block", None, "null"),
        ("value", 0.0, "'value': 0.0 must be above 0"),
        ("value", -1.0, "'value': -1.0 must be above 0"),
        ("value", None, "null"),
        ("value", float("nan"), "'value': a value is infinite or not a number"),
        ("value", float("inf"), "'value': a value is infinite or not a number"),
        ("value", "1", "toy"),
        ("narrow", 1e300, "'narrow': a value is infinite"),
        ("trim", 0.9, "'trim': 0.9 is none of"),
        ("trim", float("nan"), "'trim'"),
        ("last", None, "null"),
        ("last", "yes", "toy"),
    ],
)
def test_a_cell_that_breaks_the_contract_is_refused(column, cell, complaint):
    with pytest.raises(ContractError, match="table toy") as caught:
        table.build("toy", with_cell(column, cell))
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    "columns",
    [
        {name: values for name, values in GOOD.items() if name != "kind"},
        GOOD | {"extra": [1, 2, 3]},
        GOOD | {"last": [True, False]},
    ],
)
def test_columns_that_are_missing_extra_or_short_are_refused(columns):
    with pytest.raises(ContractError, match="table toy"):
        table.build("toy", columns)


@pytest.mark.parametrize("step", [0, None])
def test_a_key_that_stands_twice_is_refused(step):
    with pytest.raises(ContractError, match=r"1 rows share the key \['name', 'step'\]"):
        table.build("toy", GOOD | {"name": ["x", "x", "x"], "step": [step, step, 5]})


def test_a_table_without_rows_is_good(tmp_path):
    empty = table.build("toy", {name: [] for name in GOOD})
    table.write(tmp_path / "toy.parquet", "toy", empty, {})
    assert table.read(tmp_path / "toy.parquet", "toy").num_rows == 0


def test_what_is_written_is_read_with_its_provenance(tmp_path):
    built = table.build("toy", GOOD)
    path = tmp_path / "folder" / "toy.parquet"
    table.write(path, "toy", built, {"rule": "fit", "inputs": {"b": 1, "a": None}})
    assert table.read(path, "toy").equals(built)
    assert table.read_provenance(path) == {"rule": "fit", "inputs": {"a": None, "b": 1}}
    assert [file.name for file in path.parent.iterdir()] == ["toy.parquet"]
    assert table.column(table.read(path, "toy"), "value").tolist() == GOOD["value"]


def test_the_same_rows_give_the_same_bytes(tmp_path):
    for name, provenance in {"one": {"a": 1, "b": 2}, "other": {"b": 2, "a": 1}}.items():
        table.write(tmp_path / name, "toy", table.build("toy", GOOD), provenance)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_exception_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "toy.parquet"
    table.write(path, "toy", table.build("toy", GOOD), {})
    before = path.read_bytes()
    with pytest.raises(error), table.writer(path, "toy") as stream:
        stream.add(table.build("toy", GOOD))
        raise error
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_each_added_table_is_one_row_group(tmp_path):
    built = table.build("toy", GOOD)
    with table.writer(tmp_path / "toy.parquet", "toy") as stream:
        for part in (built, built.slice(0, 0), built.slice(1)):
            stream.add(part)
    metadata = pq.read_metadata(tmp_path / "toy.parquet")
    assert [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)] == [3, 2]


def test_a_file_of_another_contract_is_refused(tmp_path):
    path = tmp_path / "toy.parquet"
    for columns in ({"name": ["x"]}, GOOD | {"block": pa.array([1, 2, 3], pa.int64())}):
        pq.write_table(pa.table(columns), path)
        with pytest.raises(
            ContractError, match=r"toy\.parquet: the columns are not those of the contract toy"
        ):
            table.read(path, "toy")
    assert table.read_provenance(path) == {}


# The real contracts.

CONTRACTS = sorted(
    path.name.removesuffix(".schema.yaml")
    for path in documents.data("workflow/schemas").glob("*.schema.yaml")
    if re.match(r"results/.*(parquet|csv)", yaml.safe_load(path.read_text())["title"])
)
CHECKED = {"type", "description", "arrow", "enum", "minimum", "exclusiveMinimum", "maximum"}


@pytest.mark.parametrize("name", CONTRACTS)
def test_a_contract_has_no_law_that_is_not_checked(name):
    law = table.contract(name)
    assert not law["additionalProperties"]
    assert law["required"] == list(law["properties"])
    assert set(law.get("key", [])) <= set(law["properties"])
    for column, rule in law["properties"].items():
        assert set(rule) <= CHECKED, f"{name}: {column}"
        assert rule["description"].endswith(".")
        assert table.arrow_schema(name).field(column)


def test_the_contracts_are_found():
    assert {"histograms", "fits", "moments"} <= set(CONTRACTS)
