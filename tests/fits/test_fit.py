"""Fits of a whole part, from a small checkpoint on disk to the tables, against fits of arrays in memory."""

import json
import math

import numpy as np
import pytest

from weightfit import table
from weightfit.components import COMPONENTS, CROSS_ATTENTION, POOLED, POOLS
from weightfit.counts.histogram import histogram_of
from weightfit.counts.part import count_part
from weightfit.errors import CohortError, ContractError, DegenerateHistogram
from weightfit.fits.fit import fit_part, units
from weightfit.fits.moments import moments
from weightfit.fits.null import GaussianMixture, null_fits, null_moments, released_null
from weightfit.fits.probability_plot import fit, magnitudes
from weightfit.fits.released import binned, released_fit
from weightfit.fits.units import Protocol
from weightfit.weights.writer import CheckpointWriter

HEADS, WIDTH, BLOCKS = 3, 8, 2
HIDDEN = HEADS * WIDTH
SIGMAS = {"q": 0.02, "k": 0.03, "v": 0.01, "o": 0.005, "ffn_in": 0.02, "ffn_out": 0.004}
MEANS = {"q": 0.01, "k": -0.02, "v": 0.0, "o": 0.001, "ffn_in": 0.0, "ffn_out": 0.0}
STATISTICS = ("shape", "scale", "shape_se", "scale_se", "r_squared", "ks_distance", "ks_distance_trimmed")
TRIMS = (0.80, 0.90, 1.00)
FULL = Protocol("centred", "both", TRIMS, pools=True, steps="all")
PROTOCOLS = [
    FULL,
    Protocol("uncentred", "both", (0.80,), pools=True, steps="ends"),
    Protocol("released", "both", (0.80, 1.00), pools=True, steps="ends"),
    Protocol("centred", "positive", (0.80,), pools=False, steps="ends"),
    Protocol("centred", "negative", (0.80,), pools=False, steps="all"),
]


def draw(step):
    random = np.random.default_rng([51, step])

    def matrix(name, rows, columns):
        sigma = SIGMAS[name] * (1 + step / 1000)
        return (MEANS[name] + sigma * random.standard_normal((rows, columns))).astype(np.float16)

    weights = {}
    for block in range(BLOCKS):
        for name in "qkvo":
            weights[block, name] = matrix(name, HIDDEN, HIDDEN)
        weights[block, "ffn_in"] = matrix("ffn_in", 4 * HIDDEN, HIDDEN)
        weights[block, "ffn_out"] = matrix("ffn_out", HIDDEN, 4 * HIDDEN)
    return weights


def write_part(folder, steps):
    """Write one GPT-NeoX checkpoint per step, with fused queries, keys and values, and count them."""
    files = []
    for step, weights in steps.items():
        arrays = {}
        for block in range(BLOCKS):
            name = f"gpt_neox.layers.{block}."
            fused = [weights[block, part].reshape(HEADS, WIDTH, HIDDEN) for part in "qkv"]
            fused = np.concatenate(fused, axis=1).reshape(3 * HIDDEN, HIDDEN)
            arrays[f"{name}attention.query_key_value.weight"] = fused
            arrays[f"{name}attention.dense.weight"] = weights[block, "o"]
            arrays[f"{name}mlp.dense_h_to_4h.weight"] = weights[block, "ffn_in"]
            arrays[f"{name}mlp.dense_4h_to_h.weight"] = weights[block, "ffn_out"]
        path = folder / ("model.safetensors" if step is None else f"step{step}.safetensors")
        with CheckpointWriter(path, [(name, "F16", array.shape) for name, array in arrays.items()]) as writer:
            for array in arrays.values():
                writer.write(array)
        files.append({"path": path.name, "step": step, "bytes": writer.bytes, "sha256": writer.sha256})
    config = {
        "architectures": ["GPTNeoXForCausalLM"],
        "num_attention_heads": HEADS,
        "num_hidden_layers": BLOCKS,
    }
    (folder / "config.json").write_text(json.dumps(config))
    output = folder / "toy.parquet"
    count_part({"entry": "toy", "files": files}, folder, output)
    return output


