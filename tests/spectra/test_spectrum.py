"""The spectra of an entry: every matrix with its own numbers and those of its size, whatever holds it, or a refusal."""

import json
import runpy

import numpy as np
import pytest
from counted_entries import NAMES

from weightfit import table
from weightfit.documents import ROOT
from weightfit.errors import DegenerateSpectrum, NonFiniteWeight
from weightfit.spectra import spectrum as module
from weightfit.spectra.null import null
from weightfit.spectra.spectrum import NULLS, SEED, spectrum
from weightfit.spectra.statistics import statistics_of_matrix
from weightfit.weights.declared import declared
from weightfit.weights.writer import CheckpointWriter

WIDTH, HIDDEN, BLOCKS = 52, 120, 2
SHAPES = {"gate": (HIDDEN, WIDTH), "up": (HIDDEN, WIDTH), "down": (WIDTH, HIDDEN)}


def drawn(seed):
    random = np.random.default_rng(seed)
    return {
        (block, component): random.standard_normal(SHAPES.get(component, (WIDTH, WIDTH))).astype(np.float16)
        for block in reversed(range(BLOCKS))
        for component in NAMES
    }


def write(folder, steps):
    """Write a checkpoint for each step and return its manifest."""
    config = {"architectures": ["OlmoForCausalLM"], "num_hidden_layers": BLOCKS, "hidden_size": WIDTH}
    config |= {"num_attention_heads": 2, "num_key_value_heads": 2, "intermediate_size": HIDDEN}
    (folder / "config.json").write_text(json.dumps(config))
    files = []
    for step, matrices in steps.items():
        named = {f"model.layers.{block}.{NAMES[kind]}.weight": own for (block, kind), own in matrices.items()}
        tensors = [(name, "F16", own.shape) for name, own in named.items()]
        with CheckpointWriter(folder / f"step{step}.safetensors", tensors) as writer:
            for own in named.values():
                writer.write(own)
        files.append({"path": f"step{step}.safetensors", "step": step})
    return {"entry": "own", "files": files}


def test_each_matrix_has_its_numbers_and_those_of_gaussian_matrices_of_its_size(tmp_path):
    steps = {10: drawn(1), 0: drawn(2)}
    found = spectrum(write(tmp_path, steps), tmp_path)
    table.check("spectra", found)
    rows = found.to_pylist()
    assert [(row["step"], row["block"], row["component"]) for row in rows] == [
        (step, block, component) for step in (0, 10) for block in range(BLOCKS) for component in sorted(NAMES)
    ]
    for row in rows:
        matrix = steps[row["step"]][row["block"], row["component"]]
        assert (row["entry"], row["rows"], row["columns"]) == ("own", *matrix.shape)
        own, law = statistics_of_matrix(matrix), null(*matrix.shape, SEED)
        assert row["alpha_se"] == own.alpha_se
        for name in NULLS:
            assert row[name] == getattr(own, name)
            assert (row[f"{name}_null"], row[f"{name}_null_deviation"]) == (
                law[name].median,
                law[name].deviation,
            )


def test_the_rows_of_a_fused_tensor_are_matrices_of_their_own(tmp_path):
    random = np.random.default_rng(3)
    fused = random.standard_normal((3 * WIDTH, WIDTH)).astype(np.float32)
    with CheckpointWriter(tmp_path / "a.safetensors", [("block.0.qkv", "F32", fused.shape)]) as writer:
        writer.write(fused)
    layout = {"components": ["q", "k", "v"], "rows": [WIDTH] * 3}
    names = declared({"matrices": {"block.{block}.qkv": layout}})
    manifest = {"entry": "own", "files": [{"path": "a.safetensors", "step": None}]}
    rows = {row["component"]: row for row in spectrum(manifest, tmp_path, names=names).to_pylist()}
    for place, component in enumerate("qkv"):
        own = statistics_of_matrix(fused[place * WIDTH : (place + 1) * WIDTH])
        assert rows[component]["alpha"] == own.alpha
        assert rows[component]["largest_over_edge"] == own.largest_over_edge


def test_excluded_matrices_are_left_out_and_the_others_stay(tmp_path):
    matrices = drawn(4)
    manifest = write(tmp_path, {None: matrices})
    every = spectrum(manifest, tmp_path).to_pylist()
    matrices[1, "q"][0, 0] = np.nan
    matrices[0, "up"][:] = 0
    write(tmp_path, {None: matrices})
    with pytest.raises((NonFiniteWeight, DegenerateSpectrum)):
        spectrum(manifest, tmp_path)
    left = spectrum(manifest, tmp_path, exclude={"1.q": "broken", "0.up": "zero"}).to_pylist()
    assert left == [row for row in every if (row["block"], row["component"]) not in {(1, "q"), (0, "up")}]


def test_a_matrix_without_a_tail_is_named_with_the_remedies(tmp_path):
    matrices = drawn(5)
    matrices[1, "down"][:] = 0
    manifest = write(tmp_path, {None: matrices})
    with pytest.raises(
        DegenerateSpectrum, match=r"down of block 1: .*exclude the matrix, or remove spectra from its entry"
    ):
        spectrum(manifest, tmp_path)


def test_the_progress_counts_every_matrix(tmp_path, monkeypatch):
    made = []

    class Seen(module.Progress):
        def __init__(self, total, unit):
            super().__init__(total, unit)
            made.append(self)

    monkeypatch.setattr(module, "Progress", Seen)
    spectrum(write(tmp_path, {None: drawn(6)}), tmp_path, exclude={"1.q": "as a test"})
    (progress,) = made
    assert progress.done == progress.total == BLOCKS * len(NAMES)


def test_entries_are_gathered_in_the_order_of_the_cohort_or_to_an_empty_table(tmp_path):
    gather = runpy.run_path(str(ROOT / "scripts/spectra.py"))["gather"]
    parts = []
    for name in ("z", "a"):
        (tmp_path / name).mkdir()
        own = spectrum(write(tmp_path / name, {None: drawn(7)}) | {"entry": name}, tmp_path / name)
        parts.append(tmp_path / f"{name}.parquet")
        table.write(parts[-1], "spectra", own, {})
    gather(parts, tmp_path / "spectra.parquet")
    found = table.read(tmp_path / "spectra.parquet", "spectra")
    assert list(dict.fromkeys(found["entry"].to_pylist())) == ["z", "a"]
    assert found.num_rows == 2 * BLOCKS * len(NAMES)
    assert set(table.read_provenance(tmp_path / "spectra.parquet")["inputs"]) == {
        "spectra/z.parquet",
        "spectra/a.parquet",
    }
    gather([], tmp_path / "none.parquet")
    assert table.read(tmp_path / "none.parquet", "spectra").num_rows == 0
