"""Parquet tables that obey strict contracts and carry deterministic provenance in their metadata."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

from weightfit.documents import schema, whole_file
from weightfit.errors import ContractError

PROVENANCE_KEY = b"weightfit"

_ARROW = {"string": pa.string(), "integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_()}


@cache
def contract(name: str) -> dict[str, Any]:
    """Read the contract of a table.

    Parameters
    ----------
    name
        Name of the contract `workflow/schemas/{name}.schema.yaml`, a JSON Schema of one row: ``properties`` are
        the columns in order, ``key`` lists the columns that together identify a row, and ``arrow`` narrows the
        type of a column.
    """
    law: dict[str, Any] = yaml.safe_load(schema(name).read_text(encoding="utf-8"))
    return law


def arrow_schema(name: str) -> pa.Schema:
    """Return the Arrow schema of a contract."""
    fields = []
    for column, law in contract(name)["properties"].items():
        kinds = law["type"] if isinstance(law["type"], list) else [law["type"]]
        kind = next(kind for kind in kinds if kind != "null")
        arrow = pa.type_for_alias(law["arrow"]) if "arrow" in law else _ARROW[kind]
        fields.append(pa.field(column, arrow, nullable="null" in kinds))
    return pa.schema(fields)


def build(name: str, columns: Mapping[str, Sequence[object]]) -> pa.Table:
    """Make a table from columns and check it against its contract.

    Parameters
    ----------
    name
        Name of the contract.
    columns
        Exactly the columns of the contract, of equal length; None becomes null.

    Returns
    -------
    pyarrow.Table
        Table with its columns in the order of the contract.

    Raises
    ------
    ContractError
        If a column is missing, extra, of another type or out of its range, or if the key is not unique.
    """
    expected = arrow_schema(name)
    if set(columns) != set(expected.names):
        raise ContractError(
            f"table {name}: the columns are {sorted(columns)}, the contract has {sorted(expected.names)}; "
            f"change the code or {name}.schema.yaml"
        )
    try:
        table = pa.table(
            {column: _array(columns[column], expected.field(column).type) for column in expected.names}
        )
        table = table.cast(expected)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, ValueError) as error:
        raise ContractError(f"table {name}: {error}; every cell must have its column's type") from None
    check(name, table)
    return table


def of_rows(name: str, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Make a table from rows as `build` does from columns; other keys of a row are ignored."""
    return build(name, {column: [row[column] for row in rows] for column in arrow_schema(name).names})


def _array(values: Sequence[object], kind: pa.DataType) -> pa.Array:
    # Arrow would truncate floats to integers and accept booleans as numbers.
    wrong = (float, bool, np.floating) if pa.types.is_integer(kind) else bool
    if not pa.types.is_boolean(kind):
        for value in values if not isinstance(values, np.ndarray) else ():
            if isinstance(value, wrong):
                raise ValueError(f"{value!r} is no {kind}")
    return pa.array(values, kind)


def check(name: str, table: pa.Table) -> None:
    """Raise `ContractError` unless every cell of a table obeys its contract."""
    law = contract(name)
    for column, rule in law["properties"].items():
        _check_column(name, column, rule, table[column])
    if "key" in law and table.num_rows:
        distinct = table.select(law["key"]).group_by(law["key"]).aggregate([])
        if distinct.num_rows != table.num_rows:
            raise ContractError(
                f"table {name}: {table.num_rows - distinct.num_rows} rows share the key {law['key']} with another; "
                "each row needs a key of its own"
            )


def _check_column(name: str, column: str, rule: Mapping[str, Any], values: pa.ChunkedArray) -> None:
    where = f"table {name}, column {column!r}"
    if values.null_count and "null" not in rule["type"]:
        raise ContractError(f"{where}: {values.null_count} nulls in a column that may not be null")
    if pa.types.is_floating(values.type):
        finite = pc.all(pc.is_finite(values)).as_py()
        if finite is False:
            raise ContractError(
                f"{where}: a value is infinite or not a number; failures are never stored as numbers"
            )
    if "enum" in rule:
        allowed = [value for value in rule["enum"] if value is not None]
        strange = [
            value for value in pc.unique(values).to_pylist() if value is not None and value not in allowed
        ]
        if strange:
            raise ContractError(f"{where}: {strange[0]!r} is none of {allowed}")
    extremes = pc.min_max(values).as_py() if {"minimum", "exclusiveMinimum", "maximum"} & set(rule) else {}
    low, high = extremes.get("min"), extremes.get("max")
    if low is not None and "minimum" in rule and low < rule["minimum"]:
        raise ContractError(f"{where}: {low} is below the least allowed value {rule['minimum']}")
    if low is not None and "exclusiveMinimum" in rule and low <= rule["exclusiveMinimum"]:
        raise ContractError(f"{where}: {low} must be above {rule['exclusiveMinimum']}")
    if high is not None and "maximum" in rule and high > rule["maximum"]:
        raise ContractError(f"{where}: {high} is above the greatest allowed value {rule['maximum']}")


