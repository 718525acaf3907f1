"""Links to a folder that the user names: which files, in which order, and what is refused."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import pytorch_file

from weightfit.errors import CohortError, IncompleteCheckpoint, MalformedCheckpoint
from weightfit.weights.formats import ENDINGS
from weightfit.weights.index import FORMS, deciding_files, read_index, weight_files
from weightfit.weights.link import link
from weightfit.weights.writer import CheckpointWriter

INDEX = FORMS[0][1]
SHARDS = {
    "model-00002-of-00002.safetensors": ["b", "d"],
    "model-00001-of-00002.safetensors": ["a", "c"],
}


def write(path: Path, names) -> None:
    with CheckpointWriter(path, [(name, "F32", (2, 2)) for name in names]) as writer:
        for number, _ in enumerate(names):
            writer.write(np.full((2, 2), number, "<f4"))


@pytest.fixture
def source(tmp_path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    for file, names in SHARDS.items():
        write(folder / file, names)
    weight_map = {name: file for file, names in SHARDS.items() for name in names}
    (folder / INDEX).write_text(json.dumps({"metadata": {"total_size": 64}, "weight_map": weight_map}))
    (folder / "config.json").write_text('{"hidden_size": 2}')
    (folder / "pytorch_model.bin").write_bytes(b"never touched")
    return folder


def edit(folder: Path, **changes) -> None:
    index = json.loads((folder / INDEX).read_text())
    index["weight_map"] |= {name: file for name, file in changes.items() if file is not None}
    index["weight_map"] = {n: f for n, f in index["weight_map"].items() if changes.get(n, "") is not None}
    (folder / INDEX).write_text(json.dumps(index))


def refused(tmp_path, folder, error, words):
    with pytest.raises(error, match=words):
        link(folder, tmp_path / "links")
    assert not [item for item in tmp_path.iterdir() if item.name not in ("source", "elsewhere")]


def test_links_are_sorted_and_hashed(tmp_path, source):
    files, settings = link(source, tmp_path / "links")
    assert [file.path for file in files] == sorted(SHARDS)
    for file in files:
        data, path = (source / file.path).read_bytes(), tmp_path / "links" / file.path
        assert (
            path.is_symlink()
            and path.read_bytes() == data
            and path.resolve() == (source / file.path).resolve()
        )
        assert (file.bytes, file.sha256, file.step) == (len(data), hashlib.sha256(data).hexdigest(), None)
    copy = tmp_path / "links/config.json"
    assert copy.read_bytes() == (source / "config.json").read_bytes() and not copy.is_symlink()
    assert settings == {"index": True, "config": True, "left_out": ["pytorch_model.bin"]}
    assert sorted(item.name for item in (tmp_path / "links").iterdir()) == ["config.json", *sorted(SHARDS)]


def test_the_same_again_gives_the_same(tmp_path, source):
    assert link(source, tmp_path / "links") == link(source, tmp_path / "links")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["links", "source"]


def test_deleting_the_links_leaves_the_weights(tmp_path, source):
    link(source, tmp_path / "links")
    shutil.rmtree(tmp_path / "links")  # what Snakemake does with a temporary folder
    assert all((source / name).is_file() for name in SHARDS)


def test_a_relative_folder(tmp_path, source, monkeypatch):
    monkeypatch.chdir(tmp_path)
    link(Path("source"), Path("deep/er/links"))
    assert all((tmp_path / "deep/er/links" / name).is_file() for name in SHARDS)


def test_files_that_the_index_does_not_name_are_left_out_by_name(tmp_path, source):
    write(source / "consolidated.safetensors", ["a", "b", "c", "d"])
    files, settings = link(source, tmp_path / "links")
    assert [file.path for file in files] == sorted(SHARDS)
    assert settings["left_out"] == ["consolidated.safetensors", "pytorch_model.bin"]


def test_without_index_and_configuration(tmp_path, source):
    (source / INDEX).unlink()
    (source / "config.json").unlink()
    files, settings = link(source, tmp_path / "links")
    assert [file.path for file in files] == sorted(SHARDS)
    assert settings == {"index": False, "config": False, "left_out": ["pytorch_model.bin"]}
    write(source / "model.safetensors", ["e", "a"])
    with pytest.raises(IncompleteCheckpoint, match="tensor 'a' is also in model-00001-of-00002"):
        weight_files(source)


# Files of PyTorch.

ARRAYS = {name: np.full((2, 2), number, "<f4") for number, name in enumerate("abcd")}
STATE = ["optimizer.pt", "rng_state_0.pth", "scheduler.pt", "training_args.bin"]


@pytest.fixture
def torch(tmp_path) -> Path:
    """A folder as transformers' Trainer leaves it: weights in one file of PyTorch, and its own state."""
    folder = tmp_path / "source"
    folder.mkdir()
    pytorch_file.write(folder / "pytorch_model.bin", ARRAYS)
    for name in STATE:
        (folder / name).write_bytes(b"never touched")
    return folder


