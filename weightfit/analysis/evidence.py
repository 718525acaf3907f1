"""What the paper's claims ask of a model beyond the statistics of each matrix, collected while it is counted."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import pyarrow as pa

from weightfit import table
from weightfit.components import POOLS
from weightfit.counts.histogram import Pool
from weightfit.errors import DegenerateHistogram
from weightfit.fits.probability_plot import magnitudes
from weightfit.fits.units import Protocol, Unit, fits_of_unit, moments_of_unit, unit_of
from weightfit.paper.questions import questions
from weightfit.studies.closure import compared
from weightfit.studies.format_null import TRIMS, of_matrix
from weightfit.studies.selection import TRIM
from weightfit.studies.super_weights import ratio

COLUMNS = {
    "fits": (
        *("terminal", "block", "component", "protocol", "trim", "sign"),
        *("shape", "shape_null", "r_squared", "r_squared_null"),
    ),
    "format_null": ("block", "component", "trim", "shape_format_null", "r_squared_format_null"),
    "closure": ("terminal", "block", "component", "reading", "error", "error_null"),
    "super_weights": ("terminal", "block", "pool", "ratio", "ratio_null"),
    "moments": ("terminal", "block", "component", "mean", "standard_deviation"),
}
"""Columns of each table that `weightfit.studies.beyond.answer` reads."""

CENTRED = Protocol("centred", "both", TRIMS, pools=False, steps="all")
"""The paper's protocol at the trims of the workflow."""

POOL = "transmission"
"""Pool of each block whose tail a claim asks about."""


class Evidence:
    """Collects the rows of the tables from which the paper's claims are answered.

    Parameters
    ----------
    matrices
        Block and component of every matrix that will be added or refused: a pool is dropped once it is complete. Models
        whose files hold one block after the other keep one or two pools at a time.
    """

    def __init__(self, matrices: Collection[tuple[int, str]]):
        self._rows: dict[str, list[dict[str, Any]]] = {name: [] for name in COLUMNS}
        self._pools: dict[int, Pool] = {}
        self._awaited: dict[int, set[str]] = {}
        for block, component in matrices:
            if component in POOLS[POOL]:
                self._awaited.setdefault(block, set()).add(component)

    def add(self, unit: Unit, centred: Sequence[dict[str, Any]] | None) -> None:
        """Add a matrix.

        Parameters
        ----------
        unit
            The matrix.
        centred
            Its centred fits at the trims of the workflow, if they were made already.
        """
        asked, histogram = _asked(), unit.histogram
        block, component = unit.block, unit.component
        key = {"terminal": True, "block": block, "component": component}
        made = fits_of_unit(unit, [CENTRED]) if centred is None else centred
        fits = [key | row for row in (*made, *_fits_by_sign(unit))]
        self._rows["fits"] += fits
        if component in asked["closure"]:
            (body,) = (row for row in fits if (row["trim"], row["sign"]) == (TRIM, "both"))
            sample = magnitudes(histogram, histogram.mean)
            self._rows["closure"] += (key | row for row in compared(body, sample))
        self._rows["format_null"] += of_matrix(
            {"block": block, "component": component, "dtype": histogram.dtype, "n": histogram.n}
        )
        spread = {"mean": histogram.mean, "standard_deviation": histogram.standard_deviation}
        self._rows["moments"].append(key | spread)
        if component in POOLS[POOL]:
            self._pools.setdefault(block, Pool()).add(histogram)
            self._arrived(block, component)

    def refuse(self, block: int, component: str) -> None:
        """Note a matrix that cannot be measured; its pool is without it."""
        self._arrived(block, component)

    def _arrived(self, block: int, component: str) -> None:
        awaited = self._awaited.get(block, set())
        awaited.discard(component)
        if not awaited and block in self._pools:
            unit = unit_of(None, block, POOL, self._pools.pop(block), 0, True)
            tail = ratio(moments_of_unit(unit))
            self._rows["super_weights"].append({"terminal": True, "block": block, "pool": POOL, **tail})

    def tables(self) -> dict[str, pa.Table]:
        """Return the tables, each with the columns of its contract that are read."""
        found = {}
        for name, columns in COLUMNS.items():
            schema = pa.schema([table.arrow_schema(name).field(column) for column in columns])
            rows = [{column: row[column] for column in columns} for row in self._rows[name]]
            found[name] = pa.Table.from_pylist(rows, schema=schema)
        return found


@cache
def _asked() -> Mapping[str, Collection[str]]:
    """Return the kinds of matrices of which each statistic is asked."""
    found: dict[str, set[str]] = {}
    for question in questions():
        found.setdefault(question.of, set()).update(question.components)
    return found


def _fits_by_sign(unit: Unit) -> Iterator[dict[str, Any]]:
    if unit.component in _asked()["sign_difference"]:
        try:
            signs = [replace(CENTRED, sign=sign, trims=(TRIM,)) for sign in ("positive", "negative")]
            yield from list(fits_of_unit(unit, signs))
        except DegenerateHistogram:
            return  # a matrix without weights of one sign: the claim about signs is then not asked of the model
