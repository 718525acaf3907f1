"""The study of laws on planted checkpoints, from weight files to its table."""

import math
import shutil
from dataclasses import asdict, replace

import numpy as np
import pytest
from safetensors.numpy import load_file

from weightfit import table
from weightfit.counts.part import count_part
from weightfit.errors import DegenerateHistogram
from weightfit.studies.laws import akaike, laws
from weightfit.weights.plant import COMPONENTS, Planted, plant
from weightfit.weights.writer import CheckpointWriter

LAWS = ("half_normal", "student_t", "generalised_normal", "lognormal", "gamma", "weibull")
SIGMA = 0.02
NORMAL = ("half-normal", {"sigma": SIGMA})
TRUTH = {
    "q": ("weibull", {"shape": 1.4, "scale": 0.02}),
    "k": ("student-t", {"degrees": 4.0, "scale": 0.01}),
}
SHAPES = {"width": 96, "heads": 4, "key_value_heads": 4, "hidden": 128}


def part(folder, laws_of_steps, dtype="F16", entry="planted"):
    """Plant one checkpoint per step, one block, and count them."""
    files = []
    for step, laws_of in laws_of_steps.items():
        made, _ = plant(
            folder / "made",
            matrices=[Planted(0, [name], *laws_of.get(name, NORMAL)) for name in COMPONENTS],
            seed=7 if step is None else step,
            dtype=dtype,
            **SHAPES,
        )
        name = "model.safetensors" if step is None else f"step{step}.safetensors"
        shutil.move(folder / "made" / made[0].path, folder / name)
        shutil.copy(folder / "made" / "config.json", folder)
        files.append(asdict(replace(made[0], path=name, step=step)))
    output = folder / f"{entry}.parquet"
    count_part({"entry": entry, "files": files}, folder, output)
    return output


def recount(output, change):
    """Count the weights of step 3 again, each matrix changed by a function."""
    path = output.with_name("step3.safetensors")
    arrays = {name: change(array) for name, array in load_file(path).items()}
    with CheckpointWriter(path, [(name, "F16", array.shape) for name, array in arrays.items()]) as writer:
        for array in arrays.values():
            writer.write(array)
    file = {"path": path.name, "step": 3, "bytes": writer.bytes, "sha256": writer.sha256}
    count_part({"entry": "planted", "files": [file]}, output.parent, output)


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("laws")
    return part(folder, {0: {}, 5: {"v": TRUTH["k"]}, 9: TRUTH})


@pytest.fixture(scope="module")
def rows(planted):
    found = laws([planted], {"planted": {"0.up": "left out for this test"}, "other": {}})
    table.check("laws", found)
    return {
        (row["step"], row["component"], row["law"]): row
        for row in found.to_pylist()
        if row["range"] == "whole"
    }


@pytest.fixture(scope="module")
def body(planted):
    found = laws([planted], {"planted": {"0.up": "left out for this test"}}).to_pylist()
    return {(row["step"], row["component"], row["law"]): row for row in found if row["range"] == "body"}


def test_the_body_has_rows_of_its_own_beside_the_whole_range(rows, body):
    assert list(body) == list(rows)
    for key, row in body.items():
        assert row["n"] == rows[key]["n"] and row["terminal"] == rows[key]["terminal"]
        assert row["log_likelihood"] > rows[key]["log_likelihood"]  # it tells fewer cells apart
    weibull, student = body[9, "q", "weibull"], body[9, "k", "student_t"]
    assert weibull["best"]
    assert abs(weibull["shape"] - 1.4) < 4 * weibull["shape_se"]
    assert abs(weibull["scale"] - 0.02) < 4 * weibull["scale_se"]
    assert weibull["shape_se"] > rows[9, "q", "weibull"]["shape_se"]
    assert abs(student["scale"] - 0.01) < 4 * student["scale_se"]
    null = body[0, "o", "weibull"]
    assert abs(null["shape"] - null["shape_null"]) < 4.5 * null["shape_se"]
    assert null["shape_null"] < rows[0, "o", "weibull"]["shape_null"]
    assert body[0, "o", "half_normal"]["delta_aic_null"] < 1 < body[0, "o", "weibull"]["delta_aic_null"]


def test_every_matrix_at_both_ends_has_every_law(rows):
    components = sorted(set(COMPONENTS) - {"up"})
    assert list(rows) == [(step, name, law) for step in (0, 9) for name in components for law in LAWS]
    assert {(row["step"], row["terminal"]) for row in rows.values()} == {(0, False), (9, True)}
    assert {row["n"] for row in rows.values()} == {96 * 96, 96 * 128}


def test_planted_laws_are_found_with_their_parameters(rows):
    weibull, student = rows[9, "q", "weibull"], rows[9, "k", "student_t"]
    assert weibull["best"] and student["best"]
    for row, shape, scale in ((weibull, 1.4, 0.02), (student, 4.0, 0.01)):
        assert abs(row["shape"] - shape) < 4 * row["shape_se"] < shape / 4
        assert abs(row["scale"] - scale) < 4 * row["scale_se"] < scale / 10
    assert rows[9, "k", "half_normal"]["delta_aic"] > 1000
    for row in rows.values():
        if row["law"] == "half_normal":
            assert row["shape"] is row["shape_se"] is None
        if row["step"] == 0 and row["law"] == "half_normal":
            assert abs(row["scale"] - SIGMA) < 4 * SIGMA / math.sqrt(2 * row["n"])


