"""Architectures that a person declares: the same matrices as under known names, and errors that help."""

import json
import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from counted_entries import count
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file
from test_plan import SMALL, header

from weightfit.cohort import read_cohort
from weightfit.counts import scan
from weightfit.counts.part import count_part, read_part
from weightfit.documents import ROOT
from weightfit.errors import CohortError, IncompleteCheckpoint, UnknownTensor
from weightfit.provenance import sha256
from weightfit.weights.declared import check_declaration, declared, names_and_stack, read_architecture
from weightfit.weights.layer import read_layer
from weightfit.weights.plan import plan, read_config
from weightfit.weights.safetensors import read_header

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
    assert stack is None and names == declared(DECLARATION)
    names, stack = names_and_stack({**DECLARATION, "stack": "encoder"})
    assert stack == "encoder" and names == declared(DECLARATION)
    assert names_and_stack({"stack": "encoder"}) == (None, "encoder")
    assert names_and_stack(None) == (None, None)


def test_all_tensors_that_are_not_declared_are_lines_to_add(tmp_path):
    further = {
        "h.1.attn.qk_norm": (4,),
        "h.0.attn.qk_norm": (4,),
        "h.0.cross.q.weight": (8, 8),
        "rest": (2, 2),
    }
    arrays = tensors() | {name: np.ones(shape, np.float16) for name, shape in further.items()}
    with pytest.raises(
        UnknownTensor, match=r"is not declared, nor are 3 others: add what is missing"
    ) as caught:
        counted(tmp_path / "x", arrays)
    assert yaml.safe_load(str(caught.value).partition("\n")[2]) == {
        "matrices": {"h.{block}.cross.q.weight": "cross_q"},
        "left_out": {"h.{block}.attn.qk_norm": "norm", "rest": "?"},
    }


def test_a_matrix_that_is_missing_is_told(tmp_path):
    arrays = tensors()
    del arrays["h.1.mlp.down.weight"]
    with pytest.raises(IncompleteCheckpoint, match="down of block 1 is missing"):
        counted(tmp_path / "x", arrays)


@pytest.mark.parametrize(
    ("matrices", "message"),
    [
        ({"h.attn": "o"}, "must have {block}"),
        ({"a.{block}.x": {"components": ["k", "v"], "rows": [1, 1, 1]}}, "has 2 components and 3 shares"),
        ({"a.{block}.x": {"components": ["k", "v"]}}, "must have rows or columns"),
        (
            {"a.{block}.x": {"components": ["k", "v"], "rows": "stacked", "columns": "stacked"}},
            "must have rows or columns",
        ),
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
        ({"matrices": {"h.{block}.x": {"components": ["q"], "rows": "apart"}}}, "h.{block}.x.rows: 'apart'"),
        ({"matrices": {"h.{block}.x": {"components": ["q"], "rows": [0]}}}, "rows.0: 0 is less than"),
        (
            {"stacks": {"encoder": {"matrices": {"h.{block}.x": "o"}}}},
            "a.stack: the declared architecture has stacks",
        ),
        ("nowhere.yaml", "nowhere.yaml: there is no such file"),
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


# How the parts of a fused tensor lie, by the reshaping that a model's forward pass has.

LAYOUTS = {
    "stacked": lambda w, heads, keys: np.split(w, 3),
    "by-head": lambda w, heads, keys: np.moveaxis(w.reshape(heads, 3, -1, w.shape[1]), 1, 0),
    "by-key-head": lambda w, heads, keys: np.split(
        w.reshape(keys, heads // keys + 2, -1, w.shape[1]), [heads // keys, heads // keys + 1], axis=1
    ),
    "shares": lambda w, heads, keys: np.split(
        w, [len(w) * heads // (heads + 2 * keys), len(w) * (heads + keys) // (heads + 2 * keys)]
    ),
}


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(list(LAYOUTS)),
    st.booleans(),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 3),
    st.sampled_from([(1 << 24, 1 << 18), (64, 1 << 18), (64, 16)]),
    st.sampled_from(["F16", "F32"]),
)
def test_parts_are_those_of_the_forward_pass(layout, by_columns, keys, sharing, width, sizes, dtype):
    heads = keys * sharing if layout in ("by-key-head", "shares") else keys
    outputs = (heads + 2 * (heads if layout in ("stacked", "by-head") else keys)) * width
    words = ["n_head", "num_key_value_heads", keys]
    declaration = {
        "matrices": {
            "h{block}": {
                "components": ["q", "k", "v"],
                "columns" if by_columns else "rows": words if layout == "shares" else layout,
            }
        },
        "config": {"num_attention_heads": "n_head"},
    }
    weight = (
        np.random.default_rng(width).standard_normal((outputs, 5)).astype({"F16": "f2", "F32": "f4"}[dtype])
    )
    expected = {
        name: part.reshape(-1, 5)
        for name, part in zip("qkv", LAYOUTS[layout](weight, heads, keys), strict=True)
    }
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(scan, "BUFFER_BYTES", sizes[0])
        patch.setattr(scan, "SHORT_PERIOD", sizes[1])
        save_file({"h0": weight.T.copy() if by_columns else weight}, Path(folder, "model.safetensors"))
        Path(folder, "config.json").write_text(json.dumps({"n_head": heads, "num_key_value_heads": keys}))
        file, names = read_header(Path(folder, "model.safetensors")), declared(declaration)
        made = plan([file], read_config(Path(folder)), declared=names)
        found = {component: histogram for _, component, histogram in scan.Scan(file, made)}
        read = read_layer(Path(folder), 0, declared=names)
    assert found.keys() == read.keys() == expected.keys()
    for name, part in expected.items():
        assert np.array_equal(read[name], part)
        value, count = np.unique(part.astype(np.float32), return_counts=True)
        assert np.array_equal(found[name].value, value) and np.array_equal(found[name].count, count)


# Names.

TEXT = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="0123456789{}"), max_size=8
)


