"""Table 5: ratios of input-side to output-side scales before the first step."""

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from weightfit import paper
from weightfit.exhibits.numbers import Row
from weightfit.exhibits.request import Request
from weightfit.studies.scaling import input_output_ratio
from weightfit.weights.initialize import standard_deviations

COLUMNS = (
    "row",
    "entry",
    "stand_in",
    "layers",
    "width",
    "recipe",
    "predicted",
    "printed",
    "ratio",
    "ratio_se",
    "error",
    "z",
)


def rows(request: Request) -> list[Row]:
    """Return one row per size and entry with its initialisation, true sizes first."""
    scaling = request.read("scaling")
    return [
        _row(request, scaling, key, entry)
        for key in request.content["rows"]
        for entry, facts in sorted(request.entries.items(), key=lambda item: item[1]["stand_in"])
        if key in (facts["paper_entry"], facts["initialization_of"]) and _has_start(scaling, entry)
    ]


def _row(request: Request, scaling: pa.Table, key: str, entry: str) -> Row:
    known = paper.entries()[key]
    sigma = standard_deviations(known.initialization, known.layers, known.width)
    predicted = sigma["qkv"] / sigma["o"]
    ratio, error = input_output_ratio(scaling, entry, 0)
    return {
        "row": key,
        "entry": entry,
        "stand_in": request.entries[entry]["stand_in"],
        "layers": known.layers,
        "width": known.width,
        "recipe": known.initialization.removeprefix("recipe-").upper(),
        "predicted": predicted,
        "printed": request.printed(key, "measured"),
        "ratio": ratio,
        "ratio_se": error,
        "error": ratio / predicted - 1,
        "z": (ratio - predicted) / error,
    }


def _has_start(scaling: pa.Table, entry: str) -> bool:
    return bool(scaling.filter((pc.field("entry") == entry) & (pc.field("step") == 0)).num_rows)


def display(row: Row) -> Mapping[str, str]:
    """Format a row for display."""
    return {
        "row": paper.entries()[str(row["row"])].name,
        **{name: str(row[name]) for name in ("layers", "width", "recipe", "printed")},
        "entry": str(row["entry"]),
        "predicted": f"{row['predicted']:.3f}",
        "ratio": f"{row['ratio']:.4f}",
        "ratio_se": f"{row['ratio_se']:.4f}",
        "error": f"{100 * row['error']:+.2f} %",
        "z": f"{row['z']:+.1f}",
    }


def notes(_: Request) -> list[str]:
    """Say what simulated initialisations are."""
    return [
        "Entries ending in -initialization are simulated here at the true size from the recipe, with seed 0; they test "
        "the instrument. L and d are those of the paper; stand-ins have the same L and a smaller d."
    ]
