"""The command `weightfit`: the numbers of the workflow, in text, CSV and JSON, and what is refused."""

import csv
import io
import json
import math
import signal
import subprocess
import sys
from pathlib import Path

import ctranslate2_file as by_hand
import numpy as np
import pyarrow.compute as pc
import pytest
import pytorch_file
from small_checkpoint import BLOCKS, FAMILIES, HEADS, HIDDEN, INNER, checkpoint, shard, weights, write

import weightfit
from weightfit.__main__ import command
from weightfit.analysis.measure import COLUMNS
from weightfit.counts.part import count_part
from weightfit.documents import violation
from weightfit.fits.fit import fit_part
from weightfit.fits.units import Protocol
from weightfit.studies.format_null import TRIMS
from weightfit.weights.families import components

HERE = Path(__file__).resolve().parents[1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkpoint of GPT-NeoX names in one file."""
    return checkpoint(tmp_path / "source", "gpt-neox")


def run(capsys, *arguments: object) -> tuple[object, str, str]:
    """Return the exit status or the sentence of a refusal, and what was printed."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        command([str(argument) for argument in arguments])
    return stop.value.code, *capsys.readouterr()


def output(capsys, *arguments: object) -> str:
    status, out, _ = run(capsys, *arguments)
    assert status == 0
    return out


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def refused(capsys, *arguments: object) -> str:
    """Return the one sentence on stderr with which the command fails, without output."""
    message, out, err = run(capsys, *arguments)
    assert isinstance(message, str)  # `sys.exit` prints a string on stderr and exits with status 1
    assert (out, err) == ("", "")
    sentence = message.partition(":\n# Guessed from names")[0]  # a proposal for unknown names may follow it
    assert "\n" not in sentence and "Error" not in sentence
    return message


def by_workflow(folder: Path, family: str, protocol: str, trim: float) -> dict[tuple[int, str], dict]:
    """The fits and moments of rules `histogram` and `fit`, by block and component."""
    path = folder / "model.safetensors"
    sha256 = write(path, weights(family)).sha256
    manifest = {"entry": "test", "files": [{"path": path.name, "step": None, "sha256": sha256}]}
    count_part(manifest, folder, folder / "part.parquet")
    tables = fit_part(folder / "part.parquet", [Protocol(protocol, "both", TRIMS, True, "all")], {})
    found: dict[tuple[int, str], dict] = {}
    for one in tables:
        for row in (
            one.filter(pc.field("trim") == trim).to_pylist()
            if "trim" in one.column_names
            else one.to_pylist()
        ):
            found.setdefault((row["block"], row["component"]), {}).update(row)
    return found


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("protocol", "trim"), [("centred", "0.8"), ("uncentred", "0.9"), ("released", "1.0")]
)
def test_the_numbers_are_those_of_the_workflow(tmp_path, capsys, family, protocol, trim):
    folder = checkpoint(tmp_path / "source", family)
    expected = by_workflow(folder, family, protocol, float(trim))
    options = "--protocol", protocol, "--trim", trim
    found = rows_of(output(capsys, "analyze", folder, "--csv", *options))
    assert [(row["component"], row["block"]) for row in found] == [
        (component, str(block)) for component in components(family) for block in range(BLOCKS)
    ]
    same = set(COLUMNS) & set(next(iter(expected.values())))
    assert len(same) == 30
    for row in found:
        known = expected[int(row["block"]), row["component"]]
        assert {name: row[name] for name in same} == {name: str(known[name]) for name in same}
    document = json.loads(output(capsys, folder, "--json", *options))
    assert violation(document, "analysis") is None
    assert [{name: "" if value is None else str(value) for name, value in row.items()} for row in
            document["matrices"]] == [{name: row[name] for name in COLUMNS} for row in found]  # fmt: skip
    assert document["fit"] == {"protocol": protocol, "trim": float(trim)}
    (file,) = document["model"]["files"]
    assert file["bytes"] == (folder / "model.safetensors").stat().st_size
    assert str(tmp_path) not in json.dumps(document)


