"""A model whose matrices were counted before, in tables of contract ``histograms``."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from weightfit import table
from weightfit.analysis.model import Matrices, Model
from weightfit.counts.part import read_part
from weightfit.errors import ContractError, NonFiniteWeight
from weightfit.task import Progress
from weightfit.weights.manifest import WeightFile


def counted(
    name: str,
    origin: str,
    parts: Sequence[Path],
    *,
    family: str = "counted before",
    config: Mapping[str, Any] | None = None,
    tensors: Mapping[tuple[int, str], str] | None = None,
    left_out: Mapping[str, int] | None = None,
    attention: str | None = None,
    stands_for: str | None = None,
) -> Model:
    """Return the model at the last step of its parts.

    Parameters
    ----------
    name, origin, family, config, tensors, left_out, attention, stands_for
        As in `weightfit.analysis.model.Model`.
    parts
        Parquet files of contract ``histograms``, which together hold one model.

    Raises
    ------
    ContractError
        If a file is no such table.
    """
    made = [described(part) for part in parts]
    files = [file for one in made for file in one["files"]]
    steps = [file["step"] for file in files if file["step"] is not None]
    last = max(steps, default=None)
    return Model(
        name=name,
        origin=origin,
        family=family,
        config=config or {},
        tensors=tensors or _places(made, last),
        left_out=left_out,
        unread=[],
        count=lambda: _read(parts, last),
        files=[WeightFile(**file) for file in files if file["step"] == last],
        attention=attention,
        stands_for=stands_for,
    )


def origin(made: Mapping[str, Any]) -> str:
    """Return where weights are from, in a few words without a path.

    Parameters
    ----------
    made
        Manifest of the weights.
    """
    if made["repository"]:
        return f"{made['repository']} at {made['commit']}" if made["commit"] else str(made["repository"])
    return "a local folder" if made["source"] == "link" else str(made["source"])


def _places(parts: Sequence[Mapping[str, Any]], step: int | None) -> dict[tuple[int, str], str]:
    """Return the matrices of a step; the names of their tensors were not kept."""
    matrices = [one for made in parts for one in (*made["matrices"], *made["refused"]) if one["step"] == step]
    return {(one["block"], one["component"]): f"{one['block']}.{one['component']}" for one in matrices}


def described(part: Path) -> dict[str, Any]:
    """Return what a table of histograms says of its matrices and of the files that they were counted from.

    Raises
    ------
    ContractError
        If the file is no such table.
    """
    try:
        found = table.read_provenance(part)
    except pa.ArrowInvalid as error:
        raise ContractError(f"{part}: it is no Parquet file ({error}): name another file") from None
    if "matrices" not in found:
        raise ContractError(
            f"{part}: it is no table of histograms that rule histogram wrote: name another file"
        )
    return found


def _read(parts: Sequence[Path], step: int | None) -> Matrices:
    known = {part: described(part) for part in parts}
    progress = Progress(
        sum(matrix["step"] == step for made in known.values() for matrix in made["matrices"]), "matrices"
    )
    for part, made in known.items():
        for refused in made["refused"]:
            if refused["step"] == step:
                yield refused["block"], refused["component"], NonFiniteWeight(refused["reason"])
        for _, block, found in read_part(part, {step}):
            for component, histogram in found.items():
                yield block, component, histogram
                progress.add()
