"""The project's own data files: where they are, and whether a document obeys its schema."""

from pathlib import Path

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
