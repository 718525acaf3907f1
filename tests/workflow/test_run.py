"""A small cohort from its sources to the exhibits: one run that many tests look at, and what later runs do."""

import csv
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections import Counter
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from checkout import NEEDED, REPOSITORY, USER, Checkout, files
from first_run import (
    ARGUMENTS,
    COHORT,
    CONSTANT,
    HIDDEN,
    PLANTED,
    REASON,
    WIDTH,
    ZERO,
    Finished,
    first_run,
    linked_weights,
    prepare,
)
from scipy import optimize, stats
from svg_text import faults
from weights import BLOCKS, NAMES, name

from weightfit import table
from weightfit.counts.histogram import HISTOGRAM_CONTRACT
from weightfit.paper import exhibits
from weightfit.provenance import modules

SOURCES = {
    entry: next(key for key in facts if key in ("initialize", "plant", "link"))
    for entry, facts in COHORT["entries"].items()
}
ENTRIES = tuple(SOURCES)
FIGURES = tuple(label for label, item in exhibits.read().items() if item.kind == "figures")
TABLES = tuple(label for label, item in exhibits.read().items() if item.kind == "tables")
OF_FITS = (
    "ablation",
    "closure",
    "drift",
    "scaling",
    "coupling",
    "super_weights",
    "density",
    "tail",
    "bimodality",
    "multiverse",
)
OF_REAL_MODELS = ("format_null", "beyond", "precision", "spectra")
STUDIES = (*OF_FITS, "theory", "library", "steady_state", "laws", "calibration", *OF_REAL_MODELS)
TABLES_OF_STUDIES = (*STUDIES, "steady_state_lines")
NOTEBOOKS = ("band", "one_model", "scale", "selection")
WEIGHTLESS = ("figure_02", "table_6", "table_6_released")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    return first_run(tmp_path_factory)


# What the first run leaves.


def test_every_file_that_others_build_on_is_there(finished: Finished) -> None:
    expected = {f"{name}.parquet" for name in ("fits", "moments", *TABLES_OF_STUDIES)}
    for entry in ENTRIES:
        expected |= {f"{stage}/{entry}.parquet" for stage in ("histograms", "fits", "moments")}
        expected.add(f"manifests/{entry}.json")
    expected |= {f"figures/{label}.{ending}" for label in FIGURES for ending in ("svg", "png", "pdf", "csv")}
    expected |= {f"tables/{label}.{ending}" for label in TABLES for ending in ("csv", "html", "tex", "json")}
    expected |= {f"notebooks/{name}.html" for name in NOTEBOOKS}
    own = {
        "README.md",
        "medians.csv",
        "medians_released.csv",
        "provenance.json",
        "linked.json",
        "planted.json",
    }
    expected |= {f"database/{name}" for name in (*own, *(f"{entry}/step0.json" for entry in ENTRIES[:2]))}
    expected |= {"audit.csv", "readings.csv", "claims.csv", "predictions.csv", "scores.parquet"}
    expected |= {"database_search.parquet", "report/index.html"}
    assert set(finished.digests) == expected


def test_logs_and_run_times_stand_under_the_names_of_their_rules(finished: Finished) -> None:
    jobs = {
        "fits",
        "database",
        "audit",
        "scores",
        "database_search",
        "page",
        *STUDIES,
        *FIGURES,
        *TABLES,
        *(f"notebook/{name}" for name in NOTEBOOKS),
    }
    jobs |= {f"{rule}/{entry}" for entry in ENTRIES for rule in ("histogram", "fit", SOURCES[entry])}
    assert {f"{job}.log" for job in jobs} == set(files(finished.results / "logs"))
    assert {f"{job}.tsv" for job in jobs} == set(files(finished.results / "benchmarks"))
    assert "matrices counted" in (finished.results / "logs/histogram/linked.log").read_text()


def test_a_run_ends_with_what_came_out_and_where_it_is_shown(finished: Finished) -> None:
    told = [
        "0 of the 221 measured numbers were recomputed from the paper's own weights in this run.",
        "Page: results/tiny/report/index.html",
    ]
    assert "\n".join(told) in finished.run.text


def test_weights_are_gone_and_nothing_else_is_left(finished: Finished) -> None:
    resources = finished.checkout / "resources"
    assert not resources.exists() or files(resources) == []
    made = {"results", "resources", ".snakemake", "mine", "tiny.yaml"}
    assert {path.name for path in finished.checkout.path.iterdir()} - made == set(NEEDED)


