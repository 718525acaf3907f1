"""Rank correlations of shape, kurtosis and the exponent of the spectrum over the blocks of the real models."""

from collections.abc import Mapping
from typing import Any

from weightfit.exhibits.numbers import Row
from weightfit.exhibits.request import Request
from weightfit.exhibits.words import ABSENT, cell
from weightfit.studies.spectra import (
    KINDS,
    LEAST_BLOCKS,
    agreement,
    correlation,
    matrices,
    models,
)

GROUPS: Mapping[str, tuple[str, ...]] = dict(KINDS) | {
    "all": tuple(component for kinds in KINDS.values() for component in kinds)
}
"""The groups of kinds of matrices, which are columns of the table."""

PARTS = ("matrices", "correlation", "null_deviation", "models", "least", "greatest", "p")
COLUMNS = ("row", "model", *(f"{group}_{part}" for group in GROUPS for part in PARTS))


def rows(request: Request) -> list[Row]:
    """Return for each pair of statistics one row per model, and one row for all models together."""
    found = matrices(*map(request.read, ("spectra", "fits", "moments")))
    own = {
        model: [row for row in found if row["entry"] in entries]
        for model, entries in models(request.models).items()
    }
    own = {model: those for model, those in own.items() if those}
    out: list[Row] = []
    for pair in request.content["rows"] if own else ():
        one, other = request.content["pairs"][pair]
        together: dict[str, object] = dict.fromkeys(COLUMNS)
        values: dict[str, list[float]] = {group: [] for group in GROUPS}
        for model, those in own.items():
            row: dict[str, object] = dict.fromkeys(COLUMNS) | {"row": pair, "model": model}
            for group, kinds in GROUPS.items():
                result = correlation([matrix for matrix in those if matrix["component"] in kinds], one, other)
                if result is not None:
                    values[group].append(result.value)
                    row |= {
                        f"{group}_matrices": result.matrices,
                        f"{group}_correlation": result.value,
                        f"{group}_null_deviation": result.null_deviation,
                    }
            out.append(row)
        together |= {"row": pair}
        for group, each in values.items():
            together |= _together(group, each)
        out.append(together)
    return out


def _together(group: str, values: list[float]) -> dict[str, object]:
    if not values:
        return {}
    found = agreement(values)
    return {
        f"{group}_correlation": found.mean,
        f"{group}_models": found.models,
        f"{group}_least": found.least,
        f"{group}_greatest": found.greatest,
        f"{group}_p": found.p,
    }


def display(row: Row) -> dict[str, str]:
    """Return a row as text for readers."""
    return {
        "row": row["row"],
        "model": row["model"] or "all models, each once",
        "matrices": cell(row["all_matrices"], "d"),
        **{group: _text(row, group) for group in GROUPS},
    }


def _text(row: Mapping[str, Any], group: str) -> str:
    value = row[f"{group}_correlation"]
    if value is None:
        return ABSENT
    if row["model"]:
        return f"{value:+.2f} (0 ± {row[f'{group}_null_deviation']:.2f})"
    least, greatest = row[f"{group}_least"], row[f"{group}_greatest"]
    return f"{value:+.2f} [{least:+.2f}, {greatest:+.2f}], p = {row[f'{group}_p']:.3f}"


def notes(request: Request) -> list[str]:
    """Say how far the table bears on the paper's sentence, and what was left out."""
    found = rows(request)
    counted = [row for row in found if row["model"] is None and row["all_models"]]
    out = []
    if counted:
        number = max(row["all_models"] for row in counted)
        apart = [
            f"{row['row']} ({row['all_correlation']:+.2f}, p = {row['all_p']:.3f})"
            for row in counted
            if row["all_p"] <= request.content["level"]
        ]
        least = 2 / 2**number
        out.append(
            f'The paper says of exponents of spectra and of kurtosis: "{request.content["quote"]}" (Section 1.3). '
            "Were k independent of them, its correlations with them would be 0 but for noise. Over all kinds of "
            f"matrices, the correlations of {_models(number)} together differ from 0 at level "
            f"{request.content['level']} for {'; '.join(apart) or 'no pair'}. A "
            "correlation other than 1 and -1 leaves room for more in k."
        )
        out.append(
            f"{_models(number).capitalize()} decide little: no pattern of their signs has a p below {least:.3g}, "
            f"{len(counted) * len(GROUPS)} such p stand here without correction for their number, and blocks of one "
            "model are not independent of each other."
        )
    lacking = sorted({row["model"] for row in found if row["model"] and row["all_correlation"] is None})
    if lacking:
        out.append(
            f"No correlation of {', '.join(lacking)}: no kind of matrix has {LEAST_BLOCKS} blocks whose values differ."
        )
    return out


def _models(number: int) -> str:
    return "1 model" if number == 1 else f"{number} models"
