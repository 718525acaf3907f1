"""Cross attention stands apart: with it, each table has the same rows as without, and rows of its own at their end.

The encoder and the decoder of one checkpoint have the same matrices here, except that the decoder has cross attention.
Its four matrices are far from Gaussian and of another scale, so that any statistic that took them in would change.
"""

import csv
import json
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from safetensors.numpy import save_file

from weightfit import paper, table
from weightfit.analysis.analysis import analyze_model
from weightfit.analysis.around import of_fits
from weightfit.analysis.claims import answers
from weightfit.analysis.counted import counted
from weightfit.analysis.page import render
from weightfit.cohort.models import UNKNOWN
from weightfit.components import COMPONENTS, CROSS_ATTENTION, POOLS, by_name
from weightfit.counts.join import join
from weightfit.counts.part import count_part, read_part
from weightfit.exhibits import database
from weightfit.exhibits.medians import medians
from weightfit.fits.fit import Protocol, fit_part
from weightfit.provenance import sha256
from weightfit.studies.ablation import ablation
from weightfit.studies.bimodality import bimodality
from weightfit.studies.closure import closure
from weightfit.studies.coupling import coupling
from weightfit.studies.density import density
from weightfit.studies.drift import drift
from weightfit.studies.laws import laws
from weightfit.studies.multiverse import multiverse
from weightfit.studies.scaling import scaling
from weightfit.studies.steady_state import Origin, steady_state
from weightfit.studies.super_weights import super_weights
from weightfit.studies.tail import tail
from weightfit.weights.families import STACKS

WIDTH, INNER, BLOCKS, STEPS = 24, 40, 2, (0, 50, 100)
BAND = (1.186, 1.204)
SHAPES = {"fc1": (INNER, WIDTH), "fc2": (WIDTH, INNER)}
PROTOCOLS = (
    Protocol("centred", "both", (0.80, 0.90, 1.00), pools=True, steps="all"),
    Protocol("uncentred", "both", (0.80,), pools=True, steps="ends"),
    Protocol("released", "both", (0.80,), pools=True, steps="ends"),
)
FACTS = {"x": {"paper_entry": None, "stand_in": False} | UNKNOWN}