def test_the_weights_of_pytorch_are_told_from_the_state_of_a_training(tmp_path, torch):
    files, settings = link(torch, tmp_path / "links")
    assert [file.path for file in files] == ["pytorch_model.bin"]
    assert settings == {"index": False, "config": False, "left_out": STATE}
    assert (tmp_path / "links/pytorch_model.bin").resolve() == torch / "pytorch_model.bin"


@pytest.mark.parametrize("name", ["model.pt", "consolidated.00.pth", "model.bin", "checkpoint.pt"])
def test_any_name_with_an_ending_of_pytorch_will_do(torch, name):
    (torch / "pytorch_model.bin").rename(torch / name)
    assert weight_files(torch) == [torch / name]


def test_files_beside_those_of_transformers_are_left_out_by_name(tmp_path, torch):
    pytorch_file.write(torch / "epoch_3.pt", ARRAYS)
    assert link(torch, tmp_path / "links")[1]["left_out"] == sorted([*STATE, "epoch_3.pt"])
    (torch / "pytorch_model.bin").unlink()
    pytorch_file.write(torch / "epoch_4.pt", ARRAYS)
    with pytest.raises(
        IncompleteCheckpoint, match=r"epoch_4\.pt: tensor 'a' is also in epoch_3\.pt; .* one checkpoint"
    ):
        weight_files(torch)


def test_what_only_looks_like_weights_is_refused_with_its_name(torch):
    (torch / "pytorch_model.bin").rename(torch / "model.pt")
    (torch / "vocabulary.bin").write_bytes(b"never touched")
    with pytest.raises(
        MalformedCheckpoint,
        match=r"vocabulary\.bin: .*; if it is no part of the checkpoint, take it out of the folder",
    ):
        weight_files(torch)


