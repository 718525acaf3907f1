"""`python -m weightfit`: the numbers of the workflow, in plain text and CSV, and what is refused."""

import csv
import io
import json
import math
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import ctranslate2_file as by_hand
import numpy as np
import pytest
import pytorch_file

from weightfit.__main__ import COLUMNS, main
from weightfit.components import COMPONENTS, POOLS
from weightfit.counts.part import count_part
from weightfit.fits.fit import fit_part
from weightfit.fits.units import Protocol
from weightfit.weights.families import components
from weightfit.weights.writer import CheckpointWriter

HIDDEN, INNER, HEADS, BLOCKS = 32, 64, 4, 2
FAMILIES = {"gpt-neox": ("F16", "GPTNeoXForCausalLM"), "qwen-2": ("F32", "Qwen2ForCausalLM")}


def names(family: str) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor, blocks in descending order."""
    found: dict[str, tuple[int, ...]] = {}
    for block in reversed(range(BLOCKS)):
        if family == "gpt-neox":
            start = f"gpt_neox.layers.{block}."
            found[f"{start}attention.query_key_value.weight"] = (3 * HIDDEN, HIDDEN)
            found[f"{start}attention.query_key_value.bias"] = (3 * HIDDEN,)
            found[f"{start}attention.dense.weight"] = (HIDDEN, HIDDEN)
            found[f"{start}mlp.dense_h_to_4h.weight"] = (INNER, HIDDEN)
            found[f"{start}mlp.dense_4h_to_h.weight"] = (HIDDEN, INNER)
            found[f"{start}input_layernorm.weight"] = (HIDDEN,)
        else:
            start = f"model.layers.{block}."
            for head in "qkv":
                found[f"{start}self_attn.{head}_proj.weight"] = (HIDDEN, HIDDEN)
                found[f"{start}self_attn.{head}_proj.bias"] = (HIDDEN,)
            found[f"{start}self_attn.o_proj.weight"] = (HIDDEN, HIDDEN)
            found[f"{start}mlp.gate_proj.weight"] = (INNER, HIDDEN)
            found[f"{start}mlp.up_proj.weight"] = (INNER, HIDDEN)
            found[f"{start}mlp.down_proj.weight"] = (HIDDEN, INNER)
    found["gpt_neox.embed_in.weight" if family == "gpt-neox" else "model.embed_tokens.weight"] = (7, HIDDEN)
    return found


def weights(family: str) -> dict[str, np.ndarray]:
    """Student-t weights of another width in each tensor, so that no two rows of the output agree."""
    random = np.random.default_rng(7)
    kind = {"F16": np.float16, "F32": np.float32}[FAMILIES[family][0]]
    return {
        name: (random.standard_t(3 + number, shape) * 0.01 * (number + 1)).astype(kind)
        for number, (name, shape) in enumerate(names(family).items())
    }


def write(path: Path, tensors: dict[str, np.ndarray]) -> CheckpointWriter:
    dtype = {"float16": "F16", "float32": "F32"}
    with CheckpointWriter(
        path, [(name, dtype[a.dtype.name], a.shape) for name, a in tensors.items()]
    ) as writer:
        for array in tensors.values():
            writer.write(array)
    return writer


def configuration(folder: Path, family: str) -> None:
    (folder / "config.json").write_text(
        json.dumps(
            {
                "architectures": [FAMILIES[family][1]],
                "num_hidden_layers": BLOCKS,
                "hidden_size": HIDDEN,
                "num_attention_heads": HEADS,
                "intermediate_size": INNER,
            }
        )
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkpoint of GPT-NeoX names in one file."""
    return checkpoint(tmp_path / "source", "gpt-neox")


def checkpoint(folder: Path, family: str) -> Path:
    folder.mkdir()
    write(folder / "model.safetensors", weights(family))
    configuration(folder, family)
    return folder


def shard(folder: Path, family: str) -> None:
    """Replace the one file by two: the first has every other tensor, so each block is in both."""
    (folder / "model.safetensors").unlink()
    tensors, where = weights(family), {}
    for number in range(2):
        file = f"model-{number}.safetensors"
        some = dict(list(tensors.items())[number::2])
        write(folder / file, some)
        where |= dict.fromkeys(some, file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": where}))


def output(capsys, *arguments: object) -> str:
    capsys.readouterr()
    main([str(argument) for argument in arguments])
    return capsys.readouterr().out


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def by_workflow(folder: Path, family: str, protocol: str, trim: float) -> dict[tuple[int, str], dict]:
    """The fits of rules `histogram` and `fit`, by block and component."""
    path = folder / "model.safetensors"
    sha256 = write(path, weights(family)).sha256
    manifest = {"entry": "test", "files": [{"path": path.name, "step": None, "sha256": sha256}]}
    count_part(manifest, folder, folder / "part.parquet")
    fits, _ = fit_part(folder / "part.parquet", [Protocol(protocol, "both", (trim,), True, "all")], {})
    return {(row["block"], row["component"]): row for row in fits.to_pylist()}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("protocol", "trim"), [("centred", 0.80), ("uncentred", 0.90), ("released", 1.00)])
