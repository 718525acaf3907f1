"""The project's own data files: where they are, and whether a document obeys its schema."""

from __future__ import annotations

import csv
import json
import reprlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from weightfit.errors import MalformedCheckpoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa

ROOT = Path(__file__).parents[1]
"""The checkout."""


def data(name: str) -> Path:
    """Return where a data file or a folder of the project is.

    Parameters
    ----------
    name
        Its path in the checkout, such as `paper/reported.tsv`.
    """
    return ROOT / name


def schema(name: str) -> Path:
    """Return where the schema of a table or document is: `workflow/schemas/{name}.schema.yaml`."""
    return data(f"workflow/schemas/{name}.schema.yaml")


def violation(document: object, name: str) -> str | None:
    """Return the key at which a document breaks its schema and the law that is broken, or None.

    Parameters
    ----------
    document
        Mappings, lists, texts, numbers, truth values and None.
    name
        `workflow/schemas/{name}.schema.yaml`: JSON Schema (draft 2020-12, as YAML).
    """
    # Where nothing is validated, nothing waits for these two.
    import yaml
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    law = yaml.safe_load(schema(name).read_text(encoding="utf-8"))
    error = best_match(Draft202012Validator(law).iter_errors(document))
    if error is None:
        return None
    key = ".".join(str(part) for part in error.absolute_path) or "(top level)"
    return f"{key}: {error.message}"


FETCH_AGAIN = "fetch it again"
_quotation = reprlib.Repr()
quote = _quotation.repr  # untrusted values in messages: short, on one line, never nested without end


def parse_object(text: bytes, what: str) -> dict[str, object]:
    """Parse JSON that must be one object without a repeated key.

    Parameters
    ----------
    text
        UTF-8.
    what
        Name of the text for messages.

    Raises
    ------
    MalformedCheckpoint
        If it is not UTF-8, not JSON, not an object, nested without end, or an object in it has a key twice.
    """

    def pairs(items: list[tuple[str, object]]) -> dict[str, object]:
        found: dict[str, object] = {}
        for key, value in items:
            if key in found:
                raise MalformedCheckpoint(f"{what} has the key {quote(key)} twice: {FETCH_AGAIN}")
            found[key] = value
        return found

    def constant(name: str) -> object:
        raise MalformedCheckpoint(f"{what} holds {name}, which JSON does not know: {FETCH_AGAIN}")

    try:
        value = json.loads(
            text.decode(), object_pairs_hook=pairs, parse_int=_integer, parse_constant=constant
        )
    except UnicodeDecodeError as error:
        raise MalformedCheckpoint(f"{what} is not UTF-8 at its byte {error.start}: {FETCH_AGAIN}") from error
    except json.JSONDecodeError as error:
        raise MalformedCheckpoint(f"{what} is not JSON ({error}): {FETCH_AGAIN}") from error
    except RecursionError as error:
        raise MalformedCheckpoint(f"{what} is nested too deep to be read: {FETCH_AGAIN}") from error
    if not isinstance(value, dict):
        raise MalformedCheckpoint(f"{what} is not a JSON object: {FETCH_AGAIN}")
    return value


def _integer(text: str) -> int | float:
    # -0 and numbers of thousands of digits are no integers of the format; as floats they fail the checks.
    return int(text) if len(text) <= 20 and text != "-0" else float(text)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield the path of a file that takes the name ``path`` when the block ends, and vanishes if it raises.

    Parameters
    ----------
    path
        Its folder is made; a file that already has the name is replaced.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def write_json(path: Path, value: Mapping[str, object]) -> None:
    """Write ``value`` as JSON with sorted keys; the file appears whole or not at all.

    Parameters
    ----------
    path
        Its folder is made.
    value
        Numbers in it must be finite.

    Raises
    ------
    TypeError, ValueError
        If it holds what JSON has no word for.
    """
    text = json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n"
    with whole_file(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def write_csv(path: Path, table: pa.Table) -> None:
    """Write a table as CSV, atomically; null is an empty cell."""
    with whole_file(path) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(table.column_names)
        writer.writerows(row.values() for row in table.to_pylist())