@pytest.fixture(scope="module")
def steps():
    return {step: draw(step) for step in (0, 10, 500)}


@pytest.fixture(scope="module")
def part(steps, tmp_path_factory):
    return write_part(tmp_path_factory.mktemp("part"), steps)


@pytest.fixture(scope="module")
def fitted(part):
    return fit_part(part, PROTOCOLS, {})


def members(weights, block, component, excluded=()):
    """List the matrices of a unit as arrays."""
    names = POOLS.get(component, (component,))
    blocks = range(BLOCKS) if block == POOLED else [block]
    return [
        weights[b, name]
        for b in blocks
        for name in names
        if (b, name) in weights and f"{b}.{name}" not in excluded
    ]


UNITS = [(block, name) for block in (*range(BLOCKS), POOLED) for name in (*SIGMAS, *POOLS)]


def rows(made, **wanted):
    return [row for row in made.to_pylist() if all(row[name] == value for name, value in wanted.items())]


def test_every_unit_is_fitted_once_under_each_protocol_that_applies(fitted, steps):
    fits, moment_rows = fitted
    keys = [tuple(row[name] for name in ("step", "block", "component")) for row in moment_rows.to_pylist()]
    every = {(step, *unit) for step in steps for unit in UNITS}
    assert len(keys) == len(set(keys))
    assert set(keys) == every
    expected = set()
    for protocol in PROTOCOLS:
        for step, block, component in every:
            pooled = block == POOLED or component in POOLS
            if (protocol.pools or not pooled) and (protocol.steps == "all" or step in (0, 500)):
                for trim in protocol.trims:
                    expected.add((step, block, component, protocol.protocol, trim, protocol.sign))
    names = ("step", "block", "component", "protocol", "trim", "sign")
    found = [tuple(row[name] for name in names) for row in fits.to_pylist()]
    assert len(found) == len(set(found))
    assert set(found) == expected
    for made in fitted:
        assert {(row["step"], row["terminal"]) for row in made.to_pylist()} == {
            (0, False),
            (10, False),
            (500, True),
        }
        assert set(made["entry"].to_pylist()) == {"toy"}
        assert set(made["excluded"].to_pylist()) == {0}
        assert set(made["exactness"].to_pylist()) == {"f16"}