def test_the_csv_has_the_numbers_of_the_workflow(tmp_path, capsys, family, protocol, trim):
    folder = checkpoint(tmp_path / "source", family)
    expected = by_workflow(folder, family, protocol, trim)
    found = rows_of(output(capsys, folder, "--csv", "--protocol", protocol, "--trim", trim))
    assert len(found) == len(expected) == (BLOCKS + 1) * (len(components(family)) + 4)
    assert len({row["shape"] for row in expected.values()}) == len(expected)
    for row in found:
        known = expected[int(row["block"]), row["component"]]
        assert set(known) - set(row) == {"entry", "step", "terminal", "excluded"}  # what only a cohort has
        assert row == {name: str(known[name]) for name in row}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_plain_text_has_the_same_numbers_in_order(tmp_path, capsys, family):
    folder = checkpoint(tmp_path / "source", family)
    expected = by_workflow(folder, family, "centred", 0.80)
    about, fitted, left_out, head, *lines = output(capsys, folder).splitlines()
    assert about == f"family: {family}"
    assert fitted == "fit: centred, trim 0.8"
    reasons = {"gpt-neox": "2 bias, 1 embedding, 2 norm", "qwen-2": "6 bias, 1 embedding"}
    assert left_out == f"left out: {reasons[family]}"
    assert len({len(line) for line in [head, *lines]}) == 1
    assert head.split() == ["block", "component", *COLUMNS]
    order = [*(name for name in COMPONENTS if name in components(family)), *POOLS]
    keys = [(block, component) for block in [*range(BLOCKS), -1] for component in order]
    for (block, component), line in zip(keys, lines, strict=True):
        cells = line.split()
        assert cells[:2] == [str(block) if block >= 0 else "pooled", component]
        for name, cell in zip(COLUMNS, cells[2:], strict=True):
            known = expected[block, component][name]
            assert float(cell) == pytest.approx(known, rel=0.06 if name == "scale_se" else 1e-5, abs=5e-6)


def test_shards_give_the_numbers_of_one_file(folder, capsys):
    whole = output(capsys, folder, "--csv")
    shard(folder, "gpt-neox")
    assert output(capsys, folder, "--csv") == whole


def test_a_file_that_the_index_does_not_name_is_not_read_and_named(folder, capsys):
    before = output(capsys, folder).splitlines()
    shard(folder, "gpt-neox")
    (folder / "consolidated.safetensors").write_bytes(b"not read")
    after = output(capsys, folder).splitlines()
    assert after[2] == before[2] + ", file consolidated.safetensors"
    assert after[:2] + after[3:] == before[:2] + before[3:]


def test_files_of_pytorch_give_the_numbers_of_safetensors(folder, capsys):
    known = output(capsys, folder, "--csv")
    pytorch_file.write(folder / "pytorch_model.bin", weights("gpt-neox"))
    (folder / "model.safetensors").unlink()
    (folder / "training_args.bin").write_bytes(b"not read")
    assert output(capsys, folder, "--csv") == output(capsys, folder / "pytorch_model.bin", "--csv") == known
    assert output(capsys, folder).splitlines()[2].endswith(", 2 norm, file training_args.bin")


def test_csv_alone_goes_to_stdout(folder, capsys):
    main([str(folder), "--csv"])
    out, err = capsys.readouterr()
    assert {len(line.split(",")) for line in out.splitlines()} == {len(out.splitlines()[0].split(","))}
    assert err.splitlines()[0] == "family: gpt-neox"


def test_one_file_and_the_remedy_for_a_missing_configuration(folder, capsys):
    file = folder / "model.safetensors"
    known = output(capsys, file)
    assert known == output(capsys, folder)
    (folder / "config.json").unlink()
    message = refused(capsys, file)
    assert "without num_attention_heads: put a config.json that has it beside the file" in message
    (folder / "config.json").write_text(json.dumps({"num_attention_heads": HEADS}))
    assert output(capsys, file) == known


