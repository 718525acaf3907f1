"""What every source of weights leaves: a folder that appears whole or not at all, and its manifest."""

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
        Relative to the entry's folder of weights.
    step
        Training step, None where the source has none.
    sha256
        In hexadecimal digits.
    """

    path: str
    step: int | None
    bytes: int
    sha256: str


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder that takes the name ``path`` when the block ends, and vanishes if it raises.

    A folder that already has the name is replaced.

    Yields
    ------
    Path
        An empty folder beside ``path``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".unfinished", dir=path.parent))
    try:
        unfinished.chmod(0o755)  # mkdtemp's folder is closed to others
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
    """Write the manifest of an entry that comes from no repository.

    Parameters
    ----------
    source
        Name of the rule.
    stand_in
        Whether the weights stand in for others, as the cohort file says.
    settings
        What the source was asked for and what follows from it.
    results
        What came out besides the files.
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
