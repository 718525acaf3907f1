"""A small cohort with every entry of the paper, from drawn weights to the tables that exhibits read."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from weightfit import paper, table
from weightfit.components import COMPONENTS, POOLED
from weightfit.counts.histogram import histogram_of
from weightfit.counts.part import Matrix, describe
from weightfit.fits.fit import fit_part
from weightfit.fits.units import Protocol
from weightfit.spectra.spectrum import NULLS
from weightfit.studies.precision import Sample

BLOCKS, SIDE = 4, 32
STEPS = (0, 1, 8, 64, 512, 1000, 2000, 5000, 10000, 20000, 40000, 80000, 120000, 143000)
COHORT = {
    "steps": {},
    # Blocks 0 to 2 are shallow, 1 to 2 in the other reading, and block 3 is deep.
    "blocks": {0: 0, 1: 1, 3: 2, 5: 2, 6: 2, 10: 3, 20: 3},
    "absent": {},
}
SMALL = ("qwen2-7b", "qwen2.5-7b", "qwen2.5-14b", "qwen3-8b")
"""Entries whose shallow FFN matrices have a second population of small magnitudes."""

PROTOCOLS = [Protocol("centred", "both", (0.80, 0.90, 1.00), pools=True, steps="all")]


def facts(**changes: object) -> dict[str, object]:
    return {
        "paper_entry": None,
        "stand_in": False,
        "exclude": {},
        "initialization_of": None,
        "model": None,
    } | changes


REAL = {"full-pythia-70m": "text", "full-olmo-1-7b": "code"}
"""Entries that stand for real models outside of the paper's cohort too, each with the data of its training."""

ENTRIES = {
    name: facts(paper_entry=key, model={"trained_on": REAL[name]} if name in REAL else None)
    for key in paper.entries()
    if (name := f"full-{key}")
}


def steps_of(entry: paper.Entry) -> tuple[int, ...]:
    return STEPS if entry.family == "Pythia" else (0, 500000)


def components_of(entry: paper.Entry) -> tuple[str, ...]:
    feed_forward = ("gate", "up", "down") if entry.feed_forward == "three-matrix" else ("ffn_in", "ffn_out")
    return ("q", "k", "v", "o", *feed_forward)


def weights(entry: paper.Entry, number: int, step: int, block: int, component: str) -> np.ndarray:
    """Draw a matrix: Gaussian at first, grown and with heavier tails later, in some entries with small weights."""
    random = np.random.default_rng([number, block, COMPONENTS.index(component)])
    grown = np.log1p(step) / np.log1p(steps_of(entry)[-1])
    sigma = (0.02 if component in ("q", "k", "v", "ffn_in", "gate", "up") else 0.005) * (1 + number / 10)
    drawn = random.standard_normal(SIDE * SIDE)
    heavier = random.standard_t(6 if component in ("q", "k") else 30, SIDE * SIDE)
    values = sigma * (1 + grown) * ((1 - grown) * drawn + grown * heavier)
    if grown == 1 and entry.id in SMALL and block < BLOCKS - 1 and component in ("gate", "up", "down"):
        values[: values.size // 4] *= 1e-3
    return values.astype(np.float16)


def write_histograms(path: Path, name: str, entry: paper.Entry, number: int) -> None:
    described = []
    with table.writer(path, "histograms") as stream:
        for step in steps_of(entry):
            for block in range(BLOCKS):
                rows = []
                for component in sorted(components_of(entry)):
                    histogram = histogram_of(weights(entry, number, step, block, component))
                    described.append(describe(Matrix(step, block, component, histogram)))
                    size = histogram.value.size
                    rows.append(
                        pa.table(
                            [
                                pa.repeat(name, size),
                                pa.repeat(pa.scalar(step, pa.int64()), size),
                                pa.repeat(pa.scalar(block, pa.int32()), size),
                                pa.repeat(component, size),
                                pa.array(histogram.value),
                                pa.array(histogram.count),
                            ],
                            schema=table.arrow_schema("histograms"),
                        )
                    )
                stream.add(pa.concat_tables(rows))
        files = [
            {"path": f"step{step}.safetensors", "step": step, "bytes": 1, "sha256": "0" * 64}
            for step in steps_of(entry)
        ]
        stream.describe({"entry": name, "files": files, "matrices": described, "refused": []})


def parts(folder: Path) -> Iterator[Path]:
    """Write the histograms of every entry and yield their paths in the order of the cohort."""
    (folder / "histograms").mkdir(parents=True)
    for number, (name, known) in enumerate(ENTRIES.items()):
        path = folder / "histograms" / f"{name}.parquet"
        write_histograms(path, name, paper.entries()[str(known["paper_entry"])], number)
        yield path


def fits(paths: list[Path]) -> dict[str, pa.Table]:
    """Fit every part; returns the tables ``fits`` and ``moments`` of the whole cohort."""
    made = [fit_part(path, PROTOCOLS, {}) for path in paths]
    return {
        name: pa.concat_tables(one[place] for one in made) for place, name in enumerate(("fits", "moments"))
    }


def stored_matrices() -> Iterator[Sample]:
    """Draw the matrices of a model that is stored in several formats, some with heavier tails."""
    for block in range(2):
        for place, component in enumerate(("q", "k", "v", "o", "ffn_in", "ffn_out")):
            random = np.random.default_rng([block, place])
            yield Sample(
                f"minilm: block {block}, {component}",
                {
                    "entry": "minilm",
                    "step": None,
                    "block": block,
                    "component": component,
                    "law": None,
                    "degrees": None,
                },
                (0.04 * random.standard_t(4 + 2 * place, (SIDE, 2 * SIDE))).astype(np.float32),
            )


def spectra(fits: pa.Table) -> pa.Table:
    """Return planted spectra of the last step of the real models; exponents rise with the shape of the weights."""
    chosen = pc.field("terminal") & (pc.field("block") != POOLED) & (pc.field("trim") == 0.80)
    statistics = dict.fromkeys(NULLS, 1.0) | {"alpha": 4.0, "outliers": 3}
    nulls = {f"{name}{ending}": 0.5 for name in NULLS for ending in ("_null", "_null_deviation")}
    nulls |= {"alpha_null": 5.0, "stable_rank_null": 1.0}
    fixed = statistics | nulls | {"rows": SIDE, "columns": SIDE, "alpha_se": 0.1}
    return table.of_rows(
        "spectra",
        [
            fixed
            | {name: row[name] for name in ("entry", "step", "block", "component")}
            | {"alpha": 2 + row["shape"]}
            for row in fits.filter(chosen).to_pylist()
            if row["entry"] in REAL and row["component"] in COMPONENTS
        ],
    )