@given(TEXT, TEXT, TEXT, st.integers(0, 999_999), st.integers(0, 999_999))
def test_a_declared_name_stands_for_every_block_and_nothing_else(first, second, third, block, other):
    names = declared(
        {"matrices": {f"{first}{{block}}{second}": "q", f"{first}{{block}}{second}!{{block}}{third}": "o"}}
    )
    twice = f"{first}{block}{second}!{block}{third}"
    others = [f"{first}0{block}{second}", f"x{twice}", f"{twice}x", f"{first}{second}"]
    if other != block:
        others.append(f"{first}{block}{second}!{other}{third}")
    found = names.templates("here", [f"{first}{block}{second}", twice, *others])
    assert found[f"{first}{block}{second}"] == (f"{first}{{block}}{second}", block)
    assert found[twice] == (f"{first}{{block}}{second}!{{block}}{third}", block)
    assert {found[name] for name in others} == {("", -1)}


def test_names_that_stand_for_no_tensor_or_for_the_same_are_refused(tmp_path):
    left_out = {**DECLARATION["left_out"], "wpe": "embedding", "h.{block}.nrom.weight": "norm"}
    with pytest.raises(
        UnknownTensor, match=r"the declared name 'wpe', nor 'h\.\{block\}\.nrom\.weight': correct"
    ):
        counted(tmp_path / "x", tensors(), {**DECLARATION, "left_out": left_out})
    left_out = {**DECLARATION["left_out"], "h.{block}.attn.out.weight": "other"}
    with pytest.raises(CohortError, match="is in matrices and in left_out"):
        counted(tmp_path / "x", tensors(), {**DECLARATION, "left_out": left_out})
    left_out = {**DECLARATION["left_out"], "h.0.norm.weight": "norm"}
    with pytest.raises(UnknownTensor, match=r"'h\.0\.norm\.weight' is declared twice, as"):
        counted(tmp_path / "x", tensors(), {**DECLARATION, "left_out": left_out})


# Two stacks in one declaration.

STACKS = {
    "stacks": {
        "encoder": {"matrices": {"enc{block}/o": "o"}, "config": {"num_hidden_layers": "encoders"}},
        "decoder": {
            "matrices": {"dec{block}/o": "o", "dec{block}/x": "cross_o"},
            "left_out": {"dec{block}/norm": "norm"},
            "config": {"num_hidden_layers": "decoders"},
        },
    },
    "left_out": {"shared": "embedding"},
}


def test_a_stack_is_chosen_in_a_declaration_of_both(tmp_path):
    arrays = {f"enc{block}/o": np.ones((4, 4), np.float16) for block in range(3)}
    for block in range(2):
        arrays |= {f"dec{block}/{name}": np.ones((6, 6), np.float16) for name in ("o", "x", "norm")}
    save_file(arrays | {"shared": np.ones((2, 2), np.float16)}, tmp_path / "model.safetensors")
    headers, config = [read_header(tmp_path / "model.safetensors")], {"encoders": 3, "decoders": 2}
    encoder = plan(headers, config, declared=declared(STACKS), stack="encoder")
    decoder = plan(headers, config, declared=declared(STACKS), stack="decoder")
    assert (len(encoder.pieces), len(decoder.pieces)) == (3, 4)
    assert (encoder.components, decoder.components) == (("o",), ("o", "cross_o"))
    for made in (encoder, decoder):
        assert made.pieces.keys() | made.left_out.keys() == arrays.keys() | {"shared"}
        assert made.left_out["shared"] == "embedding"
    assert {reason for name, reason in encoder.left_out.items() if name != "shared"} == {"other stack"}
    assert decoder.left_out["dec0/norm"] == "norm"
    with pytest.raises(CohortError, match=r"has stacks: say which .* stack: encoder or stack: decoder"):
        plan(headers, config, declared=declared(STACKS))
    with pytest.raises(CohortError, match="has no encoder"):
        plan(headers, config, declared=declared({"matrices": {"enc{block}/o": "o"}}), stack="encoder")


