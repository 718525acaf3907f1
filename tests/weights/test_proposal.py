"""The declaration that is offered for unknown names: of known families it is right, and of any names it is short."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from test_plan import BY_ID, SMALL, config_of, header

from weightfit.errors import CohortError, UnknownTensor
from weightfit.weights.declared import check_declaration, declared
from weightfit.weights.families import TABLES
from weightfit.weights.header import Tensor
from weightfit.weights.plan import plan
from weightfit.weights.proposal import LONGEST, propose


def proposed(tensors, **more):
    """Return the document that is proposed for tensors given by name, dtype and shape."""
    held = {name: Tensor(name, dtype, tuple(shape), 0, 0) for name, dtype, shape in tensors}
    text = propose(held, **more)
    assert text.startswith(":\n#")
    return yaml.safe_load(text[2:])


@pytest.mark.parametrize(
    "identity",
    [
        "llama-3-8b",
        "olmo-2",
        "qwen2.5-7b",
        "qwen3-8b",
        "gpt-2 with a head",
        "bert with a head",
        "whisper-tiny encoder",
        "whisper-tiny decoder",
        "nanoguard",
    ],
)
def test_known_models_are_declared_by_their_names_as_their_table_has_them(identity):
    _, family, _, tensors, _, _ = BY_ID[identity]
    stack, config = TABLES[family].stack, config_of(identity)
    document = proposed(tensors)
    for place in (document, *document.get("stacks", {}).values()):
        for name, reason in place.get("left_out", {}).items():
            if reason == "?":  # such as the factors of residual streams
                place["left_out"][name] = "other"
    check_declaration("", document)
    keys = TABLES[family].keys
    for own in document.get("stacks", {None: document}).values():
        own["config"] = {key: keys.get(key, key) for key in ("num_hidden_layers", "hidden_size")}
    known = plan([header(tensors)], config, stack=stack)
    config.pop("num_hidden_layers", None)
    found = plan([header(tensors)], config, declared=declared(document), stack=stack)
    assert found.pieces == known.pieces


def test_the_block_is_the_number_that_counts_most():
    names = [f"0.model.encoder.layer_{block}/part.{part}/weight" for block in range(3) for part in (0, 1)]
    assert proposed([(name, "F32", (2,)) for name in [*names, "fc1.weight", "x.7"]])["left_out"].keys() == {
        "0.model.encoder.layer_{block}/part.0/weight",
        "0.model.encoder.layer_{block}/part.1/weight",
        "fc1.weight",
        "x.7",
    }


def test_what_the_name_does_not_say_is_no_valid_declaration():
    document = proposed([("h.0.attn.q.weight", "F32", (8, 8)), ("mystery", "F32", (8, 8))])
    assert document["left_out"] == {"mystery": "?"}
    with pytest.raises(CohortError, match=r"left_out\.mystery: '\?' is not one of"):
        check_declaration("", document)


def test_grouped_queries_are_shares_of_heads():
    tensors = [(f"h.{block}.attn.{name}", "BF16", shape) for block in range(2) for name, shape in
               {"qkv_proj.weight": (16, 8), "o_proj.weight": (8, 8)}.items()]  # fmt: skip
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2}
    found = plan([header(tensors)], heads, declared=declared(proposed(tensors)))
    assert [piece.length for piece in found.pieces["h.0.attn.qkv_proj.weight"]] == [8, 4, 4]


def test_a_known_family_with_further_names_keeps_its_layout():
    tensors = [*SMALL["gpt-neox"], ("adapter.weight", "F32", (8, 8))]
    with pytest.raises(UnknownTensor) as caught:
        plan([header(tensors)], {"num_attention_heads": 2})
    document = yaml.safe_load(str(caught.value).partition("\n")[2])
    fused = "gpt_neox.layers.{block}.attention.query_key_value.weight"
    assert document["matrices"][fused] == {"components": ["q", "k", "v"], "rows": "by-head"}
    assert document["left_out"]["adapter.weight"] == "?"


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=300),
        st.lists(st.integers(0, 9), max_size=4),
        min_size=1,
        max_size=150,
    )
)
def test_any_names_give_yaml_with_each_name_once_and_few_lines(names):
    tensors = {name: Tensor(name, "F32", tuple(shape), 0, 0) for name, shape in names.items()}
    text = propose(tensors)
    assert len(text.splitlines()) <= LONGEST + 2 and text.isascii()
    yaml.safe_load(text[2:])
