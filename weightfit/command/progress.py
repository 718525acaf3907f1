"""How far a command is: a bar on a terminal, and a line every ten seconds elsewhere."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import click

from weightfit.task import Progress, told

OFTEN = 0.2
"""Seconds between two states of the bar."""


@contextmanager
def shown(name: str) -> Iterator[None]:
    """Show how far the body is, on stderr.

    Parameters
    ----------
    name
        What the body does, for the lines that are told where there is no terminal.
    """
    if not sys.stderr.isatty():
        with told(name, [sys.stderr]):
            yield
        return
    Progress.current = None
    over = threading.Event()
    teller = threading.Thread(target=_draw, args=(over,), daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()


def _draw(over: threading.Event) -> None:
    """Draw a bar for each piece of work that is noted, until all is over."""
    while not over.wait(OFTEN):
        work = Progress.current
        if work is None or work.done >= work.total:
            continue
        with click.progressbar(length=work.total, label=work.unit, file=sys.stderr, show_pos=False) as bar:
            while Progress.current is work and work.done < work.total and not over.wait(OFTEN):
                bar.update(work.done - bar.pos)
            bar.update(work.done - bar.pos)
