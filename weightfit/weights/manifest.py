"""The output of every source of weights: a folder that appears complete or not at all, and its manifest."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from weightfit.documents import write_json


@dataclass(frozen=True)
class WeightFile:
    """One weight file of an entry.

    Attributes
    ----------
    path
        Path relative to the entry's folder of weights.
    step
        Training step, or None if the source has none.
    sha256
        Digest of the file, in hexadecimal digits.
    """

    path: str
    step: int | None
    bytes: int
    sha256: str


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder that is renamed to ``path`` when the block ends, or removed if the block raises.

    An existing folder of that name is replaced.

    Yields
    ------
    Path
        An empty folder beside ``path``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".unfinished", dir=path.parent))
    try:
        unfinished.chmod(0o755)  # other users cannot read a folder that mkdtemp makes
        yield unfinished
        if path.exists():
            shutil.rmtree(path)
        unfinished.replace(path)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def write_manifest(
    path: Path,
    *,
    entry: str,
    source: str,
    stand_in: bool,
    files: Sequence[WeightFile],
    settings: Mapping[str, object],
    results: Mapping[str, object] | None = None,
) -> None:
    """Write the manifest of an entry that does not come from a repository.

    Parameters
    ----------
    source
        Name of the rule that made the weights.
    stand_in
        Whether the weights stand in for others, as the cohort file says.
    settings
        Settings of the source, and quantities that follow from them.
    results
        Results of the source other than the files.
    """
    write_json(
        path,
        {
            "entry": entry,
            "source": source,
            "stand_in": stand_in,
            "repository": None,
            "commit": None,
            "files": [asdict(file) for file in files],
            "settings": dict(settings),
            **({"results": dict(results)} if results else {}),
        },
    )
