"""What was found of one model: a summary of each kind of matrix, what stands out, and a sentence on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightfit.analysis.measure import Measured, measure
from weightfit.analysis.model import Model
from weightfit.analysis.standing_out import RULES, StandsOut, standard_error, standing_out
from weightfit.components import COMPONENTS
from weightfit.errors import CohortError
from weightfit.fits.units import Protocol
from weightfit.studies.selection import TRIM


@dataclass(frozen=True)
class Kind:
    """The matrices of one kind, over all blocks.

    Attributes
    ----------
    matrices
        Number of matrices that were measured.
    shape, shape_se
        Median of the Weibull shape over blocks, and its standard error.
    shape_null, shape_format_null
        Medians of the shapes of Gaussian weights: exact, and stored in the format of the matrix (None if it is not
        quantised, or no quantiser of it is known).
    least, greatest
        Least and greatest shape of a block.
    scale, scale_se
        Median of the Weibull scale over blocks, and its standard error, in units of the weights.
    r_squared, r_squared_block
        Least R² of a block, and that block.
    ratio, ratio_null
        Medians of the largest magnitude over the 99 % quantile, and of that of Gaussian weights.
    """

    component: str
    matrices: int
    shape: float
    shape_se: float
    shape_null: float
    shape_format_null: float | None
    least: float
    greatest: float
    scale: float
    scale_se: float
    r_squared: float
    r_squared_block: int
    ratio: float
    ratio_null: float


@dataclass(frozen=True)
class Findings:
    """What was found of a model.

    Attributes
    ----------
    model
        The model: its name, family, files, and what of it is left out.
    protocol
        How its matrices were fitted.
    measured
        Statistics of every matrix, what cannot be measured, and densities.
    """

    model: Model
    protocol: Protocol
    measured: Measured

    @cached_property
    def standing_out(self) -> list[StandsOut]:
        """What stands out, by rule, kind and block; see `weightfit.analysis.standing_out.standing_out`."""
        return standing_out(self.measured.rows)

    @cached_property
    def kinds(self) -> list[Kind]:
        """One summary per kind of matrix, in the order of `weightfit.components.COMPONENTS`."""
        rows = self.measured.rows
        by_kind = {name: [row for row in rows if row["component"] == name] for name in COMPONENTS}
        return [_kind(name, own) for name, own in by_kind.items() if own]

    @property
    def is_whole(self) -> bool:
        """Whether every matrix of the model was measured."""
        return not self.measured.refused

    @property
    def headline(self) -> str:
        """One sentence on what stands out, most serious rule first, by name where the matrices are few."""
        unmeasured, matrices = len(self.measured.refused), len(self.measured.rows)
        parts = []
        if unmeasured:
            parts.append(f"{unmeasured} of {matrices + unmeasured} matrices cannot be measured")
        for rule, says in RULES.items():
            named = [one for one in self.standing_out if one.rule == rule]
            if named:
                parts.append(f"{says} in {_places(named)}")
        if not parts:
            return f"Nothing stands out among the {matrices} matrices."
        return f"Unusual: {'; '.join(parts)}."


def find(model: Model, protocol: str = "centred", trim: float = TRIM, claims: bool = False) -> Findings:
    """Count and measure an opened model.

    Parameters
    ----------
    model
        The model, whose matrices are counted here.
    protocol, trim, claims
        As `weightfit.analysis.analysis.analyze` has them.

    Raises
    ------
    CohortError
        If no matrix of it can be measured.
    """
    chosen = Protocol(protocol, "both", (trim,), pools=False, steps="all")
    found = measure(model, chosen, claims)
    if not found.rows:
        reasons = "; ".join(one["reason"] for one in found.refused[:3])
        raise CohortError(f"{model.name}: no matrix can be measured: {reasons}")
    return Findings(model, chosen, found)


def _kind(component: str, rows: Sequence[Mapping[str, Any]]) -> Kind:
    def column(name: str) -> NDArray[np.float64]:
        return np.array([row[name] for row in rows], np.float64)

    def median(name: str) -> float:
        return float(np.median(column(name)))

    worst = min(rows, key=lambda row: row["r_squared"])
    quantised = all(row["shape_format_null"] is not None for row in rows)
    return Kind(
        component=component,
        matrices=len(rows),
        shape=median("shape"),
        shape_se=standard_error(column("shape"), column("shape_se")),
        shape_null=median("shape_null"),
        shape_format_null=median("shape_format_null") if quantised else None,
        least=float(column("shape").min()),
        greatest=float(column("shape").max()),
        scale=median("scale"),
        scale_se=standard_error(column("scale"), column("scale_se")),
        r_squared=worst["r_squared"],
        r_squared_block=worst["block"],
        ratio=median("ratio"),
        ratio_null=median("ratio_null"),
    )


def _places(named: Sequence[StandsOut]) -> str:
    """Return kinds and blocks in words; kinds with the same blocks stand together, and many blocks are counted."""
    blocks: dict[str, list[int]] = {}
    for one in named:
        blocks.setdefault(one.component, []).append(one.block)
    kinds: dict[tuple[int, ...], list[str]] = {}
    for component, own in blocks.items():
        kinds.setdefault(tuple(own), []).append(component)
    return ", ".join(f"{series(components)} of {_blocks(own)}" for own, components in kinds.items())


def _blocks(numbers: Sequence[int]) -> str:
    if len(numbers) > 4:
        return f"{len(numbers)} blocks"
    return f"block{'s' * (len(numbers) > 1)} {series(list(map(str, numbers)))}"


def series(words: Sequence[str]) -> str:
    """Return words with commas, and the last one with *and*."""
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)
