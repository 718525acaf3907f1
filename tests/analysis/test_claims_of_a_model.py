"""The paper's claims asked of one model: the answers of a run, in any order of matrices, and the kind of attention."""

import numpy as np
import pytest
from real_models import MODELS, tables

from weightfit.analysis.analysis import analyze_model
from weightfit.analysis.arrays import of_arrays
from weightfit.analysis.claims import answers, attention, scope
from weightfit.analysis.counted import counted
from weightfit.paper.questions import questions


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return tables(tmp_path_factory.mktemp("claims"))


@pytest.mark.parametrize("entry", MODELS)
def test_answers_are_those_of_a_run(run, entry):
    made, parts = run
    (part,) = (part for part in parts if part.name.startswith(entry))
    found = analyze_model(counted(entry, "here", [part]), claims=True)
    expected = [row for row in made["beyond"].to_pylist() if row["entry"] == entry]
    own = answers(found.measured.evidence, MODELS[entry]["attention"])
    assert [one.question.asks for one in own] == [row["asks"] for row in expected]
    for one, row in zip(own, expected, strict=True):
        assert one.found == {name: row[name] for name in one.found}, row["asks"]


def arrays(order):
    random = np.random.default_rng(19)
    shapes = {"q": (64, 64), "k": (32, 64), "v": (32, 64), "output": (64, 64)}
    found = {
        f"blk.{block}.attn_{name}.weight": random.standard_t(5, shape).astype(np.float32)
        for block in range(3)
        for name, shape in shapes.items()
    }
    for block in range(3):
        for name, shape in {"gate": (96, 64), "up": (96, 64), "down": (64, 96)}.items():
            found[f"blk.{block}.ffn_{name}.weight"] = random.standard_t(5, shape).astype(np.float32)
    return dict(sorted(found.items(), key=order))


def test_the_order_of_the_matrices_does_not_matter():
    orders = (lambda item: item[0], lambda item: item[0].split(".")[2:])
    first, second = (analyze_model(of_arrays(arrays(order)), claims=True) for order in orders)
    own, other = (answers(one.measured.evidence, "GQA") for one in (first, second))
    assert own == other
    (tail,) = (one.found for one in own if one.question.of == "ratio")
    assert tail["number"] == 3


def test_a_pool_with_a_matrix_that_is_refused_is_that_of_the_others():
    weights = arrays(lambda item: item[0])
    weights["blk.1.ffn_up.weight"] = np.full((96, 64), np.nan, np.float32)
    found = analyze_model(of_arrays(weights), claims=True)
    assert len(found.measured.refused) == 1
    pooled = found.measured.evidence.tables()["super_weights"].to_pylist()
    assert [row["block"] for row in pooled] == [0, 1, 2]
    rest = np.concatenate(
        [np.abs(weights[f"blk.1.{name}.weight"]).ravel() for name in ("attn_output", "ffn_gate", "ffn_down")]
    )
    assert pooled[1]["ratio"] == pytest.approx(rest.max() / np.quantile(rest, 0.99), rel=1e-6)


def rows(q, k, blocks=2):
    return [
        {"block": block, "component": name, "n": n}
        for block in range(blocks)
        for name, n in (("q", q), ("k", k))
    ]


@pytest.mark.parametrize(
    ("config", "sizes", "kind"),
    [
        ({"num_attention_heads": 8, "num_key_value_heads": 8}, (1, 2), "MHA"),
        ({"num_attention_heads": 8, "num_key_value_heads": 2}, (1, 1), "GQA"),
        ({"num_attention_heads": 8, "num_key_value_heads": 1}, (1, 1), "MQA"),
        ({"num_attention_heads": 8, "num_key_value_heads": 3}, (4, 4), "MHA"),  # not to be believed
        ({"num_attention_heads": True, "num_key_value_heads": "8"}, (4, 4), "MHA"),
        ({}, (64, 64), "MHA"),
        ({}, (64, 16), None),  # fewer key heads, perhaps a single one
        ({"num_attention_heads": 4}, (64, 16), "MQA"),
        ({"num_attention_heads": 8}, (64, 16), "GQA"),
        ({"num_attention_heads": 9}, (64, 16), None),
        ({"num_attention_heads": 8}, (16, 64), None),
    ],
)
def test_the_kind_of_attention(config, sizes, kind):
    assert attention(config, rows(*sizes)) == kind


def test_blocks_that_differ_and_matrices_that_are_absent_tell_no_kind():
    assert attention({}, [*rows(4, 4, 1), {"block": 1, "component": "q", "n": 8}]) == "MHA"
    assert attention({}, [*rows(4, 4, 1), *({**row, "block": 7} for row in rows(4, 2, 1))]) is None
    assert attention({}, []) is None


def test_without_a_kind_of_attention_its_ranges_are_not_asked():
    found = analyze_model(of_arrays(arrays(lambda item: item[0])), claims=True)
    own = {one.question.asks: one for one in answers(found.measured.evidence, None)}
    assert len(own) == len(questions())
    unasked = own["q median in the range of its kind of attention"]
    assert unasked.found["reason"] == "the kind of attention is not known"
    assert (unasked.limits, unasked.found["value"]) == ("", None)
    assert own["FFN median in the band"].limits == "1.186 to 1.204"
    assert own["q median below the band"].limits == "at most 1.186"


def test_the_scope_says_what_is_known_and_what_is_not():
    text = scope(12_345_678)
    assert "70M to 14B parameters" in text
    assert "12.3 million weights" in text
    assert "do not tell" in text
