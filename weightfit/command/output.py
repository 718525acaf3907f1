"""How every word of the command ends: with its result, or with one sentence on what was refused."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from weightfit.errors import WeightfitError


@contextmanager
def ended(source: str) -> Iterator[None]:
    """End the program with status 1 and one sentence on stderr if the body refuses what it was given."""
    try:
        yield
    except WeightfitError as error:
        sys.exit(str(error))
    except ModuleNotFoundError as error:
        extra = {"huggingface_hub": "hub", "snakemake": "workflow", "jax": "lab"}.get(str(error.name))
        if extra is None:
            raise
        sys.exit(
            f"{source}: this needs {error.name}, which is not installed: pip install 'weightfit[{extra}]'"
        )
    except OSError as error:
        sys.exit(f"{error.filename or source}: {error.strerror or error}")


def written(what: str, path: Path) -> None:
    """Tell on stderr where a file was written."""
    print(f"{what}: {path}", file=sys.stderr)
