"""Find the project's own data files, check documents against their schemas, and write files atomically."""

from __future__ import annotations

import json
import reprlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from weightfit.errors import CohortError, MalformedCheckpoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

ROOT = Path(__file__).parents[1]
"""Root folder of the checkout."""


def data(name: str) -> Path:
    """Return the path of a data file or folder of the project.

    Parameters
    ----------
    name
        Path relative to the root of the checkout, such as `paper/reported.tsv`.
    """
    return ROOT / name


def schema(name: str) -> Path:
    """Return the path of the schema of a table or document: `workflow/schemas/{name}.schema.yaml`."""
    return data(f"workflow/schemas/{name}.schema.yaml")


def violation(document: object, name: str) -> str | None:
    """Return the key at which a document violates its schema and what is wrong there, or None.

    Parameters
    ----------
    document
        Nested mappings, lists, strings, numbers, booleans and None.
    name
        Name of the schema `workflow/schemas/{name}.schema.yaml` (JSON Schema draft 2020-12, as YAML).
    """
    # Imported here, so that programs that validate nothing do not wait for these two modules.
    import yaml
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    law = yaml.safe_load(schema(name).read_text(encoding="utf-8"))
    error = best_match(Draft202012Validator(law).iter_errors(document))
    if error is None:
        return None
    key = ".".join(str(part) for part in error.absolute_path) or "(top level)"
    # A pattern says what it means beside it, because a regular expression is no explanation.
    meaning = error.schema.get("$comment") if error.validator == "pattern" else None
    return f"{key}: {error.instance!r} is not made of {meaning}" if meaning else f"{key}: {error.message}"


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML or JSON file of plain values, a mapping whose keys are text.

    Raises
    ------
    CohortError
        If the file is not UTF-8, no YAML, has a tag, or a mapping in it has a key twice or one that is no text. The
        message names the line.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        """YAML loader that refuses duplicate keys and builds plain values only."""

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            keys: dict[object, int] = {}
            for key, _ in node.value:
                value, line = self.construct_object(key, deep=True), key.start_mark.line + 1
                if not isinstance(value, str):
                    raise CohortError(
                        f"{path.name}: line {line}: key {value!r} is a {type(value).__name__}, not text; "
                        "put it in quotes"
                    )
                if value in keys:
                    raise CohortError(
                        f"{path.name}: line {line}: key {value!r} stands twice in one mapping, first in line "
                        f"{keys[value]}; keep one"
                    )
                keys[value] = line
            return super().construct_mapping(node, deep)

    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader)  # noqa: S506
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise CohortError(f"{path.name}: {line}not plain YAML: {error.problem}; correct the file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        problem = " ".join(str(error).split())
        raise CohortError(f"{path.name}: not plain YAML: {problem}; correct the file") from None
    if not isinstance(document, dict):
        raise CohortError(f"{path.name}: the file must be a mapping of keys to values; correct the file")
    return document


FETCH_AGAIN = "fetch it again"
quotation = reprlib.Repr()
quote = quotation.repr  # shows untrusted values in messages: short, on one line, with limited nesting


def parse_object(text: bytes, what: str) -> dict[str, object]:
    """Parse JSON that must be a single object without repeated keys.

    Parameters
    ----------
    text
        JSON text in UTF-8.
    what
        Name of the text in error messages.

    Raises
    ------
    MalformedCheckpoint
        If the text is not UTF-8, not JSON, not an object, nested too deep, or an object in it has a key twice.
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
    # Neither -0 nor a number of thousands of digits is an integer of the format; as floats they fail the checks.
    return int(text) if len(text) <= 20 and text != "-0" else float(text)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path; the file is renamed to ``path`` when the block ends, or removed if the block raises.

    Parameters
    ----------
    path
        Final path; its folder is created, and an existing file is replaced.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def write_json(path: Path, value: Mapping[str, object]) -> None:
    """Write ``value`` as JSON with sorted keys; the file appears complete or not at all.

    Parameters
    ----------
    path
        Path of the file; its folder is created.
    value
        Value to write; its numbers must be finite.

    Raises
    ------
    TypeError, ValueError
        If ``value`` holds something that JSON cannot express.
    """
    text = json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n"
    with whole_file(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
