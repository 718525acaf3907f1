"""Counting a part: every matrix of every file, in sorted order, whatever the buffers; nothing on failure."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from counted_entries import NAMES
from pytorch_file import checkpoint as pytorch_checkpoint

from weightfit import table
from weightfit.counts import part
from weightfit.counts.histogram import HISTOGRAM_CONTRACT, histogram_of
from weightfit.counts.part import count_part, read_part
from weightfit.errors import CohortError, DigestMismatch, IncompleteCheckpoint
from weightfit.part import main
from weightfit.weights.writer import CheckpointWriter

WIDTH, HIDDEN, BLOCKS = 12, 20, 3
CONFIG = {
    "architectures": ["OlmoForCausalLM"],
    "num_hidden_layers": BLOCKS,
    "hidden_size": WIDTH,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "intermediate_size": HIDDEN,
}


def shape(component: str) -> tuple[int, int]:
    if component in ("gate", "up"):
        return (HIDDEN, WIDTH)
    return (WIDTH, HIDDEN) if component == "down" else (WIDTH, WIDTH)


def write(folder: Path, name: str, matrices: dict[tuple[int, str], np.ndarray], step: int | None) -> dict:
    described = [
        (f"model.layers.{block}.{NAMES[component]}.weight", "F16", array.shape)
        for (block, component), array in matrices.items()
    ]
    embedding = ("model.embed_tokens.weight", "F16", (5, WIDTH))
    first = name in ("model.safetensors", "a.safetensors") or step is not None
    with CheckpointWriter(folder / name, [embedding, *described] if first else described) as writer:
        if first:
            writer.write(np.full((5, WIDTH), np.nan, np.float16))
        for array in matrices.values():
            writer.write(array)
    return {"path": name, "step": step, "bytes": writer.bytes, "sha256": writer.sha256}


def draw(seed: int) -> dict[tuple[int, str], np.ndarray]:
    random = np.random.default_rng(seed)
    return {
        (block, component): random.standard_normal(shape(component)).astype(np.float16)
        for block in reversed(range(BLOCKS))
        for component in NAMES
    }


@pytest.fixture
def entry(tmp_path):
    """Write an entry of two steps, the later one listed first, and return its manifest, folder and weights."""
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    weights = {step: draw(step) for step in (1000, 0)}
    files = [write(folder, f"step{step}.safetensors", drawn, step) for step, drawn in weights.items()]
    return {"entry": "toy", "files": files}, folder, weights


def test_every_matrix_is_there_once_in_order(entry, tmp_path):
    manifest, folder, weights = entry
    output = tmp_path / "out" / "toy.parquet"
    count_part(manifest, folder, output)
    assert [path.name for path in output.parent.iterdir()] == ["toy.parquet"]
    read = list(read_part(output))
    assert [(step, block) for step, block, _ in read] == [(s, b) for s in (0, 1000) for b in range(BLOCKS)]
    for step, block, found in read:
        assert sorted(found) == list(found) == sorted(NAMES)
        for component, made in found.items():
            expected = histogram_of(weights[step][block, component])
            np.testing.assert_array_equal(made.value, expected.value)
            np.testing.assert_array_equal(made.count, expected.count)
            for name in ("dtype", "exactness", "n", "sum", "sum_of_squares", "minimum", "maximum"):
                assert getattr(made, name) == getattr(expected, name)
    rows = table.read(output, "histograms").to_pandas()
    keys = ["step", "block", "component", "value"]
    assert rows.equals(rows.sort_values(keys, ignore_index=True))
    assert not rows.duplicated(keys).any()
    assert set(rows["entry"]) == {"toy"}
    table.check("histograms", table.read(output, "histograms"))


@pytest.mark.parametrize(
    ("steps", "found"),
    [(None, [0, 1000]), ({1000}, [1000]), ((0, 7), [0]), ([1000, 0], [0, 1000]), ({None}, []), ((), [])],
)
def test_only_the_steps_asked_for_are_read(entry, tmp_path, monkeypatch, steps, found):
    manifest, folder, _ = entry
    count_part(manifest, folder, tmp_path / "toy.parquet")
    whole = list(read_part(tmp_path / "toy.parquet"))
    decoded = []

    class Watched(pq.ParquetFile):
        def read_row_group(self, group, columns):
            if "value" in columns:
                decoded.append(group)
            return super().read_row_group(group, columns=columns)

    monkeypatch.setattr(part.pq, "ParquetFile", Watched)
    read = list(read_part(tmp_path / "toy.parquet", steps))
    assert len(decoded) == BLOCKS * len(found)
    expected = [one for one in whole if one[0] in found]
    assert [one[:2] for one in read] == [one[:2] for one in expected]
    for (*_, ours), (*_, theirs) in zip(read, expected, strict=True):
        assert list(ours) == list(theirs)
        for component in ours:
            np.testing.assert_array_equal(ours[component].value, theirs[component].value)
            np.testing.assert_array_equal(ours[component].count, theirs[component].count)


def test_the_metadata_say_what_was_counted(entry, tmp_path):
    manifest, folder, _ = entry
    count_part(manifest, folder, tmp_path / "toy.parquet")
    metadata = table.read_provenance(tmp_path / "toy.parquet")
    assert (metadata["contract"], metadata["entry"]) == (HISTOGRAM_CONTRACT, "toy")
    assert metadata["files"] == sorted(manifest["files"], key=lambda file: file["step"])
    assert len(metadata["matrices"]) == 2 * BLOCKS * len(NAMES)
    assert str(tmp_path) not in json.dumps(metadata)


def test_moving_rows_to_disk_changes_no_byte(entry, tmp_path, monkeypatch):
    manifest, folder, _ = entry
    count_part(manifest, folder, tmp_path / "kept.parquet")
    for limit in (1, 500):
        monkeypatch.setattr(part, "SPOOL_ROWS", limit)
        count_part(manifest, folder, tmp_path / "moved.parquet")
        assert (tmp_path / "moved.parquet").read_bytes() == (tmp_path / "kept.parquet").read_bytes()
    assert not list(tmp_path.glob(".*"))


def test_the_order_of_the_manifest_does_not_matter(entry, tmp_path):
    manifest, folder, _ = entry
    count_part(manifest, folder, tmp_path / "one.parquet")
    count_part(manifest | {"files": manifest["files"][::-1]}, folder, tmp_path / "other.parquet")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "other.parquet").read_bytes()


def test_one_checkpoint_in_several_files_without_steps(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    weights = draw(7)
    shards = [dict(list(weights.items())[place::2]) for place in range(2)]
    files = [write(tmp_path, f"{name}.safetensors", shards[i], None) for i, name in enumerate("ab")]
    whole = [write(tmp_path, "model.safetensors", weights, None)]
    count_part({"entry": "toy", "files": files}, tmp_path, tmp_path / "shards.parquet")
    count_part({"entry": "toy", "files": whole}, tmp_path, tmp_path / "whole.parquet")
    one, other = (pq.read_table(tmp_path / f"{name}.parquet") for name in ("shards", "whole"))
    assert one.equals(other)
    assert one["step"].null_count == one.num_rows
    assert [(step, block) for step, block, _ in read_part(tmp_path / "shards.parquet")] == [
        (None, block) for block in range(BLOCKS)
    ]
    assert len(list(read_part(tmp_path / "shards.parquet", {None}))) == BLOCKS
    assert not list(read_part(tmp_path / "shards.parquet", {0}))


def test_another_digest_is_refused_and_leaves_nothing(entry, tmp_path):
    manifest, folder, _ = entry
    manifest["files"][0]["sha256"] = "0" * 64
    with pytest.raises(DigestMismatch, match=r"step1000\.safetensors: sha256 is .*its manifest says 000"):
        count_part(manifest, folder, tmp_path / "out" / "toy.parquet")
    assert not list((tmp_path / "out").glob("*"))


@pytest.mark.parametrize("rows", [1, 1 << 23])
def test_a_matrix_that_is_not_finite_has_no_rows_and_its_reason_is_kept(tmp_path, monkeypatch, rows):
    monkeypatch.setattr(part, "SPOOL_ROWS", rows)
    weights = draw(0)
    weights[0, "up"][3, 4] = np.inf
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    file = write(tmp_path, "model.safetensors", weights, None)
    count_part({"entry": "toy", "files": [file]}, tmp_path, tmp_path / "toy.parquet")
    found = {(block, name) for _, block, held in read_part(tmp_path / "toy.parquet") for name in held}
    assert weights.keys() - found == {(0, "up")}
    (refused,) = table.read_provenance(tmp_path / "toy.parquet")["refused"]
    assert (refused["step"], refused["block"], refused["component"]) == (None, 0, "up")
    assert "model.safetensors: tensor 'model.layers.0.mlp.up_proj.weight': 1 of 240" in refused["reason"]


def test_the_command(entry, tmp_path):
    manifest, folder, _ = entry
    path = tmp_path / "toy.json"
    options = {
        "manifest": path,
        "folder": folder,
        "output": tmp_path / "toy.parquet",
        "log": tmp_path / "log",
    }
    arguments = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    path.write_text(json.dumps(manifest))
    main(arguments)
    count_part(manifest, folder, tmp_path / "direct.parquet")
    assert (tmp_path / "toy.parquet").read_bytes() == (tmp_path / "direct.parquet").read_bytes()
    assert "21 matrices counted" in (tmp_path / "log").read_text()
    path.write_text(json.dumps(manifest | {"files": []}))
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 1
    assert f"{CohortError.__name__}: toy.json: no weight file is listed" in (tmp_path / "log").read_text()


def test_files_of_pytorch_have_the_rows_of_safetensors(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    weights = draw(5)
    file = write(tmp_path, "model.safetensors", weights, None)
    count_part({"entry": "toy", "files": [file]}, tmp_path, tmp_path / "one.parquet")
    named = {f"model.layers.{block}.{NAMES[name]}.weight": held for (block, name), held in weights.items()}
    data = pytorch_checkpoint(named | {"model.embed_tokens.weight": np.full((5, WIDTH), np.nan, np.float16)})
    (tmp_path / "pytorch_model.bin").write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    file = {"path": "pytorch_model.bin", "step": None, "bytes": len(data), "sha256": digest}
    count_part({"entry": "toy", "files": [file]}, tmp_path, tmp_path / "other.parquet")
    one, other = (pq.read_table(tmp_path / f"{name}.parquet") for name in ("one", "other"))
    assert one.equals(other)
    # Of the whole file, the pickle and what lies between tensors too.
    (tmp_path / "pytorch_model.bin").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(DigestMismatch, match=r"pytorch_model\.bin: sha256 is"):
        count_part({"entry": "toy", "files": [file]}, tmp_path, tmp_path / "third.parquet")
    assert not (tmp_path / "third.parquet").exists()


def test_a_file_that_is_alone_is_counted_by_the_index_that_names_the_others(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    weights = list(draw(7).items())
    shards = {"a.safetensors": dict(weights[::2]), "b.safetensors": dict(weights[1::2])}
    file = write(tmp_path, "a.safetensors", shards["a.safetensors"], None)
    manifest = {"entry": "toy", "files": [file]}
    with pytest.raises(IncompleteCheckpoint, match="is missing"):
        count_part(manifest, tmp_path, tmp_path / "toy.parquet")
    names = {
        f"model.layers.{block}.{NAMES[name]}.weight": path
        for path, matrices in shards.items()
        for block, name in matrices
    }
    index = {"weight_map": names | {"model.embed_tokens.weight": "a.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    count_part(manifest, tmp_path, tmp_path / "toy.parquet")
    found = {(block, name) for _, block, held in read_part(tmp_path / "toy.parquet") for name in held}
    assert found == shards["a.safetensors"].keys()


def test_a_part_that_could_not_be_had_is_empty_and_says_why(tmp_path):
    refusal = {"available": False, "reason": "it is gated", "remedy": "accept its licence"}
    (tmp_path / "toy.json").write_text(json.dumps({"entry": "toy", "files": [], **refusal}))
    folder = tmp_path / "nothing"
    folder.mkdir()
    options = {"manifest": "toy.json", "folder": "nothing", "output": "toy.parquet", "log": "toy.log"}
    main([text for name, value in options.items() for text in (f"--{name}", str(tmp_path / value))])
    made = table.read_provenance(tmp_path / "toy.parquet")
    assert (made["reason"], made["remedy"]) == ("it is gated", "accept its licence")
    assert (made["files"], made["matrices"]) == ([], [])
    assert list(read_part(tmp_path / "toy.parquet")) == []
