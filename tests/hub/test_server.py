"""The test server against the real client: it answers as the Hub does where the client can tell."""

from pathlib import Path

import httpx2
import pytest
from hub_bench import BEARER, DATA, Bench
from hub_contents import content
from huggingface_hub import HfApi, get_hf_file_metadata, hf_hub_download, hf_hub_url, set_client_factory
from huggingface_hub.errors import (
    GatedRepoError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils._http import default_client_factory


@pytest.fixture(autouse=True)
def client_of_huggingface_hub() -> None:
    """The client that the workflow puts in its place keeps tokens from this server, whose origin is no endpoint."""
    set_client_factory(default_client_factory)


FILES = {"model.safetensors": DATA, "config.json": b"{}\n"}


def api(bench: Bench, bearer: str | bool = False) -> HfApi:
    return HfApi(endpoint=bench.hub.endpoint, token=bearer)


def test_a_model_at_a_revision(bench: Bench) -> None:
    old = bench.hub.add("lab/model", FILES, "step1000")
    new = bench.hub.add("lab/model", FILES | {"config.json": b"{ }\n"}, "step1000")
    main = bench.hub.add("lab/model", {"config.json": b"{}\n"})
    info = api(bench).model_info("lab/model", revision="step1000", files_metadata=True)
    assert (info.id, info.sha, info.gated) == ("lab/model", new, False)
    config, weights = info.siblings
    assert (config.rfilename, config.size, config.lfs) == ("config.json", 4, None)
    assert (weights.rfilename, weights.lfs.size) == ("model.safetensors", len(DATA))
    assert weights.lfs.sha256 == content("model.safetensors", DATA).sha256
    assert api(bench).model_info("lab/model", revision=old).sha == old  # a commit stays when its branch moves
    assert api(bench).model_info("lab/model").sha == main
    branches = {
        branch.name: branch.target_commit for branch in api(bench).list_repo_refs("lab/model").branches
    }
    assert branches == {"step1000": new, "main": main}


def test_the_id_of_a_small_file_is_that_of_git() -> None:
    # `printf '{}\n' | git hash-object --stdin`
    assert content("config.json", b"{}\n").blob == "0967ef424bce6791893e9a57bb952f80fd536e93"


def test_a_tree(bench: Bench) -> None:
    bench.hub.add("lab/tables", FILES, kind="dataset")
    config, weights = api(bench).list_repo_tree("lab/tables", repo_type="dataset")
    assert (config.path, config.size, config.lfs) == ("config.json", 3, None)
    assert (weights.path, weights.lfs.sha256) == ("model.safetensors", content("a.bin", DATA).sha256)


@pytest.mark.parametrize("caches", [False, True])
@pytest.mark.parametrize("kind", ["model", "dataset"])
def test_the_client_itself_downloads(bench: Bench, tmp_path: Path, kind: str, caches: bool) -> None:
    bench.hub.caches = caches
    commit = bench.hub.add("lab/it", FILES, kind=kind)
    for name, data in FILES.items():
        url = hf_hub_url("lab/it", name, repo_type=kind, endpoint=bench.hub.endpoint)
        found = get_hf_file_metadata(url, token=False)
        assert (found.commit_hash, found.size, found.etag) == (commit, len(data), content(name, data).etag)
        path = hf_hub_download(
            "lab/it",
            name,
            repo_type=kind,
            endpoint=bench.hub.endpoint,
            cache_dir=tmp_path / "cache",
            token=False,
        )
        assert Path(path).read_bytes() == data


def test_refusals(bench: Bench) -> None:
    commit = bench.hub.add("lab/model", FILES)
    bench.hub.add("lab/gated", FILES, gated=True)
    for bearer in (False, BEARER):
        with pytest.raises(GatedRepoError):
            api(bench, bearer).model_info("lab/gated")
        with pytest.raises(RepositoryNotFoundError) as refusal:
            api(bench, bearer).model_info("lab/missing")
        assert refusal.value.response.status_code == (404 if bearer else 401)
    bench.hub.tokens[BEARER].add("lab/gated")
    assert api(bench, BEARER).model_info("lab/gated").gated == "manual"
    with pytest.raises(RevisionNotFoundError):
        api(bench).model_info("lab/model", revision="step7")
    with pytest.raises(RemoteEntryNotFoundError) as refusal:
        get_hf_file_metadata(hf_hub_url("lab/model", "model.bin", endpoint=bench.hub.endpoint), token=False)
    assert refusal.value.response.headers["X-Repo-Commit"] == commit
    with pytest.raises(httpx2.HTTPError, match="401"):
        api(bench, "hf_unknown").model_info("lab/model")


def test_ranges_and_signatures(bench: Bench) -> None:
    bench.hub.add("lab/model", FILES)
    url = hf_hub_url("lab/model", "model.safetensors", endpoint=bench.hub.endpoint)
    place = get_hf_file_metadata(url, token=False).location
    assert place.startswith(bench.hub.cdn)
    for span, body in (("bytes=5-", DATA[5:]), ("bytes=5-9", DATA[5:10]), ("bytes=0-99999999", DATA)):
        answer = httpx2.get(place, headers={"Range": span})
        assert (answer.status_code, answer.content) == (206, body)
    assert answer.headers["Content-Range"] == f"bytes 0-{len(DATA) - 1}/{len(DATA)}"
    assert httpx2.get(place, headers={"Range": f"bytes={len(DATA)}-"}).status_code == 416
    assert httpx2.get(place.replace("Signature=", "Signature=0")).status_code == 403
    bench.hub.lifetime = -1.0
    assert httpx2.get(get_hf_file_metadata(url, token=False).location).status_code == 403


def test_a_file_on_disk(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "large.bin"
    path.write_bytes(DATA)
    bench.hub.add("lab/model", {"pytorch_model.bin": path})
    url = hf_hub_url("lab/model", "pytorch_model.bin", endpoint=bench.hub.endpoint)
    assert httpx2.get(url, follow_redirects=True).content == DATA
    assert httpx2.get(url, follow_redirects=True, headers={"Range": "bytes=7-"}).content == DATA[7:]
