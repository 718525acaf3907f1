"""Joining the parts of an entry: the same table as if all its files had been counted together."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from test_part import BLOCKS, CONFIG, NAMES, draw, write

from weightfit import table
from weightfit.counts import join as joining
from weightfit.counts import part
from weightfit.counts.histogram import HISTOGRAM_CONTRACT, histogram_of
from weightfit.counts.join import join
from weightfit.counts.part import count_part, read_part
from weightfit.errors import ContractError

MADE = {"rule": "join"}


def count(folder: Path, name: str, files: list[dict], **more: object) -> Path:
    """Count one part as the rule `histogram` does."""
    output = folder / f"{name}.parquet"
    count_part({"entry": "toy", "files": files, **more}, folder, output)
    return output


def checkpoint(
    folder: Path, shards: dict[str, dict[tuple[int, str], np.ndarray]], step: int | None
) -> list[Path]:
    """Write a checkpoint of several files with its index, count each file alone and return the parts."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    files = [write(folder, name, matrices, None) for name, matrices in shards.items()]
    names = {
        f"model.layers.{block}.{NAMES[component]}.weight": file
        for file, matrices in shards.items()
        for block, component in matrices
    }
    names |= {"model.embed_tokens.weight": "a.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))
    return [count(folder, Path(file["path"]).stem, [file | {"step": step}]) for file in files]


def halves(seed: int) -> dict[str, dict[tuple[int, str], np.ndarray]]:
    """Split weights over two files so that each block is in both."""
    weights = list(draw(seed).items())
    return {"a.safetensors": dict(weights[::2]), "b.safetensors": dict(weights[1::2])}


@pytest.fixture
def parts(tmp_path: Path) -> list[Path]:
    """Return the parts of two steps of two files each, the later step first."""
    return [*checkpoint(tmp_path / "late", halves(1), 1000), *checkpoint(tmp_path / "early", halves(0), 0)]


def test_every_matrix_is_there_once_in_order(parts: list[Path], tmp_path: Path) -> None:
    join(parts, tmp_path / "toy.parquet", MADE)
    read = list(read_part(tmp_path / "toy.parquet"))
    assert [(step, block) for step, block, _ in read] == [(s, b) for s in (0, 1000) for b in range(BLOCKS)]
    weights = {0: draw(0), 1000: draw(1)}
    for step, block, found in read:
        assert list(found) == sorted(NAMES)
        for component, made in found.items():
            expected = histogram_of(weights[step][block, component])
            np.testing.assert_array_equal(made.value, expected.value)
            np.testing.assert_array_equal(made.count, expected.count)
            for name in ("dtype", "exactness", "n", "sum", "sum_of_squares", "minimum", "maximum"):
                assert getattr(made, name) == getattr(expected, name)
    rows = table.read(tmp_path / "toy.parquet", "histograms").to_pandas()
    keys = ["step", "block", "component", "value"]
    assert rows.equals(rows.sort_values(keys, ignore_index=True))
    assert not rows.duplicated(keys).any()


@pytest.mark.parametrize("rows", [None, 7])
def test_files_counted_alone_and_together_are_the_same_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int | None
) -> None:
    if rows:  # a matrix is cut where a row group ends
        monkeypatch.setattr(part, "GROUP_ROWS", rows)
        monkeypatch.setattr(joining, "GROUP_ROWS", rows)
    alone = checkpoint(tmp_path / "alone", halves(7), None)
    join(alone, tmp_path / "joined.parquet", MADE)
    whole = write(tmp_path / "alone", "model.safetensors", draw(7), None)
    (tmp_path / "alone/model.safetensors.index.json").unlink()
    together = count(tmp_path / "alone", "together", [whole])
    assert pq.read_table(tmp_path / "joined.parquet").equals(pq.read_table(together))
    one, other = (table.read_provenance(path) for path in (tmp_path / "joined.parquet", together))
    assert one["matrices"] == other["matrices"]
    for (*_, ours), (*_, theirs) in zip(
        read_part(tmp_path / "joined.parquet"), read_part(together), strict=True
    ):
        for component in theirs:
            np.testing.assert_array_equal(ours[component].value, theirs[component].value)


