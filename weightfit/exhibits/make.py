"""Makes an exhibit from its request: the numbers behind it, and what people open."""

from importlib import import_module
from types import ModuleType

from weightfit.exhibits.numbers import Row, need
from weightfit.exhibits.request import Request
from weightfit.paper.exhibits import Exhibit


def module(exhibit: Exhibit) -> ModuleType:
    """Return the module of an exhibit.

    Of a figure it has ``COLUMNS``, ``rows`` and ``draw``, see `weightfit.exhibits.figure.make`; of a table ``COLUMNS``,
    ``rows``, ``display`` and perhaps ``notes``, see `weightfit.exhibits.table.make`.
    """
    return _imported(exhibit.module)


def numbers(request: Request) -> tuple[tuple[str, ...], list[Row]]:
    """Return the columns and the rows of an exhibit's CSV; below the exhibit's minimum there are no rows."""
    found = module(request.exhibit)
    return found.COLUMNS, [] if need(request) else found.rows(request)


def make(request: Request) -> None:
    """Make an exhibit and write its files."""
    # By name, so that a change of how tables are made redraws no figure.
    _imported(request.exhibit.maker).make(request, module(request.exhibit))


def _imported(path: str) -> ModuleType:
    return import_module(path.removesuffix(".py").replace("/", "."))