def test_an_index_of_pytorch(tmp_path, torch):
    names = {"pytorch_model-00001-of-00002.bin": "ac", "pytorch_model-00002-of-00002.bin": "bd"}
    (torch / "pytorch_model.bin").rename(torch / "older.bin")
    for file, letters in names.items():
        pytorch_file.write(torch / file, {name: ARRAYS[name] for name in letters})
    where = {name: file for file, letters in names.items() for name in letters}
    (torch / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": where}))
    files, settings = link(torch, tmp_path / "links")
    assert [file.path for file in files] == sorted(names)
    assert settings == {"index": True, "config": False, "left_out": sorted([*STATE, "older.bin"])}
    (torch / "pytorch_model-00002-of-00002.bin").unlink()
    with pytest.raises(IncompleteCheckpoint, match="the index names this file but it is not there"):
        weight_files(torch)


def test_safetensors_come_before_an_index_of_pytorch(tmp_path, torch):
    (torch / "pytorch_model.bin.index.json").write_text("never read")
    write(torch / "model.safetensors", "abcd")
    files, settings = link(torch, tmp_path / "links")
    assert [file.path for file in files] == ["model.safetensors"]
    assert settings == {"index": False, "config": False, "left_out": sorted(["pytorch_model.bin", *STATE])}


def test_the_order_of_formats_is_the_one_that_is_documented():
    assert ENDINGS[:2] == ((".safetensors",), (".bin", ".pt", ".pth"))


def test_a_link_depends_on_every_file_that_may_change_it(tmp_path, torch):
    (torch / "config.json").write_text("{}")
    (torch / "notes.txt").touch()
    (torch / "gone.pt").symlink_to("nowhere")
    assert [path.name for path in deciding_files(torch)] == sorted(
        ["config.json", "pytorch_model.bin", *STATE]
    )
    assert deciding_files(tmp_path / "elsewhere") == []


def test_a_missing_folder(tmp_path):
    refused(tmp_path, tmp_path / "elsewhere", CohortError, "there is no such folder")
    (tmp_path / "elsewhere").touch()
    refused(tmp_path, tmp_path / "elsewhere", CohortError, "there is no such folder")


def test_a_folder_without_weights(tmp_path):
    (tmp_path / "source").mkdir()
    refused(
        tmp_path, tmp_path / "source", CohortError, "the folder is empty, without any weight files: name the"
    )
    (tmp_path / "source/notes.txt").touch()
    refused(
        tmp_path,
        tmp_path / "source",
        CohortError,
        r"no weight files in it \(\.safetensors, \.bin, \.pt, \.pth.*\): ",
    )
    for name in ("optimizer.pt", "training_args.bin"):
        (tmp_path / "source" / name).write_bytes(b"never touched")
    refused(
        tmp_path,
        tmp_path / "source",
        CohortError,
        r"\) but the state of a training \(optimizer\.pt, training_args\.bin\): name the folder that holds them",
    )


def test_an_index_that_names_a_missing_file(tmp_path, source):
    (source / "model-00002-of-00002.safetensors").unlink()
    refused(
        tmp_path, source, IncompleteCheckpoint, "model-00002-of-00002.safetensors: the index names this file"
    )


def test_a_dangling_link_counts_as_missing(tmp_path, source):
    path = source / "model-00002-of-00002.safetensors"
    path.unlink()
    path.symlink_to("nowhere")
    refused(tmp_path, source, IncompleteCheckpoint, "the index names this file but it is not there")
    (source / INDEX).unlink()
    refused(tmp_path, source, IncompleteCheckpoint, "a link names this file but it is not there")


def test_an_index_that_lists_a_tensor_in_the_wrong_file(tmp_path, source):
    edit(source, b="model-00001-of-00002.safetensors")
    refused(tmp_path, source, IncompleteCheckpoint, "tensor 'b' is here but the index says model-00001")


def test_an_index_that_does_not_list_a_tensor(tmp_path, source):
    edit(source, c=None)
    refused(tmp_path, source, IncompleteCheckpoint, "tensor 'c' is here but the index does not list it")


def test_an_index_that_lists_a_tensor_that_no_file_has(tmp_path, source):
    edit(source, z="model-00001-of-00002.safetensors")
    refused(
        tmp_path, source, IncompleteCheckpoint, "00001-of-00002.safetensors: the index says that tensor 'z'"
    )


@pytest.mark.parametrize(
    "file", ["../source/x.safetensors", "/etc/x.safetensors", "a\\b.safetensors", "weights.bin", "", 3, None]
)
def test_an_index_cannot_point_elsewhere(tmp_path, source, file):
    (source / INDEX).write_text(json.dumps({"weight_map": {"a": file}}))
    refused(tmp_path, source, MalformedCheckpoint, "no name of a .safetensors file")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is not JSON"),
        ("[]", "is not a JSON object"),
        ("{}", "no weight_map"),
        ('{"weight_map": {}}', "no weight_map"),
        ('{"weight_map": []}', "no weight_map"),
        ('{"weight_map": {"a": "x.safetensors", "a": "y.safetensors"}}', "twice"),
    ],
)
def test_an_index_that_is_none(tmp_path, source, text, words):
    (source / INDEX).write_text(text)
    refused(tmp_path, source, MalformedCheckpoint, words)
    with pytest.raises(MalformedCheckpoint, match=words):
        read_index(source / INDEX)


def test_a_malformed_weight_file(tmp_path, source):
    (source / "model-00001-of-00002.safetensors").write_bytes(b"PK\x03\x04 not a checkpoint")
    refused(tmp_path, source, MalformedCheckpoint, "ZIP archive")


def test_a_malformed_configuration(tmp_path, source):
    (source / "config.json").write_text("[1]")
    refused(tmp_path, source, MalformedCheckpoint, "is not a JSON object")


def test_an_oversized_configuration(tmp_path, source):
    with (source / "config.json").open("wb") as file:
        file.truncate((64 << 20) + 1)  # sparse
    refused(tmp_path, source, MalformedCheckpoint, "the limit is")


def test_the_folder_of_the_links_itself_is_not_linked(tmp_path, source):
    for folder in (source, source.parent):
        with pytest.raises(CohortError, match="where the links are to be made"):
            link(source, folder)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["source"]
    assert all((source / name).is_file() for name in SHARDS)


def test_a_failure_while_linking_leaves_nothing(tmp_path, source, monkeypatch):
    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(shutil, "copyfile", fail)
    refused(tmp_path, source, OSError, "disk full")