def test_the_order_of_the_parts_does_not_matter(parts: list[Path], tmp_path: Path) -> None:
    join(parts, tmp_path / "one.parquet", MADE)
    join(parts[::-1], tmp_path / "other.parquet", MADE)
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "other.parquet").read_bytes()


def test_one_part_keeps_its_rows(parts: list[Path], tmp_path: Path) -> None:
    join(parts[:1], tmp_path / "toy.parquet", MADE)
    assert pq.read_table(tmp_path / "toy.parquet").equals(pq.read_table(parts[0]))


def test_the_metadata_say_what_was_joined(parts: list[Path], tmp_path: Path) -> None:
    join(parts, tmp_path / "toy.parquet", MADE)
    made = table.read_provenance(tmp_path / "toy.parquet")
    assert (made["rule"], made["contract"], made["entry"]) == ("join", HISTOGRAM_CONTRACT, "toy")
    assert [(file["step"], file["path"]) for file in made["files"]] == [
        (step, name) for step in (0, 1000) for name in ("a.safetensors", "b.safetensors")
    ]
    assert len(made["matrices"]) == 2 * BLOCKS * len(NAMES)
    assert (made["refused"], made["unavailable"]) == ([], [])
    assert str(tmp_path) not in json.dumps(made)


def test_a_matrix_in_two_parts_is_refused_and_leaves_nothing(parts: list[Path], tmp_path: Path) -> None:
    output = tmp_path / "out" / "toy.parquet"
    with pytest.raises(ContractError, match=r"toy\.parquet: \(0, 0, '\w+'\) is in two parts; count"):
        join([*parts, parts[-1]], output, MADE)
    assert not list(tmp_path.glob("out/*"))


def test_what_is_not_finite_stays_refused(tmp_path: Path) -> None:
    shards = halves(3)
    spoilt = {name: next(iter(matrices)) for name, matrices in shards.items()}
    for name, key in spoilt.items():
        shards[name][key][0, 0] = np.nan
    join(checkpoint(tmp_path / "weights", shards, None), tmp_path / "toy.parquet", MADE)
    refused = table.read_provenance(tmp_path / "toy.parquet")["refused"]
    keys = [(one["block"], one["component"]) for one in refused]
    assert keys == sorted(spoilt.values())
    read = read_part(tmp_path / "toy.parquet")
    held = {(block, component) for _, block, found in read for component in found}
    assert draw(3).keys() - held == set(keys)


def empty(folder: Path) -> Path:
    """Count a part of which nothing could be had, as `download` leaves it."""
    folder.mkdir(exist_ok=True)
    return count(
        folder, "unavailable", [], available=False, reason="it is gated", remedy="accept its licence"
    )


def test_a_part_that_could_not_be_had_adds_no_row_and_its_reason(parts: list[Path], tmp_path: Path) -> None:
    join(parts, tmp_path / "without.parquet", MADE)
    join([empty(tmp_path / "gated"), *parts], tmp_path / "toy.parquet", MADE)
    assert pq.read_table(tmp_path / "toy.parquet").equals(pq.read_table(tmp_path / "without.parquet"))
    made = table.read_provenance(tmp_path / "toy.parquet")
    assert made["unavailable"] == [{"reason": "it is gated", "remedy": "accept its licence"}]


def test_an_entry_that_could_not_be_had_is_a_table_without_rows(tmp_path: Path) -> None:
    join([empty(tmp_path / "gated")], tmp_path / "toy.parquet", MADE)
    assert pq.read_table(tmp_path / "toy.parquet").num_rows == 0
    assert list(read_part(tmp_path / "toy.parquet")) == []
