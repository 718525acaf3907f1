"""The wrapper around the work of every Snakemake job, which writes its log and turns warnings into errors."""

import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from weightfit.errors import WeightfitError


@contextmanager
def logged(log: str | Path) -> Iterator[None]:
    """Send what the body prints to ``log`` and treat its warnings as errors.

    Snakemake does not redirect a script's output to its ``log:`` file. An error of this package ends the
    job with its message in the log and on the terminal. Ctrl-C ends it with a message in the log only. Any other
    exception keeps its traceback.

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
            with redirect_stdout(stream), redirect_stderr(stream):
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