@pytest.mark.parametrize(("block", "component"), UNITS)
def test_a_unit_is_fitted_like_the_concatenation_of_its_matrices(fitted, steps, block, component):
    arrays = members(steps[500], block, component)
    together = np.concatenate([array.reshape(-1) for array in arrays])
    made = histogram_of(together)
    # A pool is centred by the mean of all its weights.
    assert made.mean == pytest.approx(together.astype(np.float64).mean(), rel=1e-10)
    law = GaussianMixture.of([float(a.astype(np.float64).std()) for a in arrays], [a.size for a in arrays])
    where = {"step": 500, "block": block, "component": component}
    for protocol in PROTOCOLS:
        found = rows(fitted[0], **where, protocol=protocol.protocol, sign=protocol.sign)
        if not found:
            assert not protocol.pools
            continue
        if protocol.protocol == "released":
            expected = [released_fit(binned(made), trim) for trim in protocol.trims]
            nulls = [released_null(law, made.n, trim) for trim in protocol.trims]
        else:
            centre = made.mean if protocol.protocol == "centred" else 0.0
            expected = fit(magnitudes(made, centre, protocol.sign), protocol.trims)
            nulls = null_fits(law, made.n if protocol.sign == "both" else made.n // 2, protocol.trims)
        for row, one, null in zip(found, expected, nulls, strict=True):
            assert (row["n"], row["zeros"]) == (one.n, one.zeros)
            for name in STATISTICS:
                assert row[name] == pytest.approx(getattr(one, name), rel=1e-9), name
            for name in ("shape", "scale", "r_squared", "ks_distance", "ks_distance_trimmed"):
                assert row[f"{name}_null"] == pytest.approx(getattr(null, name), rel=1e-7), name
    (row,) = rows(fitted[1], **where)
    values, errors = moments(made)
    normal = null_moments(law, made.n)
    assert row["n"] == together.size
    for name in type(values).__dataclass_fields__:
        assert row[name] == pytest.approx(getattr(values, name), rel=1e-8, abs=1e-14), name
        assert row[f"{name}_se"] == pytest.approx(getattr(errors, name), rel=1e-8), name
        assert row[f"{name}_null"] == pytest.approx(getattr(normal, name), rel=1e-8, abs=1e-12), name


def test_the_null_of_a_pool_uses_each_matrixs_own_sigma(fitted):
    (pooled,) = rows(fitted[0], step=0, block=0, component="all", protocol="centred", trim=0.80, sign="both")
    (single,) = rows(fitted[0], step=0, block=0, component="q", protocol="centred", trim=0.80, sign="both")
    assert single["shape_null"] == pytest.approx(1.2054, abs=0.01)
    assert pooled["shape_null"] < 0.97 * single["shape_null"]  # a mixture of widths has heavier tails


def test_an_entry_without_steps_is_its_own_end(tmp_path):
    fits, moment_rows = fit_part(write_part(tmp_path, {None: draw(0)}), PROTOCOLS, {})
    for made in (fits, moment_rows):
        assert made["step"].null_count == made.num_rows
        assert set(made["terminal"].to_pylist()) == {True}
    assert set(fits["protocol"].to_pylist()) == {"centred", "uncentred", "released"}


def test_excluded_matrices_are_missing_and_counted(steps, tmp_path):
    excluded = {"0.q": "its values are all zero", "1.ffn_in": "its values are constant"}
    part = write_part(tmp_path, {0: steps[0]})
    fits, moment_rows = fit_part(part, [FULL], excluded)
    for made in (fits, moment_rows):
        found = {(row["block"], row["component"]): (row["excluded"], row["n"]) for row in made.to_pylist()}
        assert (0, "q") not in found
        assert (1, "ffn_in") not in found
        assert (1, "ffn") not in found  # one matrix is left: no pool
        missing = {
            (0, "qkv"): 1, (0, "ffn"): 0, (0, "transmission"): 0, (0, "all"): 1,
            (1, "qkv"): 0, (1, "transmission"): 1, (1, "all"): 1,
            (POOLED, "q"): 1, (POOLED, "k"): 0, (POOLED, "qkv"): 1, (POOLED, "ffn_in"): 1, (POOLED, "ffn_out"): 0,
            (POOLED, "ffn"): 1, (POOLED, "transmission"): 1, (POOLED, "all"): 2, (0, "k"): 0,
        }  # fmt: skip
        for (block, component), number in missing.items():
            size = sum(array.size for array in members(steps[0], block, component, excluded))
            assert found[block, component] == (number, size), (block, component)
    (row,) = rows(fits, block=0, component="qkv", trim=0.80)
    made = histogram_of(np.concatenate(members(steps[0], 0, "qkv", excluded)))
    assert row["shape"] == pytest.approx(fit(magnitudes(made, made.mean), [0.80])[0].shape, rel=1e-9)


def test_every_refusal_is_listed_once(tmp_path):
    weights = draw(0)
    weights[0, "q"] = np.zeros_like(weights[0, "q"])
    weights[1, "ffn_out"] = np.full_like(weights[1, "ffn_out"], 0.5)
    weights[1, "k"] = np.where(weights[1, "k"] > 0, np.float16(1), np.float16(-1))
    part = write_part(tmp_path, {0: weights, 7: weights})
    with pytest.raises(DegenerateHistogram) as caught:
        fit_part(part, PROTOCOLS, {})
    title, *listed = str(caught.value).splitlines()
    assert title.startswith(
        "toy: 6 matrices or pools cannot be fitted; name each with its reason under 'exclude'"
    )
    names = [line.split(": ")[0].strip() for line in listed]
    assert names == [
        f"step {step}, block {block}, {component}"
        for step in (0, 7)
        for block, component in ((0, "q"), (1, "ffn_out"), (1, "k"))
    ]
    assert "all 576 magnitudes are zero" in listed[0]
    # What was refused may be excluded; then all the rest is fitted.
    excluded = {"0.q": "all zero", "1.ffn_out": "constant", "1.k": "signs only"}
    fits, _ = fit_part(part, PROTOCOLS, excluded)
    assert fits.num_rows


def test_a_matrix_that_is_not_finite_is_refused_with_all_others_unless_excluded(tmp_path):
    weights = draw(0)
    weights[0, "v"][2, 3] = np.nan
    weights[1, "o"] = np.zeros_like(weights[1, "o"])
    part = write_part(tmp_path, {0: weights, 7: draw(7)})
    with pytest.raises(DegenerateHistogram) as caught:
        fit_part(part, PROTOCOLS, {})
    text = str(caught.value)
    assert "toy: 2 matrices or pools cannot be fitted" in text
    assert "step0.safetensors" in text
    assert text.count("1 of 576 weights are infinite or not a number") == 1
    assert text.count("step 0, block 1, o: all 576 magnitudes are zero") == 1
    excluded = {"0.v": "one value is not a number", "1.o": "all zero"}
    fits, _ = fit_part(part, PROTOCOLS, excluded)
    found = {(row["step"], row["block"], row["component"]): row["excluded"] for row in fits.to_pylist()}
    # An excluded matrix is left out at every step.
    assert not {(step, *unit) for step in (0, 7) for unit in ((0, "v"), (1, "o"))} & set(found)
    assert [found[step, POOLED, "qkv"] for step in (0, 7)] == [1, 1]


@pytest.mark.parametrize("name", ["2.q", "0.gate", "00.q", "x"])
def test_an_exclusion_of_what_does_not_exist_is_refused(part, name):
    with pytest.raises(CohortError, match=f"toy: exclude: .*{name}"):
        fit_part(part, PROTOCOLS, {"0.q": "for a test", name: "for a test"})


def test_a_matrix_that_no_protocol_fits_is_refused_for_its_moments(tmp_path):
    weights = draw(0) | {(0, "o"): np.where(draw(0)[0, "o"] > 0, np.float16(1), np.float16(-1))}
    part = write_part(tmp_path, {0: draw(0), 5: weights, 9: draw(0)})
    with pytest.raises(DegenerateHistogram, match="step 5, block 0, o: "):
        fit_part(part, PROTOCOLS[1:2], {})


def test_two_protocols_that_name_the_same_rows_are_refused(part):
    with pytest.raises(ContractError, match="share the key"):
        fit_part(part, [FULL, FULL], {})


def test_pools_hold_every_component_where_they_belong(part):
    assert set(POOLS["all"]) == set(COMPONENTS) - set(CROSS_ATTENTION)
    assert set(POOLS["transmission"]) == {*POOLS["ffn"], "o"}
    assert set(POOLS["qkv"]) | set(POOLS["transmission"]) == set(POOLS["all"])
    found = list(units(part, {}))
    assert len(found) == 3 * len(UNITS)
    for unit in found:
        assert unit.is_pool == (unit.block == POOLED or unit.component in POOLS)
        assert unit.at_an_end == (unit.step in (0, 500))
        assert unit.histogram.n == unit.histogram.count.sum()
    singles = [unit for unit in found if unit.step == 10 and not unit.is_pool]
    (everything,) = [u for u in found if u.step == 10 and (u.block, u.component) == (POOLED, "all")]
    assert everything.histogram.n == sum(unit.histogram.n for unit in singles)
    assert everything.histogram.sum == pytest.approx(math.fsum(u.histogram.sum for u in singles), rel=1e-14)


def test_the_tables_are_those_of_their_contracts_and_the_same_in_every_run(part, fitted, tmp_path):
    again = fit_part(part, PROTOCOLS, {})
    for name, one, other in zip(("fits", "moments"), fitted, again, strict=True):
        assert one.schema.equals(table.arrow_schema(name))
        for run, made in {"one": one, "other": other}.items():
            table.write(tmp_path / run, name, made, {})
        assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
