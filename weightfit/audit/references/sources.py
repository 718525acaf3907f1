"""All references that formulas of the registry may make, and what stands behind them in one run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from weightfit.audit.references import entries, estimator, printed, recipes, theory, trainings
from weightfit.audit.references.database import Database
from weightfit.audit.references.library import Library
from weightfit.audit.references.results import CohortFacts, Results
from weightfit.audit.references.theory import Theory

NOTHING = Results({}, CohortFacts({}, {}, {}, frozenset()))
"""What a run without any table has."""


@dataclass(frozen=True)
class Sources:
    """What a run has.

    Attributes
    ----------
    results
        Its tables and exhibits.
    database
        Folder of the released database, or None.
    """

    results: Results
    database: Path | None = None

    def references(self) -> Mapping[str, Callable[..., object]]:
        """Return the name in a formula of each reference, and what says what it stands for."""
        return {
            **printed.REFERENCES,
            **entries.REFERENCES,
            **recipes.REFERENCES,
            **trainings.REFERENCES,
            **theory.REFERENCES,
            **estimator.REFERENCES,
            "theory": self._theory,
            "library": self._library,
            **Database(self.database).references(),
            **self.results.references(),
        }

    def _theory(
        self,
        quantity: str,
        trim: float | None = None,
        probability: float | None = None,
        degrees: int | None = None,
        n: int | None = None,
    ) -> float:
        return self._theory_table.value(quantity, trim, probability, degrees, n)

    def _library(self, fact: str, name: str = "") -> float | str | tuple[str, ...]:
        return self._library_table.value(fact, name)

    # Read when a formula needs it, once: a run may lack either table.
    @cached_property
    def _theory_table(self) -> Theory:
        return Theory(self.results.table("theory"))

    @cached_property
    def _library_table(self) -> Library:
        return Library(self.results.table("library"))


NAMES = frozenset(Sources(NOTHING).references())
"""Names that a formula may refer to."""