def checkpoint(step: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng([43, step])
    found = {}
    for block in range(BLOCKS):
        for name in (*(f"self_attn.{one}_proj" for one in ("q", "k", "v", "out")), "fc1", "fc2"):
            matrix = (
                0.02 * (1 + step / 100) * random.standard_normal(SHAPES.get(name, (WIDTH, WIDTH)))
            ).astype(np.float16)
            for stack in STACKS:
                found[f"{stack}.layers.{block}.{name}.weight"] = matrix
        for one in ("q", "k", "v", "out"):
            matrix = random.standard_t(1.5, (WIDTH, WIDTH)).astype(np.float16)
            found[f"decoder.layers.{block}.encoder_attn.{one}_proj.weight"] = matrix
    return found


class Run:
    """The tables of one stack, as the rules of a run make them."""

    def __init__(self, folder: Path, stack: str):
        files = []
        for step in STEPS:
            path = folder / f"step{step}.safetensors"
            if not path.exists():
                save_file(checkpoint(step), path)
            size = path.stat().st_size
            files.append({"path": path.name, "step": step, "bytes": size, "sha256": sha256(path)})
        self.part = folder / f"{stack}.parquet"
        count_part({"entry": "x", "files": files}, folder, self.part, stack=stack)
        self.fits, self.moments = fit_part(self.part, PROTOCOLS, {})
        self.scaling = scaling(self.fits)
        self.closure = closure(self.fits, [self.part])


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """Return the run of the encoder, which has no cross attention, and that of the decoder."""
    folder = tmp_path_factory.mktemp("cross")
    return Run(folder, "encoder"), Run(folder, "decoder")


ORIGINS = {"x": Origin(None, False, None, False, None)}

# Tables with a row for each kind of matrix, and tables of statistics over several kinds.
APART: dict[str, Callable[[Run], pa.Table]] = {
    "histograms": lambda run: table.read(run.part, "histograms"),
    "fits": lambda run: run.fits,
    "moments": lambda run: run.moments,
    "scaling": lambda run: run.scaling,
    "closure": lambda run: run.closure,
    "drift": lambda run: drift(run.fits, []),
    "density": lambda run: density(run.fits, [run.part], [50]),
    "bimodality": lambda run: bimodality([run.part], run.fits),
    "laws": lambda run: laws([run.part], {}),
}
TOGETHER: dict[str, Callable[[Run], pa.Table]] = {
    "ablation": lambda run: ablation(run.fits),
    "coupling": lambda run: coupling(run.fits, {"x": "all"}, []),
    "medians": lambda run: medians(run.fits, FACTS, paper.states()["database"]),
    "multiverse": lambda run: multiverse(run.fits, [run.part], ["x"], BAND),
    "steady_state": lambda run: steady_state(run.scaling, ORIGINS, {}, paper.states()),
    "super_weights": lambda run: super_weights(run.fits, run.moments),
    "tail": lambda run: tail(run.fits, [run.part], [50]),
}


def in_order(row: dict[str, object]) -> tuple[object, ...]:
    return row["step"], *by_name(str(row["component"]))


@pytest.mark.parametrize("name", APART)
def test_kinds_of_cross_attention_have_rows_of_their_own_after_the_others(
    runs: tuple[Run, Run], name: str
) -> None:
    without, with_it = (APART[name](run).to_pylist() for run in runs)
    if name == "scaling":  # its rows are in no order
        without, with_it = (sorted(rows, key=in_order) for rows in (without, with_it))
    own = [row for row in with_it if row["component"] in CROSS_ATTENTION]
    assert {row["component"] for row in own} == set(CROSS_ATTENTION)
    rest = [row for row in with_it if row["component"] not in CROSS_ATTENTION]
    if name == "laws":  # its likelihoods are maximised together
        assert [list(row.values())[:6] for row in rest] == [list(row.values())[:6] for row in without]
        for column in ("log_likelihood", "aic", "ks_distance", "scale"):
            np.testing.assert_allclose(
                [row[column] for row in rest], [row[column] for row in without], rtol=1e-9
            )
    else:
        assert rest == without
    for _, group in groupby(with_it, key=lambda row: (row["entry"], row.get("step"), row.get("block"))):
        order = [row["component"] in CROSS_ATTENTION for row in group if row["component"] in COMPONENTS]
        assert order == sorted(order)


@pytest.mark.parametrize("name", TOGETHER)
def test_statistics_over_several_kinds_do_not_take_cross_attention_in(
    runs: tuple[Run, Run], name: str
) -> None:
    without, with_it = (TOGETHER[name](run) for run in runs)
    assert without.num_rows and with_it.equals(without)


def test_pools_are_those_of_self_attention_and_feed_forward(runs: tuple[Run, Run]) -> None:
    square, oblong = WIDTH**2, WIDTH * INNER
    sizes = {
        "qkv": 3 * square,
        "ffn": 2 * oblong,
        "transmission": square + 2 * oblong,
        "all": 4 * square + 2 * oblong,
    }
    rows = [row for row in runs[1].fits.to_pylist() if row["protocol"] == "centred"]
    for row in rows:
        expected = sizes | {"ffn_in": oblong, "ffn_out": oblong}
        number = BLOCKS if row["block"] == -1 else 1
        assert row["n"] == number * expected.get(row["component"], square)
    assert {row["component"] for row in rows if row["block"] == -1} == {*CROSS_ATTENTION, *POOLS} | {
        "q", "k", "v", "o", "ffn_in", "ffn_out"
    }  # fmt: skip


def test_documents_of_the_database_list_cross_attention_last(runs: tuple[Run, Run], tmp_path: Path) -> None:
    found = []
    for run, name in zip(runs, STACKS, strict=True):
        database.write(tmp_path / name, run.fits, run.closure, FACTS, paper.states()["database"])
        found.append(json.loads((tmp_path / name / "x" / "step100.json").read_text())["fits"])
        with (tmp_path / name / "medians.csv").open(newline="") as stream:
            (row,) = csv.DictReader(stream)
        assert row["n_records"] == str(6 * BLOCKS)
    without, with_it = found
    assert [one for one in with_it if one["component"] not in CROSS_ATTENTION] == without
    order = [one["component"] for one in with_it if one["block"] == 1]
    assert order == ["q", "k", "v", "o", "ffn_in", "ffn_out", "qkv", *CROSS_ATTENTION]
    assert all(one["closure_error"] for one in with_it if one["component"] in CROSS_ATTENTION)


def test_the_page_of_a_model_has_panels_of_its_own_for_it(runs: tuple[Run, Run]) -> None:
    encoder, decoder = (analyze_model(counted("x", "here", [run.part]), claims=True) for run in runs)
    kinds = ["q", "k", "v", "o", "ffn_in", "ffn_out", *CROSS_ATTENTION]
    assert [kind.component for kind in decoder.kinds] == kinds
    assert decoder.measured.rows[: len(encoder.measured.rows)] == encoder.measured.rows
    (around,) = of_fits(runs[1].fits, {"x": False})
    assert around.shapes == {kind.component: kind.shape for kind in decoder.kinds}
    asked = [answers(one.measured.evidence, "MHA") for one in (encoder, decoder)]
    assert asked[0] == asked[1]
    for one, number in ((encoder, 0), (decoder, 4)):  # shape, scale and two of outliers
        assert render([one]).count("<h4>Cross attention</h4>") == number


def test_parts_of_one_block_are_joined_in_the_same_order(tmp_path: Path) -> None:
    """Two files that share each block: joined, they have the rows of one file with all tensors."""
    whole = checkpoint(0)
    tensors = list(whole.items())
    halves = {"a.safetensors": dict(tensors[::2]), "b.safetensors": dict(tensors[1::2])}
    index = {name: file for file, half in halves.items() for name in half}
    parts = []
    for folder, files in {"two": halves, "one": {"model.safetensors": whole}}.items():
        (tmp_path / folder).mkdir()
        if folder == "two":
            (tmp_path / folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
        for name, arrays in files.items():
            path = tmp_path / folder / name
            save_file(arrays, path)
            file = {"path": name, "step": None, "bytes": path.stat().st_size, "sha256": sha256(path)}
            parts.append(tmp_path / f"{folder}-{name}.parquet")
            count_part({"entry": "x", "files": [file]}, path.parent, parts[-1], stack="decoder")
    *two, one = parts
    join(two, tmp_path / "joined.parquet", {})
    assert table.read(tmp_path / "joined.parquet", "histograms").equals(table.read(one, "histograms"))
    assert (
        table.read_provenance(tmp_path / "joined.parquet")["matrices"]
        == table.read_provenance(one)["matrices"]
    )
    for _, _, found in read_part(one):
        assert list(found) == ["ffn_in", "ffn_out", "k", "o", "q", "v", *sorted(CROSS_ATTENTION)]
