"""Bad configurations, cohorts and weights are refused with a message that a person can act on."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from checkout import Checkout, Run, files
from weights import WIDTH, checkpoint, name, write

# One protocol: these runs are about what is refused, not about what is fitted.
FITS = [{"protocol": "centred", "sign": "both", "trims": [0.80], "pools": True, "steps": "all"}]
PLANT = {
    "width": 32,
    "heads": 2,
    "key_value_heads": 2,
    "hidden": 32,
    "seed": 0,
    "dtype": "F32",
    "matrices": [
        {
            "block": 0,
            "components": ["q", "k", "v", "o", "gate", "up", "down"],
            "law": "half-normal",
            "parameters": {"sigma": 0.02},
        }
    ],
}


def entry(**source: object) -> dict[str, object]:
    return {"paper_entry": None, "stand_in": False, **source}


def write_cohort(checkout: Checkout, cohort: str, entries: dict[str, object], **more: object) -> None:
    document = {"name": cohort, "description": "What a test needs.", "entries": entries, **more}
    (checkout / f"{cohort}.yaml").write_text(yaml.safe_dump(document, sort_keys=False))


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    made = Checkout(tmp_path_factory.mktemp("refusals") / "checkout")
    (made / "one_fit.yaml").write_text(yaml.safe_dump({"fits": FITS}))
    write_cohort(made, "planted", {"planted": entry(plant=PLANT)})
    return made


# Before any job.


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["trimm=1"], ["config.yaml", "'trimm'"]),
        (["fits=[{protocol: centered, sign: both, trims: [0.8]}]"], ["config.yaml: fits.0", "'pools'"]),
        (["fits=[]"], ["config.yaml: fits"]),
        (["cohort=absent"], ["config.yaml: cohort", "'absent'"]),
        (["cohort=absent.yaml"], ["absent.yaml: there is no such file"]),
    ],
    ids=[
        "an unknown key",
        "a broken protocol",
        "no protocol",
        "an unknown cohort",
        "a cohort file that is not there",
    ],
)
def test_a_broken_configuration_is_refused_at_once(
    checkout: Checkout, arguments: list[str], words: list[str]
) -> None:
    refused_at_once(checkout, ["cohort=planted.yaml", *arguments], words)


@pytest.mark.parametrize(
    ("entries", "more", "words"),
    [
        ({"a": {**entry(plant=PLANT), "stand-in": True}}, {}, ["entries.a", "'stand-in'"]),
        ({"a": entry(plant={**PLANT, "widht": 1})}, {}, ["entries.a.plant", "'widht'"]),
        ({"a": entry(plant={**PLANT, "dtype": "F64"})}, {}, ["entries.a.plant.dtype", "'F64'"]),
        ({"a": entry(plant=PLANT, link={"folder": "x"})}, {}, ["entries.a", "2 sources"]),
        ({"a": entry(plant=PLANT)}, {"corpse": {}}, ["'corpse'"]),
        (
            {"a": {**entry(plant=PLANT), "paper_entry": "pythia-70"}},
            {},
            ["entries.a.paper_entry", "'pythia-70'"],
        ),
    ],
    ids=[
        "key of an entry",
        "key of a source",
        "value",
        "two sources",
        "key of the file",
        "entry of the paper",
    ],
)
def test_a_broken_cohort_file_is_refused_at_once(
    checkout: Checkout, entries: dict[str, object], more: dict[str, object], words: list[str]
) -> None:
    write_cohort(checkout, "broken", entries, **more)
    refused_at_once(checkout, ["cohort=broken.yaml"], ["broken.yaml: ", *words])


def test_a_folder_without_the_released_database_is_refused(checkout: Checkout) -> None:
    arguments = ("--cores", "1", "audit", "--config", "cohort=none", "released_database=nowhere")
    run = checkout.snakemake(*arguments, status=1)
    assert "released_database: there are no tables (*.csv) in nowhere: run `snakemake" in run.text
    assert run.finished == []


def test_a_refusal_takes_no_time(checkout: Checkout) -> None:
    run = checkout.snakemake("--cores", "1", "all", "--config", "fits=[]", status=1, forked=False)
    # Of the processor, so that a busy machine is no reason to fail.
    assert run.processor_seconds < 3


def refused_at_once(checkout: Checkout, config: list[str], words: list[str]) -> None:
    run = checkout.snakemake("--cores", "1", "all", "--config", *config, status=1)
    ending = run.text.rstrip().splitlines()[-3:]
    assert any(all(word in line for word in words) for line in ending), run.text
    assert "Traceback" not in run.text
    assert "Building DAG" not in run.text
    assert not (checkout / "results").exists() or not (checkout / "results/broken").exists()


# In the job that sees the weights.

BAD = {
    "truncated": (
        "link",
        [
            "truncated/model.safetensors",
            "model.norm.weight",
            "ends at byte",
            "the file is truncated",
            "fetch it again",
        ],
    ),
    "not-finite": (
        "fit",
        ["model.safetensors", name(1, "up"), "1 of", "must be finite", "check the checkpoint"],
    ),
    "unknown": (
        "histogram",
        ["model.safetensors", "model.layers.1.mlp.router.weight", "no name of llama", "declare its names"],
    ),
    "absent": ("link", ["absent", "no such folder", "correct the path"]),
    "constant": (
        "fit",
        ["2 matrices", "'exclude'", "block 0, k", "all 4096", "block 1, v", "exclude the matrix"],
    ),
}


@pytest.fixture(scope="module")
def refused(checkout: Checkout) -> Run:
    """Run five entries that cannot be measured and one that can; each is tried."""
    folder = checkout / "mine"
    folder.mkdir()
    write(folder / "truncated", checkpoint({}))
    file = folder / "truncated/model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    damaged = checkpoint({})
    damaged[name(1, "up")][3, 4] = np.nan
    write(folder / "not-finite", damaged)
    write(
        folder / "unknown",
        checkpoint({}) | {"model.layers.1.mlp.router.weight": np.ones((8, WIDTH), np.float32)},
    )
    square = (WIDTH, WIDTH)
    write(folder / "constant", checkpoint({(0, "k"): np.zeros(square), (1, "v"): np.full(square, 0.25)}))
    entries = {key: entry(link={"folder": f"mine/{key}"}) for key in BAD}
    write_cohort(checkout, "refused", {**entries, "sound": entry(plant=PLANT)})
    arguments = ("--cores", "1", "--keep-going", "fits", "--configfile", "one_fit.yaml")
    return checkout.snakemake(*arguments, "--config", "cohort=refused.yaml", status=1)


@pytest.mark.parametrize("key", BAD)
def test_weights_that_cannot_be_measured_are_refused_by_name(
    checkout: Checkout, refused: Run, key: str
) -> None:
    rule, words = BAD[key]
    log = (checkout / f"results/refused/logs/{rule}/{key}.log").read_text()
    assert [word for word in words if word not in log] == []
    assert "Traceback" not in log
    # Once in full: the log of a failed job is shown where the failure is.
    assert log in refused.text
    assert f"results/refused/logs/{rule}/{key}.log" in refused.text


def test_a_refused_entry_leaves_no_partial_output(checkout: Checkout, refused: Run) -> None:
    stages = ["manifests", "histograms", "fits"]
    passed = {"link": [], "histogram": stages[:1], "fit": stages[:2]}
    expected = {f"{stage}/{key}" for key, (rule, _) in BAD.items() for stage in passed[rule]}
    expected |= {f"{stage}/sound" for stage in [*stages, "moments"]}
    results = checkout / "results/refused"
    left = {name for name in files(results) if not name.startswith(("logs/", "benchmarks/"))}
    assert {re.sub(r"\.(json|parquet)$", "", name) for name in left} == expected
    weights = {path.name for path in (checkout / "resources/refused/weights").iterdir()}
    assert weights == {key for key, (rule, _) in BAD.items() if rule == "histogram"}


def test_every_matrix_that_cannot_be_fitted_is_listed_once(checkout: Checkout, refused: Run) -> None:
    log = (checkout / "results/refused/logs/fit/constant.log").read_text()
    assert re.findall(r"^  block (\d), (\w+):", log, re.M) == [("0", "k"), ("1", "v")]
    assert refused.text.count("Error in rule fit:") == [rule for rule, _ in BAD.values()].count("fit")


def test_an_excluded_matrix_may_hold_what_is_not_a_number(checkout: Checkout, refused: Run) -> None:
    excluded = [{"matrix": "1.up", "reason": "one of its weights is not a number"}]
    write_cohort(checkout, "mended", {"a": entry(link={"folder": "mine/not-finite"}, exclude=excluded)})
    arguments = ("--cores", "1", "results/mended/fits/a.parquet", "--configfile", "one_fit.yaml")
    checkout.snakemake(*arguments, "--config", "cohort=mended.yaml")


def test_an_exclusion_of_what_is_not_there_is_refused(checkout: Checkout) -> None:
    excluded = [{"matrix": "7.q", "reason": "a slip of the pen: there is one block"}]
    write_cohort(checkout, "slip", {"a": entry(plant=PLANT, exclude=excluded)})
    arguments = ("--cores", "1", "results/slip/fits/a.parquet", "--configfile", "one_fit.yaml")
    run = checkout.snakemake(*arguments, "--config", "cohort=slip.yaml", status=1)
    assert "7.q" in run.text


# Exhibits of a cohort that has nothing for them.


@pytest.fixture(scope="module")
def bare(checkout: Checkout) -> Path:
    names = ("figure_02", "figure_10", "table_1", "table_5")
    arguments = ("--cores", "1", "--keep-going", *names, "--configfile", "one_fit.yaml")
    checkout.snakemake(*arguments, "--config", "cohort=planted.yaml", status=None)
    return checkout / "results/planted"


def test_a_figure_says_what_it_needs(bare: Path) -> None:
    text = (bare / "figures/figure_10.svg").read_text()
    assert "needs the weights" in text
    assert len((bare / "figures/figure_10.csv").read_text().splitlines()) == 1
    assert "needs the weights" not in (bare / "figures/figure_02.svg").read_text()


@pytest.mark.parametrize(
    ("label", "says"),
    [
        ("table_1", "0 of 12 entries"),
        pytest.param(
            "table_5",
            "needs",
        ),
    ],
)
def test_a_table_says_what_it_needs(bare: Path, label: str, says: str) -> None:
    text = (bare / f"tables/{label}.html").read_text()
    assert says in text
    assert "STAND-IN" not in text
    assert "printed" in (bare / f"tables/{label}.csv").read_text().splitlines()[0].split(",")
