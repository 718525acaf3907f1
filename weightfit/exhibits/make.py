"""Makes an exhibit from its request: the numbers behind it, and the figure or table itself."""

from importlib import import_module
from types import ModuleType

from weightfit.exhibits.figure import make_figure
from weightfit.exhibits.numbers import Row, need
from weightfit.exhibits.request import Request
from weightfit.exhibits.table import make_table
from weightfit.paper.exhibits import Exhibit


def module(exhibit: Exhibit) -> ModuleType:
    """Return the module that makes an exhibit.

    The module of a figure has ``COLUMNS``, ``rows`` and ``draw`` (see `weightfit.exhibits.figure.make_figure`). That of
    a table has ``COLUMNS``, ``rows``, ``display`` and perhaps ``notes`` (see `weightfit.exhibits.table.make_table`).
    """
    return import_module(exhibit.module.removesuffix(".py").replace("/", "."))


def numbers(request: Request) -> tuple[tuple[str, ...], list[Row]]:
    """Return the columns and the rows of an exhibit's CSV; with too few entries there are no rows."""
    found = module(request.exhibit)
    return found.COLUMNS, [] if need(request) else found.rows(request)


def make(request: Request) -> None:
    """Make an exhibit and write its files."""
    found = module(request.exhibit)
    if request.exhibit.kind == "figures":
        make_figure(request, found.COLUMNS, found.rows, found.draw)
    else:
        make_table(request, found.COLUMNS, found.rows, found.display, getattr(found, "notes", None))
