"""Architectures that a person declares: the same matrices as under known names, and errors that help."""

import json

import numpy as np
import pytest
import yaml
from counted_entries import count
from safetensors.numpy import save_file

from weightfit.cohort import read_cohort
from weightfit.counts.part import count_part, read_part
from weightfit.errors import CohortError, IncompleteCheckpoint, UnknownTensor
from weightfit.provenance import sha256
from weightfit.weights.declared import declared, names_and_stack

WIDTH, HIDDEN, HEADS = 8, 12, 2
DECLARATION = {
    "matrices": {
        "h.{block}.attn.qkv.weight": {"components": ["q", "k", "v"], "rows": "by-head"},
        "h.{block}.attn.out.weight": "o",
        "h.{block}.mlp.both.weight": {"components": ["up", "gate"], "rows": "stacked"},
        "h.{block}.mlp.down.weight": "down",
    },
    "left_out": {"h.{block}.norm.weight": "norm", "wte": "embedding"},
}


def tensors():
    random = np.random.default_rng(5)
    found = {"wte": np.ones((3, WIDTH), np.float16)}
    for block in range(2):
        start = f"h.{block}."
        found |= {
            f"{start}attn.qkv.weight": random.standard_normal((3 * WIDTH, WIDTH)),
            f"{start}attn.out.weight": random.standard_normal((WIDTH, WIDTH)),
            f"{start}mlp.both.weight": random.standard_normal((2 * HIDDEN, WIDTH)),
            f"{start}mlp.down.weight": random.standard_normal((WIDTH, HIDDEN)),
            f"{start}norm.weight": np.ones(WIDTH),
        }
    return {name: array.astype(np.float16) for name, array in found.items()}


def counted(folder, arrays, declaration=DECLARATION):
    folder.mkdir(exist_ok=True)
    path = folder / "model.safetensors"
    save_file(arrays, path)
    (folder / "config.json").write_text(json.dumps({"num_attention_heads": HEADS, "architectures": ["Mine"]}))
    file = {"path": path.name, "step": None, "bytes": path.stat().st_size, "sha256": sha256(path)}
    count_part({"entry": "mine", "files": [file]}, folder, folder / "h.parquet", declared(declaration))
    return {block: found for _, block, found in read_part(folder / "h.parquet")}


def test_declared_matrices_are_those_of_known_names(tmp_path):
    arrays = tensors()
    found = counted(tmp_path / "declared", arrays)
    weights = {}
    for block in range(2):
        fused = arrays[f"h.{block}.attn.qkv.weight"].reshape(HEADS, 3, -1, WIDTH)
        weights |= {(block, name): fused[:, place].reshape(WIDTH, WIDTH) for place, name in enumerate("qkv")}
        weights[block, "o"] = arrays[f"h.{block}.attn.out.weight"]
        weights[block, "up"], weights[block, "gate"] = np.split(arrays[f"h.{block}.mlp.both.weight"], 2)
        weights[block, "down"] = arrays[f"h.{block}.mlp.down.weight"]
    known = {block: each for _, block, each in read_part(count(tmp_path, "known", {None: weights}))}
    assert found.keys() == known.keys()
    for block, histograms in known.items():
        assert found[block].keys() == histograms.keys()
        for component, histogram in histograms.items():
            assert np.array_equal(found[block][component].value, histogram.value)
            assert np.array_equal(found[block][component].count, histogram.count)


def test_an_entry_says_names_or_a_stack_or_nothing():
    names, stack = names_and_stack(DECLARATION)
    assert stack is None and names.counted.keys() == declared(DECLARATION).counted.keys()
    assert names_and_stack({"stack": "encoder"}) == (None, "encoder")
    assert names_and_stack(None) == (None, None)


def test_a_tensor_that_is_not_declared_shows_the_line_to_add(tmp_path):
    arrays = tensors() | {"h.1.attn.gate.weight": np.ones((2, 2), np.float16)}
    with pytest.raises(
        UnknownTensor, match=r"is not declared: add 'h\.\{block\}\.attn\.gate\.weight' to the matrices"
    ):
        counted(tmp_path / "x", arrays)


def test_a_matrix_that_is_missing_is_told(tmp_path):
    arrays = tensors()
    del arrays["h.1.mlp.down.weight"]
    with pytest.raises(IncompleteCheckpoint, match="down of block 1 is missing"):
        counted(tmp_path / "x", arrays)


@pytest.mark.parametrize(
    ("matrices", "message"),
    [
        ({"h.attn": "o"}, "must have {block} once"),
        ({"h.{block}.{block}": "o"}, "must have {block} once"),
        ({"a.{block}.x": "o", "b.{block}.x": "o"}, "o is in 'a.{block}.x' and in 'b.{block}.x'"),
        (
            {"a.{block}.x": {"components": ["k", "q", "v"], "rows": "by-head"}},
            "only for q, k and v, in this order",
        ),
    ],
)
def test_a_declaration_that_cannot_be_is_refused(matrices, message):
    with pytest.raises(CohortError) as error:
        declared({"matrices": matrices})
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("declaration", "message"),
    [
        ({"matrices": {"h.{block}.x": "nonsense"}}, "architecture.matrices"),
        ({"left_out": {}}, "'matrices' is a required property"),
        ({"matrices": {"h.{block}.x": "o"}, "left_out": {"y": "!!python/object"}}, "architecture.left_out.y"),
    ],
)
def test_the_schema_of_a_declaration(tmp_path, declaration, message):
    entry = {"paper_entry": None, "stand_in": False, "link": {"folder": "x"}, "architecture": declaration}
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({"name": "mine", "description": "Mine.", "entries": {"a": entry}}))
    with pytest.raises(CohortError) as error:
        read_cohort(str(path))
    assert message in str(error.value)
