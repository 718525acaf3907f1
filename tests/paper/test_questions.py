"""What the paper's claims ask of any model: the file's limits against the printed texts, and how a limit decides."""

import pytest

from weightfit.errors import ContractError
from weightfit.paper.questions import ALL, Limits, questions


def test_limits_are_the_printed_numbers() -> None:
    found = {question.asks: question.limits for question in questions()}
    assert len(found) == len(questions()) == 14
    assert found["FFN median in the band"] == {ALL: Limits(1.186, 1.204, 3)}
    assert found["q median below the band"] == {ALL: Limits(None, 1.186, 3)}
    assert found["q median in the range of its kind of attention"] == {
        "MHA": Limits(0.76, 0.99, 2),
        "GQA": Limits(1.10, 1.16, 2),
    }
    gap = found["gap between trims within its printed spread"][ALL]
    assert (gap.low, gap.high, gap.digits) == (
        pytest.approx(0.0519 - 0.0017),
        pytest.approx(0.0519 + 0.0017),
        4,
    )
    assert found["closure error of every FFN fit below the printed one"] == {ALL: Limits(None, 0.02, 2)}
    assert found["shapes of positive and negative weights alike"] == {ALL: Limits(None, 0.005, 3)}
    assert found["no FFN matrix of the first blocks in regime B"] == {ALL: Limits(0.7, None, 1)}


def test_the_blocks_of_a_question() -> None:
    (first,) = (question for question in questions() if question.claim == "no-regime-elsewhere")
    assert first.blocks == (0, 5)
    assert all(question.blocks is None for question in questions() if question is not first)


@pytest.mark.parametrize(
    ("value", "holds"), [(1.1854, False), (1.1856, True), (1.19, True), (1.2044, True), (1.2046, False)]
)
def test_a_value_is_rounded_to_the_printed_digits(value: float, holds: bool) -> None:
    assert Limits(1.186, 1.204, 3).hold(value) is holds
    assert Limits(None, None, 3).hold(value)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("scope: transformers", "scope: everything"),
        ("summary: least, of: r_squared", "summary: least, of: luck"),
        ("  of_any_model:", "  of_any_models:"),
    ],
)
def test_a_broken_file_is_refused(copied_paper, old: str, new: str) -> None:
    text = (copied_paper / "claims.yaml").read_text()
    assert old in text
    (copied_paper / "claims.yaml").write_text(text.replace(old, new, 1))
    questions.cache_clear()
    try:
        with pytest.raises(ContractError, match=r"^claims\.yaml: "):
            questions()
    finally:
        questions.cache_clear()
