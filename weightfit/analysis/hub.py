"""A model on the Hub: its files are pinned, fetched one at a time, counted, and removed; their histograms are kept."""

import hashlib
import json
import shutil
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from weightfit import table
from weightfit.analysis.counted import counted
from weightfit.analysis.model import Model, names_of_matrices, reasons
from weightfit.counts.histogram import HISTOGRAM_CONTRACT
from weightfit.counts.part import count_part, index_of_tensors
from weightfit.documents import write_json
from weightfit.errors import CohortError
from weightfit.hub.download import download
from weightfit.hub.pin_file import parts
from weightfit.hub.repository import HubSource, Part
from weightfit.hub.resolve import resolve
from weightfit.weights.declared import read_architecture
from weightfit.weights.formats import read_header
from weightfit.weights.plan import plan, read_config


def on_hub(
    repository: str,
    revision: str | None = None,
    architecture: Path | None = None,
    stack: str | None = None,
    cache: Path | None = None,
) -> Model:
    """Fetch and count a model; what an earlier call has fetched or counted is not fetched or counted again.

    Parameters
    ----------
    repository, revision
        Name of the repository, and a branch, tag or commit; by default ``main``.
    architecture
        File that declares the names of its tensors.
    stack
        As in `weightfit.analysis.model.local`.
    cache
        Folder for histograms and for files on their way; by default that of the user for this package.

    Raises
    ------
    CohortError
        If the repository is gated or is not there; the message says what to do.
    DownloadFailed, ContradictoryAnswer, DigestMismatch
        As in `weightfit.hub.transfer.fetch`. Bytes that were fetched are kept for the next call.
    WeightfitError
        If the checkpoint has any other fault.
    """
    revision = revision or "main"
    source = HubSource(repository, {revision: None})
    entry = repository.replace("/", "--")
    with redirect_stdout(sys.stderr):
        print(f"{repository}: there is no such file or folder here, so the Hub is asked")
        pins = resolve({entry: source})
        (pinned,) = pins[entry]
        if not pinned.available:
            raise CohortError(f"{pinned.reason}: {pinned.remedy}")
        folder = (cache or user_cache_path("weightfit")) / entry / str(pinned.commit)
        naming = {"stack": stack, "architecture": _digest(architecture)}
        found = [_provide(part, folder, architecture, naming) for part in parts(pins, {entry: source})]
    described = [json.loads(_beside(path).read_text(encoding="utf-8")) for path in found]
    left_out: dict[str, int] = {}
    for one in described:
        for reason, number in one["left_out"].items():
            left_out[reason] = left_out.get(reason, 0) + number
    return counted(
        repository,
        f"{repository} on the Hub, commit {pinned.commit}",
        found,
        family=described[0]["family"],
        config=described[0]["config"],
        tensors={(block, component): name for one in described for block, component, name in one["tensors"]},
        left_out=left_out,
    )


def _digest(path: Path | None) -> str | None:
    return None if path is None else hashlib.sha256(path.read_bytes()).hexdigest()


def _beside(histograms: Path) -> Path:
    """Return the file that says of which tensors the histograms of a part are."""
    return histograms.with_suffix(".json")


def _provide(part: Part, folder: Path, architecture: Path | None, naming: Mapping[str, Any]) -> Path:
    """Return the histograms of a part, which are made if they are not there; its weight file is then removed."""
    (file,) = part.source.files
    histograms = folder / f"{Path(file.path).stem}.parquet"
    if _is_made(histograms, file.sha256, naming):
        print(f"{file.path}: counted by an earlier call")
        return histograms
    weights = folder / Path(file.path).stem
    manifest = download(part, weights)
    if not manifest["available"]:
        raise CohortError(f"{manifest['reason']}: {manifest['remedy']}")
    names = None if architecture is None else read_architecture(architecture)
    config = read_config(weights)
    headers = [read_header(weights / file.path)]
    layout = plan(headers, config, index_of_tensors(weights), names, naming["stack"])
    # Both go first: a killed call must not leave what one says beside the other of another stack or declaration.
    _beside(histograms).unlink(missing_ok=True)
    histograms.unlink(missing_ok=True)
    count_part(manifest, weights, histograms, names, naming["stack"])
    write_json(
        _beside(histograms),
        {
            "naming": dict(naming),
            "family": layout.family,
            "config": config or headers[0].config,
            "tensors": [[*place, name] for place, name in names_of_matrices(layout).items()],
            "left_out": reasons(layout),
        },
    )
    shutil.rmtree(weights)
    return histograms


def _is_made(histograms: Path, sha256: str | None, naming: Mapping[str, Any]) -> bool:
    if not histograms.is_file() or not _beside(histograms).is_file():
        return False
    made = table.read_provenance(histograms)
    counted_file = [one["sha256"] for one in made["files"]] == [sha256]
    same = json.loads(_beside(histograms).read_text(encoding="utf-8"))["naming"] == dict(naming)
    return bool(counted_file and same and made["contract"] == HISTOGRAM_CONTRACT)
