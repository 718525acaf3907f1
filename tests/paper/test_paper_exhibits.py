"""The list of exhibits: each names its module, its inputs and the printed values that it shows."""

import pytest

from weightfit import documents, paper
from weightfit.errors import ContractError
from weightfit.paper import exhibits


@pytest.fixture
def listed(tmp_path, monkeypatch):
    """Return a function that reads a list of exhibits from text, under the repository's schema."""
    (tmp_path / "paper").mkdir()
    schemas = tmp_path / "workflow" / "schemas"
    schemas.mkdir(parents=True)
    name = "exhibits.schema.yaml"
    real = documents.ROOT / "workflow" / "schemas" / name
    (schemas / name).write_bytes(real.read_bytes())
    monkeypatch.setattr(documents, "ROOT", tmp_path)

    def read(text):
        documents.data("paper/exhibits.yaml").write_text(text)
        exhibits.read.cache_clear()
        return exhibits.read()

    yield read
    exhibits.read.cache_clear()


GOOD = """
table_7:
  {title: Table 7, caption: "One\\n  two", shows: all, inputs: [fits, theory], minimum: 2, needs: b,
   content: {rows: [a]}}
figure_05: {title: Figure 5, caption: c, shows: s, inputs: [], content: {}}
"""


def test_exhibits_come_in_the_order_of_the_file(listed):
    found = listed(GOOD)
    assert list(found) == ["table_7", "figure_05"]
    assert found["table_7"] == exhibits.Exhibit(
        "table_7", "tables", "Table 7", "One two", "all", ("fits", "theory"), 2, "b", {"rows": ["a"]}
    )
    assert (found["figure_05"].minimum, found["figure_05"].needs) == (0, "")
    assert (found["table_7"].kind, found["figure_05"].numbers) == ("tables", "figures/figure_05.csv")


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("table_7", "table_17", "table_17"),
        ("table_7", "table_7_2", "table_7_2"),
        ("figure_05", "figure_5", "figure_5"),
        ("title: Table 7", "title: 7", "table_7.title"),
        ("shows: all", "show: all", "table_7"),
        ("[fits, theory]", "[fits, audit]", r"table_7.inputs.1"),
        ("content: {rows: [a]}", "content: [a]", "table_7.content"),
        ("rows: [a]", "rows: [a, a]", "table_7.content.rows"),
        ("rows: [a]", "cohort: all", "table_7.content.cohort"),
        ("needs: b,", "", "table_7"),
        ("inputs: [], ", "", "figure_05"),
    ],
)
def test_a_broken_item_is_named(listed, old, new, key):
    assert old in GOOD
    with pytest.raises(ContractError, match=rf"^exhibits\.yaml: .*{key}"):
        listed(GOOD.replace(old, new))


@pytest.mark.parametrize("label", exhibits.read())
def test_each_exhibit_has_a_module_of_its_name_and_inputs_that_a_rule_makes(label):
    one = exhibits.read()[label]
    root = documents.ROOT
    kind, number, *more = label.split("_")
    assert (root / one.module).is_file()
    title, _, addition = one.title.partition(", ")
    if kind != "beyond":
        assert title == f"{kind.capitalize()} {int(number)}"
        assert addition.split()[:1] == more
    assert one.caption.endswith(".")
    assert "\n" not in one.caption
    assert len(set(one.inputs)) == len(one.inputs)
    for name in one.inputs:
        assert (root / "workflow" / "schemas" / f"{name}.schema.yaml").is_file()


def words(value):
    if isinstance(value, dict):
        return [text for item in value.values() for text in words(item)]
    if isinstance(value, (list, tuple)):
        return [text for item in value for text in words(item)]
    return [value]


@pytest.mark.parametrize("label", exhibits.read())
def test_printed_values_are_named_by_ids_or_by_what_ids_begin_with(label):
    known = paper.reported()
    for name in words(exhibits.read()[label].content.get("printed", {})):
        assert name in known or any(one.startswith(f"{name}.") for one in known), name
