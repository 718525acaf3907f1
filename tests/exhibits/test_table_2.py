"""Table 2: medians and extremes over blocks, against sorted numbers."""

import statistics

import pytest
from planted_fits import request, write

from weightfit import paper, table
from weightfit.components import POOLED
from weightfit.exhibits.tables import table_2

NAMES = table.arrow_schema("super_weights").names
MEASURED = ("ratio", "kurtosis", "kurtosis_magnitude")
COLUMNS = {"ratio": ("median", "extreme")} | {
    name: (f"{name}_median", name) for name in ("kurtosis", "kurtosis_magnitude")
}


def planted(entry, pool, blocks, *, terminal=True, excluded=0, shift=0.0):
    """Return rows whose statistics are known functions of the block, greatest in the block before the last."""
    rows = []
    for block in [*range(blocks), POOLED]:
        row = dict.fromkeys(NAMES, 1.0) | {"log10_tail": -2.0, "log10_tail_null": -3.0}
        row |= {
            "entry": entry,
            "step": 9,
            "terminal": terminal,
            "block": block,
            "pool": pool,
            "component": pool,
        }
        row |= {"n": 100, "excluded": excluded if block == 0 else 0}
        for number, name in enumerate(MEASURED):
            far = 1000.0 if block == POOLED else block % (blocks - 1) + 10.0 * number + shift
            row |= {name: far + 1, f"{name}_null": (block * 3) % 7 + 0.5, f"{name}_se": 0.1 * (block + 2)}
        rows.append(row)
    return rows


@pytest.fixture
def rows(tmp_path):
    def made(planted_rows, keys, **facts):
        write(tmp_path, "super_weights", planted_rows)
        asked = request(tmp_path, "table_2", keys, **facts)
        return {(row["pool"], row["row"]): row for row in table_2.rows(asked)}

    return made


def test_medians_and_extremes_are_over_blocks_at_the_last_step(rows):
    key, entry, blocks = "pythia-160m", "own-pythia-160m", 6
    early = [row | {"step": 1} for row in planted(entry, "ffn", blocks, terminal=False, shift=500.0)]
    own = [
        row
        for shift, pool in enumerate(("ffn", "transmission", "all"))
        for row in planted(entry, pool, blocks, shift=shift)
    ]
    found = rows([*own, *early], [key])
    assert [pool for pool, _ in found] == ["transmission", "all", "ffn"]
    for (pool, _), row in found.items():
        kept = [one for one in own if one["pool"] == pool and one["block"] != POOLED]
        assert (row["blocks"], row["step"], row["stand_in"]) == (blocks, 9, False)
        for name, (median, extreme) in COLUMNS.items():
            values = [one[name] for one in kept]
            assert row[median] == pytest.approx(statistics.median(values))
            low, _, high = statistics.quantiles(values, n=4, method="inclusive")
            assert (row[f"{median}_q25"], row[f"{median}_q75"]) == pytest.approx((low, high))
            assert row[f"{median}_null"] == pytest.approx(
                statistics.median(one[f"{name}_null"] for one in kept)
            )
            assert row[extreme] == max(values)
            assert row[f"{extreme}_block"] == blocks - 2
            assert row[f"{extreme}_se"] == pytest.approx(0.1 * blocks)
            assert row[f"{extreme}_null"] == max(one[f"{name}_null"] for one in kept)
        assert row["median_printed"] == paper.printed(f"T2.{key}.median")
        assert row["kurtosis_printed"] == paper.printed(f"T2.{key}.kurtosis")


def test_a_pool_without_matrices_has_a_row_without_numbers_and_exclusions_are_counted(rows):
    found = rows(planted("own-olmo-1-7b", "ffn", 4, excluded=2), ["olmo-1-7b"], stand_in=True)
    assert (found["ffn", "olmo-1-7b"]["excluded"], found["ffn", "olmo-1-7b"]["stand_in"]) == (2, True)
    empty = found["all", "olmo-1-7b"]
    assert (empty["blocks"], empty["step"]) == (0, None)
    assert all(empty[name] is None for names in COLUMNS.values() for name in names)
    assert set(empty) == set(table_2.COLUMNS)
    shown = table_2.display(empty)
    assert (shown["median"], shown["extreme"], shown["blocks_printed"]) == ("–", "–", "32")
