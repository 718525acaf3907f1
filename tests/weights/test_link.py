"""Links to a folder that the user names: which files, in which order, and what is refused."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from weightfit.errors import CohortError, IncompleteCheckpoint, MalformedCheckpoint
from weightfit.weights.index import INDEX, read_index, weight_files
from weightfit.weights.link import link
from weightfit.weights.writer import CheckpointWriter

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
    assert settings == {"index": True, "config": True, "left_out": []}
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
    assert settings["left_out"] == ["consolidated.safetensors"]


def test_without_index_and_configuration(tmp_path, source):
    (source / INDEX).unlink()
    (source / "config.json").unlink()
    files, settings = link(source, tmp_path / "links")
    assert [file.path for file in files] == sorted(SHARDS)
    assert settings == {"index": False, "config": False, "left_out": []}
    write(source / "model.safetensors", ["e", "a"])
    with pytest.raises(IncompleteCheckpoint, match="tensor 'a' is also in model-00001-of-00002"):
        weight_files(source)


def test_a_missing_folder(tmp_path):
    refused(tmp_path, tmp_path / "elsewhere", CohortError, "there is no such folder")
    (tmp_path / "elsewhere").touch()
    refused(tmp_path, tmp_path / "elsewhere", CohortError, "there is no such folder")


def test_a_folder_without_weights(tmp_path):
    (tmp_path / "source").mkdir()
    (tmp_path / "source/pytorch_model.bin").touch()
    refused(tmp_path, tmp_path / "source", CohortError, r"no \*\.safetensors")


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