@pytest.mark.parametrize(
    "name", ["fits", "moments", *TABLES_OF_STUDIES, *(f"histograms/{entry}" for entry in ENTRIES)]
)
def test_tables_keep_their_contracts(finished: Finished, name: str) -> None:
    contract = name.partition("/")[0]
    found = table.read(finished.results / f"{name}.parquet", contract)
    # A line through the origin needs two entries of one group, and this cohort has no real models.
    assert (found.num_rows > 0) == (name not in ("steady_state_lines", "beyond", "spectra"))
    table.check(contract, found)


def test_every_part_of_an_entry_is_gathered(finished: Finished) -> None:
    for kind in ("fits", "moments"):
        parts = [table.read(finished.results / kind / f"{entry}.parquet", kind) for entry in ENTRIES]
        assert table.read(finished.results / f"{kind}.parquet", kind).equals(pa.concat_tables(parts))


# Provenance.


def test_each_table_says_from_what_it_was_made(finished: Finished) -> None:
    made = {f"{name}.parquet": name for name in STUDIES} | {"steady_state_lines.parquet": "steady_state"}
    made |= {"fits.parquet": "fits", "moments.parquet": "fits"}
    made |= {f"{name}/{entry}.parquet": "fit" for name in ("fits", "moments") for entry in ENTRIES}
    scripts = [f"scripts/{rule}.py" for rule in sorted(set(made.values()))]
    code = (
        "import json, sys; from weightfit.provenance import code; "
        "print(json.dumps({name: code(name) for name in sys.argv[1:]}))"
    )
    digests = json.loads(
        subprocess.run(
            [sys.executable, "-c", code, *scripts],
            cwd=finished.checkout.path,
            env=finished.checkout.environment(),
            capture_output=True,
            check=True,
        ).stdout
    )
    parts = [f"histograms/{entry}.parquet" for entry in ENTRIES]
    inputs = {name: ["fits.parquet"] for name in OF_FITS} | {"theory": [], "calibration": [], "laws": parts}
    inputs |= {name: ["fits.parquet", *parts] for name in ("closure", "density", "tail", "bimodality")}
    inputs["multiverse"] = ["fits.parquet", "histograms/lab-pythia-70m.parquet"]
    inputs["super_weights"] = ["fits.parquet", "moments.parquet"]
    inputs["steady_state"] = ["scaling.parquet"]
    inputs |= {"library": [], "precision": [], "spectra": [], "format_null": parts}
    asked = ("fits", "moments", "closure", "super_weights", "format_null", "theory")
    inputs["beyond"] = [f"{name}.parquet" for name in asked]
    for path, rule in made.items():
        provenance = table.read_provenance(finished.results / path)
        stem = Path(path).stem
        needed = inputs.get(rule) if rule in inputs else [f"histograms/{stem}.parquet"]
        if rule == "fits":
            needed = [f"{stem}/{entry}.parquet" for entry in ENTRIES]
        of_results = {
            name: digest for name, digest in provenance["inputs"].items() if name in finished.digests
        }
        assert of_results == {name: finished.digests[name] for name in needed}, path
        others = {Path(name).name for name in provenance["inputs"].keys() - of_results.keys()}
        assert others <= {path.name for path in (REPOSITORY / "paper").glob("*.tsv")}, path
        assert (provenance["rule"], provenance["script"]) == (rule, f"scripts/{rule}.py")
        assert provenance["code"] == digests[f"scripts/{rule}.py"]
        assert provenance["versions"] == {name: version(name) for name in provenance["versions"]}
        assert {"numpy", "pyarrow", "numba", "scipy"} <= provenance["versions"].keys()