def test_criterion_and_its_comparisons(rows):
    for step, component in {(step, component) for step, component, _ in rows}:
        own = [rows[step, component, law] for law in LAWS]
        aic = [2 * (1 if row["law"] == "half_normal" else 2) - 2 * row["log_likelihood"] for row in own]
        assert [row["aic"] for row in own] == pytest.approx(aic, rel=1e-14)
        assert [row["delta_aic"] for row in own] == pytest.approx(np.array(aic) - min(aic), abs=1e-6)
        assert [row["best"] for row in own] == [row["delta_aic"] == 0 for row in own]
        assert sum(row["best"] for row in own) == 1
    np.testing.assert_array_equal(akaike(np.zeros((6, 2))), np.repeat([[2.0], [4], [4], [4], [4], [4]], 2, 1))


def test_gaussian_weights_look_like_their_null(rows):
    for (step, _, law), row in rows.items():
        if step == 0:
            assert row["scale"] == pytest.approx(row["scale_null"], rel=0.12)
            if law in ("generalised_normal", "lognormal", "gamma", "weibull"):
                assert abs(row["shape"] - row["shape_null"]) < 4.5 * row["shape_se"]
            if law in ("lognormal", "gamma", "weibull"):
                assert row["delta_aic"] == pytest.approx(row["delta_aic_null"], rel=0.4)
            assert row["ks_distance"] < 3 * row["ks_distance_null"]
        if law in ("half_normal", "student_t"):
            assert row["shape_null"] is None
    assert rows[0, "o", "half_normal"]["delta_aic_null"] < 1 < rows[0, "o", "student_t"]["delta_aic_null"]


def test_the_null_is_what_the_half_normal_law_implies(rows):
    row = {law: rows[0, "o", law] for law in LAWS}
    sigma = row["half_normal"]["scale_null"]
    assert row["generalised_normal"]["shape_null"] == pytest.approx(2, rel=1e-5)
    assert row["generalised_normal"]["scale_null"] == pytest.approx(sigma * math.sqrt(2), rel=1e-5)
    # Of ln |z|: mean -(ln 2 + Euler's constant) / 2, variance pi^2 / 8.
    assert row["lognormal"]["shape_null"] == pytest.approx(math.pi / math.sqrt(8), rel=1e-3)
    median = math.exp(-(math.log(2) + np.euler_gamma) / 2)
    assert row["lognormal"]["scale_null"] == pytest.approx(sigma * median, rel=1e-3)


def test_rounding_to_a_format_changes_little(tmp_path):
    found = {}
    for dtype in ("F32", "F16", "BF16"):
        (tmp_path / dtype).mkdir()
        made = laws([part(tmp_path / dtype, {None: TRUTH}, dtype)], {})
        found[dtype] = {
            (row["component"], row["law"]): row for row in made.to_pylist() if row["range"] == "whole"
        }
    for key, exact in found["F32"].items():
        assert exact["step"] is None and exact["terminal"]
        for dtype in ("F16", "BF16"):
            rounded = found[dtype][key]
            assert abs(rounded["scale"] - exact["scale"]) < 0.05 * exact["scale_se"]
            if exact["shape"] is not None and key[1] != "student_t":
                assert abs(rounded["shape"] - exact["shape"]) < 0.05 * exact["shape_se"]
            if exact["delta_aic"] > 1:
                assert rounded["delta_aic"] == pytest.approx(exact["delta_aic"], rel=0.02, abs=0.2)


def test_magnitudes_are_distances_from_the_mean(tmp_path):
    planted = part(tmp_path, {3: TRUTH})
    plain = laws([planted], {}).to_pylist()
    # There the steps of float16 are 2^-12, an eightieth of the standard deviation of the weights.
    recount(planted, lambda array: array + np.float16(0.25))
    for row, shifted in zip(plain, laws([planted], {}).to_pylist(), strict=True):
        assert shifted["scale"] == pytest.approx(row["scale"], abs=0.3 * row["scale_se"])
        assert shifted["best"] == row["best"] or min(row["delta_aic"], shifted["delta_aic"]) < 4


def test_matrices_without_a_likeliest_law_are_all_named(tmp_path):
    planted = part(tmp_path, {3: {}})
    recount(planted, lambda array: np.sign(array) * np.float16(0.01))
    with pytest.raises(DegenerateHistogram, match=r"have no maximum; name each matrix") as refusal:
        laws([planted], {})
    message = str(refusal.value)
    assert all(f"\n  planted: step 3, block 0, {name}: " in message for name in COMPONENTS)
    assert "half_normal" not in message.replace("half_normal, body", "")


def test_the_same_table_comes_out_twice(planted):
    assert laws([planted], {}).equals(laws([planted], {}))
