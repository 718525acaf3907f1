"""The table of number formats: shape and exact zeros of weights that were stored in each format."""

from collections.abc import Mapping, Sequence

from weightfit.exhibits.numbers import Row
from weightfit.exhibits.request import Request
from weightfit.exhibits.stored import Stored, by_format, groups, made_regime_b, name, spread
from weightfit.exhibits.words import ABSENT, cell, percent

TRIMS = {"80": 0.80, "90": 0.90, "100": 1.00}
SHAPES = tuple(f"{kind}_{trim}" for kind in ("shape", "uncentred") for trim in TRIMS)
COLUMNS = (
    "row",
    "format",
    "matrices",
    *(f"{column}{end}" for column in SHAPES for end in ("", "_low", "_high")),
    *(f"{kind}_{trim}" for kind in ("law", "null", "made_regime_b") for trim in TRIMS),
    "zeros",
    "zeros_low",
    "zeros_high",
    "printed",
)


def rows(request: Request) -> list[Row]:
    """Return one row for each law or kind of matrix and each format."""
    return [
        _row(request, series, form, own, found)
        for (_, series), found in groups(request).items()
        for form, own in by_format(found)
    ]


def _row(request: Request, series: str, form: str, own: Sequence[Stored], found: Sequence[Stored]) -> Row:
    printed = request.printed("regime_b")
    out: dict[str, object] = {"row": series, "format": form, "printed": printed}
    for kind, protocol in (("shape", "centred"), ("uncentred", "uncentred")):
        for end, trim in TRIMS.items():
            chosen = [row for row in own if row["trim"] == trim and row["protocol"] == protocol]
            out |= _spread(f"{kind}_{end}", chosen, "shape")
            if protocol == "centred":
                out |= {
                    "matrices": len(chosen),
                    f"law_{end}": chosen[0]["shape_law"],
                    f"null_{end}": chosen[0]["shape_null"],
                    f"made_regime_b_{end}": made_regime_b(chosen, found, float(printed)),
                }
    return out | _spread("zeros", own, "zeros")


def _spread(column: str, rows: Sequence[Stored], source: str) -> dict[str, float]:
    found = spread(rows, source)
    return {column: found["value"], f"{column}_low": found["low"], f"{column}_high": found["high"]}


def display(row: Row) -> Mapping[str, str]:
    """Format a row for display: of a kind of matrix, medians over blocks with their ranges."""
    return {
        "row": name(str(row["row"])),
        "format": str(row["format"]),
        "law": " / ".join(cell(row[f"law_{trim}"]) for trim in TRIMS) if row["law_80"] else ABSENT,
        **{f"shape_{trim}": _ranged(row, f"shape_{trim}") for trim in TRIMS},
        "uncentred": " / ".join(cell(row[f"uncentred_{trim}"]) for trim in TRIMS),
        "zeros": percent(row["zeros"], ".3f"),
        "made_regime_b": " / ".join(f"{row[f'made_regime_b_{trim}']}" for trim in TRIMS)
        + f" of {row['matrices']}",
    }


def _ranged(row: Row, column: str) -> str:
    if row["matrices"] == 1:
        return cell(row[column])
    return f"{cell(row[column])} [{cell(row[f'{column}_low'])}, {cell(row[f'{column}_high'])}]"


def notes(request: Request) -> list[str]:
    """Say what is compared, and what centring does to exact zeros."""
    trims = " / ".join(f"{trim:.2f}" for trim in request.content["trims"])
    told = [
        f"Values separated by slashes are at the trims {trims}. Regime B: k of at most {request.printed('regime_b')}, "
        "as printed. Laws: 1 matrix of 1024 x 1024 weights each, from one seed, stored in every format.",
        "k subtracts the mean of what is read back, as the paper's protocol does. Exact zeros then become as large as "
        "the mean, and where more of them lie inside the trim, k depends on the mean. Without centring, zeros keep "
        "their ranks and have no point in the plot.",
    ]
    if not any(side == "model" for side, _ in groups(request)):
        told.append(f"This cohort stores no matrix of {request.content['model']} in other formats.")
    return told
