"""The wrapper around the work of every job: its package, its log, its warnings, which are errors, and how far it is."""

import os
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TextIO, TypeVar

from weightfit.errors import WeightfitError

EVERY = 10.0
"""Seconds between two lines about a job that is at work."""

T = TypeVar("T")


def give_package_to_jobs() -> None:
    """Let the jobs that this process starts import this package, wherever they run and whatever else is installed."""
    home = str(Path(__file__).resolve().parents[1])
    others = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys([home, *filter(None, others)]))


class Progress:
    """How far a job is, which `logged` tells every `EVERY` seconds; a new one takes the place of the last.

    Parameters
    ----------
    total
        How much there is to do.
    unit
        What is counted, in the plural.
    done
        How much an earlier run has done.
    """

    current: "Progress | None" = None

    def __init__(self, total: int, unit: str, done: int = 0):
        self.total = total
        self.unit = unit
        self.done = done
        self._before = done
        self._begun = time.monotonic()
        Progress.current = self

    def add(self, done: int = 1) -> None:
        """Note that more is done."""
        self.done += done

    def __str__(self) -> str:
        told = f"{self.done:,} of {self.total:,} {self.unit}"
        if not self._before < self.done < self.total:
            return told
        left = (time.monotonic() - self._begun) * (self.total - self.done) / (self.done - self._before)
        return f"{told}, about {_seconds(left)} left"


def each(items: Sequence[T], unit: str) -> Iterator[T]:
    """Yield items, and note each as done when the next is asked for."""
    progress = Progress(len(items), unit)
    for item in items:
        yield item
        progress.add()


def _seconds(number: float) -> str:
    return f"{number:.0f} s" if number < 120 else f"{number / 60:.0f} min"


@contextmanager
def told(name: str, streams: Iterable[TextIO]) -> Iterator[None]:
    """Tell every `EVERY` seconds how far the body is, from a thread, so that no long call delays it."""
    Progress.current = None
    begun, ended = time.monotonic(), threading.Event()

    def tell() -> None:
        while not ended.wait(EVERY):
            so_far = _seconds(time.monotonic() - begun)
            how_far = "at work" if Progress.current is None else Progress.current
            for stream in streams:
                print(f"{name}: {how_far} ({so_far} so far)", file=stream, flush=True)

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        ended.set()
        teller.join()


@contextmanager
def logged(log: str | Path) -> Iterator[None]:
    """Send what the body prints to ``log`` and treat its warnings as errors.

    Snakemake does not redirect a script's output to its ``log:`` file. An error of this package ends the
    job with its message in the log and on the terminal. Ctrl-C ends it with a message in the log only. Any other
    exception keeps its traceback. A job that takes longer than `EVERY` seconds tells in its log and on the terminal how
    far it is.

    Parameters
    ----------
    log
        Log file of the rule; its folder is created.
    """
    path = Path(log)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", buffering=1) as stream, warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            with told(_name(path), (stream, sys.stderr)), redirect_stdout(stream), redirect_stderr(stream):
                yield
        except WeightfitError as error:
            sentence = f"{type(error).__name__}: {error}"
            print(sentence, file=stream)
            print(sentence, file=sys.stderr)
            raise SystemExit(1) from None
        except KeyboardInterrupt:
            print("interrupted; run the same command to continue", file=stream)
            raise SystemExit(130) from None
        except BaseException:
            traceback.print_exc(file=stream)
            raise


def _name(log: Path) -> str:
    """Return the name of a job, which is the path of its log inside the folder of logs."""
    parts = log.with_suffix("").parts
    return "/".join(parts[parts.index("logs") + 1 :]) if "logs" in parts else parts[-1]