def refused(capsys, source: Path, *options: str) -> str:
    """Return the one sentence on stderr with which the command fails, without output."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main([str(source), *options])
    message = stop.value.code
    assert isinstance(message, str)  # `sys.exit` prints a string on stderr and exits with status 1
    assert capsys.readouterr() == ("", "")
    sentence = message.partition(":\n# Guessed from names")[0]  # a proposal for unknown names may follow it
    assert "\n" not in sentence and "Error" not in sentence
    return message


def test_what_is_refused(folder, tmp_path, capsys):
    tensors = weights("gpt-neox")
    name = next(iter(tensors))
    file = folder / "model.safetensors"
    assert "nowhere: there is no such file or folder" in refused(capsys, tmp_path / "nowhere")
    assert "there are no weight files" in refused(capsys, tmp_path)
    file.write_bytes(file.read_bytes()[:-1])
    assert "truncated: fetch it again" in refused(capsys, file)
    write(file, tensors | {"gpt_neox.layers.0.mlp.router.weight": tensors[name]})
    assert "router.weight' is no name of gpt-neox" in refused(capsys, folder)
    write(file, tensors | {name: np.full_like(tensors[name], math.nan)})
    assert f"tensor '{name}': " in refused(capsys, folder)
    (folder / "config.json").write_text("{")
    assert "config.json" in refused(capsys, folder)


def test_a_file_that_may_not_be_read(folder, capsys, monkeypatch):
    def forbid(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("weightfit.weights.formats.read_header", forbid)
    assert refused(capsys, folder / "model.safetensors").endswith("model.safetensors: Permission denied")


def test_one_stack_of_a_model_of_two(tmp_path, capsys):
    random = np.random.default_rng(9)
    shapes = {"self_attention/linear_0": (3 * HIDDEN, HIDDEN), "self_attention/linear_1": (HIDDEN, HIDDEN)}
    shapes |= {"ffn/linear_0": (INNER, HIDDEN), "ffn/linear_1": (HIDDEN, INNER)}
    cross = {"attention/linear_0": (HIDDEN, HIDDEN), "attention/linear_1": (2 * HIDDEN, HIDDEN)}
    cross |= {"attention/linear_2": (HIDDEN, HIDDEN)}
    arrays = {
        f"{stack}/layer_{block}/{name}/weight": random.standard_t(5, shape).astype(np.float16)
        for stack, own in (("encoder", shapes), ("decoder", shapes | cross))
        for block in range(BLOCKS)
        for name, shape in own.items()
    }
    file = tmp_path / "model.bin"
    file.write_bytes(by_hand.model(arrays))
    for stack, number in (("encoder", 4), ("decoder", 7)):
        about, _, left_out, *_ = output(capsys, file, "--stack", stack).splitlines()
        assert about == f"family: whisper-{stack}"
        assert left_out == f"left out: {BLOCKS * (11 - number)} other stack"
        rows = rows_of(output(capsys, file, "--stack", stack, "--csv"))
        assert [row["component"] for row in rows if row["block"] == "1"] == [
            *components(f"whisper-{stack}"),
            *POOLS,
        ]
        (all_of_block,) = (row for row in rows if (row["block"], row["component"]) == ("1", "all"))
        assert int(all_of_block["n"]) == 4 * HIDDEN**2 + 2 * HIDDEN * INNER
    assert "or by --stack of python -m weightfit" in refused(capsys, file)
    folder = checkpoint(tmp_path / "other", "gpt-neox")
    assert "gpt-neox, which has one stack" in refused(capsys, folder, "--stack", "encoder")


def test_matrices_without_a_fit_are_named_and_the_others_are_printed(folder, capsys):
    before = rows_of(output(capsys, folder, "--csv"))
    tensors = weights("gpt-neox")
    tensors["gpt_neox.layers.1.attention.dense.weight"][:] = 0
    write(folder / "model.safetensors", tensors)
    with pytest.raises(SystemExit) as stop:
        main([str(folder), "--csv"])
    out, err = capsys.readouterr()
    assert "1 matrices or pools cannot be fitted" in str(stop.value.code)
    (named,) = err.splitlines()[3:]
    assert named.startswith(f"block 1, o: all {HIDDEN**2} magnitudes are zero")
    after = rows_of(out)
    assert len(after) == len(before) - 1
    changed = Counter((row["block"], row["component"]) for row in before if row not in after)
    assert set(changed) == {
        ("1", "o"), ("1", "transmission"), ("1", "all"), ("-1", "o"), ("-1", "transmission"), ("-1", "all"),
    }  # fmt: skip


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-W", "error", "-m", "weightfit", *map(str, arguments)]


def test_as_a_command(folder, capsys):
    here = Path(__file__).resolve().parents[1]
    run = subprocess.run(command(folder), cwd=here, capture_output=True, text=True, check=True)
    assert (run.stdout, run.stderr) == (output(capsys, folder), "")
    run = subprocess.run(command(folder / "no"), cwd=here, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (1, "", 1)


@pytest.mark.skipif(not hasattr(signal, "SIGPIPE"), reason="this system has no SIGPIPE")
def test_a_closed_pipe_is_quiet(folder):
    here = Path(__file__).resolve().parents[1]
    with subprocess.Popen(command(folder), cwd=here, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        run.stdout.close()
        assert run.stderr.read() == b""
    assert run.returncode == -signal.SIGPIPE


def test_help_imports_nothing_that_measures():
    code = "import sys, weightfit.__main__; print({'numpy', 'numba', 'pyarrow', 'scipy'} & set(sys.modules))"
    here = Path(__file__).resolve().parents[1]
    run = subprocess.run([sys.executable, "-c", code], cwd=here, capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"
