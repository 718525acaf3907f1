"""The paper's claims, asked of real models outside its cohort."""

from collections.abc import Mapping, Sequence

from weightfit.exhibits.numbers import Row
from weightfit.exhibits.request import Request

NUMBERS = ("value", "value_se", "value_null", "value_format_null", "low", "high", "number")
COLUMNS = ("row", "entry", "claim", "in_scope", "outcome", "reason", *NUMBERS)

UNASKED = "cannot be asked"


def rows(request: Request) -> list[Row]:
    """Return one row for each question and model, the models inside the scope of every claim first."""
    found = request.read("beyond").to_pylist()
    order = list(dict.fromkeys(row["asks"] for row in found))
    outside = _outside(found)
    found.sort(key=lambda row: (order.index(row["asks"]), row["entry"] in outside))
    return [{"row": row["asks"], **{name: row[name] for name in COLUMNS[1:]}} for row in found]


def _outside(found: Sequence[Row]) -> set[str]:
    return {str(row["entry"]) for row in found if not row["in_scope"]}


def headings(request: Request) -> dict[str, str]:
    """Return the headings of the models: what they are, how they are stored, and what was done to them."""
    stored: dict[str, set[str]] = {}
    for row in request.read("format_null").select(["entry", "stored"]).to_pylist():
        stored.setdefault(row["entry"], set()).add(row["stored"].upper())
    found = rows(request)
    outside = _outside(found)
    told: dict[str, str] = {}
    for entry in dict.fromkeys(str(row["entry"]) for row in found):
        model = request.models[entry]
        facts = [model["attention"], "/".join(sorted(stored.get(entry, ()))), model["altered"]]
        scope = "extrapolation: " if entry in outside else ""
        told[entry] = f"{scope}{entry} ({'; '.join(filter(None, facts))})"
    return told | {"inside": "held inside the scope"}


def displayed(found: Sequence[Row]) -> list[Mapping[str, str]]:
    """Return one row of text for each question, with a cell for each model."""
    by_question: dict[str, list[Row]] = {}
    for row in found:
        by_question.setdefault(row["row"], []).append(row)
    return [
        {"row": question, **{row["entry"]: _cell(row) for row in own}, "inside": _held(own)}
        for question, own in by_question.items()
    ]


def _held(own: Sequence[Row]) -> str:
    asked = [row for row in own if row["in_scope"] and row["outcome"] != UNASKED]
    held = sum(row["outcome"] == "holds" for row in asked)
    return f"{held} of {len(asked)}" if asked else "none asked"


def _cell(row: Row) -> str:
    if row["outcome"] == UNASKED:
        return f"{UNASKED}: {row['reason']}"
    error = "" if row["value_se"] is None else f" \u00b1 {row['value_se']:.1g}"
    nulls = [_text(row[key]) for key in ("value_null", "value_format_null") if row[key] is not None]
    beside = f" [{' / '.join(nulls)}]" if nulls else ""
    return f"{row['outcome']}: {_text(row['value'])}{error}{beside}"


def _text(value: float) -> str:
    return f"{value:.1f}" if abs(value) >= 5 else f"{value:.4f}" if abs(value) < 0.1 else f"{value:.3f}"


def notes(request: Request) -> list[str]:
    """Return what the outcomes can and cannot mean, and which formats move the null."""
    found = rows(request)
    inside = [row for row in found if row["in_scope"] and row["outcome"] != UNASKED]
    outside = [row for row in found if not row["in_scope"] and row["outcome"] != UNASKED]
    counts = [(sum(row["outcome"] == "holds" for row in group), len(group)) for group in (inside, outside)]
    return [
        f"Inside the scope of the claims {counts[0][0]} of {counts[0][1]} questions are answered by 'holds', in "
        f"extrapolations {counts[1][0]} of {counts[1][1]}. The two are not added.",
        "The models were chosen because packages carry them; some are fine-tuned, distilled or quantised, as the head "
        "of their column says. What holds for them need not hold for others, and what does not hold for one of them "
        "contradicts a general statement only inside its scope.",
    ]