# Files.


@pytest.mark.parametrize("written", [yaml.safe_dump, json.dumps])
def test_a_declaration_in_a_file_of_its_own(tmp_path, written):
    path = tmp_path / "mine.yaml"
    path.write_text(written(DECLARATION))
    assert read_architecture(path) == declared(DECLARATION)
    entry = {"paper_entry": None, "stand_in": False, "link": {"folder": "x"}}
    cohort = {"name": "mine", "description": "Mine.", "entries": {"a": entry | {"architecture": str(path)}}}
    (tmp_path / "cohort.yaml").write_text(yaml.safe_dump(cohort))
    assert read_cohort(str(tmp_path / "cohort.yaml")).entries["a"].naming == DECLARATION


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("matrices:\n  a: o\n   b: o\n", "line 3: not plain YAML"),
        ("matrices:\n\ta: o\n", "line 2: not plain YAML"),
        (
            "matrices: {}\nleft_out:\n  a: bias\n  a: norm\n",
            "line 4: key 'a' stands twice in one mapping, first in line 3",
        ),
        ("matrices:\n  a: !!python/name:os.system\n", "line 2: not plain YAML"),
        ("matrices: {'h.{block}': oo}\n", "mine.yaml: matrices.h.{block}: 'oo' is not one of"),
    ],
)
def test_a_broken_file_is_refused_with_its_line(tmp_path, text, message):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(CohortError) as caught:
        read_architecture(path)
    assert message in str(caught.value)


# What likely went wrong.

ROWS = {
    "matrices": {
        "h.{block}.qkv": {"components": ["q", "k", "v"], "rows": "stacked"},
        "h.{block}.o": "o",
    }
}


@pytest.mark.parametrize(
    ("shapes", "config", "message"),
    [
        (
            {"qkv": (9, 27), "o": (9, 9)},
            None,
            "all matrices fit if they are stored as (inputs, outputs), as by Conv1D",
        ),
        (
            {"qkv": (8, 24), "o": (8, 8)},
            None,
            "do not split into q, k, v: all matrices fit if they are stored as (in",
        ),
        (
            {"qkv": (16, 8), "o": (8, 8)},
            {"num_attention_heads": 4, "num_key_value_heads": 2},
            "4 heads of queries share 2",
        ),
        (
            {"qkv": (25, 8), "o": (8, 8)},
            None,
            "do not split into q, k, v: put the config.json of these files beside them",
        ),
    ],
)
def test_the_remedy_names_the_likely_cause(tmp_path, shapes, config, message):
    arrays = {f"h.0.{name}": np.ones(shape, np.float16) for name, shape in shapes.items()}
    save_file(arrays, tmp_path / "model.safetensors")
    with pytest.raises(IncompleteCheckpoint) as caught:
        plan([read_header(tmp_path / "model.safetensors")], config, declared=declared(ROWS))
    assert message in str(caught.value)


def test_a_key_that_config_lacks_is_named(tmp_path):
    save_file({"h.0.qkv": np.ones((8, 4), np.float16)}, tmp_path / "model.safetensors")
    names = declared({"matrices": {"h.{block}.qkv": {"components": ["q", "k"], "rows": ["n_q", 1]}}})
    with pytest.raises(
        IncompleteCheckpoint, match=r"without n_q: put a config\.json .* or declare its value"
    ):
        plan([read_header(tmp_path / "model.safetensors")], {}, declared=names)


def test_the_example_of_the_manual_is_what_is_told_from_the_names():
    text = (ROOT / "docs/commands.md").read_text(encoding="utf-8")
    example = re.search(r"```yaml\n(stored: columns.*?)```", text, re.DOTALL)
    assert example
    document = yaml.safe_load(example[1])
    check_declaration("", document)
    headers, config = [header(SMALL["gpt-2"])], {"n_layer": 2, "n_embd": 8, "n_head": 2}
    found, known = plan(headers, config, declared=declared(document)), plan(headers, config)
    assert (found.pieces, found.left_out) == (known.pieces, known.left_out)
    assert found.components == known.components
