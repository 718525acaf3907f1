"""An analysis as plain text for a terminal, and as a short table for a notebook."""

from collections.abc import Iterator, Sequence
from html import escape

from weightfit.analysis.findings import Findings, Kind
from weightfit.analysis.standing_out import RULES

MOST = 30
"""Largest number of matrices that are named in the text; CSV, JSON and the page have all."""

HEADS = (
    "kind",
    "n",
    "k",
    "error",
    "Gaussian",
    "least",
    "most",
    "min R²",
    "block",
    "λ",
    "max/q99",
    "stands out",
)
QUANTISED = "as stored"
"""Heading of the shape of Gaussian weights in the format of the file."""


def lines(findings: Findings) -> Iterator[str]:
    """Yield the lines of the text: what was measured, the kinds of matrices, what stands out, and what is missing."""
    model = findings.model
    rows = findings.measured.rows
    blocks = {row["block"] for row in rows}
    weights = sum(row["n"] for row in rows)
    stored = "/".join(sorted({row["stored"] for row in rows}))
    yield (
        f"{model.name}: {model.family}, {len(rows)} matrices in {len(blocks)} blocks, {_million(weights)} weights, "
        f"stored as {stored}"
    )
    yield findings.headline
    yield ""
    yield from align(*_table(findings))
    yield ""
    protocol = findings.protocol
    yield (
        f"k and λ: medians over blocks of the Weibull law fitted to |w| ({protocol.protocol}, trim "
        f"{protocol.trims[0]:g}); error: of the median, from the scatter of the blocks"
    )
    yield from _named(findings)
    yield from coverage(findings)


def _million(number: int) -> str:
    return f"{number / 1e6:,.1f} million" if number >= 1e5 else f"{number:,}"


def _table(findings: Findings) -> tuple[Sequence[str], list[list[str]]]:
    quantised = any(kind.shape_format_null is not None for kind in findings.kinds)
    heads = [*HEADS[:5], *([QUANTISED] if quantised else []), *HEADS[5:]]
    return heads, [_cells(findings, kind, quantised) for kind in findings.kinds]


def _cells(findings: Findings, kind: Kind, quantised: bool) -> list[str]:
    null = "" if kind.shape_format_null is None else f"{kind.shape_format_null:.4f}"
    return [
        kind.component,
        str(kind.matrices),
        f"{kind.shape:.4f}",
        f"{kind.shape_se:.4f}",
        f"{kind.shape_null:.4f}",
        *([null] if quantised else []),
        f"{kind.least:.3f}",
        f"{kind.greatest:.3f}",
        f"{kind.r_squared:.4f}",
        str(kind.r_squared_block),
        f"{kind.scale:.3g}",
        f"{kind.ratio:.1f}",
        _numbers(findings, kind.component),
    ]


def _numbers(findings: Findings, component: str) -> str:
    """Return how many matrices of a kind stand out by each rule."""
    own = [one.rule for one in findings.standing_out if one.component == component]
    return ", ".join(f"{own.count(rule)} {rule}" for rule in RULES if rule in own) or "-"


def _named(findings: Findings) -> Iterator[str]:
    """Yield the matrices that stand out, by name."""
    named = findings.standing_out
    if named:
        yield ""
        yield "stands out:"
        width = max(len(one.tensor) for one in named[:MOST])
        for one in named[:MOST]:
            yield f"  {one.tensor:{width}}  {one.component} of block {one.block}: {one.sentence}"
        if len(named) > MOST:
            yield f"  and {len(named) - MOST} more: --csv, --json and --page have all"


def coverage(findings: Findings) -> Iterator[str]:
    """Yield what was not measured: matrices that cannot be, tensors that are left out, and files that were not read."""
    model, refused = findings.model, findings.measured.refused
    if refused:
        yield ""
        yield f"cannot be measured: {len(refused)} of {len(refused) + len(findings.measured.rows)} matrices"
        for one in refused[:MOST]:
            yield f"  {one['tensor']}  {one['component']} of block {one['block']}: {one['reason']}"
        if len(refused) > MOST:
            yield f"  and {len(refused) - MOST} more"
    if model.left_out is None:
        yield ""
        yield "left out: not known, because histograms do not say"
        return
    left_out = [f"{number} {reason}" for reason, number in model.left_out.items()]
    left_out += [f"file {name}" for name in model.unread]
    yield ""
    yield f"left out: {', '.join(left_out) or 'nothing'}"


def align(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield a table as lines: the first and the last column to the left, the others to the right."""
    cells = [list(heads), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    last = len(widths) - 1
    for line in cells:
        yield "  ".join(
            cell.ljust(width) if place in (0, last) else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()


def html(findings: Findings) -> str:
    """Return the headline and the table of kinds as HTML, for a notebook."""
    heads, rows = _table(findings)
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    said = f"<p><strong>{escape(findings.model.name)}</strong>: {escape(findings.headline)}</p>"
    return f"{said}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
