"""`snakemake diagnose` for a folder and for a repository on the Hub."""

import csv
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import pytorch_file
import weights
from checkout import REPOSITORY, Checkout
from safetensors.numpy import save_file

import weightfit
from weightfit.components import CROSS_ATTENTION
from weightfit.documents import violation

sys.path.insert(0, str(REPOSITORY / "tests" / "hub"))

import miniature
from server import Hub


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    return Checkout(tmp_path_factory.mktemp("diagnose") / "checkout")


def told(checkout: Checkout, name: str) -> list[dict[str, str]]:
    path = checkout / f"results/{name}/diagnosis/analysis.csv"
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def page(checkout: Checkout, name: str) -> str:
    return (checkout / f"results/{name}/diagnosis/index.html").read_text(encoding="utf-8")


def test_a_folder(checkout: Checkout) -> None:
    weights.write(checkout / "my model", weights.checkpoint({}))
    run = checkout.snakemake("--cores", "2", "--printshellcmds", "diagnose", "--config", "model=my model")
    assert re.findall(r"--architecture (.*)$", run.text, re.M) == [
        "null"
    ]  # another command would count again
    assert set(run.finished) == {"link", "histogram", "diagnose"}
    assert "Page: results/model-my-model/diagnosis/index.html" in run.text
    assert "my model: Nothing stands out among the " in run.text
    rows = told(checkout, "model-my-model")
    assert [row["component"] for row in rows] == [
        kind for kind in weights.NAMES for _ in range(weights.BLOCKS)
    ]
    assert {row["model"] for row in rows} == {"my model"}
    text = page(checkout, "model-my-model")
    assert "<h1>my model</h1>" in text
    assert "a local folder" in text
    assert "Of 14 questions" in text
    assert str(checkout.path) not in text
    (document,) = json.loads((checkout / "results/model-my-model/diagnosis/analysis.json").read_text("utf-8"))
    assert violation(document, "analysis") is None
    direct = weightfit.analyze(checkout / "my model")
    assert [row["shape"] for row in document["matrices"]] == list(direct.table["shape"])
    assert document["headline"] == direct.headline


def test_another_folder_of_the_same_name_replaces_nothing(checkout: Checkout) -> None:
    (checkout / "elsewhere/my model").mkdir(parents=True)
    before = page(checkout, "model-my-model")
    refused = checkout.snakemake("--cores", "1", "diagnose", "--config", "model=elsewhere/my model", status=1)
    assert "elsewhere/my model: results under this name are those of another folder" in refused.text
    assert "move results/model-my-model away" in refused.text
    assert page(checkout, "model-my-model") == before


def test_a_folder_of_pytorch(checkout: Checkout) -> None:
    """The weights of the first test as a training of PyTorch keeps them, beside its arguments."""
    weights.write(checkout / "trained", weights.checkpoint({}))
    (checkout / "trained/model.safetensors").unlink()
    arrays = {f"module.{name}": array for name, array in weights.checkpoint({}).items()}
    members = pytorch_file.members(arrays)
    members["data.pkl"] = pytorch_file.inside("model_state_dict", members["data.pkl"])
    (checkout / "trained/model.pt").write_bytes(pytorch_file.archive(members))
    (checkout / "trained/training_args.bin").write_bytes(b"not read")
    checkout.snakemake("--cores", "2", "diagnose", "--config", "model=trained")
    for one, other in zip(told(checkout, "model-trained"), told(checkout, "model-my-model"), strict=True):
        assert one | {"model": ""} == other | {"model": ""}
    manifest = json.loads(
        (checkout / "results/model-trained/manifests/model-trained.json").read_text("utf-8")
    )
    assert [file["path"] for file in manifest["files"]] == ["model.pt"]
    assert manifest["settings"] == {"config": True, "index": False, "left_out": ["training_args.bin"]}
    assert checkout.plan("diagnose", "--config", "model=trained") == {}
    (checkout / "trained/model.pt").write_bytes((checkout / "trained/model.pt").read_bytes()[:-1] + b"\1")
    assert "link" in checkout.plan("diagnose", "--config", "model=trained")


