"""Reads tab-separated tables under closed schemas."""

import math
import re
from pathlib import Path
from typing import Any, cast

from weightfit.errors import ContractError

_LIST_SEPARATOR = ";"
_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def read_table(path: Path, schema_path: Path) -> list[dict[str, object]]:
    """Read a tab-separated table and check that its rows obey a schema.

    Parameters
    ----------
    path
        UTF-8 text: a header, then one line per row, each ended by a newline. Cells are separated by one tab
        and are never quoted.
    schema_path
        JSON Schema (draft 2020-12, as YAML) of one row. `properties` lists the columns in order, and `type` says how a
        cell is read: an empty cell is null where the type allows it, and `;` separates the items of an array. The extra
        keyword `key` lists the columns whose values no two rows share.

    Returns
    -------
    list of dict
        One mapping per row, in the order of the file, from column to str, int, float, bool, list of str or None.

    Raises
    ------
    ContractError
        If the file is missing, or breaks the format, the schema or its key. The message names the file, the line, the
        column and the broken law.
    """
    import yaml
    from jsonschema import Draft202012Validator

    law = yaml.safe_load(schema_path.read_text(encoding="utf-8"))
    properties: dict[str, dict[str, Any]] = law["properties"]
    columns = list(properties)
    validator = Draft202012Validator(law)

    header, *lines = _lines(path)
    if header.split("\t") != columns:
        found = ", ".join(header.split("\t"))
        raise ContractError(
            f"{path}: line 1: the columns are {found}, not those of {schema_path.name}; "
            f"write {', '.join(columns)}, in this order, with one tab between them"
        )
    rows: list[dict[str, object]] = []
    seen: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(lines, start=2):
        cells = line.split("\t")
        if len(cells) != len(columns):
            raise ContractError(
                f"{path}: line {number}: {len(cells)} cells, but the header has {len(columns)}; "
                "separate cells by exactly one tab and leave an unknown cell empty"
            )
        row: dict[str, object] = {}
        for column, cell in zip(columns, cells, strict=True):
            try:
                row[column] = _value(cell, properties[column]["type"])
            except ValueError as error:
                raise ContractError(f"{path}: line {number}, column '{column}': {cell!r} {error}") from None
        violation = next(validator.iter_errors(row), None)
        if violation is not None:
            column = str(violation.path[0]) if violation.path else ""
            raise ContractError(
                f"{path}: line {number}, column '{column}': {violation.message}; "
                f"{schema_path.name} says what the column may hold"
            )
        key = tuple(cells[columns.index(column)] for column in law["key"])
        if key in seen:
            raise ContractError(
                f"{path}: line {number}, column '{', '.join(law['key'])}': {', '.join(key)!r} already "
                f"stands in line {seen[key]}, and no two rows may share it; remove or rename one"
            )
        seen[key] = number
        rows.append(row)
    return rows


def _lines(path: Path) -> list[str]:
    """Return the lines of a table without their newlines, the header first."""
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise ContractError(f"{path}: there is no such table; restore it or correct the path") from None
    except UnicodeDecodeError as error:
        raise ContractError(
            f"{path}: byte {error.start} is not UTF-8, which a table must be; save it as UTF-8"
        ) from None
    if "\r" in text:
        line = text[: text.index("\r")].count("\n") + 1
        raise ContractError(f"{path}: line {line} holds a carriage return; end lines with a newline only")
    if not text.endswith("\n"):
        raise ContractError(
            f"{path}: the last line does not end with a newline; the file is cut short or empty"
        )
    return text[:-1].split("\n")


def _value(cell: str, declared: str | list[str]) -> object:
    """Convert a cell to the type that its column declares, or raise a ValueError that says which law it breaks."""
    types = [declared] if isinstance(declared, str) else declared
    if "null" in types and not cell:
        return None
    kind = next(name for name in types if name != "null")
    if kind == "string":
        return cell
    if kind == "array":
        return cell.split(_LIST_SEPARATOR) if cell else []
    if kind == "boolean" and cell in ("true", "false"):
        return cell == "true"
    if kind == "integer" and _INTEGER.fullmatch(cell):
        return int(cell)
    if kind == "number" and _NUMBER.fullmatch(cell) and math.isfinite(float(cell)):
        return float(cell)
    remedy = {
        "boolean": "is not a boolean; write true or false",
        "integer": "is not an integer; write digits only",
        "number": "is not a finite number; write a decimal such as 0.5 or 3e-4",
    }
    raise ValueError(remedy[kind])


def frozen(row: dict[str, object]) -> dict[str, Any]:
    """Return a row with its lists as tuples."""
    values = {column: tuple(value) if isinstance(value, list) else value for column, value in row.items()}
    return cast("dict[str, Any]", values)