def test_the_text_has_a_row_for_each_kind_and_says_what_is_left_out(folder, capsys):
    rows = rows_of(output(capsys, folder, "--csv"))
    about, headline, _, head, *lines = output(capsys, folder).splitlines()
    assert about == "source: gpt-neox, 12 matrices in 2 blocks, 16,384 weights, stored as f16"
    assert headline.startswith(("Nothing stands out", "Unusual: "))
    kinds = components("gpt-neox")
    assert head.split()[:4] == ["kind", "n", "k", "error"]
    for kind, line in zip(kinds, lines, strict=False):
        own = sorted(float(row["shape"]) for row in rows if row["component"] == kind)
        cells = line.split()
        assert cells[:2] == [kind, "2"]
        assert float(cells[2]) == pytest.approx(np.mean(own), abs=5e-5)
        assert [float(cell) for cell in cells[5:7]] == pytest.approx(own, abs=5e-4)
    assert lines[-1] == "left out: 2 bias, 1 embedding, 2 norm"


def test_shards_and_other_formats_give_the_numbers_of_one_file(folder, capsys):
    whole = output(capsys, folder, "--csv")
    assert output(capsys, folder / "model.safetensors", "--csv") == whole
    shard(folder, "gpt-neox")
    (folder / "consolidated.safetensors").write_bytes(b"not read")
    assert output(capsys, folder, "--csv") == whole
    assert output(capsys, folder).splitlines()[-1].endswith("2 norm, file consolidated.safetensors")
    for path in folder.glob("*.safetensors*"):
        path.unlink()
    pytorch_file.write(folder / "pytorch_model.bin", weights("gpt-neox"))
    (folder / "training_args.bin").write_bytes(b"not read")
    assert output(capsys, folder, "--csv") == whole
    assert output(capsys, folder).splitlines()[-1].endswith(", 2 norm, file training_args.bin")


def test_the_remedy_for_a_missing_configuration(folder, capsys):
    known = output(capsys, folder, "--csv")
    (folder / "config.json").unlink()
    message = refused(capsys, folder / "model.safetensors")
    assert "without num_attention_heads: put a config.json that has it beside the file" in message
    (folder / "config.json").write_text(json.dumps({"num_attention_heads": HEADS}))
    assert output(capsys, folder, "--csv") == known


def test_what_is_refused(folder, tmp_path, capsys):
    tensors = weights("gpt-neox")
    file = folder / "model.safetensors"
    assert "nowhere: there is no such file or folder" in refused(capsys, tmp_path / "nowhere")
    assert "there are no weight files" in refused(capsys, tmp_path)
    file.write_bytes(file.read_bytes()[:-1])
    assert "truncated: fetch it again" in refused(capsys, file)
    write(file, tensors | {"gpt_neox.layers.0.mlp.router.weight": tensors[next(iter(tensors))]})
    assert "router.weight" in run(capsys, folder)[0]
    (folder / "config.json").write_text("{")
    assert "config.json" in refused(capsys, folder)
    status, _, err = run(capsys, folder, "--csv", "--json")
    assert status == 2
    assert "choose one" in err


GPT = """\
stored: columns
matrices:
  "mine.{block}.attention.weight": {components: [q, k, v], columns: stacked}
  "mine.{block}.projection.weight": o
  "mine.{block}.inner.weight": ffn_in
  "mine.{block}.outer.weight": ffn_out
left_out:
  "mine.embedding": embedding
"""


def test_a_declared_architecture(tmp_path, capsys):
    random = np.random.default_rng(5)
    shapes = {"attention": (HIDDEN, 3 * HIDDEN), "projection": (HIDDEN, HIDDEN)}
    shapes |= {"inner": (HIDDEN, INNER), "outer": (INNER, HIDDEN)}
    tensors = {
        f"mine.{block}.{name}.weight": random.standard_t(4, shape).astype(np.float32)
        for block in range(BLOCKS)
        for name, shape in shapes.items()
    }
    file = tmp_path / "mine.safetensors"
    write(file, tensors | {"mine.embedding": np.zeros((7, HIDDEN), np.float32)})
    proposal = refused(capsys, file)
    assert '"mine.{block}.attention.weight": ' in proposal
    (tmp_path / "mine.yaml").write_text(GPT)
    rows = rows_of(output(capsys, file, "--architecture", tmp_path / "mine.yaml", "--csv"))
    assert [row["component"] for row in rows if row["block"] == "1"] == [
        "q",
        "k",
        "v",
        "o",
        "ffn_in",
        "ffn_out",
    ]
    fused = tensors["mine.1.attention.weight"]
    for number, kind in enumerate("qkv"):
        (found,) = (row for row in rows if (row["component"], row["block"]) == (kind, "1"))
        known = weightfit.fit(fused[:, number * HIDDEN : (number + 1) * HIDDEN])
        assert (float(found["shape"]), float(found["scale"])) == (known.shape, known.scale)
    (tmp_path / "mine.yaml").write_text(GPT + "more\n")
    assert "mine.yaml" in refused(capsys, file, "--architecture", tmp_path / "mine.yaml")