def test_a_cohort_around_it_that_was_not_run_is_told(checkout: Checkout) -> None:
    chosen = ("--config", "model=my model")
    run = checkout.snakemake("--cores", "1", "diagnose", *chosen, "around=offline", status=1)
    assert (
        "results/offline/fits.parquet is missing: run `snakemake --cores all fits --config cohort=offline`"
        in run.text
    )
    run = checkout.snakemake("--cores", "1", "diagnose", *chosen, "around=offlineb", status=1)
    assert "around: config.yaml: cohort: there is no cohort 'offlineb'" in run.text


def test_what_is_neither_folder_nor_repository(checkout: Checkout) -> None:
    run = checkout.snakemake("--cores", "1", "diagnose", "--config", "model=nowhere", status=1)
    assert "'nowhere' is no folder and no repository; give a path, ORG/NAME or ORG/NAME@REVISION" in run.text
    assert "Traceback (most recent call last)" not in run.text


def test_a_repository_and_one_that_is_gated(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    with Hub() as hub:
        miniature.serve(hub)
        plain = Checkout.environment(checkout)
        own = {
            "HF_ENDPOINT": hub.endpoint,
            "HF_HOME": str(checkout.path.parent / "home"),
            "NO_PROXY": "127.0.0.1",
        }
        monkeypatch.setattr(checkout, "environment", lambda: plain | own | {"no_proxy": "127.0.0.1"})
        chosen = ("--config", "model=mistralai/Mistral-7B-v0.1")
        refused = checkout.snakemake("--cores", "1", "diagnose", *chosen, status=1)
        assert "run `snakemake --cores 1 pins --config model=mistralai/Mistral-7B-v0.1`" in refused.text
        checkout.snakemake("--cores", "1", "pins", *chosen)
        run = checkout.snakemake("--cores", "2", "diagnose", *chosen)
        assert run.finished.count("download") == 2
        name = "model-mistralai--mistral-7b-v0.1"
        assert len({row["component"] for row in told(checkout, name)}) == 7
        assert "<h1>mistralai/Mistral-7B-v0.1</h1>" in page(checkout, name)
        assert "mistralai/Mistral-7B-v0.1 at " in page(checkout, name)
        gated = ("--config", "model=meta-llama/Meta-Llama-3-8B")
        checkout.snakemake("--cores", "1", "pins", *gated)
        checkout.snakemake("--cores", "2", "diagnose", *gated)
    assert told(checkout, "model-meta-llama--meta-llama-3-8b") == []
    text = page(checkout, "model-meta-llama--meta-llama-3-8b")
    assert "<strong>No weights were available</strong>: meta-llama/Meta-Llama-3-8B at main is gated" in text
    assert "accept the licence" in text


def test_an_unknown_architecture_is_declared_in_a_cohort_file(checkout: Checkout) -> None:
    tensors = {name.replace("model.layers", "h"): array for name, array in weights.checkpoint({}).items()}
    weights.write(checkout / "strange", tensors)
    folder: Path = checkout / "strange"
    run = checkout.snakemake("--cores", "1", "diagnose", "--config", "model=strange", status=1)
    assert "declare its names as an architecture" in run.text
    matrices = {f"h.{{block}}.{name}.weight": kind for kind, name in weights.NAMES.items()}
    left_out = dict.fromkeys(
        ("h.{block}.input_layernorm.weight", "h.{block}.post_attention_layernorm.weight"), "norm"
    )
    left_out |= {"model.norm.weight": "norm", "model.embed_tokens.weight": "embedding"}
    entry = {"paper_entry": None, "stand_in": False, "link": {"folder": str(folder)}}
    entry["architecture"] = {"matrices": matrices, "left_out": left_out}
    document = {"name": "strange", "description": "Strange names.", "entries": {"strange": entry}}
    (checkout / "strange.yaml").write_text(json.dumps(document))
    chosen = ("--config", "cohort=strange.yaml", "around=around.yaml")
    # The weights of the first test, as those of a stand-in that stands around it.
    around = {"name": "model-my-model", "description": "Around.", "entries": {}}
    around["entries"] = {"model-my-model": entry | {"paper_entry": "pythia-70m", "stand_in": True}}
    del around["entries"]["model-my-model"]["architecture"]
    around["entries"]["model-my-model"]["link"] = {"folder": str(checkout / "my model")}
    (checkout / "around.yaml").write_text(json.dumps(around))
    run = checkout.snakemake("--cores", "1", "diagnose", *chosen, status=1)
    assert "results/model-my-model/fits.parquet is missing" in run.text
    checkout.snakemake("--cores", "2", "fits", "diagnose", "--config", "cohort=around.yaml")
    assert "<strong>STAND-IN</strong> for Pythia-70m" in page(checkout, "model-my-model")
    checkout.snakemake("--cores", "2", "diagnose", *chosen)
    text = page(checkout, "strange")
    assert re.search(r'model-my-model <span class="mark">STAND-IN</span></th>', text)
    assert "Among other models" in text
    # The same weights as in the folder of the first test, under other names.
    for one, other in zip(told(checkout, "strange"), told(checkout, "model-my-model"), strict=True):
        assert one["shape"] == other["shape"]


def test_the_stacks_of_a_model_are_two_entries(checkout: Checkout) -> None:
    folder = checkout / "speech"
    folder.mkdir()
    generator = np.random.default_rng(23)
    shapes = {"fc1": (96, 64), "fc2": (64, 96)}
    names = {"encoder": ("self_attn",), "decoder": ("self_attn", "encoder_attn")}
    tensors = {
        f"model.{stack}.layers.{block}.{name}.weight": (
            0.02 * generator.standard_normal(shapes.get(name, (64, 64)))
        ).astype(np.float16)
        for stack, attentions in names.items()
        for block in range(2)
        for name in (
            *(f"{one}.{part}_proj" for one in attentions for part in ("q", "k", "v", "out")),
            *shapes,
        )
    }
    save_file(tensors, folder / "model.safetensors")
    run = checkout.snakemake("--cores", "1", "diagnose", "--config", "model=speech", status=1)
    assert "by stack: encoder or stack: decoder in the entry of a cohort file" in run.text
    entry = {"paper_entry": None, "stand_in": False, "link": {"folder": str(folder)}}
    entries = {f"speech-{stack}": entry | {"stack": stack} for stack in names}
    document = {"name": "two-stacks", "description": "Two stacks.", "entries": entries}
    (checkout / "two.yaml").write_text(json.dumps(document))
    chosen = ("--config", "cohort=two.yaml")
    run = checkout.snakemake("--cores", "2", "--printshellcmds", "diagnose", *chosen)
    given = set(re.findall(r"--architecture (.*)$", run.text, re.M))
    assert given == {f"'{json.dumps({'stack': stack})}'" for stack in names}
    both = ["q", "k", "v", "o", "ffn_in", "ffn_out"]
    found = [(row["model"], row["component"]) for row in told(checkout, "two-stacks") if row["block"] == "0"]
    assert found == [
        *(("speech-encoder", kind) for kind in both),
        *(("speech-decoder", kind) for kind in (*both, *CROSS_ATTENTION)),
    ]
    text = page(checkout, "two-stacks")
    assert "<h1>two-stacks</h1>" in text
    assert re.findall(r'<h2 id="model-\d">(.*?)</h2>', text) == ["speech-encoder", "speech-decoder"]
    assert "<h4>Cross attention</h4>" in text
    assert "two-stacks: matrices stand out in " in run.text