def write(path: Path, name: str, table: pa.Table, provenance: Mapping[str, object]) -> None:
    """Write a table that `build` made, with its provenance, atomically.

    Parameters
    ----------
    path
        Path of the Parquet file.
    name
        Name of the contract.
    table
        The table.
    provenance
        Provenance as JSON values, without times and without paths of one machine.
    """
    with writer(path, name) as stream:
        stream.add(table)
        stream.describe(provenance)


def write_csv(path: Path, rows: pa.Table) -> None:
    """Write a table as CSV, atomically; null is an empty cell."""
    with whole_file(path) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(rows.column_names)
        writer.writerows(row.values() for row in rows.to_pylist())


def read_csv(path: Path, name: str) -> pa.Table:
    """Read a table that `write_csv` wrote, and check it against its contract.

    Raises
    ------
    ContractError
        If the file breaks the contract.
    """
    from pyarrow import csv as arrow_csv

    options = arrow_csv.ConvertOptions(
        column_types=arrow_schema(name),
        strings_can_be_null=True,
        null_values=[""],
    )
    try:
        rows = arrow_csv.read_csv(path, convert_options=options)
    except pa.ArrowInvalid as error:
        raise ContractError(f"{path}: {error}; delete it and let the workflow make it again") from None
    return build(name, {column: rows[column] for column in rows.column_names})


def read(path: Path, name: str) -> pa.Table:
    """Read a Parquet table and check that it has its contract's columns and types.

    Raises
    ------
    ContractError
        If the columns differ.
    """
    try:
        table = pq.read_table(path)
    except pa.ArrowInvalid as error:
        raise ContractError(
            f"{path}: not a whole Parquet file ({error}); delete it and let the workflow make it again"
        ) from None
    expected = arrow_schema(name)
    if not table.schema.remove_metadata().equals(expected):
        raise ContractError(
            f"{path}: the columns are not those of the contract {name}; it was written by another version: "
            "delete the file and let the workflow make it again"
        )
    return table


def read_provenance(path: Path) -> dict[str, Any]:
    """Return the provenance in a Parquet file's metadata."""
    metadata = pq.read_metadata(path).metadata or {}
    provenance: dict[str, Any] = json.loads(metadata.get(PROVENANCE_KEY, b"{}"))
    return provenance


class TableWriter:
    """Writes a Parquet table row group by row group."""

    def __init__(self, path: Path, name: str):
        self._name = name
        self._schema = arrow_schema(name)
        dictionary = [field.name for field in self._schema if pa.types.is_string(field.type)]
        self._writer = pq.ParquetWriter(
            path,
            self._schema,
            compression="zstd",
            use_dictionary=dictionary,
            column_encoding={
                field.name: "BYTE_STREAM_SPLIT" for field in self._schema if pa.types.is_floating(field.type)
            },
            write_statistics=False,
        )

    def add(self, table: pa.Table) -> None:
        """Append a table as one row group."""
        if table.num_rows:
            self._writer.write_table(table, row_group_size=table.num_rows)

    def describe(self, provenance: Mapping[str, object]) -> None:
        """Store the provenance in the file's metadata."""
        text = json.dumps(provenance, sort_keys=True, separators=(",", ":"))
        self._writer.add_key_value_metadata({PROVENANCE_KEY: text.encode()})

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()


@contextmanager
def writer(path: Path, name: str) -> Iterator[TableWriter]:
    """Open a table for writing; the file appears under its name only when the body succeeds."""
    with whole_file(path) as unfinished:
        stream = TableWriter(unfinished, name)
        try:
            yield stream
        finally:
            stream.close()


def column(table: pa.Table, name: str) -> np.ndarray[Any, Any]:
    """Return one column as a numpy array; strings become objects, and numbers with nulls become floats with NaN."""
    values: np.ndarray[Any, Any] = table[name].to_numpy()
    return values