def test_other_files_than_a_model_are_refused_in_a_sentence_with_a_remedy(folder, tmp_path, capsys):
    tensors = weights("gpt-neox")
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    low_rank = np.ones((4, HIDDEN), np.float32)
    names = [f"base_model.model.layers.0.self_attn.q_proj.lora_{side}.weight" for side in "AB"]
    write(adapter / "adapter_model.safetensors", dict.fromkeys(names, low_rank))
    assert "merge" in refused(capsys, adapter)
    write(folder / "other.safetensors", tensors)
    assert "one checkpoint" in refused(capsys, folder)
    text = tmp_path / "README.md"
    text.write_text("no weights")
    assert "README.md" in refused(capsys, text)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "the folder is empty" in refused(capsys, empty)


def test_a_file_that_may_not_be_read(folder, capsys, monkeypatch):
    def forbid(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("weightfit.analysis.model.read_header", forbid)
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
        lines = output(capsys, file, "--stack", stack).splitlines()
        assert f": whisper-{stack}, {BLOCKS * len(components(f'whisper-{stack}'))} matrices" in lines[0]
        assert lines[-1] == f"left out: {BLOCKS * (11 - number)} other stack"
    assert "--stack" in refused(capsys, file)
    folder = checkpoint(tmp_path / "other", "gpt-neox")
    assert "gpt-neox, which has one stack" in refused(capsys, folder, "--stack", "encoder")


def test_what_cannot_be_measured_is_named_and_the_rest_is_measured(folder, capsys):
    before = rows_of(output(capsys, folder, "--csv"))
    tensors = weights("gpt-neox")
    constant, infinite = (f"gpt_neox.layers.{block}.attention.dense.weight" for block in (1, 0))
    tensors[constant][:] = 0
    tensors[infinite][3, 4] = math.inf
    write(folder / "model.safetensors", tensors)
    status, out, err = run(capsys, folder, "--csv")
    assert status == 3
    after = rows_of(out)
    assert [row for row in before if row["component"] != "o"] == after
    assert "cannot be measured: 2 of 12 matrices" in err
    assert f"{constant}  o of block 1: block 1, o: all {HIDDEN**2} magnitudes are zero" in err
    assert (
        f"{infinite}  o of block 0: model.safetensors: tensor '{infinite}': 1 of {HIDDEN**2} weights" in err
    )
    assert "2 of 12 matrices cannot be measured" in run(capsys, folder)[1].splitlines()[1]
    document = json.loads(run(capsys, folder, "--json")[1])
    assert violation(document, "analysis") is None
    assert document["coverage"]["whole"] is False
    for name in tensors:
        tensors[name][...] = 0
    write(folder / "model.safetensors", tensors)
    assert "no matrix can be measured: " in refused(capsys, folder)


def program(*arguments: object) -> list[str]:
    return [sys.executable, "-W", "error", "-m", "weightfit", *map(str, arguments)]


def test_as_a_program(folder, capsys):
    ran = subprocess.run(program(folder), cwd=HERE, capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == (output(capsys, folder), "")
    ran = subprocess.run(program(folder / "no"), cwd=HERE, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (1, "", 1)


@pytest.mark.skipif(not hasattr(signal, "SIGPIPE"), reason="this system has no SIGPIPE")
def test_a_closed_pipe_is_quiet(folder):
    with subprocess.Popen(program(folder), cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as ran:
        ran.stdout.close()
        assert ran.stderr.read() == b""
    assert ran.returncode == -signal.SIGPIPE


def test_help_and_import_need_nothing_that_measures():
    for code in ("import weightfit.__main__, weightfit.command.analyze", "import weightfit; dir(weightfit)"):
        asked = f"import sys; {code}; print({{'numpy', 'numba', 'pyarrow', 'scipy'}} & set(sys.modules))"
        ran = subprocess.run(
            [sys.executable, "-c", asked], cwd=HERE, capture_output=True, text=True, check=True
        )
        assert ran.stdout == "set()\n"


def test_the_words_are_told_and_the_trace_is_that_of_its_module(capsys):
    text = output(capsys, "--help")
    assert all(word in text for word in ("analyze", "compare", "trace"))
    assert "Exit status" in output(capsys, "compare", "--help")
    assert "there is no 'T9.nothing'" in str(run(capsys, "trace", "T9.nothing", "--cohort", "none")[0])
