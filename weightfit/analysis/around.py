"""Other models around the one that is shown: the median shape of each kind of their matrices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from weightfit import table
from weightfit.analysis.findings import Findings
from weightfit.cohort.cohort import is_stand_in
from weightfit.components import COMPONENTS
from weightfit.errors import ContractError
from weightfit.studies.selection import in_blocks, of_components, protocol


@dataclass(frozen=True)
class Neighbour:
    """Another model.

    Attributes
    ----------
    name
        Name for readers.
    stand_in
        Whether it stands for another model with weights of its own.
    shapes
        Median of the Weibull shape over blocks, by kind of matrix.
    """

    name: str
    stand_in: bool
    shapes: Mapping[str, float]


def of_fits(fits: pa.Table, stand_ins: Mapping[str, bool]) -> list[Neighbour]:
    """Return the entries of a cohort at their last steps, without those that have no fits.

    Parameters
    ----------
    fits
        Table of contract ``fits``, of which centred fits at trim 0.80 are taken.
    stand_ins
        Whether each entry is a stand-in, by entry, in the order that is kept.
    """
    own = fits.filter(pc.field("terminal") & in_blocks() & of_components(COMPONENTS) & protocol())
    found = []
    for entry, stand_in in stand_ins.items():
        of_entry = own.filter(pc.field("entry") == entry)
        shapes = {
            kind: table.column(of_entry.filter(pc.field("component") == kind), "shape") for kind in COMPONENTS
        }
        medians = {kind: float(np.median(values)) for kind, values in shapes.items() if values.size}
        if medians:
            found.append(Neighbour(entry, stand_in, medians))
    return found


def of_run(path: Path) -> list[Neighbour]:
    """Return the entries of a run of the workflow.

    Parameters
    ----------
    path
        The run's ``fits.parquet``, or the folder that holds it.

    Raises
    ------
    ContractError
        If there is no such table.
    """
    fits = path / "fits.parquet" if path.is_dir() else path
    if not fits.is_file():
        raise ContractError(
            f"{fits}: there is no such table of fits: name the folder with the results of a cohort"
        )
    found = table.read(fits, "fits")
    entries = dict.fromkeys(found["entry"].to_pylist())
    return of_fits(found, {entry: is_stand_in(entry) for entry in entries})


def of_analyses(analyses: Sequence[Findings]) -> list[Neighbour]:
    """Return models that were analysed."""
    return [
        Neighbour(
            one.model.name,
            one.model.stands_for is not None,
            {kind.component: kind.shape for kind in one.kinds},
        )
        for one in analyses
    ]
