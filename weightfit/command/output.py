"""How every word of the command ends: with its result, or with one sentence on what was refused."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import requires
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
        extra = extra_with(str(error.name).partition(".")[0])
        if extra is None:
            raise
        sys.exit(
            f"{source}: this needs {error.name}, which is not installed: pip install 'weightfit[{extra}]'"
        )
    except OSError as error:
        sys.exit(f"{error.filename or source}: {error.strerror or error}")


def extra_with(module: str) -> str | None:
    """Return the extra of this package that brings a module, or None if none does."""
    for requirement in requires("weightfit") or ():
        found = re.fullmatch(r"([\w.-]+)[^;]*;.*extra == [\"'](\w+)[\"'].*", requirement)
        if found and found[1].replace("-", "_") == module:
            return found[2]
    return None


def written(what: str, path: Path) -> None:
    """Tell on stderr where a file was written."""
    print(f"{what}: {path}", file=sys.stderr)
