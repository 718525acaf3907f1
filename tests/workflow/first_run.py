"""The first run of a small cohort, which several files look at: made once, whichever worker asks first."""

import fcntl
import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import yaml
from checkout import REPOSITORY, Checkout, Run
from weights import checkpoint, write

from weightfit import table

WIDTH, HIDDEN = 128, 256
ZERO, CONSTANT = (0, "k"), (1, "v")
REASON = {"0.k": "all of its weights are zero", "1.v": "all of its weights are the same"}
PLANTED = {
    "q": ("weibull", {"shape": 1.2, "scale": 0.02}),
    "k": ("weibull", {"shape": 0.8, "scale": 0.5}),
    "v": ("half-normal", {"sigma": 0.03}),
    "o": ("student-t", {"degrees": 3, "scale": 0.01}),
    "gate": ("uniform", {"limit": 0.05}),
    "up": ("two-population", {"sigma": 0.02, "fraction": 0.2, "centre": -4.0, "spread": 0.5}),
    "down": ("outliers", {"sigma": 0.02, "count": 5, "multiple": 40.0}),
}
COHORT = {
    "name": "tiny",
    "description": "What the tests of the workflow need.",
    "entries": {
        "lab-pythia-70m": {
            "paper_entry": "pythia-70m",
            "stand_in": True,
            "initialize": {"of": "pythia-70m", "blocks": 1, "dtype": "F16", "seed": 1},
        },
        "pythia-70m-initialization": {
            "paper_entry": None,
            "stand_in": False,
            "initialize": {"of": "pythia-70m", "blocks": 1, "dtype": "BF16", "seed": 0},
        },
        "planted": {
            "paper_entry": None,
            "stand_in": False,
            "plant": {
                "width": WIDTH,
                "heads": 4,
                "key_value_heads": 4,
                "hidden": HIDDEN,
                "seed": 3,
                "dtype": "F32",
                "matrices": [
                    {"block": 0, "components": [component], "law": law, "parameters": parameters}
                    for component, (law, parameters) in PLANTED.items()
                ],
            },
        },
        "linked": {
            "paper_entry": None,
            "stand_in": False,
            "link": {"folder": "mine"},
            "exclude": [{"matrix": matrix, "reason": reason} for matrix, reason in REASON.items()],
        },
    },
}
# Relative, so that the folder's place cannot come into an output by way of the command line.
ARGUMENTS = ("--config", "cohort=tiny.yaml")


def linked_weights() -> dict[str, np.ndarray]:
    shape = (64, 64)
    return checkpoint({ZERO: np.zeros(shape), CONSTANT: np.full(shape, 0.25)})


def prepare(path: Path, source: Path = REPOSITORY) -> Checkout:
    checkout = Checkout(path, source)
    (checkout / "tiny.yaml").write_text(yaml.safe_dump(COHORT, sort_keys=False))
    tensors = linked_weights()
    first = {tensor: values for tensor, values in tensors.items() if ".layers.0." in tensor}
    write(checkout / "mine", first, {key: values for key, values in tensors.items() if key not in first})
    return checkout


class Finished:
    """The checkout after its first run, what that printed, and the digests of what it left."""

    def __init__(self, checkout: Checkout, run: Run):
        self.checkout, self.run = checkout, run
        self.results = checkout / "results/tiny"
        self.digests = checkout.digests("tiny")

    def rows(self, name: str) -> list[dict[str, object]]:
        return table.read(self.results / f"{name}.parquet", name).to_pylist()


def first_run(factory: pytest.TempPathFactory) -> Finished:
    """Return the checkout in which the run was made; the one file of tests that asks for it may change it."""
    return Finished(*made(factory))


def copied_run(factory: pytest.TempPathFactory) -> Checkout:
    """Return a copy of the checkout as the run left it."""
    untouched = made(factory)[0].path.with_name("untouched")
    return Checkout.existing(shutil.copytree(untouched, factory.mktemp("copied") / "checkout"))


def made(factory: pytest.TempPathFactory) -> tuple[Checkout, Run]:
    """Make the run, or find it if another test, perhaps of another worker, has made it."""
    folder = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with (folder / "first.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        path, told = folder / "first/checkout", folder / "first/run.json"
        if not told.is_file():
            checkout = prepare(path)
            run = checkout.snakemake("--cores", "1", "all", *ARGUMENTS)
            shutil.copytree(path, path.with_name("untouched"))
            told.write_text(json.dumps(asdict(run)), encoding="utf-8")
        return Checkout.existing(path), Run(**json.loads(told.read_text(encoding="utf-8")))
