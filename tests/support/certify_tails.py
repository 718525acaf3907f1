"""Write tests/certified/power_law_tails.tsv by WeightWatcher and powerlaw 1.5, in an environment of their own.

``.venv-peers/bin/python tests/support/certify_tails.py FOLDER``, where FOLDER has MiniLM's model.safetensors.
"""

import csv
import io
import logging
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from importlib.metadata import version
from pathlib import Path

import numpy as np
from spectrum_matrices import DRAWN, seeded

CERTIFIED = Path(__file__).resolve().parents[1] / "certified"
MINILM = {
    "minilm_query_0": "encoder.layer.0.attention.self.query.weight",
    "minilm_intermediate_3": "encoder.layer.3.intermediate.dense.weight",
    "minilm_value_4": "encoder.layer.4.attention.self.value.weight",
}


def matrices(folder: Path) -> Iterator[tuple[str, np.ndarray]]:
    from safetensors.numpy import load_file

    yield from ((name, seeded(name)) for name in DRAWN)
    tensors = load_file(folder / "model.safetensors")
    yield from ((name, tensors[tensor]) for name, tensor in MINILM.items())


def certify(folder: Path) -> None:
    logging.disable(logging.WARNING)
    import powerlaw
    from weightwatcher import WeightWatcher
    from weightwatcher.constants import DEFAULT_PARAMS, EVALS_THRESH

    watcher = WeightWatcher()
    programs = {
        name: f"{name} {version(name)}, numpy {version('numpy')}, scipy {version('scipy')}: "
        for name in ("weightwatcher", "powerlaw")
    }
    programs["weightwatcher"] += "combined_eigenvalues, then fit_powerlaw"
    programs["powerlaw"] += f"Fit of the same eigenvalues above {EVALS_THRESH:g}"
    real = {}
    with (CERTIFIED / "power_law_tails.tsv").open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream, delimiter="\t", lineterminator="\n")
        table.writerow(["quantity", "value", "source"])
        for name, matrix in matrices(folder):
            larger, smaller = max(matrix.shape), min(matrix.shape)
            eigenvalues, *_ = watcher.combined_eigenvalues(
                [matrix], larger, smaller, smaller, DEFAULT_PARAMS.copy()
            )
            alpha, _, start, _, distance, _, tail, *_ = watcher.fit_powerlaw(eigenvalues, plot=False)
            found = {"weightwatcher": (alpha, start, tail, distance)}
            with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):  # how far it is
                law = powerlaw.Fit(eigenvalues[eigenvalues > EVALS_THRESH], verbose=False)
            found["powerlaw"] = (law.alpha, law.xmin, law.n_tail, law.D)
            for program, values in found.items():
                for statistic, value in zip(("alpha", "start", "tail", "distance"), values, strict=True):
                    row = [f"{name}_{program}_{statistic}", repr(float(value)), programs[program]]
                    table.writerow(row)
            if name in MINILM:
                real[name] = eigenvalues
    np.savez(CERTIFIED / "minilm_eigenvalues.npz", **real)


if __name__ == "__main__":
    certify(Path(sys.argv[1]))
