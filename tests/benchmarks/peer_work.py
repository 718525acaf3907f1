"""The work that is compared with a peer's: ``python peer_work.py ours | weightwatcher``, or ``model FOLDER [all]``.

With ``ours`` or ``weightwatcher`` it reads widths, one a line, and answers each with the CPU seconds of the work on a
Gaussian matrix of that width. With ``model`` it analyses a checkpoint with WeightWatcher: the matrices that weightfit
counts, or all that WeightWatcher takes. All but ``ours`` is for the interpreter of .venv-peers.
"""

import logging
import re
import sys
import time
from collections.abc import Callable

import numpy as np

SIGMA = 0.02
MATRIX = re.compile(r"encoder\.layer\.\d+\.")
"""Where a tensor of two dimensions has a name that begins like this, weightfit counts it (BERT's names)."""


def ours() -> Callable[[np.ndarray], object]:
    """Return the work on a matrix: its histogram, and fits at three trims with their standard errors."""
    from weightfit.counts.histogram import histogram_of
    from weightfit.fits.probability_plot import fit, magnitudes

    def work(matrix: np.ndarray) -> object:
        histogram = histogram_of(matrix)
        return fit(magnitudes(histogram, histogram.mean), (0.80, 0.90, 1.00))

    return work


def weightwatcher() -> Callable[[np.ndarray], object]:
    """Return the work on a matrix: its singular values, and a power law fitted to their squares, as analyze() does."""
    logging.disable(logging.WARNING)  # it warns that there is no GPU
    from weightwatcher import WeightWatcher
    from weightwatcher.constants import DEFAULT_PARAMS

    watcher = WeightWatcher()

    def work(matrix: np.ndarray) -> object:
        larger, smaller = max(matrix.shape), min(matrix.shape)
        eigenvalues, *_ = watcher.combined_eigenvalues(
            [matrix], larger, smaller, smaller, DEFAULT_PARAMS.copy()
        )
        return watcher.fit_powerlaw(eigenvalues, plot=False)

    return work


def serve(work: Callable[[np.ndarray], object]) -> None:
    for line in sys.stdin:
        matrix = np.random.default_rng(1).standard_normal((int(line), int(line)), dtype=np.float32)
        matrix *= np.float32(SIGMA)
        begin = time.process_time()
        work(matrix)
        print(time.process_time() - begin, flush=True)


def analyze(folder: str, everything: bool) -> None:
    from weightwatcher import WeightWatcher

    watcher = WeightWatcher(model=folder)
    layers = []
    if not everything:
        found = watcher.describe()
        layers = [
            int(layer)
            for layer, name in zip(found["layer_id"], found["name"], strict=True)
            if MATRIX.match(name)
        ]
    print(watcher.analyze(layers=layers).to_string())


if __name__ == "__main__":
    if sys.argv[1] == "model":
        analyze(sys.argv[2], "all" in sys.argv[3:])
    else:
        serve({"ours": ours, "weightwatcher": weightwatcher}[sys.argv[1]]())
