import pytest

from weightfit.documents import violation

EXHIBIT = {"title": "T", "caption": "C.", "shows": "s", "inputs": [], "content": {}}


def test_what_obeys_its_schema_has_no_violation():
    assert violation({"table_9": EXHIBIT}, "exhibits") is None


@pytest.mark.parametrize(
    ("document", "key"),
    [
        ([], "(top level)"),
        ({"table_9": EXHIBIT | {"inputs": [3]}}, "table_9.inputs.0"),
        ({"table_9": EXHIBIT | {"minimum": "one", "needs": "it"}}, "table_9.minimum"),
    ],
)
def test_a_violation_names_its_key(document, key):
    found = violation(document, "exhibits")
    assert found is not None
    assert found.startswith(f"{key}: ")
