"""`weightfit.analyze` and `weightfit.fit`: arrays of several libraries give the numbers of a file."""

from dataclasses import asdict, replace

import ml_dtypes
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_checkpoint import BLOCKS, checkpoint, configuration, shard, weights

import weightfit
from weightfit.analysis.measure import COLUMNS, LOG_EDGES
from weightfit.counts.part import count_part
from weightfit.errors import ContractError, DegenerateHistogram, NonFiniteWeight, UnknownTensor


class OfTorch:
    """An array that can only be read as a tensor of PyTorch can."""

    def __init__(self, values: np.ndarray, dtype: str):
        self._values, self._dtype, self.shape = values, dtype, values.shape

    @property
    def dtype(self) -> str:
        return f"torch.{self._dtype}"

    def detach(self) -> "OfTorch":
        return self

    def cpu(self) -> "OfTorch":
        return self

    def float(self) -> "OfTorch":
        return OfTorch(self._values.astype(np.float32), "float32")

    def numpy(self) -> np.ndarray:
        if self._dtype == "bfloat16":
            raise TypeError("got unsupported scalar type BFloat16")
        return self._values


def without_origin(found: weightfit.analyze) -> pd.DataFrame:
    return found.table.drop(columns=["stored", "exactness"])


def test_arrays_give_the_numbers_of_the_file(tmp_path):
    folder = checkpoint(tmp_path / "m", "gpt-neox")
    known = weightfit.analyze(folder)
    assert list(known.table.columns) == list(COLUMNS)
    arrays, config = weights("gpt-neox"), configuration("gpt-neox")
    found = weightfit.analyze(arrays, config=config)
    pd.testing.assert_frame_equal(found.table, known.table)
    assert found.model.left_out == known.model.left_out
    as_torch = {name: OfTorch(values, "float16") for name, values in arrays.items()}
    pd.testing.assert_frame_equal(weightfit.analyze(as_torch, config=config).table, known.table)
    wide = {name: values.astype(np.float64) for name, values in arrays.items()}
    of_wide = weightfit.analyze(wide, config=config)
    pd.testing.assert_frame_equal(without_origin(of_wide), without_origin(known))
    assert set(of_wide.table["stored"]) == {"f32"}


def test_bfloat16_of_two_libraries():
    arrays = {name: values.astype(ml_dtypes.bfloat16) for name, values in weights("gpt-neox").items()}
    config = configuration("gpt-neox")
    found = weightfit.analyze(arrays, config=config)
    as_torch = {name: OfTorch(values, "bfloat16") for name, values in arrays.items()}
    pd.testing.assert_frame_equal(weightfit.analyze(as_torch, config=config).table, found.table)
    assert set(found.table["stored"]) == set(found.table["exactness"]) == {"bf16"}


def test_what_arrays_are_refused():
    arrays, config = weights("gpt-neox"), configuration("gpt-neox")
    name = "gpt_neox.layers.0.attention.dense.weight"
    with pytest.raises(weightfit.errors.MalformedCheckpoint, match="int64"):
        weightfit.analyze(arrays | {name: np.zeros((32, 32), np.int64)}, config=config)
    with pytest.raises(UnknownTensor, match=r"router"):
        weightfit.analyze(arrays | {"gpt_neox.layers.0.mlp.router.weight": arrays[name]}, config=config)


def test_a_summary_is_the_median_over_blocks(tmp_path):
    found = weightfit.analyze(checkpoint(tmp_path / "m", "qwen-2"))
    for kind in found.kinds:
        own = found.table[found.table["component"] == kind.component]
        assert kind.matrices == BLOCKS
        assert kind.shape == pytest.approx(own["shape"].median(), rel=1e-15)
        assert kind.r_squared == own["r_squared"].min()
        assert kind.r_squared_block == own.loc[own["r_squared"].idxmin(), "block"]
        # of two blocks, which are their median plus and minus the same number
        scatter = max(1.4826 * np.ptp(own["shape"]) / 2, own["shape_se"].median())
        assert kind.shape_se == pytest.approx(1.2533 * scatter / np.sqrt(2), rel=1e-12)
    assert found.summary["component"].tolist() == ["q", "k", "v", "o", "gate", "up", "down"]
    pd.testing.assert_frame_equal(
        found.summary[["shape"]], pd.DataFrame({"shape": [k.shape for k in found.kinds]})
    )


