"""Makes small entries that pass for real models, counted and fitted as in a run, and what exhibits read of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from counted_entries import count, shapes

from weightfit import table
from weightfit.fits.fit import fit_part
from weightfit.fits.units import Protocol
from weightfit.studies.beyond import beyond
from weightfit.studies.closure import closure
from weightfit.studies.format_null import format_null
from weightfit.studies.selection import TRIM, anchor
from weightfit.studies.super_weights import super_weights
from weightfit.studies.theory import theory

KNOWN: Mapping[str, Any] = {
    "attention": "MHA",
    "decoder_language_model": True,
    "from_scratch": True,
    "parameters": 100_000_000,
    "trained_on": "text",
    "altered": None,
    "licence": "MIT",
}
MODELS: Mapping[str, Mapping[str, Any]] = {
    "speech": {**KNOWN, "decoder_language_model": False},
    "gaussian": {**KNOWN, "altered": "fine-tuned on instructions"},
    "heavy": {**KNOWN, "attention": "MQA"},
}
DEGREES = {"speech": 30, "gaussian": None, "heavy": 3}
BLOCKS, WIDTH, HIDDEN = 2, 64, 96
PROTOCOLS = [
    Protocol("centred", "both", (0.80, 0.90, 1.00), pools=True, steps="all"),
    Protocol("centred", "positive", (0.80,), pools=False, steps="all"),
    Protocol("centred", "negative", (0.80,), pools=False, steps="all"),
]


def weights(entry: str, number: int) -> dict[tuple[int, str], np.ndarray]:
    """Draw matrices from one law: Gaussian, or Student-t with some degrees of freedom."""
    random = np.random.default_rng([77, number])
    degrees = DEGREES[entry]

    def draw(shape: tuple[int, int]) -> np.ndarray:
        drawn = random.standard_normal(shape) if degrees is None else random.standard_t(degrees, shape)
        return (0.02 * drawn).astype(np.float32)

    return {
        (block, name): draw(shape) for block in range(BLOCKS) for name, shape in shapes(WIDTH, HIDDEN).items()
    }


def tables(folder: Path) -> tuple[dict[str, pa.Table], list[Path]]:
    """Return the tables of these models, and the files of their histograms."""
    parts = [count(folder, entry, {None: weights(entry, number)}) for number, entry in enumerate(MODELS)]
    made: dict[str, list[dict[str, object]]] = {"fits": [], "moments": []}
    for part in parts:
        for name, rows in zip(made, fit_part(part, PROTOCOLS, {}), strict=True):
            made[name] += rows.to_pylist()
    found = {name: table.of_rows(name, rows) for name, rows in made.items()}
    found["closure"] = closure(found["fits"], parts)
    found["super_weights"] = super_weights(found["fits"], found["moments"])
    found["format_null"] = format_null(parts)
    columns = table.arrow_schema("theory").names
    found["theory"] = table.build("theory", {name: [row[name] for row in theory()] for name in columns})
    asked = {name: rows for name, rows in found.items() if name != "theory"}
    found["beyond"] = beyond(MODELS, asked, anchor(found["theory"], TRIM))
    return found, parts
