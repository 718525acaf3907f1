"""What the audit needs of a run without weights: the two tables that need none."""

from pathlib import Path

from weightfit import table
from weightfit.audit.references.results import CohortFacts, Results
from weightfit.audit.references.sources import NOTHING, Sources
from weightfit.release.library import counterparts, library, paper_names
from weightfit.studies.theory import theory

NO_COHORT: CohortFacts = NOTHING.cohort


def weightless(folder: Path) -> dict[str, Path]:
    """Write the tables ``theory`` and ``library``; returns their paths by name."""
    made = {
        "theory": table.of_rows("theory", theory()),
        "library": library(paper_names(), counterparts()),
    }
    paths = {name: folder / f"{name}.parquet" for name in made}
    for name, path in paths.items():
        table.write(path, name, made[name], {})
    return paths


def sources(folder: Path, database: Path | None = None) -> Sources:
    """Return what a run without weights has."""
    return Sources(Results(weightless(folder), NO_COHORT), database)