def test_histograms_say_which_bytes_were_counted(finished: Finished) -> None:
    for entry, source in SOURCES.items():
        manifest = json.loads((finished.results / f"manifests/{entry}.json").read_text())
        assert (manifest["entry"], manifest["source"]) == (entry, source)
        assert manifest["stand_in"] is COHORT["entries"][entry]["stand_in"]
        assert manifest["repository"] is manifest["commit"] is None
        counted = table.read_provenance(finished.results / f"histograms/{entry}.parquet")
        assert (counted["contract"], counted["entry"]) == (HISTOGRAM_CONTRACT, entry)
        assert counted["files"] == manifest["files"]
    mine = finished.checkout / "mine"
    stated = json.loads((finished.results / "manifests/linked.json").read_text())["files"]
    assert {file["path"]: (file["bytes"], file["sha256"]) for file in stated} == {
        path.name: (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in mine.glob("*.safetensors")
    }


def test_histograms_say_which_rule_code_and_versions_counted(finished: Finished) -> None:
    for entry in ENTRIES:
        counted = table.read_provenance(finished.results / f"histograms/{entry}.parquet")
        assert {"rule", "code", "versions"} <= counted.keys()


# No output knows the machine that it was made on.


def readable(path: Path) -> bytes:
    """Return the text of a file, also that which is stored compressed; images and fonts have none."""
    data = path.read_bytes()
    if path.suffix == ".pdf":
        streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", data, re.S)
        unpacked = [zlib.decompress(stream) for stream in streams]
        data = b"\n".join(
            [re.sub(rb"stream\r?\n.*?endstream", b"", data, flags=re.S), *filter(bytes.isascii, unpacked)]
        )
    if path.suffix == ".parquet":
        found = pq.read_table(path)
        texts = [
            name
            for name, kind in zip(found.schema.names, found.schema.types, strict=True)
            if kind == "string"
        ]
        data = b"\n".join(v for pair in (found.schema.metadata or {}).items() for v in pair)
        data += json.dumps([found[name].unique().to_pylist() for name in texts]).encode()
        data += json.dumps(pq.read_metadata(path).created_by).encode()
    return data


def test_what_is_stored_compressed_is_read(finished: Finished) -> None:
    page = readable(finished.results / "figures/figure_10.pdf")
    assert b"DejaVuSans" in page
    assert re.search(rb"^/F1 [\d.]+ Tf$", page, re.M), "the text of the page is not there"
    assert b"lab-pythia-70m" in readable(finished.results / "scaling.parquet")


def test_no_output_names_this_machine(finished: Finished) -> None:
    places = {str(path) for path in (finished.checkout.path, finished.checkout.path.resolve(), REPOSITORY)}
    places |= {str(finished.checkout.path.parent.parent), sys.prefix, f"{Path.home()}/", USER}
    sources = [
        path for name in NEEDED for path in [finished.checkout / name, *(finished.checkout / name).rglob("*")]
    ]
    words = b"".join(path.read_bytes() for path in sources if path.suffix in (".py", ".yaml", ".tsv"))
    host = re.compile(rb"(?<![\w.-])" + re.escape(platform.node()).encode() + rb"(?![\w.-])")
    # The name of a machine that is a word of ours, such as "table", would prove nothing.
    hosts = [host] if platform.node() and not host.search(words) else []
    for path in sorted(finished.results.rglob("*.*")):
        if path.suffix == ".png":
            kinds = png_chunks(path.read_bytes())
            assert kinds <= {b"IHDR", b"pHYs", b"IDAT", b"IEND"}, path
        elif path.is_file():
            text = readable(path)
            assert [place for place in places if place.encode() in text] == [], path
            assert not any(host.search(text) for host in hosts), path


def png_chunks(data: bytes) -> set[bytes]:
    kinds, place = set(), 8
    while place < len(data):
        kinds.add(data[place + 4 : place + 8])
        place += 12 + int.from_bytes(data[place : place + 4], "big")
    return kinds


# The numbers: what went in comes out at the other end.


def matrix_fits(
    finished: Finished, entry: str, trim: float = 0.80, protocol: str = "centred"
) -> dict[tuple[int, str], dict[str, object]]:
    return {
        (row["block"], row["component"]): row
        for row in finished.rows("fits")
        if (row["entry"], row["protocol"], row["sign"], row["trim"]) == (entry, protocol, "both", trim)
    }


def folded(component: str, probability: np.ndarray) -> np.ndarray:
    """Return quantiles of the magnitude under the law that was planted, from scipy's laws."""
    law, given = PLANTED[component]
    two_sided = (1 + probability) / 2
    if law == "weibull":
        return stats.weibull_min(given["shape"], scale=given["scale"]).ppf(probability)
    if law == "student-t":
        return stats.t(given["degrees"], scale=given["scale"]).ppf(two_sided)
    if law == "uniform":
        return stats.uniform(-given["limit"], 2 * given["limit"]).ppf(two_sided)
    body = stats.halfnorm(scale=given["sigma"])
    if law == "half-normal":
        return body.ppf(probability)
    if law == "outliers":
        # They lie far above the trim and only move the ranks below them.
        return body.ppf(probability / (1 - given["count"] / (WIDTH * HIDDEN)))
    small = stats.lognorm(s=given["spread"] * np.log(10), scale=10.0 ** given["centre"])
    share = given["fraction"]

    def quantile(p: float) -> float:
        return optimize.brentq(
            lambda x: (1 - share) * body.cdf(x) + share * small.cdf(x) - p, 1e-12, 1, xtol=1e-14
        )

    return np.array([quantile(p) for p in probability])


@pytest.mark.parametrize("protocol", ["centred", "uncentred"])
@pytest.mark.parametrize("component", PLANTED)
@pytest.mark.parametrize("trim", [0.80, 0.90])
def test_planted_laws_come_back(finished: Finished, component: str, trim: float, protocol: str) -> None:
    if (component, protocol) == ("up", "centred"):
        # The mean of the sample, about 1e-4, is as large as the small weights of the two populations.
        protocol = "uncentred"
    row = matrix_fits(finished, "planted", trim, protocol)[0, component]
    # The estimator's population value: its regression over the law's own quantiles, at the middle of 1,000 slices.
    probability = (1 - trim) / 2 + trim * (np.arange(1000) + 0.5) / 1000
    x, y = np.log(folded(component, probability)), np.log(-np.log1p(-probability))
    shape, intercept = np.polyfit(x, y, 1)
    scale = np.exp(-intercept / shape)
    law, given = PLANTED[component]
    if law == "weibull":
        np.testing.assert_allclose((shape, scale), (given["shape"], given["scale"]), rtol=1e-10)
    assert abs(row["shape"] - shape) < 4 * row["shape_se"]
    assert abs(row["scale"] - scale) < 4 * row["scale_se"]
    assert row["shape_se"] < 0.03 * shape
    assert row["scale_se"] < 0.03 * scale


def test_simulated_initialisations_fit_like_their_null(finished: Finished) -> None:
    for entry in ("lab-pythia-70m", "pythia-70m-initialization"):
        rows = matrix_fits(finished, entry)
        for component, sigma in (("q", (2 / 5 / 512) ** 0.5), ("o", 2 / 6 / 512**0.5)):
            row = rows[0, component]
            # Half-normal population values at trim 0.80, by quadrature: ../shared/design/house.md.
            assert abs(row["shape"] - 1.20543431902) < 4 * row["shape_se"]
            assert abs(row["scale"] - 0.887487039832 * sigma) < 4 * row["scale_se"]
            assert row["shape_null"] == pytest.approx(1.20543431902, rel=1e-4)
            assert row["n"] == 512 * 512


def test_a_linked_matrix_is_counted_and_fitted_as_numpy_does_it(finished: Finished) -> None:
    tensors = linked_weights()
    rows = table.read(finished.results / "histograms/linked.parquet", "histograms").to_pandas()
    counted = dict(tuple(rows.groupby(["block", "component"])))
    kept = {(block, component) for block in range(BLOCKS) for component in NAMES} - {ZERO, CONSTANT}
    assert kept <= counted.keys()
    fits = matrix_fits(finished, "linked")
    for block, component in sorted(kept):
        weights = tensors[name(block, component)].ravel()
        values, counts = np.unique(weights, return_counts=True)
        np.testing.assert_array_equal(counted[block, component]["value"], values)
        np.testing.assert_array_equal(counted[block, component]["count"], counts)
        magnitude = np.sort(np.abs(weights.astype(np.float64) - weights.mean(dtype=np.float64)))
        rank = (np.arange(magnitude.size) + 0.5) / magnitude.size
        inside = (rank >= 0.1) & (rank <= 0.9)
        shape, intercept = np.polyfit(np.log(magnitude[inside]), np.log(-np.log1p(-rank[inside])), 1)
        row = fits[block, component]
        assert row["shape"] == pytest.approx(shape, rel=1e-9)
        assert row["scale"] == pytest.approx(np.exp(-intercept / shape), rel=1e-9)


def test_exclusions_are_shown_wherever_their_numbers_are(finished: Finished) -> None:
    for path in ("fits.parquet", "moments.parquet"):
        assert table.read_provenance(finished.results / path)["excluded"] == {"linked": REASON}
        own = table.read_provenance(finished.results / path.replace(".parquet", "/linked.parquet"))
        assert own["excluded"] == REASON
    fits = matrix_fits(finished, "linked")
    assert fits.keys().isdisjoint({ZERO, CONSTANT})
    missed = {key: row["excluded"] for key, row in fits.items() if row["excluded"]}
    of_a_block = {(block, pool): 1 for block in range(BLOCKS) for pool in ("qkv", "all")}
    assert missed == of_a_block | {(-1, "k"): 1, (-1, "v"): 1, (-1, "qkv"): 2, (-1, "all"): 2}
    assert fits[0, "qkv"]["n"] == 2 * 64 * 64
    assert fits[-1, "k"]["n"] == 64 * 64
    moments = {
        (row["block"], row["component"]): row for row in finished.rows("moments") if row["entry"] == "linked"
    }
    assert {key: row["excluded"] for key, row in moments.items() if row["excluded"]} == missed


# The exhibits.


def exhibit_csv(finished: Finished, path: str) -> list[dict[str, str]]:
    with (finished.results / path).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_stand_ins_are_called_stand_ins(finished: Finished) -> None:
    for path in ("tables/table_1.html", "tables/table_5.html", "tables/table_5.tex", "figures/figure_10.svg"):
        text = (finished.results / path).read_text()
        assert "STAND-IN" in text, path
        assert "stand-in for Pythia-70m" in text or "ids lab-pythia-70m" in text, path
    assert "STAND-IN" not in (finished.results / "figures/figure_02.svg").read_text()


def test_table_5_measures_the_ratios_of_the_recipe(finished: Finished) -> None:
    rows = {row["entry"]: row for row in exhibit_csv(finished, "tables/table_5.csv")}
    assert rows.keys() == {"lab-pythia-70m", "pythia-70m-initialization"}
    for row in rows.values():
        assert float(row["predicted"]) == pytest.approx(6 / 10**0.5)
        assert abs(float(row["ratio"]) - 6 / 10**0.5) < 4 * float(row["ratio_se"])
        assert row["printed"] == printed("T5.70m.measured")


def test_table_1_stands_beside_the_printed_values_and_the_null(finished: Finished) -> None:
    rows = {(row["kind"], row["row"]): row for row in exhibit_csv(finished, "tables/table_1.csv")}
    row = rows["ffn", "0.80"]
    assert row["printed"] == printed("T1.k80.median")
    assert float(row["null"]) == pytest.approx(1.20543431902, abs=1e-10)
    fits = matrix_fits(finished, "lab-pythia-70m")
    shapes = [fits[0, component]["shape"] for component in ("ffn_in", "ffn_out")]
    assert float(row["median"]) == pytest.approx(np.median(shapes), rel=1e-14)


def printed(wanted: str) -> str:
    with (REPOSITORY / "paper/reported.tsv").open(encoding="utf-8", newline="") as stream:
        (found,) = [row["printed"] for row in csv.DictReader(stream, delimiter="\t") if row["id"] == wanted]
    return found


@pytest.mark.parametrize("label", FIGURES)
def test_every_text_of_a_figure_lies_inside_and_apart(finished: Finished, label: str) -> None:
    assert faults(finished.results / f"figures/{label}.svg") == []


def test_the_report_of_a_run_has_every_exhibit_with_its_caption(finished: Finished) -> None:
    finished.checkout.snakemake("--report", "report.zip", "all", *ARGUMENTS)
    with zipfile.ZipFile(finished.checkout / "report.zip") as archive:
        page = archive.read("report/report.html").decode()
        shown = {Path(name).stem for name in archive.namelist()}
    (finished.checkout / "report.zip").unlink()
    for label, exhibit in exhibits.read().items():
        assert label in shown
        # Captions are turned into HTML: their first words up to a mark are looked for.
        assert re.split(r"[^\w ]", exhibit.caption)[0] in page
    assert set(NOTEBOOKS) <= shown


def test_figure_10_draws_only_entries_of_the_paper_with_steps(finished: Finished) -> None:
    rows = exhibit_csv(finished, "figures/figure_10.csv")
    assert {(row["entry"], row["step"]) for row in rows} == {("lab-pythia-70m", "0")}
    assert sorted(row["panel"] for row in rows) == ["ffn_in", "ffn_out", "o", "qkv"]


# What later runs do.


def test_a_second_run_does_nothing(finished: Finished) -> None:
    run = finished.checkout.snakemake("--cores", "1", "all", *ARGUMENTS, forked=False)
    assert "Nothing to be done" in run.text
    assert run.finished == []
    assert run.processor_seconds < 10
    assert finished.checkout.digests("tiny") == finished.digests


@pytest.mark.parametrize("metadata", [True, False], ids=["with .snakemake", "without"])
def test_results_in_a_newer_clone_are_not_made_again(
    finished: Finished, tmp_path: Path, metadata: bool
) -> None:
    clone = prepare(tmp_path / "clone")
    shutil.rmtree(clone / "mine")
    copied = ["results", "mine", *([".snakemake"] if metadata else [])]
    for kept in copied:
        shutil.copytree(finished.checkout / kept, clone / kept)
    for needed in (*NEEDED, "tiny.yaml"):
        path = clone / needed
        for file in path.rglob("*") if path.is_dir() else [path]:
            os.utime(file)
    assert clone.plan("all", *ARGUMENTS) == {}
    with clone.edited("weightfit/studies/ablation.py", at_end("# a comment")):
        assert bool(clone.plan("all", *ARGUMENTS)) == metadata


def test_a_lock_file_that_was_only_checked_out_again_unpacks_nothing(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "checkout")
    made = checkout / "results/offline/manifests/minilm.json"
    made.parent.mkdir(parents=True)
    made.write_text("{}")
    os.utime(made, (0, 0))
    assert checkout.plan("results/offline/manifests/minilm.json") == {}
    made.unlink()
    assert checkout.plan("results/offline/manifests/minilm.json") == {"unpack": 1}


def at_end(line: str):
    return lambda text: f"{text}{line}\n"


def instead(old: str, new: str):
    return lambda text: text.replace(old, new, 1)


OF_FORMATS = ("beyond_precision", "beyond_precision_table")
OF_WEIGHTS = [label for label in (*FIGURES, *TABLES) if label not in (*WEIGHTLESS, *OF_FORMATS)]
AFTER_FITS = Counter(
    (
        "fits",
        "audit",
        "scores",
        "page",
        *OF_FITS,
        "steady_state",
        "beyond",
        "database",
        *OF_WEIGHTS,
        *["notebook"] * (len(NOTEBOOKS) - 1),  # the other one reads histograms
    )
)
EVERY_FIT = AFTER_FITS + Counter({"fit": len(ENTRIES)})
# What reads weights or laws without a fit: an exclusion reaches the first, an edit of how weights are counted all.
LAWS = Counter(["laws"])
WITHOUT_FITS = LAWS + Counter(
    (
        "calibration",
        "library",
        "table_6",
        "table_6_released",
        "database_search",
        "format_null",
        "precision",
        "notebook",
        *OF_FORMATS,
    )
)
AUDIT = Counter(["audit", "page", "scores"])
NOTED = Counter({"notebook": len(NOTEBOOKS)})


def drawn_with(module: str) -> Counter:
    """Count the exhibits whose modules, or what makes exhibits of their kind, import a module."""
    return Counter(
        label
        for label, made in exhibits.read().items()
        if module in {*modules(made.module), *modules(made.maker)}
    )


# What an exhibit is told of an entry has its exclusions, so exhibits that read no fits are made again too.
EXCLUDED = EVERY_FIT + LAWS - Counter({"fit": 3}) + Counter(OF_FORMATS)
EVERYTHING = WITHOUT_FITS + EVERY_FIT + Counter({"histogram": len(ENTRIES)}) + Counter(SOURCES.values())


@pytest.mark.parametrize(
    ("file", "change", "jobs"),
    [
        (
            "weightfit/studies/ablation.py",
            at_end("# a comment"),
            Counter(("ablation", "table_1", "figure_05", "notebook")) + AUDIT,
        ),
        (
            "weightfit/exhibits/style.py",
            at_end("# a comment"),
            NOTED + drawn_with("weightfit/exhibits/style.py") + AUDIT,
        ),
        ("weightfit/report/notebook.py", at_end("# a comment"), NOTED),
        ("weightfit/exhibits/figures/figure_02.py", at_end("# a comment"), Counter(["figure_02"]) + AUDIT),
        ("weightfit/counts/histogram.py", at_end("# a comment"), EVERY_FIT + WITHOUT_FITS),
        ("weightfit/counts/histogram.py", instead("CONTRACT = 1", "CONTRACT = 2"), EVERYTHING),
        ("config.yaml", instead("trims: [0.80, 0.90, 1.00]", "trims: [0.80, 0.90]"), EVERY_FIT),
        pytest.param(
            "paper/reported.tsv",
            instead("cohort size", "size of the cohort"),
            Counter((*TABLES, *FIGURES, "library", "database_search", "beyond")) + NOTED + AUDIT,
        ),
        ("tiny.yaml", instead("What the tests", "All that the tests"), Counter(["page"])),
        (
            "tiny.yaml",
            instead(REASON["1.v"], "its weights do not differ"),
            EXCLUDED,
        ),
    ],
    ids=[
        "a study",
        "the style of exhibits",
        "how notebooks are run",
        "one exhibit",
        "counting, without the contract",
        "the contract of counting",
        "the trims",
        "the printed numbers",
        "the description of the cohort",
        "the reason of an exclusion",
    ],
)
def test_a_change_remakes_what_depends_on_it_and_nothing_else(
    finished: Finished, file: str, change, jobs: Counter
) -> None:
    with finished.checkout.edited(file, change):
        assert finished.checkout.plan("all", *ARGUMENTS) == dict(jobs)


def test_a_further_exclusion_fetches_no_weights(finished: Finished) -> None:
    further = "    - matrix: 0.q\n      reason: a person wants to see the pools without it\n"
    with finished.checkout.edited("tiny.yaml", at_end(further.rstrip("\n"))):
        assert finished.checkout.plan("all", *ARGUMENTS) == dict(EXCLUDED)


def test_other_weights_in_a_linked_folder_are_noticed(finished: Finished) -> None:
    path = finished.checkout / "mine/model-00001-of-00002.safetensors"
    kept = path.with_suffix(".kept")
    shutil.copy2(path, kept)
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    try:
        planned = finished.checkout.plan("all", *ARGUMENTS)
    finally:
        kept.replace(path)
    assert planned == dict(
        EVERY_FIT + LAWS - Counter({"fit": 3}) + Counter(("link", "histogram", "format_null"))
    )


def test_one_exhibit_is_made_by_its_name(finished: Finished) -> None:
    (finished.results / "figures/figure_02.svg").unlink()
    run = finished.checkout.snakemake("--cores", "1", "figure_02", *ARGUMENTS)
    assert run.finished == ["figure_02"]
    assert finished.checkout.digests("tiny") == finished.digests


def test_a_caption_redraws_its_exhibit_alone(finished: Finished) -> None:
    with finished.checkout.edited(
        "paper/exhibits.yaml", instead("Ratio of input-side", "R&D <b> of input-side")
    ):
        run = finished.checkout.snakemake("--cores", "1", "all", *ARGUMENTS)
        changed = {
            name
            for name, digest in finished.checkout.digests("tiny").items()
            if digest != finished.digests[name]
        }
        text = (finished.results / "tables/table_5.html").read_text()
    assert run.finished == ["audit", "page", "scores", "table_5"]
    assert "tables/table_5.html" in changed
    assert changed <= {"tables/table_5.html", "tables/table_5.tex", "report/index.html"}
    assert "R&amp;D &lt;b&gt; of input-side" in text


# Another place, other cores, and a run that is cut off in the middle.


def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(
    finished: Finished, tmp_path_factory: pytest.TempPathFactory
) -> None:
    checkout = prepare(tmp_path_factory.mktemp("second") / "elsewhere" / "checkout", finished.checkout.path)
    command = ("--cores", "2", "all", *ARGUMENTS)
    results = checkout / "results/tiny"
    checkout.kill_when(lambda: any(results.glob("logs/fit/*.log")), *command)
    assert any(results.glob("histograms/*.parquet"))
    assert not (results / "fits.parquet").exists()

    refused = checkout.snakemake(*command, status=1)
    assert "LockException" in refused.text
    assert "--unlock" in refused.text
    checkout.snakemake("--unlock", *ARGUMENTS)
    # Jobs that start as a person's do, and forks that hash otherwise, give what the first run gave.
    kinds = ("fits", "closure", "figure_05", "table_5", "results/tiny/notebooks/scale.html")
    run = checkout.snakemake("--cores", "2", *kinds, *ARGUMENTS, forked=False)
    assert {"fits", "closure", "figure_05", "table_5", "notebook"} <= set(run.finished)
    checkout.seed = 2
    rest = checkout.snakemake(*command)
    assert 0 < len(run.finished) + len(rest.finished) < len(finished.run.finished)
    assert checkout.digests("tiny") == finished.digests