def test_densities_hold_every_weight(tmp_path):
    found = weightfit.analyze(checkpoint(tmp_path / "m", "gpt-neox"))
    arrays = weights("gpt-neox")
    inside = np.zeros(LOG_EDGES.size - 1)
    for block in range(BLOCKS):
        values = arrays[f"gpt_neox.layers.{block}.mlp.dense_h_to_4h.weight"].astype(np.float64)
        inside += np.histogram(np.abs(values) / np.sqrt(np.mean(values**2)), 10.0**LOG_EDGES)[0]
    counts = found.measured.densities["ffn_in"]
    assert counts.sum() == pytest.approx(inside.sum(), abs=2)
    # Rounding to float16 moves a weight by half a step, which is far less than a cell.
    assert np.abs(counts - inside).max() < 15


def test_shards_are_one_model(tmp_path):
    folder = checkpoint(tmp_path / "m", "gpt-neox")
    whole = weightfit.analyze(folder)
    shard(folder, "gpt-neox")
    found = weightfit.analyze(folder)
    pd.testing.assert_frame_equal(found.table, whole.table)
    assert [file.path for file in found.model.files] == ["model-0.safetensors", "model-1.safetensors"]


def test_one_matrix():
    values = np.random.default_rng(2).standard_t(4, (64, 80))
    found = weightfit.fit(values)
    centred = values.astype(np.float32).astype(np.float64)
    x = np.log(np.sort(np.abs(centred - centred.mean()).ravel()))
    n = x.size
    y = np.log(-np.log1p(-(np.arange(1, n + 1) - 0.5) / n))
    kept = slice(n // 10, n - n // 10)
    shape, intercept = np.polyfit(x[kept], y[kept], 1)
    assert found.n == n
    assert found.shape == pytest.approx(shape, rel=1e-3)
    assert found.scale == pytest.approx(np.exp(-intercept / shape), rel=1e-3)
    assert weightfit.fit(values.astype(np.float32)) == found == weightfit.fit(OfTorch(values, "float64"))
    assert weightfit.fit(values.tolist()) == found
    with pytest.raises(DegenerateHistogram, match="zero"):
        weightfit.fit(np.zeros((4, 4)))
    with pytest.raises(NonFiniteWeight):
        weightfit.fit([1.0, float("nan"), 2.0])
    with pytest.raises(DegenerateHistogram, match="int64"):
        weightfit.fit(np.arange(9))


def test_a_notebook_shows_the_headline_and_the_kinds(tmp_path):
    folder = checkpoint(tmp_path / "<b>", "gpt-neox")
    found = weightfit.analyze(folder)
    shown = found._repr_html_()
    assert "<strong>&lt;b&gt;</strong>" in shown
    assert shown.count("<tr>") == 1 + len(found.kinds)
    assert repr(found).splitlines()[1] == found.headline


def test_histograms_of_the_workflow_are_a_model(tmp_path):
    folder = checkpoint(tmp_path / "m", "qwen-2")
    known = weightfit.analyze(folder)
    (file,) = known.model.files
    manifest = {"entry": "mine", "files": [asdict(file) | {"step": 7}]}
    count_part(manifest, folder, tmp_path / "part.parquet")
    found = weightfit.analyze(tmp_path / "part.parquet")
    assert found.model.name == "mine"
    assert found.model.files == [replace(file, step=7)]
    pd.testing.assert_frame_equal(found.table.drop(columns="tensor"), known.table.drop(columns="tensor"))
    assert found.table["tensor"].tolist()[:3] == ["0.q", "1.q", "0.k"]
    (tmp_path / "other.parquet").write_bytes(b"no parquet")
    with pytest.raises(ContractError, match=r"other\.parquet: it is no Parquet file"):
        weightfit.analyze(tmp_path / "other.parquet")
    pq.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    with pytest.raises(ContractError, match="no table of histograms"):
        weightfit.analyze(tmp_path / "other.parquet")
